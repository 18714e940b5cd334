//! The pictures of the page: figures → shapes.

mod bars;
mod calendar;
mod flow;
mod lifelines;
mod map;

pub(super) use bars::Bars;
pub(super) use calendar::{Scope, calendar};
pub(super) use flow::{Flow, Link};
pub(super) use lifelines::{Life, lifelines};
pub(super) use map::{Pair, ShareLine, map};

/// The width of every picture, in its own units. The page scales it.
const WIDTH: f64 = 960.0;

/// Days since the epoch as text.
fn day_text(day: i32) -> String {
    chrono::NaiveDate::from_epoch_days(day).map_or_else(|| day.to_string(), |date| date.to_string())
}

/// A count as a length. No count of a report is so large that it matters.
#[expect(clippy::cast_precision_loss, reason = "a length in a picture")]
fn length(n: u64) -> f64 {
    n as f64
}
