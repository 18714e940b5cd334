//! What a key is, as the calls that make or tag it show.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// What a call shows of a key's properties.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PropertyChange {
    /// `CreateKey` made it.
    Created {
        /// What never changes.
        properties: KeyProperties,
        /// Its first tags.
        tags: Tags,
    },
    /// `ReplicateKey` made it: it has the properties of the primary key.
    Replicated {
        /// ARN of the primary key.
        primary: String,
        /// Its first tags, which are its own.
        tags: Tags,
    },
    /// `UpdatePrimaryRegion`: this key became a replica, and that of a Region the primary key.
    MovedPrimary {
        /// ARN of the new primary key.
        to: String,
    },
    /// `TagResource` set these tags.
    Tagged(Tags),
    /// `UntagResource` removed the tags with these names; `None`: the record does not show which.
    Untagged(Option<BTreeSet<String>>),
}

/// Tags by name; `None`: the record does not show them.
pub type Tags = Option<BTreeMap<String, String>>;

/// Properties of a key that never change.
///
/// Source: [CreateKey](https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateKey.html).
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub struct KeyProperties {
    /// `KeySpec`
    pub spec: String,
    /// `KeyUsage`
    pub usage: String,
    /// `Origin`
    pub origin: String,
    /// `MultiRegion`
    pub is_multi_region: bool,
}
