//! What the page on offline stores across accounts says that the writer and the readers need, and
//! what the input shows of it.
//!
//! The writer is a role of the account of the feature group; the readers are identities of other
//! accounts. Of each permission it says whether it was used, refused, or only allowed by the key
//! policy; whatever no record can show says so.

use std::collections::{BTreeMap, BTreeSet};

use super::tables::SharingRow;
use crate::model::{Arn, EventTime};

/// Who needs a permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Writer,
    Reader,
}

/// How the page states a need, or why nothing can be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stated {
    /// As the least that is needed.
    Minimum,
    /// Nothing can be read without it.
    Needed,
    /// Only in the sample statement for the key policy.
    Sample,
    /// In the sample statement, but it has no effect in a key policy.
    NoEffect,
    /// S3's permission: its policies and data events are not calls of these services.
    OfS3,
}

/// What each part needs.
///
/// Source: [cross-account offline store access](https://docs.aws.amazon.com/sagemaker/latest/dg/feature-store-cross-account-access.html);
/// for those without effect, the [permissions of KMS](https://docs.aws.amazon.com/kms/latest/developerguide/kms-api-permissions-reference.html).
const NEEDS: [(Part, &str, Stated); 15] = [
    (Part::Writer, "kms:GenerateDataKey", Stated::Minimum),
    (Part::Writer, "kms:Decrypt", Stated::Sample),
    (Part::Writer, "s3:PutObject", Stated::OfS3),
    (Part::Writer, "s3:PutObjectAcl", Stated::OfS3),
    (Part::Writer, "s3:GetBucketAcl", Stated::OfS3),
    (Part::Reader, "kms:Decrypt", Stated::Needed),
    (Part::Reader, "kms:GenerateDataKey", Stated::Sample),
    (Part::Reader, "kms:DescribeKey", Stated::Sample),
    (Part::Reader, "kms:Encrypt", Stated::Sample),
    (Part::Reader, "kms:ReEncryptFrom", Stated::Sample),
    (Part::Reader, "kms:ReEncryptTo", Stated::Sample),
    (Part::Reader, "kms:CreateGrant", Stated::Sample),
    (Part::Reader, "kms:ListGrants", Stated::Sample),
    (Part::Reader, "kms:RetireGrant", Stated::NoEffect),
    (Part::Reader, "kms:ListAliases", Stated::NoEffect),
];

/// Calls of one account to one API.
#[derive(Debug, Clone, Default)]
struct Calls {
    succeeded: u64,
    refused: u64,
    times: Option<(EventTime, EventTime)>,
    principals: BTreeSet<String>,
}

/// A store, as far as the rows show it.
#[derive(Debug, Clone, Default)]
struct Store {
    owner: String,
    keys: BTreeSet<String>,
    /// Other accounts that read it, or may.
    readers: BTreeSet<String>,
    /// By account and API.
    calls: BTreeMap<(String, String), Calls>,
}

/// What the last known policy of a key allows and denies: principal and pattern of permissions.
#[derive(Debug, Clone, Default)]
struct KeyPolicy {
    allows: BTreeSet<(String, String)>,
    denies: BTreeSet<String>,
}

/// A call of KMS on an offline store.
pub(super) struct StoreCall<'r> {
    pub(super) store: &'r str,
    pub(super) owner: &'r str,
    pub(super) account: &'r str,
    pub(super) principal: &'r str,
    pub(super) api: &'r str,
    pub(super) outcome: &'r str,
    pub(super) count: u64,
    pub(super) times: (EventTime, EventTime),
    pub(super) key: &'r str,
}

/// Offline stores, the accounts that read and write them, and the policies of keys.
#[derive(Debug, Clone, Default)]
pub(super) struct StoreAccess {
    stores: BTreeMap<String, Store>,
    policies: BTreeMap<String, KeyPolicy>,
    /// Keys that AWS RAM shares.
    ram_keys: BTreeSet<String>,
}

impl StoreAccess {
    /// The policy of the store's key lets an identity of another account in.
    pub(super) fn lets_in(&mut self, store: &str, owner: &str, consumer: &str) {
        let account = match Arn::parse(consumer) {
            Some(arn) => arn.account,
            None => consumer,
        };
        let is_account = !account.is_empty() && account.bytes().all(|byte| byte.is_ascii_digit());
        let store = self.stores.entry(store.to_owned()).or_default();
        owner.clone_into(&mut store.owner);
        if is_account && account != owner {
            store.readers.insert(account.to_owned());
        }
    }

    /// AWS RAM shares a key.
    pub(super) fn key_of_ram(&mut self, key: &str) {
        self.ram_keys.insert(key.to_owned());
    }

    pub(super) fn called(&mut self, call: &StoreCall<'_>) {
        let store = self.stores.entry(call.store.to_owned()).or_default();
        call.owner.clone_into(&mut store.owner);
        store.keys.insert(call.key.to_owned());
        if call.account != call.owner {
            store.readers.insert(call.account.to_owned());
        }
        let calls = store.calls.entry((call.account.to_owned(), call.api.to_owned())).or_default();
        match call.outcome {
            "success" => {
                calls.succeeded += call.count;
                let (first, last) = calls.times.unwrap_or(call.times);
                calls.times = Some((first.min(call.times.0), last.max(call.times.1)));
            }
            "denied" => calls.refused += call.count,
            _ => return,
        }
        calls.principals.insert(call.principal.to_owned());
    }

    /// A statement of the last policy of a key. `permission`: a name or pattern without `kms:`.
    pub(super) fn statement(
        &mut self,
        key: &str,
        effect: &str,
        principal: Option<&str>,
        permission: Option<&str>,
    ) {
        let policy = self.policies.entry(key.to_owned()).or_default();
        let permission = permission.unwrap_or("*").to_owned();
        match effect {
            "Allow" => {
                policy.allows.insert((principal.unwrap_or("*").to_owned(), permission));
            }
            _ => {
                policy.denies.insert(permission);
            }
        }
    }

    /// A row for each store that another account reads, or may; for each account; for each
    /// permission.
    pub(super) fn rows(&self, question: &'static str) -> Vec<SharingRow> {
        let mut rows = Vec::new();
        for (name, store) in self.stores.iter().filter(|(_, store)| !store.readers.is_empty()) {
            let parties = std::iter::once((Part::Writer, &store.owner));
            for (part, account) in parties.chain(store.readers.iter().map(|reader| (Part::Reader, reader))) {
                for (_, permission, stated) in NEEDS.iter().filter(|(of, ..)| *of == part) {
                    let seen = self.seen(store, account, permission, *stated);
                    let calls = seen.calls.cloned().unwrap_or_default();
                    let part = match part {
                        Part::Writer => "writer",
                        Part::Reader => "reader",
                    };
                    rows.push(SharingRow {
                        question,
                        resource: name.clone(),
                        kind: "offline_store".to_owned(),
                        owner: store.owner.clone(),
                        consumer: account.clone(),
                        principal: calls.principals.first().filter(|_| calls.principals.len() == 1).cloned(),
                        outside: None,
                        what: Some((*permission).to_owned()),
                        state: seen.state.to_owned(),
                        count: calls.succeeded + calls.refused,
                        first: calls.times.map(|(first, _)| first),
                        last: calls.times.map(|(_, last)| last),
                        share: None,
                        key: store.keys.first().filter(|_| store.keys.len() == 1).cloned(),
                        note: Some(format!("{part}: {}", seen.notes.join("; "))),
                    });
                }
            }
        }
        rows
    }

    fn seen<'s>(&'s self, store: &'s Store, account: &str, permission: &str, stated: Stated) -> Shown<'s> {
        let mut notes = vec![match stated {
            Stated::Minimum => "the least that is needed",
            Stated::Needed => "needed to read",
            Stated::Sample => "in the page's sample statement only",
            Stated::NoEffect => "in the page's sample statement, without effect in a key policy",
            Stated::OfS3 => "policies and data events of S3 are not calls of KMS, RAM or SageMaker",
        }];
        let Some(name) = permission.strip_prefix("kms:") else {
            return Shown { state: "not_recorded", calls: None, notes };
        };
        if stated == Stated::NoEffect {
            return Shown { state: "no_effect", calls: None, notes };
        }
        let api = if name.starts_with("ReEncrypt") { "ReEncrypt" } else { name };
        let calls = store.calls.get(&(account.to_owned(), api.to_owned()));
        let policy = self.in_policies(store, account, name);
        notes.extend(policy.note());
        let (succeeded, refused) = calls.map_or((0, 0), |calls| (calls.succeeded, calls.refused));
        if succeeded > 0 && refused > 0 {
            notes.push("some calls were refused");
        }
        let state = match policy {
            _ if succeeded > 0 => "used",
            _ if refused > 0 => "refused",
            InPolicy::Allowed | InPolicy::AllowedAndDenied => "allowed_not_used",
            InPolicy::NotAllowed => "not_allowed",
            InPolicy::Unknown | InPolicy::OfRam => "unknown",
        };
        Shown { state, calls, notes }
    }

    /// What the policies of the store's keys say of an account.
    fn in_policies(&self, store: &Store, account: &str, name: &str) -> InPolicy {
        let known: Vec<&KeyPolicy> = store.keys.iter().filter_map(|key| self.policies.get(key)).collect();
        let is_for = |principal: &str| {
            principal == "*"
                || principal == account
                || Arn::parse(principal).is_some_and(|arn| arn.account == account)
        };
        let allows = |policy: &&KeyPolicy| {
            policy.allows.iter().any(|(principal, pattern)| is_for(principal) && matches(pattern, name))
        };
        let denies = |policy: &KeyPolicy| policy.denies.iter().any(|pattern| matches(pattern, name));
        if known.iter().any(allows) {
            return match known.iter().any(|policy| denies(policy)) {
                true => InPolicy::AllowedAndDenied,
                false => InPolicy::Allowed,
            };
        }
        if store.keys.iter().any(|key| self.ram_keys.contains(key)) {
            return InPolicy::OfRam;
        }
        match known.is_empty() || known.len() < store.keys.len() {
            true => InPolicy::Unknown,
            false => InPolicy::NotAllowed,
        }
    }
}

/// What is seen of a permission.
struct Shown<'s> {
    state: &'static str,
    calls: Option<&'s Calls>,
    notes: Vec<&'static str>,
}

/// What the last known policy of a key says of a permission for an account.
#[derive(Clone, Copy)]
enum InPolicy {
    Allowed,
    AllowedAndDenied,
    NotAllowed,
    /// AWS RAM shares the key: the policy that it adds is not recorded.
    OfRam,
    Unknown,
}

impl InPolicy {
    fn note(self) -> Option<&'static str> {
        Some(match self {
            Self::Allowed => "the key policy names the account; its IAM policies must allow it, too",
            Self::AllowedAndDenied => "the key policy names the account, and denies the call to some",
            Self::NotAllowed => "the key policy of the input does not name the account for it",
            Self::OfRam => "AWS RAM shares the key, and what it allows is not recorded",
            Self::Unknown => "the key policy is not in the input",
        })
    }
}

/// Whether a pattern of permissions, with or without `kms:`, matches a name. Wildcards inside of it
/// match nothing less than what they could.
fn matches(pattern: &str, name: &str) -> bool {
    let pattern = pattern.to_ascii_lowercase();
    let pattern = pattern.strip_prefix("kms:").unwrap_or(&pattern);
    let name = name.to_ascii_lowercase();
    match pattern.find(['*', '?']) {
        Some(wildcard) => name.starts_with(&pattern[..wildcard]),
        None => pattern == name,
    }
}
