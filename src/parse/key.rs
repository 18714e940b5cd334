//! Which key a record is about: the resolution order of `docs/report-schema.md`, with the place it was found.

use std::borrow::Cow;

use super::lenient::{List, Texts};
use super::record::{Request, Resource, Response, ServiceDetails};
use crate::event::{Arn, KeyOrigin, KeyRef, Text, partition_of};

/// CloudTrail cuts `errorMessage` at 1 KB: an ARN at the very end of a message of about that length may be cut.
const CUT_MESSAGE: usize = 1000;

/// What of the record helps to complete a bare key id.
pub(super) struct Clues<'c> {
    pub(super) event_name: &'c str,
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
    message: Option<&str>,
) -> Keys<'a> {
    let re_encrypt = clues.event_name == "ReEncrypt";
    let account =
        resources.0.iter().find_map(|r| r.account_id.as_deref()).or(clues.recipient).or(clues.caller);
    let complete = |id: &str| -> Option<Text<'static>> {
        let (region, account) = (clues.region?, account?);
        Some(Cow::Owned(format!("arn:{}:kms:{region}:{account}:key/{id}", partition_of(region))))
    };
    let mut in_resources: Vec<&Text<'a>> =
        resources.0.iter().filter_map(|r| r.arn.as_ref()).filter(|arn| is_key_arn(arn)).collect();

    let destination = request.destination_key_id.as_ref().filter(|_| re_encrypt);
    let destination_arn = if re_encrypt {
        let named = destination
            .and_then(|d| in_resources.iter().position(|arn| *arn == d || key_id(arn) == Some(&**d)));
        // The destination comes second where nothing names it.
        match named.or((in_resources.len() > 1).then_some(1)) {
            // Only the destination is listed: the source is another key, unless the request names this one.
            Some(place) => Some(in_resources.remove(place).clone()),
            None => destination
                .and_then(|d| if is_key_arn(d) { Some(d.clone()) } else { bare_id(d).and_then(&complete) }),
        }
    } else {
        None
    };

    let of_arn = |arn: &Text<'a>, origin| key_of(arn.clone(), origin);
    let from_resources = || Some(of_arn(in_resources.first()?, KeyOrigin::Resources));
    let from_response = || {
        [&response.key_id, &response.key_metadata.arn, &response.replica_key_metadata.arn]
            .into_iter()
            .flatten()
            .find(|arn| is_key_arn(arn))
            .map(|arn| of_arn(arn, KeyOrigin::Response))
    };
    let named = |id: &Text<'a>, whole, completed, alone| {
        if is_key_arn(id) {
            return Some(of_arn(id, whole));
        }
        let id = bare_id(id)?;
        Some(match complete(id) {
            Some(arn) => key_of(arn, completed),
            None => KeyRef { id: Some(Cow::Owned(id.to_owned())), origin: alone, ..KeyRef::default() },
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
    let in_message =
        |test: fn(&str) -> bool| arns_in(message?).find(|arn| test(arn)).map(|arn| arn.to_owned());
    let from_message = || Some(key_of(Cow::Owned(in_message(is_key_arn)?), KeyOrigin::ErrorMessage));

    let mut key = from_resources()
        .or_else(from_response)
        .or_else(from_request)
        .or_else(from_details)
        .or_else(from_message)
        .unwrap_or_default();
    key.alias = resources
        .0
        .iter()
        .filter_map(|r| r.arn.as_ref())
        .find(|arn| is_alias(arn))
        .or_else(|| [&request.key_id, &request.alias_name].into_iter().flatten().find(|id| is_alias(id)))
        .cloned()
        .or_else(|| in_message(is_alias).map(Cow::Owned));
    if key.origin == KeyOrigin::None
        && let Some(arn) = key.alias.as_deref().and_then(Arn::parse)
    {
        // An alias lives in the account and region of its key.
        key.account_id = present(arn.account);
        key.region = present(arn.region);
    }
    Keys { key, destination_arn }
}

fn present(text: &str) -> Option<Text<'static>> {
    (!text.is_empty()).then(|| Cow::Owned(text.to_owned()))
}

fn key_of(arn: Text<'_>, origin: KeyOrigin) -> KeyRef<'_> {
    let fields = Arn::parse(&arn);
    let (id, account_id, region) = match &fields {
        Some(f) => (f.resource.strip_prefix("key/").and_then(present), present(f.account), present(f.region)),
        None => (None, None, None),
    };
    KeyRef { arn: Some(arn), id, account_id, region, origin, alias: None }
}

fn key_id(arn: &str) -> Option<&str> {
    Arn::parse(arn)
        .filter(|arn| arn.service == "kms")?
        .resource
        .strip_prefix("key/")
        .filter(|id| !id.is_empty())
}

fn is_key_arn(text: &str) -> bool {
    key_id(text).is_some()
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

/// The ARNs in an error message, except one that a cut message may have cut.
fn arns_in(message: &str) -> impl Iterator<Item = &str> {
    message.match_indices("arn:").filter_map(move |(at, _)| {
        let rest = &message[at..];
        let arn = rest
            .split(|c: char| c.is_whitespace() || matches!(c, '\'' | '"' | ',' | ')' | '<' | '>'))
            .next()?;
        let touches_end = at + arn.len() == message.len();
        (!touches_end || message.len() < CUT_MESSAGE).then(|| arn.trim_end_matches(['.', ';']))
    })
}

/// Bucket and object key of a context's `aws:s3:arn`; the object key is missing where S3 Bucket Keys are on.
pub(super) fn s3_location<'a>(context: &Texts<'a>) -> (Option<Text<'a>>, Option<Text<'a>>) {
    let Some(arn) =
        context.get("aws:s3:arn").and_then(|arn| Arn::parse(arn)).filter(|arn| arn.service == "s3")
    else {
        return (None, None);
    };
    let (bucket, object) = match arn.resource.split_once('/') {
        Some((bucket, object)) => (bucket, present(object)),
        None => (arn.resource, None),
    };
    (present(bucket), object)
}
