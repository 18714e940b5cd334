//! The rule file: reading it, and asking its questions of an event.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

use regex::Regex;
use serde::Deserialize;
use thiserror::Error;

use crate::event::{KmsEvent, Strength, Workload, normal_service};

/// The rules every run starts from.
pub(super) const BUILTIN: &str = include_str!("rules/builtin.toml");

/// Why a rule file cannot be used.
#[derive(Debug, Error)]
pub enum RulesError {
    /// The file is not TOML, or not of the form.
    #[error("{file}: {message}")]
    Form {
        /// The rule file.
        file: String,
        /// The TOML parser's explanation, with line and column.
        message: String,
    },
    /// A rule says something that cannot be.
    #[error("{file}: rule {id}: {message}")]
    Rule {
        /// The rule file.
        file: String,
        /// The rule.
        id: String,
        /// What is wrong.
        message: String,
    },
}

/// A property of an event that rules may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Field {
    /// `event_name`
    EventName,
    /// `principal`
    Principal,
    /// `principal_type`
    PrincipalType,
    /// Name of the principal's role, without its path.
    RoleName,
    /// `session_name`
    SessionName,
    /// `invoked_by`
    InvokedBy,
    /// Any of `invoked_by`, `source_ip`, `user_agent`, normalised as service names.
    Service,
    /// Grantee or retiring principal, normalised as a service name.
    GrantPrincipal,
    /// `key_arn`
    KeyArn,
    /// `s3_bucket`
    S3Bucket,
    /// `s3_object_key`
    S3ObjectKey,
    /// Present on CloudTrail's own log delivery.
    LogDelivery,
}

const FIELDS: [(&str, Field); 12] = [
    ("event_name", Field::EventName),
    ("principal", Field::Principal),
    ("principal_type", Field::PrincipalType),
    ("role_name", Field::RoleName),
    ("session_name", Field::SessionName),
    ("invoked_by", Field::InvokedBy),
    ("service", Field::Service),
    ("grant_principal", Field::GrantPrincipal),
    ("key_arn", Field::KeyArn),
    ("s3_bucket", Field::S3Bucket),
    ("s3_object_key", Field::S3ObjectKey),
    ("log_delivery", Field::LogDelivery),
];

fn field(name: &str) -> Option<Field> {
    FIELDS.iter().find(|(n, _)| *n == name).map(|(_, field)| *field)
}

/// An event as the rules see it.
pub(super) struct Facts<'e> {
    event: &'e KmsEvent<'e>,
    role_name: Option<&'e str>,
    services: [Option<Cow<'e, str>>; 3],
    grant_principals: [Option<Cow<'e, str>>; 2],
}

impl<'e> Facts<'e> {
    pub(super) fn new(event: &'e KmsEvent<'e>) -> Self {
        let service =
            |text: &'e Option<Cow<'e, str>>| text.as_deref().map(|t| normal_service(Cow::Borrowed(t)));
        Self {
            event,
            role_name: event.principal.role_name(),
            services: [
                event.principal.invoked_by.as_deref().map(Cow::Borrowed),
                service(&event.source_ip),
                service(&event.user_agent),
            ],
            grant_principals: [service(&event.grantee_principal), service(&event.retiring_principal)],
        }
    }

    fn any(&self, field: Field, mut holds: impl FnMut(&str) -> bool) -> bool {
        let event = self.event;
        let one = match field {
            Field::EventName => Some(&*event.name),
            Field::Principal => Some(&*event.principal.name),
            Field::PrincipalType => Some(&*event.principal.kind),
            Field::RoleName => self.role_name,
            Field::SessionName => event.principal.session_name.as_deref(),
            Field::InvokedBy => event.principal.invoked_by.as_deref(),
            Field::KeyArn => event.key.arn.as_deref(),
            Field::S3Bucket => event.s3_bucket.as_deref(),
            Field::S3ObjectKey => event.s3_object_key.as_deref(),
            Field::LogDelivery => event.log_delivery.then_some("true"),
            Field::Service => return self.services.iter().flatten().any(|s| holds(s)),
            Field::GrantPrincipal => return self.grant_principals.iter().flatten().any(|s| holds(s)),
        };
        one.is_some_and(holds)
    }
}

#[derive(Debug)]
enum Pattern {
    Exactly(String),
    Regex(Regex),
}

impl Pattern {
    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exactly(wanted) => text == wanted,
            Self::Regex(regex) => regex.is_match(text),
        }
    }
}

#[derive(Debug)]
struct Condition {
    any_of: Vec<(Field, Vec<Pattern>)>,
    absent: Vec<Field>,
}

/// One rule, ready to be asked.
#[derive(Debug)]
pub struct Rule {
    /// Short unique name, reported with every event it fires on.
    pub id: String,
    /// The label it speaks for.
    pub workload: Workload,
    /// How much it proves.
    pub strength: Strength,
    /// What it looks at, for people.
    pub about: String,
    /// Where the rule comes from.
    pub source: String,
    when: Vec<Condition>,
}

impl Rule {
    pub(super) fn fires(&self, facts: &Facts<'_>) -> bool {
        self.when.iter().any(|condition| {
            condition
                .any_of
                .iter()
                .all(|(field, patterns)| facts.any(*field, |text| patterns.iter().any(|p| p.matches(text))))
                && !condition.absent.iter().any(|field| facts.any(*field, |_| true))
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    rule: Vec<RawRule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    id: String,
    workload: String,
    strength: String,
    #[serde(default)]
    about: String,
    #[serde(default)]
    source: String,
    when: Vec<BTreeMap<String, Vec<String>>>,
}

pub(super) fn read(file: &str, text: &str) -> Result<Vec<Rule>, RulesError> {
    let raw: RawFile = toml::from_str(text).map_err(|e| RulesError::Form {
        file: file.to_owned(),
        message: e.to_string().trim_end().to_owned(),
    })?;
    let rules: Vec<Rule> = raw.rule.into_iter().map(|rule| resolve(file, rule)).collect::<Result<_, _>>()?;
    unique_ids(file, &rules)?;
    Ok(rules)
}

pub(super) fn unique_ids(file: &str, rules: &[Rule]) -> Result<(), RulesError> {
    let mut seen = HashSet::new();
    match rules.iter().find(|rule| !seen.insert(rule.id.as_str())) {
        Some(rule) => Err(RulesError::Rule {
            file: file.to_owned(),
            id: rule.id.clone(),
            message: "this id is taken by another rule; choose a new one".to_owned(),
        }),
        None => Ok(()),
    }
}

fn resolve(file: &str, raw: RawRule) -> Result<Rule, RulesError> {
    let fail = |message: String| RulesError::Rule { file: file.to_owned(), id: raw.id.clone(), message };
    if raw.id.is_empty() || raw.id.contains(|c: char| c == ',' || c.is_whitespace()) {
        return Err(fail("an id is a word without commas".to_owned()));
    }
    let workload = Workload::parse(&raw.workload)
        .filter(|w| !matches!(w, Workload::Other | Workload::Unknown))
        .ok_or_else(|| {
            fail(format!("unknown workload {:?}; use one of those `--workload` takes", raw.workload))
        })?;
    let strength = Strength::parse(&raw.strength).filter(|s| *s != Strength::None).ok_or_else(|| {
        fail(format!("strength {:?} is not definitive, strong, medium or weak", raw.strength))
    })?;
    if raw.when.is_empty() {
        return Err(fail("a rule needs at least one [[rule.when]]".to_owned()));
    }
    let when = raw.when.iter().map(|table| condition(table).map_err(&fail)).collect::<Result<_, _>>()?;
    Ok(Rule { id: raw.id.clone(), workload, strength, about: raw.about, source: raw.source, when })
}

fn condition(table: &BTreeMap<String, Vec<String>>) -> Result<Condition, String> {
    let known = |name: &str| {
        field(name).ok_or_else(|| {
            let names: Vec<&str> = FIELDS.iter().map(|(n, _)| *n).collect();
            format!("unknown field {name:?}; the fields are {}", names.join(", "))
        })
    };
    let mut found = Condition { any_of: Vec::new(), absent: Vec::new() };
    for (name, values) in table {
        if name == "absent" {
            found.absent = values.iter().map(|v| known(v)).collect::<Result<_, _>>()?;
        } else {
            found.any_of.push((known(name)?, values.iter().map(|v| pattern(v)).collect::<Result<_, _>>()?));
        }
    }
    if found.any_of.is_empty() {
        return Err("a [[rule.when]] needs at least one field that is present".to_owned());
    }
    Ok(found)
}

fn pattern(text: &str) -> Result<Pattern, String> {
    match text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')) {
        Some(regex) => Regex::new(regex).map(Pattern::Regex).map_err(|e| format!("{text}: {e}")),
        None => Ok(Pattern::Exactly(text.to_owned())),
    }
}
