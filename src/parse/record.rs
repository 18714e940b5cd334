//! The members of a CloudTrail record that reports use, as they stand in the JSON.

use std::borrow::Cow;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

use super::json::{self, Read, Reader};
use super::lenient::{Field, Flag, List, Name, Texts, any_value, drain};
use super::members::{Ignored, Member, Met, Named, Names, Place, Turn, member, members};
use crate::model::Text;

members! {
    /// Top level of a record.
    struct Record(exact) {
        event_version: Option<Text<'a>> = "eventVersion",
        identity: Identity<'a> = "userIdentity",
        event_time: Option<Text<'a>> = "eventTime",
        event_source: Option<Text<'a>> = "eventSource",
        event_name: Name<'a> = "eventName",
        region: Option<Text<'a>> = "awsRegion",
        source_ip: Option<Text<'a>> = "sourceIPAddress",
        user_agent: Option<Text<'a>> = "userAgent",
        error_code: Option<Text<'a>> = "errorCode",
        error_message: Option<Text<'a>> = "errorMessage",
        request: Request<'a> = "requestParameters",
        response: Response<'a> = "responseElements",
        additional: Additional<'a> = "additionalEventData",
        request_id: Option<Text<'a>> = "requestID",
        event_id: Option<Text<'a>> = "eventID",
        read_only: Flag = "readOnly",
        resources: List<Resource<'a>> = "resources",
        event_type: Option<Text<'a>> = "eventType",
        management: Ignored = "managementEvent",
        recipient_account_id: Option<Text<'a>> = "recipientAccountId",
        service_details: ServiceDetails<'a> = "serviceEventDetails",
        shared_event_id: Option<Text<'a>> = "sharedEventID",
        vpc_endpoint_id: Option<Text<'a>> = "vpcEndpointId",
        event_category: Option<Text<'a>> = "eventCategory",
        tls: Tls<'a> = "tlsDetails",
        addendum: Addendum<'a> = "addendum",
        insight: Insight<'a> = "insightDetails",
    }
}

impl Record<'_> {
    /// Whether any member that is read was given twice.
    pub(super) fn repeated(&self) -> bool {
        self.repeated
            || self.identity.repeated
            || self.identity.session.repeated
            || self.identity.session.issuer.repeated
            || self.request.repeated
            || self.response.repeated
            || self.service_details.repeated
            || self.identity.scope.repeated
            || self.resources.0.iter().any(|r| r.repeated)
    }

    /// The members that CloudTrail replaced by a note that they are too large, comma-joined.
    pub(super) fn omitted(&self) -> Option<Text<'static>> {
        let members = [
            ("requestParameters", is_note(self.request.omitted, &self.request.reason)),
            ("responseElements", is_note(self.response.omitted, &self.response.reason)),
            ("additionalEventData", self.additional.omitted),
            ("serviceEventDetails", is_note(self.service_details.omitted, &self.service_details.reason)),
        ];
        let omitted: Vec<&str> =
            members.into_iter().filter(|(_, omitted)| *omitted).map(|(name, _)| name).collect();
        (!omitted.is_empty()).then(|| Cow::Owned(omitted.join(",")))
    }
}

/// Whether an object is what stands in place of one that was too large: `{"reason":"requestParameters too
/// large","omitted":true,"originalSize":119183}`.
fn is_note(omitted: Flag, reason: &Option<Text<'_>>) -> bool {
    omitted.is_true() || reason.as_deref().is_some_and(|reason| reason.ends_with("too large"))
}

members! {
    struct Identity(exact) {
        kind: Option<Text<'a>> = "type",
        principal_id: Option<Text<'a>> = "principalId",
        arn: Option<Text<'a>> = "arn",
        account_id: Option<Text<'a>> = "accountId",
        access_key_id: Option<Text<'a>> = "accessKeyId",
        session: Session<'a> = "sessionContext",
        invoked_by: Option<Text<'a>> = "invokedBy",
        scope: Scope<'a> = "inScopeOf",
    }
}

members! {
    /// The resource that a service acts for.
    struct Scope(exact) {
        source_arn: Ignored = "sourceArn",
        source_account: Option<Text<'a>> = "sourceAccount",
    }
}

members! {
    struct Session(exact) {
        issuer: Issuer<'a> = "sessionIssuer",
        federation: Ignored = "webIdFederationData",
        attributes: Ignored = "attributes",
    }
}

members! {
    struct Issuer(exact) {
        kind: Ignored = "type",
        principal_id: Ignored = "principalId",
        arn: Option<Text<'a>> = "arn",
        account_id: Option<Text<'a>> = "accountId",
        user_name: Ignored = "userName",
    }
}

members! {
    /// `requestParameters` of every KMS call.
    struct Request(any_case) {
        encryption_algorithm: Ignored = "encryptionAlgorithm",
        encryption_context: Option<Texts<'a>> = "encryptionContext",
        key_id: Option<Text<'a>> = "keyId",
        target_key_id: Option<Text<'a>> = "targetKeyId",
        source_key_id: Option<Text<'a>> = "sourceKeyId",
        destination_key_id: Option<Text<'a>> = "destinationKeyId",
        alias_name: Option<Text<'a>> = "aliasName",
        source_context: Option<Texts<'a>> = "sourceEncryptionContext",
        destination_context: Option<Texts<'a>> = "destinationEncryptionContext",
        grant_id: Option<Text<'a>> = "grantId",
        grantee_principal: Option<Text<'a>> = "granteePrincipal",
        grantee_service_principal: Option<Text<'a>> = "granteeServicePrincipal",
        retiring_principal: Option<Text<'a>> = "retiringPrincipal",
        retiring_service_principal: Option<Text<'a>> = "retiringServicePrincipal",
        operations: List<Field<'a>> = "operations",
        key_spec: Ignored = "keySpec",
        dry_run: Flag = "dryRun",
        reason: Option<Text<'a>> = "reason",
        omitted: Flag = "omitted",
    }
}

members! {
    struct Response(any_case) {
        key_id: Option<Text<'a>> = "keyId",
        grant_id: Option<Text<'a>> = "grantId",
        key_metadata: KeyMetadata<'a> = "keyMetadata",
        replica_key_metadata: KeyMetadata<'a> = "replicaKeyMetadata",
        reason: Option<Text<'a>> = "reason",
        omitted: Flag = "omitted",
    }
}

members! {
    struct KeyMetadata(any_case) {
        arn: Option<Text<'a>> = "arn",
    }
}

members! {
    /// An item of `resources`; some exports spell `arn`.
    struct Resource(any_case) {
        account_id: Option<Text<'a>> = "accountId",
        kind: Ignored = "type",
        arn: Option<Text<'a>> = "ARN",
    }
}

members! {
    struct ServiceDetails(any_case) {
        key_id: Option<Text<'a>> = "keyId",
        reason: Option<Text<'a>> = "reason",
        omitted: Flag = "omitted",
    }
}

members! {
    /// What an Insights event is about; it has no `eventSource` of its own.
    struct Insight(exact) {
        event_source: Option<Text<'a>> = "eventSource",
    }
}

members! {
    struct Tls(exact) {
        version: Option<Text<'a>> = "tlsVersion",
        cipher_suite: Ignored = "cipherSuite",
        host: Ignored = "clientProvidedHostHeader",
        key_exchange: Ignored = "keyExchange",
    }
}

members! {
    /// Why a record comes late, or again.
    struct Addendum(exact) {
        reason: Option<Text<'a>> = "reason",
        updated: Ignored = "updatedFields",
        original_request_id: Ignored = "originalRequestID",
        original_event_id: Option<Text<'a>> = "originalEventID",
    }
}

members! {
    struct AdditionalMembers(any_case) {
        grant_id: Option<Text<'a>> = "grantId",
        reason: Option<Text<'a>> = "reason",
        omitted: Flag = "omitted",
    }
}

/// `additionalEventData`: an object, or the JSON text of one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Additional<'a> {
    pub(super) grant_id: Option<Text<'a>>,
    /// It was too large.
    omitted: bool,
}

member! { Additional<'de>; }

impl<'de> Deserialize<'de> for Additional<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AdditionalVisitor;
        impl<'de> Visitor<'de> for AdditionalVisitor {
            type Value = Additional<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("any JSON value")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let members =
                    AdditionalMembers::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                let omitted = is_note(members.omitted, &members.reason);
                Ok(Additional { grant_id: members.grant_id, omitted })
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                // Text that is no JSON is simply other data.
                let mut members = AdditionalMembers::default();
                if json::read(text, &mut members).is_err() {
                    members = serde_json::from_str(text).unwrap_or_default();
                }
                let omitted = is_note(members.omitted, &members.reason);
                Ok(Additional { grant_id: members.grant_id.map(|id| Cow::Owned(id.into_owned())), omitted })
            }
            drain!(seq);
            drain!(scalars);
        }
        any_value(deserializer, AdditionalVisitor)
    }
}
