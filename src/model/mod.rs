//! The nouns every stage shares.
//!
//! A [`KmsEvent`] is one KMS call as the archive tells it, with its principal, key and outcome resolved. It borrows from the
//! record's bytes wherever the record spells a value without JSON escapes. Deliberately absent: anything that reads bytes,
//! decides a workload, counts or writes.

mod arn;
mod denial;
mod error;
mod fact;
mod json;
mod key;
mod outcome;
mod principal;
mod reject;
pub(crate) mod shared;
mod time;
mod workload;

use std::borrow::Cow;

pub use arn::{Arn, is_region, partition_of};
pub use denial::{CUT_MESSAGE, Denial, DeniedBy, Policy};
pub use error::error_chain;
pub use fact::{
    Fact, LearnedRule, LearnedRuleInfo, Provenance, Role, RuleSet, Session, SessionId, TrailChange, When,
};
pub use json::JsonError;
pub use key::{KeyOrigin, KeyRef, multi_region};
pub use outcome::{Outcome, normal_error_code};
pub use principal::{Principal, normal_service};
pub use reject::{RejectReason, Rejection, SkipReason};
pub use time::EventTime;
pub use workload::{Evidence, Strength, Workload, WorkloadSet};

/// Text of a record: borrowed from its bytes, or owned when it had escapes.
pub type Text<'a> = Cow<'a, str>;

/// A part of `text`, borrowed as far as the text is.
pub fn part_of<'a>(
    text: &Text<'a>,
    part: impl for<'t> FnOnce(&'t str) -> Option<&'t str>,
) -> Option<Text<'a>> {
    match text {
        Cow::Borrowed(text) => part(text).map(Cow::Borrowed),
        Cow::Owned(text) => part(text).map(|part| Cow::Owned(part.to_owned())),
    }
}

/// One KMS call as CloudTrail recorded it.
///
/// Absent and empty fields of the record are `None`; nothing here is guessed except where [`KeyOrigin::Assumed`] says so.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KmsEvent<'a> {
    /// `eventTime`, when the call completed (UTC, milliseconds).
    pub time: EventTime,
    /// `eventID`; free text, not always a GUID.
    pub event_id: Option<Text<'a>>,
    /// `sharedEventID`: the same on every account's copy of one call.
    pub shared_event_id: Option<Text<'a>>,
    /// `requestID`.
    pub request_id: Option<Text<'a>>,
    /// `eventName`, the KMS API, compared exactly.
    pub name: Text<'a>,
    /// `awsRegion`, or `unknown`.
    pub region: Text<'a>,
    /// `recipientAccountId`: whose copy this is.
    pub recipient_account_id: Option<Text<'a>>,
    /// Who called.
    pub principal: Principal<'a>,
    /// `userIdentity.accessKeyId`.
    pub access_key_id: Option<Text<'a>>,
    /// `userIdentity.inScopeOf.sourceAccount`: for whose resource an AWS service acted.
    pub source_account_id: Option<Text<'a>>,
    /// `sourceIPAddress`: an address, a service name or `AWS Internal`.
    pub source_ip: Option<Text<'a>>,
    /// `userAgent`.
    pub user_agent: Option<Text<'a>>,
    /// The key the call used.
    pub key: KeyRef<'a>,
    /// The second key of a `ReEncrypt`, as an ARN.
    pub destination_key_arn: Option<Text<'a>>,
    /// How the call ended.
    pub outcome: Outcome,
    /// `errorCode` without `KMS.` and `Exception`.
    pub error_code: Option<Text<'a>>,
    /// `errorMessage`, cut by CloudTrail at 1 KB.
    pub error_message: Option<Text<'a>>,
    /// The permission that a refused call lacked, from its message; not always that of the API called.
    pub denied_action: Option<Text<'a>>,
    /// Which kind of policy refused the call, from its message.
    pub denied_by: Option<DeniedBy>,
    /// The encryption context as compact JSON text with sorted keys.
    pub encryption_context: Option<Text<'a>>,
    /// Bucket of the context's `aws:s3:arn`.
    pub s3_bucket: Option<Text<'a>>,
    /// Object key of the context's `aws:s3:arn`; `None` when S3 Bucket Keys leave only the bucket.
    pub s3_object_key: Option<Text<'a>>,
    /// Whether the context belongs to CloudTrail's own log delivery (`aws:cloudtrail:arn`).
    pub log_delivery: bool,
    /// Grant of a `CreateGrant`, `RetireGrant` or `RevokeGrant`.
    pub grant_id: Option<Text<'a>>,
    /// `granteePrincipal` or `granteeServicePrincipal`, as it stands.
    pub grantee_principal: Option<Text<'a>>,
    /// `retiringPrincipal` or `retiringServicePrincipal`, as it stands.
    pub retiring_principal: Option<Text<'a>>,
    /// `operations` of a `CreateGrant`, comma-joined in the record's order.
    pub grant_operations: Option<Text<'a>>,
    /// `readOnly`.
    pub read_only: Option<bool>,
    /// `vpcEndpointId`.
    pub vpc_endpoint_id: Option<Text<'a>>,
    /// `tlsDetails.tlsVersion`.
    pub tls_version: Option<Text<'a>>,
    /// `addendum.originalEventID` of a correction (`addendum.reason` is `UPDATED_DATA`).
    pub corrects: Option<Text<'a>>,
    /// Members that CloudTrail left out of the record as too large, comma-joined: what is missing below them is not known.
    pub omitted_fields: Option<Text<'a>>,
}

impl KmsEvent<'_> {
    /// Copies what is borrowed, so that the event outlives its record's bytes.
    pub fn into_owned(self) -> KmsEvent<'static> {
        let own = |t: Option<Text<'_>>| t.map(|t| Cow::Owned(t.into_owned()));
        KmsEvent {
            time: self.time,
            event_id: own(self.event_id),
            shared_event_id: own(self.shared_event_id),
            request_id: own(self.request_id),
            name: Cow::Owned(self.name.into_owned()),
            region: Cow::Owned(self.region.into_owned()),
            recipient_account_id: own(self.recipient_account_id),
            principal: self.principal.into_owned(),
            access_key_id: own(self.access_key_id),
            source_account_id: own(self.source_account_id),
            source_ip: own(self.source_ip),
            user_agent: own(self.user_agent),
            key: self.key.into_owned(),
            destination_key_arn: own(self.destination_key_arn),
            outcome: self.outcome,
            error_code: own(self.error_code),
            error_message: own(self.error_message),
            denied_action: own(self.denied_action),
            denied_by: self.denied_by,
            encryption_context: own(self.encryption_context),
            s3_bucket: own(self.s3_bucket),
            s3_object_key: own(self.s3_object_key),
            log_delivery: self.log_delivery,
            grant_id: own(self.grant_id),
            grantee_principal: own(self.grantee_principal),
            retiring_principal: own(self.retiring_principal),
            grant_operations: own(self.grant_operations),
            read_only: self.read_only,
            vpc_endpoint_id: own(self.vpc_endpoint_id),
            tls_version: own(self.tls_version),
            corrects: own(self.corrects),
            omitted_fields: own(self.omitted_fields),
        }
    }

    /// The account the record belongs to: `recipientAccountId`, else the caller's (the rule of AWS's CloudTrail
    /// Processing Library).
    pub fn account(&self) -> Option<&str> {
        self.recipient_account_id.as_deref().or(self.principal.account_id.as_deref())
    }

    /// Whether key and caller are known to belong to different accounts. An AWS service has no account of its own that matters: the one
    /// for whose resource it acts takes its place, where the record names it.
    pub fn is_cross_account(&self) -> bool {
        let by_service = self.principal.kind == "AWSService";
        let caller = if by_service { &self.source_account_id } else { &self.principal.account_id };
        match (&self.key.account_id, caller) {
            (Some(key), Some(caller)) => key != caller,
            _ => false,
        }
    }

    /// Whether this is the caller's own account's copy of the call.
    pub fn is_callers_copy(&self) -> bool {
        self.recipient_account_id.is_some() && self.recipient_account_id == self.principal.account_id
    }
}

#[cfg(test)]
impl KmsEvent<'static> {
    /// A successful Decrypt of a role, about which nothing else is known.
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
            },
            access_key_id: None,
            source_account_id: None,
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
            read_only: None,
            vpc_endpoint_id: None,
            tls_version: None,
            corrects: None,
            omitted_fields: None,
        }
    }
}
