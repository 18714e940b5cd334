//! `userIdentity` → [`Principal`].
//!
//! Usage is grouped by the role's IAM ARN, not by the STS ARN of a session: the latter lacks the
//! role's path and contains the session's name, so one role would appear as many. AWS services have
//! no ARN at all, but must be reported too.

use std::borrow::Cow;

use super::record::{Identity, SessionContext};
use crate::model::{Arn, Principal, normalize_service, slice_text};

/// Resolves the caller. Every identity gives a principal, named `unknown` as a last resort.
pub(super) fn resolve(identity: Identity<'_>) -> Principal<'_> {
    let Identity {
        kind, principal_id, arn, account_id, user_name, session, on_behalf_of, invoked_by, ..
    } = identity;
    let SessionContext { issuer, federation, source_identity, .. } = session;
    let (kind, arn, issuer_arn) = (kind.0, arn.0, issuer.arn.0);
    let account_id = account_id.or(issuer.account_id).or_else(|| {
        slice_text(arn.as_ref()?, |arn| Some(Arn::parse(arn)?.account).filter(|account| !account.is_empty()))
    });
    let invoked_by = invoked_by.0.map(normalize_service);
    let session_name = arn
        .as_ref()
        .and_then(|arn| slice_text(arn, session_name))
        .or_else(|| slice_text(principal_id.as_ref()?, |id| Some(id.split_once(':')?.1)))
        .filter(|name| !name.is_empty());

    let issuer_role = issuer_arn.as_ref().filter(|arn| is_role(arn)).cloned();
    let from_session = || {
        arn.as_deref().and_then(role_arn_of_session).or_else(|| role_arn_of_session(issuer_arn.as_deref()?))
    };
    let own_arn = || arn.as_ref().filter(|arn| arn.starts_with("arn:")).cloned();
    let own_service = || invoked_by.clone().filter(|_| matches!(kind.as_deref(), None | Some("AWSService")));
    let by_id = || {
        let id = principal_id.as_deref()?.split(':').next().filter(|id| !id.is_empty())?;
        Some(Cow::Owned(format!("{}:{id}", account_id.as_deref()?)))
    };
    let name = issuer_role
        .or_else(|| from_session().map(Cow::Owned))
        .or_else(own_arn)
        .or_else(own_service)
        .or_else(by_id)
        .or_else(|| invoked_by.clone())
        .unwrap_or(Cow::Borrowed("unknown"));
    Principal {
        name,
        kind: kind.unwrap_or(Cow::Borrowed("unknown")),
        account_id,
        session_name,
        principal_id,
        invoked_by,
        source_identity,
        on_behalf_of: on_behalf_of.user_id,
        user_name,
        web_identity: federation.provider,
    }
}

fn is_role(arn: &str) -> bool {
    Arn::parse(arn).is_some_and(|arn| {
        arn.service == "iam" && arn.resource.starts_with("role/") && arn.resource.len() > 5
    })
}

/// An STS ARN with the resource `assumed-role/ROLE[/SESSION]`.
struct AssumedRole<'t> {
    arn: Arn<'t>,
    role: &'t str,
    session: Option<&'t str>,
}

fn assumed_role(arn: &str) -> Option<AssumedRole<'_>> {
    let arn = Arn::parse(arn).filter(|arn| arn.service == "sts")?;
    let rest = arn.resource.strip_prefix("assumed-role/")?;
    let (role, session) = match rest.bytes().position(|byte| byte == b'/') {
        Some(slash) => (rest.get(..slash)?, rest.get(slash + 1..)),
        None => (rest, None),
    };
    (!role.is_empty()).then_some(AssumedRole { arn, role, session })
}

fn session_name(arn: &str) -> Option<&str> {
    assumed_role(arn)?.session.filter(|session| !session.is_empty())
}

/// The IAM ARN of the role of a session, from the session's STS ARN. That ARN does not contain the
/// role's path: a role under `/service-role/` appears without it.
fn role_arn_of_session(arn: &str) -> Option<String> {
    let AssumedRole { arn, role, .. } = assumed_role(arn)?;
    Some(format!("arn:{}:iam::{}:role/{role}", arn.partition, arn.account))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(json: &str) -> Principal<'_> {
        resolve(serde_json::from_str(json).unwrap())
    }

    #[test]
    fn every_identity_gives_the_documented_name() {
        let role = "arn:aws:iam::111122223333:role/service-role/R";
        for (json, name, session) in [
            (
                r#"{"type":"AssumedRole","principalId":"AROA:s","arn":"arn:aws:sts::111122223333:assumed-role/R/s","accountId":"111122223333",
                "sessionContext":{"sessionIssuer":{"arn":"arn:aws:iam::111122223333:role/service-role/R"}}}"#,
                role,
                Some("s"),
            ),
            (
                r#"{"type":"AssumedRole","arn":"arn:aws-cn:sts::1:assumed-role/R/s"}"#,
                "arn:aws-cn:iam::1:role/R",
                Some("s"),
            ),
            (
                r#"{"type":"AssumedRole","arn":"","sessionContext":{"sessionIssuer":{"arn":"arn:aws:sts::1:assumed-role/R"}}}"#,
                "arn:aws:iam::1:role/R",
                None,
            ),
            (r#"{"type":"IAMUser","arn":"arn:aws:iam::1:user/Alice"}"#, "arn:aws:iam::1:user/Alice", None),
            (r#"{"type":"Root","arn":"arn:aws:iam::1:root"}"#, "arn:aws:iam::1:root", None),
            (
                r#"{"type":"AWSService","invokedBy":"sagemaker-geospatial.us-west-2.amazonaws.com"}"#,
                "sagemaker-geospatial.amazonaws.com",
                None,
            ),
            (
                r#"{"type":"AWSAccount","principalId":"AROAX:reader","accountId":"444455556666"}"#,
                "444455556666:AROAX",
                Some("reader"),
            ),
            (r#"{"accountId":"1","invokedBy":"AWS Internal"}"#, "AWS Internal", None),
            (
                r#"{"type":"AssumedRole","sessionContext":{"sessionIssuer":{"arn":"nonsense"}},"invokedBy":"fas.s3.amazonaws.com"}"#,
                "s3.amazonaws.com",
                None,
            ),
            ("{}", "unknown", None),
            ("null", "unknown", None),
            ("7", "unknown", None),
        ] {
            let principal = resolved(json);
            assert_eq!(principal.name, name, "{json}");
            assert_eq!(principal.session_name.as_deref(), session, "{json}");
        }
    }
}
