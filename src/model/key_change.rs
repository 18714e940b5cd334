//! What was done to a key, or to its grants, so that who may use the key changes.

use serde::{Deserialize, Serialize};

use super::key_properties::PropertyChange;
use super::provenance::Provenance;

/// A call that changed a key or its grants.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct KeyChange {
    /// The record.
    pub by: Provenance,
    /// ARN of the key, or its id where the record does not give more; `None`: the record does not
    /// name the key.
    pub key: Option<String>,
    /// Who called: as the column `principal` of events.
    pub principal: String,
    /// The AWS service that called for the principal, as the column `invoked_by` of events.
    pub service: Option<String>,
    /// What changed.
    pub effect: KeyEffect,
}

/// How a call changes who may use a key.
///
/// Source: [key states](https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html) and
/// [grants](https://docs.aws.amazon.com/kms/latest/developerguide/grants.html).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum KeyEffect {
    /// A grant was created, or the grant of that name and with these terms was there already.
    CreatesGrant(GrantTerms),
    /// A call that should have created a grant failed.
    FailsToCreateGrant,
    /// A dry run asked whether a grant could be created.
    TriesToCreateGrant,
    /// A grant was retired.
    RetiresGrant {
        /// Its id; `None`: the record does not show it.
        grant_id: Option<String>,
    },
    /// A grant was revoked.
    RevokesGrant {
        /// Its id; `None`: the record does not show it.
        grant_id: Option<String>,
    },
    /// The key got this policy.
    SetsPolicy {
        /// The policy.
        text: PolicyText,
        /// The call asked KMS not to check whether the key can still be managed:
        /// `bypassPolicyLockoutSafetyCheck`.
        bypasses_lockout_check: bool,
    },
    /// The call shows what the key is.
    ShowsProperties(PropertyChange),
    /// The key was disabled.
    Disables,
    /// The key was enabled.
    Enables,
    /// The key is to be deleted, and cannot be used from now on.
    SchedulesDeletion,
    /// The deletion was cancelled. The key is disabled then.
    CancelsDeletion,
    /// The key is gone, and its grants with it.
    Deletes,
}

/// What a grant allows whom.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct GrantTerms {
    /// Its id; `None`: the record does not show it.
    pub grant_id: Option<String>,
    /// `granteePrincipal` or `granteeServicePrincipal`, unchanged.
    pub grantee: Option<String>,
    /// `retiringPrincipal` or `retiringServicePrincipal`, unchanged.
    pub retiring: Option<String>,
    /// Comma-joined.
    pub operations: Option<String>,
    /// Compact JSON text; `None`: no constraint.
    pub constraints: Option<String>,
    /// The name that the caller gave it.
    pub name: Option<String>,
}

/// The policy that a call gives to a key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PolicyText {
    /// This text, unchanged.
    Given(String),
    /// None: KMS gives the key its default policy.
    Default,
    /// The record does not show it.
    Unknown,
}
