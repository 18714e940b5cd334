//! What was done to shares, what they are shares of, and who used it from another account.

use serde::{Deserialize, Serialize};

use super::key_change::PolicyText;
use super::outcome::Outcome;
use super::provenance::Provenance;

/// A call of AWS RAM or SageMaker that says something about what is shared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct ShareCall {
    /// The record.
    pub by: Provenance,
    /// `awsRegion` of the record.
    pub region: Option<String>,
    /// Who called: as the column `principal` of events.
    pub principal: String,
    /// The account of the caller; `None`: an AWS service, or not known.
    pub caller_account: Option<String>,
    /// `sharedEventID`: the same in the copies that other accounts got of this call.
    pub shared_event_id: Option<String>,
    /// How the call ended.
    pub outcome: Outcome,
    /// The error code of a call that failed, normalized.
    pub error_code: Option<String>,
    /// What it did, or was meant to do.
    pub effect: ShareEffect,
}

/// What a call says about what is shared.
///
/// Source: [AWS RAM API](https://docs.aws.amazon.com/ram/latest/APIReference/Welcome.html) and
/// [SageMaker API](https://docs.aws.amazon.com/sagemaker/latest/APIReference/Welcome.html).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ShareEffect {
    /// `CreateResourceShare`
    CreatesShare(ShareTerms),
    /// `AssociateResourceShare`
    Associates(ShareTerms),
    /// `DisassociateResourceShare`
    Disassociates(ShareTerms),
    /// `UpdateResourceShare`
    UpdatesShare(ShareTerms),
    /// `DeleteResourceShare`
    DeletesShare(ShareTerms),
    /// `AssociateResourceSharePermission`
    SetsPermission(ShareTerms),
    /// `DisassociateResourceSharePermission`
    RemovesPermission(ShareTerms),
    /// `AcceptResourceShareInvitation`
    AcceptsInvitation(Invitation),
    /// `RejectResourceShareInvitation`
    RejectsInvitation(Invitation),
    /// `PromotePermissionCreatedFromPolicy`, `CreatePermission`, `CreatePermissionVersion`,
    /// `SetDefaultPermissionVersion`, `ReplacePermissionAssociations` and other calls for a
    /// permission.
    ChangesPermission {
        /// ARN of the permission; of a replacement, the new one.
        permission: Option<String>,
        /// ARN of the permission that it takes the place of.
        replaces: Option<String>,
        /// The version that it is about.
        version: Option<String>,
        /// `policyTemplate`: what a new version allows; `None`: none is made, or it is not known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        template: Option<String>,
    },
    /// `PromoteResourceShareCreatedFromPolicy`
    PromotesShare(ShareTerms),
    /// `EnableSharingWithAwsOrganization`
    EnablesOrganization,
    /// A policy was attached to a resource: `PutModelPackageGroupPolicy`, `PutEndpointPolicy` …
    PutsPolicy {
        /// The resource.
        resource: SharedResource,
        /// The policy.
        text: PolicyText,
    },
    /// The policy of a resource was deleted.
    DeletesPolicy(SharedResource),
    /// A resource that can be shared was deleted.
    DeletesResource(SharedResource),
    /// A model package was registered, with the key of its artifacts.
    SetsArtifactKey {
        /// Its group, or the package itself where it has no group.
        resource: SharedResource,
        /// `securityConfig.kmsKeyId`, as the request gives it.
        key: String,
    },
    /// A feature group was created, updated or described: where its offline store is.
    StoresOffline(OfflineStore),
    /// A resource of another account was used, or somebody tried to.
    Uses(SharedResource),
}

impl ShareEffect {
    /// All names in it.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let mut names: Vec<Option<&str>> = Vec::new();
        match self {
            Self::CreatesShare(terms)
            | Self::Associates(terms)
            | Self::Disassociates(terms)
            | Self::UpdatesShare(terms)
            | Self::DeletesShare(terms)
            | Self::SetsPermission(terms)
            | Self::RemovesPermission(terms)
            | Self::PromotesShare(terms) => {
                let ShareTerms { share, name, owner, feature_set, permission_version, .. } = terms;
                names.extend([share, name, owner, feature_set, permission_version].map(Option::as_deref));
                let lists = [&terms.resources, &terms.principals, &terms.sources, &terms.permissions];
                names.extend(lists.into_iter().flatten().map(|text| Some(&**text)));
                names.extend(terms.external.iter().map(|(text, _)| Some(&**text)));
            }
            Self::AcceptsInvitation(answer) | Self::RejectsInvitation(answer) => {
                let Invitation { invitation, share, name, sender, receiver } = answer;
                names.extend([invitation, share, name, sender, receiver].map(Option::as_deref));
            }
            Self::ChangesPermission { permission, replaces, version, .. } => {
                names.extend([permission, replaces, version].map(Option::as_deref));
            }
            Self::EnablesOrganization => {}
            Self::PutsPolicy { resource, .. }
            | Self::DeletesPolicy(resource)
            | Self::DeletesResource(resource)
            | Self::Uses(resource) => {
                names.push(Some(&resource.arn));
            }
            Self::SetsArtifactKey { resource, key } => names.extend([Some(&*resource.arn), Some(key)]),
            Self::StoresOffline(store) => {
                let OfflineStore { group, role, uri, key } = store;
                names.push(Some(group));
                names.extend([role, uri, key].map(Option::as_deref));
            }
        }
        names.into_iter().flatten()
    }
}

/// What a call of AWS RAM says about a share.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ShareTerms {
    /// ARN of the share; `None`: the record does not show it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<String>,
    /// Its name. Names are not unique.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The account that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// `allowExternalPrincipals`; `None`: not given, which means true for a new share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allows_external: Option<bool>,
    /// `STANDARD`, `CREATED_FROM_POLICY` or `PROMOTING_TO_STANDARD`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feature_set: Option<String>,
    /// ARNs of resources.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// Accounts, organizations, organizational units, roles, users and services.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub principals: Vec<String>,
    /// Those of the principals that RAM calls external, or not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub external: Vec<(String, bool)>,
    /// Of a service principal: the accounts and organizations for which it may act.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
    /// ARNs of permissions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub permissions: Vec<String>,
    /// `permissionVersion`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permission_version: Option<String>,
    /// CloudTrail left out the parameters, because they are too large; or a list is longer than
    /// what is read.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_cut: bool,
}

/// An invitation to a share, as the answer to it shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Invitation {
    /// ARN of the invitation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invitation: Option<String>,
    /// ARN of the share; `None`: the answer failed, or the record does not show it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<String>,
    /// Name of the share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The account that made the share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
    /// The account that was invited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receiver: Option<String>,
}

/// A resource that is shared, or that another account used.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SharedResource {
    /// Its ARN, that of a pipeline for its executions and that of a group for its model packages;
    /// with `*` as the account and the name, where a call asks for those of all accounts.
    pub arn: String,
}

/// The offline store of a feature group.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct OfflineStore {
    /// ARN of the feature group.
    pub group: String,
    /// `roleArn`: who writes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// `s3Uri`, or `resolvedOutputS3Uri`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// `kmsKeyId`, as the call gives it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}
