//! The types that every stage shares.
//!
//! A [`KmsEvent`] is one KMS call as CloudTrail recorded it, with its principal, key and outcome
//! resolved. It borrows texts from the record's bytes, except those with JSON escapes. A [`Fact`]
//! is what another record says about KMS calls. Deliberately absent: code that reads bytes, decides
//! the workload, counts or writes.
//!
//! ```
//! use keytrail::model::{Denial, Outcome, normalize_service};
//!
//! assert_eq!(Outcome::from_error(Some("AccessDenied"), None).as_str(), "denied");
//! let message = "User: arn:aws:iam::111122223333:user/Alice is not authorized to perform: \
//!     kms:Decrypt on this resource because no identity-based policy allows the kms:Decrypt action";
//! let denial = Denial::parse(message);
//! assert_eq!(denial.action, Some("kms:Decrypt"));
//! assert_eq!(denial.by.map(|by| by.as_str()), Some("implicit_identity_policy"));
//! assert_eq!(normalize_service("fas.s3.eu-west-1.amazonaws.com".into()), "s3.amazonaws.com");
//! ```

mod arn;
mod bounds;
mod canvas_key;
mod count;
mod denial;
mod digest;
mod error;
mod error_chain;
mod fact;
mod folder;
mod grantee;
mod input_content;
mod integrity;
mod key;
mod key_change;
mod key_properties;
mod kms_apis;
mod kms_event;
mod mask;
mod outcome;
mod principal;
mod provenance;
mod reject;
mod served;
mod sha256;
mod share_call;
pub(crate) mod shared_text;
mod shared_use;
mod text;
mod time;
mod workload;

pub use arn::{Arn, is_region, region_partition};
pub use bounds::{LONGEST_CONTEXT, LONGEST_NAME, TooLong};
pub use canvas_key::CanvasKey;
pub use count::{counted, number};
pub use denial::{Denial, DeniedBy, PolicyType, TRUNCATED_MESSAGE_LEN};
pub use digest::{Digest, ListedLog, PreviousDigest, RecordedPlace};
pub use error::JsonError;
pub use error_chain::error_chain;
pub use fact::{
    Fact, LearnedCondition, LearnedRule, LearnedRuleInfo, LearnedRuleSet, Role, RoleSession, SessionId,
    TrailChange, TrailEffect,
};
pub use folder::KnownFolder;
pub use grantee::{Grantee, IsGrantee};
pub use input_content::InputContent;
pub use integrity::{IntegrityReason, IntegrityStatus};
pub use key::{KeyOrigin, KeyRef, multi_region_id};
pub use key_change::{GrantTerms, KeyChange, KeyEffect, PolicyText};
pub use key_properties::{KeyProperties, PropertyChange, Tags};
pub use kms_apis::KMS_APIS;
pub use kms_event::KmsEvent;
pub use mask::is_masked;
pub use outcome::{Outcome, normalize_error_code};
pub use principal::{Principal, normalize_service};
pub use provenance::Provenance;
pub use reject::{RejectReason, Rejection, SkipReason};
pub use served::{CONTEXT_NAMES, ContextName, Served, context_names_markdown};
pub use sha256::Sha256;
pub(crate) use sha256::bytes_from_hex;
pub use share_call::{Invitation, OfflineStore, ShareCall, ShareEffect, ShareTerms, SharedResource};
pub use shared_use::{SharedUse, UseRecord, UseRecords};
pub use text::{Text, slice_text};
pub use time::EventTime;
pub use workload::{Evidence, Strength, Workload, WorkloadSet};
