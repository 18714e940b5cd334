//! One share of one resource with one consumer.

use std::collections::BTreeSet;

use super::consumer::Consumer;
use super::resource::is_customers;
use super::scope::InForce;
use crate::aggregate::grants::Change;
use crate::model::EventTime;
use crate::policy::matches_pattern;

/// What became of a share, as far as the input shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ShareState {
    /// Somebody asked for it.
    Requested,
    /// RAM calls the consumer external, so it was invited; no answer is known.
    Invited,
    /// The consumer accepted the invitation.
    Accepted,
    /// The consumer rejected it.
    Rejected,
    /// The invitation had expired when the consumer answered.
    Expired,
    /// A call of the consumer succeeded.
    Effective,
    /// The share was deleted, or the resource, the consumer or the policy was taken out of it.
    Ended,
}

impl ShareState {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Requested,
        Self::Invited,
        Self::Accepted,
        Self::Rejected,
        Self::Expired,
        Self::Effective,
        Self::Ended,
    ];

    /// The value of the column `state`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Invited => "invited",
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Effective => "effective",
            Self::Ended => "ended",
        }
    }
}

/// What made a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum MadeBy {
    /// A share of AWS RAM.
    Ram,
    /// A policy of the resource.
    ResourcePolicy,
    /// The policy of a key: of the resource itself, or of what it stores.
    KeyPolicy,
}

impl MadeBy {
    /// The value of the column `made_by`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ram => "ram",
            Self::ResourcePolicy => "resource_policy",
            Self::KeyPolicy => "key_policy",
        }
    }
}

/// What a share lets its consumers do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Permission {
    /// ARN of the permission, or the name of the default one.
    pub name: String,
    /// `permissionVersion`; `None`: the default version, or not known.
    pub version: Option<String>,
    /// The share names none.
    pub is_default: bool,
}

/// What became of the promotion of a share that a policy made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Promotion {
    /// Only its permission was promoted.
    PermissionOnly,
    /// The share was promoted.
    Done,
    /// It failed, with this error code.
    Failed(String),
}

impl Promotion {
    /// The value of the column `promotion`.
    pub fn as_str(&self) -> &str {
        match self {
            Self::PermissionOnly => "permission_only",
            Self::Done => "done",
            Self::Failed(_) => "failed",
        }
    }

    /// Whether it failed as it does for a role principal and for `Action: "*"`: the resource can
    /// be used, but not found.
    ///
    /// Source: [promote your permission and resource
    /// share](https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry-ram-promote.html).
    pub fn is_not_permitted(&self) -> bool {
        matches!(self, Self::Failed(code) if code == "OperationNotPermitted")
    }
}

/// One share of one resource with one consumer.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Share {
    /// ARN of the share; `None`: a policy made it, or the record does not show it.
    pub share: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// What made it.
    pub made_by: MadeBy,
    /// ARN of the resource, or `unknown`, or `none` yet.
    pub resource: String,
    /// See [`resource_kind`](super::resource_kind).
    pub kind: String,
    /// The account that shares.
    pub owner: String,
    /// With whom.
    pub consumer: Consumer,
    /// What it allows; `None`: not known.
    pub permission: Option<Permission>,
    /// The actions that a policy allows, as it spells them.
    pub actions: BTreeSet<String>,
    /// `allowExternalPrincipals`; `None`: not known, or made by a policy.
    pub allows_external: Option<bool>,
    /// The creator did not say so: external principals are allowed by default.
    pub allows_external_by_default: bool,
    /// Whether the consumer is outside the owner's organization; `None`: not known.
    pub external: Option<bool>,
    /// `featureSet`; `None`: not known.
    pub feature_set: Option<String>,
    /// What became of it.
    pub state: ShareState,
    /// Whether its promotion was asked for.
    pub promotion: Option<Promotion>,
    /// Something was promoted that may be it, or may be another.
    pub may_be_promoted: bool,
    /// The first call that names it.
    pub seen: Option<Change>,
    /// The call that asked for it.
    pub requested: Option<Change>,
    /// The answer to the invitation.
    pub answered: Option<Change>,
    /// Whether that was to accept it.
    pub(super) is_accepted: bool,
    /// The call that ended it.
    pub ended: Option<Change>,
    /// Successful calls of the consumer on the resource, up to a grace after its end.
    pub uses: u64,
    /// Those that were refused.
    pub refused: u64,
    /// `eventTime` of the first and the last successful call.
    pub use_times: Option<(EventTime, EventTime)>,
    /// Successful calls later than that.
    pub late_uses: u64,
    /// `eventTime` of the last of them.
    pub last_late_use: Option<EventTime>,
    /// Those of the late calls that no other share explains: how many, and `eventTime` of the last.
    pub unexplained_late: Option<(u64, EventTime)>,
    /// When it was in force, and for what.
    pub(super) in_force: InForce,
    /// What is uncertain.
    pub notes: BTreeSet<String>,
    /// Ids of records that show it.
    pub evidence: BTreeSet<String>,
}

impl Share {
    /// Bytes of its longest texts.
    pub(super) fn text_bytes(&self) -> usize {
        let texts = [&self.share, &self.name, &self.feature_set].into_iter().flatten();
        let lists = self.actions.iter().chain(&self.notes).chain(&self.evidence);
        let permission = self.permission.iter().map(|permission| &permission.name);
        let named = [&self.resource, &self.owner, &self.consumer.name].into_iter().chain(permission);
        let changes = [&self.seen, &self.requested, &self.answered, &self.ended].into_iter().flatten();
        let of_changes: usize = changes.map(|change| change.principal.len()).sum();
        of_changes + texts.chain(lists).chain(named).map(String::len).sum::<usize>()
    }

    /// Whether the consumer can find the resource; `None`: not known.
    pub fn is_discoverable(&self) -> Option<bool> {
        use ShareState::{Ended, Expired, Invited, Rejected, Requested};
        if matches!(self.state, Ended | Rejected | Expired) {
            return Some(false);
        }
        match &self.promotion {
            Some(Promotion::PermissionOnly) => return Some(false),
            Some(promotion) if promotion.is_not_permitted() => return Some(false),
            Some(Promotion::Done) => {
                return (self.is_accepted || self.consumer.account().is_none()).then_some(true);
            }
            // Who had no right to promote it says nothing of the share.
            Some(Promotion::Failed(_)) | None => {}
        }
        match self.made_by {
            MadeBy::ResourcePolicy if self.cannot_be_promoted() => Some(false),
            MadeBy::ResourcePolicy | MadeBy::KeyPolicy => None,
            MadeBy::Ram if self.feature_set.as_deref() == Some("CREATED_FROM_POLICY") => Some(false),
            // A custom permission must be promoted first.
            MadeBy::Ram if self.has_custom_permission() => None,
            MadeBy::Ram if matches!(self.state, Requested | Invited) => None,
            MadeBy::Ram => self.is_accepted.then_some(true),
        }
    }

    /// Whether the consumer can use the resource, as far as the share goes; `None`: not known.
    pub fn is_accessible(&self) -> Option<bool> {
        match self.state {
            ShareState::Effective => Some(true),
            ShareState::Ended | ShareState::Rejected | ShareState::Expired => Some(false),
            _ => self.promotion.as_ref().filter(|promotion| promotion.is_not_permitted()).map(|_| true),
        }
    }

    /// The call that accepted the invitation.
    pub fn accepted(&self) -> Option<&Change> {
        let is_accepted = self.is_accepted;
        self.answered.as_ref().filter(|_| is_accepted)
    }

    /// Whether its permission is one that a customer made.
    pub fn has_custom_permission(&self) -> bool {
        self.permission.as_ref().is_some_and(|permission| is_customers(&permission.name))
    }

    /// Whether the consumer rejected it, or let the invitation expire.
    pub(super) fn is_declined(&self) -> bool {
        self.answered.is_some() && !self.is_accepted
    }

    /// Whether a policy allows every action, or every action of SageMaker.
    pub fn allows_everything(&self) -> bool {
        let is_all = |pattern: &String| {
            let (service, name) = pattern.split_once(':').unwrap_or(("sagemaker", pattern));
            matches_pattern(service, "sagemaker") && !name.is_empty() && name.bytes().all(|byte| byte == b'*')
        };
        self.actions.iter().any(is_all)
    }

    /// Whether AWS RAM refuses to promote such a policy: it has a role or a user as its principal,
    /// or allows every action.
    pub fn cannot_be_promoted(&self) -> bool {
        use super::consumer::ConsumerKind::{Role, User};
        self.made_by == MadeBy::ResourcePolicy
            && (self.actions.contains("*") || matches!(self.consumer.kind, Role | User))
    }
}
