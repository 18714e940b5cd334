//! What the error message of a refused call says: the grammar of IAM's messages for KMS.
//!
//! ```text
//! User: ARN is not authorized to perform: kms:ACTION TARGET REASON
//! TARGET = on resource: ARN | on this resource
//!        | on the resource associated with this ciphertext | nothing
//! REASON = because no POLICY allows the kms:ACTION action
//!        | with an explicit deny in a POLICY, from 2026 on followed by the policy's ARN
//!        | because the resource does not exist in this Region, … | nothing
//! ```
//!
//! CloudTrail truncates messages at 1 KB, so a word at the end of a long message is not used: it
//! may be incomplete. A text outside the grammar gives no result, because a wrong reason would send
//! people to the wrong policy. Sources: [Troubleshoot access denied error
//! messages](https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html) and
//! refused calls in public records.

/// CloudTrail truncates `errorMessage` at 1 KB: the end of a message of this length in bytes, or of
/// a longer one, may be missing.
pub const TRUNCATED_MESSAGE_LEN: usize = 1000;

/// A text that every message of the grammar contains.
pub(super) const NOT_AUTHORIZED: &str = "is not authorized to perform";

/// The reason when KMS does not disclose whether the key exists.
const NOT_DISCLOSED: &str = " because the resource does not exist in this Region, no resource-based policies allow access, or a \
                        resource-based policy explicitly denies access";

/// The text of messages from before KMS used IAM's grammar, with the meaning of [`NOT_DISCLOSED`].
const NOT_DISCLOSED_OLD: &str =
    "does not exist, does not exist in this region, or you are not allowed to access";

/// A type of policy that can refuse a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum PolicyType {
    /// Identity-based policy, attached to a user, group or role.
    Identity,
    /// Resource-based policy: the key policy.
    Resource,
    /// Session policy, passed when the session was created.
    Session,
    /// Permissions boundary: the maximum permissions of a user or role.
    PermissionsBoundary,
    /// Policy of the VPC endpoint through which the call was made.
    VpcEndpoint,
    /// Service control policy of the organization, on the caller's account.
    ServiceControl,
    /// Resource control policy of the organization, on the key's account.
    ResourceControl,
}

/// Which type of policy refused a call, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DeniedBy {
    /// No policy of this type allows the call.
    Implicit(PolicyType),
    /// A policy of this type denies the call.
    Explicit(PolicyType),
    /// The key does not exist in the region, or the key policy does not allow the call or denies
    /// it. KMS does not say which.
    MissingOrNotAllowed,
}

impl PolicyType {
    /// Every type.
    pub const ALL: [Self; 7] = [
        Self::Identity,
        Self::Resource,
        Self::Session,
        Self::PermissionsBoundary,
        Self::VpcEndpoint,
        Self::ServiceControl,
        Self::ResourceControl,
    ];

    /// The names of policy types in messages. One of them has two spellings.
    const NAMES: [(&'static str, Self); 8] = [
        ("identity-based policy", Self::Identity),
        ("resource-based policy", Self::Resource),
        ("session policy", Self::Session),
        ("sessions policy", Self::Session),
        ("permissions boundary", Self::PermissionsBoundary),
        ("VPC endpoint policy", Self::VpcEndpoint),
        ("service control policy", Self::ServiceControl),
        ("resource control policy", Self::ResourceControl),
    ];

    /// Its name in messages.
    fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, policy)| *policy == self).map_or("policy", |(name, _)| name)
    }

    /// The indefinite article that goes with the name.
    fn article(self) -> &'static str {
        if self == Self::Identity { "an" } else { "a" }
    }

    /// The type whose name `text` begins with, and the rest of `text`.
    fn parse_prefix(text: &str) -> Option<(Self, &str)> {
        Self::NAMES.iter().find_map(|(name, policy)| Some((*policy, text.strip_prefix(name)?)))
    }
}

impl DeniedBy {
    /// The value of the `denied_by` column.
    pub fn as_str(self) -> &'static str {
        use PolicyType::{
            Identity, PermissionsBoundary, Resource, ResourceControl, ServiceControl, Session, VpcEndpoint,
        };
        match self {
            Self::Implicit(Identity) => "implicit_identity_policy",
            Self::Implicit(Resource) => "implicit_resource_policy",
            Self::Implicit(Session) => "implicit_session_policy",
            Self::Implicit(PermissionsBoundary) => "implicit_permissions_boundary",
            Self::Implicit(VpcEndpoint) => "implicit_vpc_endpoint_policy",
            Self::Implicit(ServiceControl) => "implicit_service_control_policy",
            Self::Implicit(ResourceControl) => "implicit_resource_control_policy",
            Self::Explicit(Identity) => "explicit_identity_policy",
            Self::Explicit(Resource) => "explicit_resource_policy",
            Self::Explicit(Session) => "explicit_session_policy",
            Self::Explicit(PermissionsBoundary) => "explicit_permissions_boundary",
            Self::Explicit(VpcEndpoint) => "explicit_vpc_endpoint_policy",
            Self::Explicit(ServiceControl) => "explicit_service_control_policy",
            Self::Explicit(ResourceControl) => "explicit_resource_control_policy",
            Self::MissingOrNotAllowed => "missing_or_not_allowed",
        }
    }

    /// Plain words, for people.
    pub fn in_words(self) -> String {
        match self {
            Self::Implicit(policy) => format!("no {} allows it", policy.name()),
            Self::Explicit(policy) => format!("denied in {} {}", policy.article(), policy.name()),
            Self::MissingOrNotAllowed => "no such key, or its policy refuses".to_owned(),
        }
    }

    /// Every value, in the order of the documentation.
    pub fn all() -> impl Iterator<Item = Self> {
        let implicit = PolicyType::ALL.into_iter().map(Self::Implicit);
        let explicit = PolicyType::ALL.into_iter().map(Self::Explicit);
        implicit.chain(explicit).chain([Self::MissingOrNotAllowed])
    }

    /// Parses the reason: what follows the action and the target of a message.
    fn parse(rest: &str) -> Option<Self> {
        if let Some(rest) = rest.strip_prefix(" because no ") {
            let (policy, rest) = PolicyType::parse_prefix(rest)?;
            return rest.starts_with(" allows ").then_some(Self::Implicit(policy));
        }
        if let Some(rest) = rest.strip_prefix(" with an explicit deny in a") {
            let (policy, rest) =
                PolicyType::parse_prefix(rest.strip_prefix('n').unwrap_or(rest).strip_prefix(' ')?)?;
            let is_whole = rest.chars().next().is_none_or(|c| !c.is_alphanumeric() && c != '-');
            return is_whole.then_some(Self::Explicit(policy));
        }
        rest.starts_with(NOT_DISCLOSED).then_some(Self::MissingOrNotAllowed)
    }
}

/// What the error message of a refused call says. A field is `None` when the message does not say
/// it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Denial<'m> {
    /// The permission that was missing (`kms:ReEncryptTo`). It is not always that of the API
    /// called.
    pub action: Option<&'m str>,
    /// Which type of policy refused the call.
    pub by: Option<DeniedBy>,
}

impl<'m> Denial<'m> {
    /// Parses the error message of a refused call.
    pub fn parse(message: &'m str) -> Self {
        let Some((_, rest)) = message.split_once(NOT_AUTHORIZED) else {
            let is_old = message.contains(NOT_DISCLOSED_OLD);
            return Self { action: None, by: is_old.then_some(DeniedBy::MissingOrNotAllowed) };
        };
        let Some((action, rest)) = rest.strip_prefix(": ").map(split_word) else { return Self::default() };
        let may_be_truncated = rest.is_empty() && message.len() >= TRUNCATED_MESSAGE_LEN;
        let action = action.trim_end_matches(['.', ',']);
        let rest = match rest.strip_prefix(" on resource: ") {
            Some(rest) => split_word(rest).1,
            None => [" on this resource", " on the resource associated with this ciphertext"]
                .iter()
                .find_map(|target| rest.strip_prefix(target))
                .unwrap_or(rest),
        };
        Self { action: (!may_be_truncated && is_action(action)).then_some(action), by: DeniedBy::parse(rest) }
    }
}

/// Splits at the first white space.
fn split_word(text: &str) -> (&str, &str) {
    text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()))
}

/// Whether the text has the form `service:Action`.
fn is_action(text: &str) -> bool {
    let is_name =
        |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    text.split_once(':').is_some_and(|(service, action)| is_name(service) && is_name(action))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/111aa2bb-333c-4d44-5555-a111bb2c33dd";
    const USER: &str = "User: arn:aws:sts::111122223333:assumed-role/R/s is not authorized to perform:";

    fn parsed(rest: &str) -> (Option<String>, Option<&'static str>) {
        let message = format!("{USER}{rest}");
        let denial = Denial::parse(&message);
        (denial.action.map(str::to_owned), denial.by.map(DeniedBy::as_str))
    }

    #[test]
    fn every_target_and_every_reason_is_parsed() {
        let alias = "arn:aws:kms:us-east-1:111122223333:alias/x";
        for target in [
            "",
            &format!(" on resource: {KEY}"),
            &format!(" on resource: {alias}"),
            " on this resource",
            " on the resource associated with this ciphertext",
        ] {
            for (words, kind) in [
                ("identity-based policy", "identity_policy"),
                ("resource-based policy", "resource_policy"),
                ("session policy", "session_policy"),
                ("sessions policy", "session_policy"),
                ("permissions boundary", "permissions_boundary"),
                ("VPC endpoint policy", "vpc_endpoint_policy"),
                ("service control policy", "service_control_policy"),
                ("resource control policy", "resource_control_policy"),
            ] {
                let (implicit, explicit) = (&*format!("implicit_{kind}"), &*format!("explicit_{kind}"));
                let a = if words.starts_with('i') { "an" } else { "a" };
                for (reason, by) in [
                    (format!(" because no {words} allows the kms:Decrypt action"), implicit),
                    (format!(" with an explicit deny in {a} {words}"), explicit),
                    (format!(" with an explicit deny in {a} {words}."), explicit),
                    (
                        format!(
                            " with an explicit deny in {a} {words}: arn:aws:iam::1:policy/session policy"
                        ),
                        explicit,
                    ),
                ] {
                    let found = parsed(&format!(" kms:Decrypt{target}{reason}"));
                    let found = (found.0.as_deref(), found.1);
                    assert_eq!(found, (Some("kms:Decrypt"), Some(by)), "{target}{reason}");
                }
            }
            let found = parsed(&format!(" kms:Decrypt{target}{NOT_DISCLOSED}"));
            assert_eq!(found, (Some("kms:Decrypt".to_owned()), Some("missing_or_not_allowed")));
            assert_eq!(parsed(&format!(" kms:Decrypt{target}")), (Some("kms:Decrypt".to_owned()), None));
        }
        let old = "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not \
                      allowed to access.";
        let denial = Denial::parse(old);
        assert_eq!((denial.action, denial.by), (None, Some(DeniedBy::MissingOrNotAllowed)));
    }

    #[test]
    fn text_outside_the_grammar_gives_no_result() {
        for rest in [
            " because no tag policy allows the kms:Decrypt action",
            " because of an identity-based policy",
            " because no session policy was given",
            " with an explicit deny",
            " with an explicit deny in a session policymaker",
            " with an explicit deny in asession policy",
            " because the resource does not exist in this Region",
            " on that resource because no identity-based policy allows the kms:Decrypt action",
        ] {
            assert_eq!(parsed(&format!(" kms:Decrypt{rest}")).1, None, "{rest}");
        }
        assert_eq!(Denial::parse("Access denied"), Denial::default());
        assert_eq!(Denial::parse(NOT_AUTHORIZED), Denial::default());
        assert_eq!(parsed(" everything because no identity-based policy allows the x action").0, None);
    }

    /// Wherever CloudTrail truncates a message, each field has the value from the whole message, or
    /// none.
    #[test]
    fn a_truncated_message_gives_no_partial_value() {
        let filler = "x".repeat(TRUNCATED_MESSAGE_LEN);
        for (rest, by) in [
            (
                format!(" kms:ReEncryptTo on resource: {KEY} because no session policy allows the x action"),
                "implicit_session_policy",
            ),
            (
                " kms:ReEncryptTo on this resource with an explicit deny in a VPC endpoint policy: arn:x"
                    .to_owned(),
                "explicit_vpc_endpoint_policy",
            ),
            (format!(" kms:ReEncryptTo{NOT_DISCLOSED}"), "missing_or_not_allowed"),
        ] {
            let whole = format!("User: {filler} is not authorized to perform:{rest}");
            assert_eq!(Denial::parse(&whole).by.map(DeniedBy::as_str), Some(by));
            for end in TRUNCATED_MESSAGE_LEN..whole.len() {
                let denial = Denial::parse(&whole[..end]);
                assert!(
                    denial.action.is_none_or(|action| action == "kms:ReEncryptTo"),
                    "{:?}",
                    denial.action
                );
                assert!(denial.by.is_none_or(|found| found.as_str() == by), "{:?}", denial.by);
            }
        }
    }
}
