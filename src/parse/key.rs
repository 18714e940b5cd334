//! Which key a record is about: the resolution order of `docs/report-schema.md`, with the place it was found.

use std::borrow::Cow;

use super::lenient::{List, Texts};
use super::record::{Request, Resource, Response, ServiceDetails};
use crate::model::{Arn, KeyOrigin, KeyRef, TRUNCATED_MESSAGE_LEN, Text, region_partition, slice_text};

/// What of the record helps to complete a bare key id.
pub(super) struct Clues<'c> {
    pub(super) event_name: &'c str,
    pub(super) denied_action: Option<&'c str>,
    pub(super) region: Option<&'c str>,
    pub(super) recipient: Option<&'c str>,
    pub(super) caller: Option<&'c str>,
}

/// The key of the call, and for `ReEncrypt` the key of its result.
pub(super) struct Keys<'a> {
    pub(super) key: KeyRef<'a>,
    pub(super) destination_arn: Option<Text<'a>>,
}

/// Resolves the key, first place that names one wins.
pub(super) fn resolve<'a>(
    clues: &Clues<'_>,
    resources: &List<Resource<'a>>,
    response: &Response<'a>,
    request: &Request<'a>,
    details: &ServiceDetails<'a>,
    message: Option<&Text<'a>>,
) -> Keys<'a> {
    let re_encrypt = clues.event_name == "ReEncrypt";
    let account =
        resources.0.iter().find_map(|r| r.account_id.as_deref()).or(clues.recipient).or(clues.caller);
    let complete = |id: &str| -> Option<Text<'static>> {
        let (region, account) = (clues.region?, account?);
        Some(Cow::Owned(format!("arn:{}:kms:{region}:{account}:key/{id}", region_partition(region))))
    };
    let listed = || resources.0.iter().filter_map(|r| r.arn.as_ref());
    let in_message =
        |test: fn(&str) -> bool| slice_text(message?, |message| arns_in(message).find(|arn| test(arn)));
    // A ReEncrypt needs two permissions, one for each key: what its refusal names is the key of the one that was missing.
    let second_refused = re_encrypt && clues.denied_action == Some("kms:ReEncryptTo");

    // The entry of `resources` that is the second key of a ReEncrypt, and so not the first.
    let mut second: Option<&Text<'a>> = None;
    let destination_arn = if re_encrypt {
        let keys: Vec<&Text<'a>> = listed().filter(|arn| is_key_arn(arn)).collect();
        let destination = request.destination_key_id.as_ref();
        let named = destination.and_then(|d| keys.iter().find(|arn| **arn == d || key_id(arn) == Some(&**d)));
        // The destination comes second where nothing names it; where only it is listed, the source is another key, unless the
        // request names this one.
        second = named.or(keys.get(1)).copied();
        second
            .cloned()
            .or_else(|| {
                destination.and_then(|d| {
                    if is_key_arn(d) { Some(d.clone()) } else { bare_id(d).and_then(&complete) }
                })
            })
            .or_else(|| in_message(is_key_arn).filter(|_| second_refused))
    } else {
        None
    };

    let from_resources = || {
        listed()
            .filter(|arn| !second.is_some_and(|second| std::ptr::eq(second, *arn)))
            .find_map(|arn| key_of(arn, KeyOrigin::Resources))
    };
    let from_response = || {
        [&response.key_id, &response.key_metadata.arn, &response.replica_key_metadata.arn]
            .into_iter()
            .flatten()
            .find_map(|arn| key_of(arn, KeyOrigin::Response))
    };
    let named = |id: &Text<'a>, whole, completed, alone| {
        if let Some(key) = key_of(id, whole) {
            return Some(key);
        }
        let bare = bare_id(id)?;
        Some(match complete(bare) {
            Some(arn) => match Arn::parse(&arn) {
                Some(parsed) => named_by(&arn, parsed, completed).into_owned(),
                None => KeyRef { arn: Some(arn), origin: completed, ..KeyRef::default() },
            },
            None => KeyRef { id: Some(id.clone()), origin: alone, ..KeyRef::default() },
        })
    };
    let from_request = || {
        let last = request.destination_key_id.as_ref().filter(|_| !re_encrypt);
        [request.key_id.as_ref(), request.target_key_id.as_ref(), request.source_key_id.as_ref(), last]
            .into_iter()
            .flatten()
            .find_map(|id| named(id, KeyOrigin::Request, KeyOrigin::Assumed, KeyOrigin::Request))
    };
    let from_details = || {
        let origin = KeyOrigin::ServiceEvent;
        named(details.key_id.as_ref()?, origin, origin, origin)
    };
    let from_message =
        || key_of(&in_message(is_key_arn).filter(|_| !second_refused)?, KeyOrigin::ErrorMessage);

    let mut key = from_resources()
        .or_else(from_response)
        .or_else(from_request)
        .or_else(from_details)
        .or_else(from_message)
        .unwrap_or_default();
    key.alias = listed()
        // Most records list only their key's ARN: no need to look at it again.
        .filter(|arn| key.origin != KeyOrigin::Resources || key.arn.as_ref() != Some(arn))
        .find(|arn| is_alias(arn))
        .or_else(|| {
            let named = [&request.key_id, &request.source_key_id, &request.alias_name];
            named.into_iter().flatten().find(|id| is_alias(id))
        })
        .cloned()
        .or_else(|| in_message(is_alias).filter(|_| !second_refused));
    if key.origin == KeyOrigin::None
        && let Some(alias) = &key.alias
    {
        // An alias lives in the account and region of its key.
        key.account_id = slice_text(alias, |alias| present(Arn::parse(alias)?.account));
        key.region = slice_text(alias, |alias| present(Arn::parse(alias)?.region));
    }
    Keys { key, destination_arn }
}

fn present(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

/// The key that `text` is the ARN of, if it is one.
fn key_of<'a>(text: &Text<'a>, origin: KeyOrigin) -> Option<KeyRef<'a>> {
    match text {
        Cow::Borrowed(text) => Some(named_by(text, key_arn(text)?, origin)),
        Cow::Owned(text) => Some(named_by(text, key_arn(text)?, origin).into_owned()),
    }
}

/// What an ARN says of its key.
fn named_by<'a>(text: &'a str, arn: Arn<'a>, origin: KeyOrigin) -> KeyRef<'a> {
    let borrow = |text| present(text).map(Cow::Borrowed);
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
        arn.service == "kms" && arn.resource.strip_prefix("key/").is_some_and(|id| !id.is_empty())
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

/// A key id without its ARN; lenient, since documented ids are not all UUIDs.
fn bare_id(text: &str) -> Option<&str> {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-').then_some(text)
}

/// The ARNs of KMS in an error message, except one that a cut message may have cut.
fn arns_in(message: &str) -> impl Iterator<Item = &str> {
    message.match_indices("arn:").filter_map(move |(at, _)| {
        let rest = message.get(at..)?;
        // Only those of KMS are looked for; errors name others, too.
        if rest.split(':').nth(2) != Some("kms") {
            return None;
        }
        // Ids are letters, digits and hyphens; names of aliases may have slashes and underscores, too.
        let arn = rest
            .split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, ':' | '/' | '-' | '_')))
            .next()?;
        let arn = arn.trim_end_matches(':');
        let touches_end = at + arn.len() == message.len();
        (!touches_end || message.len() < TRUNCATED_MESSAGE_LEN).then_some(arn)
    })
}

/// Bucket and object key of a context's `aws:s3:arn`; the object key is missing where S3 Bucket Keys are on.
pub(super) fn s3_location<'a>(context: &Texts<'a>) -> (Option<Text<'a>>, Option<Text<'a>>) {
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
    (present(bucket).map(&text), present(object).map(&text))
}
