//! Policies of model package groups.

use super::super::json::{self, Json};
use super::rights::{InForce, Rights};
use super::rows::Row;
use super::shares::Share;
use super::{Call, Consumer, account_of, consumer, consumer_account, stay};
use std::collections::{BTreeMap, BTreeSet};

/// What one call sets.
struct Version<'c> {
    call: &'c Call,
    lets_in: BTreeMap<Consumer, BTreeSet<String>>,
}

/// The policy of a resource, with all calls that set or delete it.
pub struct Policy<'c> {
    pub resource: String,
    calls: Vec<&'c Call>,
    versions: Vec<Version<'c>>,
    pub share: Option<String>,
    pub name: Option<String>,
    pub feature_set: Option<String>,
    pub promotion: Option<(String, Option<String>)>,
    pub answers: BTreeMap<String, &'c Call>,
}

fn resource_of(call: &Call) -> Option<String> {
    let is_policy = ["PutModelPackageGroupPolicy", "DeleteModelPackageGroupPolicy"].contains(&&*call.name);
    let name = call.asked(&["modelPackageGroupName"]).filter(|_| is_policy && call.is_success())?;
    let owner = call.caller.as_ref()?;
    let own = format!("arn:aws:sagemaker:{}:{owner}:model-package-group/{name}", call.region);
    call.answered(&["modelPackageGroupArn"]).or(Some(own))
}

fn is_put(call: &Call) -> bool {
    call.name.starts_with("Put")
}

fn texts(value: &Json) -> Vec<String> {
    value.text().into_iter().chain(value.elements().iter().filter_map(Json::text)).collect()
}

fn lets_in(call: &Call) -> BTreeMap<Consumer, BTreeSet<String>> {
    let unknown = || BTreeMap::from([(("unknown".to_owned(), "unknown"), BTreeSet::new())]);
    let Some(Ok(policy)) = call.asked(&["resourcePolicy"]).map(|text| json::parse(text.as_bytes())) else {
        return unknown();
    };
    let mut found: BTreeMap<Consumer, BTreeSet<String>> = BTreeMap::new();
    for statement in policy.get("Statement").map(Json::elements).unwrap_or_default() {
        let principal = statement.get("Principal").expect("a resource policy has principals");
        for name in texts(principal.get("AWS").unwrap_or(principal)) {
            let actions = found.entry(consumer(&name)).or_default();
            actions.extend(statement.get("Action").map(texts).unwrap_or_default());
        }
    }
    found
}

pub fn all(calls: &[Call]) -> Vec<Policy<'_>> {
    let mut by: BTreeMap<String, Policy<'_>> = BTreeMap::new();
    for call in calls {
        let Some(resource) = resource_of(call) else { continue };
        let policy = by.entry(resource.to_lowercase()).or_insert_with(|| Policy {
            resource,
            calls: Vec::new(),
            versions: Vec::new(),
            share: None,
            name: None,
            feature_set: None,
            promotion: None,
            answers: BTreeMap::new(),
        });
        policy.calls.push(call);
        if is_put(call) {
            policy.versions.push(Version { call, lets_in: lets_in(call) });
        }
    }
    by.into_values().collect()
}

impl<'c> Policy<'c> {
    /// Whether it was in force at a time, with a version that can be promoted, if it must.
    pub fn was_in_force(&self, time: i64, must_be_promotable: bool) -> bool {
        let ends_after = |call: &Call| {
            let mut later = self.calls.iter().filter(|other| (other.time, &other.id) > (call.time, &call.id));
            later.next().is_none_or(|next| time <= next.time)
        };
        let can_be = |version: &Version<'_>| {
            let is_refused = |(consumer, actions): (&Consumer, &BTreeSet<String>)| {
                consumer.1 == "role" || actions.contains("*")
            };
            !version.lets_in.iter().any(is_refused)
        };
        let before = self.calls.first().filter(|call| !is_put(call)).is_some_and(|call| time <= call.time);
        before
            || self.versions.iter().any(|version| {
                version.call.time <= time
                    && ends_after(version.call)
                    && (!must_be_promotable || can_be(version))
            })
    }

    pub fn lets_in(&self, account: &str) -> bool {
        self.versions.iter().flat_map(|version| version.lets_in.keys()).any(|consumer| {
            ["unknown", "everyone"].contains(&consumer.1)
                || consumer_account(consumer).as_deref() == Some(account)
        })
    }

    /// The share is that of this policy.
    pub fn take(&mut self, share: &Share<'c>) {
        self.share = Some(share.arn.clone());
        self.name = share.name();
        self.feature_set = share.feature_set();
        self.answers = share.answers();
        if let Some(call) = share.promotion() {
            let promotion = if call.is_success() { "done" } else { "failed" };
            self.promotion = Some((promotion.to_owned(), call.error.clone()));
        }
    }

    pub fn rows(&self) -> Vec<Row<'c>> {
        let everybody: BTreeSet<&Consumer> =
            self.versions.iter().flat_map(|version| version.lets_in.keys()).collect();
        everybody.into_iter().map(|consumer| self.row(consumer)).collect()
    }

    fn row(&self, consumer: &Consumer) -> Row<'c> {
        let with: Vec<&Version<'c>> =
            self.versions.iter().filter(|version| version.lets_in.contains_key(consumer)).collect();
        let first = with.first().map_or(i64::MAX, |version| version.call.time);
        let mut puts: Vec<(bool, &Call)> = Vec::new();
        for call in self.calls.iter().filter(|call| call.time >= first) {
            let version = self.versions.iter().find(|version| std::ptr::eq(version.call, *call));
            match version {
                None => puts.push((false, call)),
                Some(version) if version.lets_in.contains_key(consumer) => puts.push((true, call)),
                // Of two policies of one second, nobody knows which came last.
                Some(version) => {
                    let is_tied = self
                        .versions
                        .iter()
                        .any(|other| other.call.time == version.call.time && other.call.id < version.call.id);
                    let is_known = version.lets_in.keys().all(|(_, kind)| *kind != "unknown");
                    if is_known && !is_tied {
                        puts.push((false, call));
                    }
                }
            }
        }
        let stay = stay(&puts);
        let last = with.last().map(|version| version.call.time);
        let at_last = with.iter().filter(|version| Some(version.call.time) == last);
        let actions: BTreeSet<String> =
            at_last.flat_map(|version| version.lets_in[consumer].iter().cloned()).collect();
        let owner = account_of(&self.resource).expect("resources have accounts");
        let external = (consumer.1 == "everyone").then_some(true);
        let rights =
            with.iter().filter(|version| version.call.caller.as_ref() == Some(&owner)).map(|version| {
                let mut later =
                    with.iter().map(|other| other.call.time).filter(|time| *time > version.call.time);
                let actions = version.lets_in[consumer].iter().cloned().collect();
                let rights = if consumer.1 == "unknown" { Rights::Any } else { Rights::Actions(actions) };
                ((Some(version.call.time), later.next()), rights)
            });
        let in_force = InForce { rights: rights.collect(), all_of: vec![stay.periods.clone()] };
        Row {
            share: self.share.clone(),
            name: self.name.clone(),
            made_by: "resource_policy",
            resource: self.resource.clone(),
            kind: "model_package_group".to_owned(),
            external: external.or((consumer_account(consumer).as_ref() == Some(&owner)).then_some(false)),
            owner,
            consumer: consumer.clone(),
            permission: None,
            actions: actions.into_iter().collect(),
            allows_external: None,
            by_default: false,
            feature_set: self.feature_set.clone(),
            promotion: self.promotion.clone(),
            requested: stay.since,
            answer: consumer_account(consumer).and_then(|account| self.answers.get(&account).copied()),
            ended: stay.until,
            in_force,
            uses: Vec::new(),
            refused: 0,
            late: 0,
        }
    }
}
