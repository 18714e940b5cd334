//! Findings about what is shared with other accounts.

use std::collections::BTreeMap;

use super::calls::{Calls, date, days, short};
use super::draft::Draft;
use super::rule::{FindingRule, FindingSeverity};
use crate::aggregate::{ConsumerKind, MadeBy, Promotion, Share, ShareState};
use crate::model::{Arn, EventTime, counted};

/// Days after which an unanswered invitation, or an unused share, is worth a look.
const PENDING_DAYS: i64 = 7;
const UNUSED_DAYS: i64 = 30;

const RAM_PAGE: &str =
    "https://docs.aws.amazon.com/ram/latest/userguide/working-with-sharing-invitations.html";
pub(super) const SHARES_PAGE: &str =
    "https://docs.aws.amazon.com/ram/latest/userguide/working-with-sharing-create.html";
const PROMOTE_PAGE: &str = "https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry-ram-promote.html";

fn is_open(share: &Share) -> bool {
    matches!(
        share.state,
        ShareState::Requested | ShareState::Invited | ShareState::Accepted | ShareState::Effective
    )
}

/// Whether the consumer is somebody of another account who could look for the resource.
fn can_find(share: &Share) -> bool {
    use ConsumerKind::{None, Service, Unknown};
    !matches!(share.consumer.kind, Service | Unknown | None)
        && share.consumer.account() != Some(&*share.owner)
}

/// A finding about a share, with the records of its beginning and end.
fn about(seen: &Calls<'_>, share: &Share) -> Draft {
    let mut draft = Draft { resource: Some(share.resource.clone()), ..Draft::default() };
    let id = share.share.as_deref().unwrap_or(share.made_by.as_str());
    draft.subject = Some(format!("{id} {}", share.consumer.name));
    let mut changes: Vec<_> =
        [&share.requested, &share.answered, &share.ended].into_iter().flatten().collect();
    if changes.is_empty() {
        changes.extend(&share.seen);
    }
    changes.into_iter().fold(draft, |draft, change| draft.change(seen, change))
}

/// A finding about each share that `is_it`, with this detail.
fn each(seen: &Calls<'_>, is_it: impl Fn(&Share) -> bool, detail: impl Fn(&Share) -> String) -> Vec<Draft> {
    let found = seen.shares().filter(|share| is_it(share));
    found.map(|share| Draft { detail: detail(share), ..about(seen, share) }).collect()
}

/// The resource of a share, and with whom it is shared.
fn pair(share: &Share) -> String {
    format!("{} with {}", name(&share.resource), share.consumer.name)
}

pub(super) fn name(resource: &str) -> &str {
    Arn::parse(resource).map_or(resource, |arn| arn.resource)
}

pub(super) const UNTRUSTED: FindingRule = FindingRule {
    id: "share-untrusted",
    severity: FindingSeverity::High,
    title: "Share with an account or organization that is not trusted",
    about: "An open share or resource policy gives access to a consumer outside: an account that is not in the file \
        of --trusted-accounts, another organization than that of --organization, or one that AWS RAM calls external.",
    source: SHARES_PAGE,
    controls: "NIST AC-4, NIST AC-21, ISO A.5.14",
    cannot_know: "Without --trusted-accounts, whether the account is one of yours. Which accounts belong to an \
        organization is not in the records.",
    false_positives: "Partners and customers with whom the data is shared on purpose.",
    remediation: "Confirm the consumer with the resource's owner, or take it out of the share or the policy.",
    is_negative: false,
    find: |seen| {
        let trust = seen.context.trust;
        let mut found = Vec::new();
        for share in seen.shares().filter(|share| is_open(share)) {
            let consumer = &share.consumer;
            let outside = trust.is_outside(&consumer.name, consumer.kind.as_str(), &share.owner);
            let is_told = outside == Some(true);
            // The rule about wide policies has everybody.
            let is_external = outside.is_none() && share.external == Some(true);
            if consumer.kind == ConsumerKind::Everyone || !(is_told || is_external) {
                continue;
            }
            let mut draft = about(seen, share);
            let shared = name(&share.resource);
            draft.detail = format!("{} shares {shared} with {}.", share.owner, consumer.name);
            draft.undecidable =
                (!is_told).then(|| "AWS RAM calls it external; --trusted-accounts was not given.".to_owned());
            found.push(draft);
        }
        found
    },
};

pub(super) const WIDE_POLICY: FindingRule = FindingRule {
    id: "share-policy-wide",
    severity: FindingSeverity::High,
    title: "Resource policy for everybody, or for every action",
    about: "A policy of a SageMaker resource has Principal \"*\" without a limit to an organization, or Action \"*\". \
        AWS RAM cannot promote such a policy, so no RAM console lists who has access.",
    source: PROMOTE_PAGE,
    controls: "NIST AC-3, NIST AC-6, SOC 2 CC6.1",
    cannot_know: "What other conditions of the policy mean for a call.",
    false_positives: "Policies with a condition that limits the callers.",
    remediation: "Name the accounts and the actions that are needed: put-model-package-group-policy.",
    is_negative: false,
    find: |seen| {
        let is_wide = |share: &&Share| {
            share.made_by == MadeBy::ResourcePolicy
                && is_open(share)
                && (share.consumer.kind == ConsumerKind::Everyone || share.allows_everything())
        };
        let of = |share: &Share| {
            let mut draft = about(seen, share);
            let actions: Vec<&str> = share.actions.iter().take(5).map(String::as_str).collect();
            let consumer = &share.consumer.name;
            draft.detail = format!(
                "The policy of {} lets {consumer} call {}.",
                name(&share.resource),
                actions.join(", ")
            );
            let conditions = share.notes.iter().any(|note| note.contains("conditions"));
            draft.undecidable = conditions.then(|| "Its conditions are not looked at.".to_owned());
            draft
        };
        seen.shares().filter(is_wide).map(of).collect()
    },
};

pub(super) const USED_AFTER_END: FindingRule = FindingRule {
    id: "share-used-after-end",
    severity: FindingSeverity::High,
    title: "Use of a resource after its share had ended",
    about: "A call of the consumer succeeded more than 15 minutes after the share ended for it, and no other share or \
        policy of the input allows it.",
    source: SHARES_PAGE,
    controls: "NIST AC-2(3), NIST AC-6, PCI 7.2.5",
    cannot_know: "By which share or policy the call was allowed: no record says so.",
    false_positives: "A share from before the input begins.",
    remediation: "List what is shared: aws ram list-principals, get-model-package-group-policy.",
    is_negative: false,
    find: |seen| {
        each(
            seen,
            |share| share.unexplained_late.is_some(),
            |share| {
                let (count, last) = share.unexplained_late.unwrap_or((0, EventTime(0)));
                let (calls, last) = (counted(count, "call"), date(last));
                let ended = share.ended.as_ref().map(|change| date(change.time));
                let ended =
                    ended.map_or("ended, and was made again".to_owned(), |day| format!("ended on {day}"));
                format!(
                    "The share of {} {ended}; {calls} succeeded after an end, the last on {last}.",
                    pair(share)
                )
            },
        )
    },
};

pub(super) const PERMISSION_CHANGED: FindingRule = FindingRule {
    id: "permission-changed-for-all",
    severity: FindingSeverity::Medium,
    title: "Permission changed for all shares at once",
    about: "SetDefaultPermissionVersion, CreatePermissionVersion or ReplacePermissionAssociations changed what a \
        permission of AWS RAM allows. It changes every share that has it, and no event of a share shows it.",
    source: "https://docs.aws.amazon.com/ram/latest/userguide/working-with-cmp-versioning.html",
    controls: "NIST CM-3, NIST AC-6",
    cannot_know: "Which actions were added: versions are not compared.",
    false_positives: "A version that allows less.",
    remediation: "Compare the versions: aws ram get-permission.",
    is_negative: false,
    find: |seen| {
        let mut by: BTreeMap<&str, Draft> = BTreeMap::new();
        for change in seen.context.shares.permission_changes() {
            let draft = by
                .entry(&change.permission)
                .or_insert_with(|| Draft { resource: Some(change.permission.clone()), ..Draft::default() });
            let what =
                change.replaces.as_deref().map_or_else(String::new, |old| format!(" in the place of {old}"));
            draft.detail = format!(
                "{} called {} for {}{what} on {}.",
                short(&change.by.principal),
                change.by.event_name,
                short(&change.permission),
                date(change.by.time)
            );
            *draft = std::mem::take(draft).change(seen, &change.by);
        }
        by.into_values().collect()
    },
};

pub(super) const PROMOTION_FAILED: FindingRule = FindingRule {
    id: "share-promotion-failed",
    severity: FindingSeverity::Medium,
    title: "Policy-made share that could not be promoted",
    about: "A promotion by AWS RAM failed. OperationNotPermitted means: the resource can be used, but not found, \
        because its policy has a role as its principal, or allows every action.",
    source: PROMOTE_PAGE,
    controls: "NIST AC-21",
    cannot_know: "Which resource it was for, if there are several policies in the account and Region.",
    false_positives: "None known.",
    remediation: "Name accounts, not roles, and the actions that are needed in the policy; then promote the permission \
        and the share.",
    is_negative: false,
    find: |seen| {
        let code = |share: &Share| match &share.promotion {
            Some(Promotion::Failed(code)) => Some(code.clone()),
            _ => None,
        };
        each(
            seen,
            |share| code(share).is_some(),
            |share| {
                let (shared, consumer) = (name(&share.resource), &share.consumer.name);
                format!("{shared} for {consumer}: {}.", code(share).unwrap_or_default())
            },
        )
    },
};

pub(super) const NOT_DISCOVERABLE: FindingRule = FindingRule {
    id: "share-not-discoverable",
    severity: FindingSeverity::Low,
    title: "Shared resource that can be used, but not found",
    about: "The consumer used the resource, or AWS RAM says that it can, but it is in no list: a policy made the share, \
        and nobody promoted it, or it cannot be promoted. AWS RAM neither shows nor manages such a share.",
    source: PROMOTE_PAGE,
    controls: "NIST AC-21, NIST CM-8",
    cannot_know: "Whether the policy has exactly the actions of a managed permission: then it can be found at once.",
    false_positives: "Consumers who know the ARN and need no list.",
    remediation: "Promote the permission and the share, or share with AWS RAM instead of a policy.",
    is_negative: false,
    find: |seen| {
        let is_it =
            |share: &Share| share.is_accessible() == Some(true) && share.is_discoverable() == Some(false);
        each(seen, is_it, |share| format!("{}.", pair(share)))
    },
};

pub(super) const NEVER_PROMOTED: FindingRule = FindingRule {
    id: "share-never-promoted",
    severity: FindingSeverity::Info,
    title: "Policy-made share that nobody promoted",
    about: "A resource policy shares a model package group with other accounts, and no promotion of it is in the \
        input. If its actions are not exactly those of a managed permission, consumers cannot find it.",
    source: PROMOTE_PAGE,
    controls: "NIST CM-8",
    cannot_know: "Whether the policy has exactly the actions of a managed permission: then nothing is to be promoted.",
    false_positives: "Policies with exactly those actions.",
    remediation: "aws ram list-resource-share-permissions shows featureSet; promote if it is CREATED_FROM_POLICY.",
    is_negative: true,
    find: |seen| {
        let is_it = |share: &Share| {
            share.made_by == MadeBy::ResourcePolicy
                && share.kind == "model_package_group"
                && is_open(share)
                && can_find(share)
                && matches!(share.promotion, None | Some(Promotion::PermissionOnly))
        };
        let of = |share: &Share| {
            let half = if share.promotion.is_some() { "; only its permission was promoted" } else { "" };
            let mut draft = Draft { detail: format!("{}{half}.", pair(share)), ..about(seen, share) };
            let unclear = "Something was promoted, and several policies may be what it was made from.";
            draft.undecidable = share.may_be_promoted.then(|| unclear.to_owned());
            draft
        };
        seen.shares().filter(|share| is_it(share)).map(of).collect()
    },
};

pub(super) const INVITATION_OPEN: FindingRule = FindingRule {
    id: "share-invitation-open",
    severity: FindingSeverity::Low,
    title: "Invitation that was not accepted",
    about: "AWS RAM calls a consumer external, so it was invited, and for 7 days no answer is in the input; or the \
        invitation had expired when the consumer answered.",
    source: RAM_PAGE,
    controls: "NIST AC-21",
    cannot_know: "Answers in the consumer's own trail, if it is not in the input.",
    false_positives: "A consumer whose trail is not in the input.",
    remediation: "Ask the consumer, or take it out of the share.",
    is_negative: true,
    find: |seen| {
        let is_old = |share: &Share| {
            let since = share.requested.as_ref().map(|change| change.time);
            let end = seen.end_of_account(Some(&share.owner));
            share.state == ShareState::Expired
                || (share.state == ShareState::Invited
                    && since.is_some_and(|since| days(since, end) >= PENDING_DAYS))
        };
        each(seen, is_old, |share| format!("{}: {}.", pair(share), share.state.as_str()))
    },
};

pub(super) const NEVER_USED: FindingRule = FindingRule {
    id: "share-never-used",
    severity: FindingSeverity::Low,
    title: "Share that nobody uses",
    about: "A resource of SageMaker has been shared for 30 days, up to the end of the owner's records, and no call of \
        the consumer on it succeeded.",
    source: SHARES_PAGE,
    controls: "NIST AC-6, PCI 7.2.4",
    cannot_know: "Calls in the consumer's trail, if it is not in the input: whether the owner gets a record of them is \
        not documented. Data events, such as InvokeEndpoint and GetRecord, are not recorded by default.",
    false_positives: "A consumer whose trail is not in the input.",
    remediation: "Ask the consumer; if nobody needs it, end the share.",
    is_negative: true,
    find: |seen| {
        let is_unused = |share: &&Share| {
            let since = share.requested.as_ref().map(|change| change.time);
            let end = seen.end_of_account(Some(&share.owner));
            is_open(share)
                && share.uses == 0
                && share.consumer.account() != Some(&*share.owner)
                && share.resource.contains(":sagemaker:")
                && share.kind != "offline_store"
                && since.is_some_and(|since| days(since, end) >= UNUSED_DAYS)
        };
        let of = |share: &Share| {
            let mut draft = about(seen, share);
            draft.detail = format!("{}.", pair(share));
            let regions =
                share.consumer.account().map(|account| seen.context.coverage.regions.contains_key(account));
            draft.undecidable =
                (regions == Some(false)).then(|| "The input has no archive of the consumer.".to_owned());
            draft
        };
        seen.shares().filter(is_unused).map(of).collect()
    },
};

pub(super) const EXTERNAL_BY_DEFAULT: FindingRule = FindingRule {
    id: "share-external-by-default",
    severity: FindingSeverity::Low,
    title: "Share that lets external accounts in by default",
    about: "CreateResourceShare did not say allowExternalPrincipals, which then is true: accounts outside the \
        organization can be added later.",
    source: SHARES_PAGE,
    controls: "NIST AC-3, NIST AC-21",
    cannot_know: "Whether the owner belongs to an organization.",
    false_positives: "Shares that are meant for partners.",
    remediation: "aws ram update-resource-share --no-allow-external-principals",
    is_negative: false,
    find: |seen| {
        let mut by: BTreeMap<&str, &Share> = BTreeMap::new();
        for share in seen.shares().filter(|share| share.allows_external_by_default && is_open(share)) {
            by.entry(share.share.as_deref().unwrap_or_default()).or_insert(share);
        }
        let of = |(arn, share): (&str, &Share)| {
            let mut draft = Draft { resource: Some(arn.to_owned()), ..Draft::default() };
            let named = share.name.as_deref().unwrap_or("without a name");
            draft.detail = format!("Share {named} of {}.", share.owner);
            match share.requested.as_ref().or(share.seen.as_ref()) {
                Some(change) => draft.change(seen, change),
                None => draft,
            }
        };
        by.into_iter().map(of).collect()
    },
};
