//! What policies say of a call, as far as its record shows it. No I/O.
//!
//! A [`Request`] is one permission that a call needs; a [`Condition`] asks for its context and is
//! met, not met, or cannot be decided: [`Truth`] has three values. Deliberately absent: reading
//! files, and deciding whose workload a call belongs to.
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

mod condition;
mod context;
mod request;
mod truth;
mod values;

pub use condition::{Condition, ConditionError, Language};
pub use context::ContextValue;
pub use request::Request;
pub use truth::Truth;
pub use values::{How, KnownKey, condition_keys};
