use proptest::prelude::*;

use super::*;

/// The end of the value at the start of `bytes`, found byte by byte.
fn naive_end(bytes: &[u8]) -> Option<usize> {
    let (mut depth, mut in_string, mut escaped) = (0, false, false);
    for (at, byte) in bytes.iter().enumerate() {
        if in_string {
            in_string = escaped || *byte != b'"';
            escaped = !escaped && *byte == b'\\';
        } else {
            match byte {
                b'"' => in_string = true,
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
        }
        if depth == 0 && !in_string {
            return Some(at + 1);
        }
    }
    None
}

/// The answer of `may_match`, computed the simplest way.
fn naive_may_match(value: &[u8]) -> MayMatch {
    let spells = |escape: &[u8]| {
        let text = std::str::from_utf8(&escape[4..6]).unwrap_or("");
        let hex = text.bytes().all(|b| b.is_ascii_hexdigit());
        escape.starts_with(br"\u00")
            && hex
            && u8::from_str_radix(text, 16).is_ok_and(|b| b"kms.amazonaws.com".contains(&b))
    };
    let lower = value.to_ascii_lowercase();
    let contains = |text: &str| lower.windows(text.len()).any(|bytes| bytes == text.as_bytes());
    let alone = |before: &str| ["\"", "\\"].iter().any(|after| contains(&format!("{before}kms{after}")));
    let names = ["kms.", "kms[", "kms-fips", "kms::key"].into_iter().any(contains);
    if names || ["\"", ".", " "].into_iter().any(alone) || value.windows(6).any(spells) {
        MayMatch::Yes
    } else {
        MayMatch::IfSourceIsMissing
    }
}

/// The end of the value at the start of `bytes`. Checks that all back ends agree.
fn end_of(bytes: &[u8]) -> Option<usize> {
    let mut ends = Backend::available()
        .into_iter()
        .map(|backend| ValueScanner::with_backend(backend, bytes[0]).advance(bytes));
    let end = ends.next().unwrap();
    assert!(ends.all(|other| other == end), "the back ends agree");
    end
}

/// Checks every back end against the naive functions, at each alignment and with each cut into two
/// pieces.
fn check(bytes: &[u8], cuts: impl Iterator<Item = usize>, alignments: std::ops::Range<usize>) {
    let end = naive_end(bytes);
    let may_match = end.map(|end| naive_may_match(&bytes[..end]));
    for backend in Backend::available() {
        for alignment in alignments.clone() {
            // Room for every alignment within a block. The bytes before the value must not matter.
            let mut place = vec![b'\\'; 128 + bytes.len()];
            let from = place.as_ptr().align_offset(64) + alignment;
            place[from..from + bytes.len()].copy_from_slice(bytes);
            let mut scanner = ValueScanner::with_backend(backend, bytes[0]);
            let found = scanner.advance(&place[from..from + bytes.len()]);
            assert_eq!(found, end, "{backend:?} at {alignment}: {}", String::from_utf8_lossy(bytes));
            if end.is_some() {
                let text = String::from_utf8_lossy(bytes);
                assert_eq!(Some(scanner.may_match()), may_match, "{backend:?} at {alignment}: {text}");
            }
        }
    }
    for cut in cuts {
        for backend in Backend::available() {
            let mut scanner = ValueScanner::with_backend(backend, bytes[0]);
            let first = scanner.advance(&bytes[..cut]);
            let (found, known) = match first {
                Some(_) => (first, may_match),
                None => (scanner.advance(&bytes[cut..]).map(|n| n + cut), Some(MayMatch::Unknown)),
            };
            let text = String::from_utf8_lossy(bytes);
            assert_eq!(found, end, "{backend:?} cut at {cut}: {text}");
            if end.is_some() {
                let hint = scanner.may_match();
                assert!(
                    Some(hint) == known || hint == MayMatch::Yes && may_match == Some(hint),
                    "{backend:?} at {cut}: {text}"
                );
            }
        }
    }
}

#[test]
fn ends_where_the_value_ends() {
    for (text, end) in [
        (r#"{} "#, 2),
        (r#"{"a":"}"},"#, 9),
        (r#"{"a":"\"}"}]"#, 11),
        (r#"{"a":"\\"}]"#, 10),
        (r#"[[],[{}]],"#, 9),
        (r#""a\"b","#, 6),
        (r#""","#, 2),
        ("true,", 4),
        ("12.5e3]", 6),
    ] {
        assert_eq!(end_of(text.as_bytes()), Some(end), "{text}");
    }
    for open in [r#"{"a":"#, r#"{"a":"}"#, r#""abc\""#, "[", "17"] {
        assert_eq!(end_of(open.as_bytes()), None, "{open}");
    }
}

/// Runs of backslashes that end at every offset of a block, before a quote. The brackets after the
/// quote show whether it was escaped.
#[test]
fn backslashes_across_block_boundaries() {
    for before in 0..140 {
        for run in (0..6).chain([63, 64, 65, 127, 128, 129]) {
            let text = format!(r#"{{"{}{}"}}"]}}}}"}}"#, "x".repeat(before), "\\".repeat(run));
            check(
                text.as_bytes(),
                [before + 2, before + 2 + run, 64, 65].into_iter().filter(|n| *n <= text.len()),
                0..1,
            );
        }
    }
}

/// Outside strings, a backslash has no meaning. Such content is damaged, but all back ends must
/// agree on it.
#[test]
fn backslashes_outside_strings_escape_nothing() {
    for before in 0..70 {
        let text = format!(r#"{{{}\"a}}\"\\"b\\\"}}" \"}}" }} ] "#, " ".repeat(before));
        check(text.as_bytes(), 1..text.len(), 0..1);
    }
}

#[test]
fn deep_nesting_ends_at_its_last_bracket() {
    for depth in [1usize, 2, 31, 32, 33, 63, 64, 65, 100, 1000] {
        let text = format!("{}{},", "[{".repeat(depth), "}]".repeat(depth));
        assert_eq!(end_of(text.as_bytes()), Some(4 * depth));
        check(text.as_bytes(), (1..text.len()).step_by(7), 0..2);
    }
}

/// The needle at every offset of a block, truncated by the end of the value, and after it.
#[test]
fn the_needle_is_found_at_every_offset() {
    for before in 0..140 {
        for name in [
            "kms.amazonaws.com",
            "kms.amazonaws.co",
            "kkms.amazonaws.com",
            "km",
            "kms",
            ".KMS",
            " kms",
            "akms",
            "kms[",
            "kms-fips",
            "kms-fip",
            "kms::key",
            r"\u006bms",
            r"\u004B",
            r"\u006B",
            r"\u00e9",
            r"\u00",
            r"\u002",
            r"\\u006b",
        ] {
            let text = format!(r#"{{"{}{name}"}},{{"kms.amazonaws.com":"\u006b"}}"#, "x".repeat(before));
            check(text.as_bytes(), (before..text.len()).step_by(3).skip(1), 0..1);
        }
    }
    for name in ["kms.amazonaws.com", r"\u006b"] {
        check(format!(r#"{{{name}}}"#).as_bytes(), 1..5, 0..64);
        check(format!(r#"{{}}{name}"#).as_bytes(), 1..5, 0..64);
        for cut in 1..name.len() {
            check(format!(r#"{{{}}}{}"#, &name[..cut], &name[cut..]).as_bytes(), 1..2, 0..64);
        }
    }
}

#[test]
fn back_ends_have_unique_names() {
    let usable = Backend::available();
    assert_eq!(usable[0].name(), "scalar");
    assert!(usable.contains(&Backend::selected()));
    for (n, backend) in usable.iter().enumerate() {
        assert!(usable[..n].iter().all(|other| other.name() != backend.name()));
    }
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let piece = vec![
        "\"",
        "\\",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "é",
        "\n",
        "a",
        "\u{1F511}",
        "\\u0022",
        "kms.amazonaws.com",
        "km",
        "kms",
        "kms-",
        "\u{1}",
        "0123456789012345678901234567890123456789",
    ];
    let text = prop::collection::vec(prop::sample::select(piece), 0..12).prop_map(|parts| parts.concat());
    let leaf = prop_oneof![
        text.clone().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        any::<bool>().prop_map(serde_json::Value::from),
        Just(serde_json::Value::Null),
    ];
    leaf.prop_recursive(4, 24, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(serde_json::Value::from),
            prop::collection::vec((text.clone(), inner), 0..5)
                .prop_map(|pairs| serde_json::Value::Object(pairs.into_iter().collect())),
        ]
    })
}

/// Bytes that resemble JSON after an opening bracket and mostly are not.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let piece = vec![
        "\"",
        "\"",
        "\\",
        "\\\\",
        "\\\"",
        "{",
        "}",
        "[",
        "]",
        "{\"",
        "\"}",
        "},{",
        ",",
        "k",
        "m",
        "kms.amazonaws.com",
        "kms.amazonaws",
        "kms",
        "kms-fips",
        "::key",
        ".com",
        "\\u006b",
        "\\u00",
        "6B",
        "\\u00e9",
        "\0",
        "é",
        " ",
        "abcdefghijklmnopqrstuvwxyz",
    ];
    let pieces = prop::collection::vec(prop::sample::select(piece), 0..120);
    (prop::sample::select(vec!["{", "["]), pieces)
        .prop_map(|(open, pieces)| [open, &pieces.concat()].concat().into_bytes())
}

proptest! {
    #[test]
    fn agrees_with_serde_json_at_every_cut(value in json(), pretty: bool) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        let bytes = format!("{text},{{\"next\":1}}").into_bytes();
        prop_assert_eq!(end_of(&bytes), Some(text.len()));
        for cut in 0..bytes.len() {
            let mut scanner = ValueScanner::new(bytes[0]);
            let end = scanner.advance(&bytes[..cut]).or_else(|| scanner.advance(&bytes[cut..]).map(|n| n + cut));
            prop_assert_eq!(end, Some(text.len()), "cut at {}", cut);
        }
    }

    #[test]
    fn agrees_with_the_naive_scan_on_damaged_bytes(bytes in damaged(), alignment in 0usize..64) {
        check(&bytes, 0..bytes.len(), alignment..alignment + 1);
    }

    #[test]
    fn agrees_with_the_naive_scan_on_json(value in json(), alignment in 0usize..64) {
        let bytes = format!("[{value}],{{\"next\":1}}").into_bytes();
        check(&bytes, 0..bytes.len(), alignment..alignment + 1);
    }

    /// Many pieces, some of them empty.
    #[test]
    fn piece_boundaries_do_not_matter(bytes in damaged(), sizes in prop::collection::vec(0usize..80, 1..30)) {
        for backend in Backend::available() {
            let mut scanner = ValueScanner::with_backend(backend, bytes[0]);
            let mut plain = ValueScanner::with_backend(backend, bytes[0]);
            let (mut at, mut end) = (0, None);
            for size in sizes.iter().copied().chain([bytes.len()]) {
                let to = (at + size).min(bytes.len());
                end = scanner.advance(&bytes[at..to]).map(|n| at + n);
                if end.is_some() {
                    break;
                }
                prop_assert_eq!(plain.advance(&bytes[at..to]), None);
                prop_assert_eq!(scanner.is_in_string(), plain.is_in_string());
                at = to;
            }
            prop_assert_eq!(end, naive_end(&bytes), "{:?}", backend);
        }
    }
}
