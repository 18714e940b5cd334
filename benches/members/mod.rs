//! The members of a KMS record that `keytrail::parse` reads, for readers that know serde.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;

/// Text, in the record itself where it has no escapes.
type Text<'a> = Option<Cow<'a, str>>;
type Context<'a> = Option<BTreeMap<Cow<'a, str>, Cow<'a, str>>>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "reading them is what is measured")]
pub struct Record<'a> {
    #[serde(borrow)]
    event_version: Text<'a>,
    user_identity: Option<Identity<'a>>,
    #[serde(borrow)]
    event_time: Text<'a>,
    #[serde(borrow)]
    event_source: Text<'a>,
    #[serde(borrow)]
    event_name: Text<'a>,
    #[serde(borrow)]
    aws_region: Text<'a>,
    #[serde(rename = "sourceIPAddress", borrow)]
    source_ip: Text<'a>,
    #[serde(borrow)]
    user_agent: Text<'a>,
    #[serde(borrow)]
    error_code: Text<'a>,
    #[serde(borrow)]
    error_message: Text<'a>,
    request_parameters: Option<Request<'a>>,
    response_elements: Option<Response<'a>>,
    #[serde(rename = "requestID", borrow)]
    request_id: Text<'a>,
    #[serde(rename = "eventID", borrow)]
    event_id: Text<'a>,
    read_only: Option<bool>,
    resources: Option<Vec<Resource<'a>>>,
    #[serde(borrow)]
    event_type: Text<'a>,
    #[serde(borrow)]
    recipient_account_id: Text<'a>,
    #[serde(rename = "sharedEventID", borrow)]
    shared_event_id: Text<'a>,
    #[serde(borrow)]
    vpc_endpoint_id: Text<'a>,
    #[serde(borrow)]
    event_category: Text<'a>,
    tls_details: Option<Tls<'a>>,
    addendum: Option<Addendum<'a>>,
}

impl Record<'_> {
    pub fn is_kms(&self) -> bool {
        self.event_source.as_deref() == Some("kms.amazonaws.com")
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "reading them is what is measured")]
struct Identity<'a> {
    #[serde(rename = "type", borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    principal_id: Text<'a>,
    #[serde(borrow)]
    arn: Text<'a>,
    #[serde(borrow)]
    account_id: Text<'a>,
    #[serde(borrow)]
    access_key_id: Text<'a>,
    session_context: Option<SessionContext<'a>>,
    #[serde(borrow)]
    invoked_by: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "reading them is what is measured")]
struct SessionContext<'a> {
    #[serde(borrow)]
    session_issuer: Option<Issuer<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "reading them is what is measured")]
struct Issuer<'a> {
    #[serde(borrow)]
    arn: Text<'a>,
    #[serde(borrow)]
    account_id: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "reading them is what is measured")]
struct Request<'a> {
    #[serde(borrow)]
    encryption_context: Context<'a>,
    #[serde(borrow)]
    key_id: Text<'a>,
    #[serde(borrow)]
    target_key_id: Text<'a>,
    #[serde(borrow)]
    source_key_id: Text<'a>,
    #[serde(borrow)]
    destination_key_id: Text<'a>,
    #[serde(borrow)]
    alias_name: Text<'a>,
    #[serde(borrow)]
    source_encryption_context: Context<'a>,
    #[serde(borrow)]
    destination_encryption_context: Context<'a>,
    #[serde(borrow)]
    grant_id: Text<'a>,
    #[serde(borrow)]
    grantee_principal: Text<'a>,
    #[serde(borrow)]
    retiring_principal: Text<'a>,
    #[serde(borrow)]
    operations: Option<Vec<Cow<'a, str>>>,
    dry_run: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "reading them is what is measured")]
struct Response<'a> {
    #[serde(borrow)]
    key_id: Text<'a>,
    #[serde(borrow)]
    grant_id: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "reading them is what is measured")]
struct Resource<'a> {
    #[serde(borrow)]
    account_id: Text<'a>,
    #[serde(rename = "ARN", borrow)]
    arn: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "reading them is what is measured")]
struct Tls<'a> {
    #[serde(borrow)]
    tls_version: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "reading them is what is measured")]
struct Addendum<'a> {
    #[serde(borrow)]
    reason: Text<'a>,
    #[serde(rename = "originalEventID", borrow)]
    original_event_id: Text<'a>,
}
