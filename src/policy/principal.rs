//! Whom a statement names, and whether a caller is among them.
//!
//! Source: [policy elements:
//! Principal](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html).

use std::borrow::Cow;
use std::fmt;

use super::truth::Truth;
use crate::model::{Arn, Principal, is_region, normalize_service};

/// A principal as a statement names it, read once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrincipalElement {
    /// The member of `Principal` in which it stands: `AWS`, `Service` …
    pub kind: PrincipalKind,
    /// Its text.
    pub text: String,
    form: Form,
}

/// A member of `Principal`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum PrincipalKind {
    /// Accounts, roles, users and sessions; everybody (`*`).
    Aws,
    /// AWS services under their own identity.
    Service,
    /// Identities of a web or SAML provider.
    Federated,
    /// Ids of Amazon S3 for accounts.
    CanonicalUser,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    Everybody,
    /// An account: its root user, and whom its IAM policies allow.
    Account(String),
    /// A role, with or without its path, or a user.
    Identity {
        arn: String,
    },
    /// One session of a role.
    Session {
        account: String,
        role: String,
        session: String,
    },
    /// A service; the region, if the name has one.
    Service {
        name: String,
        region: Option<String>,
    },
    /// The unique id of a role or user that has been deleted.
    UniqueId(String),
    /// A form that no record shows.
    Unseen,
    /// KMS does not accept it, or it is a placeholder: it is nobody.
    Nobody(&'static str),
}

/// Whether a caller is one of those whom an element names.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum IsNamed {
    /// It is.
    Yes,
    /// It is not.
    No,
    /// It belongs to the account that is named: the account's IAM policies decide.
    ByAccount,
    /// The record does not say enough.
    Unknown(Cow<'static, str>),
}

/// What is noteworthy about an element by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ElementTrait<'p> {
    /// Nothing.
    Ordinary,
    /// Everybody in all accounts.
    Everybody,
    /// This account.
    Account(&'p str),
    /// The unique id of a role or user that was deleted: nobody has it any more.
    Orphaned,
    /// Nobody, for this reason.
    Nobody(&'static str),
}

impl PrincipalElement {
    /// Reads the text of an element.
    pub fn new(kind: PrincipalKind, text: &str) -> Self {
        let form = match kind {
            PrincipalKind::Aws => aws(text),
            PrincipalKind::Service => service(text),
            PrincipalKind::Federated | PrincipalKind::CanonicalUser if text == "*" => Form::Everybody,
            PrincipalKind::Federated | PrincipalKind::CanonicalUser => Form::Unseen,
        };
        Self { kind, text: text.to_owned(), form }
    }

    /// Whether `caller` is named, who called in `region`.
    pub fn names(&self, caller: &Principal<'_>, region: &str) -> IsNamed {
        let decide = |yes: bool| if yes { IsNamed::Yes } else { IsNamed::No };
        match &self.form {
            Form::Everybody => IsNamed::Yes,
            Form::Account(account) => match caller.account_id.as_deref() {
                Some(of_caller) if of_caller != account => IsNamed::No,
                Some(_) if caller.kind == "Root" => IsNamed::Yes,
                Some(_) => IsNamed::ByAccount,
                None if caller.kind == "AWSService" => IsNamed::No,
                None => IsNamed::Unknown("the record does not show the caller's account".into()),
            },
            Form::Identity { arn } if *arn == caller.name => IsNamed::Yes,
            Form::Identity { arn } if is_same_but_path(arn, caller) => {
                IsNamed::Unknown("the record does not show the path of the caller's role".into())
            }
            Form::Identity { .. } => unless_unknown(caller),
            Form::Session { account, role, session } => match &caller.session_name {
                Some(name) => decide(
                    name == session
                        && caller.role_name() == Some(role)
                        && caller.account_id.as_deref() == Some(account),
                ),
                None if caller.role_name() == Some(role) => {
                    IsNamed::Unknown("the record does not show the caller's session".into())
                }
                None => unless_unknown(caller),
            },
            Form::Service { name, region: of_service } => decide(
                caller.kind == "AWSService"
                    && *name == caller.name
                    && of_service.as_deref().is_none_or(|of_service| of_service == region),
            ),
            Form::UniqueId(id) => match &caller.principal_id {
                Some(found) => decide(
                    found
                        .strip_prefix(id.as_str())
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with(':')),
                ),
                None => unless_unknown(caller),
            },
            Form::Unseen => match &*caller.kind {
                "WebIdentityUser" | "SAMLUser" | "FederatedUser" => IsNamed::Unknown(
                    "records do not show by which federated identity the caller was known".into(),
                ),
                _ => IsNamed::No,
            },
            Form::Nobody(_) => IsNamed::No,
        }
    }

    /// Whether the caller's name differs from this one only in case.
    pub fn differs_in_case(&self, caller: &Principal<'_>) -> bool {
        matches!(&self.form, Form::Identity { arn } if *arn != caller.name && arn.eq_ignore_ascii_case(&caller.name))
    }

    /// What is noteworthy about it.
    pub fn nature(&self) -> ElementTrait<'_> {
        match &self.form {
            Form::Everybody => ElementTrait::Everybody,
            Form::Account(account) => ElementTrait::Account(account),
            Form::UniqueId(_) => ElementTrait::Orphaned,
            Form::Nobody(why) => ElementTrait::Nobody(why),
            _ => ElementTrait::Ordinary,
        }
    }

    /// The ARN of the role, without its path, and the name of the session, if it is one session.
    pub fn session(&self) -> Option<(String, &str)> {
        let Form::Session { account, role, session } = &self.form else { return None };
        let partition = Arn::parse(&self.text)?.partition;
        Some((format!("arn:{partition}:iam::{account}:role/{role}"), session))
    }

    /// The account that it belongs to.
    pub fn account(&self) -> Option<&str> {
        match &self.form {
            Form::Account(account) | Form::Session { account, .. } => Some(account),
            Form::Identity { arn } => Arn::parse(arn).map(|arn| arn.account),
            _ => None,
        }
    }
}

impl fmt::Display for PrincipalElement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether one of the elements names the caller.
pub(super) fn any_names(elements: &[PrincipalElement], caller: &Principal<'_>, region: &str) -> IsNamed {
    let mut found = IsNamed::No;
    for element in elements {
        match (element.names(caller, region), &found) {
            (IsNamed::Yes, _) => return IsNamed::Yes,
            (named @ IsNamed::ByAccount, _) | (named @ IsNamed::Unknown(_), IsNamed::No) => found = named,
            _ => {}
        }
    }
    found
}

/// Whether a statement with `NotPrincipal` is about the caller.
///
/// A role's session is left out only if its account, its role and the session itself are listed.
/// One that has a permissions boundary is never left out of a `Deny`, and no record shows
/// boundaries. Source: [policy elements:
/// NotPrincipal](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html).
pub(super) fn none_names(listed: &[PrincipalElement], caller: &Principal<'_>, region: &str) -> Truth {
    let named: Vec<IsNamed> = listed.iter().map(|element| element.names(caller, region)).collect();
    if listed.iter().any(|element| element.form == Form::Everybody) {
        return Truth::No;
    }
    if let Some(IsNamed::Unknown(why)) = named.iter().find(|named| matches!(named, IsNamed::Unknown(_))) {
        return Truth::Unknown(why.clone());
    }
    let names_account = named.contains(&IsNamed::ByAccount);
    let is_session = |element: &PrincipalElement| matches!(element.form, Form::Session { .. });
    let is_named = |wanted: bool| {
        let mut pairs = listed.iter().zip(&named);
        pairs.any(|(element, named)| *named == IsNamed::Yes && is_session(element) == wanted)
    };
    let is_left_out = match &*caller.kind {
        "AssumedRole" => names_account && is_named(false) && is_named(true),
        "IAMUser" => names_account && is_named(false),
        _ => is_named(false),
    };
    match (is_left_out, &*caller.kind) {
        (false, _) => Truth::Yes,
        (true, "AssumedRole" | "IAMUser") => {
            Truth::Unknown("records do not show whether the caller has a permissions boundary".into())
        }
        (true, _) => Truth::No,
    }
}

fn unless_unknown(caller: &Principal<'_>) -> IsNamed {
    match &*caller.name {
        "unknown" => IsNamed::Unknown("the record does not show who called".into()),
        _ if caller.kind == "AWSAccount" => {
            IsNamed::Unknown("the record shows only the caller's account".into())
        }
        _ => IsNamed::No,
    }
}

/// Whether a role's ARN is that of the caller but for the path, which the record may have lost.
fn is_same_but_path(arn: &str, caller: &Principal<'_>) -> bool {
    // Most names differ at their end, or are no longer: that is cheap to see.
    if arn.len() <= caller.name.len() || arn.as_bytes().last() != caller.name.as_bytes().last() {
        return false;
    }
    let Some(name) = caller.role_name().filter(|name| arn.ends_with(name)) else { return false };
    let split = |text: &'_ str| text.split_once(":role/").map(|(account, _)| account.len());
    let (Some(of_arn), Some(of_caller)) = (split(arn), split(&caller.name)) else { return false };
    arn[..of_arn] == caller.name[..of_caller]
        && caller.name.len() == of_caller + ":role/".len() + name.len()
        && arn.rsplit('/').next() == Some(name)
}

fn aws(text: &str) -> Form {
    if text == "*" {
        return Form::Everybody;
    }
    if is_account(text) {
        return Form::Account(text.to_owned());
    }
    if ["AROA", "AIDA"].iter().any(|prefix| text.starts_with(prefix))
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
    {
        return Form::UniqueId(text.to_owned());
    }
    let Some(arn) = Arn::parse(text) else { return Form::Nobody("it is no ARN, account or id") };
    if text.contains(['*', '?']) {
        return Form::Nobody("a principal cannot have wildcards inside");
    }
    if !is_account(arn.account) {
        return Form::Nobody("its account has not twelve digits");
    }
    match (arn.service, arn.resource.split('/').next()) {
        ("iam", Some("root")) => Form::Account(arn.account.to_owned()),
        ("iam", Some("role" | "user")) | ("sts", Some("federated-user")) => {
            Form::Identity { arn: text.to_owned() }
        }
        ("sts", Some("assumed-role")) => {
            // Nobody has such a name with a path in it.
            match arn.resource.split('/').collect::<Vec<_>>()[..] {
                [_, role, session] => Form::Session {
                    account: arn.account.to_owned(),
                    role: role.to_owned(),
                    session: session.to_owned(),
                },
                _ => Form::Nobody("the ARN of a session has a role and a session, without a path"),
            }
        }
        ("iam", Some("group")) => Form::Nobody("a group cannot be a principal"),
        _ => Form::Nobody("such an ARN is no principal"),
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn service(text: &str) -> Form {
    if text == "*" {
        return Form::Everybody;
    }
    let name = normalize_service(Cow::Borrowed(text)).into_owned();
    let region = text.split('.').find(|label| is_region(label)).map(str::to_owned);
    Form::Service { name, region }
}
