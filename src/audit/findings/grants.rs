//! Findings about grants.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::calls::{Calls, date, days, is_service, is_success, short};
use super::draft::Draft;
use super::rule::{FindingRule, FindingSeverity};
use crate::aggregate::{AccessRow, Grant, GrantState, account_of};
use crate::model::{Arn, normalize_service};

/// Days without a call after which a grant is stale.
const STALE_DAYS: i64 = 30;
/// Days after which what a grant was used for is taken for all that it is needed for.
const WIDE_DAYS: i64 = 30;
/// How long KMS may take to forget a grant, in milliseconds.
const GRACE: i64 = 5 * 60 * 1000;
/// Grants of one key from which on the quota is near: 80 % of 50,000.
const QUOTA: usize = 40_000;
/// Operations that are rare by nature: not to see them means little.
const RARE: [&str; 3] = ["CreateGrant", "DescribeKey", "RetireGrant"];
/// Operations whose calls have an encryption context.
const WITH_CONTEXT: [&str; 6] = [
    "Decrypt",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyWithoutPlaintext",
    "ReEncryptFrom",
    "ReEncryptTo",
];

const GRANTS_PAGE: &str = "https://docs.aws.amazon.com/kms/latest/developerguide/grants.html";

/// An AWS service made the grant for itself, and ends it when it needs it no more.
fn is_made_by_service(grant: &Grant) -> bool {
    let by = grant.created.as_ref();
    by.is_some_and(|by| by.service.is_some() || is_service(&by.principal))
        || grant.terms.grantee.as_deref().is_none_or(is_for_service)
        || grant.terms.constraints.as_deref().is_some_and(|json| json.contains("\"sourceArn\""))
}

fn is_for_service(grantee: &str) -> bool {
    is_service(grantee) || grantee.contains(":aws:ec2-infrastructure:")
}

fn is_open(grant: &Grant) -> bool {
    grant.state == GrantState::Open
}

/// A finding about a grant, with the record of its creation.
fn about(seen: &Calls<'_>, grant: &Grant) -> Draft {
    let mut draft = Draft::new(grant.key.as_deref(), grant.terms.grantee.as_deref());
    draft.grant.clone_from(&grant.terms.grant_id);
    let by = grant.created.as_ref().or(grant.ended.as_ref());
    draft.subject = by.filter(|_| grant.terms.grant_id.is_none()).and_then(|by| by.event_id.clone());
    match &grant.created {
        Some(created) => draft.change(seen, created),
        None => draft,
    }
}

fn grantee(grant: &Grant) -> &str {
    grant.terms.grantee.as_deref().unwrap_or("a grantee that is not known")
}

pub(super) const STALE: FindingRule = FindingRule {
    id: "grant-stale",
    severity: FindingSeverity::Medium,
    title: "Open grant that nobody uses",
    about: "A grant that a person or a role made is open, and for 30 days, up to the end of its \
        account's and Region's records, no call was consistent with it.",
    source: GRANTS_PAGE,
    controls: "NIST AC-2(3), NIST AC-6, SOC 2 CC6.3",
    cannot_know: "Calls outside the input, or under an S3 Bucket Key, which hides most of them. Grants that \
        AWS services made for themselves are left out: the service ends them. Where the input has no records of \
        the key's account and Region, or a trail did not record in that time, the finding is undecidable.",
    false_positives: "A job that runs once a quarter; a grant kept for emergencies.",
    remediation: "Ask whoever created it. If nobody needs it: aws kms revoke-grant, or retire-grant by its \
        retiring principal.",
    is_negative: true,
    find: |seen| {
        let mut found = Vec::new();
        for (grant, uses) in seen.grants() {
            let Some(created) = grant.created.as_ref().filter(|_| is_open(grant)) else { continue };
            let begin = seen.counted_from(created.time);
            let last = uses.times.map_or(begin, |(_, last)| last);
            let idle = days(last, seen.end_of(grant.key.as_deref()));
            if !grant.is_counted || is_made_by_service(grant) || uses.undecidable > 0 || idle < STALE_DAYS {
                continue;
            }
            let since = match uses.times {
                None => format!(
                    "It was created on {}, and no call from {} on was consistent with it",
                    date(created.time),
                    date(begin)
                ),
                Some(_) => format!("The last call that was consistent with it was on {}", date(last)),
            };
            let mut draft = about(seen, grant);
            draft.detail = format!("{since}. It lets {} call {}.", grantee(grant), operations(grant));
            let key = grant.key.as_deref().unwrap_or_default();
            draft.undecidable = seen.narrowed().or_else(|| seen.not_recorded(key, Some(last)));
            found.push(draft);
        }
        found
    },
};

fn operations(grant: &Grant) -> String {
    grant.operations().collect::<Vec<_>>().join(", ")
}

pub(super) const WIDE: FindingRule = FindingRule {
    id: "grant-wide",
    severity: FindingSeverity::Low,
    title: "Grant that allows more than is used",
    about: "An open grant is used, but for 30 days or longer some of its operations are not. CreateGrant, \
        DescribeKey and RetireGrant do not count: they are rare by nature.",
    source: GRANTS_PAGE,
    controls: "NIST AC-6, PCI 7.2.1, SOC 2 CC6.3",
    cannot_know: "Whether a policy allowed the calls instead, and calls outside the input.",
    false_positives: "Operations for the restoring of backups, or for a part of the year.",
    remediation: "Create a grant with the operations that are used, then revoke this one.",
    is_negative: true,
    find: |seen| {
        let mut found = Vec::new();
        for (grant, uses) in seen.grants() {
            let Some(created) = grant.created.as_ref().filter(|_| is_open(grant)) else { continue };
            let is_unused = |name: &&str| !uses.operations.contains(name) && !RARE.contains(name);
            let unused: Vec<&str> = grant.operations().filter(is_unused).collect();
            let age = days(seen.counted_from(created.time), seen.end_of(grant.key.as_deref()));
            if unused.is_empty() || uses.calls == 0 || uses.undecidable > 0 || age < WIDE_DAYS {
                continue;
            }
            if is_made_by_service(grant) {
                continue;
            }
            let used: Vec<&str> = uses.operations.iter().copied().collect();
            let mut draft = about(seen, grant);
            draft.detail =
                format!("{} uses {}, and not {}.", grantee(grant), used.join(", "), unused.join(", "));
            let (key, begin) = (grant.key.as_deref().unwrap_or_default(), seen.counted_from(created.time));
            draft.undecidable = seen.narrowed().or_else(|| seen.not_recorded(key, Some(begin)));
            found.push(draft);
        }
        found
    },
};

pub(super) const EXTERNAL: FindingRule = FindingRule {
    id: "grant-external",
    severity: FindingSeverity::High,
    title: "Grant to a principal of another account",
    about: "An open grant lets a principal of an account other than the key's use the key. No policy shows it, \
        and IAM Access Analyzer is the only AWS tool that does.",
    source: "https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-modifying-external-accounts.html",
    controls: "NIST AC-4, NIST AC-21, ISO A.5.14, PCI 7.2.1",
    cannot_know: "Whether the other account belongs to the same organization.",
    false_positives: "Accounts of the same company that share data on purpose.",
    remediation: "Confirm the other account with the key's owner, or revoke the grant.",
    is_negative: false,
    find: |seen| {
        let mut found = Vec::new();
        for (grant, _) in seen.grants().filter(|(grant, _)| is_open(grant)) {
            let owner = grant.key.as_deref().and_then(Arn::parse).map(|arn| arn.account);
            let name = grant.terms.grantee.as_deref().filter(|name| !is_for_service(name));
            let (Some(owner), Some(account)) = (owner, name.and_then(account_of)) else { continue };
            if owner.is_empty() || owner == account {
                continue;
            }
            let mut draft = about(seen, grant);
            draft.detail = format!(
                "The key belongs to {owner}, the grantee to {account}. It may call {}.",
                operations(grant)
            );
            found.push(draft);
        }
        found
    },
};

pub(super) const ORPHANED: FindingRule = FindingRule {
    id: "grant-orphaned",
    severity: FindingSeverity::Medium,
    title: "Grant for a principal that was created again",
    about: "KMS answered the same CreateGrant, with the same name and terms, with another grant while the \
        first one was open. It does so when the role or user was deleted and created again: the first grant is \
        for the deleted one, and nobody can use it.",
    source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateGrant.html",
    controls: "NIST AC-2(3), ISO A.5.18, SOC 2 CC6.3",
    cannot_know: "Whether the principal exists now; grants without a name give no sign of it.",
    false_positives: "None known.",
    remediation: "Revoke the older grant.",
    is_negative: false,
    find: |seen| {
        let mut alike: BTreeMap<_, Vec<&Grant>> = BTreeMap::new();
        for (grant, _) in seen.grants().filter(|(grant, _)| is_open(grant)) {
            let terms = &grant.terms;
            if terms.name.is_some() && terms.grantee.is_some() {
                let same =
                    (&terms.name, &terms.grantee, &terms.operations, &terms.constraints, &terms.retiring);
                alike.entry((&grant.key, same)).or_default().push(grant);
            }
        }
        let mut found = Vec::new();
        for mut grants in alike.into_values() {
            grants.sort_by_key(|grant| grant.created.as_ref().map(|by| by.time));
            let Some(newest) = grants.pop() else { continue };
            for grant in grants {
                let mut draft = about(seen, grant);
                let id = newest.terms.grant_id.as_deref().unwrap_or("another grant");
                draft.detail = format!(
                    "The same request for {} was answered with {id} later, so the grantee of this one was deleted.",
                    grantee(grant)
                );
                found.push(draft);
            }
        }
        found
    },
};

pub(super) const UNCONSTRAINED: FindingRule = FindingRule {
    id: "grant-without-constraints",
    severity: FindingSeverity::Low,
    title: "Grant without constraints",
    about: "An open grant of a person or a role allows encryption or decryption in every encryption context. \
        A constraint would limit it to the data that it is meant for.",
    source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_GrantConstraints.html",
    controls: "NIST AC-6, PCI 7.2.1",
    cannot_know: "Whether the application uses an encryption context at all.",
    false_positives: "Data that is encrypted without an encryption context.",
    remediation: "Create a grant with EncryptionContextSubset, then revoke this one.",
    is_negative: false,
    find: |seen| {
        let mut found = Vec::new();
        for (grant, _) in seen.grants().filter(|(grant, _)| is_open(grant)) {
            let has_context = grant.operations().any(|name| WITH_CONTEXT.contains(&name));
            if grant.terms.constraints.is_some() || is_made_by_service(grant) || !has_context {
                continue;
            }
            let mut draft = about(seen, grant);
            draft.detail = format!("{} may call {} with any context.", grantee(grant), operations(grant));
            found.push(draft);
        }
        found
    },
};

pub(super) const USED_AFTER_END: FindingRule = FindingRule {
    id: "grant-used-after-end",
    severity: FindingSeverity::Medium,
    title: "Use of a key after the grant for it had ended",
    about: "The grantee of a grant that was retired or revoked called one of its operations with success more \
        than five minutes after the end, and no other grant of the input fits. So a policy allows it, or a \
        grant from before the input: the end of the grant took nothing away.",
    source: "https://docs.aws.amazon.com/kms/latest/developerguide/grants.html#terms-eventual-consistency",
    controls: "NIST AC-2(3), NIST AC-6, PCI 7.2.5",
    cannot_know: "Which policy allowed the call: no record says so. Whether the calls had an encryption context that \
        the grant's constraints allow: then the finding is undecidable.",
    false_positives: "A principal that the key policy allows on purpose.",
    remediation: "If access was to end: take the principal out of the key policy and its IAM policies.",
    is_negative: false,
    find: |seen| {
        let mut by_grantee: BTreeMap<(&str, &str), Vec<&Grant>> = BTreeMap::new();
        for (grant, _) in seen.grants() {
            if let (Some(key), Some(name)) = (&grant.key, &grant.terms.grantee) {
                by_grantee.entry((key, name)).or_default().push(grant);
            }
        }
        let mut found = Vec::new();
        for ((key, name), grants) in by_grantee {
            let Some(calls) = seen.keys.get(key) else { continue };
            let principal = normalize_service(Cow::Borrowed(name));
            let uses = calls.of(&principal).iter().filter(|row| is_success(row));
            // The grant that ended last of those that allowed such calls.
            let late = |row: &&AccessRow<'_>| {
                let ended = grants.iter().filter_map(|grant| ended_before(grant, row));
                let is_free = !grants.iter().any(|grant| may_allow(grant, row));
                ended.max_by_key(|grant| grant.ended.as_ref().map(|by| by.time)).filter(|_| is_free)
            };
            let late: Vec<_> = uses.filter_map(|row| Some((row, late(&row)?))).collect();
            let ends = late.iter().filter_map(|(_, grant)| Some((grant.ended.as_ref()?, *grant)));
            let Some((ended, grant)) = ends.max_by_key(|(ended, _)| ended.time) else { continue };
            // What calls of a ReEncrypt need has other names.
            let is_limited = |(row, grant): &(_, &Grant)| {
                let row: &&AccessRow<'_> = row;
                grant.is_limited(&row.group.event_name)
            };
            let is_limited = late.iter().all(is_limited);
            let names: Vec<&str> = late.iter().map(|(row, _)| &*row.group.event_name).collect();
            let last = late.iter().map(|(row, _)| row.span.last.time).max().unwrap_or(ended.time);
            let mut draft = about(seen, grant).change(seen, ended);
            draft.detail = format!(
                "The grant ended on {}; {} called {} until {}.",
                date(ended.time),
                short(name),
                names.join(", "),
                date(last)
            );
            draft.undecidable = is_limited.then(|| {
                "The grant's constraints limit such calls to some encryption contexts: whether these calls had one of \
                 them is not known."
                    .to_owned()
            });
            found.push(late.iter().fold(draft, |draft, (row, grant)| {
                let end = grant.ended.as_ref().map_or(0, |by| by.time.0);
                draft.later(row.span, end.saturating_add(GRACE))
            }));
        }
        found
    },
};

/// The grant, if it allowed such calls, and ended more than five minutes before the last of them.
fn ended_before<'g>(grant: &&'g Grant, row: &AccessRow<'_>) -> Option<&'g Grant> {
    let ended = grant.ended.as_ref()?;
    let is_over = matches!(grant.state, GrantState::Retired | GrantState::Revoked)
        && row.span.last.time.0 > ended.time.0.saturating_add(GRACE);
    (is_over && grant.operations().any(|name| *name == *row.group.event_name)).then_some(*grant)
}

/// Whether a grant of the caller fits the last of these calls.
fn may_allow(grant: &Grant, row: &AccessRow<'_>) -> bool {
    let last = row.span.last.time;
    grant.created.as_ref().is_none_or(|by| by.time <= last)
        && grant.ended.as_ref().is_none_or(|by| last.0 <= by.time.0.saturating_add(GRACE))
        && grant.operations().any(|name| *name == *row.group.event_name)
}

pub(super) const QUOTA_NEAR: FindingRule = FindingRule {
    id: "grant-quota",
    severity: FindingSeverity::Medium,
    title: "Key with almost as many grants as it can have",
    about: "A customer managed key has 40,000 open grants or more; at 50,000, KMS refuses new ones.",
    source: "https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html",
    controls: "NIST CP-2",
    cannot_know: "Grants from before the input, which count as well. AWS managed keys have no such quota.",
    false_positives: "A key that AWS manages.",
    remediation: "Retire the grants that are not used, or ask for a higher quota.",
    is_negative: false,
    find: |seen| {
        let mut open: BTreeMap<&str, usize> = BTreeMap::new();
        for (grant, _) in seen.grants().filter(|(grant, _)| is_open(grant)) {
            *open.entry(grant.key.as_deref().unwrap_or_default()).or_default() += 1;
        }
        let near = open.into_iter().filter(|(key, n)| !key.is_empty() && *n >= QUOTA);
        near.map(|(key, n)| Draft {
            detail: format!("{n} grants of the input are open, of at most 50,000."),
            ..Draft::new(Some(key), None)
        })
        .collect()
    },
};
