//! What records of the input say about KMS calls of other records, and how that is looked up.
//!
//! [`Facts`] gathers settings, sessions, aliases, corrections and trail changes; it merges with
//! `+=` in any order. [`Knowledge`] answers which learned rules fire on an event. Deliberately
//! absent: reading records (`parse`), and what a rule proves (`classify`).

mod aliases;
mod facts;
mod lookups;

pub use aliases::Aliases;
pub use facts::{Corrections, FactSource, FactSupport, Facts};
pub use lookups::Knowledge;
