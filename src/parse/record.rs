//! The members of a CloudTrail record that keytrail reads, with the names they have in JSON.

use std::borrow::Cow;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

use super::as_text::{AsText, lost_for};
use super::details::{Details, JsonValue};
use super::json::{FastResult, Reader};
use super::lenient::{Flag, List, NameText, StrictText, TextField, TextMap, any_value, default_for};
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
        error_code: NameText<'a> = "errorCode",
        error_message: NameText<'a> = "errorMessage",
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
            || self.request.constraints.repeated
            || self.response.repeated
            || self.service_details.repeated
            || self.identity.in_scope_of.repeated
            || self.resources.0.iter().any(|r| r.repeated)
    }

    /// The first member that is an object or a list in CloudTrail's records and here is something
    /// else, or the name of a key or a caller and no text, so that what it says is not read.
    pub(super) fn text_member(&self) -> Option<&'static str> {
        let (identity, request, response) = (&self.identity, &self.request, &self.response);
        // Nothing hides the caller or the resources: any text there was an object.
        let never_hidden = [
            ("userIdentity", identity.as_text),
            ("sessionContext", identity.session.as_text),
            ("sessionIssuer", identity.session.issuer.as_text),
            ("inScopeOf", identity.in_scope_of.as_text),
            ("resources", self.resources.1),
            ("operations", request.operations.1),
        ];
        let others = [
            ("requestParameters", request.as_text),
            ("constraints", request.constraints.as_text),
            ("responseElements", response.as_text),
            ("keyMetadata", response.key_metadata.as_text),
            ("replicaKeyMetadata", response.replica_key_metadata.as_text),
            ("additionalEventData", self.additional.as_text),
            ("serviceEventDetails", self.service_details.as_text),
            ("tlsDetails", self.tls.as_text),
            ("addendum", self.addendum.as_text),
        ];
        let contexts = [
            ("encryptionContext", &request.encryption_context),
            ("sourceEncryptionContext", &request.source_context),
            ("destinationEncryptionContext", &request.destination_context),
            ("encryptionContextEquals", &request.constraints.equals),
            ("encryptionContextSubset", &request.constraints.subset),
        ];
        let names = [
            ("errorCode", &self.error_code),
            ("errorMessage", &self.error_message),
            ("userIdentity.type", &identity.kind),
            ("userIdentity.arn", &identity.arn),
            ("invokedBy", &identity.invoked_by),
            ("sessionIssuer.arn", &identity.session.issuer.arn),
            ("keyId", &request.key_id),
            ("targetKeyId", &request.target_key_id),
            ("sourceKeyId", &request.source_key_id),
            ("destinationKeyId", &request.destination_key_id),
            ("responseElements.keyId", &response.key_id),
            ("keyMetadata.arn", &response.key_metadata.arn),
            ("replicaKeyMetadata.arn", &response.replica_key_metadata.arn),
            ("serviceEventDetails.keyId", &self.service_details.key_id),
        ];
        let is_lost_map = |map: &Option<TextMap<'_>>| map.as_ref().is_some_and(TextMap::is_lost);
        let hidden = never_hidden.into_iter().map(|(name, member)| (name, member != AsText::No));
        let others = others.into_iter().map(|(name, member)| (name, member.is_lost()));
        let maps = contexts.into_iter().map(|(name, map)| (name, is_lost_map(map)));
        let names = names.into_iter().map(|(name, text)| (name, text.1.is_lost()));
        let resource = ("an item of resources", self.resources.0.iter().any(Resource::is_lost));
        let mut members = hidden.chain(others).chain(maps).chain(names).chain([resource]);
        members.find_map(|(name, is_lost)| is_lost.then_some(name))
    }

    /// Names of the members that were omitted because they are too large, or are hidden behind a
    /// text, comma-joined.
    pub(super) fn omitted_members(&self) -> Option<Text<'static>> {
        let (request, response, details) = (&self.request, &self.response, &self.service_details);
        let members = [
            ("requestParameters", is_placeholder(request.omitted, &request.reason), request.as_text),
            ("responseElements", is_placeholder(response.omitted, &response.reason), response.as_text),
            ("additionalEventData", self.additional.omitted, self.additional.as_text),
            ("serviceEventDetails", is_placeholder(details.omitted, &details.reason), details.as_text),
        ];
        let is_missing = |(_, omitted, kind): &(&str, bool, AsText)| *omitted || *kind == AsText::Hidden;
        let omitted: Vec<&str> = members.into_iter().filter(is_missing).map(|(name, ..)| name).collect();
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
        kind: NameText<'a> = "type",
        principal_id: Option<Text<'a>> = "principalId",
        arn: NameText<'a> = "arn",
        account_id: Option<Text<'a>> = "accountId",
        access_key_id: Option<Text<'a>> = "accessKeyId",
        user_name: Option<Text<'a>> = "userName",
        session: SessionContext<'a> = "sessionContext",
        on_behalf_of: OnBehalfOf<'a> = "onBehalfOf",
        invoked_by: NameText<'a> = "invokedBy",
        in_scope_of: InScopeOf<'a> = "inScopeOf",
    }
}

json_struct! {
    /// The resource for which a service acts.
    struct InScopeOf(any_case) {
        source_arn: Option<Text<'a>> = "sourceArn",
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
        attributes: SessionAttributes<'a> = "attributes",
        source_identity: Option<Text<'a>> = "sourceIdentity",
    }
}

json_struct! {
    struct SessionAttributes(any_case) {
        created: Ignored = "creationDate",
        mfa: Flag = "mfaAuthenticated",
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
        arn: NameText<'a> = "arn",
        account_id: Option<Text<'a>> = "accountId",
        user_name: Ignored = "userName",
    }
}

json_struct! {
    /// `requestParameters`, with the parameters of all KMS calls.
    struct Request(any_case) {
        encryption_algorithm: Option<Text<'a>> = "encryptionAlgorithm",
        encryption_context: Option<TextMap<'a>> = "encryptionContext",
        key_id: NameText<'a> = "keyId",
        target_key_id: NameText<'a> = "targetKeyId",
        source_key_id: NameText<'a> = "sourceKeyId",
        destination_key_id: NameText<'a> = "destinationKeyId",
        alias_name: Option<Text<'a>> = "aliasName",
        source_context: Option<TextMap<'a>> = "sourceEncryptionContext",
        destination_context: Option<TextMap<'a>> = "destinationEncryptionContext",
        grant_id: Option<Text<'a>> = "grantId",
        grantee_principal: Option<Text<'a>> = "granteePrincipal",
        grantee_service_principal: Option<Text<'a>> = "granteeServicePrincipal",
        retiring_principal: Option<Text<'a>> = "retiringPrincipal",
        retiring_service_principal: Option<Text<'a>> = "retiringServicePrincipal",
        operations: List<TextField<'a>> = "operations",
        constraints: Constraints<'a> = "constraints",
        name: Option<Text<'a>> = "name",
        key_spec: Option<Text<'a>> = "keySpec",
        dry_run: Flag = "dryRun",
        reason: Option<Text<'a>> = "reason",
        omitted: Flag = "omitted",
    }
    others { details: Details<'a> }
}

impl Request<'_> {
    /// Whether it has none of the members that a call with a key has.
    pub(super) fn is_empty(&self) -> bool {
        let ids = [&self.key_id, &self.target_key_id, &self.source_key_id, &self.destination_key_id];
        let texts = [&self.encryption_algorithm, &self.alias_name, &self.grant_id, &self.name];
        texts.iter().all(|text| text.is_none())
            && ids.iter().all(|id| id.0.is_none())
            && self.encryption_context.is_none()
            && self.operations.0.is_empty()
            && self.details.is_empty()
    }
}

json_struct! {
    /// What limits a grant.
    struct Constraints(any_case) {
        equals: Option<TextMap<'a>> = "encryptionContextEquals",
        subset: Option<TextMap<'a>> = "encryptionContextSubset",
        source_arn: Option<Text<'a>> = "sourceArn",
    }
}

impl Constraints<'_> {
    /// Compact JSON text; `None` when nothing is given.
    pub(super) fn to_json(&self) -> Option<Text<'static>> {
        let map = |name, map: &Option<TextMap<'_>>| {
            map.as_ref().map(|map| format!("{}:{}", serde_json::Value::from(name), map.to_json()))
        };
        let source = self.source_arn.as_deref();
        let source = source.map(|arn| format!("\"sourceArn\":{}", serde_json::Value::from(arn)));
        let members = [
            map("encryptionContextEquals", &self.equals),
            map("encryptionContextSubset", &self.subset),
            source,
        ];
        let members: Vec<String> = members.into_iter().flatten().collect();
        (!members.is_empty()).then(|| Cow::Owned(format!("{{{}}}", members.join(","))))
    }
}

json_struct! {
    struct Response(any_case) {
        key_id: NameText<'a> = "keyId",
        grant_id: Option<Text<'a>> = "grantId",
        key_metadata: KeyMetadata<'a> = "keyMetadata",
        replica_key_metadata: KeyMetadata<'a> = "replicaKeyMetadata",
        reason: Option<Text<'a>> = "reason",
        omitted: Flag = "omitted",
    }
}

json_struct! {
    struct KeyMetadata(any_case) {
        arn: NameText<'a> = "arn",
    }
}

json_struct! {
    /// An item of `resources`. Its `ARN` is `arn` in some exports.
    struct Resource(any_case) {
        account_id: Option<Text<'a>> = "accountId",
        kind: Ignored = "type",
        arn: NameText<'a> = "ARN",
    }
}

impl Resource<'_> {
    /// Whether it, or its ARN, is something else, so that what it says is not read.
    fn is_lost(&self) -> bool {
        // CloudTrail's have an ARN and an account; an object with neither is another list.
        let says_nothing = self.arn.0.is_none() && self.account_id.is_none();
        self.as_text != AsText::No || self.arn.1.is_lost() || says_nothing
    }
}

json_struct! {
    struct ServiceDetails(any_case) {
        key_id: NameText<'a> = "keyId",
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
        recipient: JsonValue = "recipient",
        reason: Option<Text<'a>> = "reason",
        omitted: Flag = "omitted",
    }
}

/// `additionalEventData`: an object, or the JSON text of one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Additional<'a> {
    pub(super) grant_id: Option<Text<'a>>,
    /// What the attestation document of a Nitro enclave or NitroTPM says.
    pub(super) recipient: JsonValue,
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
                Ok(Additional {
                    grant_id: members.grant_id,
                    recipient: members.recipient,
                    omitted,
                    as_text: AsText::No,
                })
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
                Ok(Additional { grant_id, recipient: members.recipient, omitted, as_text })
            }
            default_for!(seq);
            default_for!(scalars);
        }
        any_value(deserializer, AdditionalVisitor)
    }
}
