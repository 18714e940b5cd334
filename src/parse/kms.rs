//! A KMS record → [`KmsEvent`].

use super::error::ParseError;
use super::identity;
use super::key::{self, KeySources, ResolvedKeys};
use super::record::Record;
use super::request_details;
use crate::model::{
    Arn, Denial, EventTime, KMS_APIS, KmsEvent, Outcome, Principal, RejectReason, Text, is_masked,
    normalize_error_code, normalize_service, slice_text,
};

/// A KMS record that has been read.
pub(super) enum KmsRecord<'a> {
    /// A call.
    Call(Box<KmsEvent<'a>>),
    /// A call that only asked whether it was allowed.
    DryRun(Box<KmsEvent<'a>>),
    /// It belongs to another family of records.
    OtherFamily,
}

/// Reads the event of a KMS record; `None` when the record is not use of a key (another family of
/// records, or a dry run).
pub(super) fn event(record: Record<'_>) -> Result<Option<Box<KmsEvent<'_>>>, ParseError> {
    Ok(match read(record)? {
        KmsRecord::Call(event) => Some(event),
        KmsRecord::DryRun(_) | KmsRecord::OtherFamily => None,
    })
}

/// Reads a KMS record.
pub(super) fn read(record: Record<'_>) -> Result<KmsRecord<'_>, ParseError> {
    if let Some(version) = record.event_version.as_deref()
        && !is_known_version(Some(version))
    {
        let detail = format!("eventVersion {version:?}: only 1.x is known");
        return Err(ParseError::new(RejectReason::UnsupportedVersion, detail));
    }
    // This comes before required fields are missed: aggregated events have no time, and neither
    // they nor Insights events have a name.
    if is_other_family(&record) {
        return Ok(KmsRecord::OtherFamily);
    }
    let omitted_fields = record.omitted_members();
    let Some(name) = record.event_name.0.map(api_name) else {
        return Err(ParseError::missing_field("eventName"));
    };
    if KMS_APIS.binary_search(&&*name).is_err() && is_masked(&name) {
        return Err(ParseError::new(
            RejectReason::UnreadableMember,
            format!("eventName is masked: {name:?}"),
        ));
    }
    let time = event_time(record.event_time.as_deref())?;
    let error_code = record.error_code.0.map(normalize_error_code);
    let is_dry_run = record.request.dry_run.is_true() || error_code.as_deref() == Some("DryRunOperation");
    let outcome = Outcome::from_error(error_code.as_deref(), record.error_message.0.as_deref());
    let refusal = record.error_message.0.as_ref().filter(|_| outcome == Outcome::Denied);
    let denied_by = refusal.and_then(|message| Denial::parse(message).by);
    let denied_action =
        refusal.and_then(|message| slice_text(message, |message| Denial::parse(message).action));
    let mut identity = record.identity;
    let access_key_id = identity.access_key_id.take();
    let source_account_id = identity.in_scope_of.source_account.take();
    let source_arn = identity.in_scope_of.source_arn.take();
    let mfa = identity.session.attributes.mfa.0;
    let principal = identity::resolve(identity);
    let sources = KeySources {
        event_name: &name,
        denied_action: denied_action.as_deref(),
        region: record.region.as_deref(),
        recipient_account: record.recipient_account_id.as_deref(),
        caller_account: principal.account_id.as_deref(),
        resources: &record.resources,
        response: &record.response,
        request: &record.request,
        service_details: &record.service_details,
        error_message: record.error_message.0.as_ref(),
    };
    let ResolvedKeys { key, destination_arn } = sources.resolve();
    let is_correction = record.addendum.reason.as_deref() == Some("UPDATED_DATA");
    let request = record.request;
    let request_details = request_details::of_call(&name, outcome, &request, &record.additional.recipient);
    let policy = request.details.policy();
    let context = request.encryption_context.or(request.source_context).or(request.destination_context);
    let is_on_log_file = context.as_ref().is_some_and(|c| c.get("aws:cloudtrail:arn").is_some());
    let log_delivery = is_on_log_file && is_by_cloudtrail(&principal, record.source_ip.as_deref());
    let (s3_bucket, s3_object_key) = context.as_ref().map_or((None, None), key::s3_location);
    let event = Box::new(KmsEvent {
        time,
        event_id: record.event_id,
        shared_event_id: record.shared_event_id,
        request_id: record.request_id,
        region: record.region.unwrap_or(Text::Borrowed("unknown")),
        recipient_account_id: record.recipient_account_id,
        principal,
        access_key_id,
        source_account_id,
        source_arn,
        mfa,
        source_ip: record.source_ip,
        user_agent: record.user_agent,
        key,
        destination_key_arn: destination_arn,
        outcome,
        error_code,
        error_message: record.error_message.0,
        denied_action,
        denied_by,
        log_delivery,
        encryption_context: context.map(|context| context.to_json()),
        s3_bucket,
        s3_object_key,
        grant_id: record.response.grant_id.or(request.grant_id).or(record.additional.grant_id),
        grantee_principal: request.grantee_principal.or(request.grantee_service_principal),
        retiring_principal: request.retiring_principal.or(request.retiring_service_principal),
        grant_operations: request.operations.joined(),
        grant_constraints: request.constraints.to_json(),
        grant_name: request.name,
        request_details,
        policy,
        read_only: record.read_only.0,
        vpc_endpoint_id: record.vpc_endpoint_id,
        tls_version: record.tls.version,
        corrects: record.addendum.original_event_id.filter(|_| is_correction),
        corrects_request_id: record.addendum.original_request_id.filter(|_| is_correction),
        omitted_fields,
        name,
    });
    Ok(if is_dry_run { KmsRecord::DryRun(event) } else { KmsRecord::Call(event) })
}

/// The name of the API. Some tools change its case, put blanks around it, or write it as the action
/// of a policy (`kms:Decrypt`).
fn api_name(name: Text<'_>) -> Text<'_> {
    if KMS_APIS.binary_search(&&*name).is_ok() {
        return name;
    }
    let trimmed = name.trim();
    let core = match trimmed.get(..4) {
        Some(prefix) if prefix.eq_ignore_ascii_case("kms:") => &trimmed[4..],
        _ => trimmed,
    };
    let known = KMS_APIS.into_iter().find(|known| known.eq_ignore_ascii_case(core));
    known.map_or(name, Text::Borrowed)
}

/// Whether a record without `eventSource` is a KMS call by what else it says: it names an API of
/// KMS, or has the ARN of a key as its resource or in a member in which only KMS calls have it. (A
/// bare id is no sign of KMS.)
pub(super) fn lacks_source(record: &Record<'_>) -> bool {
    if is_other_family(record) {
        return false;
    }
    if record.event_name.0.as_deref().is_some_and(|name| KMS_APIS.contains(&name)) {
        return true;
    }
    let (request, response) = (&record.request, &record.response);
    let ids = [
        &request.key_id,
        &request.target_key_id,
        &request.source_key_id,
        &request.destination_key_id,
        &response.key_id,
    ];
    let resources = record.resources.0.iter().filter_map(|resource| resource.arn.0.as_ref());
    let mut arns = resources.chain(ids.into_iter().filter_map(|id| id.0.as_ref()));
    arns.any(|arn| Arn::parse(arn).is_some_and(|arn| arn.service == "kms"))
}

/// Whether CloudTrail itself calls. Old records name a service only as the source address.
fn is_by_cloudtrail(principal: &Principal<'_>, source_ip: Option<&str>) -> bool {
    let address = || {
        let is_service = matches!(&*principal.kind, "AWSService" | "unknown");
        source_ip.filter(|_| is_service).map(|text| normalize_service(Text::Borrowed(text)))
    };
    let service = principal.invoked_by.as_deref().map(Text::Borrowed).or_else(address);
    matches!(service.as_deref(), Some("cloudtrail.amazonaws.com" | "cloudtrail.amazonaws.com.cn"))
}

fn event_time(text: Option<&str>) -> Result<EventTime, ParseError> {
    let text = text.ok_or_else(|| ParseError::missing_field("eventTime"))?;
    EventTime::parse(text).ok_or_else(|| {
        let detail = format!("eventTime {text:?} is not an RFC 3339 time");
        ParseError::new(RejectReason::BadEventTime, detail)
    })
}

/// Whether the major version of the record format is 1. Minor versions add fields; old exports have
/// no version.
pub(super) fn is_known_version(version: Option<&str>) -> bool {
    let major = version.map(|text| text.split('.').next().unwrap_or_default().trim_start_matches('0'));
    major.is_none_or(|major| major == "1")
}

/// Whether the record belongs to a family that accompanies calls. Counting such a record would
/// count its call twice.
///
/// Sources: [network
/// activity](https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-network-events-with-cloudtrail.html),
/// [Insights](https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-insights-fields-trails.html)
/// and [aggregated
/// events](https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-aggregated-events.html).
/// For network activity, AWS's list of fields and the records themselves spell the type
/// differently, so both spellings are known.
pub(super) fn is_other_family(record: &Record<'_>) -> bool {
    matches!(
        record.event_type.as_deref(),
        Some("AwsVpceEvent" | "AwsVpceEvents" | "AwsCloudTrailInsight" | "AwsAggregatedEvent")
    ) || matches!(record.event_category.as_deref(), Some("NetworkActivity" | "Insight" | "Aggregated"))
}
