use std::io::Write;

use rawzip::{CompressionMethod, ZipArchiveWriter};

use super::super::{ArchiveFormat, walk};
use super::{lines_of, walk_directory, walk_stream};

/// A deflate stream of one stored block.
fn deflate(bytes: &[u8]) -> Vec<u8> {
    let len = u16::try_from(bytes.len()).unwrap();
    [&[1], &len.to_le_bytes()[..], &(!len).to_le_bytes(), bytes].concat()
}

fn le(parts: &[(u64, usize)]) -> Vec<u8> {
    parts.iter().flat_map(|(value, len)| value.to_le_bytes()[..*len].to_vec()).collect()
}

/// Where the sizes of a member are stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Sizes {
    InHeader,
    Descriptor,
    Descriptor64,
    /// In the header, and in a data descriptor without a signature.
    Both,
    Extension,
}

/// A zip file written according to APPNOTE.
fn zip_of(members: &[(&str, u16, u16, Sizes, &[u8])]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (name, method, flags, sizes, content) in members {
        let stored = match *method {
            8 => deflate(content),
            93 => zstd::bulk::compress(content, 3).unwrap(),
            _ => content.to_vec(),
        };
        let offset = bytes.len() as u64;
        let (crc, csize, usize) =
            (u64::from(rawzip::crc32(content)), stored.len() as u64, content.len() as u64);
        let described = matches!(sizes, Sizes::Descriptor | Sizes::Descriptor64 | Sizes::Both);
        let flags = u64::from(*flags | if described { 8 } else { 0 });
        let (h_crc, h_c, h_u) = match sizes {
            Sizes::InHeader | Sizes::Both => (crc, csize, usize),
            Sizes::Descriptor | Sizes::Descriptor64 => (0, 0, 0),
            Sizes::Extension => (crc, 0xFFFF_FFFF, 0xFFFF_FFFF),
        };
        let extra = if *sizes == Sizes::Extension {
            le(&[(0x7075, 2), (1, 2), (0, 1), (1, 2), (16, 2), (usize, 8), (csize, 8)])
        } else {
            Vec::new()
        };
        let common = |c: u64, u: u64| {
            le(&[
                (20, 2),
                (flags, 2),
                (u64::from(*method), 2),
                (0, 4),
                (h_crc, 4),
                (c, 4),
                (u, 4),
                (name.len() as u64, 2),
            ])
        };
        bytes.extend_from_slice(b"PK\x03\x04");
        bytes.extend(common(h_c, h_u));
        bytes.extend(le(&[(extra.len() as u64, 2)]));
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend(extra);
        bytes.extend_from_slice(&stored);
        match sizes {
            Sizes::Descriptor => {
                bytes.extend([&b"PK\x07\x08"[..], &le(&[(crc, 4), (csize, 4), (usize, 4)])].concat())
            }
            Sizes::Descriptor64 => {
                bytes.extend([&b"PK\x07\x08"[..], &le(&[(crc, 4), (csize, 8), (usize, 8)])].concat())
            }
            Sizes::Both => bytes.extend(le(&[(crc, 4), (csize, 4), (usize, 4)])),
            Sizes::InHeader | Sizes::Extension => {}
        }
        directory.extend_from_slice(b"PK\x01\x02\x14\0");
        let fields =
            le(&[(20, 2), (flags, 2), (u64::from(*method), 2), (0, 4), (crc, 4), (csize, 4), (usize, 4)]);
        directory.extend(fields);
        directory.extend(le(&[(name.len() as u64, 2), (0, 2), (0, 2), (0, 2), (0, 2), (0, 4), (offset, 4)]));
        directory.extend_from_slice(name.as_bytes());
    }
    let (at, len, n) = (bytes.len() as u64, directory.len() as u64, members.len() as u64);
    bytes.extend(directory);
    bytes.extend([&b"PK\x05\x06"[..], &le(&[(0, 4), (n, 2), (n, 2), (len, 4), (at, 4), (0, 2)])].concat());
    bytes
}

#[test]
fn zip_members_of_every_kind() {
    let inner = zip_of(&[
        ("in", 0, 0, Sizes::Descriptor, b"inner"),
        ("gone", 8, 0, Sizes::Descriptor64, b"inner too"),
    ]);
    let long = vec![b'z'; 200_000];
    let bytes = zip_of(&[
        ("stored", 0, 0, Sizes::InHeader, b"one"),
        ("folder/", 0, 0, Sizes::InHeader, b""),
        ("deflated", 8, 0, Sizes::InHeader, b"two"),
        ("zstd", 93, 0, Sizes::InHeader, b"three"),
        ("stored, described", 0, 0, Sizes::Descriptor, b"four"),
        ("deflated, described", 8, 0, Sizes::Descriptor, b"five"),
        ("stored, described in 64 bits", 0, 0, Sizes::Descriptor64, b"six"),
        ("deflated, described in 64 bits", 8, 0, Sizes::Descriptor64, b"seven"),
        ("described twice", 8, 0, Sizes::Both, b"eight"),
        ("extended", 8, 0, Sizes::Extension, b"nine"),
        ("empty", 0, 0, Sizes::Descriptor, b""),
        ("empty, deflated", 8, 0, Sizes::Descriptor, b""),
        ("long", 0, 0, Sizes::Descriptor, &long),
        ("a zip file", 0, 0, Sizes::Descriptor, &inner),
        ("encrypted", 8, 1, Sizes::InHeader, b"secret"),
        ("encrypted, described", 0, 1, Sizes::Descriptor, b"secret"),
        ("aes", 99, 1, Sizes::InHeader, b"secret"),
        ("bzip2", 12, 0, Sizes::InHeader, b"other"),
        ("same name", 0, 0, Sizes::InHeader, b"ten"),
        ("same name", 0, 0, Sizes::InHeader, b"eleven"),
        ("\u{e9}", 0, 0, Sizes::InHeader, b"twelve"),
    ]);
    let expected = [
        "stored: one",
        "deflated: two",
        "zstd: three",
        "stored, described: four",
        "deflated, described: five",
        "stored, described in 64 bits: six",
        "deflated, described in 64 bits: seven",
        "described twice: eight",
        "extended: nine",
        "empty: ",
        "empty, deflated: ",
        "long: 200000",
        &format!("a zip file: {}", inner.len()),
        "encrypted unsupported: the file is encrypted",
        "encrypted, described unsupported: the file is encrypted",
        "aes unsupported: the file is encrypted",
        "bzip2 unsupported: the file is compressed in a way that is not supported (only deflate and zstd are)",
        "same name: ten",
        "same name: eleven",
        "\u{e9}: twelve",
    ];
    assert_eq!(walk_stream(&bytes), expected);
    assert_eq!(walk_directory(&bytes), expected);
    assert_eq!(walk_directory(&zip_of(&[])), [""; 0]);
    assert_eq!(walk_stream(&zip_of(&[])), [""; 0]);
}

/// The writer of `rawzip` shares no code with `zip_of`.
#[test]
fn a_zip_file_of_another_writer() {
    let mut writer = ZipArchiveWriter::new(Vec::new());
    for (name, method) in [("a", CompressionMethod::STORE), ("b", CompressionMethod::STORE)] {
        let (mut entry, config) = writer.new_file(name).compression_method(method).start().unwrap();
        let mut data = config.wrap(&mut entry);
        data.write_all(name.as_bytes()).unwrap();
        let (_, descriptor) = data.finish().unwrap();
        entry.finish(descriptor).unwrap();
    }
    let bytes = writer.finish().unwrap();
    assert_eq!(walk_stream(&bytes), ["a: a", "b: b"]);
    assert_eq!(walk_directory(&bytes), ["a: a", "b: b"]);
}

/// A truncated zip file has lost its directory. The headers before its end are read.
#[test]
fn truncated_zip_files() {
    let members: [(&str, u16, u16, Sizes, &[u8]); 3] = [
        ("one", 0, 0, Sizes::InHeader, b"first"),
        ("two", 8, 0, Sizes::Descriptor, b"second"),
        ("three", 0, 0, Sizes::Descriptor, b"third"),
    ];
    let bytes = zip_of(&members);
    let ends: Vec<usize> =
        (1..=3).map(|n| zip_of(&members[..n]).windows(4).position(|w| w == b"PK\x01\x02").unwrap()).collect();
    for at in 4..bytes.len() {
        let lines = walk_directory(&bytes[..at]);
        let whole = ends.iter().filter(|end| **end <= at).count();
        assert_eq!(lines[..whole], ["one: first", "two: second", "three: third"][..whole], "{at}");
        let last = lines.last().unwrap();
        assert!(last.starts_with("Truncated: the zip file ends after"), "{at}: {last}");
        // At most one truncated member is in between. Its data descriptor may be missing.
        for line in &lines[whole..lines.len() - 1] {
            assert!(
                line.contains(", then the container ends inside")
                    || line.contains("deflate stream ends early"),
                "{at}: {line}"
            );
        }
        assert!(lines.len() <= whole + 2, "{at}: {lines:?}");
        if let Some(kind) = ArchiveFormat::detect(&bytes[..at.min(ArchiveFormat::DETECT_BYTES)]) {
            assert_eq!(lines_of(|visit| walk(kind, &bytes[..at], visit)), lines, "{at}");
        }
    }
}

#[test]
fn damage_in_a_zip_member_costs_that_member() {
    let members: [(&str, u16, u16, Sizes, &[u8]); 3] = [
        ("one", 0, 0, Sizes::InHeader, b"first"),
        ("two", 0, 0, Sizes::Descriptor, b"second"),
        ("three", 8, 0, Sizes::InHeader, b"third"),
    ];
    let bytes = zip_of(&members);
    for (what, instead) in [("first", "fir5t"), ("second", "5econd")] {
        let at = bytes.windows(what.len()).position(|w| w == what.as_bytes()).unwrap();
        let mut bytes = bytes.clone();
        bytes[at..at + what.len()].copy_from_slice(instead.as_bytes());
        let damaged =
            format!("{instead}, then the member is damaged (its checksum is not that of its content)");
        let expected: Vec<String> = ["one: first", "two: second", "three: third"]
            .iter()
            .map(|line| line.replace(what, &damaged))
            .collect();
        assert_eq!(walk_stream(&bytes), expected);
        assert_eq!(walk_directory(&bytes), expected);
    }
}

#[test]
fn an_unusable_directory_is_replaced_by_the_headers() {
    let one =
        zip_of(&[("one", 0, 0, Sizes::InHeader, b"first"), ("two", 8, 0, Sizes::Descriptor, b"second")]);
    let damage = |error: &str| format!("Corrupt: the directory of the zip file cannot be used: {error}");
    // Two zip files in one: the last directory does not list what the file begins with.
    let other = zip_of(&[("three", 0, 0, Sizes::InHeader, b"third")]);
    let lines = walk_directory(&[&one[..], &other].concat());
    assert_eq!(lines, ["one: first", "two: second", "three: third", &damage("it does not fit the file")]);
    assert_eq!(walk_stream(&[&one[..], &other].concat()), lines[..3]);
    // A directory that lists the same bytes as many members.
    let directory = one.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    let end = one.windows(4).position(|w| w == b"PK\x05\x06").unwrap();
    let entries = one[directory..end].repeat(1000);
    let mut bomb = [&one[..directory], &entries, &one[end..]].concat();
    let at = bomb.len() - 22;
    bomb[at + 8..at + 16].copy_from_slice(&le(&[(2000, 2), (2000, 2), (entries.len() as u64, 4)]));
    let lines = walk_directory(&bomb);
    assert_eq!(lines, ["one: first", "two: second", &damage("it does not fit the file")]);
    // In a stream, a header that cannot be read costs its member.
    let mut bytes = one.clone();
    bytes[2] = 0xFF;
    let lines = lines_of(|visit| walk(ArchiveFormat::Zip, &bytes[..], visit));
    assert_eq!(lines[1..], ["two: second"]);
    assert!(
        lines[0].starts_with("Corrupt: a header cannot be read; 38 bytes passed over, from byte 0"),
        "{lines:?}"
    );
    // By the directory, too.
    let mut bytes = one.clone();
    let second = one[4..].windows(4).position(|w| w == b"PK\x03\x04").unwrap() + 4;
    bytes[second] = b'X';
    let lines = walk_directory(&bytes);
    assert_eq!(lines[0], "one: first");
    assert!(
        lines[1].starts_with("two: , then the member is damaged (its header cannot be read"),
        "{lines:?}"
    );
    // Bytes after the end.
    let lines = walk_stream(&[&one[..], b"garbage"].concat());
    assert_eq!(
        lines.last().unwrap(),
        &format!("Trailing: 7 bytes follow its end, from byte {} of the zip file on", one.len())
    );
}
