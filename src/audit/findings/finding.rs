//! Findings, and the identity that each keeps from run to run.

use std::collections::BTreeMap;

use super::calls::{Calls, FindingContext};
use super::coverage::coverage_of;
use super::draft::{Draft, FindingRecord, some_of};
use super::rule::{FindingRule, FindingSeverity};
use crate::base::stable_hash;
use crate::model::EventTime;

/// Findings of one rule that are kept: those with the smallest ids.
pub const FINDINGS_PER_RULE: usize = 1_000;

/// What is to be done about a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FindingStatus {
    /// It stands.
    Open,
    /// What it rests on is not all known.
    Undecidable,
    /// The user's mute file says that it is accepted.
    Muted,
}

impl FindingStatus {
    /// The value of the column `status`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Undecidable => "undecidable",
            Self::Muted => "muted",
        }
    }
}

/// A finding.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Finding {
    /// The same in every run: a hash of the rule and of what the finding is about.
    pub id: String,
    /// Its rule.
    pub rule: &'static FindingRule,
    /// What is to be done about it.
    pub status: FindingStatus,
    /// ARN of the key, or its id or alias.
    pub key: Option<String>,
    /// The principal.
    pub principal: Option<String>,
    /// Id of the grant.
    pub grant: Option<String>,
    /// What else it is about: a trail, an account.
    pub resource: Option<String>,
    /// What was found, with names and dates.
    pub detail: String,
    /// How many records show it.
    pub evidence_count: u64,
    /// Some of them: the first and the last, by time.
    pub evidence: Vec<FindingRecord>,
    /// `eventTime` of the first and the last of them.
    pub times: Option<(EventTime, EventTime)>,
    /// What a finding that something did not happen rests on.
    pub coverage: Option<String>,
    /// Why it is muted, or why its mute no longer counts.
    pub mute: Option<String>,
}

impl Finding {
    fn new(rule: &'static FindingRule, draft: Draft, seen: &Calls<'_>) -> Self {
        let coverage = rule.is_negative.then(|| coverage_of(seen, draft.key.as_deref()));
        let detail = match &draft.undecidable {
            Some(why) => format!("{} {why}", draft.detail),
            None => draft.detail.clone(),
        };
        Self {
            id: id_of(rule, &draft),
            rule,
            status: if draft.undecidable.is_some() {
                FindingStatus::Undecidable
            } else {
                FindingStatus::Open
            },
            key: draft.key,
            principal: draft.principal,
            grant: draft.grant,
            resource: draft.resource,
            detail,
            evidence_count: draft.count,
            evidence: some_of(draft.records),
            times: draft.times,
            coverage,
            mute: None,
        }
    }

    /// The records as JSON text: event id, archive, offset.
    pub fn evidence_json(&self) -> String {
        // A list of texts and numbers is always written.
        serde_json::to_string(&self.evidence).unwrap_or_default()
    }
}

/// No times and no counts: the same in a longer input.
fn id_of(rule: &FindingRule, draft: &Draft) -> String {
    // Who stopped a trail first may change with the input.
    let principal = draft.principal.as_deref().filter(|_| !rule.id.starts_with("trail-"));
    let name = (rule.id, &draft.key, principal, &draft.grant, &draft.resource, &draft.subject);
    format!("{:016x}{:016x}", stable_hash(0, &name), stable_hash(1, &name))
}

/// What all rules found.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Findings {
    /// The worst first; then by rule, key, principal and grant.
    pub list: Vec<Finding>,
    /// How many there were beyond those that are kept, by rule.
    pub left_out: BTreeMap<&'static str, u64>,
}

impl Findings {
    pub(super) fn of(rules: &[&'static FindingRule], context: FindingContext<'_>) -> Self {
        let seen = Calls::new(context);
        let mut findings = Self::default();
        for rule in rules {
            let mut drafts = (rule.find)(&seen);
            if drafts.len() > FINDINGS_PER_RULE {
                let left_out = (drafts.len() - FINDINGS_PER_RULE) as u64;
                findings.left_out.insert(rule.id, left_out);
                drafts.sort_by_cached_key(|draft| id_of(rule, draft));
                drafts.truncate(FINDINGS_PER_RULE);
            }
            findings.list.extend(drafts.into_iter().map(|draft| Finding::new(rule, draft, &seen)));
        }
        findings.list.sort_by(|a, b| {
            fn place(f: &Finding) -> (FindingSeverity, &str, [Option<&str>; 3], &str) {
                let names = [&f.key, &f.principal, &f.grant].map(Option::as_deref);
                (f.rule.severity, f.rule.id, names, &f.id)
            }
            place(a).cmp(&place(b))
        });
        findings
    }

    /// Findings that were read back, in their order.
    pub fn from_list(list: Vec<Finding>) -> Self {
        Self { list, left_out: BTreeMap::new() }
    }

    /// How many findings of each severity have this status.
    pub fn count(&self, status: FindingStatus) -> BTreeMap<FindingSeverity, u64> {
        let mut counts = BTreeMap::new();
        for finding in self.list.iter().filter(|finding| finding.status == status) {
            *counts.entry(finding.rule.severity).or_default() += 1;
        }
        counts
    }

    /// How many open findings are this bad, or worse.
    pub fn open(&self, severity: FindingSeverity) -> u64 {
        self.count(FindingStatus::Open).range(..=severity).map(|(_, n)| n).sum()
    }
}
