//! From shares and policies as they changed to one row per resource and consumer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::answer::{Answer, AnswerKind};
use super::consumer::{Consumer, ConsumerKind};
use super::draft::{Draft, ShareDraft};
use super::members::{Member, earliest, later};
use super::policy_draft::{InPolicy, PolicyDraft};
use super::resource::{default_permission, is_other, kind_of_permission, owner_of, resource_kind};
use super::scope::{InForce, Scope, Span, Templates, span};
use super::share::{MadeBy, Permission, Share, ShareState};
use crate::aggregate::grants::Change;

/// How many rows are kept: the first ones in their order.
pub const SHARE_ROWS: usize = 100_000;

/// Bytes of their texts, after which the rest is left out: names can be of any length.
const SHARE_BYTES: usize = 256 << 20;

/// The kind of resource of an offline store. Its ARN is that of the feature group.
pub(super) const OFFLINE_STORE: &str = "offline_store";

/// Most ids of records of one row.
const EVIDENCE: usize = 20;

/// The rows, sorted; and how many were left out.
pub(super) fn rows(draft: &Draft) -> (Vec<Share>, u64) {
    let mut rows: Vec<Share> = Vec::new();
    let mut left_out = 0;
    let mut room = SHARE_BYTES;
    let mut push = |row: &dyn Fn() -> Share| {
        if rows.len() >= SHARE_ROWS || room == 0 {
            left_out += 1;
            return;
        }
        let row = row();
        room = room.saturating_sub(row.text_bytes());
        rows.push(row);
    };
    for policy in draft.policies.values().chain(draft.keys.values()) {
        for (consumer, known) in &policy.consumers {
            push(&|| of_policy(policy, consumer, known));
        }
    }
    for (store, _) in draft.stores.values() {
        let Some(policy) = store.key.as_deref().and_then(|key| draft.keys.get(key)) else { continue };
        for (consumer, known) in &policy.consumers {
            push(&|| Share {
                resource: store.group.clone(),
                kind: OFFLINE_STORE.to_owned(),
                owner: owner_of(&store.group).unwrap_or("unknown").to_owned(),
                ..of_policy(policy, consumer, known)
            });
        }
    }
    for share in draft.shares.values().filter(|share| !share.is_of_policy) {
        let empty = if share.created.is_some() { ConsumerKind::None } else { ConsumerKind::Unknown };
        let nothing = Member::default();
        let kinds: BTreeSet<String> = share.resources.keys().map(|arn| resource_kind(arn)).collect();
        let mut resources: Vec<InShare<'_>> = Vec::new();
        let mut by_kind: BTreeMap<String, Arc<[Scope]>> = BTreeMap::new();
        for (arn, member) in &share.resources {
            let kind = resource_kind(arn);
            let permission = permission(share, &kind, kinds.len());
            let scopes = scopes_of(share, &kind, kinds.len() <= 1, arn, &draft.templates, &mut by_kind);
            resources.push(InShare { arn, permission, kind, member, spans: member.spans(), scopes });
        }
        if resources.is_empty() {
            let (arn, kind) = (empty.as_str(), empty.as_str().to_owned());
            let permission = permission(share, &kind, 0);
            let (spans, scopes) = (nothing.spans(), Arc::default());
            resources.push(InShare { arn, permission, kind, member: &nothing, spans, scopes });
        }
        let mut consumers: Vec<(Consumer, &Member, Arc<[Span]>)> = share
            .principals
            .iter()
            .map(|(name, member)| (Consumer::parse(name), member, member.spans()))
            .collect();
        if consumers.is_empty() {
            consumers.push((Consumer::without_name(empty), &nothing, nothing.spans()));
        }
        for resource in &resources {
            for (consumer, member, spans) in &consumers {
                push(&|| of_share(share, resource, consumer, member, spans));
            }
        }
    }
    rows.sort_by(|a, b| {
        fn key(row: &Share) -> (&str, Option<&str>, &Consumer) {
            (&row.resource, row.share.as_deref(), &row.consumer)
        }
        key(a).cmp(&key(b))
    });
    (rows, left_out)
}

/// A resource of a share.
struct InShare<'d> {
    arn: &'d str,
    kind: String,
    permission: Option<Permission>,
    member: &'d Member,
    spans: Arc<[Span]>,
    scopes: Arc<[Scope]>,
}

/// What a share allows with a resource of a kind, and when: nothing, if its owner is certainly not
/// the resource's.
fn scopes_of(
    share: &ShareDraft,
    kind: &str,
    has_one_kind: bool,
    resource: &str,
    templates: &Templates,
    by_kind: &mut BTreeMap<String, Arc<[Scope]>>,
) -> Arc<[Scope]> {
    if is_other(share.owner.as_deref(), owner_of(resource)) {
        return Arc::default();
    }
    let new = || share.permissions.scopes(kind, has_one_kind, share.created.is_some(), templates);
    Arc::clone(by_kind.entry(kind.to_owned()).or_insert_with(new))
}

fn some_of(ids: &BTreeSet<String>) -> BTreeSet<String> {
    ids.iter().take(EVIDENCE).cloned().collect()
}

const TIED: &str = "it was added and removed within one second: which came last is not known";
const BY_OTHER: &str = "made by an account that does not own the resource: it explains no use";
const UNIQUE_ID: &str =
    "the consumer is the unique id of a role or user that was deleted: it explains no use";
const ODD_NAME: &str =
    "the consumer is neither an account nor anybody whom AWS RAM or a policy knows: it explains no use";
const SHORT_ID: &str = "the id of an account has not twelve digits";

fn of_policy(policy: &PolicyDraft, consumer: &Consumer, known: &InPolicy) -> Share {
    let InPolicy { member, allowed, scopes } = known;
    let mut notes = &policy.notes | &allowed.notes;
    notes.extend(member.is_by_other().then(|| BY_OTHER.to_owned()));
    notes.extend(member.is_unclear().then(|| TIED.to_owned()));
    let owner = owner_of(&policy.resource).unwrap_or("unknown").to_owned();
    let answer = consumer.account().and_then(|account| policy.answers.get(account));
    // Everybody is anybody.
    let external = (consumer.kind == ConsumerKind::Everyone).then_some(true);
    let row = Share {
        share: policy.share.clone(),
        name: policy.name.clone(),
        made_by: policy.made_by,
        resource: policy.resource.clone(),
        kind: resource_kind(&policy.resource),
        external: external.or_else(|| is_inside(&owner, consumer)),
        owner,
        consumer: consumer.clone(),
        permission: None,
        actions: allowed.actions.clone(),
        allows_external: None,
        allows_external_by_default: false,
        feature_set: policy.feature_set.clone(),
        state: state(member.end(), answer, false),
        promotion: policy.promotion.clone(),
        may_be_promoted: policy.may_be_promoted,
        seen: None,
        requested: member.added.clone(),
        answered: answer.map(|answer| answer.change.clone()),
        is_accepted: answer.is_some_and(Answer::is_acceptance),
        ended: member.end().cloned(),
        in_force: InForce {
            whole: span(None, None),
            of_resource: member.spans(),
            of_consumer: None,
            scopes: scopes.as_slice().into(),
        },
        uses: 0,
        refused: 0,
        use_times: None,
        late_uses: 0,
        last_late_use: None,
        unexplained_late: None,
        notes,
        evidence: some_of(&policy.evidence),
    };
    with_checked_ids(row)
}

/// `Some(false)`: the consumer certainly belongs to the owner's organization.
fn is_inside(owner: &str, consumer: &Consumer) -> Option<bool> {
    (consumer.account() == Some(owner)).then_some(false)
}

/// Whether a principal is the unique id of a role or user, which AWS puts in the place of one that
/// was deleted.
///
/// Source: [unique identifiers](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html).
fn is_unique_id(name: &str) -> bool {
    let is_id =
        name.len() >= 16 && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    is_id && (name.starts_with("AROA") || name.starts_with("AIDA"))
}

fn with_checked_ids(mut row: Share) -> Share {
    let accounts = [Some(&*row.owner), row.consumer.account()];
    let is_short = |account: &&str| account.bytes().all(|byte| byte.is_ascii_digit()) && account.len() != 12;
    if accounts.into_iter().flatten().any(|account| is_short(&account)) {
        row.notes.insert(SHORT_ID.to_owned());
    }
    let consumer = &row.consumer;
    if consumer.kind == ConsumerKind::Unknown && consumer.name != ConsumerKind::Unknown.as_str() {
        row.notes.insert(if is_unique_id(&consumer.name) { UNIQUE_ID } else { ODD_NAME }.to_owned());
    }
    row
}

fn of_share(
    share: &ShareDraft,
    resource: &InShare<'_>,
    consumer: &Consumer,
    of_principal: &Member,
    spans: &Arc<[Span]>,
) -> Share {
    let of_resource = resource.member;
    let is_by_other = of_resource.is_by_other()
        || of_principal.is_by_other()
        || is_other(share.owner.as_deref(), owner_of(resource.arn));
    // Since before anything is known of it, it was there from its creation.
    let has_begun = of_resource.added.is_none() && of_principal.added.is_none();
    let created = share.created.as_ref().filter(|_| has_begun).map(|change| change.time);
    let whole = span(created, share.deleted.as_ref().map(|change| change.time));
    let ended = earliest([share.deleted.as_ref(), of_resource.end(), of_principal.end()]).cloned();
    let requested = later(of_resource.added.as_ref(), of_principal.added.as_ref());
    let requested = requested.or(share.created.as_ref()).cloned();
    let answer = consumer.account().and_then(|account| share.answers.get(account));
    let external = share.external.get(&consumer.name).copied().or_else(|| match consumer.kind {
        // AWS RAM shares with the owner's own organization only.
        ConsumerKind::Organization | ConsumerKind::Ou => Some(false),
        _ => is_inside(share.owner.as_deref().unwrap_or_default(), consumer),
    });
    let is_invited = external == Some(true) && consumer.kind == ConsumerKind::Account;
    let mut notes = share.notes.clone();
    notes.extend((of_resource.is_unclear() || of_principal.is_unclear()).then(|| TIED.to_owned()));
    notes.extend(is_by_other.then(|| BY_OTHER.to_owned()));
    if consumer.kind == ConsumerKind::Service && !share.sources.is_empty() {
        let sources: Vec<&str> = share.sources.iter().take(3).map(String::as_str).collect();
        notes.insert(format!("the service may act for {}", sources.join(", ")));
    }
    let row = Share {
        share: share.share.clone(),
        name: share.name.clone(),
        // Only what a policy made can be promoted.
        made_by: match (&share.created, &share.promotion) {
            (None, Some(_)) => MadeBy::ResourcePolicy,
            _ => MadeBy::Ram,
        },
        resource: resource.arn.to_owned(),
        permission: resource.permission.clone(),
        kind: resource.kind.clone(),
        owner: share
            .owner
            .clone()
            .or_else(|| owner_of(resource.arn).map(str::to_owned))
            .unwrap_or("unknown".into()),
        consumer: consumer.clone(),
        actions: BTreeSet::new(),
        allows_external: share.allows_external.or(share.allows_external_by_default.then_some(true)),
        allows_external_by_default: share.allows_external_by_default,
        external,
        feature_set: share.feature_set.clone(),
        state: state(ended.as_ref(), answer, is_invited),
        promotion: share.promotion.as_ref().map(|(promotion, _)| promotion.clone()),
        may_be_promoted: false,
        seen: share.seen.clone(),
        requested,
        answered: answer.map(|answer| answer.change.clone()),
        is_accepted: answer.is_some_and(Answer::is_acceptance),
        ended,
        in_force: InForce {
            whole,
            of_resource: Arc::clone(&resource.spans),
            of_consumer: Some(Arc::clone(spans)),
            scopes: if is_by_other { Arc::default() } else { Arc::clone(&resource.scopes) },
        },
        uses: 0,
        refused: 0,
        use_times: None,
        late_uses: 0,
        last_late_use: None,
        unexplained_late: None,
        notes,
        evidence: some_of(&share.evidence),
    };
    with_checked_ids(row)
}

/// The state of a share of which no use has been looked at.
fn state(ended: Option<&Change>, answer: Option<&Answer>, is_invited: bool) -> ShareState {
    match (ended, answer.map(|answer| answer.kind)) {
        (Some(_), _) => ShareState::Ended,
        (None, Some(AnswerKind::Accepted)) => ShareState::Accepted,
        (None, Some(AnswerKind::Rejected)) => ShareState::Rejected,
        (None, Some(AnswerKind::Expired)) => ShareState::Expired,
        (None, None) if is_invited => ShareState::Invited,
        (None, None) => ShareState::Requested,
    }
}

/// The permission of a share for a kind of resource, of the `kinds` that it has; `None`: not known.
fn permission(share: &ShareDraft, kind: &str, kinds: usize) -> Option<Permission> {
    let new = |name: &str, version: &Option<String>| Permission {
        name: name.to_owned(),
        version: version.clone(),
        is_default: false,
    };
    let mut named = share.permissions.iter().filter(|(name, _)| kind_of_permission(name) == Some(kind));
    if let Some((name, version)) = named.next() {
        return Some(new(name, version));
    }
    let mut unnamed = share.permissions.iter().filter(|(name, _)| kind_of_permission(name).is_none());
    match (unnamed.next(), unnamed.next()) {
        // Of a permission of the customer's, nothing says for which kind it is.
        (Some((name, version)), None) if kinds <= 1 => Some(new(name, version)),
        (None, _) if share.created.is_some() => Some(Permission {
            name: default_permission(kind).unwrap_or("default").to_owned(),
            version: None,
            is_default: true,
        }),
        _ => None,
    }
}
