//! `events/day=YYYY-MM-DD/events.parquet`: the selected events.

use crate::aggregate::Selected;
use crate::model::DeniedBy;
use crate::report::cell::Cell;
use crate::report::table::table;

table! {
    /// `events/day=YYYY-MM-DD/events.parquet`: one row per selected event,
    /// ordered by `archive`, then `record_offset`.
    EVENTS: EventsTable("events") of Selected<'a>;

    "event_time": Time,
        "`eventTime`: when the call completed.",
        |s| Cell::Time(s.event.time);
    "event_id": Text or null,
        "`eventID`; not always a GUID.",
        |s| Cell::optional_text(s.event.event_id.as_deref());
    "shared_event_id": Text or null,
        "`sharedEventID`: the same on every account's copy of one call.",
        |s| Cell::optional_text(s.event.shared_event_id.as_deref());
    "request_id": Text or null,
        "`requestID`.",
        |s| Cell::optional_text(s.event.request_id.as_deref());
    "event_name": Text,
        "KMS API: `eventName`.",
        |s| Cell::text(&s.event.name);
    "region": Text,
        "`awsRegion`, or `unknown`.",
        |s| Cell::text(&s.event.region);
    "recipient_account_id": Text or null,
        "`recipientAccountId`.",
        |s| Cell::optional_text(s.event.recipient_account_id.as_deref());
    "principal": Text,
        "As in `usage.parquet`.",
        |s| Cell::text(&s.event.principal.name);
    "principal_type": Text,
        "`userIdentity.type`, or `unknown`.",
        |s| Cell::text(&s.event.principal.kind);
    "principal_account_id": Text or null,
        "The caller's account. Null for AWS services.",
        |s| Cell::optional_text(s.event.principal.account_id.as_deref());
    "source_account_id": Text or null,
        "`userIdentity.inScopeOf.sourceAccount`: the account whose resource an AWS service acts \
        for.",
        |s| Cell::optional_text(s.event.source_account_id.as_deref());
    "session_name": Text or null,
        "Name of the role session, from the ARN or after the `:` of `principalId`.",
        |s| Cell::optional_text(s.event.principal.session_name.as_deref());
    "access_key_id": Text or null,
        "`userIdentity.accessKeyId`. Null: absent or empty, as on service calls.",
        |s| Cell::optional_text(s.event.access_key_id.as_deref());
    "invoked_by": Text or null,
        "As in `usage.parquet`.",
        |s| Cell::optional_text(s.event.principal.invoked_by.as_deref());
    "source_ip": Text or null,
        "`sourceIPAddress`: an address, a service name or `AWS Internal`.",
        |s| Cell::optional_text(s.event.source_ip.as_deref());
    "user_agent": Text or null,
        "`userAgent`.",
        |s| Cell::optional_text(s.event.user_agent.as_deref());
    "key_arn": Text or null,
        "As in `usage.parquet`. For `ReEncrypt`: the key that decrypts.",
        |s| Cell::optional_text(s.event.key.arn.as_deref());
    "key_id": Text or null,
        "As in `usage.parquet`.",
        |s| Cell::optional_text(s.event.key.id.as_deref());
    "key_account_id": Text or null,
        "As in `usage.parquet`.",
        |s| Cell::optional_text(s.event.key.account_id.as_deref());
    "key_region": Text or null,
        "As in `usage.parquet`.",
        |s| Cell::optional_text(s.event.key.region.as_deref());
    "key_family": Text or null,
        "As in `usage.parquet`.",
        |s| Cell::optional_text(s.event.key.family());
    "key_origin": Text,
        "Where the key was found: `resources`, `response`, `request`, `assumed` (a bare key id, \
        completed with the record's region and account), `service_event`, `error_message`, `alias` \
        (the key that the alias pointed to at that time), `none`.",
        |s| Cell::text(s.event.key.origin.as_str());
    "key_alias": Text or null,
        "Alias that the call named, unchanged: `alias/x` or an alias ARN.",
        |s| Cell::optional_text(s.event.key.alias.as_deref());
    "destination_key_arn": Text or null,
        "`ReEncrypt` only: the key that encrypts.",
        |s| Cell::optional_text(s.event.destination_key_arn.as_deref());
    "workload": Text,
        "As in `usage.parquet`.",
        |s| Cell::Text(s.evidence.workload.label());
    "workload_strength": Text,
        "Strength of the deciding rule: `definitive`, `strong`, `medium`, `weak`, `none`.",
        |s| Cell::text(s.evidence.strength.as_str());
    "workload_rules": Text,
        "Ids of all rules that matched, joined with commas; empty when none did.",
        |s| Cell::text(&s.evidence.rules);
    "outcome": Text,
        "As in `usage.parquet`.",
        |s| Cell::text(s.event.outcome.as_str());
    "error_code": Text or null,
        "As in `usage.parquet`.",
        |s| Cell::optional_text(s.event.error_code.as_deref());
    "error_message": Text or null,
        "`errorMessage`, which CloudTrail cuts at 1 KB.",
        |s| Cell::optional_text(s.event.error_message.as_deref());
    "denied_action": Text or null,
        "The permission that a refused call lacked, from `errorMessage`. Not always named like the \
        API: `kms:ReEncryptTo`. Null: not refused, or not in the message.",
        |s| Cell::optional_text(s.event.denied_action.as_deref());
    "denied_by": Text or null,
        "The kind of policy that refused the call, from `errorMessage`: one of the list under \
        \"Who refused\". Null: not refused, or not in the message.",
        |s| Cell::optional_text(s.event.denied_by.map(DeniedBy::as_str));
    "encryption_context": Text or null,
        "The encryption context as JSON text, with sorted keys. For `ReEncrypt`: the source \
        context. Null: the call has none, or the record does not show it.",
        |s| Cell::optional_text(s.event.encryption_context.as_deref());
    "s3_bucket": Text or null,
        "Bucket in `aws:s3:arn` of the encryption context.",
        |s| Cell::optional_text(s.event.s3_bucket.as_deref());
    "s3_object_key": Text or null,
        "Object key in `aws:s3:arn` of the encryption context. Null with a bucket: an S3 Bucket \
        Key hides the object.",
        |s| Cell::optional_text(s.event.s3_object_key.as_deref());
    "grant_id": Text or null,
        "Grant created, retired or revoked.",
        |s| Cell::optional_text(s.event.grant_id.as_deref());
    "grantee_principal": Text or null,
        "`granteePrincipal` or `granteeServicePrincipal`, unchanged.",
        |s| Cell::optional_text(s.event.grantee_principal.as_deref());
    "retiring_principal": Text or null,
        "`retiringPrincipal` or `retiringServicePrincipal`, unchanged.",
        |s| Cell::optional_text(s.event.retiring_principal.as_deref());
    "grant_operations": Text or null,
        "`operations` of a `CreateGrant`, joined with commas, in the record's order.",
        |s| Cell::optional_text(s.event.grant_operations.as_deref());
    "read_only": Bool or null,
        "`readOnly`. It is true on Decrypt and GenerateDataKey, so it does not mean harmless.",
        |s| Cell::optional_bool(s.event.read_only);
    "vpc_endpoint_id": Text or null,
        "`vpcEndpointId`.",
        |s| Cell::optional_text(s.event.vpc_endpoint_id.as_deref());
    "tls_version": Text or null,
        "`tlsDetails.tlsVersion`. Null on calls by AWS services.",
        |s| Cell::optional_text(s.event.tls_version.as_deref());
    "omitted_fields": Text or null,
        "What was left out of the record as too large, or hidden behind a text \
        (`HIDDEN_DUE_TO_SECURITY_REASONS`, `***`), joined with commas: `requestParameters`, \
        `responseElements`, `additionalEventData`, `serviceEventDetails`. Columns that are read \
        from there are then unknown, and null. Null: nothing was left out.",
        |s| Cell::optional_text(s.event.omitted_fields.as_deref());
    "archive": Text,
        "URI of the archive: the path as given or found in a directory; `-` for standard input.",
        |s| Cell::text(s.archive);
    "record_offset": Int,
        "Offset of the record's first byte in the decompressed archive, in bytes. For wrapped \
        records and rows of tables, see \"Shapes\".",
        |s| Cell::count(s.offset);
    "cross_account": Bool or null,
        "As in `usage.parquet`.",
        |s| Cell::optional_bool(s.event.is_cross_account());
    "source_identity": Text or null,
        "`sessionContext.sourceIdentity`: who assumed the role, kept through further roles. \
        SageMaker puts the name of the user profile here, if the domain is set up so.",
        |s| Cell::optional_text(s.event.principal.source_identity.as_deref());
    "on_behalf_of": Text or null,
        "`userIdentity.onBehalfOf.userId`: the IAM Identity Center user for whom the call was \
        made.",
        |s| Cell::optional_text(s.event.principal.on_behalf_of.as_deref());
    "user_name": Text or null,
        "`userIdentity.userName`: the name of the IAM user, or of the user of a federated \
        identity.",
        |s| Cell::optional_text(s.event.principal.user_name.as_deref());
    "web_identity": Text or null,
        "`sessionContext.webIdFederationData.federatedProvider`: the provider that vouched for \
        the session's web identity.",
        |s| Cell::optional_text(s.event.principal.web_identity.as_deref());
    "service": Text or null,
        "The AWS service that the call was for: that of the resource which the encryption context \
        names, else the service that called, else the service that gets a grant. Named as in \
        `invoked_by`. Null: the record names none. [More](what-counts.md#for-what).",
        |s| Cell::optional_text(s.served.service.as_deref());
    "resource": Text or null,
        "The resource whose data the key protects, as the encryption context names it: ARN, id or \
        name. Null: it names none.",
        |s| Cell::optional_text(s.served.resource.as_deref());
    "grant_constraints": Text or null,
        "`constraints` of a CreateGrant as JSON text: `encryptionContextEquals`, \
        `encryptionContextSubset`, `sourceArn`. Null: no constraint, or not in the record.",
        |s| Cell::optional_text(s.event.grant_constraints.as_deref());
    "grant_name": Text or null,
        "`name` of a CreateGrant.",
        |s| Cell::optional_text(s.event.grant_name.as_deref());
    "integrity": Text or null,
        "What digests say of the archive: a `status` of `integrity.parquet`. Null: the input has no \
        digests.",
        |s| Cell::optional_text(s.integrity.map(|status| status.as_str()));
}
