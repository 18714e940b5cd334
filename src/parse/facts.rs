//! What a record teaches about KMS calls of other records: SageMaker's, Forecast's and STS's own calls, aliases, corrections, trails.
//!
//! Few records teach anything, so the question comes first, as for KMS; those that may are read into general JSON. Parameters are looked up
//! without regard to case, since CloudTrail's spelling of them varies. A call that failed teaches nothing.

use std::borrow::Cow;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};
use memchr::memmem::Finder;
use serde_json::Value;

use super::general::Call;
use super::prefilter::escaped;
use super::record::{Identity, Record};
use super::{KMS, is_known_version, kms_event, read_record, settings, trail, utf8};
use crate::model::{
    Arn, EventTime, Fact, KmsEvent, LearnedRule, Provenance, RejectReason, Session, Text, TrailChange, When,
    normal_service, partition_of,
};

/// What stands in every record that teaches something: the name of a service, or what the record is about.
const TELLING: [&str; 11] = [
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

/// Calls of CloudTrail that end what a trail records, or begin it again.
const TRAIL_CHANGES: [&str; 3] = ["StopLogging", "StartLogging", "DeleteTrail"];

/// The leftmost match is asked for, though any would do: only then are vector instructions used.
static WORDS: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(TELLING).ok());
static CANVAS: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::builder().ascii_case_insensitive(true).build(["canvas"]).ok());
static ESCAPE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(r"\u00"));

/// Whether a record among these bytes may teach something, JSON escapes considered, also those of a text that is JSON again. `false` is
/// certain.
pub fn may_contain_facts(bytes: &[u8]) -> bool {
    let spells = |at| escaped(bytes, at).is_some_and(|b| b.is_ascii_alphanumeric() || b".-_\\".contains(&b));
    // Without the automaton, which cannot fail for so few words, everything may.
    WORDS.as_ref().is_none_or(|words| words.is_match(bytes)) || ESCAPE.find_iter(bytes).any(spells)
}

/// What a record teaches.
///
/// # Errors
/// When it is no JSON object. Other defects teach nothing, and of a call that failed nothing is learned but what it corrects.
pub fn facts(record: &[u8]) -> Result<Vec<Fact<'static>>, NotJson> {
    // What cannot be counted teaches nothing, either; only what is no JSON is told, since the walk has to look at it again.
    let Ok(text) = utf8(record) else { return Ok(Vec::new()) };
    let mut head = match read_record(text) {
        Ok(head) => head,
        Err(error) if error.reason == RejectReason::JsonSyntax => return Err(NotJson),
        Err(_) => return Ok(Vec::new()),
    };
    let succeeded = head.error_code.is_none() && head.error_message.is_none();
    let Some(time) = head.event_time.as_deref().and_then(EventTime::parse) else { return Ok(Vec::new()) };
    let Some(source) = head.event_source.take() else { return Ok(Vec::new()) };
    if source == KMS {
        let is_alias = head.event_name.0.as_deref().is_some_and(|name| name.ends_with("Alias"));
        if !is_alias && head.addendum.original_event_id.is_none() {
            return Ok(Vec::new());
        }
        return Ok(match kms_event(head) {
            Ok(super::Parsed::Event(event)) => of_kms(&event, succeeded).collect(),
            _ => Vec::new(),
        });
    }
    if !succeeded || !is_known_version(head.event_version.as_deref()) {
        return Ok(Vec::new());
    }
    let Some(name) = head.event_name.0.as_deref() else { return Ok(Vec::new()) };
    if name == "PutEventSelectors" {
        let silent = trail::silent_trail(source == "cloudtrail.amazonaws.com", text);
        return Ok(silent.map(Fact::SilentTrail).into_iter().collect());
    }
    if !is_worth_reading(&source, name, &head.identity, text) {
        return Ok(Vec::new());
    }
    let call = Call::read(text).ok_or(NotJson)?;
    let own = |text: &Option<Text<'_>>| text.as_deref().map(str::to_owned);
    let taught = Provenance {
        time,
        event_name: name.to_owned(),
        event_id: own(&head.event_id),
        account_id: own(&head.recipient_account_id).or_else(|| own(&head.identity.account_id)),
    };
    Ok(match &*source {
        "sts.amazonaws.com" => of_sts(&head, &call, taught),
        "cloudtrail.amazonaws.com" => of_trail(&call, taught, own(&head.region)),
        "sagemaker.amazonaws.com" | "sagemaker-geospatial.amazonaws.com" | "forecast.amazonaws.com" => {
            let mut list = settings::rules(&source, name, &call.request, &call.response)
                .into_iter()
                .map(|(rule, when)| Fact::Rule(rule, when, taught.clone()))
                .collect::<Vec<_>>();
            list.extend(canvas_session(&head, &call.request, &taught));
            list
        }
        _ => Vec::new(),
    })
}

/// Whether a call of another service may teach something: a general reading costs more than all that comes before it.
fn is_worth_reading(source: &str, name: &str, identity: &Identity<'_>, text: &str) -> bool {
    let starts = |beginnings: &[&str]| beginnings.iter().any(|beginning| name.starts_with(beginning));
    match source {
        "sts.amazonaws.com" => opener(identity).is_some() && name == "AssumeRole",
        "cloudtrail.amazonaws.com" => TRAIL_CHANGES.contains(&name),
        "sagemaker.amazonaws.com" | "sagemaker-geospatial.amazonaws.com" | "forecast.amazonaws.com" => {
            starts(&["Create", "Update", "Start", "Export", "DescribeFeatureGroup"])
                || CANVAS.as_ref().is_none_or(|canvas| canvas.is_match(text))
                || ESCAPE.find(text.as_bytes()).is_some()
        }
        _ => false,
    }
}

/// A record that cannot be read at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotJson;

/// What a KMS call that has been parsed says: the same as [`facts`] of its record.
pub fn facts_of_event(event: &KmsEvent<'_>) -> impl Iterator<Item = Fact<'static>> + use<> {
    let succeeded = event.error_code.is_none() && event.error_message.is_none();
    of_kms(event, succeeded)
}

fn of_kms(event: &KmsEvent<'_>, succeeded: bool) -> impl Iterator<Item = Fact<'static>> + use<> {
    let own = |text: &Text<'_>| Cow::Owned(text.clone().into_owned());
    let correction =
        event.corrects.as_ref().zip(event.event_id.as_ref()).map(|(original, by)| Fact::Correction {
            original: own(original),
            by: own(by),
            account_id: event.recipient_account_id.as_ref().map(own),
            time: event.time,
        });
    let key = match &*event.name {
        // Where the record does not say to which key, it is none that was known before.
        "CreateAlias" | "UpdateAlias" => Some(event.key.arn.as_ref().map(own)),
        "DeleteAlias" => Some(None),
        _ => None,
    };
    let key = key.filter(|_| succeeded);
    let alias = key.zip(alias_arn(event)).map(|(key, alias)| Fact::Alias {
        alias: Cow::Owned(alias),
        key,
        time: event.time,
    });
    correction.into_iter().chain(alias)
}

/// The ARN of the alias that a call names: one without an ARN lies in the account and region of its caller.
pub fn alias_arn(event: &KmsEvent<'_>) -> Option<String> {
    let alias = event.key.alias.as_deref()?;
    if !alias.starts_with("alias/") {
        return Some(alias.to_owned());
    }
    let account = event.principal.account_id.as_deref().or(event.recipient_account_id.as_deref())?;
    Some(format!("arn:{}:kms:{}:{account}:{alias}", partition_of(&event.region), event.region))
}

/// The rule for sessions that this service opens.
fn opener(identity: &Identity<'_>) -> Option<LearnedRule> {
    let service =
        identity.invoked_by.as_deref().filter(|_| identity.kind.as_deref() == Some("AWSService"))?;
    match normal_service(Cow::Borrowed(service)).split('.').next() {
        Some("sagemaker-geospatial") => Some(LearnedRule::GeospatialSession),
        Some("forecast") => Some(LearnedRule::ForecastSession),
        Some("sagemaker") => Some(LearnedRule::SagemakerSession),
        _ => None,
    }
}

/// A session that SageMaker, its geospatial part or Forecast opened on a role.
fn of_sts(head: &Record<'_>, call: &Call<'_>, taught: Provenance) -> Vec<Fact<'static>> {
    let Some(rule) = opener(&head.identity) else { return Vec::new() };
    let text = |value, path: &[&str]| settings::text_at(value, path).map(|text| Cow::Owned(text.to_owned()));
    let opened = Session {
        access_key_id: text(&call.response, &["credentials", "accessKeyId"]),
        principal_id: text(&call.response, &["assumedRoleUser", "assumedRoleId"]),
    };
    let Some(role) = text(&call.request, &["roleArn"]) else { return Vec::new() };
    vec![Fact::Rule(rule, When::SessionOn(role), taught), Fact::Session(rule, opened)]
}

/// A session that works on something with `canvas` in its name.
fn canvas_session(head: &Record<'_>, request: &Value, taught: &Provenance) -> Vec<Fact<'static>> {
    let own = |text: &Option<Text<'_>>| text.as_deref().map(|text| Cow::Owned(text.to_owned()));
    let identity = &head.identity;
    let role = identity.session.issuer.arn.as_deref().filter(|arn| {
        identity.kind.as_deref() == Some("AssumedRole")
            && Arn::parse(arn).is_some_and(|arn| arn.service == "iam")
    });
    let Some(role) = role.filter(|_| settings::names_canvas(request)) else { return Vec::new() };
    let rule = LearnedRule::CanvasSession;
    // `principalId` has the name of the session, which people and programs use again and again.
    let access_key_id = own(&identity.access_key_id);
    let principal_id = own(&identity.principal_id).filter(|_| access_key_id.is_none());
    let session = Session { access_key_id, principal_id };
    vec![
        Fact::Rule(rule, When::SessionOn(Cow::Owned(role.to_owned())), taught.clone()),
        Fact::Session(rule, session),
    ]
}

fn of_trail(call: &Call<'_>, by: Provenance, region: Option<String>) -> Vec<Fact<'static>> {
    let trail = settings::text_at(&call.request, &["name"]).unwrap_or("unknown").to_owned();
    vec![Fact::Trail(TrailChange { trail, by, region })]
}

#[cfg(test)]
mod tests;
