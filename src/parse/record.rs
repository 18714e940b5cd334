//! The members of a CloudTrail record that keytrail reads, with the names they have in JSON.

use std::borrow::Cow;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

use super::as_text::{AsText, lost_for};
use super::json::{FastResult, Reader};
use super::lenient::{Flag, List, StrictText, TextField, TextMap, any_value, default_for};
use super::member::{Ignored, Member, impl_member_by_serde, read_fast};
use super::members::{MemberNames, NameCase, NameMatch, Occurrence, ReadInto, SeenMembers, json_struct};
use crate::model::Text;

json_struct! {
    /// Top level of a record.
    struct Record(any_case) {
        event_version: Option<Text<'a>> = "eventVersion",
        identity: Identity<'a> = "userIdentity",
        event_time: Option<Text<'a>> = "eventTime",
        event_source: Option<Text<'a>> = "eventSource",
        event_name: StrictText<'a> = "eventName",
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
    /// Whether any member that is used was given twice.
    pub(super) fn repeated(&self) -> bool {
        self.repeated
            || self.identity.repeated
            || self.identity.session.repeated
            || self.identity.session.issuer.repeated
            || self.identity.session.federation.repeated
            || self.identity.on_behalf_of.repeated
            || self.request.repeated
            || self.response.repeated
            || self.service_details.repeated
            || self.identity.in_scope_of.repeated
            || self.resources.0.iter().any(|r| r.repeated)
    }

    /// Whether a member that is an object or a list in CloudTrail's records is something else, so
    /// that what it says is not read.
    pub(super) fn has_text_members(&self) -> bool {
        let (identity, request, response) = (&self.identity, &self.request, &self.response);
        // Nothing hides the caller or the resources: any text there was an object.
        let never_hidden = [
            identity.as_text,
            identity.session.as_text,
            identity.session.issuer.as_text,
            identity.in_scope_of.as_text,
            self.resources.1,
            request.operations.1,
        ];
        let others = [
            request.as_text,
            response.as_text,
            response.key_metadata.as_text,
            response.replica_key_metadata.as_text,
            self.additional.as_text,
            self.service_details.as_text,
            self.tls.as_text,
            self.addendum.as_text,
        ];
        let contexts = [&request.encryption_context, &request.source_context, &request.destination_context];
        never_hidden.into_iter().any(|member| member != AsText::No)
            || others.into_iter().any(AsText::is_lost)
            || contexts.into_iter().flatten().any(TextMap::is_lost)
            || self.resources.0.iter().any(|resource| resource.as_text != AsText::No)
    }

    /// Names of the members that CloudTrail omitted because they are too large, comma-joined.
    pub(super) fn omitted_members(&self) -> Option<Text<'static>> {
        let members = [
            ("requestParameters", is_placeholder(self.request.omitted, &self.request.reason)),
            ("responseElements", is_placeholder(self.response.omitted, &self.response.reason)),
            ("additionalEventData", self.additional.omitted),
            (
                "serviceEventDetails",
                is_placeholder(self.service_details.omitted, &self.service_details.reason),
            ),
        ];
        let omitted: Vec<&str> =
            members.into_iter().filter(|(_, omitted)| *omitted).map(|(name, _)| name).collect();
        (!omitted.is_empty()).then(|| Cow::Owned(omitted.join(",")))
    }
}

/// Whether an object is CloudTrail's placeholder for one that was too large:
/// `{"reason":"requestParameters too large","omitted":true,"originalSize":119183}`.
fn is_placeholder(omitted: Flag, reason: &Option<Text<'_>>) -> bool {
    omitted.is_true() || reason.as_deref().is_some_and(|reason| reason.ends_with("too large"))
}

json_struct! {
    struct Identity(any_case) {
        kind: Option<Text<'a>> = "type",
        principal_id: Option<Text<'a>> = "principalId",
        arn: Option<Text<'a>> = "arn",
        account_id: Option<Text<'a>> = "accountId",
        access_key_id: Option<Text<'a>> = "accessKeyId",
        user_name: Option<Text<'a>> = "userName",
        session: SessionContext<'a> = "sessionContext",
        on_behalf_of: OnBehalfOf<'a> = "onBehalfOf",
        invoked_by: Option<Text<'a>> = "invokedBy",
        in_scope_of: InScopeOf<'a> = "inScopeOf",
    }
}

json_struct! {
    /// The resource for which a service acts.
    struct InScopeOf(any_case) {
        source_arn: Ignored = "sourceArn",
        source_account: Option<Text<'a>> = "sourceAccount",
    }
}

json_struct! {
    /// The IAM Identity Center user for whom the caller acts.
    struct OnBehalfOf(any_case) {
        user_id: Option<Text<'a>> = "userId",
        identity_store: Ignored = "identityStoreArn",
    }
}

json_struct! {
    struct SessionContext(any_case) {
        issuer: SessionIssuer<'a> = "sessionIssuer",
        federation: Federation<'a> = "webIdFederationData",
        attributes: Ignored = "attributes",
        source_identity: Option<Text<'a>> = "sourceIdentity",
    }
}

json_struct! {
    /// Who vouched for a web identity.
    struct Federation(any_case) {
        provider: Option<Text<'a>> = "federatedProvider",
        attributes: Ignored = "attributes",
    }
}

json_struct! {
    struct SessionIssuer(any_case) {
        kind: Ignored = "type",
        principal_id: Ignored = "principalId",
        arn: Option<Text<'a>> = "arn",
        account_id: Option<Text<'a>> = "accountId",
        user_name: Ignored = "userName",
    }
}

json_struct! {
    /// `requestParameters`, with the parameters of all KMS calls.
    struct Request(any_case) {
        encryption_algorithm: Ignored = "encryptionAlgorithm",
        encryption_context: Option<TextMap<'a>> = "encryptionContext",
        key_id: Option<Text<'a>> = "keyId",
        target_key_id: Option<Text<'a>> = "targetKeyId",
        source_key_id: Option<Text<'a>> = "sourceKeyId",
        destination_key_id: Option<Text<'a>> = "destinationKeyId",
        alias_name: Option<Text<'a>> = "aliasName",
        source_context: Option<TextMap<'a>> = "sourceEncryptionContext",
        destination_context: Option<TextMap<'a>> = "destinationEncryptionContext",
        grant_id: Option<Text<'a>> = "grantId",
        grantee_principal: Option<Text<'a>> = "granteePrincipal",
        grantee_service_principal: Option<Text<'a>> = "granteeServicePrincipal",
        retiring_principal: Option<Text<'a>> = "retiringPrincipal",
        retiring_service_principal: Option<Text<'a>> = "retiringServicePrincipal",
        operations: List<TextField<'a>> = "operations",
        key_spec: Ignored = "keySpec",
        dry_run: Flag = "dryRun",
        reason: Option<Text<'a>> = "reason",
        omitted: Flag = "omitted",
    }
}

json_struct! {
    struct Response(any_case) {
        key_id: Option<Text<'a>> = "keyId",
        grant_id: Option<Text<'a>> = "grantId",
        key_metadata: KeyMetadata<'a> = "keyMetadata",
        replica_key_metadata: KeyMetadata<'a> = "replicaKeyMetadata",
        reason: Option<Text<'a>> = "reason",
        omitted: Flag = "omitted",
    }
}

json_struct! {
    struct KeyMetadata(any_case) {
        arn: Option<Text<'a>> = "arn",
    }
}

json_struct! {
    /// An item of `resources`. Its `ARN` is `arn` in some exports.
    struct Resource(any_case) {
        account_id: Option<Text<'a>> = "accountId",
        kind: Ignored = "type",
        arn: Option<Text<'a>> = "ARN",
    }
}

json_struct! {
    struct ServiceDetails(any_case) {
        key_id: Option<Text<'a>> = "keyId",
        reason: Option<Text<'a>> = "reason",
        omitted: Flag = "omitted",
    }
}

json_struct! {
    /// The calls that an Insights event is about. The event has no `eventSource` of its own.
    struct Insight(exact) {
        event_source: Option<Text<'a>> = "eventSource",
    }
}

json_struct! {
    struct Tls(any_case) {
        version: Option<Text<'a>> = "tlsVersion",
        cipher_suite: Ignored = "cipherSuite",
        host: Ignored = "clientProvidedHostHeader",
        key_exchange: Ignored = "keyExchange",
    }
}

json_struct! {
    /// Why a record was delivered late, or again.
    struct Addendum(any_case) {
        reason: Option<Text<'a>> = "reason",
        updated: Ignored = "updatedFields",
        original_request_id: Option<Text<'a>> = "originalRequestID",
        original_event_id: Option<Text<'a>> = "originalEventID",
    }
}

json_struct! {
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
    /// CloudTrail omitted it because it was too large.
    omitted: bool,
    /// Whether the value is something else than an object or the JSON text of one.
    as_text: AsText,
}

impl_member_by_serde! { Additional<'de> }

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
                let omitted = is_placeholder(members.omitted, &members.reason);
                Ok(Additional { grant_id: members.grant_id, omitted, as_text: AsText::No })
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                // A text that is not JSON is other data, which keytrail does not use.
                let (mut members, mut as_text) = (AdditionalMembers::default(), AsText::No);
                if read_fast(text, &mut members).is_err() {
                    let read = serde_json::from_str(text);
                    let is_printed = text.trim_start().starts_with(['{', '[', '@']);
                    as_text = if read.is_err() && is_printed { AsText::of(text) } else { AsText::No };
                    members = read.unwrap_or_default();
                }
                let omitted = is_placeholder(members.omitted, &members.reason);
                let grant_id = members.grant_id.map(|id| Cow::Owned(id.into_owned()));
                Ok(Additional { grant_id, omitted, as_text })
            }
            default_for!(seq);
            default_for!(scalars);
        }
        any_value(deserializer, AdditionalVisitor)
    }
}
