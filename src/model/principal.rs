//! Who called: one stable name per role, user or service, with the session kept apart.

use std::borrow::Cow;

use super::{Arn, Text, is_region, slice_text};

/// The caller of an event, resolved from `userIdentity`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Principal<'a> {
    /// Role ARN, else user or root ARN, else service principal, else `account:principalId`, else `unknown`.
    pub name: Text<'a>,
    /// `userIdentity.type`, or `unknown`.
    pub kind: Text<'a>,
    /// The caller's account; `None` for AWS services.
    pub account_id: Option<Text<'a>>,
    /// Name of the role session.
    pub session_name: Option<Text<'a>>,
    /// `userIdentity.principalId`: the role's own id and the session's name, where there is one.
    pub principal_id: Option<Text<'a>>,
    /// `userIdentity.invokedBy`, normalised by [`normalize_service`].
    pub invoked_by: Option<Text<'a>>,
}

impl Principal<'_> {
    pub(super) fn into_owned(self) -> Principal<'static> {
        Principal {
            name: Cow::Owned(self.name.into_owned()),
            kind: Cow::Owned(self.kind.into_owned()),
            account_id: self.account_id.map(|t| Cow::Owned(t.into_owned())),
            session_name: self.session_name.map(|t| Cow::Owned(t.into_owned())),
            principal_id: self.principal_id.map(|t| Cow::Owned(t.into_owned())),
            invoked_by: self.invoked_by.map(|t| Cow::Owned(t.into_owned())),
        }
    }

    /// Name of the role, without its path; `None` when the caller is not a role.
    pub fn role_name(&self) -> Option<&str> {
        let arn = Arn::parse(&self.name)?;
        let path = arn.resource.strip_prefix("role/")?;
        let name = path.bytes().rposition(|byte| byte == b'/').map_or(0, |slash| slash + 1);
        path.get(name..)
    }
}

/// One spelling per AWS service: lower case, `fas.` and a region label dropped
/// (`sagemaker-geospatial.us-west-2.amazonaws.com` → `sagemaker-geospatial.amazonaws.com`).
///
/// Text that is not a service's DNS name (`AWS Internal`, an ARN) stays as it is.
pub fn normalize_service(text: Text<'_>) -> Text<'_> {
    let dns = |suffix: &&str| {
        let start = text.len().checked_sub(suffix.len());
        start
            .and_then(|start| text.as_bytes().get(start..))
            .is_some_and(|end| end.eq_ignore_ascii_case(suffix.as_bytes()))
    };
    let Some(suffix) = [".amazonaws.com", ".amazonaws.com.cn"].into_iter().find(dns) else {
        return text;
    };
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return normalize_service(Cow::Owned(text.to_ascii_lowercase()));
    }
    let whole = text.strip_suffix(suffix).unwrap_or(&text);
    let label = whole.strip_prefix("fas.").unwrap_or(whole);
    let service = match label.rsplit_once('.') {
        Some((service, region)) if is_region(region) => service,
        _ => label,
    };
    if service.len() < label.len() {
        return Cow::Owned(format!("{service}{suffix}"));
    }
    // What is left is the end of the text.
    let start = whole.len() - label.len();
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
            ("AWS Internal", "AWS Internal"),
            ("arn:aws:iam::111122223333:root", "arn:aws:iam::111122223333:root"),
            ("192.0.2.0", "192.0.2.0"),
        ] {
            assert_eq!(normalize_service(Cow::Borrowed(raw)), normal);
        }
    }
}
