//! Findings about keys that are disabled, deleted, or not rotated.

use super::calls::{Calls, DAY, KeyCalls, date, short};
use super::draft::Draft;
use super::rule::{FindingRule, FindingSeverity};
use crate::aggregate::{AccessRow, KeyChangeCall};
use crate::model::{EventTime, Outcome, counted};

/// How long before the change of a key its uses count, in milliseconds: 90 days.
const USED_BEFORE: i64 = 90 * DAY;
/// Between disabling and scheduling the deletion: one hour, in milliseconds.
const SEQUENCE: i64 = 3_600_000;
/// Records of failures from which on they are said to repeat.
const REPEATED: u64 = 10;
/// The time that repeated failures span at least: one hour, in milliseconds.
const REPEATED_FOR: i64 = 3_600_000;

const DELETING: &str = "https://docs.aws.amazon.com/kms/latest/developerguide/deleting-keys.html";
const STATES: &str = "https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html";

/// The calls that show that a key is needed: its uses in the 90 days before `since`, and what was
/// refused because of its state from then on.
fn needed<'k, 'a>(key: &'k KeyCalls<'a>, since: EventTime) -> Vec<&'k AccessRow<'a>> {
    let used = key.uses().filter(|row| row.span.last.time.0 >= since.0.saturating_sub(USED_BEFORE));
    let asked = key.rows.iter().filter(|row| is_dead(row) && row.span.last.time >= since);
    used.chain(asked).collect()
}

/// The call failed because of the key's state.
fn is_dead(row: &AccessRow<'_>) -> bool {
    row.group.outcome == Outcome::KeyState
}

/// Whose calls these are, and how many were refused.
fn who(rows: &[&AccessRow<'_>]) -> String {
    let mut names: Vec<&str> = rows.iter().map(|row| short(&row.group.principal)).collect();
    names.sort_unstable();
    names.dedup();
    let more = names.len().saturating_sub(3);
    names.truncate(3);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let refused: u64 = rows.iter().filter(|row| is_dead(row)).map(|row| row.span.records).sum();
    let refused = match refused {
        0 => String::new(),
        n => format!("; {} failed because of the key's state", counted(n, "record")),
    };
    format!("{}{more}{refused}", names.join(", "))
}

/// A finding about each key whose last change of `changes` is `change`, if the key is needed.
fn needed_after(seen: &Calls<'_>, change: &str, changes: &[&str], verb: &str) -> Vec<Draft> {
    let draft = |(arn, key): (&&str, &KeyCalls<'_>)| {
        let last = key.last_of(changes).filter(|last| &*last.event_name == change)?;
        let rows = needed(key, last.record.time);
        if rows.is_empty() {
            return None;
        }
        let used = rows.iter().map(|row| row.span.last.time).max()?;
        let mut draft = Draft::new(Some(arn), None).record(&last.record);
        draft.detail = format!(
            "{} {verb} on {}. The key was last asked for on {} by {}.",
            short(&last.principal),
            date(last.record.time),
            date(used),
            who(&rows)
        );
        Some(draft.spans(rows.iter().map(|row| row.span)))
    };
    seen.keys.iter().filter_map(draft).collect()
}

pub(super) const PENDING_DELETION: FindingRule = FindingRule {
    id: "key-pending-deletion-used",
    severity: FindingSeverity::Critical,
    title: "Key that is needed is to be deleted",
    about: "The deletion of a key was scheduled, nobody cancelled it in the input, and the key was used in the 90 \
        days before or is still asked for. When it is gone, nothing that it encrypted can be read again.",
    source: DELETING,
    controls: "FSBP KMS.3, NIST SC-12(2), PCI 3.7.5",
    cannot_know: "Uses under S3 Bucket Keys and data keys in caches, which make no calls; a cancellation after \
        the input ends.",
    false_positives: "Data that is to become unreadable with the key.",
    remediation: "aws kms cancel-key-deletion, then enable-key; find out what still uses the key.",
    is_negative: false,
    find: |seen| {
        let changes = ["ScheduleKeyDeletion", "CancelKeyDeletion", "DeleteKey"];
        needed_after(seen, "ScheduleKeyDeletion", &changes, "scheduled the deletion")
    },
};

pub(super) const DELETED: FindingRule = FindingRule {
    id: "key-deleted-used",
    severity: FindingSeverity::Critical,
    title: "Key that was needed is deleted",
    about: "A key was deleted, and it was used in the 90 days before or is still asked for.",
    source: DELETING,
    controls: "FSBP KMS.3, NIST SC-12(2), PCI 3.7.5",
    cannot_know: "Whether what it encrypted exists elsewhere.",
    false_positives: "Data that was to become unreadable with the key.",
    remediation: "Restore the data from a source that does not need this key. Multi-Region replicas may exist.",
    is_negative: false,
    find: |seen| needed_after(seen, "DeleteKey", &["ScheduleKeyDeletion", "DeleteKey"], "deleted it"),
};

pub(super) const DISABLED: FindingRule = FindingRule {
    id: "key-disabled-used",
    severity: FindingSeverity::High,
    title: "Key that is needed is disabled",
    about: "A key was disabled, or its deletion was cancelled, which leaves it disabled; nobody enabled it in the \
        input, and it was used in the 90 days before or is still asked for.",
    source: STATES,
    controls: "FSBP KMS.3, NIST SC-12(2)",
    cannot_know: "Whether the key was enabled after the input ends.",
    false_positives: "A test of what breaks before the key is deleted.",
    remediation: "aws kms enable-key, or move what still uses the key to another one.",
    is_negative: false,
    find: |seen| {
        let changes = ["DisableKey", "EnableKey", "ScheduleKeyDeletion", "CancelKeyDeletion", "DeleteKey"];
        let mut found = needed_after(seen, "DisableKey", &changes, "disabled it");
        let left = "cancelled its deletion, which leaves it disabled,";
        found.extend(needed_after(seen, "CancelKeyDeletion", &changes, left));
        found
    },
};

pub(super) const SEQUENCE_TO_DELETE: FindingRule = FindingRule {
    id: "disable-then-delete",
    severity: FindingSeverity::High,
    title: "Key disabled and scheduled for deletion within an hour",
    about: "One principal disabled a key and scheduled its deletion within one hour. Those who want data to be \
        lost do this; those who clean up wait to see whether the key is missed.",
    source: DELETING,
    controls: "FSBP KMS.3, NIST SC-12(2), NIST SI-4",
    cannot_know: "Why it was done.",
    false_positives: "Scripts that remove test keys.",
    remediation: "Ask the principal. If it was no decision of the key's owner: cancel-key-deletion, and treat the \
        principal's credentials as stolen.",
    is_negative: false,
    find: |seen| {
        let draft = |(arn, key): (&&str, &KeyCalls<'_>)| {
            let of =
                |name: &'static str| key.changes.iter().filter(move |change| &*change.event_name == name);
            let pair = |later: &&&KeyChangeCall| {
                let by_same = |first: &&&KeyChangeCall| {
                    let gap = later.record.time.0 - first.record.time.0;
                    first.principal == later.principal && (0..=SEQUENCE).contains(&gap)
                };
                of("DisableKey").find(by_same).copied()
            };
            let (first, later) = of("ScheduleKeyDeletion").find_map(|later| Some((pair(&later)?, *later)))?;
            let minutes = (later.record.time.0 - first.record.time.0) / 60_000;
            let mut draft = Draft::new(Some(arn), Some(&later.principal));
            draft.detail = format!(
                "{} disabled the key on {} and scheduled its deletion {} later.",
                short(&later.principal),
                date(first.record.time),
                counted(minutes.unsigned_abs(), "minute")
            );
            Some(draft.record(&first.record).record(&later.record))
        };
        seen.keys.iter().filter_map(draft).collect()
    },
};

pub(super) const DEAD_KEY: FindingRule = FindingRule {
    id: "dead-key-asked-for",
    severity: FindingSeverity::Medium,
    title: "Something keeps asking for a key that it cannot use",
    about: "A principal's calls with a key failed ten times or more, over at least an hour, because the key is \
        disabled, pending deletion or gone.",
    source: STATES,
    controls: "FSBP KMS.3, NIST SI-4, SOC 2 CC7.2",
    cannot_know: "Which job makes the calls; the session's name and the address are in events.parquet.",
    false_positives: "A monitor that checks the key.",
    remediation: "Find the job by its principal. Enable the key, or point the job to another one.",
    is_negative: false,
    find: |seen| {
        repeated(
            seen,
            |row| [Outcome::KeyState, Outcome::NotFound].contains(&row.group.outcome),
            "could not use",
        )
    },
};

pub(super) const REFUSED: FindingRule = FindingRule {
    id: "refused-repeatedly",
    severity: FindingSeverity::Low,
    title: "Principal that is refused again and again",
    about: "A principal was refused ten times or more, over at least an hour, with the same key.",
    source: "https://docs.aws.amazon.com/kms/latest/developerguide/policy-evaluation.html",
    controls: "PCI 10.2.1.4, NIST AC-3, SOC 2 CC7.2",
    cannot_know: "Refusals of callers of other accounts are only in those accounts' logs.",
    false_positives: "A job whose permissions were forgotten: then it is a finding for its owner.",
    remediation: "Give the permission, or stop the job. error_message and denied_by in events.parquet say which \
        policy refused.",
    is_negative: false,
    find: |seen| repeated(seen, |row| row.group.outcome == Outcome::Denied, "was refused"),
};

/// The principals whose calls with a key failed again and again.
fn repeated(seen: &Calls<'_>, is_failure: impl Fn(&AccessRow<'_>) -> bool, what: &str) -> Vec<Draft> {
    let mut found = Vec::new();
    let same = |a: &AccessRow<'_>, b: &AccessRow<'_>| {
        a.group.key == b.group.key && a.group.principal == b.group.principal
    };
    for rows in seen.rows.chunk_by(same) {
        let failed: Vec<&AccessRow<'_>> = rows.iter().filter(|row| is_failure(row)).collect();
        let (Some(first), Some(last)) = (
            failed.iter().map(|row| row.span.first.time).min(),
            failed.iter().map(|row| row.span.last.time).max(),
        ) else {
            continue;
        };
        let records: u64 = failed.iter().map(|row| row.span.records).sum();
        if records < REPEATED || last.0 - first.0 < REPEATED_FOR {
            continue;
        }
        let group = failed[0].group;
        let mut codes: Vec<String> = failed
            .iter()
            .map(|row| {
                format!("{} {}", row.group.event_name, row.group.error_code.as_deref().unwrap_or_default())
            })
            .collect();
        codes.dedup();
        codes.truncate(5);
        let mut draft = Draft::new(group.key.as_deref(), Some(&group.principal));
        draft.detail = format!(
            "{} {what} it in {} from {} to {}: {}.",
            short(&group.principal),
            counted(records, "record"),
            date(first),
            date(last),
            codes.join(", ")
        );
        found.push(draft.spans(failed.iter().map(|row| row.span)));
    }
    found
}

pub(super) const ROTATION_OFF: FindingRule = FindingRule {
    id: "rotation-disabled",
    severity: FindingSeverity::Medium,
    title: "Automatic rotation was turned off",
    about: "DisableKeyRotation is the last change of a key's automatic rotation in the input.",
    source: "https://docs.aws.amazon.com/kms/latest/developerguide/rotate-keys.html",
    controls: "CIS 3.6, FSBP KMS.4, PCI 3.7.4, NIST SC-12, NIST SC-28(3)",
    cannot_know: "Whether the key is rotated by hand, or rotation was turned on after the input ends.",
    false_positives: "Keys that are rotated on demand, or are about to be deleted.",
    remediation: "aws kms enable-key-rotation",
    is_negative: false,
    find: |seen| {
        let draft = |(arn, key): (&&str, &KeyCalls<'_>)| {
            let last = key.last_of(&["EnableKeyRotation", "DisableKeyRotation", "DeleteKey"])?;
            let mut draft = Draft::new(Some(arn), None).record(&last.record);
            draft.detail = format!("{} did so on {}.", short(&last.principal), date(last.record.time));
            (&*last.event_name == "DisableKeyRotation").then_some(draft)
        };
        seen.keys.iter().filter_map(draft).collect()
    },
};

pub(super) const ROTATION_ON: FindingRule = FindingRule {
    id: "rotation-enabled",
    severity: FindingSeverity::Info,
    title: "Automatic rotation was turned on",
    about: "EnableKeyRotation is the last change of a key's automatic rotation in the input: evidence for the \
        controls that ask for it.",
    source: "https://docs.aws.amazon.com/kms/latest/developerguide/rotate-keys.html",
    controls: "CIS 3.6, FSBP KMS.4, PCI 3.7.4, NIST SC-12, NIST SC-28(3)",
    cannot_know: "Whether rotation was turned off after the input ends. Keys without such a call in the input may \
        be rotated, too.",
    false_positives: "None: it is no problem.",
    remediation: "Nothing to do.",
    is_negative: false,
    find: |seen| {
        let draft = |(arn, key): (&&str, &KeyCalls<'_>)| {
            let last = key.last_of(&["EnableKeyRotation", "DisableKeyRotation", "DeleteKey"])?;
            let rotations = key.changes.iter().filter(|change| &*change.event_name == "RotateKey");
            let mut draft = Draft::new(Some(arn), None).record(&last.record);
            draft.detail = format!(
                "{} did so on {}; KMS rotated the key in {} of the input.",
                short(&last.principal),
                date(last.record.time),
                counted(rotations.count() as u64, "record")
            );
            (&*last.event_name == "EnableKeyRotation").then_some(draft)
        };
        seen.keys.iter().filter_map(draft).collect()
    },
};
