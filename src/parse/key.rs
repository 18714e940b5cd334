//! Which key a record is about, and which of its members says so.
//!
//! The members are tried in the order that `docs/report-schema.md` lists; the first one that names
//! a key is used.

use std::borrow::Cow;

use super::lenient::{List, TextMap};
use super::record::{Request, Resource, Response, ServiceDetails};
use crate::model::{
    Arn, KeyOrigin, KeyRef, TRUNCATED_MESSAGE_LEN, Text, is_masked, region_partition, slice_text,
};

/// The members of a record that can name a key or complete a bare key id.
pub(super) struct KeySources<'r, 'a> {
    pub(super) event_name: &'r str,
    pub(super) denied_action: Option<&'r str>,
    pub(super) region: Option<&'r str>,
    pub(super) recipient_account: Option<&'r str>,
    pub(super) caller_account: Option<&'r str>,
    pub(super) resources: &'r List<Resource<'a>>,
    pub(super) response: &'r Response<'a>,
    pub(super) request: &'r Request<'a>,
    pub(super) service_details: &'r ServiceDetails<'a>,
    pub(super) error_message: Option<&'r Text<'a>>,
}

/// The key of a call, and for `ReEncrypt` the key that the result is encrypted under.
pub(super) struct ResolvedKeys<'a> {
    pub(super) key: KeyRef<'a>,
    pub(super) destination_arn: Option<Text<'a>>,
}

impl<'r, 'a> KeySources<'r, 'a> {
    pub(super) fn resolve(&self) -> ResolvedKeys<'a> {
        let destination = self.destination_resource();
        let mut key = self
            .key_in_resources(destination)
            .or_else(|| self.key_in_response())
            .or_else(|| self.key_in_request())
            .or_else(|| self.key_in_service_details())
            .or_else(|| self.key_in_message())
            .unwrap_or_default();
        key.alias = self.alias(&key);
        if key.origin == KeyOrigin::None
            && let Some(alias) = &key.alias
        {
            // An alias is in the account and the region of its key.
            key.account_id = slice_text(alias, |alias| non_empty(Arn::parse(alias)?.account));
            key.region = slice_text(alias, |alias| non_empty(Arn::parse(alias)?.region));
        }
        ResolvedKeys { key, destination_arn: self.destination_arn(destination) }
    }

    fn is_re_encrypt(&self) -> bool {
        self.event_name == "ReEncrypt"
    }

    /// Whether the error message names the destination key: a ReEncrypt needs two permissions, one
    /// for each key, and a refusal names the key of the one that was missing.
    fn message_names_destination(&self) -> bool {
        self.is_re_encrypt() && self.denied_action == Some("kms:ReEncryptTo")
    }

    fn resource_arns(&self) -> impl Iterator<Item = &'r Text<'a>> {
        self.resources.0.iter().filter_map(|resource| resource.arn.0.as_ref())
    }

    /// The entry of `resources` that is the destination key of a ReEncrypt.
    ///
    /// It is the one that the request names as such, in either form, or else the second one: where
    /// only one key is listed and the request does not name it, it is the source key.
    fn destination_resource(&self) -> Option<&'r Text<'a>> {
        if !self.is_re_encrypt() {
            return None;
        }
        let keys: Vec<&Text<'a>> = self.resource_arns().filter(|arn| is_key_arn(arn)).collect();
        let named = self.request.destination_key_id.0.as_ref().and_then(|destination| {
            keys.iter().find(|arn| **arn == destination || key_id(arn) == Some(&**destination))
        });
        named.or(keys.get(1)).copied()
    }

    fn destination_arn(&self, resource: Option<&Text<'a>>) -> Option<Text<'a>> {
        if !self.is_re_encrypt() {
            return None;
        }
        let in_request = || {
            let destination = self.request.destination_key_id.0.as_ref()?;
            if is_key_arn(destination) {
                return Some(destination.clone());
            }
            self.complete(bare_id(destination)?)
        };
        let in_message = || self.find_in_message(is_key_arn).filter(|_| self.message_names_destination());
        resource.cloned().or_else(in_request).or_else(in_message)
    }

    fn key_in_resources(&self, destination: Option<&Text<'a>>) -> Option<KeyRef<'a>> {
        self.resource_arns()
            .filter(|arn| !destination.is_some_and(|destination| std::ptr::eq(destination, *arn)))
            .find_map(|arn| key_of(arn, KeyOrigin::Resources))
    }

    fn key_in_response(&self) -> Option<KeyRef<'a>> {
        let response = self.response;
        [&response.key_id, &response.key_metadata.arn, &response.replica_key_metadata.arn]
            .into_iter()
            .filter_map(|arn| arn.0.as_ref())
            .find_map(|arn| key_of(arn, KeyOrigin::Response))
    }

    fn key_in_request(&self) -> Option<KeyRef<'a>> {
        let request = self.request;
        let destination = request.destination_key_id.0.as_ref().filter(|_| !self.is_re_encrypt());
        [
            request.key_id.0.as_ref(),
            request.target_key_id.0.as_ref(),
            request.source_key_id.0.as_ref(),
            destination,
        ]
        .into_iter()
        .flatten()
        .find_map(|id| self.key_named(id, KeyOrigin::Request, KeyOrigin::Assumed))
    }

    fn key_in_service_details(&self) -> Option<KeyRef<'a>> {
        let id = self.service_details.key_id.0.as_ref()?;
        self.key_named(id, KeyOrigin::ServiceEvent, KeyOrigin::ServiceEvent)
    }

    fn key_in_message(&self) -> Option<KeyRef<'a>> {
        if self.message_names_destination() {
            return None;
        }
        key_of(&self.find_in_message(is_key_arn)?, KeyOrigin::ErrorMessage)
    }

    fn alias(&self, key: &KeyRef<'a>) -> Option<Text<'a>> {
        let request = self.request;
        let in_request = || {
            [&request.key_id.0, &request.source_key_id.0, &request.alias_name]
                .into_iter()
                .flatten()
                .find(|id| is_alias(id))
        };
        self.resource_arns()
            // Most records list only the ARN of their key, which has been examined already.
            .filter(|arn| key.origin != KeyOrigin::Resources || key.arn.as_ref() != Some(arn))
            .find(|arn| is_alias(arn))
            .or_else(in_request)
            .cloned()
            .or_else(|| self.find_in_message(is_alias).filter(|_| !self.message_names_destination()))
    }

    /// The key that `id` names: an ARN, or a bare key id, which is completed if possible.
    fn key_named(&self, id: &Text<'a>, origin: KeyOrigin, completed_origin: KeyOrigin) -> Option<KeyRef<'a>> {
        if let Some(key) = key_of(id, origin) {
            return Some(key);
        }
        if is_masked(id) {
            return None;
        }
        let Some(arn) = self.complete(bare_id(id)?) else {
            return Some(KeyRef { id: Some(id.clone()), origin, ..KeyRef::default() });
        };
        Some(match Arn::parse(&arn) {
            Some(parsed) => key_ref(&arn, parsed, completed_origin).into_owned(),
            None => KeyRef { arn: Some(arn), origin: completed_origin, ..KeyRef::default() },
        })
    }

    /// The ARN of a bare key id: the key is taken to be in the record's region, and in the account
    /// of its resources, or else in the recipient's, or else in the caller's.
    fn complete(&self, id: &str) -> Option<Text<'a>> {
        let region = self.region?;
        let resource_account = self.resources.0.iter().find_map(|r| r.account_id.as_deref());
        let account = resource_account.or(self.recipient_account).or(self.caller_account)?;
        let partition = region_partition(region);
        Some(Cow::Owned(format!("arn:{partition}:kms:{region}:{account}:key/{id}")))
    }

    fn find_in_message(&self, predicate: fn(&str) -> bool) -> Option<Text<'a>> {
        slice_text(self.error_message?, |message| arns_in(message).find(|arn| predicate(arn)))
    }
}

fn non_empty(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

/// The key with the ARN `text`; `None` when it is not the ARN of a key.
fn key_of<'a>(text: &Text<'a>, origin: KeyOrigin) -> Option<KeyRef<'a>> {
    match text {
        Cow::Borrowed(text) => Some(key_ref(text, key_arn(text)?, origin)),
        Cow::Owned(text) => Some(key_ref(text, key_arn(text)?, origin).into_owned()),
    }
}

/// A key with all that its ARN says.
fn key_ref<'a>(text: &'a str, arn: Arn<'a>, origin: KeyOrigin) -> KeyRef<'a> {
    let borrow = |text| non_empty(text).map(Cow::Borrowed);
    KeyRef {
        arn: Some(Cow::Borrowed(text)),
        id: arn.resource.strip_prefix("key/").and_then(borrow),
        account_id: borrow(arn.account),
        region: borrow(arn.region),
        origin,
        alias: None,
    }
}

fn key_arn(text: &str) -> Option<Arn<'_>> {
    Arn::parse(text).filter(|arn| {
        arn.service == "kms"
            && arn.resource.strip_prefix("key/").is_some_and(|id| !id.is_empty() && !is_masked(id))
    })
}

fn key_id(arn: &str) -> Option<&str> {
    key_arn(arn)?.resource.strip_prefix("key/")
}

fn is_key_arn(text: &str) -> bool {
    key_arn(text).is_some()
}

/// `alias/x` or an alias ARN.
fn is_alias(text: &str) -> bool {
    text.starts_with("alias/")
        || Arn::parse(text).is_some_and(|arn| arn.service == "kms" && arn.resource.starts_with("alias/"))
}

/// Checks that `text` can be a key id without its ARN. Not all documented ids are UUIDs.
fn bare_id(text: &str) -> Option<&str> {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-').then_some(text)
}

/// The KMS ARNs in an error message, except one at the end that may have been truncated. The search
/// goes on behind each of them: every byte is looked at once.
fn arns_in(message: &str) -> impl Iterator<Item = &str> {
    let mut from = 0;
    message.match_indices("arn:").filter_map(move |(at, _)| {
        let rest = message.get(at..).filter(|_| at >= from)?;
        // Messages name ARNs of other services, too.
        if rest.split(':').nth(2) != Some("kms") {
            return None;
        }
        // Key ids have letters, digits and hyphens; alias names also slashes and underscores.
        let arn = rest
            .split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, ':' | '/' | '-' | '_')))
            .next()?;
        from = at + arn.len();
        let arn = arn.trim_end_matches(':');
        let touches_end = at + arn.len() == message.len();
        (!touches_end || message.len() < TRUNCATED_MESSAGE_LEN).then_some(arn)
    })
}

/// The bucket and the object key of an encryption context's `aws:s3:arn`. With S3 Bucket Keys there
/// is no object key.
pub(super) fn s3_location<'a>(context: &TextMap<'a>) -> (Option<Text<'a>>, Option<Text<'a>>) {
    match context.get("aws:s3:arn") {
        Some(Cow::Borrowed(arn)) => s3_parts(arn, Cow::Borrowed),
        Some(Cow::Owned(arn)) => s3_parts(arn, |part| Cow::Owned(part.to_owned())),
        None => (None, None),
    }
}

fn s3_parts<'t, 'a>(
    arn: &'t str,
    text: impl Fn(&'t str) -> Text<'a>,
) -> (Option<Text<'a>>, Option<Text<'a>>) {
    let Some(Arn { service: "s3", resource, .. }) = Arn::parse(arn) else { return (None, None) };
    let (bucket, object) = match resource.bytes().position(|byte| byte == b'/') {
        Some(slash) => resource.split_at(slash),
        None => (resource, ""),
    };
    let object = object.strip_prefix('/').unwrap_or_default();
    (non_empty(bucket).map(&text), non_empty(object).map(&text))
}
