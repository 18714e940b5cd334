//! Watches content that is not recognised for names that only records have. Content with them may
//! hold records in a form that is not known, and must not be passed over in silence.

use std::cell::LazyCell;
use std::fmt;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};
use memchr::memmem;

/// Names of members of records, in the spellings of most tools; then the name of KMS, and how
/// base64 of gzip, of a record and of a log file begin, in a string or on a line; then names of
/// members that also occur in other logs; then those that OCSF gives to the class of an event, and
/// the name of its product.
const NAMES: [&str; 36] = [
    "eventsource",
    "event_source",
    "eventname",
    "event_name",
    "eventversion",
    "event_version",
    "useridentity",
    "user_identity",
    "requestparameters",
    "request_parameters",
    "recipientaccountid",
    "recipient_account_id",
    "sourceipaddress",
    "source_ip_address",
    "cloudtrailevent",
    "cloud_trail_event",
    "responseelements",
    "response_elements",
    "managementevent",
    "management_event",
    KMS,
    "\"h4si",
    "\nh4si",
    "\"eyjldmvudfzlcnnpb24i",
    "\neyjldmvudfzlcnnpb24i",
    "\"eyjszwnvcmrzi",
    "\neyjszwnvcmrzi",
    "eventid",
    "event_id",
    "eventtime",
    "event_time",
    "awsregion",
    "aws_region",
    "class_uid",
    "class_name",
    "cloudtrail",
];
const KMS: &str = "kms.amazonaws.com";
/// Position of [`KMS`] in [`NAMES`]; half of it is its bit.
const KMS_AT: usize = 20;
/// Position of the first name that other logs have, too.
const COMMON_AT: usize = 27;
/// Position of the first name of OCSF, and of the product.
const CLASS_AT: usize = 33;
const PRODUCT_AT: usize = 35;
/// The bits of names of which one makes a record of an `eventID`, `eventTime` or `awsRegion` beside
/// it: `eventName`, `eventVersion`, `userIdentity`, `requestParameters`, `recipientAccountId` and
/// `responseElements`.
const ANCHORS: u32 = 0b01_0011_1110;
/// Bytes that are kept of a piece: as many as a name and the value after it may have.
const SPAN: usize = 48;
/// Most bytes between the name of the source and KMS as its value.
const MAX_GAP: usize = 12;

static SEARCH: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let mut builder = AhoCorasick::builder();
    builder.ascii_case_insensitive(true).match_kind(MatchKind::LeftmostFirst).build(NAMES).ok()
});

/// Whether any of the names is there.
pub(super) fn has_name(bytes: &[u8]) -> bool {
    SEARCH.as_ref().is_none_or(|search| search.is_match(bytes))
}

/// Watches the bytes of one input.
#[derive(Debug, Default)]
pub struct NameWatch {
    /// One bit for each of [`NAMES`], both spellings of a name in the same one.
    seen: u32,
    /// The same for names of members of objects.
    keys: u32,
    /// One bit for each of the names that other logs have, too, where it is the name of a member or
    /// of a column.
    common: u8,
    /// There is an event of OCSF's class API Activity.
    is_api_activity: bool,
    /// A string is or ends in `CloudTrail`.
    is_of_cloudtrail: bool,
    /// There is base64 of gzip.
    is_encoded: bool,
    /// KMS's name is a whole string of JSON, not part of a text.
    is_value: bool,
    /// KMS's name is a whole string of JSON or of a text of it, and so is an operation of KMS.
    is_value_in_text: bool,
    /// KMS's name and that of an operation of KMS are near each other.
    is_call: bool,
    /// KMS's name is the value of a member that is named like the source of a record.
    is_source: bool,
    /// What was found in which records may be.
    unread: Option<&'static str>,
    /// The last bytes, with which a name may begin.
    tail: Vec<u8>,
}

/// What kind of content is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watched {
    /// JSON that was read whole. Texts in it may mention KMS without being records.
    Json,
    /// A row of a table. Its columns may have any names, and its texts any form.
    Row,
    /// A value beside an array of records. It may describe the columns of that array, and name
    /// what records have without having it.
    Beside,
    /// Content that was not understood.
    Unknown,
    /// Notifications, which have some names in common with records.
    Notification,
    /// Text, a web page, or the answer to a request: it may mention KMS.
    Prose,
}

impl NameWatch {
    /// Looks at the next bytes of the content.
    pub fn feed(&mut self, bytes: &[u8]) {
        let head = &bytes[..bytes.len().min(2 * SPAN)];
        let border = [self.tail.as_slice(), head].concat();
        self.look_at(&border);
        self.look_at(bytes);
        let kept = if bytes.len() < 2 * SPAN { &border } else { bytes };
        self.tail = kept[kept.len().saturating_sub(SPAN)..].to_vec();
    }

    /// Adds what holds records in a form that is not read, if there is anything.
    pub fn add_unread(&mut self, form: Option<&'static str>) {
        self.unread = self.unread.or(form);
    }

    fn look_at(&mut self, bytes: &[u8]) {
        let Some(search) = SEARCH.as_ref() else { return };
        let mut source_end = None;
        // KMS may be named a million times in one value.
        let has_operation = LazyCell::new(|| names_operation(bytes, "\""));
        let has_call = LazyCell::new(|| names_operation(bytes, ""));
        for found in search.find_iter(bytes) {
            let name = found.pattern().as_usize();
            if name >= CLASS_AT {
                self.is_api_activity |= name < PRODUCT_AT && is_api_activity(&bytes[found.end()..]);
                self.is_of_cloudtrail |= name == PRODUCT_AT && ends_string(&bytes[found.end()..]);
                continue;
            }
            if let Some(common) = name.checked_sub(COMMON_AT) {
                self.common |= u8::from(is_whole_name(&bytes[found.end()..])) << (common / 2);
                continue;
            }
            if name > KMS_AT {
                self.is_encoded = true;
                continue;
            }
            self.seen |= 1 << (name / 2);
            if is_key(&bytes[found.end()..]) {
                self.keys |= 1 << (name / 2);
            }
            if name < 2 {
                source_end = Some(found.end());
            }
            if name == KMS_AT {
                let gap = source_end.and_then(|end| bytes.get(end..found.start()));
                self.is_source |= gap.is_some_and(is_gap);
                let quoted = [found.start().checked_sub(1), Some(found.end())];
                let is_quote = |at: Option<usize>| at.and_then(|at| bytes.get(at)) == Some(&b'"');
                let is_text = found.start().checked_sub(2).and_then(|at| bytes.get(at)) == Some(&b'\\');
                let is_whole = is_text && bytes[found.end()..].starts_with(b"\\\"");
                let is_value = quoted.into_iter().all(is_quote) && !is_text;
                self.is_value |= is_value;
                self.is_value_in_text |= (is_whole || is_value) && *has_operation;
                self.is_call |= *has_call;
            }
        }
    }

    /// Whether there are events of CloudTrail in OCSF: where they are watched, without the service.
    fn is_of_ocsf(&self) -> bool {
        self.is_api_activity && self.is_of_cloudtrail
    }

    /// Whether the content may hold records.
    pub fn may_hold_records(&self, watched: Watched) -> bool {
        if self.unread.is_some() {
            return true;
        }
        if self.is_of_ocsf() && watched != Watched::Notification {
            return true;
        }
        let kms = 1 << (KMS_AT / 2);
        let seen = if watched == Watched::Beside { self.keys } else { self.seen };
        let common = if seen & ANCHORS == 0 { 0 } else { self.common.count_ones() };
        let members = (seen & !kms).count_ones() + common;
        let names_kms = match watched {
            Watched::Notification => return self.is_value,
            Watched::Json | Watched::Beside => self.is_value || self.is_value_in_text || self.is_source,
            Watched::Row => self.is_value || self.is_call || self.is_source,
            Watched::Unknown => self.seen & kms != 0 || self.is_encoded,
            Watched::Prose => self.is_value_in_text || self.is_source,
        };
        members > 1 || names_kms
    }
}

/// Whether the name of an operation of KMS is behind the mark: a quote for a string of JSON or of a
/// text of it that begins so.
fn names_operation(bytes: &[u8], mark: &str) -> bool {
    const OPERATIONS: [&str; 18] = [
        "Decrypt",
        "Encrypt",
        "GenerateDataKey",
        "GenerateMac",
        "GenerateRandom",
        "ReEncrypt",
        "Sign",
        "Verify",
        "DeriveSharedSecret",
        "CreateGrant",
        "RetireGrant",
        "RevokeGrant",
        "ListGrants",
        "DescribeKey",
        "CreateKey",
        "GetKey",
        "GetPublicKey",
        "RotateKey",
    ];
    OPERATIONS.iter().any(|name| memmem::find(bytes, format!("{mark}{name}").as_bytes()).is_some())
}

/// Whether only the marks of a notation are between a name and its value. (In a query, blanks are
/// around an equals sign.)
fn is_gap(gap: &[u8]) -> bool {
    (1..=MAX_GAP).contains(&gap.len()) && gap[0] != b' ' && gap.iter().all(|b| b"'>=: ".contains(b))
}

/// Whether a text that ends before `after` is the name of a member: in JSON, in a text of it, or in
/// what programs print for an object. (In a query, blanks are around an equals sign.)
fn is_key(after: &[u8]) -> bool {
    if let Some(b'=' | b':') = after.first() {
        return true;
    }
    let mut after = after.iter().skip_while(|b| **b == b'\\');
    after.next() == Some(&b'"') && after.find(|b| !b.is_ascii_whitespace()) == Some(&b':')
}

/// Whether a string of JSON, or of a text of it, ends before `after`.
fn ends_string(after: &[u8]) -> bool {
    after.iter().find(|b| **b != b'\\') == Some(&b'"')
}

/// Whether the class of an event of OCSF, whose name ends before `after`, is API Activity.
fn is_api_activity(after: &[u8]) -> bool {
    let marks = after.iter().take_while(|b| b"\\\":= ".contains(b)).count();
    let value = &after[marks..];
    let is_class =
        |class: &[u8]| value.get(..class.len()).is_some_and(|text| text.eq_ignore_ascii_case(class));
    is_class(b"6003") || is_class(b"api activity")
}

/// Whether a name ends before `after`: that of a member, or of a column in a table's first row.
fn is_whole_name(after: &[u8]) -> bool {
    is_key(after) || matches!(after.first(), Some(b',' | b';' | b'|' | b'\t' | b'\r' | b'\n' | b'"'))
}

/// What was seen, for people: `names eventSource, eventName` or `holds UTF-16 in a text`.
impl fmt::Display for NameWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: [&str; 11] = [
            "eventSource",
            "eventName",
            "eventVersion",
            "userIdentity",
            "requestParameters",
            "recipientAccountId",
            "sourceIPAddress",
            "CloudTrailEvent",
            "responseElements",
            "managementEvent",
            KMS,
        ];
        if let Some(form) = self.unread {
            return write!(f, "holds {form}");
        }
        let seen = SHOWN.iter().enumerate().filter(|(n, _)| self.seen >> n & 1 == 1).map(|(_, name)| *name);
        const COMMON: [&str; 3] = ["eventID", "eventTime", "awsRegion"];
        let common = COMMON.iter().enumerate().filter(|(n, _)| self.common >> n & 1 == 1);
        let common = common.map(|(_, name)| *name).filter(|_| self.seen & ANCHORS != 0);
        if self.is_of_ocsf() {
            return f.write_str(
                "is OCSF of CloudTrail in which api.operation or api.service.name cannot be read",
            );
        }
        let names = seen.chain(common).collect::<Vec<_>>().join(", ");
        match (names.is_empty(), self.is_encoded) {
            (true, _) => write!(f, "holds text that looks like encoded records"),
            (false, true) => write!(f, "names {names}, and holds text that looks like encoded records"),
            (false, false) => write!(f, "names {names}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(text: &str, size: usize) -> NameWatch {
        let mut watch = NameWatch::default();
        text.as_bytes().chunks(size).for_each(|piece| watch.feed(piece));
        watch
    }

    #[test]
    fn names_are_seen_in_pieces_of_any_size() {
        for (text, json, unknown) in [
            (r#"{"a":"kms.amazonaws.com"}"#, true, true),
            (r#"{"a":"to kms.amazonaws.com"}"#, false, true),
            (r#"calling {"eventSource":"to kms.amazonaws.com"}"#, false, true),
            (r#"{"a":"{\"Service\":\"to kms.amazonaws.com\"}"}"#, false, true),
            (r#"{"a":"[\"kms.amazonaws.com\",\"Decrypt\"]"}"#, true, true),
            ("<eventSource>kms.amazonaws.com</eventSource>", true, true),
            ("eventSource=kms.amazonaws.com", true, true),
            ("WHERE eventSource = 'kms.amazonaws.com'", false, true),
            ("event_source: x\nEVENTNAME: y", true, true),
            ("eventsource, event_source", false, false),
            (r#"{"class_uid": 6003,"metadata":{"product":{"name":"CloudTrail"}}}"#, true, true),
            (r#"{"class_name":"API Activity","product":"AWS CloudTrail"}"#, true, true),
            (r#"{"class_uid":6003,"product":"Amazon EKS"}"#, false, false),
            (r#"{"class_uid":2004,"sources":["CloudTrail"]}"#, false, false),
            ("event_name,eventtime\n", true, true),
            (r#"{"eventName":1,"awsRegion":2}"#, true, true),
            (r#"{"userIdentity":{},"EventID":2}"#, true, true),
            (r#"{"eventID":1,"eventTime":2,"awsRegion":3}"#, false, false),
            (r#"{"eventSource":1,"eventTime":2}"#, false, false),
            (r#"{"eventName":1,"eventTimestamp":2}"#, false, false),
            ("nothing of a record", false, false),
        ] {
            for size in [1, 2, 5, 19, 40, 1000] {
                let watch = watch(text, size);
                assert_eq!(watch.may_hold_records(Watched::Json), json, "{text} in {size}");
                assert_eq!(watch.may_hold_records(Watched::Unknown), unknown, "{text} in {size}");
            }
        }
        assert_eq!(watch("eventName kms.amazonaws.com", 7).to_string(), "names eventName, kms.amazonaws.com");
    }
}
