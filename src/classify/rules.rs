//! The rule file: reading it, and asking its questions of an event.

use std::collections::{BTreeMap, HashSet};

use serde::Deserialize;
use thiserror::Error;

use super::pattern::Pattern;
use crate::model::{KmsEvent, LearnedRule, Strength, Text, Workload, normal_service};

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

impl Field {
    fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// An event as the rules see it.
pub(super) struct Facts<'e> {
    event: &'e KmsEvent<'e>,
    /// By field; those that are services have their own way.
    texts: [Option<&'e str>; FIELDS.len()],
    /// A bit for each field the event has.
    present: u16,
}

impl<'e> Facts<'e> {
    pub(super) fn new(event: &'e KmsEvent<'e>) -> Self {
        // In the order of `Field`. A service is present in whatever spelling.
        let grant_principal = event.grantee_principal.as_deref().or(event.retiring_principal.as_deref());
        let invoked_by = event.principal.invoked_by.as_deref();
        let texts = [
            Some(&*event.name),
            Some(&*event.principal.name),
            Some(&*event.principal.kind),
            event.principal.role_name(),
            event.principal.session_name.as_deref(),
            invoked_by,
            invoked_by.or(event.source_ip.as_deref()).or(event.user_agent.as_deref()),
            grant_principal,
            event.key.arn.as_deref(),
            event.s3_bucket.as_deref(),
            event.s3_object_key.as_deref(),
            event.log_delivery.then_some("true"),
        ];
        let present = texts.iter().rev().fold(0, |bits, text| bits << 1 | u16::from(text.is_some()));
        Self { event, texts, present }
    }

    fn any(&self, field: Field, mut holds: impl FnMut(&str) -> bool) -> bool {
        let event = self.event;
        match field {
            Field::Service => {
                let by = event.principal.invoked_by.as_deref(); // normal as it stands
                by.is_some_and(&mut holds) || services([&event.source_ip, &event.user_agent], holds)
            }
            Field::GrantPrincipal => services([&event.grantee_principal, &event.retiring_principal], holds),
            one => self.texts.get(one as usize).copied().flatten().is_some_and(holds),
        }
    }
}

/// Whether it holds for any of the texts, normalised as service names.
fn services(texts: [&Option<Text<'_>>; 2], mut holds: impl FnMut(&str) -> bool) -> bool {
    texts.into_iter().flatten().any(|text| holds(&normal_service(Text::Borrowed(text))))
}

#[derive(Debug)]
struct Condition {
    /// Cheap comparisons first.
    any_of: Vec<(Field, Vec<Pattern>)>,
    /// None of these may match.
    none_of: Vec<(Field, Vec<Pattern>)>,
    /// A bit for each field of `any_of`.
    needs: u16,
    /// A bit for each field that must be absent.
    forbids: u16,
}

impl Condition {
    fn holds(&self, facts: &Facts<'_>) -> bool {
        let matches = |(field, patterns): &(Field, Vec<Pattern>)| {
            facts.any(*field, |text| patterns.iter().any(|pattern| pattern.matches(text)))
        };
        self.needs & !facts.present == 0
            && self.forbids & facts.present == 0
            && self.any_of.iter().all(matches)
            && !self.none_of.iter().any(matches)
    }
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
    /// It is built in; else the user's own.
    pub built_in: bool,
    when: Vec<Condition>,
}

impl Rule {
    #[inline]
    pub(super) fn fires(&self, facts: &Facts<'_>) -> bool {
        self.when.iter().any(|condition| condition.holds(facts))
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
    when: Vec<RawCondition>,
}

#[derive(Deserialize)]
struct RawCondition {
    /// Fields that must be absent.
    #[serde(default)]
    absent: Vec<String>,
    /// Texts that these fields must not have, where they are present.
    #[serde(default)]
    not: BTreeMap<String, Vec<String>>,
    #[serde(flatten)]
    fields: BTreeMap<String, Vec<String>>,
}

pub(super) fn read(file: &str, text: &str, built_in: bool) -> Result<Vec<Rule>, RulesError> {
    let raw: RawFile = toml::from_str(text).map_err(|e| RulesError::Form {
        file: file.to_owned(),
        message: e.to_string().trim_end().to_owned(),
    })?;
    let rules: Vec<Rule> =
        raw.rule.into_iter().map(|rule| resolve(file, rule, built_in)).collect::<Result<_, _>>()?;
    unique_ids(file, &rules)?;
    Ok(rules)
}

pub(super) fn unique_ids(file: &str, rules: &[Rule]) -> Result<(), RulesError> {
    let mut seen: HashSet<&str> = LearnedRule::ALL.iter().map(|rule| rule.facts().id).collect();
    match rules.iter().find(|rule| !seen.insert(rule.id.as_str())) {
        Some(rule) => Err(RulesError::Rule {
            file: file.to_owned(),
            id: rule.id.clone(),
            message: "this id is taken by another rule; choose a new one".to_owned(),
        }),
        None => Ok(()),
    }
}

fn resolve(file: &str, raw: RawRule, built_in: bool) -> Result<Rule, RulesError> {
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
    let when = raw.when.iter().map(|raw| condition(raw).map_err(&fail)).collect::<Result<_, _>>()?;
    Ok(Rule { id: raw.id.clone(), workload, strength, about: raw.about, source: raw.source, built_in, when })
}

fn condition(raw: &RawCondition) -> Result<Condition, String> {
    let known = |name: &str| {
        field(name).ok_or_else(|| {
            let names: Vec<&str> = FIELDS.iter().map(|(n, _)| *n).collect();
            format!("unknown field {name:?}; the fields are {}", names.join(", "))
        })
    };
    let patterns = |(name, values): (&String, &Vec<String>)| {
        let patterns = values.iter().map(|value| Pattern::new(value)).collect::<Result<Vec<_>, _>>()?;
        Ok::<_, String>((known(name)?, patterns))
    };
    let forbids = raw.absent.iter().try_fold(0, |bits, name| known(name).map(|field| bits | field.bit()))?;
    let mut any_of = raw.fields.iter().map(patterns).collect::<Result<Vec<_>, _>>()?;
    let none_of = raw.not.iter().map(patterns).collect::<Result<Vec<_>, _>>()?;
    if any_of.is_empty() {
        return Err("a [[rule.when]] needs at least one field that is present".to_owned());
    }
    any_of.sort_by_key(|(field, patterns)| {
        let derived = matches!(field, Field::Service | Field::GrantPrincipal);
        (derived, !patterns.iter().all(Pattern::is_cheap))
    });
    let needs = any_of.iter().fold(0, |bits, (field, _)| bits | field.bit());
    Ok(Condition { any_of, none_of, needs, forbids })
}
