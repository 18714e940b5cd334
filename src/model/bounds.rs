//! How long the names in a record can be. Names are kept in memory, so a longer one is refused.

use super::fact::{Fact, LearnedCondition};
use super::key_change::PolicyText;
use super::kms_event::KmsEvent;
use super::share_call::{ShareCall, ShareEffect};
use super::text::Text;

/// Bytes of any name in a record: an ARN has at most 2,048 characters (AWS Identity and Access
/// Management API Reference), and other names are shorter.
pub const LONGEST_NAME: usize = 4096;
/// Bytes of an encryption context as JSON. AWS KMS allows 8,192 characters in all; each may be
/// escaped.
pub const LONGEST_CONTEXT: usize = 64 << 10;

/// A text in a record that is longer than anything AWS writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong {
    /// What it is.
    pub field: &'static str,
    /// Its length in bytes.
    pub bytes: usize,
    /// The longest that is accepted.
    pub limit: usize,
}

impl std::fmt::Display for TooLong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { field, bytes, limit } = self;
        write!(f, "{field} has {bytes} bytes; AWS writes none of more than {limit}")
    }
}

fn check(field: &'static str, text: Option<&str>, limit: usize) -> Result<(), TooLong> {
    match text.map_or(0, str::len) {
        bytes if bytes > limit => Err(TooLong { field, bytes, limit }),
        _ => Ok(()),
    }
}

impl KmsEvent<'_> {
    /// Checks that no name in the event is longer than AWS allows. Texts that are kept nowhere
    /// (`userAgent`, `errorMessage`) may have any length.
    ///
    /// # Errors
    /// The first one that is.
    pub fn check_lengths(&self) -> Result<(), TooLong> {
        let (principal, key) = (&self.principal, &self.key);
        let optional: [(&'static str, &Option<Text<'_>>); 33] = [
            ("eventID", &self.event_id),
            ("sharedEventID", &self.shared_event_id),
            ("requestID", &self.request_id),
            ("recipientAccountId", &self.recipient_account_id),
            ("userIdentity.accountId", &principal.account_id),
            ("the session's name", &principal.session_name),
            ("userIdentity.principalId", &principal.principal_id),
            ("userIdentity.invokedBy", &principal.invoked_by),
            ("sourceIdentity", &principal.source_identity),
            ("onBehalfOf.userId", &principal.on_behalf_of),
            ("userIdentity.userName", &principal.user_name),
            ("federatedProvider", &principal.web_identity),
            ("accessKeyId", &self.access_key_id),
            ("inScopeOf.sourceAccount", &self.source_account_id),
            ("inScopeOf.sourceArn", &self.source_arn),
            ("sourceIPAddress", &self.source_ip),
            ("the key's ARN", &key.arn),
            ("the key's id", &key.id),
            ("the alias", &key.alias),
            ("the destination key's ARN", &self.destination_key_arn),
            ("errorCode", &self.error_code),
            ("the refused action", &self.denied_action),
            ("the bucket", &self.s3_bucket),
            ("the object's key", &self.s3_object_key),
            ("grantId", &self.grant_id),
            ("granteePrincipal", &self.grantee_principal),
            ("retiringPrincipal", &self.retiring_principal),
            ("the grant's operations", &self.grant_operations),
            ("the grant's name", &self.grant_name),
            ("vpcEndpointId", &self.vpc_endpoint_id),
            ("tlsVersion", &self.tls_version),
            ("originalEventID", &self.corrects),
            ("originalRequestID", &self.corrects_request_id),
        ];
        let always = [
            ("eventName", &self.name),
            ("awsRegion", &self.region),
            ("the principal", &principal.name),
            ("userIdentity.type", &principal.kind),
        ];
        for (field, text) in optional {
            check(field, text.as_deref(), LONGEST_NAME)?;
        }
        for (field, text) in always {
            check(field, Some(text), LONGEST_NAME)?;
        }
        check("the grant's constraints", self.grant_constraints.as_deref(), 2 * LONGEST_CONTEXT)?;
        check("the request's details", self.request_details.as_deref(), 2 * LONGEST_CONTEXT)?;
        check("the encryption context", self.encryption_context.as_deref(), LONGEST_CONTEXT)
    }
}

impl Fact<'_> {
    /// Checks that no name in the fact is longer than AWS allows.
    ///
    /// # Errors
    /// The first one that is.
    pub fn check_lengths(&self) -> Result<(), TooLong> {
        let name = |field: &'static str, text: Option<&str>| check(field, text, LONGEST_NAME);
        match self {
            Self::Rule(_, condition, by) => {
                let (first, second) = condition_texts(condition);
                name("a role, key, bucket or path in the settings", Some(first))?;
                name("a role, key, bucket or path in the settings", second)?;
                name("eventName", Some(&by.event_name))?;
                name("eventID", by.event_id.as_deref())?;
                name("recipientAccountId", by.account_id.as_deref())
            }
            // Only hashes of their names are kept.
            Self::Session(..) => Ok(()),
            Self::Alias { alias, key, .. } => {
                name("the alias", Some(alias))?;
                name("the key's ARN", key.as_deref())
            }
            Self::Correction {
                original,
                by,
                account_id,
                event_name,
                original_request_id,
                request_id,
                time: _,
            } => {
                name("originalEventID", Some(original))?;
                name("originalRequestID", original_request_id.as_deref())?;
                name("requestID", request_id.as_deref())?;
                name("eventName", Some(event_name))?;
                name("eventID", Some(by))?;
                name("recipientAccountId", account_id.as_deref())
            }
            Self::Trail(change) => {
                name("the trail's name", Some(&change.trail))?;
                name("awsRegion", change.region.as_deref())?;
                name("userIdentity.arn", change.principal.as_deref())?;
                name("errorCode", change.error_code.as_deref())?;
                name("eventName", Some(&change.by.event_name))?;
                name("eventID", change.by.event_id.as_deref())?;
                name("recipientAccountId", change.by.account_id.as_deref())
            }
            Self::CanvasKey(folder) => {
                name("a key, bucket or path in the settings", Some(&folder.key))?;
                name("a key, bucket or path in the settings", Some(&folder.bucket))?;
                name("a key, bucket or path in the settings", Some(&folder.path))?;
                name("eventName", Some(&folder.by.event_name))?;
                name("eventID", folder.by.event_id.as_deref())?;
                name("recipientAccountId", folder.by.account_id.as_deref())
            }
            // The event that it comes from is checked.
            Self::Key(_) => Ok(()),
            // It is checked when it is read.
            Self::Digest(_) | Self::Content(_) => Ok(()),
            Self::Share(call) => check_share_call(call),
        }
    }
}

fn check_share_call(call: &ShareCall) -> Result<(), TooLong> {
    let name = |field: &'static str, text: Option<&str>| check(field, text, LONGEST_NAME);
    name("awsRegion", call.region.as_deref())?;
    name("the principal", Some(&call.principal))?;
    name("userIdentity.accountId", call.caller_account.as_deref())?;
    name("sharedEventID", call.shared_event_id.as_deref())?;
    name("errorCode", call.error_code.as_deref())?;
    name("eventName", Some(&call.by.event_name))?;
    name("eventID", call.by.event_id.as_deref())?;
    name("recipientAccountId", call.by.account_id.as_deref())?;
    if let ShareEffect::PutsPolicy { text: PolicyText::Given(text), .. } = &call.effect {
        check("the resource's policy", Some(text), 2 * LONGEST_CONTEXT)?;
    }
    call.effect.names().try_for_each(|text| name("a share, resource, principal or permission", Some(text)))
}

fn condition_texts<'c>(condition: &'c LearnedCondition<'_>) -> (&'c str, Option<&'c str>) {
    match condition {
        LearnedCondition::Role(text)
        | LearnedCondition::Key(text)
        | LearnedCondition::Bucket(text)
        | LearnedCondition::SessionOn(text) => (text, None),
        LearnedCondition::RoleAndKey(one, other)
        | LearnedCondition::Path(one, other)
        | LearnedCondition::CanvasFolder(one, other)
        | LearnedCondition::OfflineStoreFolder(one, other) => (one, Some(other)),
    }
}
