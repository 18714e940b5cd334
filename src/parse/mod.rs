//! One record's bytes → [`KmsEvent`] or [facts](crate::model::Fact).
//!
//! [`may_match`] and [`may_contain_facts`] come first: they search the raw bytes and rule out most
//! records at little cost. Only the other records are parsed, strictly, and only the fields that
//! reports use are kept, borrowed from the bytes. Deliberately absent: which events are selected
//! and what they mean (`classify`, and the stages after it).
//!
//! ```
//! use keytrail::parse::{RecordKind, may_match, parse};
//!
//! let record = br#"{"eventSource": "kms.amazonaws.com", "eventName": "Decrypt",
//!     "eventTime": "2023-03-17T18:02:06Z", "awsRegion": "us-west-2",
//!     "recipientAccountId": "111122223333", "requestParameters": {"keyId": "mrk-1234"}}"#;
//! assert!(may_match(record));
//! let RecordKind::Event(event) = parse(record)?.kind else { panic!("a KMS call") };
//! assert_eq!(event.name, "Decrypt");
//! let key = "arn:aws:kms:us-west-2:111122223333:key/mrk-1234";
//! assert_eq!(event.key.arn.as_deref(), Some(key));
//! # Ok::<(), keytrail::parse::ParseError>(())
//! ```

mod alias_list;
mod any_case;
mod as_text;
mod call;
mod details;
mod digest;
mod error;
mod facts;
mod families;
mod identity;
mod json;
mod key;
mod kms;
mod lenient;
mod member;
mod members;
mod prefilter;
mod read;
mod record;
mod request_details;
mod rule_out;

pub use alias_list::{ListedAlias, parse_alias_list};
pub use digest::{DIGEST_HEAD, DigestError, begins_digest, digest};
pub use error::{AliasListError, NoFacts, ParseError};
pub use facts::{facts, facts_without_texts, may_contain_facts};
pub use families::{alias_arn, facts_of_event};
pub use prefilter::{KMS, SourcePlace, lacks_source, may_lack_source, may_match, may_match_inside};
pub use rule_out::facts_of_other;

use prefilter::SourceName;

use crate::model::{KmsEvent, RejectReason};

/// What a record is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordKind<'a> {
    /// A KMS call.
    Event(Box<KmsEvent<'a>>),
    /// A KMS record that is not use of a key: network activity, Insights, aggregate, dry run.
    NotUsage,
    /// A record of another service.
    OtherSource {
        /// The trail that this record configures to exclude KMS events, if it does.
        excludes_kms: Option<String>,
    },
}

/// A record that [`parse`] has read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParsedRecord<'a> {
    /// What the record is.
    pub kind: RecordKind<'a>,
    /// A member that is used was given twice; the last value counts.
    pub repeated_field: bool,
    /// The name of a member that is used, and is an object, a list or a name in CloudTrail's
    /// records, but here another value: what it says has not been read.
    pub text_member: Option<&'static str>,
}

impl ParsedRecord<'_> {
    /// The record, if nothing that it should say about a KMS call is lost.
    ///
    /// # Errors
    /// When it is a KMS call and has a [`text_member`](Self::text_member).
    pub fn with_known_members(self) -> Result<Self, ParseError> {
        match self.text_member {
            Some(member) if matches!(self.kind, RecordKind::Event(_)) => {
                let detail =
                    format!("{member} is of another type than in CloudTrail's records: what it said is lost");
                Err(ParseError::new(RejectReason::UnreadableMember, detail))
            }
            _ => Ok(self),
        }
    }
}

/// Parses one record.
///
/// # Errors
/// When the record is not valid JSON or UTF-8, has an unpaired surrogate escape, or is a KMS record
/// without a usable `eventName` or `eventTime`, or of an unknown major version. A record without
/// `eventSource` is a KMS record if it names a key as only those records do, or an API of KMS.
/// An `eventSource` that names KMS in an unknown form is an error.
pub fn parse(record: &[u8]) -> Result<ParsedRecord<'_>, ParseError> {
    let text = read::utf8(record)?;
    parsed_record(read::record(text)?, text)
}

fn parsed_record<'a>(record: record::Record<'a>, text: &'a str) -> Result<ParsedRecord<'a>, ParseError> {
    let (repeated_field, text_member) = (record.repeated(), record.text_member());
    // An Insights event has no source of its own, only that of the calls that it is about.
    let insight_source = record.insight.event_source.as_deref().filter(|_| kms::is_other_family(&record));
    let source = record.event_source.as_deref().or(insight_source);
    let kind = match source.map(SourceName::of) {
        Some(SourceName::Kms) => kms::event(record)?.map_or(RecordKind::NotUsage, RecordKind::Event),
        Some(SourceName::LikeKms) => return Err(ParseError::unknown_source(source.unwrap_or_default())),
        None | Some(SourceName::None) if kms::lacks_source(&record) => {
            return Err(
                source.map_or_else(|| ParseError::missing_field("eventSource"), ParseError::unknown_source)
            );
        }
        None | Some(SourceName::None | SourceName::Other) => {
            RecordKind::OtherSource { excludes_kms: families::excludes_kms(&record, text) }
        }
    };
    Ok(ParsedRecord { kind, repeated_field, text_member })
}

#[cfg(test)]
mod tests;
