//! What a value must contain to be worth a search for records.
//!
//! Most values without records have nothing of this, and are passed over at the speed of one scan
//! for a few texts.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};

/// Texts of which every value with a record, or with a notification, has at least one: the name of
/// a service, a name that only records have, how text or a list of bytes begins that are JSON or
/// compressed,
/// an escape that may hide any of them, and what is typical of notifications and of tables.
const NEEDLES: [&str; 77] = [
    "amazonaws",
    "ventsource",
    "vent_source",
    "vent-source",
    "vent.source",
    "vent source",
    "ventname",
    "vent_name",
    "vent-name",
    "vent.name",
    "vent name",
    "ventversion",
    "vent_version",
    "vent-version",
    "vent.version",
    "vent version",
    "via cloudtrail",
    "varcharvalue",
    "\\u00",
    "h4si",
    "kluv",
    "sdrz",
    "s0xv",
    "zxlk",
    "\"eyj",
    "\"b'",
    "\"eya",
    "\"ewo",
    "\"ew0k",
    "\"w3s",
    "\"wwo",
    "\"aws:",
    "topicarn",
    "receipthandle",
    "\"s3",
    "object created",
    // zlib, bzip2, xz and LZ4 in base64, three layers of it, and hexadecimal digits.
    "\"ejw",
    "\"ejx",
    "\"ejy",
    "\"ejz",
    "\"eno",
    "\"enp",
    "\"enq",
    "\"enr",
    "\"eae",
    "\"eaf",
    "\"eag",
    "\"eah",
    "\"qlpo",
    "\"/td6w",
    "\"bcjng",
    "\"wlhs",
    "\"u0rse",
    "\"uzb4v",
    "\"7b22",
    "\"7b0a",
    "\"7b20",
    "\"5b7b",
    "\"5b0a",
    "\"1f8b08",
    "\"789c",
    "\"78da",
    "\"28b52f",
    "x7b22",
    "x7b0a",
    "x7b20",
    "x5b7b",
    "x5b0a",
    "x1f8b08",
    "x789c",
    "x78da",
    "x28b52f",
    ";base64,",
    "123,34",
    "123, 34",
    "31,139",
    "31, 139",
];

static SEARCH: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let mut builder = AhoCorasick::builder();
    builder.ascii_case_insensitive(true).match_kind(MatchKind::LeftmostFirst).build(NEEDLES).ok()
});

/// Whether the value may hold a record or a notification.
pub(super) fn may_hold_records(value: &[u8]) -> bool {
    SEARCH.as_ref().is_none_or(|search| search.is_match(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::decode::may_be_encoded;

    #[test]
    fn what_may_hold_records_is_not_passed_over() {
        for value in [
            r#"{"a":"kms.amazonaws.com"}"#,
            r#"{"Event Name":"x"}"#,
            r#"{"a":"{\"event_source\":1}"}"#,
            r#"{"Data":[{"VarCharValue":"x"}]}"#,
            r#"{"a":"\u0065ventName"}"#,
            r#"{"EventSource":"aws:sns"}"#,
            r#"{"s3ObjectKey":["k"]}"#,
        ] {
            assert!(may_hold_records(value.as_bytes()), "{value}");
        }
        for opening in ["H4sI", "KLUv", "eyJ", "ewo", "eyAi", "W3s", "Wwo", "ew0K", "SDRz", "S0xV", "ZXlK"] {
            assert!(may_be_encoded(opening.as_bytes()), "{opening}");
            assert!(may_hold_records(format!("{{\"a\":\"{opening}AAAA\"}}").as_bytes()), "{opening}");
        }
        assert!(!may_hold_records(br#"{"type":"finding","events":[{"id":1,"framework":"x"}]}"#));
    }
}
