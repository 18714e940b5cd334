//! A policy, and what calls show about it.

use super::line::{PolicyLine, PolicyStatus};
use crate::aggregate::KeyPolicyUses;
use crate::policy::{AWS_RAM, PolicyVersion, RamShare};

/// A policy, and what calls show about it.
#[derive(Clone, Copy)]
pub(super) struct Compared<'a> {
    pub(super) key: &'a str,
    /// The place of the policy among those of the key.
    pub(super) place: usize,
    pub(super) version: &'a PolicyVersion,
    pub(super) uses: &'a KeyPolicyUses,
    /// The key is shared through AWS RAM.
    pub(super) shared: Option<&'a RamShare>,
}

impl<'a> Compared<'a> {
    /// Why a policy of the key is not known, as sentences.
    pub(super) fn unknown_part(&self) -> Option<String> {
        if self.version.is_partial {
            let why = "Of the key's policies only AWS_RAM is known: name its policy \"default\" with --policy, too.";
            return Some(why.to_owned());
        }
        let shared = self.shared.filter(|_| self.version.ram_from.is_none())?;
        let ends_before = self.version.until.zip(shared.from).is_some_and(|(until, from)| until < from);
        let begins_after = self.version.from.zip(shared.until).is_some_and(|(from, until)| from > until);
        (!ends_before && !begins_after).then(|| {
            format!(
                "The key is shared through AWS RAM ({}), so it has a second policy, AWS_RAM, which no record shows. Get \
                 it with aws kms get-key-policy --policy-name {AWS_RAM}, and name the file with --policy.",
                shared.share
            )
        })
    }

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
