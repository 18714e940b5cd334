//! The permissions of KMS, and the sets of them that a statement's `Action` or `NotAction` names.

use super::glob::{Case, glob};

/// A permission of KMS, as policies name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Permission {
    /// Its name without `kms:`.
    pub name: &'static str,
    /// What it is for.
    pub kind: PermissionKind,
    /// Whether it can be given to another account.
    pub works_across_accounts: bool,
}

/// What a permission is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PermissionKind {
    /// Cryptographic operations.
    Use,
    /// Creating, listing and ending grants.
    Grants,
    /// Reading what is known about the key.
    Read,
    /// Changing the key, or who may use it.
    Administer,
    /// It concerns no single key: a key policy cannot give it.
    NoKey,
    /// It concerns the key, and has no effect in a key policy.
    NoEffect,
}

use PermissionKind::{Administer, Grants, NoEffect, NoKey, Read, Use};

/// All permissions, sorted by name.
///
/// Sources: [KMS permissions](https://docs.aws.amazon.com/kms/latest/developerguide/kms-api-permissions-reference.html),
/// which says what works across accounts and what takes no key;
/// [RetireGrant](https://docs.aws.amazon.com/kms/latest/developerguide/grant-delete.html), which
/// policies of keys do not control.
const PERMISSIONS: [Permission; 56] = [
    one("CancelKeyDeletion", Administer),
    one("ConnectCustomKeyStore", NoKey),
    one("CreateAlias", Administer),
    one("CreateCustomKeyStore", NoKey),
    across("CreateGrant", Grants),
    one("CreateKey", NoKey),
    across("Decrypt", Use),
    one("DeleteAlias", Administer),
    one("DeleteCustomKeyStore", NoKey),
    one("DeleteImportedKeyMaterial", Administer),
    across("DeriveSharedSecret", Use),
    one("DescribeCustomKeyStores", NoKey),
    across("DescribeKey", Read),
    one("DisableKey", Administer),
    one("DisableKeyRotation", Administer),
    one("DisconnectCustomKeyStore", NoKey),
    one("EnableKey", Administer),
    one("EnableKeyRotation", Administer),
    across("Encrypt", Use),
    across("GenerateDataKey", Use),
    across("GenerateDataKeyPair", Use),
    across("GenerateDataKeyPairWithoutPlaintext", Use),
    across("GenerateDataKeyWithoutPlaintext", Use),
    across("GenerateMac", Use),
    one("GenerateRandom", NoKey),
    one("GetKeyLastUsage", Read),
    one("GetKeyPolicy", Read),
    across("GetKeyRotationStatus", Read),
    one("GetParametersForImport", Read),
    across("GetPublicKey", Read),
    one("ImportKeyMaterial", Administer),
    one("ListAliases", NoKey),
    across("ListGrants", Grants),
    one("ListKeyPolicies", Read),
    one("ListKeyRotations", Read),
    one("ListKeys", NoKey),
    one("ListResourceTags", Read),
    one("ListRetirableGrants", NoKey),
    one("PutKeyPolicy", Administer),
    across("ReEncryptFrom", Use),
    across("ReEncryptTo", Use),
    one("ReplicateKey", Administer),
    across("RetireGrant", NoEffect),
    across("RevokeGrant", Grants),
    one("RotateKeyOnDemand", Administer),
    one("ScheduleKeyDeletion", Administer),
    across("Sign", Use),
    one("SynchronizeMultiRegionKey", Administer),
    one("TagResource", Administer),
    one("UntagResource", Administer),
    one("UpdateAlias", Administer),
    one("UpdateCustomKeyStore", NoKey),
    one("UpdateKeyDescription", Administer),
    one("UpdatePrimaryRegion", Administer),
    across("Verify", Use),
    across("VerifyMac", Use),
];

const fn one(name: &'static str, kind: PermissionKind) -> Permission {
    Permission { name, kind, works_across_accounts: false }
}

const fn across(name: &'static str, kind: PermissionKind) -> Permission {
    Permission { name, kind, works_across_accounts: true }
}

impl Permission {
    /// All permissions, sorted by name.
    pub const ALL: [Self; 56] = PERMISSIONS;

    /// The permission of this name, without `kms:`; `None`: it is not known to this version.
    pub fn named(name: &str) -> Option<&'static Self> {
        position(name).and_then(|n| PERMISSIONS.get(n))
    }

    /// Whether a key policy can give it.
    pub fn is_for_key_policies(&self) -> bool {
        !matches!(self.kind, NoKey | NoEffect)
    }
}

fn position(name: &str) -> Option<usize> {
    PERMISSIONS.binary_search_by(|known| known.name.cmp(name)).ok()
}

/// A set of permissions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PermissionSet(u64);

impl PermissionSet {
    /// Those whose names a pattern of a policy matches: `kms:Decrypt`, `kms:Generate*`, `*`. The
    /// case of the service and of the name does not matter.
    pub fn matching(pattern: &str) -> Self {
        let of_kms = |pattern: &str| {
            let matched =
                PERMISSIONS.iter().enumerate().filter(|(_, one)| glob(pattern, one.name, Case::Ignored));
            Self(matched.fold(0, |set, (n, _)| set | 1 << n))
        };
        match pattern.split_once(':') {
            Some((service, name)) if glob(service, "kms", Case::Ignored) => of_kms(name),
            Some(_) => Self::default(),
            None if pattern == "*" => of_kms("*"),
            None => Self::default(),
        }
    }

    /// The set of one permission.
    pub fn single(permission: &Permission) -> Self {
        Self(position(permission.name).map_or(0, |n| 1 << n))
    }

    /// Whether the sets have a permission in common.
    pub fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether a permission, by its name without `kms:`, is in the set.
    pub fn contains(self, name: &str) -> bool {
        position(name).is_some_and(|n| self.0 & 1 << n != 0)
    }

    /// Whether the set is empty.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Its permissions, sorted by name.
    pub fn iter(self) -> impl Iterator<Item = &'static Permission> {
        PERMISSIONS.iter().enumerate().filter(move |(n, _)| self.0 & 1 << n != 0).map(|(_, one)| one)
    }

    /// What is in either set.
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// All that is not in the set.
    pub fn complement(self) -> Self {
        Self(!self.0 & ((1 << PERMISSIONS.len()) - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(pattern: &str) -> Vec<&'static str> {
        PermissionSet::matching(pattern).iter().map(|one| one.name).collect()
    }

    #[test]
    fn patterns_name_permissions_in_any_case() {
        assert!(PERMISSIONS.is_sorted_by(|a, b| a.name < b.name));
        assert_eq!(names("kms:decrypt"), ["Decrypt"]);
        assert_eq!(names("KMS:GenerateDataKeyWithoutPlainText"), ["GenerateDataKeyWithoutPlaintext"]);
        assert_eq!(names("kms:ReEncrypt*"), ["ReEncryptFrom", "ReEncryptTo"]);
        assert_eq!(names("kms:*DataKeyPair"), ["GenerateDataKeyPair"]);
        assert_eq!(names("k?s:Sig?"), ["Sign"]);
        assert_eq!(names("s3:*"), [""; 0]);
        assert_eq!(names("kms:ReEncrypt"), [""; 0]);
        assert_eq!(names("kms:"), [""; 0]);
        assert_eq!(names("*").len(), PERMISSIONS.len());
        assert_eq!(names("kms:*").len(), PERMISSIONS.len());
    }

    #[test]
    fn a_complement_is_all_the_rest() {
        let set = PermissionSet::matching("kms:Generate*");
        let rest = set.complement();
        assert!(set.contains("GenerateMac") && !rest.contains("GenerateMac"));
        assert!(rest.contains("Decrypt") && !set.contains("Decrypt"));
        assert_eq!(set.union(rest), PermissionSet::matching("*"));
        assert!(PermissionSet::matching("*").complement().is_empty());
    }
}
