//! A KMS call.

use std::borrow::Cow;

use super::denial::DeniedBy;
use super::key::KeyRef;
use super::outcome::Outcome;
use super::principal::Principal;
use super::text::{Text, into_owned};
use super::time::EventTime;

/// One KMS call as CloudTrail recorded it.
///
/// Absent and empty fields of the record are `None`. Nothing is guessed, except where
/// [`KeyOrigin::Assumed`](super::KeyOrigin::Assumed) says so.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct KmsEvent<'a> {
    /// `eventTime`, when the call completed (UTC, milliseconds).
    pub time: EventTime,
    /// `eventID`; free text, not always a GUID.
    pub event_id: Option<Text<'a>>,
    /// `sharedEventID`: the same on every account's copy of one call.
    pub shared_event_id: Option<Text<'a>>,
    /// `requestID`.
    pub request_id: Option<Text<'a>>,
    /// `eventName`: the KMS API. Compared exactly.
    pub name: Text<'a>,
    /// `awsRegion`, or `unknown`.
    pub region: Text<'a>,
    /// `recipientAccountId`: the account that this copy of the record belongs to.
    pub recipient_account_id: Option<Text<'a>>,
    /// Who called.
    pub principal: Principal<'a>,
    /// `userIdentity.accessKeyId`.
    pub access_key_id: Option<Text<'a>>,
    /// `userIdentity.inScopeOf.sourceAccount`: the account of the resource for which an AWS service
    /// acted.
    pub source_account_id: Option<Text<'a>>,
    /// `userIdentity.inScopeOf.sourceArn`: the resource for which an AWS service acted.
    pub source_arn: Option<Text<'a>>,
    /// `sessionContext.attributes.mfaAuthenticated`: whether the session began with multi-factor
    /// authentication.
    pub mfa: Option<bool>,
    /// `sourceIPAddress`: an address, a service name or `AWS Internal`.
    pub source_ip: Option<Text<'a>>,
    /// `userAgent`.
    pub user_agent: Option<Text<'a>>,
    /// The key the call used.
    pub key: KeyRef<'a>,
    /// ARN of the key that a `ReEncrypt` encrypts under.
    pub destination_key_arn: Option<Text<'a>>,
    /// How the call ended.
    pub outcome: Outcome,
    /// `errorCode` without `KMS.` and `Exception`.
    pub error_code: Option<Text<'a>>,
    /// `errorMessage`, which CloudTrail truncates at 1 KB.
    pub error_message: Option<Text<'a>>,
    /// The permission that a refused call lacked, from the error message. It is not always that of
    /// the API called.
    pub denied_action: Option<Text<'a>>,
    /// The type of policy that refused the call, from the error message.
    pub denied_by: Option<DeniedBy>,
    /// The encryption context as compact JSON text with sorted keys.
    pub encryption_context: Option<Text<'a>>,
    /// Bucket of `aws:s3:arn` in the encryption context.
    pub s3_bucket: Option<Text<'a>>,
    /// Object key of `aws:s3:arn` in the encryption context; `None` when S3 Bucket Keys are on,
    /// which leave only the bucket.
    pub s3_object_key: Option<Text<'a>>,
    /// Whether the call belongs to CloudTrail's own log delivery: CloudTrail itself called, for one
    /// of its log files ([`is_on_log_file`](Self::is_on_log_file)).
    pub log_delivery: bool,
    /// `grantId` of a `CreateGrant`, `RetireGrant` or `RevokeGrant`.
    pub grant_id: Option<Text<'a>>,
    /// `granteePrincipal` or `granteeServicePrincipal`, unchanged.
    pub grantee_principal: Option<Text<'a>>,
    /// `retiringPrincipal` or `retiringServicePrincipal`, unchanged.
    pub retiring_principal: Option<Text<'a>>,
    /// `operations` of a `CreateGrant`, comma-joined in the order of the record.
    pub grant_operations: Option<Text<'a>>,
    /// `constraints` of a `CreateGrant` as compact JSON text: `encryptionContextEquals`,
    /// `encryptionContextSubset` and `sourceArn`, as far as they are given. `None`: no constraint.
    pub grant_constraints: Option<Text<'a>>,
    /// `name` of a `CreateGrant`.
    pub grant_name: Option<Text<'a>>,
    /// Parameters of the request that only conditions of policies ask for, as compact JSON text
    /// with sorted names, without those that have their default. `null`: the call failed, and the
    /// record shows no parameters at all. `parse::details` lists the names.
    pub request_details: Option<Text<'a>>,
    /// `policy` of a `CreateKey`, `PutKeyPolicy` or `ReplicateKey`, unchanged.
    pub policy: Option<Text<'a>>,
    /// `readOnly`.
    pub read_only: Option<bool>,
    /// `vpcEndpointId`.
    pub vpc_endpoint_id: Option<Text<'a>>,
    /// `tlsDetails.tlsVersion`.
    pub tls_version: Option<Text<'a>>,
    /// `addendum.originalEventID` of a correction (`addendum.reason` is `UPDATED_DATA`): the event
    /// that this one replaces.
    pub corrects: Option<Text<'a>>,
    /// `addendum.originalRequestID` of a correction: `requestID` of the event that it replaces.
    pub corrects_request_id: Option<Text<'a>>,
    /// Members that were omitted from the record because they are too large, or are hidden behind a
    /// text, comma-joined.
    /// Fields that would be read from them are unknown.
    pub omitted_fields: Option<Text<'a>>,
}

impl KmsEvent<'_> {
    /// Copies borrowed texts, so that the event can outlive the record's bytes.
    pub fn into_owned(self) -> KmsEvent<'static> {
        KmsEvent {
            time: self.time,
            event_id: into_owned(self.event_id),
            shared_event_id: into_owned(self.shared_event_id),
            request_id: into_owned(self.request_id),
            name: Cow::Owned(self.name.into_owned()),
            region: Cow::Owned(self.region.into_owned()),
            recipient_account_id: into_owned(self.recipient_account_id),
            principal: self.principal.into_owned(),
            access_key_id: into_owned(self.access_key_id),
            source_account_id: into_owned(self.source_account_id),
            source_arn: into_owned(self.source_arn),
            mfa: self.mfa,
            source_ip: into_owned(self.source_ip),
            user_agent: into_owned(self.user_agent),
            key: self.key.into_owned(),
            destination_key_arn: into_owned(self.destination_key_arn),
            outcome: self.outcome,
            error_code: into_owned(self.error_code),
            error_message: into_owned(self.error_message),
            denied_action: into_owned(self.denied_action),
            denied_by: self.denied_by,
            encryption_context: into_owned(self.encryption_context),
            s3_bucket: into_owned(self.s3_bucket),
            s3_object_key: into_owned(self.s3_object_key),
            log_delivery: self.log_delivery,
            grant_id: into_owned(self.grant_id),
            grantee_principal: into_owned(self.grantee_principal),
            retiring_principal: into_owned(self.retiring_principal),
            grant_operations: into_owned(self.grant_operations),
            grant_constraints: into_owned(self.grant_constraints),
            grant_name: into_owned(self.grant_name),
            request_details: into_owned(self.request_details),
            policy: into_owned(self.policy),
            read_only: self.read_only,
            vpc_endpoint_id: into_owned(self.vpc_endpoint_id),
            tls_version: into_owned(self.tls_version),
            corrects: into_owned(self.corrects),
            corrects_request_id: into_owned(self.corrects_request_id),
            omitted_fields: into_owned(self.omitted_fields),
        }
    }

    /// The account that the record belongs to: `recipientAccountId`, else the caller's account.
    /// AWS's CloudTrail Processing Library has the same rule.
    pub fn account(&self) -> Option<&str> {
        self.recipient_account_id.as_deref().or(self.principal.account_id.as_deref())
    }

    /// Whether key and caller belong to different accounts; `None` when one of the accounts is not
    /// known. When an AWS service calls, the account of the resource for which it acts is
    /// compared, if the record names it.
    pub fn is_cross_account(&self) -> Option<bool> {
        let by_service = self.principal.kind == "AWSService";
        let caller = if by_service { &self.source_account_id } else { &self.principal.account_id };
        Some(self.key.account_id.as_ref()? != caller.as_ref()?)
    }

    /// Whether the call is for a log file of CloudTrail: the encryption context names a trail. Not
    /// only CloudTrail makes such calls: those who read the logs do, too.
    pub fn is_on_log_file(&self) -> bool {
        // A quotation mark inside a name or a value is escaped.
        let names_trail = |context: &str| context.contains(r#""aws:cloudtrail:arn":"#);
        self.encryption_context.as_deref().is_some_and(names_trail)
    }

    /// Whether this copy of the record was delivered to the caller's own account.
    pub fn is_callers_copy(&self) -> bool {
        self.recipient_account_id.is_some() && self.recipient_account_id == self.principal.account_id
    }
}

#[cfg(test)]
impl KmsEvent<'static> {
    /// A successful Decrypt by a role, with all optional fields absent.
    pub(crate) fn example() -> Self {
        Self {
            time: EventTime(0),
            event_id: None,
            shared_event_id: None,
            request_id: None,
            name: "Decrypt".into(),
            region: "us-west-2".into(),
            recipient_account_id: None,
            principal: Principal {
                name: "arn:aws:iam::111122223333:role/service-role/R".into(),
                kind: "AssumedRole".into(),
                account_id: Some("111122223333".into()),
                session_name: None,
                principal_id: None,
                invoked_by: None,
                source_identity: None,
                on_behalf_of: None,
                user_name: None,
                web_identity: None,
            },
            access_key_id: None,
            source_account_id: None,
            source_arn: None,
            mfa: None,
            source_ip: None,
            user_agent: None,
            key: KeyRef::default(),
            destination_key_arn: None,
            outcome: Outcome::Success,
            error_code: None,
            error_message: None,
            denied_action: None,
            denied_by: None,
            encryption_context: None,
            s3_bucket: None,
            s3_object_key: None,
            log_delivery: false,
            grant_id: None,
            grantee_principal: None,
            retiring_principal: None,
            grant_operations: None,
            grant_constraints: None,
            grant_name: None,
            request_details: None,
            policy: None,
            read_only: None,
            vpc_endpoint_id: None,
            tls_version: None,
            corrects: None,
            corrects_request_id: None,
            omitted_fields: None,
        }
    }
}
