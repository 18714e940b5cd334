//! What a value must contain to be worth a search for records.
//!
//! Most values without records have nothing of this, and are passed over at the speed of one scan
//! for a few texts.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};

/// Texts of which every value with a record, or with a notification, has at least one: the name of
/// a service, a name that only records have, how base64 of something compressed or of JSON begins,
/// an escape that may hide any of them, and what is typical of notifications and of tables.
const NEEDLES: [&str; 35] = [
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
    use crate::format::decode::may_be_base64;

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
            assert!(may_be_base64(opening.as_bytes()), "{opening}");
            assert!(may_hold_records(format!("{{\"a\":\"{opening}AAAA\"}}").as_bytes()), "{opening}");
        }
        assert!(!may_hold_records(br#"{"type":"finding","events":[{"id":1,"framework":"x"}]}"#));
    }
}
