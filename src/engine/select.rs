//! Which events count: the SELECT options, asked in the order of the accounting.

use std::collections::BTreeSet;

use regex::Regex;
use thiserror::Error;

use crate::model::{EventTime, KmsEvent, Workload, WorkloadSet};

/// KMS APIs to count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventNames {
    /// Every one.
    Any,
    /// These, compared exactly.
    Only(BTreeSet<String>),
}

/// A pattern of `*` and `?` over a whole text; `*` also matches `/` and `:`.
#[derive(Debug, Clone)]
pub struct Pattern {
    regex: Regex,
}

/// A pattern that cannot be used.
#[derive(Debug, Error)]
#[error("pattern {pattern:?} is too long")]
pub struct PatternError {
    pattern: String,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// When it is too long to be matched quickly.
    pub fn new(pattern: &str) -> Result<Self, PatternError> {
        let body = regex::escape(pattern).replace(r"\*", ".*").replace(r"\?", ".");
        Regex::new(&format!("^(?s:{body})$"))
            .map(|regex| Self { regex })
            .map_err(|_| PatternError { pattern: pattern.to_owned() })
    }

    fn matches(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}

/// Which events count.
#[derive(Debug, Clone)]
pub struct Selection {
    /// Whose.
    pub workloads: WorkloadSet,
    /// Which APIs.
    pub events: EventNames,
    /// At or after.
    pub since: Option<EventTime>,
    /// Before.
    pub until: Option<EventTime>,
    /// Accounts of the record; empty: all.
    pub accounts: Vec<String>,
    /// Regions of the record; empty: all.
    pub regions: Vec<String>,
    /// Patterns on key ARN, id, alias, or a ReEncrypt's destination; empty: all.
    pub keys: Vec<Pattern>,
    /// Patterns on the principal; empty: all.
    pub principals: Vec<Pattern>,
}

impl Selection {
    /// The APIs counted by default.
    pub const DEFAULT_EVENTS: [&str; 4] =
        ["CreateGrant", "GenerateDataKey", "Decrypt", "GenerateDataKeyWithoutPlaintext"];

    /// The workloads counted by default.
    pub const DEFAULT_WORKLOADS: [Workload; 6] = [
        Workload::Geospatial,
        Workload::Canvas,
        Workload::CanvasForecast,
        Workload::Forecast,
        Workload::FeatureStoreOffline,
        Workload::FeatureStoreOnline,
    ];

    /// Whether the API is asked for.
    pub(super) fn wants_name(&self, name: &str) -> bool {
        match &self.events {
            EventNames::Any => true,
            EventNames::Only(names) => names.contains(name),
        }
    }

    /// Whether time, account, region and principal are asked for; what else is known of the event
    /// cannot change that.
    pub(super) fn wants_record(&self, event: &KmsEvent<'_>) -> bool {
        let listed = |list: &[String], value: Option<&str>| {
            list.is_empty() || value.is_some_and(|value| list.iter().any(|item| item == value))
        };
        self.since.is_none_or(|since| event.time >= since)
            && self.until.is_none_or(|until| event.time < until)
            && listed(&self.accounts, event.account())
            && listed(&self.regions, Some(&event.region))
            && (self.principals.is_empty()
                || self.principals.iter().any(|p| p.matches(&event.principal.name)))
    }

    /// Whether the key is asked for.
    pub(super) fn wants_key(&self, event: &KmsEvent<'_>) -> bool {
        let names = [&event.key.arn, &event.key.id, &event.key.alias, &event.destination_key_arn];
        self.keys.is_empty()
            || names.into_iter().flatten().any(|name| self.keys.iter().any(|pattern| pattern.matches(name)))
    }
}

impl Default for Selection {
    fn default() -> Self {
        let mut workloads = WorkloadSet::default();
        Self::DEFAULT_WORKLOADS.into_iter().for_each(|workload| workloads.insert(workload));
        Self {
            workloads,
            events: EventNames::Only(Self::DEFAULT_EVENTS.map(str::to_owned).into()),
            since: None,
            until: None,
            accounts: Vec::new(),
            regions: Vec::new(),
            keys: Vec::new(),
            principals: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_globs_and_nothing_more() {
        let matches = |pattern: &str, text: &str| Pattern::new(pattern).unwrap().matches(text);
        assert!(matches("*role/service-role/*", "arn:aws:iam::1:role/service-role/R"));
        assert!(matches("mrk-?", "mrk-1") && !matches("mrk-?", "mrk-12"));
        assert!(!matches("a.c", "abc") && matches("a.c", "a.c"));
        assert!(!matches("abc", "xabc") && !matches("[ab]", "a"));
    }
}
