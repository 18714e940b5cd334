//! A policy, and what calls show about it.

use super::line::{PolicyLine, PolicyStatus};
use crate::aggregate::KeyPolicyUses;
use crate::policy::PolicyVersion;

/// A policy, and what calls show about it.
#[derive(Clone, Copy)]
pub(super) struct Compared<'a> {
    pub(super) key: &'a str,
    /// The place of the policy among those of the key.
    pub(super) place: usize,
    pub(super) version: &'a PolicyVersion,
    pub(super) uses: &'a KeyPolicyUses,
}

impl<'a> Compared<'a> {
    pub(super) fn line(&self, status: PolicyStatus) -> PolicyLine<'a> {
        PolicyLine {
            key: self.key,
            version: self.version,
            statement: None,
            principal: None,
            permission: None,
            status,
            detail: None,
            records: Default::default(),
            alone: None,
        }
    }
}
