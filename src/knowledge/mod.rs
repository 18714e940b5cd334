//! What records of the input say about KMS calls of other records, and how that is looked up.
//!
//! [`Facts`] gathers settings, sessions, aliases, corrections and trail changes; it merges with
//! `+=` in any order. [`Knowledge`] answers which learned rules fire on an event. Deliberately
//! absent: reading records (`parse`), and what a rule proves (`classify`).
//!
//! Which key an alias pointed to, as a call says that moved it:
//!
//! ```
//! use keytrail::knowledge::Facts;
//! use keytrail::model::EventTime;
//! use keytrail::parse::facts;
//!
//! let key = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
//! let record = format!(
//!     r#"{{"eventSource": "kms.amazonaws.com", "eventName": "UpdateAlias",
//!         "eventTime": "2025-06-04T12:00:00Z", "awsRegion": "us-west-2",
//!         "recipientAccountId": "111122223333", "resources": [{{"ARN": "{key}"}}],
//!         "requestParameters": {{"aliasName": "alias/reports"}}}}"#
//! );
//! let mut known = Facts::default();
//! for fact in facts(record.as_bytes())? {
//!     known.add(fact, &"logs/a.json.gz".into(), 12, &|| None);
//! }
//! let alias = "arn:aws:kms:us-west-2:111122223333:alias/reports";
//! let at = |time: &str| EventTime::parse(time).unwrap();
//! assert_eq!(known.aliases.key_at(alias, at("2025-06-04T12:30:00Z")), Some(key));
//! assert_eq!(known.aliases.key_at(alias, at("2025-06-04T11:30:00Z")), None);
//! # Ok::<(), keytrail::parse::NoFacts>(())
//! ```

mod aliases;
mod canvas_keys;
mod corrections;
mod facts;
mod lookups;
mod shared_uses;
mod size;

pub use aliases::Aliases;
pub use canvas_keys::CanvasKeys;
pub use corrections::{CorrectedBy, Corrections};
pub use facts::{FactSource, FactSupport, Facts, RecordPlace, TrailChanges};
pub use lookups::Knowledge;
pub use shared_uses::SharedUses;
