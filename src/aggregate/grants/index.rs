//! Finds the grants of a key for a caller, without looking at all grants of the key.

use hashbrown::HashMap;

use super::grant::Grant;
use crate::model::{Grantee, Principal};

/// How many grants of one key one grantee may have for the calls to be compared with each.
const MAX_ALIKE: usize = 1_000;

/// Grants by key and by what the grantee's calls show.
#[derive(Debug, Clone, Default)]
pub(super) struct GrantIndex {
    by_key: HashMap<String, HashMap<String, Vec<usize>>>,
}

impl GrantIndex {
    pub(super) fn new(grants: &[Grant]) -> Self {
        let mut by_key: HashMap<String, HashMap<String, Vec<usize>>> = HashMap::new();
        for (n, grant) in grants.iter().enumerate() {
            let (Some(key), Some(grantee)) = (&grant.key, &grant.grantee) else { continue };
            let of_key = by_key.entry(key.clone()).or_default();
            for sign in grantee.signs() {
                of_key.entry(sign.to_owned()).or_default().push(n);
            }
        }
        Self { by_key }
    }

    /// Grants of the key that may be for this caller, each once.
    pub(super) fn of_caller(&self, key: &str, principal: &Principal<'_>) -> Vec<usize> {
        let Some(of_key) = self.by_key.get(key) else { return Vec::new() };
        let lists = Grantee::signs_of(principal).filter_map(|sign| of_key.get(sign));
        let mut found: Vec<usize> = lists.filter(|list| list.len() <= MAX_ALIKE).flatten().copied().collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Grants of the key for the role, user or service of this name.
    pub(super) fn of_name(&self, key: &str, principal: &str) -> &[usize] {
        let list = self.by_key.get(key).and_then(|of_key| of_key.get(principal));
        list.filter(|list| list.len() <= MAX_ALIKE).map_or(&[], Vec::as_slice)
    }

    /// Whether the grants of the key for this grantee are so many that calls are not compared with
    /// them.
    pub(super) fn is_crowded(&self, grant: &Grant) -> bool {
        let (Some(key), Some(grantee)) = (&grant.key, &grant.grantee) else { return false };
        let Some(of_key) = self.by_key.get(key) else { return false };
        grantee.signs().any(|sign| of_key.get(sign).is_some_and(|list| list.len() > MAX_ALIKE))
    }
}
