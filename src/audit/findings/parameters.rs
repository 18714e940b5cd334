//! Findings about what the parameters of administrative calls say.

use serde_json::{Map, Value};

use super::calls::{Calls, date, short};
use super::draft::Draft;
use super::rule::{FindingRule, FindingSeverity};
use crate::aggregate::KeyChangeCall;

/// A finding about each key with a change of these names of which `says` has a sentence.
fn changes(
    seen: &Calls<'_>,
    names: &[&str],
    says: impl Fn(&Map<String, Value>) -> bool,
    what: &str,
) -> Vec<Draft> {
    let is_meant = |change: &&&KeyChangeCall| {
        let details = change.details.as_deref().and_then(|json| serde_json::from_str(json).ok());
        names.contains(&&*change.event_name) && details.is_some_and(|details| says(&details))
    };
    let mut found = Vec::new();
    for (arn, key) in &seen.keys {
        let meant: Vec<&&KeyChangeCall> = key.changes.iter().filter(is_meant).collect();
        let Some(last) = meant.last() else { continue };
        let mut draft = Draft::new(Some(arn), None);
        draft.detail = format!(
            "{} called {} {what} on {}.",
            short(&last.principal),
            last.event_name,
            date(last.record.time)
        );
        found.push(meant.iter().fold(draft, |draft, change| draft.record(&change.record)));
    }
    found
}

pub(super) const LOCKOUT_BYPASSED: FindingRule = FindingRule {
    id: "lockout-check-bypassed",
    severity: FindingSeverity::High,
    title: "Key policy set without the lockout check",
    about: "CreateKey, PutKeyPolicy or ReplicateKey succeeded with BypassPolicyLockoutSafetyCheck: KMS did not \
        check that whoever called can change the policy again. A key that nobody can manage can only be recovered \
        by AWS Support.",
    source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_PutKeyPolicy.html",
    controls: "NIST AC-3, NIST CM-5, PCI 3.7.6",
    cannot_know: "Whether the policy does lock its administrators out, where its text is not in the record.",
    false_positives: "Deployments that let another role manage the key on purpose.",
    remediation: "Read the key's policy, and make sure that somebody may call PutKeyPolicy.",
    is_negative: false,
    find: |seen| {
        let bypasses = |details: &Map<String, Value>| {
            let value = details.get("bypassPolicyLockoutSafetyCheck");
            value.is_some_and(|value| *value == true || value.as_str() == Some("true"))
        };
        changes(seen, &["CreateKey", "PutKeyPolicy", "ReplicateKey"], bypasses, "without the check")
    },
};

pub(super) const SHORTEST_WINDOW: FindingRule = FindingRule {
    id: "deletion-window-shortest",
    severity: FindingSeverity::Medium,
    title: "Key scheduled for deletion with the shortest waiting period",
    about: "ScheduleKeyDeletion asked for a waiting period of 7 days, the shortest there is. Without the parameter, \
        it is 30 days: somebody chose it.",
    source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_ScheduleKeyDeletion.html",
    controls: "FSBP KMS.3, NIST SC-12(2)",
    cannot_know: "Why it was chosen; whether the deletion was cancelled after the input ends.",
    false_positives: "Test keys; infrastructure as code that always asks for 7 days.",
    remediation: "Make sure that the key is not needed while the deletion can be cancelled.",
    is_negative: false,
    find: |seen| {
        let is_shortest = |details: &Map<String, Value>| {
            let value = details.get("pendingWindowInDays");
            value.is_some_and(|value| value.as_i64() == Some(7) || value.as_str() == Some("7"))
        };
        changes(seen, &["ScheduleKeyDeletion"], is_shortest, "with a waiting period of 7 days")
    },
};
