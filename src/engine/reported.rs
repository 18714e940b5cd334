//! Which events of a finished report are asked for.

use std::collections::HashSet;

use super::select::{EventNames, Selection};
use crate::model::{EventTime, Principal, WorkloadSet};

/// What a row of a report tells of an event.
#[derive(Debug)]
#[non_exhaustive]
pub struct ReportedEvent<'r> {
    /// When the call completed.
    pub time: EventTime,
    /// The KMS API.
    pub name: &'r str,
    /// Its workloads: more than one if they are equally likely.
    pub workloads: WorkloadSet,
    /// The account of the record, else the caller's.
    pub account: Option<&'r str>,
    /// The Region of the record.
    pub region: &'r str,
    /// The caller, without its unique id, which a report does not have.
    pub principal: Principal<'r>,
    /// ARN and id of the key, and the ARN of the key that `ReEncrypt` encrypts with.
    pub keys: [Option<&'r str>; 3],
    /// The alias that the call named.
    pub alias: Option<&'r str>,
    /// The service and the resource that the call was for.
    pub served: [Option<&'r str>; 2],
}

impl Selection {
    /// Whether an alias is asked for: then so are the keys that it pointed to.
    pub fn wants_alias(&self, alias: &str) -> bool {
        self.keys.iter().any(|pattern| pattern.matches_alias(alias))
    }

    /// Whether an event of a report is asked for. `alias_keys` are the ARNs of the keys whose alias
    /// is [asked for](Self::wants_alias).
    pub fn wants_reported(&self, event: &ReportedEvent<'_>, alias_keys: &HashSet<String>) -> bool {
        let listed = |list: &[String], value: Option<&str>| {
            list.is_empty() || value.is_some_and(|value| list.iter().any(|item| item == value))
        };
        let has_name = match &self.events {
            EventNames::Any => true,
            EventNames::Only(names) => names.contains(event.name),
        };
        let key_names = || event.keys.into_iter().chain([event.alias]).flatten();
        let has_key = || {
            self.keys.iter().any(|pattern| key_names().any(|name| pattern.matches_key(name)))
                || event.alias.is_some_and(|alias| self.wants_alias(alias))
                || event.keys.into_iter().flatten().any(|key| alias_keys.contains(key))
        };
        let is_served = || {
            let named = || event.served.into_iter().flatten();
            self.resources.iter().any(|pattern| named().any(|text| pattern.matches(text)))
        };
        let has_user = || {
            let users = || event.principal.users().into_iter().flatten();
            self.users.iter().any(|pattern| users().any(|user| pattern.matches(user)))
        };
        has_name
            && self.workloads.intersects(event.workloads)
            && self.since.is_none_or(|since| event.time >= since)
            && self.until.is_none_or(|until| event.time < until)
            && listed(&self.accounts, event.account)
            && listed(&self.regions, Some(event.region))
            && (self.keys.is_empty() || has_key())
            && (self.principals.is_empty() || self.principals.iter().any(|p| p.matches(&event.principal)))
            && (self.users.is_empty() || has_user())
            && (self.resources.is_empty() || is_served())
    }
}
