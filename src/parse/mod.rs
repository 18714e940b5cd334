//! One record's bytes → [`KmsEvent`], borrowing from them.
//!
//! First a question that costs almost nothing: can these bytes name KMS at all? Only then is the record parsed, strictly, and only
//! the fields that reports use are kept. Deliberately absent: which of the events matter (`classify`, `engine`).

mod facts;
mod general;
mod identity;
mod json;
mod key;
mod lenient;
mod listed;
mod members;
mod prefilter;
mod record;
mod settings;
mod trail;

use crate::model::{
    Denial, EventTime, JsonError, KmsEvent, Outcome, RejectReason, Text, normal_error_code, part_of,
};
pub use facts::{NotJson, alias_arn, facts, facts_of_event, may_contain_facts};
use json::Report;
pub use listed::{ListedAlias, ListedError, listed_aliases};
use record::{Record, Request};

/// What one record is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parsed<'a> {
    /// A KMS call.
    Event(Box<KmsEvent<'a>>),
    /// A KMS record that is no use of a key: network activity, insight, aggregate, dry run.
    NotUsage,
    /// Another service's record.
    OtherSource {
        /// The trail that this record configures to leave KMS out, if that is what it does.
        excludes_kms: Option<String>,
    },
}

/// A record that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// Why.
    pub reason: RejectReason,
    /// For people.
    pub detail: String,
}

/// The result of [`parse`] with what is worth a remark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline<'a> {
    /// What the record is.
    pub parsed: Parsed<'a>,
    /// A field was spelled twice; the last one won.
    pub repeated_field: bool,
}

/// The `eventSource` of KMS, in every partition.
pub const KMS: &str = "kms.amazonaws.com";

/// Whether the record may have `kms.amazonaws.com` as a value, JSON escapes considered. `false` is certain.
pub fn may_match(record: &[u8]) -> bool {
    prefilter::may_contain(record)
}

/// [`may_match`] for a value that holds records as texts of strings, whose own escapes stand on top of the record's.
pub fn may_match_inside(value: &[u8]) -> bool {
    prefilter::may_contain_inside(value)
}

/// Parses one record.
///
/// # Errors
/// When the record is not valid JSON or UTF-8, has an unpaired surrogate escape, or is a KMS record without a usable
/// `eventName` or `eventTime`, or of an unknown major version.
pub fn parse(record: &[u8]) -> Result<Outline<'_>, ParseError> {
    let text = utf8(record)?;
    outline(read_record(text)?, text)
}

/// The members of a record, if all of it is sound.
fn read_record(text: &str) -> Result<Record<'_>, ParseError> {
    let mut record = Record::default();
    let read = json::read(text, &mut record);
    if !matches!(read, Ok(Report { surrogates: false })) {
        // Whatever else is wrong: the JSON parser does not look into strings that nobody asks for.
        no_lone_surrogate(text)?;
        if read.is_err() {
            record = read_slowly(text)?;
        }
    }
    Ok(record)
}

fn outline<'a>(record: Record<'a>, text: &'a str) -> Result<Outline<'a>, ParseError> {
    let repeated_field = record.repeated();
    // An Insights event has no source but that of the calls which it is about.
    let about = record.insight.event_source.as_deref().filter(|_| is_other_family(&record));
    let parsed = if record.event_source.as_deref().or(about) == Some(KMS) {
        kms_event(record)?
    } else {
        Parsed::OtherSource { excludes_kms: trail::excludes_kms(&record, text) }
    };
    Ok(Outline { parsed, repeated_field })
}

fn utf8(record: &[u8]) -> Result<&str, ParseError> {
    std::str::from_utf8(record).map_err(|e| ParseError {
        reason: RejectReason::InvalidUtf8,
        detail: format!("not UTF-8 from byte {} of the record on", e.valid_up_to()),
    })
}

fn no_lone_surrogate(text: &str) -> Result<(), ParseError> {
    match prefilter::lone_surrogate(text.as_bytes()) {
        Some(at) => Err(ParseError {
            reason: RejectReason::LoneSurrogate,
            detail: format!("half a surrogate pair at byte {at} of the record"),
        }),
        None => Ok(()),
    }
}

/// What the fast reader gave up on, in the reading of serde_json, which also says what is wrong with it.
#[cold]
fn read_slowly(text: &str) -> Result<Record<'_>, ParseError> {
    serde_json::from_str(text).map_err(|e| {
        let JsonError { offset, message, .. } = JsonError::new(&e, text.as_bytes());
        ParseError {
            reason: RejectReason::JsonSyntax,
            detail: format!("{message} (byte {offset} of the record)"),
        }
    })
}

fn missing(field: &str) -> ParseError {
    ParseError { reason: RejectReason::MissingField, detail: format!("a KMS record without {field}") }
}

/// Whether the major version is 1; minor ones add fields. Old exports have none.
fn is_known_version(version: Option<&str>) -> bool {
    let major = version.map(|version| version.split('.').next().unwrap_or_default().trim_start_matches('0'));
    major.is_none_or(|major| major == "1")
}

fn kms_event(record: Record<'_>) -> Result<Parsed<'_>, ParseError> {
    if let Some(version) = record.event_version.as_deref()
        && !is_known_version(Some(version))
    {
        return Err(ParseError {
            reason: RejectReason::UnsupportedVersion,
            detail: format!("eventVersion {version:?}: only 1.x is known"),
        });
    }
    // Before anything is missed in it: aggregated and Insights events have no name, the former no time either.
    if is_other_family(&record) {
        return Ok(Parsed::NotUsage);
    }
    let omitted_fields = record.omitted();
    let Some(name) = record.event_name.0 else { return Err(missing("eventName")) };
    let time_text = record.event_time.as_deref().ok_or_else(|| missing("eventTime"))?;
    let time = EventTime::parse(time_text).ok_or_else(|| ParseError {
        reason: RejectReason::BadEventTime,
        detail: format!("eventTime {time_text:?} is not an RFC 3339 time"),
    })?;
    let error_code = record.error_code.map(normal_error_code);
    let dry_run = record.request.dry_run.is_true() || error_code.as_deref() == Some("DryRunOperation");
    if dry_run {
        return Ok(Parsed::NotUsage);
    }
    let outcome = Outcome::of(error_code.as_deref(), record.error_message.as_deref());
    let refusal = record.error_message.as_ref().filter(|_| outcome == Outcome::Denied);
    let denied_by = refusal.and_then(|message| Denial::read(message).by);
    let denied_action = refusal.and_then(|message| part_of(message, |message| Denial::read(message).action));
    let mut identity = record.identity;
    let access_key_id = identity.access_key_id.take();
    let source_account_id = identity.scope.source_account.take();
    let principal = identity::resolve(identity);
    let clues = key::Clues {
        event_name: &name,
        denied_action: denied_action.as_deref(),
        region: record.region.as_deref(),
        recipient: record.recipient_account_id.as_deref(),
        caller: principal.account_id.as_deref(),
    };
    let key::Keys { key, destination_arn } = key::resolve(
        &clues,
        &record.resources,
        &record.response,
        &record.request,
        &record.service_details,
        record.error_message.as_ref(),
    );
    let is_correction = record.addendum.reason.as_deref() == Some("UPDATED_DATA");
    let Request { encryption_context, source_context, destination_context, .. } = record.request;
    let context = encryption_context.or(source_context).or(destination_context);
    let (s3_bucket, s3_object_key) = context.as_ref().map_or((None, None), key::s3_location);
    Ok(Parsed::Event(Box::new(KmsEvent {
        time,
        event_id: record.event_id,
        shared_event_id: record.shared_event_id,
        request_id: record.request_id,
        region: record.region.unwrap_or(Text::Borrowed("unknown")),
        recipient_account_id: record.recipient_account_id,
        principal,
        access_key_id,
        source_account_id,
        source_ip: record.source_ip,
        user_agent: record.user_agent,
        key,
        destination_key_arn: destination_arn,
        outcome,
        error_code,
        error_message: record.error_message,
        denied_action,
        denied_by,
        log_delivery: context.as_ref().is_some_and(|c| c.get("aws:cloudtrail:arn").is_some()),
        encryption_context: context.map(|c| c.to_json()),
        s3_bucket,
        s3_object_key,
        grant_id: record.response.grant_id.or(record.request.grant_id).or(record.additional.grant_id),
        grantee_principal: record.request.grantee_principal.or(record.request.grantee_service_principal),
        retiring_principal: record.request.retiring_principal.or(record.request.retiring_service_principal),
        grant_operations: record.request.operations.joined(),
        read_only: record.read_only.0,
        vpc_endpoint_id: record.vpc_endpoint_id,
        tls_version: record.tls.version,
        corrects: record.addendum.original_event_id.filter(|_| is_correction),
        omitted_fields,
        name,
    })))
}

/// Record families that accompany a call without being one: counting them would count the call twice.
///
/// Sources: [network
/// activity](https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-network-events-with-cloudtrail.html),
/// [Insights](https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-insights-fields-trails.html) and [aggregated
/// events](https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-aggregated-events.html). Of the first, the
/// list of fields and the records themselves spell the type differently.
fn is_other_family(record: &Record<'_>) -> bool {
    matches!(
        record.event_type.as_deref(),
        Some("AwsVpceEvent" | "AwsVpceEvents" | "AwsCloudTrailInsight" | "AwsAggregatedEvent")
    ) || matches!(record.event_category.as_deref(), Some("NetworkActivity" | "Insight" | "Aggregated"))
}

#[cfg(test)]
mod tests;
