//! `--max-age` and `--fail-on`: what of a report somebody wants to be woken for.

use super::args::{Condition, Unattended};
use keytrail::aggregate::InputStatus;
use keytrail::audit::missing_days;
use keytrail::engine::{Run, Selection};
use keytrail::model::EventTime;

/// How far an event may lie ahead of this machine's clock before the two contradict each other.
const AHEAD_MS: i64 = 3_600_000;
const DAY_MS: i64 = 86_400_000;
const MAX_AGE: &str = "max_age";

/// A condition that was asked for, and why it holds, if it does.
pub(super) struct Alarm {
    pub(super) condition: &'static str,
    pub(super) reason: Option<String>,
}

impl Alarm {
    /// The option that asked for it, for people.
    pub(super) fn option(&self) -> String {
        match self.condition {
            MAX_AGE => "--max-age".to_owned(),
            other => format!("--fail-on {other}"),
        }
    }
}

/// The conditions asked for, held against what came of a run that ends now.
pub(super) fn alarms(asked: &Unattended, run: &Run, missing_days: u64, now: EventTime) -> Vec<Alarm> {
    let max_age = asked
        .max_age
        .map(|span| Alarm { condition: MAX_AGE, reason: age(run.coverage.newest_event(), span.0, now) });
    let mut conditions = asked.fail_on.clone();
    conditions.sort_unstable();
    conditions.dedup();
    max_age.into_iter().chain(conditions.into_iter().map(|c| counted(c, run, missing_days))).collect()
}

/// Why the newest event is no sign that archives still come.
fn age(newest: Option<EventTime>, max_ms: i64, now: EventTime) -> Option<String> {
    let Some(newest) = newest else { return Some("no KMS event was read".to_owned()) };
    let (time, age) = (newest.to_rfc3339(), now.0.saturating_sub(newest.0));
    if age < -AHEAD_MS {
        // Taken as it is, one such record would keep the alarm silent for ever.
        Some(format!(
            "the newest KMS event is of {time}, which is yet to come: it says nothing of the age of the others"
        ))
    } else if age > max_ms {
        Some(format!("the newest KMS event read is of {time}, {} hours old", age / 3_600_000))
    } else {
        None
    }
}

fn counted(condition: Condition, run: &Run, missing_days: u64) -> Alarm {
    let (condition, n, what) = match condition {
        Condition::Rejects => {
            ("rejects", run.counts.rejected, "records or stretches could not be read: see rejects.parquet")
        }
        Condition::Unreadable => (
            "unreadable",
            run.inputs.count(InputStatus::Unreadable),
            "archives could not be opened or read: see inputs.parquet",
        ),
        Condition::Gaps => ("gaps", missing_days, "delivery days are missing: see coverage in run.json"),
        Condition::Conflicts => {
            ("conflicts", run.counts.conflicts, "events share their eventID with another that differs")
        }
    };
    Alarm { condition, reason: (n > 0).then(|| format!("{n} {what}")) }
}

/// Days without an archive between days that have one, inside the window asked for: per account and region, added up.
pub(super) fn missing_in(run: &Run, selection: &Selection) -> u64 {
    let inside = |begin: EventTime| {
        let end = EventTime(begin.0.saturating_add(DAY_MS));
        selection.since.is_none_or(|since| end > since) && selection.until.is_none_or(|until| begin < until)
    };
    let missing = missing_days(&run.coverage);
    missing.iter().flat_map(|scope| &scope.days).filter(|day| inside(EventTime::midnight(**day))).count()
        as u64
}
