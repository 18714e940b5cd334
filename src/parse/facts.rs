//! The facts that a record contains about KMS calls of other records.
//!
//! Facts come from SageMaker's, Forecast's and STS's own calls, and from records of aliases,
//! corrections and trails. Few records contain any, so [`may_contain_facts`] searches the raw bytes
//! first; the remaining records are read into general JSON. Names of parameters are compared
//! without regard to case, since CloudTrail's spelling varies. A call that failed contains no
//! facts, except that somebody tried to change a trail.

use std::borrow::Cow;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};
use memchr::memmem::Finder;

use super::call::{ServiceCall, Value};
use super::error::InvalidJson;
use super::prefilter::{KMS, escaped_byte};
use super::record::{Identity, Record};
use super::{kms, read, settings, trail};
use crate::model::{
    Arn, EventTime, Fact, KmsEvent, LearnedCondition, LearnedRule, Provenance, RejectReason, RoleSession,
    Text, normalize_service, region_partition,
};

/// Every record with facts contains one of these: the name of a service, of a call, or of the
/// reason for a correction.
const NEEDLES: [&str; 11] = [
    "sagemaker.",
    "sagemaker-geospatial.",
    "forecast.",
    "CreateAlias",
    "UpdateAlias",
    "DeleteAlias",
    "UPDATED_DATA",
    "StopLogging",
    "StartLogging",
    "DeleteTrail",
    "PutEventSelectors",
];

/// Any match would do, but `aho_corasick` uses vector instructions only for leftmost matches.
static NEEDLE_SEARCH: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(NEEDLES).ok());
static CANVAS: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::builder().ascii_case_insensitive(true).build(["canvas"]).ok());
static ESCAPE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(r"\u00"));

/// Whether a record in these bytes may contain facts. `false` is certain: JSON escapes are taken
/// into account, also those of a JSON text within a string.
pub fn may_contain_facts(bytes: &[u8]) -> bool {
    let may_hide_needle =
        |at| escaped_byte(bytes, at).is_some_and(|b| b.is_ascii_alphanumeric() || b".-_\\".contains(&b));
    // If the searcher could not be built (it can be for so few needles), any record may match.
    NEEDLE_SEARCH.as_ref().is_none_or(|needles| needles.is_match(bytes))
        || ESCAPE.find_iter(bytes).any(may_hide_needle)
}

/// Reads the facts that a record contains.
///
/// # Errors
/// When the record is not a JSON object. A record with another defect has no facts, and a call that
/// failed has none but what it corrects, and what it would have done to a trail.
pub fn facts(record: &[u8]) -> Result<Vec<Fact<'static>>, InvalidJson> {
    // A record that cannot be counted has no facts either. Only invalid JSON is reported, because
    // the reader of the container must then find out where the record ends.
    let Ok(text) = read::utf8(record) else { return Ok(Vec::new()) };
    let mut head = match read::record(text) {
        Ok(head) => head,
        Err(error) if error.reason == RejectReason::JsonSyntax => return Err(InvalidJson),
        Err(_) => return Ok(Vec::new()),
    };
    let Some(time) = head.event_time.as_deref().and_then(EventTime::parse) else {
        return Ok(Vec::new());
    };
    let Some(source) = head.event_source.take() else { return Ok(Vec::new()) };
    let succeeded = head.error_code.is_none() && head.error_message.is_none();
    if source == KMS {
        return Ok(kms_facts(head, succeeded));
    }
    if !kms::is_known_version(head.event_version.as_deref()) {
        return Ok(Vec::new());
    }
    if source == "cloudtrail.amazonaws.com" {
        let change = trail::change(head, time, text)?;
        return Ok(change.map(Fact::Trail).into_iter().collect());
    }
    if !succeeded {
        return Ok(Vec::new());
    }
    service_facts(&head, &source, time, text)
}

/// The facts of a KMS record.
fn kms_facts(head: Record<'_>, succeeded: bool) -> Vec<Fact<'static>> {
    let is_alias_call = head.event_name.0.as_deref().is_some_and(|name| name.ends_with("Alias"));
    if !is_alias_call && head.addendum.original_event_id.is_none() {
        return Vec::new();
    }
    let Ok(Some(event)) = kms::event(head) else { return Vec::new() };
    let alias = if succeeded { alias_change(&event) } else { None };
    correction(&event).into_iter().chain(alias).collect()
}

/// Returns the facts of a KMS call that has been parsed: the same as [`facts`] of its record.
pub fn facts_of_event(event: &KmsEvent<'_>) -> impl Iterator<Item = Fact<'static>> + use<> {
    let succeeded = event.error_code.is_none() && event.error_message.is_none();
    let alias = if succeeded { alias_change(event) } else { None };
    correction(event).into_iter().chain(alias)
}

fn correction(event: &KmsEvent<'_>) -> Option<Fact<'static>> {
    Some(Fact::Correction {
        original: owned(event.corrects.as_deref()?),
        by: owned(event.event_id.as_deref()?),
        account_id: event.recipient_account_id.as_deref().map(owned),
        time: event.time,
    })
}

fn alias_change(event: &KmsEvent<'_>) -> Option<Fact<'static>> {
    let key = match &*event.name {
        // When the record does not name the key, the alias no longer points to the previous one.
        "CreateAlias" | "UpdateAlias" => event.key.arn.as_deref().map(owned),
        "DeleteAlias" => None,
        _ => return None,
    };
    Some(Fact::Alias { alias: Cow::Owned(alias_arn(event)?), key, time: event.time })
}

/// The ARN of the alias that a call names. An alias given without an ARN is in the account and the
/// region of the caller.
pub fn alias_arn(event: &KmsEvent<'_>) -> Option<String> {
    let alias = event.key.alias.as_deref()?;
    if !alias.starts_with("alias/") {
        return Some(alias.to_owned());
    }
    let caller = event.principal.account_id.as_deref();
    let account = caller.or(event.recipient_account_id.as_deref())?;
    let (partition, region) = (region_partition(&event.region), &event.region);
    Some(format!("arn:{partition}:kms:{region}:{account}:{alias}"))
}

/// The facts of a successful call of another service.
fn service_facts(
    head: &Record<'_>,
    source: &str,
    time: EventTime,
    text: &str,
) -> Result<Vec<Fact<'static>>, InvalidJson> {
    let Some(name) = head.event_name.0.as_deref() else { return Ok(Vec::new()) };
    if !may_have_service_facts(source, name, &head.identity, text) {
        return Ok(Vec::new());
    }
    ServiceCall::read(text, |call| facts_of_call(head, source, name, time, call)).ok_or(InvalidJson)
}

fn facts_of_call(
    head: &Record<'_>,
    source: &str,
    name: &str,
    time: EventTime,
    call: ServiceCall<'_>,
) -> Vec<Fact<'static>> {
    let own = |text: &Option<Text<'_>>| text.as_deref().map(str::to_owned);
    let provenance = Provenance {
        time,
        event_name: name.to_owned(),
        event_id: own(&head.event_id),
        account_id: own(&head.recipient_account_id).or_else(|| own(&head.identity.account_id)),
    };
    match source {
        "sts.amazonaws.com" => opened_session(head, call, provenance),
        "sagemaker.amazonaws.com" | "sagemaker-geospatial.amazonaws.com" | "forecast.amazonaws.com" => {
            let mut facts = settings::rules(source, name, call)
                .into_iter()
                .map(|(rule, condition)| Fact::Rule(rule, condition, provenance.clone()))
                .collect::<Vec<_>>();
            facts.extend(canvas_session(head, call.request, &provenance));
            facts
        }
        _ => Vec::new(),
    }
}

/// Whether a call of another service may contain facts. Reading a record into general JSON costs
/// more than all the checks before it.
fn may_have_service_facts(source: &str, name: &str, identity: &Identity<'_>, text: &str) -> bool {
    let starts_with_any = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    match source {
        "sts.amazonaws.com" => session_rule(identity).is_some() && name == "AssumeRole",
        "sagemaker.amazonaws.com" | "sagemaker-geospatial.amazonaws.com" | "forecast.amazonaws.com" => {
            starts_with_any(&["Create", "Update", "Start", "Export", "DescribeFeatureGroup"])
                || CANVAS.as_ref().is_none_or(|canvas| canvas.is_match(text))
                || ESCAPE.find(text.as_bytes()).is_some()
        }
        _ => false,
    }
}

/// The rule for sessions that the caller opens, if it is a service with such a rule.
fn session_rule(identity: &Identity<'_>) -> Option<LearnedRule> {
    let is_service = identity.kind.as_deref() == Some("AWSService");
    let service = identity.invoked_by.as_deref().filter(|_| is_service)?;
    match normalize_service(Cow::Borrowed(service)).split('.').next() {
        Some("sagemaker-geospatial") => Some(LearnedRule::GeospatialSession),
        Some("forecast") => Some(LearnedRule::ForecastSession),
        Some("sagemaker") => Some(LearnedRule::SagemakerSession),
        _ => None,
    }
}

/// The session that SageMaker, its geospatial service or Forecast opened with `AssumeRole`.
fn opened_session(head: &Record<'_>, call: ServiceCall<'_>, provenance: Provenance) -> Vec<Fact<'static>> {
    let Some(rule) = session_rule(&head.identity) else { return Vec::new() };
    let text = |value, path: &[&str]| settings::text_at(value, path).map(owned);
    let session = RoleSession {
        access_key_id: text(call.response, &["credentials", "accessKeyId"]),
        principal_id: text(call.response, &["assumedRoleUser", "assumedRoleId"]),
    };
    let Some(role) = text(call.request, &["roleArn"]) else { return Vec::new() };
    let condition = LearnedCondition::SessionOn(role);
    vec![Fact::Rule(rule, condition, provenance), Fact::Session(rule, session)]
}

/// The caller's session, if the call works on a resource with `canvas` in its name.
fn canvas_session(head: &Record<'_>, request: Value<'_>, provenance: &Provenance) -> Vec<Fact<'static>> {
    let identity = &head.identity;
    let role = identity.session.issuer.arn.as_deref().filter(|arn| {
        identity.kind.as_deref() == Some("AssumedRole")
            && Arn::parse(arn).is_some_and(|arn| arn.service == "iam")
    });
    let Some(role) = role.filter(|_| settings::names_canvas(request)) else { return Vec::new() };
    let rule = LearnedRule::CanvasSession;
    // `principalId` contains the session's name, which people and programs use again and again.
    let access_key_id = identity.access_key_id.as_deref().map(owned);
    let principal_id = identity.principal_id.as_deref().filter(|_| access_key_id.is_none()).map(owned);
    let condition = LearnedCondition::SessionOn(owned(role));
    vec![
        Fact::Rule(rule, condition, provenance.clone()),
        Fact::Session(rule, RoleSession { access_key_id, principal_id }),
    ]
}

fn owned(text: &str) -> Text<'static> {
    Cow::Owned(text.to_owned())
}

#[cfg(test)]
mod tests;
