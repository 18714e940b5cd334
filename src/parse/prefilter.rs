//! Searches of a record's raw bytes before it is parsed.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};
use memchr::memmem::Finder;

use super::any_case::any_case;

/// The `eventSource` of KMS, in every partition.
pub const KMS: &str = "kms.amazonaws.com";
/// How the type of a key in `resources` ends.
const KEY_TYPE: &str = "kms::key";
/// What follows the partition in the ARN of a key.
const IN_ARN: &str = "kms:";

// Searchers are built once, since they are used for every record. That of names looks for their
// first letters in every case: `aho_corasick` uses vector instructions for short texts.
static NAME: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(any_case("kms")).ok());
static ESCAPE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(r"\u00"));
static SOURCE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("ventSource"));

/// Whether the text is the `eventSource` of KMS. Tools change its case, put blanks around it, or
/// write `kms` alone or the name of an endpoint.
pub(super) fn is_kms(source: &str) -> bool {
    if source == KMS {
        return true;
    }
    let source = source.trim().to_ascii_lowercase();
    source.strip_prefix("kms").is_some_and(|rest| {
        rest.is_empty()
            || rest.starts_with('.') && (rest.ends_with(".amazonaws.com") || rest == ".amazonaws.com.cn")
    })
}

/// Whether the record may be a KMS call: its bytes contain `kms.amazonaws.com` in any case, or an
/// escape of one of its characters, or `KMS::Key`, the type of a resource of KMS calls; or there
/// is no `eventSource`, but the ARN of a key. `false` is certain.
pub fn may_match(record: &[u8]) -> bool {
    has_name(record) || ESCAPE.find_iter(record).any(|at| is_escape_of(record, at, is_in_name))
}

/// [`may_match`] for a value that contains records as strings of JSON text. There an escape may
/// also stand for a part of another escape.
pub fn may_match_inside(value: &[u8]) -> bool {
    has_name(value) || ESCAPE.find_iter(value).any(|at| is_escape_of(value, at, is_in_name_or_escape))
}

fn has_name(bytes: &[u8]) -> bool {
    // If the searcher could not be built (it can be), any record may match.
    let Some(search) = NAME.as_ref() else { return true };
    let mut names_key = false;
    for found in search.find_iter(bytes) {
        let rest = &bytes[found.start()..];
        let begins_with =
            |text: &str| rest.get(..text.len()).is_some_and(|b| b.eq_ignore_ascii_case(text.as_bytes()));
        if begins_with(KMS) || begins_with(KEY_TYPE) {
            return true;
        }
        names_key |= begins_with(IN_ARN);
    }
    names_key && lacks_source(bytes)
}

/// Whether no `eventSource` in these bytes has a text as its value.
pub fn lacks_source(bytes: &[u8]) -> bool {
    !SOURCE.find_iter(bytes).any(|at| {
        let after = &bytes[at + SOURCE.needle().len()..];
        let is_name = matches!(after.first(), Some(b'"' | b'\\'));
        let mut value = after.iter().skip_while(|b| b.is_ascii_whitespace() || b"\\\":".contains(b));
        // The opening quote of a text was skipped, and so was an empty text.
        is_name && value.next().is_some_and(|b| b.is_ascii_alphanumeric()) && !is_null(after)
    })
}

/// Whether what follows the name of a member says that its value is null.
fn is_null(after: &[u8]) -> bool {
    let mut bytes = after.iter().filter(|b| !b.is_ascii_whitespace()).skip_while(|b| b"\\\"".contains(b));
    bytes.next() == Some(&b':') && bytes.next() == Some(&b'n')
}

fn is_in_name(byte: u8) -> bool {
    KMS.as_bytes().contains(&byte)
}

fn is_in_name_or_escape(byte: u8) -> bool {
    is_in_name(byte) || byte.is_ascii_hexdigit() || matches!(byte, b'\\' | b'u')
}

/// Whether the `\u00XX` at `at` stands for a character that satisfies `predicate`.
fn is_escape_of(bytes: &[u8], at: usize, predicate: impl Fn(u8) -> bool) -> bool {
    escaped_byte(bytes, at).is_some_and(predicate)
}

/// The character for which the `\u00XX` at `at` stands.
pub(super) fn escaped_byte(bytes: &[u8], at: usize) -> Option<u8> {
    u8::try_from(hex4(bytes, at + 2)?).ok()
}

/// The number that the four hexadecimal digits at `at` spell.
fn hex4(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 4)?.iter().try_fold(0, |code, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(code << 4 | u16::try_from(digit).ok()?)
    })
}

/// Position of the first surrogate escape without its partner. JSON parsers do not check strings
/// that they skip.
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
        /// The name is found however it is escaped.
        #[test]
        fn the_name_is_found_in_every_spelling(escaped in prop::collection::vec(any::<(bool, bool)>(), KMS.len())) {
            let spelled: String = KMS.chars().zip(escaped).map(|(c, (escape, upper))| match (escape, upper) {
                (false, _) => c.to_string(),
                (true, false) => format!("\\u{:04x}", u32::from(c)),
                (true, true) => format!("\\u{:04X}", u32::from(c)),
            }).collect();
            let record = format!("{{\"eventSource\" : \"{spelled}\"}}");
            let value: serde_json::Value = serde_json::from_str(&record).unwrap();
            prop_assert_eq!(&value["eventSource"], KMS);
            prop_assert!(may_match(record.as_bytes()));
        }
    }

    proptest! {
        /// The name is found in a JSON text within a string, even when escapes are escaped.
        #[test]
        fn the_name_is_found_in_every_spelling_of_an_embedded_text(
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
            let envelope: serde_json::Value = serde_json::from_str(&value).unwrap();
            prop_assert_eq!(&envelope["CloudTrailEvent"], &record);
            prop_assert!(may_match_inside(value.as_bytes()));
        }
    }

    #[test]
    fn other_cases_and_records_without_a_source_may_match() {
        let arn = "arn:aws:kms:us-east-1:111122223333:key/k";
        for record in [
            r#"{"eventSource":"KMS.AMAZONAWS.COM"}"#.to_owned(),
            r#"{"eventSource":" Kms.AmazonAws.Com "}"#.to_owned(),
            r#"{"resources":[{"type":"AWS::KMS::Key"}]}"#.to_owned(),
            format!(r#"{{"eventName":"Decrypt","requestParameters":{{"keyId":"{arn}"}}}}"#),
            format!(r#"{{"eventSource":null,"keyId":"{arn}"}}"#),
            format!(r#"{{"eventSource" : "", "keyId":"{arn}"}}"#),
        ] {
            assert!(may_match(record.as_bytes()), "{record}");
            assert!(may_match_inside(record.as_bytes()), "{record}");
        }
        for record in [
            format!(r#"{{"eventSource":"s3.amazonaws.com","keyId":"{arn}"}}"#),
            format!(r#"{{"keyId":"{arn}","EventSource" : "s3.amazonaws.com"}}"#),
            r#"{"a":"kmsx.amazonaws.com"}"#.to_owned(),
        ] {
            assert!(!may_match(record.as_bytes()), "{record}");
        }
        let text = format!(r#"{{"message":"{{\"eventSource\":\"s3.amazonaws.com\",\"k\":\"{arn}\"}}"}}"#);
        assert!(!may_match_inside(text.as_bytes()), "{text}");
        assert!(is_kms(KMS) && is_kms(" KMS.amazonaws.com\n") && !is_kms("s3.amazonaws.com"));
        for source in ["kms", "KMS", "kms.amazonaws.com.cn", "kms.us-east-1.amazonaws.com"] {
            assert!(is_kms(source), "{source}");
        }
        for source in ["kmsx", "kms.example.com", "kms-fips.amazonaws.com", "", "amazonaws.com"] {
            assert!(!is_kms(source), "{source}");
        }
    }

    #[test]
    fn other_escapes_are_ignored() {
        assert!(!may_match_inside(br#"{"a":"{\"b\":\"\\u003c\u0026\u003e \u00e9\"}"}"#));
        assert!(!may_match(br#"{"a":"\u003c\u0026 \u00e9 s3.amazonaws.com"}"#));
        assert!(!may_match(br#"{"a":"\u00"#));
    }

    #[test]
    fn surrogates_come_in_pairs() {
        for valid in [r"\ud83d\ude00", r"\\ud83d", r"\uD83D\uDE00", "plain", r"\u00e9"] {
            assert_eq!(lone_surrogate(valid.as_bytes()), None, "{valid}");
        }
        for (broken, at) in
            [(r"\ud83d", 0), (r"x\ude00", 1), (r"\ud83d\n", 0), (r"\ud83d\ud83d\ude00", 0), (r"\\\ud83d", 2)]
        {
            assert_eq!(lone_surrogate(broken.as_bytes()), Some(at), "{broken}");
        }
    }
}
