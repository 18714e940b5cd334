//! Who called: one stable name per role, user or service, and the session's name beside it.

use std::borrow::Cow;

use super::arn::{Arn, is_region};
use super::text::{self, Text, slice_text};

/// The caller of an event, resolved from `userIdentity`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Principal<'a> {
    /// Role ARN, else user or root ARN, else service principal, else `account:principalId`, else
    /// `unknown`.
    pub name: Text<'a>,
    /// `userIdentity.type`, or `unknown`.
    pub kind: Text<'a>,
    /// The caller's account; `None` for AWS services.
    pub account_id: Option<Text<'a>>,
    /// Name of the role session.
    pub session_name: Option<Text<'a>>,
    /// `userIdentity.principalId`: the unique id of the role or user, with the session's name if
    /// there is one.
    pub principal_id: Option<Text<'a>>,
    /// `userIdentity.invokedBy`, normalized by [`normalize_service`].
    pub invoked_by: Option<Text<'a>>,
    /// `sessionContext.sourceIdentity`: set when the role was assumed, and kept by the roles that
    /// are assumed from it. SageMaker puts the name of the user profile here.
    pub source_identity: Option<Text<'a>>,
    /// `userIdentity.onBehalfOf.userId`: the IAM Identity Center user.
    pub on_behalf_of: Option<Text<'a>>,
    /// `userIdentity.userName`: the name of the IAM user, or of the user of a federated or web
    /// identity.
    pub user_name: Option<Text<'a>>,
    /// `sessionContext.webIdFederationData.federatedProvider`: who vouched for a web identity.
    pub web_identity: Option<Text<'a>>,
}

impl Principal<'_> {
    /// A caller of whom nothing is known.
    pub const UNKNOWN: Self = Self {
        name: Cow::Borrowed("unknown"),
        kind: Cow::Borrowed("unknown"),
        account_id: None,
        session_name: None,
        principal_id: None,
        invoked_by: None,
        source_identity: None,
        on_behalf_of: None,
        user_name: None,
        web_identity: None,
    };

    /// Copies borrowed texts.
    pub(super) fn into_owned(self) -> Principal<'static> {
        Principal {
            name: Cow::Owned(self.name.into_owned()),
            kind: Cow::Owned(self.kind.into_owned()),
            account_id: text::into_owned(self.account_id),
            session_name: text::into_owned(self.session_name),
            principal_id: text::into_owned(self.principal_id),
            invoked_by: text::into_owned(self.invoked_by),
            source_identity: text::into_owned(self.source_identity),
            on_behalf_of: text::into_owned(self.on_behalf_of),
            user_name: text::into_owned(self.user_name),
            web_identity: text::into_owned(self.web_identity),
        }
    }

    /// Who is behind the principal, as far as the record says: source identity, Identity Center
    /// user, user name, provider of the web identity.
    pub fn users(&self) -> [Option<&str>; 4] {
        [&self.source_identity, &self.on_behalf_of, &self.user_name, &self.web_identity].map(Option::as_deref)
    }

    /// The role's name without its path; `None` when the caller is not a role.
    pub fn role_name(&self) -> Option<&str> {
        let arn = Arn::parse(&self.name)?;
        let path = arn.resource.strip_prefix("role/")?;
        let name = path.bytes().rposition(|byte| byte == b'/').map_or(0, |slash| slash + 1);
        path.get(name..)
    }
}

/// Gives every AWS service one spelling: lower case, without the prefix `fas.` (forward access
/// sessions) and without a region, which stands last
/// (`sagemaker-geospatial.us-west-2.amazonaws.com` → `sagemaker-geospatial.amazonaws.com`) or first
/// (`us-east-1.supportauthz.amazonaws.com`).
///
/// Text that is not a service's DNS name (`AWS Internal`, an ARN) is returned unchanged.
pub fn normalize_service(text: Text<'_>) -> Text<'_> {
    let is_suffix = |suffix: &&str| {
        let start = text.len().checked_sub(suffix.len());
        start
            .and_then(|start| text.as_bytes().get(start..))
            .is_some_and(|end| end.eq_ignore_ascii_case(suffix.as_bytes()))
    };
    let Some(suffix) = [".amazonaws.com", ".amazonaws.com.cn"].into_iter().find(is_suffix) else {
        return text;
    };
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return normalize_service(Cow::Owned(text.to_ascii_lowercase()));
    }
    let without_suffix = text.strip_suffix(suffix).unwrap_or(&text);
    let label = without_suffix.strip_prefix("fas.").unwrap_or(without_suffix);
    let service = match (label.rsplit_once('.'), label.split_once('.')) {
        (Some((service, region)), _) if is_region(region) => service,
        (_, Some((region, service))) if is_region(region) => service,
        _ => label,
    };
    if service.len() < label.len() {
        return Cow::Owned(format!("{service}{suffix}"));
    }
    // Only a prefix was removed, so the result can be borrowed.
    let start = without_suffix.len() - label.len();
    slice_text(&text, |text| text.get(start..)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_have_one_spelling() {
        for (raw, normal) in [
            ("sagemaker-geospatial.amazonaws.com", "sagemaker-geospatial.amazonaws.com"),
            ("sagemaker-geospatial.us-west-2.amazonaws.com", "sagemaker-geospatial.amazonaws.com"),
            ("fas.s3.amazonaws.com", "s3.amazonaws.com"),
            ("FAS.S3.eu-west-1.amazonaws.com", "s3.amazonaws.com"),
            ("forecast.cn-north-1.amazonaws.com.cn", "forecast.amazonaws.com.cn"),
            ("us-east-1.supportauthz.amazonaws.com", "supportauthz.amazonaws.com"),
            ("fas.us-gov-west-1.a.b.amazonaws.com", "a.b.amazonaws.com"),
            ("us-east-1.amazonaws.com", "us-east-1.amazonaws.com"),
            ("AWS Internal", "AWS Internal"),
            ("arn:aws:iam::111122223333:root", "arn:aws:iam::111122223333:root"),
            ("192.0.2.0", "192.0.2.0"),
        ] {
            assert_eq!(normalize_service(Cow::Borrowed(raw)), normal);
        }
    }
}
