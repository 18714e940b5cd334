//! Which KMS key a call used, and which member of the record says so.

use super::text::{Text, into_owned};

/// Where the key of an event was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
#[non_exhaustive]
pub enum KeyOrigin {
    /// A key ARN in `resources[]`.
    Resources,
    /// `responseElements.keyId`, `keyMetadata.arn` or `replicaKeyMetadata.arn`.
    Response,
    /// A key ARN, or a key id that could not be completed, in `requestParameters`.
    Request,
    /// A key id in `requestParameters`, completed to an ARN with the record's region and account.
    Assumed,
    /// `serviceEventDetails.keyId`.
    ServiceEvent,
    /// A key ARN inside `errorMessage`.
    ErrorMessage,
    /// The record names only an alias, which pointed to the key at that time.
    Alias,
    /// The record does not name a key.
    #[default]
    None,
}

impl KeyOrigin {
    /// The value of the `key_origin` column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Resources => "resources",
            Self::Response => "response",
            Self::Request => "request",
            Self::Assumed => "assumed",
            Self::ServiceEvent => "service_event",
            Self::ErrorMessage => "error_message",
            Self::Alias => "alias",
            Self::None => "none",
        }
    }
}

/// A KMS key, as far as the record identifies it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
#[non_exhaustive]
pub struct KeyRef<'a> {
    /// `arn:…:kms:region:account:key/id`.
    pub arn: Option<Text<'a>>,
    /// The id after `key/`.
    pub id: Option<Text<'a>>,
    /// The account that owns the key.
    pub account_id: Option<Text<'a>>,
    /// The key's region, from its ARN. It is not always the record's region.
    pub region: Option<Text<'a>>,
    /// Where the key was found.
    pub origin: KeyOrigin,
    /// The alias that the call used, as the record spells it (`alias/x` or an alias ARN).
    pub alias: Option<Text<'a>>,
}

impl KeyRef<'_> {
    /// The id that a multi-Region key and its replicas share; `None` for a single-Region key. Each
    /// replica is a key of its own, with its own policy and grants.
    ///
    /// Source: [Multi-Region
    /// keys](https://docs.aws.amazon.com/kms/latest/developerguide/multi-region-keys-overview.html).
    pub fn family(&self) -> Option<&str> {
        self.id.as_deref().and_then(multi_region_id)
    }

    /// Copies borrowed texts.
    pub fn into_owned(self) -> KeyRef<'static> {
        KeyRef {
            arn: into_owned(self.arn),
            id: into_owned(self.id),
            account_id: into_owned(self.account_id),
            region: into_owned(self.region),
            origin: self.origin,
            alias: into_owned(self.alias),
        }
    }
}

/// Returns `id` if it is the id of a multi-Region key.
pub fn multi_region_id(id: &str) -> Option<&str> {
    id.strip_prefix("mrk-").filter(|rest| !rest.is_empty()).map(|_| id)
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    #[test]
    fn only_multi_region_keys_have_a_family() {
        let family = |id: Option<&'static str>| {
            KeyRef { id: id.map(Cow::Borrowed), ..KeyRef::default() }.family().map(str::to_owned)
        };
        assert_eq!(
            family(Some("mrk-1234abcd12ab34cd56ef1234567890ab")).as_deref(),
            Some("mrk-1234abcd12ab34cd56ef1234567890ab")
        );
        for id in [None, Some("mrk-"), Some("1234abcd-12ab-34cd-56ef-1234567890ab"), Some("x-mrk-1")] {
            assert_eq!(family(id), None, "{id:?}");
        }
    }
}
