//! Key policies: reads them, and says what they mean for a call. No I/O.
//!
//! What a policy says is three-valued ([`Truth`]): records do not show everything that conditions
//! ask for. A key policy is one of several that decide: an allowed call may be refused by another
//! one, and a call that it does not allow may be allowed by a grant.
//!
//! Deliberately absent: IAM policies, service control policies and resource control policies, which
//! no record has.
//!
//! ```
//! use keytrail::parse::{self, RecordKind};
//! use keytrail::policy::{Condition, Language, Request, Truth};
//!
//! let record = br#"{"eventVersion":"1.08","eventTime":"2024-01-01T00:00:00Z",
//!     "eventSource":"kms.amazonaws.com","eventName":"Encrypt","awsRegion":"eu-west-1",
//!     "userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/Alice",
//!     "accountId":"111122223333"},"requestParameters":{"encryptionContext":{"Team":"red"}}}"#;
//! let RecordKind::Event(event) = parse::parse(record)?.kind else { panic!() };
//! let requests = Request::of(&event);
//! let team = Condition::read("StringLike", "kms:EncryptionContext:team", &"r*".into())?;
//! assert_eq!(team.holds(&requests[0], Language::V2012), Truth::Yes);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod action;
mod condition;
mod context;
mod document;
mod error;
mod evaluate;
mod glob;
mod keys;
mod lenient;
mod principal;
mod read;
mod request;
mod required;
mod timeline;
mod truth;
mod values;

#[cfg(test)]
mod tests;

pub use action::{Permission, PermissionKind, PermissionSet};
pub use condition::{Condition, ConditionError, Language};
pub use context::ContextValue;
pub use document::{Actions, Effect, Policy, Principals, Resources, Statement};
pub use error::PolicyError;
pub use evaluate::{Applied, AppliedHow, Judgement, Verdict};
pub use glob::matches_pattern;
pub use keys::{KeyBook, KnownProperties};
pub use lenient::PastedPolicy;
pub use principal::{ElementTrait, IsNamed, PrincipalElement, PrincipalKind};
pub use request::Request;
pub use required::{Place, REQUIREMENTS, Requirement, Stated};
pub use timeline::{
    AWS_RAM, GivenPolicy, KeyPolicies, Origin, PolicyBook, PolicyTarget, PolicyVersion, RamShare, in_force,
};
pub use truth::Truth;
pub use values::{How, KnownKey, condition_keys};
