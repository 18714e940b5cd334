//! Findings about trails: without their records, nothing else here can be known.

use std::collections::BTreeMap;

use super::calls::{Calls, date};
use super::draft::Draft;
use super::rule::{FindingRule, FindingSeverity};
use crate::audit::trails::{TrailPeriod, TrailState, trail_periods};

/// Records of one trail that have a sentence.
const SENTENCES: u64 = 10;
const SELECTORS: &str = "https://docs.aws.amazon.com/kms/latest/developerguide/logging-using-cloudtrail.html";

/// A finding for each trail that lacked something, however often.
fn periods(seen: &Calls<'_>, state: TrailState, what: &str) -> Vec<Draft> {
    let mut found: BTreeMap<(&str, Option<&str>), Draft> = BTreeMap::new();
    let trails = &seen.context.facts.trails;
    let periods = trail_periods(trails);
    for TrailPeriod { from, until, .. } in periods.into_iter().filter(|period| period.state == state) {
        let by = from.principal.as_deref().unwrap_or("unknown");
        let undone = until.map_or_else(
            || "and no record undoes it".to_owned(),
            |end| format!("until {} on {}", end.by.event_name, date(end.by.time)),
        );
        let account = from.by.account_id.as_deref();
        let draft = found.entry((&from.trail, account)).or_insert_with(|| Draft {
            resource: Some(from.trail.clone()),
            subject: account.map(str::to_owned),
            principal: Some(by.to_owned()),
            ..Draft::default()
        });
        if draft.count < SENTENCES {
            let (name, day) = (&from.by.event_name, date(from.by.time));
            let space = if draft.detail.is_empty() { "" } else { " " };
            draft.detail.push_str(&format!("{space}{by} called {name} on {day}: it {what}, {undone}."));
        }
        for change in [Some(from), until].into_iter().flatten() {
            if let Some(place) = trails.get(change) {
                *draft = std::mem::take(draft).fact(&change.by, place);
            }
        }
    }
    found.into_values().collect()
}

pub(super) const STOPPED: FindingRule = FindingRule {
    id: "trail-stopped",
    severity: FindingSeverity::High,
    title: "Trail that was stopped or deleted",
    about: "StopLogging or DeleteTrail, or the same for an event data store, succeeded: calls in that time are not \
        in its archives.",
    source: "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-turning-off-logging.html",
    controls: "PCI 10.2.1.6, NIST AU-9, NIST AU-12, SOC 2 CC7.2",
    cannot_know: "What was done while nothing was recorded. Another trail may have recorded it.",
    false_positives: "A trail that another one has taken the place of.",
    remediation: "Start the trail again, and look for another trail's archives of that time.",
    is_negative: false,
    find: |seen| periods(seen, TrailState::NotLogging, "recorded nothing"),
};

pub(super) const EXCLUDES_KMS: FindingRule = FindingRule {
    id: "trail-excludes-kms",
    severity: FindingSeverity::High,
    title: "Trail that leaves KMS out",
    about: "PutEventSelectors, or the same for an event data store, left out the events of KMS, or some of them: \
        that a key was not used cannot be told from this trail.",
    source: SELECTORS,
    controls: "PCI 10.2.1, NIST AU-12, CIS 3.1, SOC 2 CC7.2",
    cannot_know: "Whether another trail has the events.",
    false_positives: "A trail whose purpose is other services, beside one that has all.",
    remediation: "Take kms.amazonaws.com out of ExcludeManagementEventSources, or out of the advanced selectors.",
    is_negative: false,
    find: |seen| periods(seen, TrailState::ExcludesKms, "left KMS out"),
};
