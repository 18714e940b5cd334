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
static MEMBERS: LazyLock<[Finder<'static>; 2]> =
    LazyLock::new(|| ["ventName", "serIdentity"].map(Finder::new));

/// What the text of an `eventSource` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SourceName {
    /// KMS.
    Kms,
    /// KMS as a word, in a form that is not known.
    LikeKms,
    /// Another service.
    Other,
    /// No service: it is masked, or none of AWS's.
    None,
}

impl SourceName {
    /// Reads the text. Tools change its case, put blanks around it, and write `kms` alone, an
    /// endpoint, a URL, or dots so that nobody can click on them.
    pub(super) fn of(source: &str) -> Self {
        if source == KMS {
            return Self::Kms;
        }
        let words = || source.split(|c: char| !c.is_ascii_alphanumeric());
        if !words().any(|word| word.eq_ignore_ascii_case("kms")) {
            let is_host = |b: u8| b.is_ascii_alphanumeric() || b"-.".contains(&b);
            let is_service = source.contains('.') && source.trim().bytes().all(is_host);
            return if is_service { Self::Other } else { Self::None };
        }
        if is_endpoint_of_kms(source) { Self::Kms } else { Self::LikeKms }
    }
}

/// Whether the text names KMS, or one of its [endpoints].
///
/// [endpoints]: https://docs.aws.amazon.com/general/latest/gr/kms.html
fn is_endpoint_of_kms(source: &str) -> bool {
    let is_invisible = |c: char| c.is_whitespace() || matches!(c, '\u{200b}'..='\u{200d}' | '\u{feff}');
    let mut name = source.replace(is_invisible, " ").trim().to_ascii_lowercase().replace("[.]", ".");
    for scheme in ["https://", "http://"] {
        name = name.strip_prefix(scheme).unwrap_or(&name).to_owned();
    }
    let name = name.trim_end_matches(['/', '.']);
    if matches!(name, "kms" | "aws.kms" | "aws kms" | "aws-kms" | "aws:kms" | "aws::kms") {
        return true;
    }
    let rest = name.strip_prefix("kms-fips").or_else(|| name.strip_prefix("kms")).unwrap_or_default();
    let domains = [".amazonaws.com", ".amazonaws.com.cn", ".api.aws"];
    let region = domains.iter().find_map(|domain| rest.strip_suffix(domain));
    let is_of_region = |c: char| c.is_ascii_alphanumeric() || c == '-';
    region.is_some_and(|region| {
        region.is_empty() || region.strip_prefix('.').is_some_and(|region| region.chars().all(is_of_region))
    })
}

/// Whether the record may be a KMS call: its bytes name KMS in one of the ways in which an
/// `eventSource` does, in any case, or have an escape of a character of `kms.amazonaws.com`, or
/// `KMS::Key`, the type of a resource of KMS calls; or it [lacks its source](may_lack_source).
/// `false` is certain.
pub fn may_match(record: &[u8]) -> bool {
    may_name_kms(record, is_in_name) || may_lack_source(record)
}

/// Where `eventSource` was in the last record. In the next one it is near there, and need not be
/// looked for in all of its bytes.
#[derive(Debug, Default)]
pub struct SourcePlace {
    last: usize,
}

impl SourcePlace {
    /// Bytes around that place in which it is looked for first.
    const NEAR: usize = 192;

    /// [`may_lack_source`] of the next record.
    pub fn is_missing_in(&mut self, record: &[u8]) -> bool {
        let start = self.last.saturating_sub(Self::NEAR).min(record.len());
        let near = &record[start..record.len().min(start + 2 * Self::NEAR)];
        if let Some(at) = SOURCE.find(near)
            && names_source(&record[start + at..])
        {
            self.last = start + at;
            return false;
        }
        self.last = SOURCE.find(record).unwrap_or_default();
        may_lack_source(record)
    }
}

/// Whether the record has no `eventSource`, but the name of another member, or the ARN of a key.
pub fn may_lack_source(record: &[u8]) -> bool {
    lacks_source(record)
        && (MEMBERS.iter().any(|name| name.find(record).is_some())
            || has_part(record, |_, rest| begins_with(rest, IN_ARN)))
}

fn may_name_kms(bytes: &[u8], is_hidden: impl Fn(u8) -> bool) -> bool {
    has_name(bytes) || ESCAPE.find_iter(bytes).any(|at| is_escape_of(bytes, at, &is_hidden))
}

/// [`may_match`] for a value that contains records as strings of JSON text. There an escape may
/// also stand for a part of another escape.
pub fn may_match_inside(value: &[u8]) -> bool {
    may_name_kms(value, is_in_name_or_escape)
}

/// Whether the bytes name KMS or the type of a key.
fn has_name(bytes: &[u8]) -> bool {
    has_part(bytes, |before, rest| match rest.get(3) {
        // An endpoint, or one that cannot be clicked on.
        Some(b'.' | b'[') => true,
        Some(b'-') => begins_with(rest, "kms-fips"),
        Some(b':') => begins_with(rest, KEY_TYPE),
        // The name alone, or behind `AWS` or `aws.`.
        Some(b'"' | b'\\') => matches!(before.last(), Some(b'"' | b'.' | b' ')),
        _ => false,
    })
}

/// Whether `decide` says so for any place of `kms`, in any case: what is before, and the rest.
fn has_part(bytes: &[u8], decide: impl Fn(&[u8], &[u8]) -> bool) -> bool {
    // If the searcher could not be built (it can be), any record may match.
    let Some(search) = NAME.as_ref() else { return true };
    search.find_iter(bytes).any(|found| {
        let (before, rest) = bytes.split_at(found.start());
        decide(before, rest)
    })
}

fn begins_with(bytes: &[u8], text: &str) -> bool {
    bytes.get(..text.len()).is_some_and(|bytes| bytes.eq_ignore_ascii_case(text.as_bytes()))
}

/// Whether no `eventSource` in these bytes has a text as its value.
pub fn lacks_source(bytes: &[u8]) -> bool {
    !SOURCE.find_iter(bytes).any(|at| names_source(&bytes[at..]))
}

/// Whether the bytes, which begin with `ventSource`, are the name and the value of that member.
fn names_source(bytes: &[u8]) -> bool {
    let after = &bytes[SOURCE.needle().len()..];
    let is_name = matches!(after.first(), Some(b'"' | b'\\'));
    let mut value = after.iter().skip_while(|b| b.is_ascii_whitespace() || b"\\\":".contains(b));
    // The opening quote of a text was skipped, and so was an empty text.
    is_name && value.next().is_some_and(|b| b.is_ascii_alphanumeric()) && !is_null(after)
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
        }
        for record in [
            format!(r#"{{"eventSource":"s3.amazonaws.com","keyId":"{arn}"}}"#),
            format!(r#"{{"keyId":"{arn}","EventSource" : "s3.amazonaws.com"}}"#),
            r#"{"eventSource":"x","a":"kmsx.amazonaws.com, kms-keys, akms"}"#.to_owned(),
        ] {
            assert!(!may_match(record.as_bytes()), "{record}");
        }
        let text = format!(r#"{{"message":"{{\"eventSource\":\"s3.amazonaws.com\",\"k\":\"{arn}\"}}"}}"#);
        assert!(!may_match_inside(text.as_bytes()), "{text}");
    }

    #[test]
    fn sources_are_read_in_the_forms_that_tools_write() {
        for (expected, sources) in [
            (
                SourceName::Kms,
                [
                    KMS,
                    " KMS.amazonaws.com\n",
                    "kms",
                    "AWS KMS",
                    "aws.kms",
                    "\u{feff}kms.amazonaws.com",
                    "kms.amazonaws.com.cn",
                    "kms.cn-north-1.amazonaws.com.cn",
                    "kms-fips.us-gov-west-1.amazonaws.com",
                    "kms.us-east-1.api.aws",
                    "https://kms.us-east-1.amazonaws.com/",
                    "kms[.]amazonaws[.]com",
                ]
                .as_slice(),
            ),
            (SourceName::LikeKms, &["kms.example.com", "kms (Key Management Service)", "x/kms"]),
            (SourceName::Other, &["s3.amazonaws.com", " S3.amazonaws.com", "mykms.amazonaws.com", "a.b"]),
            (
                SourceName::None,
                &["***", "REDACTED", "5", "", "-", "kmsx", "Key Management Service", "kмs.a.com"],
            ),
        ] {
            for source in sources {
                assert_eq!(SourceName::of(source), expected, "{source}");
                let record = serde_json::json!({ "eventSource": source }).to_string();
                assert!(expected != SourceName::Kms || may_match(record.as_bytes()), "{record}");
            }
        }
    }

    #[test]
    fn other_escapes_are_ignored() {
        assert!(!may_match_inside(br#"{"a":"{\"b\":\"\\u003c\u0026\u003e \u00e9\"}"}"#));
        assert!(!may_match(br#"{"eventSource":"x","a":"\u003c\u0026 \u00e9 s3.amazonaws.com"}"#));
        assert!(!may_match(br#"{"eventSource":"x","a":"\u00"#));
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
