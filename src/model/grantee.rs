//! Who a grant is for.

use std::borrow::Cow;

use super::arn::Arn;
use super::principal::{Principal, normalize_service};

/// Whether a caller is the grantee of a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum IsGrantee {
    /// It is.
    Yes,
    /// It is not.
    No,
    /// The record does not say enough, or the grantee is named in a form that no record shows.
    Unknown,
}

/// A grantee principal, read once.
///
/// Forms, as seen in records: ARNs of roles, users and account roots, of sessions
/// (`arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`), unique ids (`AROA…`, `AIDA…`, with or
/// without a session), service principals with or without a region
/// ([GrantListEntry](https://docs.aws.amazon.com/kms/latest/APIReference/API_GrantListEntry.html)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grantee {
    form: Form,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    /// A role, a user or an account root, by its ARN. A role has all its sessions.
    Arn(String),
    /// One session of a role. Other sessions of it are not the grantee.
    Session {
        account: String,
        role: String,
        session: String,
    },
    /// The unique id of a role or user, or of one session; the id of an EC2 instance's volumes.
    Id(String),
    /// An AWS service that calls under its own identity.
    Service(String),
    Other,
}

impl Grantee {
    /// Reads what a record has.
    pub fn new(text: &str) -> Self {
        Self { form: Form::new(text) }
    }

    /// Whether this principal called as the grantee.
    pub fn is(&self, principal: &Principal<'_>) -> IsGrantee {
        let decide = |yes: bool| if yes { IsGrantee::Yes } else { IsGrantee::No };
        match &self.form {
            Form::Arn(arn) if *arn == principal.name => IsGrantee::Yes,
            // The IAM policies of the account decide, and no record shows them.
            Form::Arn(arn) if root_account(arn).is_some() => {
                let is_of_account = root_account(arn) == principal.account_id.as_deref();
                let is_other = !is_of_account || principal.kind == "AWSService";
                if is_other { IsGrantee::No } else { IsGrantee::Unknown }
            }
            Form::Arn(arn) => {
                // Records without the session's issuer lose the role's path.
                let may_lack_path = principal.role_name().is_some_and(|name| {
                    principal.name.ends_with(&format!(":role/{name}"))
                        && is_same_role(arn, &principal.name, name)
                });
                if may_lack_path { IsGrantee::Unknown } else { IsGrantee::No }
            }
            Form::Session { account, role, session } => match &principal.session_name {
                Some(name) => decide(
                    name == session
                        && principal.role_name() == Some(role)
                        && principal.account_id.as_deref() == Some(account),
                ),
                None if principal.role_name() == Some(role) => IsGrantee::Unknown,
                None => IsGrantee::No,
            },
            Form::Id(id) => match &principal.principal_id {
                Some(found) => decide(
                    found
                        .strip_prefix(id.as_str())
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with(':')),
                ),
                // A service under its own identity has none.
                None if principal.kind == "AWSService" => IsGrantee::No,
                None => IsGrantee::Unknown,
            },
            Form::Service(service) => decide(principal.kind == "AWSService" && *service == principal.name),
            Form::Other => IsGrantee::Unknown,
        }
    }

    /// Texts of which a call of the grantee has at least one among [`Self::signs_of`].
    pub fn signs(&self) -> impl Iterator<Item = &str> {
        let texts = match &self.form {
            Form::Arn(arn) => {
                let other = arn.contains(":role/").then(|| last_name(arn));
                [Some(arn.as_str()), other.or_else(|| root_account(arn))]
            }
            Form::Session { role, session, .. } => [Some(session.as_str()), Some(role.as_str())],
            Form::Id(text) | Form::Service(text) => [Some(text.as_str()), None],
            Form::Other => [None, None],
        };
        texts.into_iter().flatten()
    }

    /// What a caller's record shows of it: the texts by which grants for it are found.
    pub fn signs_of<'p>(principal: &'p Principal<'_>) -> impl Iterator<Item = &'p str> {
        let id = principal.principal_id.as_deref();
        let role = principal.role_name();
        // Only then the role's name alone says something: its path, or the session, is lost.
        let is_partial = principal.session_name.is_none()
            || role.is_some_and(|role| {
                principal.name.len() - role.len() == principal.name.find("role/").map_or(0, |at| at + 5)
            });
        let texts = [
            Some(&*principal.name),
            principal.session_name.as_deref(),
            role.filter(|_| is_partial),
            id,
            id.and_then(|id| id.split_once(':')).map(|(role, _)| role),
            principal.account_id.as_deref(),
        ];
        texts.into_iter().flatten()
    }

    /// Whether it is a role or a user by its ARN: KMS keeps its unique id, and one that is created
    /// again under the same name is another.
    pub fn is_role_or_user(&self) -> bool {
        matches!(&self.form, Form::Arn(arn) if root_account(arn).is_none())
    }

    /// Whether a principal is the grantee by its name alone: the role, user or service.
    pub fn is_named(&self, principal: &str) -> bool {
        matches!(&self.form, Form::Arn(name) | Form::Service(name) if name == principal)
    }
}

/// The account, if this is the ARN of its root.
fn root_account(arn: &str) -> Option<&str> {
    Arn::parse(arn).filter(|arn| arn.resource == "root").map(|arn| arn.account)
}

/// What follows the last `/`.
fn last_name(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

/// Whether an ARN is that of a role with this name, in the account of another ARN.
fn is_same_role(arn: &str, other: &str, name: &str) -> bool {
    let [Some(arn), Some(other)] = [arn, other].map(Arn::parse) else { return false };
    arn.account == other.account
        && arn.resource.starts_with("role/")
        && arn.resource.ends_with(&format!("/{name}"))
}

impl Form {
    fn new(text: &str) -> Self {
        if let Some(arn) = Arn::parse(text) {
            if let Some((role, session)) =
                arn.resource.strip_prefix("assumed-role/").and_then(|path| path.split_once('/'))
            {
                let [account, role, session] = [arn.account, role, session].map(str::to_owned);
                return Self::Session { account, role, session };
            }
            return Self::Arn(text.to_owned());
        }
        let service = normalize_service(Cow::Borrowed(text));
        if service.ends_with(".amazonaws.com") || service.ends_with(".amazonaws.com.cn") {
            return Self::Service(service.into_owned());
        }
        // EC2 calls for an instance as `ACCOUNT:aws:ec2-infrastructure:INSTANCE`, its principal id.
        if text.starts_with("AROA") || text.starts_with("AIDA") || text.contains(":aws:ec2-infrastructure:") {
            return Self::Id(text.to_owned());
        }
        Self::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::KmsEvent;

    fn role() -> Principal<'static> {
        let mut principal = KmsEvent::example().principal;
        principal.session_name = Some("s1".into());
        principal.principal_id = Some("AROAEXAMPLE:s1".into());
        principal
    }

    #[test]
    fn a_role_has_all_its_sessions_and_a_session_only_itself() {
        use IsGrantee::{No, Unknown, Yes};
        for (grantee, expected) in [
            ("arn:aws:iam::111122223333:role/service-role/R", Yes),
            ("arn:aws:iam::111122223333:role/R", No),
            ("arn:aws:iam::444455556666:role/service-role/R", No),
            ("arn:aws:sts::111122223333:assumed-role/R/s1", Yes),
            ("arn:aws:sts::111122223333:assumed-role/R/s2", No),
            ("arn:aws:sts::444455556666:assumed-role/R/s1", No),
            ("AROAEXAMPLE", Yes),
            ("AROAEXAMPLE:s1", Yes),
            ("AROAEXAMPLE:s2", No),
            ("AROAEXAMPL", No),
            ("sagemaker.amazonaws.com", No),
            ("AWS Internal", Unknown),
            ("111122223333:aws:ec2-infrastructure:i-0abc", No),
        ] {
            assert_eq!(Grantee::new(grantee).is(&role()), expected, "{grantee}");
        }
    }

    #[test]
    fn in_an_account_its_iam_policies_decide() {
        let root = Grantee::new("arn:aws:iam::111122223333:root");
        assert_eq!(root.is(&role()), IsGrantee::Unknown);
        assert!(Grantee::signs_of(&role()).any(|sign| root.signs().any(|own| own == sign)));
        assert_eq!(Grantee::new("arn:aws:iam::444455556666:root").is(&role()), IsGrantee::No);
        let mut caller = role();
        caller.name = "arn:aws:iam::111122223333:root".into();
        assert_eq!(root.is(&caller), IsGrantee::Yes);
    }

    #[test]
    fn services_are_the_grantee_only_under_their_own_identity() {
        let mut service = role();
        (service.kind, service.name) = ("AWSService".into(), "sagemaker-geospatial.amazonaws.com".into());
        for grantee in ["sagemaker-geospatial.amazonaws.com", "sagemaker-geospatial.us-west-2.amazonaws.com"]
        {
            assert_eq!(Grantee::new(grantee).is(&service), IsGrantee::Yes, "{grantee}");
            assert!(Grantee::new(grantee).is_named("sagemaker-geospatial.amazonaws.com"));
        }
    }

    #[test]
    fn what_the_record_lacks_is_not_guessed() {
        let mut principal = role();
        principal.name = "arn:aws:iam::111122223333:role/R".into(); // the path may be lost
        let grantee = Grantee::new("arn:aws:iam::111122223333:role/service-role/R");
        assert_eq!(grantee.is(&principal), IsGrantee::Unknown);
        (principal.session_name, principal.principal_id) = (None, None);
        for grantee in ["arn:aws:sts::111122223333:assumed-role/R/s1", "AROAEXAMPLE"] {
            assert_eq!(Grantee::new(grantee).is(&principal), IsGrantee::Unknown, "{grantee}");
        }
    }
}
