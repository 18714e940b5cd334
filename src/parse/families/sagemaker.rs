//! Facts in records of SageMaker, its geospatial service and Forecast: settings, the sessions of
//! Canvas's users, and what is shared.

use super::family::{Call, Family, Interest, Word, owned};
use super::settings::{canvas_keys, names_canvas, rules};
use super::shared_sagemaker::{self, SHAREABLE, changes_policy, deletes, may_use_shared};
use super::sharing::CallRecord;
use crate::model::{Arn, CanvasKey, Fact, LearnedCondition, LearnedRule, Provenance, RoleSession, Text};
use crate::parse::call::{ServiceCall, Value};
use crate::parse::error::NoFacts;
use crate::parse::record::Record;

pub(super) const FAMILY: Family = Family {
    sources: &["sagemaker.amazonaws.com", "sagemaker-geospatial.amazonaws.com", "forecast.amazonaws.com"],
    needles: &["sagemaker.", "sagemaker-geospatial.", "forecast."],
    words: &TELLING,
    texts: &SHAREABLE,
    interest,
    facts,
};

/// What names of resources contain, and how names of parameters end, in calls that say anything. A
/// name in a string that is JSON again ends in an escaped quote: it is not read.
const TELLING: [Word; 4] = [
    Word { text: "canvas", part: 1 },
    Word { text: "kmskeyid\"", part: 1 },
    Word { text: "kmskeyarn\"", part: 1 },
    Word { text: "executionrolearn\"", part: 8 },
];
/// The part of [`TELLING`] that calls without settings can contain, too.
static CANVAS: &[Word] = &[Word { text: "canvas", part: 1 }];

fn interest(name: &str) -> Interest {
    let starts_with_any = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    if name.ends_with("FeatureGroup") && !starts_with_any(&["Delete"]) {
        return Interest::Always; // the store of a feature group may have no key
    }
    if changes_policy(name) || deletes(name) {
        return Interest::Always;
    }
    let has_settings = starts_with_any(&["Create", "Update", "Start", "Export"]);
    let words = if has_settings { FAMILY.words } else { CANVAS };
    Interest::IfItContains { words, texts: if may_use_shared(name) { FAMILY.texts } else { &[] } }
}

fn facts(call: Call<'_>) -> Result<Vec<Fact<'static>>, NoFacts> {
    let (is_failed, source, name) = (call.is_failed(), call.source.clone(), call.name.clone());
    let (record, text) = CallRecord::new(call);
    let read = |call: ServiceCall<'_>| {
        let shared = match &*source {
            "sagemaker.amazonaws.com" => shared_sagemaker::effects(&record, &name, is_failed, call),
            _ => Vec::new(),
        };
        let mut facts = Vec::new();
        if !is_failed {
            let provenance = record.provenance();
            let fact = |(rule, condition)| Fact::Rule(rule, condition, provenance.clone());
            facts.extend(rules(&source, &name, call).into_iter().map(fact));
            facts.extend(canvas_session(record.head(), call.request, provenance));
            facts.extend(keys_of_canvas(&source, &name, record.head(), call.request, provenance));
        }
        (facts, shared)
    };
    let (mut facts, shared) = ServiceCall::read(text, read).ok_or(NoFacts::InvalidJson)?;
    facts.extend(record.into_facts(shared, false));
    Ok(facts)
}

/// The keys that the settings of a domain or user profile name for Canvas's folders.
fn keys_of_canvas(
    source: &str,
    name: &str,
    head: &Record<'_>,
    request: Value<'_>,
    by: &Provenance,
) -> Vec<Fact<'static>> {
    let has_settings = ["CreateDomain", "UpdateDomain", "CreateUserProfile", "UpdateUserProfile"];
    if source != "sagemaker.amazonaws.com" || !has_settings.contains(&name) {
        return Vec::new();
    }
    let place = head.region.as_deref().zip(by.account_id.as_deref());
    let default = place.map(|(region, account)| format!("sagemaker-{region}-{account}"));
    let fact = |[bucket, path, key]: [Text<'static>; 3]| {
        let [bucket, path, key] = [bucket, path, key].map(Text::into_owned);
        Fact::CanvasKey(Box::new(CanvasKey { by: by.clone(), bucket, path, key }))
    };
    canvas_keys(request, default.as_deref()).into_iter().map(fact).collect()
}

/// The caller's session, if the call works on a resource with `canvas` in its name.
fn canvas_session(head: &Record<'_>, request: Value<'_>, provenance: &Provenance) -> Vec<Fact<'static>> {
    let identity = &head.identity;
    let role = identity.session.issuer.arn.0.as_deref().filter(|arn| {
        identity.kind.0.as_deref() == Some("AssumedRole")
            && Arn::parse(arn).is_some_and(|arn| arn.service == "iam")
    });
    let Some(role) = role.filter(|_| names_canvas(request)) else { return Vec::new() };
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
