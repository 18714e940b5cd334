//! Which digests and log files a run is about.

use std::fmt;

use crate::model::{EventTime, RecordedPlace};

/// Which digests and log files a run is about. What is outside is not expected in the input.
#[non_exhaustive]
pub struct Scope<'s> {
    /// From this time on.
    pub since: Option<EventTime>,
    /// Before this time.
    pub until: Option<EventTime>,
    /// Whether the run looks into the folder of an object.
    pub lists: &'s dyn Fn(&str) -> bool,
    /// What is outside is judged, too, where it is in the input.
    pub judges_all: bool,
}

impl Scope<'_> {
    /// Whether a time, between these two, is of the run.
    pub(super) fn overlaps(&self, start: EventTime, end: EventTime) -> bool {
        self.since.is_none_or(|since| end > since) && self.until.is_none_or(|until| start < until)
    }

    /// Whether an object that is of this time is expected in the input.
    pub(super) fn expects(&self, place: &RecordedPlace, time: Option<(EventTime, EventTime)>) -> bool {
        (self.lists)(&place.object) && time.is_none_or(|(start, end)| self.overlaps(start, end))
    }
}

/// Everything.
impl Default for Scope<'_> {
    fn default() -> Self {
        Self { since: None, until: None, lists: &|_| true, judges_all: true }
    }
}

impl fmt::Debug for Scope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope")
            .field("since", &self.since)
            .field("until", &self.until)
            .finish_non_exhaustive()
    }
}
