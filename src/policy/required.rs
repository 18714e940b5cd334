//! What AWS's pages say that a workload needs on a key: data.

use crate::model::{Workload, WorkloadSet};

/// How a page states a need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stated {
    /// As required.
    Required,
    /// As the least that is needed.
    Minimum,
}

/// Where a permission must stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// In the key policy.
    KeyPolicy,
    /// In the key policy, or in an IAM policy to which the key policy delegates.
    Either,
    /// In an IAM policy to which the key policy delegates.
    IamPolicy,
}

/// What one kind of role needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Requirement {
    /// Which events show the role: their workload.
    pub workload: Workload,
    /// One of these permissions must have been asked for, with or without success, so that the role
    /// is one that needs the others. None: any call of the workload says so.
    pub shown_by: &'static [&'static str],
    /// What the role does, for people.
    pub about: &'static str,
    /// The permissions, without `kms:`.
    pub permissions: &'static [&'static str],
    /// How the page states them.
    pub stated: Stated,
    /// Where they must stand.
    pub place: Place,
    /// The page.
    pub source: &'static str,
}

const CANVAS: &str = "https://docs.aws.amazon.com/sagemaker/latest/dg/canvas-kms.html";
const GEOSPATIAL: &str = "https://docs.aws.amazon.com/sagemaker/latest/dg/geospatial-kms.html";
const FEATURE_STORE: &str =
    "https://docs.aws.amazon.com/sagemaker/latest/dg/feature-store-cross-account-access-offline-store.html";

/// What roles of workloads need.
///
/// `kms:RetireGrant`, which the page on Canvas lists for Forecast, is left out: it has no effect in
/// a key policy
/// ([retiring grants](https://docs.aws.amazon.com/kms/latest/developerguide/grant-delete.html)).
pub const REQUIREMENTS: &[Requirement] = &[
    Requirement {
        workload: Workload::Geospatial,
        shown_by: &[],
        about: "execution role of a geospatial job",
        permissions: &["CreateGrant", "Decrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext"],
        stated: Stated::Required,
        place: Place::KeyPolicy,
        source: GEOSPATIAL,
    },
    Requirement {
        workload: Workload::Canvas,
        shown_by: &[],
        about: "role of a Canvas user",
        permissions: &["Decrypt", "GenerateDataKey"],
        stated: Stated::Required,
        place: Place::Either,
        source: CANVAS,
    },
    Requirement {
        workload: Workload::CanvasForecast,
        shown_by: &[],
        about: "role that Canvas passes to Forecast",
        permissions: &[
            "CreateGrant",
            "Decrypt",
            "DescribeKey",
            "GenerateDataKey",
            "GenerateDataKeyWithoutPlaintext",
        ],
        stated: Stated::Required,
        place: Place::KeyPolicy,
        source: CANVAS,
    },
    Requirement {
        workload: Workload::FeatureStoreOffline,
        shown_by: &["GenerateDataKey"],
        about: "role that writes to a feature group's offline store",
        permissions: &["GenerateDataKey"],
        stated: Stated::Minimum,
        place: Place::IamPolicy,
        source: FEATURE_STORE,
    },
];

impl Requirement {
    /// Whether a role with calls for these workloads, that asked for these permissions, is one that
    /// needs it.
    pub fn is_for(&self, workloads: WorkloadSet, mut asked: impl Iterator<Item = &'static str>) -> bool {
        workloads.intersects(WorkloadSet::single(self.workload))
            && (self.shown_by.is_empty() || asked.any(|permission| self.shown_by.contains(&permission)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::action::Permission;

    #[test]
    fn required_permissions_exist_and_can_stand_there() {
        for requirement in REQUIREMENTS {
            assert!(requirement.permissions.is_sorted());
            for name in requirement.permissions {
                assert!(Permission::named(name).is_some_and(Permission::is_for_key_policies), "{name}");
            }
        }
    }
}
