//! What the aggregates mean: what was covered, and what the numbers can and cannot prove.
//!
//! Deliberately absent, until their time comes: key policies and grants.

mod caveats;
mod gaps;

pub use caveats::{Caveat, Circumstances, caveats};
pub use gaps::{MissingDays, missing_days};
