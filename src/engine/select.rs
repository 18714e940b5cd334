//! Which events count: the SELECT options, asked in the order of the accounting.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};

use super::patterns::{KeyPattern, Pattern, PrincipalPattern};
use crate::model::{EventTime, KmsEvent, Served, Workload, WorkloadSet};
use crate::parse;

/// KMS APIs to count.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventNames {
    /// Every one.
    Any,
    /// These, compared exactly.
    Only(BTreeSet<String>),
}

/// Which events count.
#[derive(Debug, Clone)]
#[non_exhaustive]
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
    pub keys: Vec<KeyPattern>,
    /// Patterns on the principal; empty: all.
    pub principals: Vec<PrincipalPattern>,
    /// Patterns on the person or workload behind the principal; empty: all.
    pub users: Vec<Pattern>,
    /// Patterns on the resource or service that the call was for; empty: all.
    pub resources: Vec<Pattern>,
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

    /// Whether time, account and region are asked for.
    pub(super) fn wants_scope(&self, event: &KmsEvent<'_>) -> bool {
        let listed = |list: &[String], value: Option<&str>| {
            list.is_empty() || value.is_some_and(|value| list.iter().any(|item| item == value))
        };
        self.since.is_none_or(|since| event.time >= since)
            && self.until.is_none_or(|until| event.time < until)
            && listed(&self.accounts, event.account())
            && listed(&self.regions, Some(&event.region))
    }

    /// Whether time, account, region, principal and resource are asked for; what else is known of
    /// the event cannot change that.
    pub(super) fn wants_record(&self, event: &KmsEvent<'_>) -> bool {
        self.wants_scope(event)
            && (self.principals.is_empty() || self.principals.iter().any(|p| p.matches(&event.principal)))
            && (self.users.is_empty() || self.users.iter().any(|user| matches_user(user, event)))
            && (self.resources.is_empty()
                || self.resources.iter().any(|wanted| matches_served(wanted, event)))
    }

    /// Whether the key is asked for. `alias_keys` are the keys of the aliases that are asked for.
    pub(super) fn wants_key(&self, event: &KmsEvent<'_>, alias_keys: &HashSet<String>) -> bool {
        let is_key_of_alias =
            |arn: Option<&str>| arn.is_some_and(|arn| !alias_keys.is_empty() && alias_keys.contains(arn));
        self.keys.is_empty()
            || self.keys.iter().any(|pattern| matches_key(pattern, event))
            || is_key_of_alias(event.key.arn.as_deref())
            || is_key_of_alias(event.destination_key_arn.as_deref())
    }

    /// How many values an option has.
    pub(super) fn count(&self, filter: Filter) -> usize {
        match filter {
            Filter::Account => self.accounts.len(),
            Filter::Region => self.regions.len(),
            Filter::Key => self.keys.len(),
            Filter::Principal => self.principals.len(),
            Filter::User => self.users.len(),
            Filter::Resource => self.resources.len(),
        }
    }

    /// Whether the `nth` value of an option matches the event.
    pub(super) fn matches(&self, filter: Filter, nth: usize, event: &KmsEvent<'_>) -> bool {
        match filter {
            Filter::Account => event.account() == Some(self.accounts[nth].as_str()),
            Filter::Region => event.region == self.regions[nth],
            Filter::Key => matches_key(&self.keys[nth], event),
            Filter::Principal => self.principals[nth].matches(&event.principal),
            Filter::User => matches_user(&self.users[nth], event),
            Filter::Resource => matches_served(&self.resources[nth], event),
        }
    }

    /// All values of all options, in the order of [`Filter::ALL`].
    pub(super) fn patterns(&self) -> Vec<(Filter, String)> {
        let mut all = Vec::new();
        let mut add = |filter, text: &str| all.push((filter, text.to_owned()));
        self.accounts.iter().for_each(|account| add(Filter::Account, account));
        self.regions.iter().for_each(|region| add(Filter::Region, region));
        self.keys.iter().for_each(|key| add(Filter::Key, key.as_str()));
        self.principals.iter().for_each(|principal| add(Filter::Principal, principal.as_str()));
        self.users.iter().for_each(|user| add(Filter::User, user.as_str()));
        self.resources.iter().for_each(|wanted| add(Filter::Resource, wanted.as_str()));
        all
    }
}

/// An option that selects events by a list of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Filter {
    /// `--account`
    Account,
    /// `--region`
    Region,
    /// `--key`
    Key,
    /// `--principal`
    Principal,
    /// `--user`
    User,
    /// `--resource`
    Resource,
}

impl Filter {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Account, Self::Region, Self::Key, Self::Principal, Self::User, Self::Resource];

    /// The option.
    pub fn option(self) -> &'static str {
        match self {
            Self::Account => "--account",
            Self::Region => "--region",
            Self::Key => "--key",
            Self::Principal => "--principal",
            Self::User => "--user",
            Self::Resource => "--resource",
        }
    }

    /// What an event has that the option could select.
    pub(super) fn values<'e>(self, event: &'e KmsEvent<'_>) -> impl Iterator<Item = Cow<'e, str>> {
        let texts = match self {
            Self::Account => [event.account(), None, None, None],
            Self::Region => [Some(&*event.region), None, None, None],
            Self::Key => [event.key.arn.as_deref(), event.key.alias.as_deref(), None, None],
            Self::Principal => [Some(&*event.principal.name), None, None, None],
            Self::User => event.principal.users(),
            Self::Resource => {
                let Served { service, resource, .. } = event.served();
                return [resource, service, None, None].into_iter().flatten();
            }
        };
        texts.map(|text| text.map(Cow::Borrowed)).into_iter().flatten()
    }
}

fn matches_key(pattern: &KeyPattern, event: &KmsEvent<'_>) -> bool {
    let alias = event.key.alias.is_some().then(|| parse::alias_arn(event)).flatten();
    pattern.matches(event, alias.as_deref())
}

fn matches_user(pattern: &Pattern, event: &KmsEvent<'_>) -> bool {
    event.principal.users().into_iter().flatten().any(|user| pattern.matches(user))
}

fn matches_served(pattern: &Pattern, event: &KmsEvent<'_>) -> bool {
    let Served { service, resource, .. } = event.served();
    [service, resource].into_iter().flatten().any(|text| pattern.matches(&text))
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
            users: Vec::new(),
            resources: Vec::new(),
        }
    }
}
