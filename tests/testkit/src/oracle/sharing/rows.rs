//! A row of `shares.parquet`.

use super::super::record::time_text;
use super::rights::InForce;
use super::{Call, Consumer, consumer_account};
use serde_json::{Value, json};

pub struct Row<'c> {
    pub share: Option<String>,
    pub name: Option<String>,
    pub made_by: &'static str,
    pub resource: String,
    pub kind: String,
    pub owner: String,
    pub consumer: Consumer,
    pub permission: Option<(String, Option<String>)>,
    pub actions: Vec<String>,
    pub allows_external: Option<bool>,
    pub by_default: bool,
    pub external: Option<bool>,
    pub feature_set: Option<String>,
    /// What became of it, and why it failed.
    pub promotion: Option<(String, Option<String>)>,
    pub requested: Option<&'c Call>,
    pub answer: Option<&'c Call>,
    pub ended: Option<&'c Call>,
    pub in_force: InForce,
    pub uses: Vec<i64>,
    pub refused: u64,
    pub late: u64,
}

impl Row<'_> {
    /// Resource, share, consumer.
    pub fn order(&self) -> (&str, Option<&str>, &Consumer) {
        (&self.resource, self.share.as_deref(), &self.consumer)
    }

    fn is_accepted(&self) -> bool {
        self.answer.is_some_and(|call| call.name == "AcceptResourceShareInvitation")
    }

    fn state(&self) -> &'static str {
        match self.answer {
            _ if self.ended.is_some() => "ended",
            Some(_) if !self.is_accepted() => "rejected",
            _ if !self.uses.is_empty() => "effective",
            Some(_) => "accepted",
            None if self.external == Some(true) && self.consumer.1 == "account" => "invited",
            None => "requested",
        }
    }

    /// The consumer did not want it: it explains nothing.
    pub fn is_declined(&self) -> bool {
        self.answer.is_some() && !self.is_accepted()
    }

    fn is_over(&self) -> bool {
        ["ended", "rejected"].contains(&self.state())
    }

    fn discoverable(&self) -> Option<bool> {
        let is_custom =
            |name: &String| name.contains(":permission/") && !name.contains(":ram::aws:permission/");
        let is_refused = self.actions.contains(&"*".to_owned()) || self.consumer.1 == "role";
        let is_forbidden = self.is_forbidden();
        match self.promotion.as_ref().map(|(promotion, _)| promotion.as_str()) {
            _ if self.is_over() => Some(false),
            Some("done") => {
                (self.is_accepted() || consumer_account(&self.consumer).is_none()).then_some(true)
            }
            Some("permission_only") => Some(false),
            _ if is_forbidden => Some(false),
            _ if self.made_by == "resource_policy" => is_refused.then_some(false),
            _ if self.permission.as_ref().is_some_and(|(name, _)| is_custom(name)) => None,
            _ => self.is_accepted().then_some(true),
        }
    }

    /// AWS RAM says that it cannot be promoted.
    fn is_forbidden(&self) -> bool {
        self.promotion.as_ref().is_some_and(|(_, code)| code.as_deref() == Some("OperationNotPermitted"))
    }

    fn accessible(&self) -> Option<bool> {
        match self.state() {
            "effective" => Some(true),
            _ if self.is_over() => Some(false),
            _ => self.is_forbidden().then_some(true),
        }
    }

    pub fn value(&self) -> Value {
        let time = |call: Option<&Call>| call.map(|call| time_text(call.time));
        let by = |call: Option<&Call>| call.map(|call| call.principal.clone());
        let api = |call: Option<&Call>| call.map(|call| call.name.clone());
        let (permission, version) = self.permission.clone().unzip();
        let actions = (!self.actions.is_empty()).then(|| self.actions.join(","));
        json!({
            "share_arn": self.share, "share_name": self.name, "made_by": self.made_by,
            "resource_arn": self.resource, "resource_kind": self.kind, "owner_account_id": self.owner,
            "consumer": self.consumer.0, "consumer_kind": self.consumer.1,
            "permission": permission, "permission_version": version.flatten(), "actions": actions,
            "allows_external": self.allows_external, "allows_external_by_default": self.by_default,
            "external": self.external, "feature_set": self.feature_set, "state": self.state(),
            "promotion": self.promotion.as_ref().map(|(promotion, _)| promotion), "discoverable": self.discoverable(), "accessible": self.accessible(),
            "requested_time": time(self.requested), "requested_by": by(self.requested),
            "requested_event_name": api(self.requested),
            "accepted_time": time(self.answer.filter(|_| self.is_accepted())),
            "answered_time": time(self.answer), "answered_by": by(self.answer),
            "ended_time": time(self.ended), "ended_by": by(self.ended), "ended_event_name": api(self.ended),
            "use_count": self.uses.len(), "refused_count": self.refused, "late_use_count": self.late,
            "first_use_time": self.uses.iter().min().map(|time| time_text(*time)),
            "last_use_time": self.uses.iter().max().map(|time| time_text(*time)),
        })
    }
}
