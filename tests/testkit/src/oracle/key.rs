//! Which key a KMS record is about (domain §4.1, the five places in order).

use super::json::Json;
use super::names::{find, kms_arn, matches};
use super::outcome;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Key {
    pub arn: Option<String>,
    pub id: Option<String>,
    pub account: Option<String>,
    pub region: Option<String>,
    pub origin: &'static str,
    pub alias: Option<String>,
    pub destination: Option<String>,
}

/// What a bare key id needs to become an ARN.
pub struct Place {
    pub region: Option<String>,
    pub recipient: Option<String>,
    pub principal_account: Option<String>,
}

pub fn resolve(record: &Json, event_name: &str, place: &Place) -> Key {
    let in_resources = resource_arns(record);
    // What the refusal of a ReEncrypt for its destination names is the destination.
    let message = record.text_at(&["errorMessage"]);
    let for_destination =
        event_name == "ReEncrypt" && outcome::denial(record).action.as_deref() == Some("kms:ReEncryptTo");
    let (message, of_destination) = if for_destination { (None, message) } else { (message, None) };
    let key_arns: Vec<String> =
        in_resources.iter().filter(|arn| kms_arn(arn, "key").is_some()).cloned().collect();
    let is_reencrypt = event_name == "ReEncrypt";
    let destination_named = request(record, "destinationKeyId");
    let destination_at =
        is_reencrypt.then(|| destination_index(&key_arns, destination_named.as_deref())).flatten();

    let mut key = from_resources(&key_arns, destination_at)
        .or_else(|| from_response(record))
        .or_else(|| from_request(record, is_reencrypt, place))
        .or_else(|| from_service_event(record, place))
        .or_else(|| from_message(message.as_deref()?))
        .unwrap_or(Key { origin: "none", ..Key::default() });
    key.alias = alias(record, &in_resources, message.as_deref());
    if key.origin == "none" {
        // Only an alias is known: its ARN, if it is one, says account and region, but not which
        // key.
        if let Some((arn, _)) = key.alias.as_deref().and_then(|alias| kms_arn(alias, "alias")) {
            (key.account, key.region) = (known(arn.account), known(arn.region));
        }
    }
    if is_reencrypt {
        key.destination = destination_at.map(|at| key_arns[at].clone()).or_else(|| {
            let named = destination_named?;
            if kms_arn(&named, "key").is_some() { Some(named) } else { complete(record, &named, place) }
        });
        key.destination = key.destination.or_else(|| from_message(of_destination.as_deref()?)?.arn);
    }
    key
}

impl Key {
    /// `mrk-` ids are shared by a multi-Region key and its replicas.
    pub fn family(&self) -> Option<&str> {
        self.id.as_deref().filter(|id| matches("^mrk-.", id))
    }
}

fn known(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

pub fn key_of(arn: &str, origin: &'static str) -> Option<Key> {
    let (parts, id) = kms_arn(arn, "key")?;
    let (account, region) = (known(parts.account), known(parts.region));
    Some(Key { arn: Some(arn.to_owned()), id: Some(id), account, region, origin, ..Key::default() })
}

/// A request parameter; AWS's first-letter lowering gives odd spellings, so any case will do.
fn request(record: &Json, name: &str) -> Option<String> {
    record.get("requestParameters")?.get_any_case(name)?.text()
}

/// Some exports spell `ARN` as `arn` (domain §1.1).
fn resource_arns(record: &Json) -> Vec<String> {
    let items = record.get("resources").map(Json::elements).unwrap_or_default();
    items.iter().filter_map(|item| item.text_at(&["ARN"]).or_else(|| item.text_at(&["arn"]))).collect()
}

/// ReEncrypt: the destination is the one `destinationKeyId` names (ARN or id), else the second.
fn destination_index(key_arns: &[String], named: Option<&str>) -> Option<usize> {
    let is_named = |arn: &String| {
        let id = kms_arn(arn, "key").map(|(_, id)| id);
        named.is_some() && (named == Some(arn) || named == id.as_deref())
    };
    key_arns.iter().position(is_named).or((key_arns.len() > 1).then_some(1))
}

/// Step 1. For ReEncrypt the key is the one that is not the destination; where only that is listed,
/// none.
fn from_resources(key_arns: &[String], destination_at: Option<usize>) -> Option<Key> {
    let others = key_arns.iter().enumerate().filter(|(at, _)| Some(*at) != destination_at);
    let arn = others.map(|(_, arn)| arn).next()?;
    key_of(arn, "resources")
}

/// Step 2.
fn from_response(record: &Json) -> Option<Key> {
    let places: [&[&str]; 3] = [&["keyId"], &["keyMetadata", "arn"], &["replicaKeyMetadata", "arn"]];
    let response = record.get("responseElements")?;
    places.iter().find_map(|path| key_of(&response.text_at_any_case(path)?, "response"))
}

/// Step 3.
fn from_request(record: &Json, is_reencrypt: bool, place: &Place) -> Option<Key> {
    let mut names = vec!["keyId", "targetKeyId", "sourceKeyId"];
    if !is_reencrypt {
        names.push("destinationKeyId");
    }
    names
        .iter()
        .find_map(|name| arn_or_id(record, &request(record, name)?, place, ["request", "assumed", "request"]))
}

/// Step 4.
fn from_service_event(record: &Json, place: &Place) -> Option<Key> {
    let named = record.get("serviceEventDetails")?.text_at_any_case(&["keyId"])?;
    arn_or_id(record, &named, place, ["service_event"; 3])
}

/// A key ARN, or a bare id completed, or (nothing to complete it with) the id alone; each with its
/// origin.
fn arn_or_id(record: &Json, named: &str, place: &Place, origins: [&'static str; 3]) -> Option<Key> {
    if let Some(key) = key_of(named, origins[0]) {
        return Some(key);
    }
    if !is_bare_id(named) {
        return None;
    }
    match complete(record, named, place) {
        Some(arn) => key_of(&arn, origins[1]),
        None => Some(Key { id: Some(named.to_owned()), origin: origins[2], ..Key::default() }),
    }
}

/// Any `[A-Za-z0-9-]+`: documentation ids are not UUIDs (domain §5.9).
fn is_bare_id(text: &str) -> bool {
    matches("^[A-Za-z0-9-]+$", text)
}

fn complete(record: &Json, id: &str, place: &Place) -> Option<String> {
    let items = record.get("resources").map(Json::elements).unwrap_or_default();
    let of_resource = items.iter().find_map(|item| item.text_at(&["accountId"]));
    let account = of_resource.or(place.recipient.clone()).or(place.principal_account.clone())?;
    let region = place.region.as_deref()?;
    is_bare_id(id).then(|| format!("arn:{}:kms:{region}:{account}:key/{id}", partition(region)))
}

pub fn partition(region: &str) -> &'static str {
    let known = [
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("us-iso-", "aws-iso"),
        ("us-isob-", "aws-iso-b"),
        ("eusc-", "aws-eusc"),
    ];
    known.iter().find(|(prefix, _)| region.starts_with(prefix)).map_or("aws", |(_, partition)| partition)
}

/// Step 5.
fn from_message(message: &str) -> Option<Key> {
    key_of(in_whole(message, "key/[A-Za-z0-9-]+")?, "error_message")
}

/// The first ARN of such a resource. A message of 1000 bytes or more may have been cut, and with it
/// an ARN at its end.
fn in_whole<'m>(message: &'m str, resource: &str) -> Option<&'m str> {
    let (found, end) = find(&in_message(resource), message)?;
    let may_be_cut = end == message.len() && message.len() >= 1000;
    (!may_be_cut).then_some(found)
}

fn in_message(resource: &str) -> String {
    format!("arn:[^: \\t\\r\\n]+:kms:[^: \\t\\r\\n]+:[^: \\t\\r\\n]+:{resource}")
}

fn alias(record: &Json, in_resources: &[String], message: Option<&str>) -> Option<String> {
    let is_alias_arn = |text: &String| kms_arn(text, "alias").is_some();
    let is_alias = |text: &String| text.starts_with("alias/") || is_alias_arn(text);
    let from_resources = in_resources.iter().find(|arn| is_alias_arn(arn)).cloned();
    let from_request = || {
        ["keyId", "sourceKeyId", "aliasName"].iter().find_map(|name| request(record, name).filter(is_alias))
    };
    let from_message = || in_whole(message?, "alias/[A-Za-z0-9/_-]+").map(str::to_owned);
    from_resources.or_else(from_request).or_else(from_message)
}

/// A kept copy of a pair that names no key, or one by a bare id only, takes the other's, if that is
/// better.
pub fn fill(kept: &mut Key, other: &Key) {
    let is_told = |key: &Key| !["none", "assumed"].contains(&key.origin);
    if kept.origin == "none" || (is_told(other) && !is_told(kept)) {
        (kept.arn, kept.id, kept.origin) = (other.arn.clone(), other.id.clone(), other.origin);
        (kept.account, kept.region) = (other.account.clone(), other.region.clone());
    }
    kept.alias = kept.alias.take().or(other.alias.clone());
    kept.destination = kept.destination.take().or(other.destination.clone());
}
