//! Findings about who uses keys.

use std::collections::BTreeMap;

use super::calls::{Calls, DAY, KeyCalls, date, days, is_service, is_success, short};
use super::draft::Draft;
use super::rule::{FindingRule, FindingSeverity};
use crate::aggregate::{AccessRow, CallOrigin, Span, account_of, is_use};
use crate::model::{Arn, EventTime};

/// Days of earlier records that a thing needs to be new: without them, everything is new.
const BASELINE_DAYS: i64 = 30;
/// Days before the end of the input in which a thing is new.
const NEW_DAYS: i64 = 7;
/// A principal with more addresses than this has no usual ones.
const USUAL_ADDRESSES: usize = 5;

/// APIs that manage a key.
///
/// Source: [what key administrators may
/// do](https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html).
const ADMIN: [&str; 16] = [
    "CancelKeyDeletion",
    "DeleteImportedKeyMaterial",
    "DisableKey",
    "DisableKeyRotation",
    "EnableKey",
    "EnableKeyRotation",
    "ImportKeyMaterial",
    "PutKeyPolicy",
    "ReplicateKey",
    "RevokeGrant",
    "RotateKeyOnDemand",
    "ScheduleKeyDeletion",
    "TagResource",
    "UntagResource",
    "UpdateKeyDescription",
    "UpdatePrimaryRegion",
];

/// Records of what something may be new to: they must span some time, or everything is new.
struct Baseline {
    /// By first record: the first, and the latest record of these and those before.
    spans: Vec<(EventTime, EventTime)>,
}

impl Baseline {
    fn new<'s>(spans: impl Iterator<Item = &'s Span>) -> Self {
        let mut spans: Vec<_> = spans.map(|span| (span.first.time, span.last.time)).collect();
        spans.sort_unstable();
        let mut latest = EventTime(i64::MIN);
        for (_, last) in &mut spans {
            latest = latest.max(*last);
            *last = latest;
        }
        Self { spans }
    }

    /// Whether what was first seen at `first` is new where records end at `end`.
    fn is_new(&self, first: EventTime, end: EventTime) -> bool {
        let before = self.spans.partition_point(|(begin, _)| *begin < first);
        let (Some((begin, _)), Some((_, last))) = (self.spans.first(), self.spans[..before].last()) else {
            return false;
        };
        let last = first.min(*last);
        end.0.saturating_sub(first.0) <= NEW_DAYS * DAY && days(*begin, last) >= BASELINE_DAYS
    }
}

/// The successful uses of a key by one principal, or one account.
struct UserOfKey<'u, 'a> {
    rows: Vec<&'u AccessRow<'a>>,
    first: EventTime,
}

/// The users of a key by the name that `name` gives them, and when it was first used.
fn users<'u, 'a>(
    key: &'u KeyCalls<'a>,
    name: impl Fn(&AccessRow<'a>) -> Option<&'a str>,
) -> (Option<EventTime>, BTreeMap<&'a str, UserOfKey<'u, 'a>>) {
    let begin = key.uses().map(|row| row.span.first.time).min();
    let mut users = BTreeMap::new();
    for row in key.uses() {
        let Some(name) = name(row) else { continue };
        let user = users.entry(name).or_insert(UserOfKey { rows: Vec::new(), first: row.span.first.time });
        user.first = user.first.min(row.span.first.time);
        user.rows.push(row);
    }
    (begin, users)
}

pub(super) const ADMIN_WHO_USES: FindingRule = FindingRule {
    id: "admin-who-uses",
    severity: FindingSeverity::Medium,
    title: "Principal that manages a key and uses it",
    about: "One principal changed a key (its policy, state, rotation, tags, material or grants) and used it for \
        cryptography. Those who manage keys should not be able to read what the keys protect.",
    source: "https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html",
    controls: "NIST AC-5, PCI 3.7.6, PCI 7.2.1, SOC 2 CC6.1",
    cannot_know: "Whether several people share the role.",
    false_positives: "Jobs that create a key and test it; accounts with one role for everything.",
    remediation: "Give the two tasks to two roles, and take one of the permissions away.",
    is_negative: false,
    find: |seen| {
        let mut found = Vec::new();
        for (arn, key) in &seen.keys {
            for rows in key.rows.chunk_by(|a, b| a.group.principal == b.group.principal) {
                let succeeded = || rows.iter().filter(|row| is_success(row));
                let of = |wanted: &dyn Fn(&str) -> bool| -> Vec<&AccessRow<'_>> {
                    succeeded().filter(|row| wanted(&row.group.event_name)).collect()
                };
                let managed = of(&|name| ADMIN.contains(&name));
                let used = of(&is_use);
                let Some(first) = managed.first().filter(|_| !used.is_empty()) else { continue };
                let names = |rows: &[&AccessRow<'_>]| {
                    let names: Vec<&str> = rows.iter().map(|row| &*row.group.event_name).collect();
                    names.join(", ")
                };
                let principal = &*first.group.principal;
                if is_service(principal) {
                    continue;
                }
                let mut draft = Draft::new(Some(arn), Some(principal));
                draft.detail =
                    format!("{} called {}, and {}.", short(principal), names(&managed), names(&used));
                found.push(draft.spans(managed.iter().chain(&used).map(|row| row.span)));
            }
        }
        found
    },
};

pub(super) const NEW_PRINCIPAL: FindingRule = FindingRule {
    id: "new-principal",
    severity: FindingSeverity::Low,
    title: "Principal that never used the key before",
    about: "A role or user used a key for the first time in the last 7 days of the records of its account and \
        Region, and the key's uses before that span 30 days or more. AWS services do not count.",
    source: "https://docs.aws.amazon.com/kms/latest/developerguide/logging-using-cloudtrail.html",
    controls: "NIST AC-2(12), NIST SI-4, SOC 2 CC7.2",
    cannot_know: "Uses before the input. Where the input has only the key owner's record of a call, it may name \
        the caller by its account and id.",
    false_positives: "A new application, or a role that was renamed.",
    remediation: "Ask the key's owner whether the principal is meant to use the key.",
    is_negative: true,
    find: |seen| new_users(seen, person, |draft, name| draft.principal = Some(name.to_owned())),
};

/// The caller, if it is a role or a user.
fn person<'a>(row: &AccessRow<'a>) -> Option<&'a str> {
    Some(&*row.group.principal).filter(|name| !is_service(name))
}

/// The caller's account, if it is not the key's.
fn other_account<'a>(row: &AccessRow<'a>) -> Option<&'a str> {
    let owner = row.group.key.as_deref().and_then(Arn::parse)?.account;
    row.principal_account().filter(|account| !owner.is_empty() && *account != owner)
}

pub(super) const NEW_ACCOUNT: FindingRule = FindingRule {
    id: "new-account",
    severity: FindingSeverity::High,
    title: "Other account that never used the key before",
    about: "A principal of an account other than the key's used it for the first time in the last 7 days of the \
        records of the key's account and Region, and the key's uses before that span 30 days or more.",
    source: "https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-modifying-external-accounts.html",
    controls: "NIST AC-4, NIST AC-21, ISO A.5.14, SOC 2 CC7.2",
    cannot_know: "Uses before the input; whether the account belongs to the same organization.",
    false_positives: "Data that has been shared with another account on purpose.",
    remediation: "Ask the key's owner. The key policy or a grant lets the account in.",
    is_negative: true,
    find: |seen| {
        let set = |draft: &mut Draft, account: &str| draft.resource = Some(format!("account {account}"));
        new_users(seen, other_account, set)
    },
};

/// A finding for each user of a key that is new to it.
fn new_users<'a>(
    seen: &Calls<'a>,
    name: impl Fn(&AccessRow<'a>) -> Option<&'a str>,
    set: impl Fn(&mut Draft, &str),
) -> Vec<Draft> {
    let mut found = Vec::new();
    for (arn, key) in &seen.keys {
        let (Some(begin), users) = users(key, &name) else { continue };
        let end = seen.end_of(Some(arn));
        let baseline = Baseline::new(key.uses().map(|row| row.span));
        for (who, user) in users.into_iter().filter(|(_, user)| baseline.is_new(user.first, end)) {
            let mut draft = Draft::new(Some(arn), None);
            set(&mut draft, who);
            draft.detail = format!(
                "{} used the key first on {}; its uses begin on {}.",
                short(who),
                date(user.first),
                date(begin)
            );
            found.push(draft.spans(user.rows.iter().map(|row| row.span)));
        }
    }
    found
}

pub(super) const NEW_REGION: FindingRule = FindingRule {
    id: "new-region",
    severity: FindingSeverity::Medium,
    title: "Principal that calls KMS in a Region that is new to it",
    about: "A role or user called KMS in a Region for the first time in the last 7 days of its account's records, and its \
        calls in other Regions before that span 30 days or more.",
    source: "https://docs.aws.amazon.com/kms/latest/developerguide/logging-using-cloudtrail.html",
    controls: "NIST SI-4, NIST AC-2(12), SOC 2 CC7.2",
    cannot_know: "Calls before the input, and Regions whose archives are not in it.",
    false_positives: "A workload that grows into another Region; the archives of a Region that begin later.",
    remediation: "Ask the principal's owner. A Region that nobody uses can be denied by a service control policy.",
    is_negative: true,
    find: |seen| new_origins(seen, |origin| Some(&*origin.region), usize::MAX, "in"),
};

pub(super) const NEW_ADDRESS: FindingRule = FindingRule {
    id: "new-address",
    severity: FindingSeverity::Low,
    title: "Principal that calls KMS from an address that is new to it",
    about: "A role or user that calls KMS from at most five addresses, over 30 days or more, did so from one of \
        them for the first time in the last 7 days of its account's records.",
    source: "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html",
    controls: "NIST SI-4, NIST AC-2(12), SOC 2 CC7.2",
    cannot_know: "Who is behind an address. Calls that AWS services make for a principal have none.",
    false_positives: "Instances, functions and people whose addresses change.",
    remediation: "Compare the address with your networks, and the session's other calls with its usual ones.",
    is_negative: true,
    find: |seen| new_origins(seen, |origin| origin.address.as_deref(), USUAL_ADDRESSES, "from"),
};

/// A finding for each place from which a principal calls that is new to it. Principals with more
/// than `usual` places have no usual ones.
fn new_origins(
    seen: &Calls<'_>,
    place: impl Fn(&CallOrigin) -> Option<&str>,
    usual: usize,
    word: &str,
) -> Vec<Draft> {
    let mut found = Vec::new();
    for origins in seen.origins.chunk_by(|a, b| a.0.principal == b.0.principal) {
        let principal = &*origins[0].0.principal;
        let end = seen.end_of_account(account_of(principal));
        let mut places: BTreeMap<&str, Vec<&Span>> = BTreeMap::new();
        for (origin, span) in origins {
            if let Some(place) = place(origin) {
                places.entry(place).or_default().push(span);
            }
        }
        let first = |spans: &[&Span]| spans.iter().map(|span| span.first.time).min();
        let Some(begin) = places.values().filter_map(|spans| first(spans)).min() else { continue };
        if is_service(principal) || places.len() > usual {
            continue;
        }
        let baseline = Baseline::new(places.values().flatten().copied());
        let is_new = |spans: &[&Span]| first(spans).is_some_and(|first| baseline.is_new(first, end));
        for (place, spans) in places.iter().filter(|(_, spans)| is_new(spans)) {
            let mut draft = Draft::new(None, Some(principal));
            draft.subject = Some((*place).to_owned());
            draft.detail = format!(
                "{} called {word} {place} first on {}; its calls begin on {}.",
                short(principal),
                date(first(spans).unwrap_or(begin)),
                date(begin)
            );
            found.push(draft.spans(spans.iter().copied()));
        }
    }
    found
}
