//! Findings about calls on resources of other accounts.

use std::collections::{BTreeMap, BTreeSet};

use super::calls::{Calls, short};
use super::draft::Draft;
use super::rule::{FindingRule, FindingSeverity};
use super::shares::{SHARES_PAGE, name};
use crate::aggregate::{ShareUse, UseKind};
use crate::model::{Arn, Outcome, counted};

const PIPELINES_PAGE: &str = "https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-cross-account.html";
const STORE_PAGE: &str =
    "https://docs.aws.amazon.com/sagemaker/latest/dg/feature-store-cross-account-access.html";

/// The finding with the first and the last record of some calls.
fn with_ends(draft: Draft, seen: &Calls<'_>, used: &ShareUse) -> Draft {
    let draft = draft.named(seen, used.times.0, used.event_ids.0.as_deref());
    if used.count > 1 { draft.named(seen, used.times.1, used.event_ids.1.as_deref()) } else { draft }
}

/// A finding about each group of calls that `is_it`: who did what with which resource. `did`: the
/// words before the name of the API, and those between it and the resource.
fn each(seen: &Calls<'_>, is_it: impl Fn(&ShareUse) -> bool, did: [&str; 2]) -> Vec<Draft> {
    let of = |used: &ShareUse| {
        let [did, with] = did;
        let (who, account) = (short(&used.calls.principal), &used.calls.consumer);
        let (api, resource) = (&used.calls.event_name, name(&used.calls.resource));
        let detail = format!("{who} of {account} {did} {api} {with} {resource}.");
        Draft { detail, ..about_use(seen, used) }
    };
    seen.share_uses().filter(|used| is_it(used)).map(of).collect()
}

/// A finding about calls.
fn about_use(seen: &Calls<'_>, used: &ShareUse) -> Draft {
    let mut draft = Draft {
        key: used.calls.key.clone(),
        principal: Some(used.calls.principal.clone()),
        resource: Some(used.calls.resource.clone()),
        subject: Some(used.calls.event_name.clone()),
        ..Draft::default()
    };
    draft = with_ends(draft, seen, used);
    draft.count = used.count;
    draft
}

pub(super) const FOREIGN_RUNS: FindingRule = FindingRule {
    id: "pipeline-run-by-others",
    severity: FindingSeverity::Medium,
    title: "Pipeline that another account runs",
    about: "Another account started, stopped or continued executions of a pipeline. The owner's account pays for \
        them, and the owner's roles run the steps. A shared pipeline shares all its executions.",
    source: PIPELINES_PAGE,
    controls: "NIST AC-4, NIST AC-6",
    cannot_know: "What the executions cost.",
    false_positives: "Teams that run each other's pipelines on purpose.",
    remediation: "If they should only look: share with AWSRAMDefaultPermissionSageMakerPipeline.",
    is_negative: false,
    find: |seen| {
        let mut by: BTreeMap<(String, &str), Vec<&ShareUse>> = BTreeMap::new();
        for used in seen.share_uses() {
            if used.kind == UseKind::Run && used.calls.outcome == Outcome::Success {
                // The same pipeline may be spelled in several ways.
                let pipeline = used.calls.resource.to_ascii_lowercase();
                by.entry((pipeline, &used.calls.consumer)).or_default().push(used);
            }
        }
        let of = |((_, consumer), list): ((String, &str), Vec<&ShareUse>)| {
            let resource = list.first().map_or("", |used| &*used.calls.resource);
            let mut draft = Draft { resource: Some(resource.to_owned()), ..Draft::default() };
            draft.subject = Some(consumer.to_owned());
            let count: u64 = list.iter().map(|used| used.count).sum();
            let allowed = list.iter().filter(|used| used.visible_shares > Some(0));
            let allowed: u64 = allowed.map(|used| used.count).sum();
            let names: BTreeSet<&str> = list.iter().map(|used| &*used.calls.event_name).collect();
            for used in &list {
                draft = with_ends(draft, seen, used);
            }
            draft.count = count;
            let share = match allowed {
                0 => "no share of the input allows it".to_owned(),
                _ if allowed == count => format!("a share with {consumer} may allow it"),
                _ => format!("a share with {consumer} may allow {allowed} of them"),
            };
            draft.detail = format!(
                "{consumer} made {} on {} ({}); {share}.",
                counted(count, "call"),
                name(resource),
                names.into_iter().collect::<Vec<_>>().join(", ")
            );
            draft
        };
        by.into_iter().map(of).collect()
    },
};

fn is_unexplained(used: &ShareUse) -> bool {
    used.visible_shares == Some(0) && used.calls.outcome == Outcome::Success
}

pub(super) const CHANGED_BY_OTHERS: FindingRule = FindingRule {
    id: "share-changed-by-others",
    severity: FindingSeverity::High,
    title: "Resource that another account deleted, rewrote or shared",
    about: "Another account deleted a resource of SageMaker or a version of it, changed a pipeline, or set or deleted \
        the policy that says who may use it. No permission of AWS RAM with a public list of actions allows that.",
    source: SHARES_PAGE,
    controls: "NIST AC-3, NIST AC-6, NIST CM-5, PCI 7.2.5",
    cannot_know: "What was deleted or changed.",
    false_positives: "Accounts of one team, with a resource policy that allows it.",
    remediation: "Ask the caller; take the action out of the policy or permission; restore what is missing.",
    is_negative: false,
    find: |seen| {
        let is_it = |used: &&ShareUse| {
            used.is_destructive
                && used.calls.outcome == Outcome::Success
                && used.calls.key.is_none()
                && used.visible_shares.is_some()
        };
        let of = |used: &ShareUse| {
            let share = match used.visible_shares {
                Some(0) => "no share of the input allows it",
                _ => "a share may allow it",
            };
            let (who, account) = (short(&used.calls.principal), &used.calls.consumer);
            let (api, resource) = (&used.calls.event_name, name(&used.calls.resource));
            let detail = format!("{who} of {account} called {api} on {resource}; {share}.");
            let mut draft = Draft { detail, ..about_use(seen, used) };
            let is_explained = used.visible_shares > Some(0);
            draft.subject = Some(format!("{api}{}", if is_explained { "" } else { " without a share" }));
            draft
        };
        seen.share_uses().filter(is_it).map(of).collect()
    },
};

pub(super) const UNEXPLAINED: FindingRule = FindingRule {
    id: "used-without-share",
    severity: FindingSeverity::Medium,
    title: "Resource used by another account without a visible share",
    about: "A call of another account on a resource succeeded, and no share and no policy of the input allows it: none \
        is for the account, or none was in force, or its permission does not have the action, or another account than \
        the owner's made it.",
    source: SHARES_PAGE,
    controls: "NIST AC-4, NIST AC-21",
    cannot_know: "Shares and policies from before the input, of another Region's trail, and those for an organization \
        that another account made; grants of keys. What a permission without a public list of actions allows.",
    false_positives: "Shares that are older than the input.",
    remediation: "List what is shared: aws ram list-principals, get-model-package-group-policy, get-key-policy.",
    is_negative: false,
    find: |seen| {
        let is_it = |used: &ShareUse| is_unexplained(used) && used.late < used.count && !used.is_destructive;
        each(seen, is_it, ["called", "on"])
    },
};

pub(super) const REFUSED_BY_KMS: FindingRule = FindingRule {
    id: "share-refused-by-kms",
    severity: FindingSeverity::Medium,
    title: "Consumer of a shared resource refused by KMS",
    about: "Another account was refused the key of a model package's artifacts, of an offline store, or a key that is \
        shared. The share alone is not enough: the reader needs kms:Decrypt in the key policy and in its own policies, \
        the writer kms:GenerateDataKey.",
    source: STORE_PAGE,
    controls: "NIST AC-3",
    cannot_know: "Whether the call was for this resource: the key may protect other things, too.",
    false_positives: "Somebody who should not read.",
    remediation: "Allow the consumer's account in the key policy, and the call in the consumer's IAM policy; or end the \
        share.",
    is_negative: false,
    find: |seen| {
        let is_it = |used: &ShareUse| {
            used.calls.key.is_some()
                && used.calls.outcome == Outcome::Denied
                && used.owner != used.calls.consumer
        };
        each(seen, is_it, ["was refused", "for"])
    },
};

pub(super) const STORE_MISFIT: FindingRule = FindingRule {
    id: "offline-store-misfit",
    severity: FindingSeverity::Medium,
    title: "Offline store whose role and key do not fit the feature group",
    about: "The role or the key of an offline store belongs to another account than the feature group; or other \
        accounts read an offline store that has no key of its own. For a store in another account's bucket, AWS wants \
        a role and a customer managed key of the feature group's account.",
    source: STORE_PAGE,
    controls: "NIST SC-12, NIST AC-3",
    cannot_know: "To which account the bucket belongs, and its policy: the parameters do not say it.",
    false_positives: "Set-ups that AWS Support has confirmed.",
    remediation: "Create the feature group with a role and a key of its own account.",
    is_negative: false,
    find: |seen| {
        let account_of = |arn: &Option<String>| {
            let account = arn.as_deref().and_then(Arn::parse).map(|arn| arn.account.to_owned());
            account.filter(|account| !account.is_empty())
        };
        let foreign = seen.share_uses().filter(|used| used.owner != used.calls.consumer);
        let is_read: BTreeSet<&str> = foreign.map(|used| &*used.calls.resource).collect();
        let mut found = Vec::new();
        for (store, first) in seen.context.shares.stores() {
            let owner = account_of(&Some(store.group.clone()));
            let is_other = |account: Option<String>| account.is_some() && account != owner;
            let mut said = Vec::new();
            if is_other(account_of(&store.role)) {
                said.push(format!("the role is {}", store.role.as_deref().unwrap_or_default()));
            }
            if is_other(account_of(&store.key)) {
                said.push(format!("the key is {}", store.key.as_deref().unwrap_or_default()));
            }
            if store.key.is_none() && is_read.contains(&*store.group) {
                said.push("it has no key of its own, and another account uses the feature group".to_owned());
            }
            if said.is_empty() {
                continue;
            }
            let mut draft = Draft { resource: Some(store.group.clone()), ..Draft::default() };
            draft.detail = format!("Of {}, {}.", name(&store.group), said.join("; "));
            found.push(draft.change(seen, first));
        }
        found
    },
};
