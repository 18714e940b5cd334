//! Parameters of a KMS call that only conditions of policies ask for.
//!
//! Their names are in one list, so that they cost nothing in the calls without them: most calls.
//! Sources: [condition keys of
//! KMS](https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html), [attested
//! requests](https://docs.aws.amazon.com/kms/latest/developerguide/ct-attestation.html).

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::de::{Deserialize, Deserializer, MapAccess};
use serde_json::Value;

use super::json::{FastResult, Reader};
use super::member::{Member, impl_member_by_serde};
use crate::model::Text;

/// What is under these names, as JSON texts.
#[derive(Debug, Clone, Default)]
pub(super) struct Details<'a>(Vec<(usize, Text<'a>)>);

/// The position of `policy` in [`Details::NAMES`].
pub(super) const POLICY: usize = 0;

impl<'a> Details<'a> {
    /// The members of `requestParameters` that are read here.
    pub(super) const NAMES: &'static [&'static str] = &[
        "policy",
        "signingAlgorithm",
        "macAlgorithm",
        "keyAgreementAlgorithm",
        "sourceEncryptionAlgorithm",
        "destinationEncryptionAlgorithm",
        "messageType",
        "keyPairSpec",
        "customerMasterKeySpec",
        "keyUsage",
        "origin",
        "multiRegion",
        "tags",
        "tagKeys",
        "pendingWindowInDays",
        "bypassPolicyLockoutSafetyCheck",
        "policyName",
        "replicaRegion",
        "primaryRegion",
        "rotationPeriodInDays",
        "validTo",
        "expirationModel",
        "wrappingAlgorithm",
        "wrappingKeySpec",
    ];

    /// Reads the member with a position in [`Self::NAMES`].
    pub(super) fn read_fast(&mut self, index: usize, reader: &mut Reader<'a>) -> FastResult<()> {
        self.0.push((index, Cow::Borrowed(reader.value_text()?)));
        Ok(())
    }

    /// The same with any deserializer.
    pub(super) fn read_serde<A: MapAccess<'a>>(&mut self, index: usize, map: &mut A) -> Result<(), A::Error> {
        let value: Value = map.next_value()?;
        self.0.push((index, Cow::Owned(value.to_string())));
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// By position in [`Self::NAMES`]. Of a repeated member, the last value counts. What cannot be
    /// read is null.
    pub(super) fn values(&self) -> BTreeMap<usize, Value> {
        let read =
            |(index, json): &(usize, Text<'_>)| (*index, serde_json::from_str(json).unwrap_or_default());
        self.0.iter().map(read).collect()
    }

    /// The text of a policy. Some tools write the document itself, not its text.
    pub(super) fn policy(&self) -> Option<Text<'a>> {
        let (_, json) = self.0.iter().rev().find(|(index, _)| *index == POLICY)?;
        match serde_json::from_str(json).ok()? {
            Value::String(text) => Some(Cow::Owned(text)),
            Value::Object(_) => Some(json.clone()),
            _ => None,
        }
    }
}

impl PartialEq for Details<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.values() == other.values()
    }
}

impl Eq for Details<'_> {}

/// A JSON value that few calls have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct JsonValue(pub(super) Value);

impl_member_by_serde! { JsonValue }

impl<'de> Deserialize<'de> for JsonValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self)
    }
}
