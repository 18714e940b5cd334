//! The families of records that may contain facts about KMS calls of other records. A new family is
//! one file here and one line in [`FAMILIES`].

mod cloudtrail;
mod family;
mod key_properties;
mod kms;
mod ram;
mod sagemaker;
mod selectors;
mod settings;
mod shared_sagemaker;
mod sharing;
mod sts;

pub(super) use cloudtrail::excludes_kms;
pub(super) use family::{Call, Family, Interest, Word};
pub use kms::{alias_arn, facts_of_event};

/// All families.
pub(super) static FAMILIES: [Family; 5] =
    [kms::FAMILY, sts::FAMILY, cloudtrail::FAMILY, sagemaker::FAMILY, ram::FAMILY];

/// The family of the records of a service.
pub(super) fn family_of(event_source: &str) -> Option<&'static Family> {
    FAMILIES.iter().find(|family| family.sources.contains(&event_source))
}
