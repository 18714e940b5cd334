//! Facts in records of STS: the sessions that SageMaker, its geospatial service and Forecast open.

use std::borrow::Cow;

use super::family::{Call, Family, Interest, owned};
use super::settings::text_at;
use crate::model::{Fact, LearnedCondition, LearnedRule, Provenance, RoleSession, normalize_service};
use crate::parse::call::ServiceCall;
use crate::parse::error::NoFacts;
use crate::parse::record::Identity;

pub(super) const FAMILY: Family = Family {
    sources: &["sts.amazonaws.com"],
    // The services that open the sessions.
    needles: &["sagemaker.", "sagemaker-geospatial.", "forecast."],
    words: &[],
    texts: &[],
    interest: |name| if name == "AssumeRole" { Interest::Always } else { Interest::Never },
    facts,
};

fn facts(call: Call<'_>) -> Result<Vec<Fact<'static>>, NoFacts> {
    let Some(rule) = session_rule(&call.head.identity).filter(|_| !call.is_failed()) else {
        return Ok(Vec::new());
    };
    let provenance = call.provenance();
    ServiceCall::read(call.text, |call| opened_session(rule, call, provenance)).ok_or(NoFacts::InvalidJson)
}

/// The rule for sessions that the caller opens, if it is a service with such a rule.
fn session_rule(identity: &Identity<'_>) -> Option<LearnedRule> {
    let is_service = identity.kind.0.as_deref() == Some("AWSService");
    let service = identity.invoked_by.0.as_deref().filter(|_| is_service)?;
    match normalize_service(Cow::Borrowed(service)).split('.').next() {
        Some("sagemaker-geospatial") => Some(LearnedRule::GeospatialSession),
        Some("forecast") => Some(LearnedRule::ForecastSession),
        Some("sagemaker") => Some(LearnedRule::SagemakerSession),
        _ => None,
    }
}

/// The session that SageMaker, its geospatial service or Forecast opened with `AssumeRole`.
fn opened_session(rule: LearnedRule, call: ServiceCall<'_>, provenance: Provenance) -> Vec<Fact<'static>> {
    let text = |value, path: &[&str]| text_at(value, path).map(owned);
    let session = RoleSession {
        access_key_id: text(call.response, &["credentials", "accessKeyId"]),
        principal_id: text(call.response, &["assumedRoleUser", "assumedRoleId"]),
    };
    let Some(role) = text(call.request, &["roleArn"]) else { return Vec::new() };
    let condition = LearnedCondition::SessionOn(role);
    vec![Fact::Rule(rule, condition, provenance), Fact::Session(rule, session)]
}
