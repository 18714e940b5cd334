//! Questions asked of a record's raw bytes before it is parsed.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::KMS;

/// Finders are made once: they are asked of every record.
static NAME: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(KMS));
static ESCAPE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(r"\u00"));

/// Whether the bytes contain `kms.amazonaws.com`, or an escape that could spell one of its characters.
pub(super) fn may_contain(record: &[u8]) -> bool {
    NAME.find(record).is_some() || ESCAPE.find_iter(record).any(|at| spells_kms(record, at))
}

/// The same of a value with text in it that is JSON again. There an escape may also spell a part of another escape.
pub(super) fn may_contain_inside(value: &[u8]) -> bool {
    NAME.find(value).is_some() || ESCAPE.find_iter(value).any(|at| spells(value, at, is_of_name_or_escape))
}

/// Whether the `\u00XX` at `at` stands for a character of the name.
fn spells_kms(record: &[u8], at: usize) -> bool {
    spells(record, at, |byte| KMS.as_bytes().contains(&byte))
}

fn is_of_name_or_escape(byte: u8) -> bool {
    KMS.as_bytes().contains(&byte) || byte.is_ascii_hexdigit() || matches!(byte, b'\\' | b'u')
}

/// Whether the `\u00XX` at `at` stands for one of these characters.
fn spells(bytes: &[u8], at: usize, one_of: impl Fn(u8) -> bool) -> bool {
    escaped(bytes, at).is_some_and(one_of)
}

/// The character that the `\u00XX` at `at` stands for.
pub(super) fn escaped(bytes: &[u8], at: usize) -> Option<u8> {
    u8::try_from(hex4(bytes, at + 2)?).ok()
}

/// The four hexadecimal digits at `at`.
fn hex4(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 4)?.iter().try_fold(0, |code, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(code << 4 | u16::try_from(digit).ok()?)
    })
}

/// Position of a surrogate escape without its partner. The JSON parser does not look into strings it skips.
pub(super) fn lone_surrogate(record: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(n) = memchr::memchr(b'\\', record.get(at..)?) {
        let escape = at + n;
        at = escape + 2;
        // Surrogates are D800 to DFFF.
        if !matches!(record.get(escape + 1..escape + 3), Some([b'u', b'd' | b'D'])) {
            continue;
        }
        match hex4(record, escape + 2) {
            Some(0xD800..=0xDBFF) => {
                let partner = (record.get(escape + 6..escape + 8) == Some(br"\u"))
                    .then(|| hex4(record, escape + 8))
                    .flatten();
                if !matches!(partner, Some(0xDC00..=0xDFFF)) {
                    return Some(escape);
                }
                at = escape + 12;
            }
            Some(0xDC00..=0xDFFF) => return Some(escape),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// However the name is escaped, the question is answered with yes.
        #[test]
        fn sound_for_every_spelling(escaped in prop::collection::vec(any::<(bool, bool)>(), KMS.len())) {
            let spelled: String = KMS.chars().zip(escaped).map(|(c, (escape, upper))| match (escape, upper) {
                (false, _) => c.to_string(),
                (true, false) => format!("\\u{:04x}", u32::from(c)),
                (true, true) => format!("\\u{:04X}", u32::from(c)),
            }).collect();
            let record = format!("{{\"eventSource\" : \"{spelled}\"}}");
            let value: serde_json::Value = serde_json::from_str(&record).unwrap();
            prop_assert_eq!(&value["eventSource"], KMS);
            prop_assert!(may_contain(record.as_bytes()));
        }
    }

    proptest! {
        /// Nor does it help to escape the escapes.
        #[test]
        fn sound_for_every_spelling_of_a_text(
            inner in prop::collection::vec(any::<bool>(), KMS.len()),
            outer in prop::collection::vec(any::<bool>(), 200),
        ) {
            let escape = |c: char| format!("\\u{:04x}", u32::from(c));
            let spelled: String =
                KMS.chars().zip(inner).map(|(c, escaped)| if escaped { escape(c) } else { c.to_string() }).collect();
            let record = format!("{{\"eventSource\":\"{spelled}\"}}");
            let text: String = record.chars().zip(outer).map(|(c, escaped)| match (escaped, c) {
                (true, c) => escape(c),
                (false, '"' | '\\') => format!("\\{c}"),
                (false, c) => c.to_string(),
            }).collect();
            let value = format!("{{\"CloudTrailEvent\":\"{text}\"}}");
            let held: serde_json::Value = serde_json::from_str(&value).unwrap();
            prop_assert_eq!(&held["CloudTrailEvent"], &record);
            prop_assert!(may_contain_inside(value.as_bytes()));
        }
    }

    #[test]
    fn other_escapes_do_not_matter() {
        assert!(!may_contain_inside(br#"{"a":"{\"b\":\"\\u003c\u0026\u003e \u00e9\"}"}"#));
        assert!(!may_contain(br#"{"a":"\u003c\u0026 \u00e9 s3.amazonaws.com"}"#));
        assert!(!may_contain(br#"{"a":"\u00"#));
    }

    #[test]
    fn surrogates_come_in_pairs() {
        for sound in [r"\ud83d\ude00", r"\\ud83d", r"\uD83D\uDE00", "plain", r"\u00e9"] {
            assert_eq!(lone_surrogate(sound.as_bytes()), None, "{sound}");
        }
        for (broken, at) in
            [(r"\ud83d", 0), (r"x\ude00", 1), (r"\ud83d\n", 0), (r"\ud83d\ud83d\ude00", 0), (r"\\\ud83d", 2)]
        {
            assert_eq!(lone_surrogate(broken.as_bytes()), Some(at), "{broken}");
        }
    }
}
