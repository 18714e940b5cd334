//! All that the calls of the input say about shares.

use std::collections::{BTreeSet, HashMap};

use super::draft::Draft;
use super::keys::SharedKeys;
use super::link::link_promotions;
use super::policy_draft::PolicyDraft;
use super::resource::resource_kind;
use crate::model::{EventTime, KeyChange, ShareCall};
use crate::policy::RamShare;

/// What the calls of the input say about shares, before it is known who used them.
#[derive(Debug, Default)]
pub struct ShareBook {
    pub(super) draft: Draft,
    keys: SharedKeys,
}

impl ShareBook {
    /// Reads all calls, and the changes of keys' policies. `key_of` tells the key to which an
    /// alias, given by its ARN, pointed at a time.
    pub fn new(
        calls: &BTreeSet<ShareCall>,
        key_changes: &BTreeSet<KeyChange>,
        key_of: impl Fn(&str, EventTime) -> Option<String>,
    ) -> Self {
        let mut calls: Vec<&ShareCall> = calls.iter().collect();
        calls.sort_by_key(|call| (call.by.time, &call.by.event_id));
        let mut draft = Draft::default();
        calls.iter().for_each(|call| draft.apply(call, &key_of));
        link_promotions(&mut draft);
        let mut changes: Vec<&KeyChange> = key_changes.iter().collect();
        changes.sort_by_key(|change| (change.by.time, &change.by.event_id));
        changes.iter().for_each(|change| draft.apply_to_key(change));
        let is_shared = |policy: &&PolicyDraft| !policy.consumers.is_empty();
        let of_policies = draft.keys.values().filter(is_shared).map(|policy| &*policy.resource);
        let in_shares = draft.shares.values().flat_map(|share| share.resources.keys());
        let in_shares = in_shares.map(String::as_str).filter(|arn| arn.contains(":kms:"));
        let keys = SharedKeys::new(&draft.artifacts, &draft.stores, of_policies.chain(in_shares));
        Self { draft, keys }
    }

    /// The keys that are shared through AWS RAM, by their ARNs.
    pub fn ram_keys(&self) -> HashMap<String, RamShare> {
        let mut keys: HashMap<String, RamShare> = HashMap::new();
        for share in self.draft.shares.values() {
            let name = share.share.as_ref().or(share.name.as_ref()).map_or("unknown", String::as_str);
            let members = share.resources.iter().filter(|(arn, _)| resource_kind(arn) == "key");
            for (arn, member) in members {
                let end = [member.end(), share.deleted.as_ref()]
                    .into_iter()
                    .flatten()
                    .map(|change| change.time)
                    .min();
                let new = RamShare {
                    from: member.added.as_ref().map(|change| change.time),
                    until: end,
                    share: name.to_owned(),
                };
                match keys.get_mut(arn) {
                    None => drop(keys.insert(arn.clone(), new)),
                    Some(known) => {
                        known.from = known.from.zip(new.from).map(|(one, other)| one.min(other));
                        known.until = known.until.zip(new.until).map(|(one, other)| one.max(other));
                    }
                }
            }
        }
        keys
    }

    /// Look-ups from calls of KMS to what their keys protect.
    pub fn keys(&self) -> &SharedKeys {
        &self.keys
    }
}
