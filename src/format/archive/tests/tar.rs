use ::tar as tar_crate;

use super::walk_stream;

const LONG: &str = "a/long/name/of/a/member/that/does/not/fit/into/the/hundred/bytes/of/a/header/and/so/has/to/be/told/in/another/way.json";

fn header(name: &str, kind: u8, size: u64) -> tar_crate::Header {
    let mut header = tar_crate::Header::new_gnu();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(tar_crate::EntryType::new(kind));
    header.set_size(size);
    header.set_cksum();
    header
}

/// The bytes of a member in a tar file.
fn member(name: &str, kind: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = header(name, kind, content.len() as u64).as_bytes().to_vec();
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn tar_of(members: &[Vec<u8>]) -> Vec<u8> {
    [members.concat(), vec![0; 1024]].concat()
}

#[test]
fn tar_members_of_every_type() {
    let pax = |records: &[(&str, &str)]| {
        let mut text = String::new();
        for (key, value) in records {
            let len = key.len() + value.len() + 3;
            let digits = (1..).find(|n| (len + n).to_string().len() == *n).unwrap();
            text.push_str(&format!("{} {key}={value}\n", len + digits));
        }
        text
    };
    let mut huge = header("base-256", b'0', 7);
    huge.as_mut_bytes()[124..136].copy_from_slice(&[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]);
    huge.set_cksum();
    let huge = [&huge.as_bytes()[..], b"1234567", &[0; 505]].concat();
    let mut old = tar_crate::Header::new_old();
    old.as_mut_bytes()[..4].copy_from_slice(b"old/");
    old.set_size(0);
    old.set_cksum();
    let bytes = tar_of(&[
        member("plain", b'0', b"one"),
        member("old style", 0, b"two"),
        member("contiguous", b'7', &[b'x'; 512]),
        member("empty", b'0', b""),
        member("folder/", b'5', b""),
        old.as_bytes().to_vec(),
        member("@LongLink", b'L', format!("{LONG}\0").as_bytes()),
        member("cut", b'0', b"named by GNU"),
        member("@LongLink", b'K', b"target\0"),
        member("link", b'2', b""),
        member("pax", b'x', pax(&[("path", LONG), ("size", "4"), ("mtime", "1.5")]).as_bytes()),
        member("cut", b'0', b"four"),
        member("global", b'g', pax(&[("comment", "x")]).as_bytes()),
        member("hard link", b'1', b""),
        member("device", b'3', b""),
        member("pipe", b'6', b""),
        member("volume", b'V', b""),
        member("holes", b'S', b"some"),
        member("pax", b'x', pax(&[("GNU.sparse.major", "1")]).as_bytes()),
        member("more holes", b'0', b"some"),
        member("rest", b'M', b"some"),
        huge,
        member("unknown", b'Z', b"is a file"),
        member("../../escape\u{e9}", b'0', b"harmless"),
    ]);
    let long = format!("a name of {}", LONG.len());
    let why = "only a part of the file is in the tar file, or it is stored with its holes left out";
    assert_eq!(
        walk_stream(&bytes),
        [
            "plain: one",
            "old style: two",
            "contiguous: 512",
            "empty: ",
            &format!("{long}: named by GNU"),
            "link is no file",
            &format!("{long}: four"),
            "hard link is no file",
            "device is no file",
            "pipe is no file",
            &format!("holes unsupported: {why}"),
            &format!("more holes unsupported: {why}"),
            &format!("rest unsupported: {why}"),
            "base-256: 1234567",
            "unknown: is a file",
            "../../escape\u{e9}: harmless",
        ]
    );
}

#[test]
fn long_names_are_not_read_into_memory() {
    let bytes = tar_of(&[member("@LongLink", b'L', &vec![b'n'; 1 << 20]), member("short", b'0', b"one")]);
    assert_eq!(walk_stream(&bytes), ["short: one"]);
}

/// A truncated tar file yields the members before its end, and reports the truncated member and
/// itself.
#[test]
fn truncated_tar_files() {
    let bytes = tar_of(&[member("one", b'0', b"first"), member("two", b'0', &[b'2'; 600])]);
    for at in 512..=bytes.len() {
        let lines = walk_stream(&bytes[..at]);
        let mut expected: Vec<String> = Vec::new();
        let missing = |n: usize| format!(", then the container ends inside this member, {n} bytes early");
        match at {
            512..517 => expected.push(format!("one: {}{}", &"first"[..at - 512], missing(517 - at))),
            _ => expected.push("one: first".to_owned()),
        }
        let two = |n: usize| if n > 40 { n.to_string() } else { "2".repeat(n) };
        match at {
            1536..2136 => expected.push(format!("two: {}{}", two(at - 1536), missing(2136 - at))),
            2136.. => expected.push("two: 600".to_owned()),
            _ => {}
        }
        if at < 2560 + 512 {
            expected.push(format!("Truncated: the tar file ends after {at} bytes, without its end marker"));
        }
        assert_eq!(lines, expected, "{at}");
    }
}

#[test]
fn the_walk_continues_after_a_damaged_header() {
    let members =
        [member("one", b'0', b"first"), member("two", b'0', b"second"), member("three", b'0', b"third")];
    for (at, lost) in [(0, "one"), (1024 + 150, "two"), (1024 + 130, "two"), (2048 + 10, "three")] {
        let mut bytes = tar_of(&members);
        bytes[at] ^= 0x15;
        let from = at / 512 * 512;
        // The search stops at the next header. After the last one there are only empty blocks,
        // which no longer count as the end marker.
        let passed = if lost == "three" { bytes.len() - from } else { 1024 };
        let damage = format!(
            "Corrupt: a header cannot be read; {passed} bytes passed over, from byte {from} of the tar file on"
        );
        let all = ["one: first", "two: second", "three: third"];
        let expected: Vec<&str> =
            all.into_iter().map(|line| if line.starts_with(lost) { &damage } else { line }).collect();
        assert_eq!(walk_stream(&bytes), expected, "{lost}");
    }
}

#[test]
fn bytes_after_the_end_of_a_tar_file_are_read_or_reported() {
    let one = tar_of(&[member("one", b'0', b"first")]);
    let two = tar_of(&[member("two", b'0', b"second")]);
    assert_eq!(walk_stream(&[&one[..], &two].concat()), ["one: first", "two: second"]);
    assert_eq!(walk_stream(&[&one[..], &[0; 10_000]].concat()), ["one: first"]);
    let trailing = "Trailing: bytes that are no tar file follow its end; 7 bytes passed over, from byte 2048 of the tar file on";
    assert_eq!(walk_stream(&[&one[..], b"garbage"].concat()), ["one: first", trailing]);
}
