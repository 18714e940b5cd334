//! `--max-age` and `--fail-on`: conditions on a finished run that make the exit status 3.

use std::time::Duration;

use super::options::MonitoringOptions;
use super::values::{FailOn, as_millis};
use keytrail::aggregate::InputStatus;
use keytrail::audit::{Findings, missing_days};
use keytrail::engine::{Run, Selection};
use keytrail::model::{EventTime, SkipReason, counted};

/// How far in the future an event may be before its time, or this machine's clock, must be wrong.
const CLOCK_TOLERANCE_MS: i64 = 3_600_000;
const DAY_MS: i64 = 86_400_000;

/// A condition that can raise an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AlarmCondition {
    MaxAge,
    FailOn(FailOn),
}

impl AlarmCondition {
    /// Its name in messages and metrics.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::MaxAge => "max_age",
            Self::FailOn(condition) => condition.as_str(),
        }
    }

    /// The option that asks for it, as typed.
    pub(super) fn option(self) -> String {
        match self {
            Self::MaxAge => "--max-age".to_owned(),
            Self::FailOn(_) => format!("--fail-on {}", self.as_str()),
        }
    }
}

/// A requested condition, checked against a finished run.
pub(super) struct AlarmCheck {
    pub(super) condition: AlarmCondition,
    /// Why the condition is met; `None` if it is not.
    pub(super) reason: Option<String>,
}

impl AlarmCheck {
    pub(super) fn is_raised(&self) -> bool {
        self.reason.is_some()
    }
}

/// Checks all requested conditions against a run that ends `now`.
pub(super) fn check(
    options: &MonitoringOptions,
    run: &Run,
    findings: &Findings,
    missing_days: u64,
    now: EventTime,
) -> Vec<AlarmCheck> {
    let max_age = options.max_age.map(|max| AlarmCheck {
        condition: AlarmCondition::MaxAge,
        reason: check_age(run.coverage.newest_event(), max, now),
    });
    let mut conditions = options.fail_on.clone();
    conditions.sort_unstable();
    conditions.dedup();
    let counts = conditions.into_iter().map(|condition| AlarmCheck {
        condition: AlarmCondition::FailOn(condition),
        reason: check_count(condition, run, findings, missing_days),
    });
    max_age.into_iter().chain(counts).collect()
}

fn check_age(newest: Option<EventTime>, max: Duration, now: EventTime) -> Option<String> {
    let Some(newest) = newest else { return Some("no KMS event was read".to_owned()) };
    let (time, age) = (newest.to_rfc3339(), now.0.saturating_sub(newest.0));
    if age < -CLOCK_TOLERANCE_MS {
        // Without this check, one such record would silence the alarm for good.
        Some(format!(
            "the newest KMS event has the time {time}, which is in the future: \
             it hides how old the others are"
        ))
    } else if age > as_millis(max) {
        Some(format!(
            "the newest KMS event read is {} old ({time})",
            counted((age / 3_600_000).unsigned_abs(), "hour")
        ))
    } else {
        None
    }
}

fn check_count(condition: FailOn, run: &Run, findings: &Findings, missing_days: u64) -> Option<String> {
    let empty = run.inputs.skipped_for(SkipReason::NoArchive);
    let (n, noun, what) = match condition {
        FailOn::Rejects => (run.counts.rejected, "reject", "(what could not be read): see rejects.parquet"),
        FailOn::Unreadable => {
            (run.inputs.count(InputStatus::Unreadable), "unreadable archive", "(see inputs.parquet)")
        }
        FailOn::Gaps => (missing_days, "missing delivery day", "(see coverage in run.json)"),
        FailOn::Conflicts => (run.counts.conflicts, "event", "with the eventID of an event of other content"),
        FailOn::Corrected => {
            (run.counts.corrected, "event", "that a correction has replaced: see superseded.parquet")
        }
        FailOn::Skipped => {
            let listed = run.inputs.skipped_for(SkipReason::AlreadyListed);
            let expected = run.inputs.skipped_for(SkipReason::Digest) + listed + empty;
            let others = run.inputs.count(InputStatus::Skipped) - expected;
            (others, "file", "without CloudTrail records: see inputs.parquet")
        }
        FailOn::Empty => (empty, "input", "without any archive: see inputs.parquet"),
        FailOn::Integrity => (
            run.integrity.broken(),
            "digest or log file",
            "invalid, missing or in no digest: see integrity.parquet",
        ),
        FailOn::Findings(severity) => (findings.open(severity), "open finding", "(see findings.parquet)"),
    };
    (n > 0).then(|| format!("{} {what}", counted(n, noun)))
}

/// Days without an archive between days that have one, inside `--since` and `--until`: the sum over
/// all accounts and Regions.
pub(super) fn missing_days_in(run: &Run, selection: &Selection) -> u64 {
    let is_selected = |begin: EventTime| {
        let end = EventTime(begin.0.saturating_add(DAY_MS));
        selection.since.is_none_or(|since| end > since) && selection.until.is_none_or(|until| begin < until)
    };
    let missing = missing_days(&run.coverage);
    let days = missing.iter().flat_map(|scope| scope.days());
    days.filter(|day| is_selected(EventTime::midnight(*day))).count() as u64
}
