//! The members of tar and zip files: whole files only, in memory, by the fields that every writer
//! fills in.

use std::io::Read;

/// The members of a tar or zip file, named below it. Any other file is its own only member.
pub fn members(name: &str, bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut content = Vec::new();
        flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut content).expect("whole gzip");
        if is_tar(&content) {
            return tar(name, &content);
        }
    }
    if bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        let content = zstd::stream::decode_all(bytes).expect("whole zstd");
        return if is_tar(&content) { tar(name, &content) } else { vec![(name.to_owned(), content)] };
    }
    if is_tar(bytes) {
        return tar(name, bytes);
    }
    if bytes.starts_with(b"PK\x03\x04") { zip(name, bytes) } else { vec![(name.to_owned(), bytes.to_vec())] }
}

fn is_tar(bytes: &[u8]) -> bool {
    bytes.get(257..262) == Some(b"ustar")
}

fn octal(field: &[u8]) -> usize {
    let digits = field.iter().filter(|b| (b'0'..=b'7').contains(b));
    digits.fold(0, |number, digit| number * 8 + usize::from(digit - b'0'))
}

fn until_nul(field: &[u8]) -> String {
    let bytes: Vec<u8> = field.iter().copied().take_while(|b| *b != 0).collect();
    String::from_utf8(bytes).expect("a name in UTF-8")
}

fn tar(name: &str, bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let (mut found, mut at, mut long) = (Vec::new(), 0, None);
    while bytes[at] != 0 {
        let size = octal(&bytes[at + 124..at + 136]);
        let content = &bytes[at + 512..at + 512 + size];
        match bytes[at + 156] {
            b'L' => long = Some(until_nul(content)),
            b'0' | 0 => {
                let own = long.take().unwrap_or_else(|| until_nul(&bytes[at..at + 100]));
                found.push((format!("{name}!/{own}"), content.to_vec()));
            }
            other => panic!("a member of type {other}"),
        }
        at += 512 + size.div_ceil(512) * 512;
    }
    found
}

fn zip(name: &str, bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let number =
        |at: usize, len: usize| bytes[at..at + len].iter().rev().fold(0, |n, b| n * 256 + usize::from(*b));
    let end = (0..bytes.len() - 21).rev().find(|at| bytes[*at..].starts_with(b"PK\x05\x06")).expect("an end");
    let (mut at, mut found) = (number(end + 16, 4), Vec::new());
    while bytes[at..].starts_with(b"PK\x01\x02") {
        let (stored, offset) = (number(at + 20, 4), number(at + 42, 4));
        let lengths = [28, 30, 32].map(|field| number(at + field, 2));
        let own = String::from_utf8(bytes[at + 46..at + 46 + lengths[0]].to_vec()).expect("a name in UTF-8");
        let data = offset + 30 + number(offset + 26, 2) + number(offset + 28, 2);
        let mut content = bytes[data..data + stored].to_vec();
        if number(at + 10, 2) == 8 {
            let mut inflated = Vec::new();
            flate2::read::DeflateDecoder::new(&content[..])
                .read_to_end(&mut inflated)
                .expect("whole deflate");
            content = inflated;
        }
        found.push((format!("{name}!/{own}"), content));
        at += 46 + lengths.iter().sum::<usize>();
    }
    found
}
