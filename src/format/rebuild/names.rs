//! The names of a record's members, in whatever spelling a tool gives them.
//!
//! Tables and search engines change names: `eventsource`, `event_source`, `EventSource`,
//! `userIdentity.arn`, `useridentity_arn`, `aws.cloudtrail.event_source`. The letters and digits
//! stay, so names are compared by those alone.

use std::collections::HashMap;
use std::sync::LazyLock;

/// The type of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MemberType {
    Text,
    /// An account id: text of twelve digits, of which some tools make a number.
    Account,
    Boolean,
    Time,
    /// An object or a list with the names of CloudTrail's records.
    Struct,
    /// An object with the names of the API that was called.
    Map,
}

/// A member of a record.
#[derive(Debug, Clone, Copy)]
pub(super) struct RecordMember {
    pub(super) name: &'static str,
    pub(super) member_type: MemberType,
}

const fn member(name: &'static str, member_type: MemberType) -> RecordMember {
    RecordMember { name, member_type }
}

/// The members of a record, in CloudTrail's order.
pub(super) const MEMBERS: [RecordMember; 33] = [
    member("eventVersion", MemberType::Text),
    member("userIdentity", MemberType::Struct),
    member("eventTime", MemberType::Time),
    member("eventSource", MemberType::Text),
    member("eventName", MemberType::Text),
    member("awsRegion", MemberType::Text),
    member("sourceIPAddress", MemberType::Text),
    member("userAgent", MemberType::Text),
    member("errorCode", MemberType::Text),
    member("errorMessage", MemberType::Text),
    member("requestParameters", MemberType::Map),
    member("responseElements", MemberType::Map),
    member("additionalEventData", MemberType::Map),
    member("requestID", MemberType::Text),
    member("eventID", MemberType::Text),
    member("readOnly", MemberType::Boolean),
    member("resources", MemberType::Struct),
    member("eventType", MemberType::Text),
    member("apiVersion", MemberType::Text),
    member("managementEvent", MemberType::Boolean),
    member("recipientAccountId", MemberType::Account),
    member("sharedEventID", MemberType::Text),
    member("vpcEndpointId", MemberType::Text),
    member("vpcEndpointAccountId", MemberType::Account),
    member("serviceEventDetails", MemberType::Map),
    member("addendum", MemberType::Struct),
    member("eventCategory", MemberType::Text),
    member("tlsDetails", MemberType::Struct),
    member("insightDetails", MemberType::Map),
    member("eventContext", MemberType::Map),
    member("annotation", MemberType::Text),
    member("edgeDeviceDetails", MemberType::Text),
    member("sessionCredentialFromConsole", MemberType::Text),
];

/// Paths of names inside the members of type [`MemberType::Struct`], for tables with a column for
/// each of them.
const PATHS: [&[&str]; 34] = [
    &["userIdentity", "type"],
    &["userIdentity", "principalId"],
    &["userIdentity", "arn"],
    &["userIdentity", "accountId"],
    &["userIdentity", "accessKeyId"],
    &["userIdentity", "userName"],
    &["userIdentity", "invokedBy"],
    &["userIdentity", "identityProvider"],
    &["userIdentity", "credentialId"],
    &["userIdentity", "sessionContext", "sessionIssuer", "type"],
    &["userIdentity", "sessionContext", "sessionIssuer", "principalId"],
    &["userIdentity", "sessionContext", "sessionIssuer", "arn"],
    &["userIdentity", "sessionContext", "sessionIssuer", "accountId"],
    &["userIdentity", "sessionContext", "sessionIssuer", "userName"],
    &["userIdentity", "sessionContext", "attributes", "creationDate"],
    &["userIdentity", "sessionContext", "attributes", "mfaAuthenticated"],
    &["userIdentity", "sessionContext", "sourceIdentity"],
    &["userIdentity", "sessionContext", "ec2RoleDelivery"],
    &["userIdentity", "sessionContext", "webIdFederationData", "federatedProvider"],
    &["userIdentity", "onBehalfOf", "userId"],
    &["userIdentity", "onBehalfOf", "identityStoreArn"],
    &["userIdentity", "inScopeOf", "sourceArn"],
    &["userIdentity", "inScopeOf", "sourceAccount"],
    &["userIdentity", "inScopeOf", "issuerType"],
    &["userIdentity", "inScopeOf", "credentialsIssuedTo"],
    &["userIdentity", "sessionContext"],
    &["tlsDetails", "tlsVersion"],
    &["tlsDetails", "cipherSuite"],
    &["tlsDetails", "clientProvidedHostHeader"],
    &["tlsDetails", "keyExchange"],
    &["addendum", "reason"],
    &["addendum", "updatedFields"],
    &["addendum", "originalRequestID"],
    &["addendum", "originalEventID"],
];

/// Names inside `resources` items.
pub(super) const RESOURCE_NAMES: [&str; 3] = ["ARN", "accountId", "type"];

/// The letters and digits of a name, in lower case: what stays of it in every spelling.
pub(super) fn squashed(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// Whether `name` is a spelling of `squashed_name`.
fn is_spelling(name: &str, squashed_name: &str) -> bool {
    let mut letters = name.bytes().filter(u8::is_ascii_alphanumeric).map(|b| b.to_ascii_lowercase());
    squashed_name.bytes().all(|expected| letters.next() == Some(expected)) && letters.next().is_none()
}

/// Whether two names have the same letters and digits.
pub(super) fn is_same(name: &str, other: &str) -> bool {
    name == other || squashed(name) == squashed(other)
}

/// What a name of a table stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// A member of the record.
    Member(usize),
    /// A value inside a member of the record.
    Inside(Vec<String>),
}

impl Place {
    /// Whether the key of a KMS call is there: in its parameters or resources.
    fn says_which_key(&self) -> bool {
        let member = match self {
            Self::Member(index) => MEMBERS.get(*index).map(|member| member.name),
            Self::Inside(path) => path.first().map(String::as_str),
        };
        matches!(member, Some("requestParameters" | "resources"))
    }
}

/// The places of all names that are known, by [`squashed`] name.
static PLACES: LazyLock<HashMap<String, Place>> = LazyLock::new(|| {
    let inside = |path: &[&str]| Place::Inside(path.iter().map(|name| (*name).to_owned()).collect());
    let paths = PATHS.iter().map(|path| (squashed(&path.concat()), inside(path)));
    let members = MEMBERS.iter().enumerate();
    paths.chain(members.map(|(index, member)| (squashed(member.name), Place::Member(index)))).collect()
});

/// The place in a record that `name` stands for.
pub(super) fn place(name: &str) -> Option<Place> {
    PLACES.get(&squashed(name)).cloned().or_else(|| inside_map(name))
}

/// The place of a value inside parameters or another object with the API's own names, such as
/// `requestParameters.encryptionContext.aws:s3:arn`, `requestParameters_keyId` or
/// `resources[0].ARN`.
fn inside_map(name: &str) -> Option<Place> {
    ['.', '_', '/'].into_iter().find_map(|separator| inside_map_by(name, separator))
}

fn inside_map_by(name: &str, separator: char) -> Option<Place> {
    // The name of the member may have separators, too, but is not long.
    let separators = name.match_indices(separator).take_while(|(at, _)| *at < 40);
    let (member, rest) = separators.take(3).find_map(|(at, _)| {
        let first = name[..at].split(['[', '{']).next()?;
        let member = match PLACES.get(&squashed(first))? {
            Place::Member(index) => MEMBERS.get(*index)?,
            Place::Inside(_) => return None,
        };
        Some((member, &name[at + 1..]))
    })?;
    let mut path = vec![member.name.to_owned()];
    if member.name == "resources" {
        let last = rest.rsplit(separator).next().unwrap_or(rest);
        let known = RESOURCE_NAMES.into_iter().find(|name| is_same(name, last))?;
        path.push(known.to_owned());
        return Some(Place::Inside(path));
    }
    if member.member_type != MemberType::Map {
        return None;
    }
    // Names of the context contain anything but rarely a dot, so the rest is one name.
    match rest.split_once(separator) {
        Some((object, inner)) => path.extend([object.to_owned(), inner.to_owned()]),
        None => path.push(rest.to_owned()),
    }
    Some(Place::Inside(path))
}

/// What all names have in front: `r_` in `r_eventSource`, `r_eventName`. Empty when there is
/// nothing, `None` when the names are not those of an event.
///
/// One of the names must be that of `eventSource`, and another, with the same prefix, that of
/// `eventName`.
pub(super) fn prefix<'n>(names: impl Iterator<Item = &'n str> + Clone) -> Option<&'n str> {
    let prefix_of = |name: &'n str, wanted: &str| {
        if is_spelling(name, wanted) {
            return Some("");
        }
        // The shortest rest that is a spelling of the name wanted.
        let starts = name.char_indices().map(|(at, _)| at).filter(|at| *at > 0);
        starts.rev().find(|at| is_spelling(&name[*at..], wanted)).map(|at| {
            let rest = &name[at..];
            &name[..at + rest.len() - rest.trim_start_matches(['_', '.', '-']).len()]
        })
    };
    let mut sources = names.clone().filter_map(|name| prefix_of(name, "eventsource")).take(8);
    sources.find(|prefix| names.clone().any(|name| prefix_of(name, "eventname") == Some(prefix)))
}

/// Whether the columns are those of events without the ones that say with which key, and for what:
/// the parameters and the resources.
pub fn lack_key<'n>(names: impl Iterator<Item = &'n str> + Clone) -> bool {
    let prefix = prefix(names.clone()).unwrap_or_default();
    let own = |name: &'n str| name.strip_prefix(prefix).unwrap_or(name);
    let says_which_key =
        |name: &'n str| place(own(name)).or_else(|| place(name)).is_some_and(|place| place.says_which_key());
    event_columns(names.clone()).has_source && !names.into_iter().any(says_which_key)
}

/// Whether any of the names is that of `eventSource`, `eventName` or `eventVersion` in any
/// spelling.
pub fn names_event<'n>(mut names: impl Iterator<Item = &'n str>) -> bool {
    names
        .any(|name| ["eventsource", "eventname", "eventversion"].iter().any(|known| is_spelling(name, known)))
}

/// How many of the names are those of members of a record, and whether `eventSource` is among them.
pub fn event_columns<'n>(names: impl Iterator<Item = &'n str> + Clone) -> EventColumns {
    let prefix = prefix(names.clone()).unwrap_or_default();
    let places = names.filter_map(|name| place(name.strip_prefix(prefix).unwrap_or(name)));
    let mut columns = EventColumns::default();
    for place in places {
        columns.members += 1;
        let name = match &place {
            Place::Member(index) => MEMBERS[*index].name,
            Place::Inside(path) => path.first().map_or("", String::as_str),
        };
        columns.has_source |= name == "eventSource";
        columns.has_name |= matches!(name, "eventName" | "userIdentity");
    }
    columns
}

/// See [`event_columns`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventColumns {
    /// Names of members, or of values in them.
    pub members: usize,
    /// `eventSource` is one of them.
    pub has_source: bool,
    /// `eventName` or `userIdentity` is one of them.
    pub has_name: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inside(path: &[&str]) -> Option<Place> {
        Some(Place::Inside(path.iter().map(|name| (*name).to_owned()).collect()))
    }

    #[test]
    fn names_are_found_in_every_spelling() {
        for name in
            ["eventSource", "eventsource", "event_source", "EventSource", "EVENT-SOURCE", "event source"]
        {
            assert_eq!(place(name), Some(Place::Member(3)), "{name}");
        }
        for name in ["userIdentity.arn", "useridentity_arn", "user_identity.arn", "userIdentity__arn"] {
            assert_eq!(place(name), inside(&["userIdentity", "arn"]), "{name}");
        }
        let issuer = "userIdentity.sessionContext.sessionIssuer.arn";
        assert_eq!(place(issuer), inside(&["userIdentity", "sessionContext", "sessionIssuer", "arn"]));
        let context = "requestParameters.encryptionContext.aws:s3:arn";
        assert_eq!(place(context), inside(&["requestParameters", "encryptionContext", "aws:s3:arn"]));
        for name in [
            "requestParameters_encryptionContext_aws:s3:arn",
            "requestParameters/encryptionContext/aws:s3:arn",
        ] {
            assert_eq!(
                place(name),
                inside(&["requestParameters", "encryptionContext", "aws:s3:arn"]),
                "{name}"
            );
        }
        assert_eq!(place("request_parameters.keyId"), inside(&["requestParameters", "keyId"]));
        assert_eq!(place("request_parameters_keyId"), inside(&["requestParameters", "keyId"]));
        for name in ["resources{}.ARN", "resources[0].arn", "resources.0.ARN"] {
            assert_eq!(place(name), inside(&["resources", "ARN"]), "{name}");
        }
        for name in ["", "_", "source", "eventSources", "region", "message", "a.b"] {
            assert_eq!(place(name), None, "{name}");
        }
    }

    #[test]
    fn a_common_prefix_is_recognised() {
        let prefix = |names: &[&'static str]| super::prefix(names.iter().copied());
        assert_eq!(prefix(&["event_name", "eventsource"]), Some(""));
        assert_eq!(prefix(&["r_eventSource", "r_eventName"]), Some("r_"));
        assert_eq!(
            prefix(&["aws.cloudtrail.event_source", "aws.cloudtrail.event_name"]),
            Some("aws.cloudtrail.")
        );
        assert_eq!(prefix(&["a_eventSource", "b_eventName"]), None);
        assert_eq!(prefix(&["eventSource"]), None);
    }
}
