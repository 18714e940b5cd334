//! The tables of a report: every column with its type, meaning and source. `docs/report-schema.md` is made from these lists.

use std::fmt::Write;

use super::cell::Cell;
use super::table::{Column, Kind, Table};
use crate::aggregate::{DailyRow, InputSummary, Selected, UsageRow};
use crate::knowledge::Basis;
use crate::model::{DeniedBy, Rejection, Strength, Workload, multi_region_id};

/// Declares the tables: a name and what their rows are made from.
macro_rules! tables {
    ($( $(#[$meta:meta])* $name:ident: $row:ty; )*) => {
        $(
            $(#[$meta])*
            #[derive(Debug)]
            pub enum $name {}

            impl Table for $name {
                type Row<'a> = $row;
            }
        )*
    };
}

tables! {
    /// The table [`USAGE`].
    Usage: UsageRow;
    /// The table [`DAILY`].
    Daily: DailyRow;
    /// The table [`EVENTS`].
    Events: Selected<'a>;
    /// The table [`REJECTS`].
    Rejects: (&'a str, &'a Rejection);
    /// The table [`INPUTS`].
    Inputs: InputSummary;
    /// The table [`RULES`].
    Rules: RuleFacts<'a>;
}

/// One column: `name: Kind, "about", |row| cell`; `?` after the kind makes it nullable.
macro_rules! columns {
    ($row:ty; $( $name:literal : $kind:ident $($null:literal)?, $about:literal, $get:expr; )*) => {
        &[ $( Column::<$row> {
            name: $name,
            kind: Kind::$kind,
            nullable: columns!(@nullable $($null)?),
            about: $about,
            get: $get,
        }, )* ]
    };
    (@nullable) => { false };
    (@nullable $null:literal) => { true };
}

/// `usage.parquet`: one row per group, sorted by the group columns.
pub const USAGE: &[Column<Usage>] = columns! { Usage;
    "key_arn": Text "?", "ARN of the KMS key. Null: the record does not name the key, or only by an alias.", |(g, _)| Cell::maybe(g.key_arn.as_deref());
    "key_id": Text "?", "The id at the end of `key_arn`.", |(g, _)| Cell::maybe(g.key_id.as_deref());
    "key_account_id": Text "?", "Account that owns the key, from its ARN (or its alias's).", |(g, _)| Cell::maybe(g.key_account_id.as_deref());
    "key_region": Text "?", "Region of the key, from its ARN (or its alias's); not always the record's.", |(g, _)| Cell::maybe(g.key_region.as_deref());
    "key_family": Text "?", "The `mrk-…` id that a multi-Region key shares with its replicas; each of them is a key of its own, with its own policy and grants. Null: no multi-Region key.", |(g, _)| Cell::maybe(g.key_id.as_deref().and_then(multi_region_id));
    "principal": Text, "Who called: the role's IAM ARN for role sessions, else the user's or root's ARN, else the service principal, else `account:principalId`, else `unknown`. Source: `userIdentity`.", |(g, _)| Cell::text(&g.principal);
    "principal_type": Text, "`userIdentity.type`, or `unknown`.", |(g, _)| Cell::text(&g.principal_type);
    "principal_account_id": Text "?", "The caller's account. Null for AWS services.", |(g, _)| Cell::maybe(g.principal_account_id.as_deref());
    "workload": Text, "Workload label; labels with equally strong evidence are joined with `+`; `other`: no rule fired; `unknown`: only weak rules; `s3-unattributed`: SageMaker's bucket, object hidden.", |(g, _)| Cell::text(&g.workload);
    "event_name": Text, "KMS API: `eventName`.", |(g, _)| Cell::text(&g.event_name);
    "outcome": Text, "`success`, `denied`, `key_state`, `not_found`, `misuse`, `throttled`, `internal`; `unknown` for an error code this version does not know.", |(g, _)| Cell::text(g.outcome.as_str());
    "error_code": Text "?", "`errorCode` without a `KMS.` prefix and an `Exception` suffix. Null: no error.", |(g, _)| Cell::maybe(g.error_code.as_deref());
    "region": Text, "`awsRegion` of the record, or `unknown`.", |(g, _)| Cell::text(&g.region);
    "recipient_account_id": Text "?", "`recipientAccountId`: the account whose trail recorded the call.", |(g, _)| Cell::maybe(g.recipient_account_id.as_deref());
    "invoked_by": Text "?", "`userIdentity.invokedBy`; service names in lower case without `fas.` and region. Null: called directly, or not told.", |(g, _)| Cell::maybe(g.invoked_by.as_deref());
    "cross_account": Bool, "True when key and caller are known to belong to different accounts. In place of an AWS service: the account for whose resource it acts, where the record tells.", |(g, _)| Cell::Bool(g.cross_account);
    "event_count": Int, "Events in the group.", |(_, s)| Cell::count(s.event_count);
    "session_count": Int, "Distinct role session names. Exact up to 1,024; beyond that an estimate, see `distinct_exact`.", |(_, s)| Cell::count(s.session_count());
    "source_ip_count": Int, "Distinct `sourceIPAddress` values (addresses or service names). Exact up to 1,024; beyond that an estimate, see `distinct_exact`.", |(_, s)| Cell::count(s.source_ip_count());
    "first_event_time": Time, "`eventTime` of the earliest event.", |(_, s)| Cell::Time(s.first_time);
    "last_event_time": Time, "`eventTime` of the latest event.", |(_, s)| Cell::Time(s.last_time);
    "first_event_id": Text "?", "Bytewise smallest `eventID` among the earliest events. Null: they have none.", |(_, s)| Cell::maybe(s.first_event_id.as_deref());
    "last_event_id": Text "?", "Bytewise smallest `eventID` among the latest events. Null: they have none.", |(_, s)| Cell::maybe(s.last_event_id.as_deref());
    "distinct_exact": Bool, "True: `session_count` and `source_ip_count` are exact. False: at least one passed 1,024 and is an estimate (HyperLogLog, standard error 1.6 %).", |(_, s)| Cell::Bool(s.counts_exact());
};

/// `usage_daily.parquet`: events per day, sorted.
pub const DAILY: &[Column<Daily>] = columns! { Daily;
    "day": Date, "Day of `eventTime`, UTC.", |r| Cell::Date(r.day);
    "key_arn": Text "?", "As in `usage.parquet`.", |r| Cell::maybe(r.key_arn.as_deref());
    "principal": Text, "As in `usage.parquet`.", |r| Cell::text(&r.principal);
    "workload": Text, "As in `usage.parquet`.", |r| Cell::text(&r.workload);
    "event_name": Text, "As in `usage.parquet`.", |r| Cell::text(&r.event_name);
    "outcome": Text, "As in `usage.parquet`.", |r| Cell::text(r.outcome.as_str());
    "event_count": Int, "Events.", |r| Cell::count(r.event_count);
};

/// `events/day=YYYY-MM-DD/events.parquet`: one row per selected event, ordered by `archive`, `record_offset`.
pub const EVENTS: &[Column<Events>] = columns! { Events;
    "event_time": Time, "`eventTime`: when the call completed.", |s| Cell::Time(s.event.time);
    "event_id": Text "?", "`eventID`; not always a GUID.", |s| Cell::maybe(s.event.event_id.as_deref());
    "shared_event_id": Text "?", "`sharedEventID`: the same on every account's copy of one call.", |s| Cell::maybe(s.event.shared_event_id.as_deref());
    "request_id": Text "?", "`requestID`.", |s| Cell::maybe(s.event.request_id.as_deref());
    "event_name": Text, "KMS API: `eventName`.", |s| Cell::text(&s.event.name);
    "region": Text, "`awsRegion`, or `unknown`.", |s| Cell::text(&s.event.region);
    "recipient_account_id": Text "?", "`recipientAccountId`.", |s| Cell::maybe(s.event.recipient_account_id.as_deref());
    "principal": Text, "As in `usage.parquet`.", |s| Cell::text(&s.event.principal.name);
    "principal_type": Text, "`userIdentity.type`, or `unknown`.", |s| Cell::text(&s.event.principal.kind);
    "principal_account_id": Text "?", "The caller's account. Null for AWS services.", |s| Cell::maybe(s.event.principal.account_id.as_deref());
    "source_account_id": Text "?", "`userIdentity.inScopeOf.sourceAccount`: the account for whose resource an AWS service acts.", |s| Cell::maybe(s.event.source_account_id.as_deref());
    "session_name": Text "?", "Name of the role session, from the ARN or after the `:` of `principalId`.", |s| Cell::maybe(s.event.principal.session_name.as_deref());
    "access_key_id": Text "?", "`userIdentity.accessKeyId`. Null: absent or empty, as on service calls.", |s| Cell::maybe(s.event.access_key_id.as_deref());
    "invoked_by": Text "?", "As in `usage.parquet`.", |s| Cell::maybe(s.event.principal.invoked_by.as_deref());
    "source_ip": Text "?", "`sourceIPAddress`: an address, a service name or `AWS Internal`.", |s| Cell::maybe(s.event.source_ip.as_deref());
    "user_agent": Text "?", "`userAgent`.", |s| Cell::maybe(s.event.user_agent.as_deref());
    "key_arn": Text "?", "As in `usage.parquet`; for `ReEncrypt` the key decrypted with.", |s| Cell::maybe(s.event.key.arn.as_deref());
    "key_id": Text "?", "As in `usage.parquet`.", |s| Cell::maybe(s.event.key.id.as_deref());
    "key_account_id": Text "?", "As in `usage.parquet`.", |s| Cell::maybe(s.event.key.account_id.as_deref());
    "key_region": Text "?", "As in `usage.parquet`.", |s| Cell::maybe(s.event.key.region.as_deref());
    "key_family": Text "?", "As in `usage.parquet`.", |s| Cell::maybe(s.event.key.family());
    "key_origin": Text, "Where the key was read: `resources`, `response`, `request`, `assumed` (a bare id completed with the record's region and account), `service_event`, `error_message`, `alias` (the key it pointed to at that time), `none`.", |s| Cell::text(s.event.key.origin.as_str());
    "key_alias": Text "?", "Alias the call named, as it stands: `alias/x` or an alias ARN.", |s| Cell::maybe(s.event.key.alias.as_deref());
    "destination_key_arn": Text "?", "`ReEncrypt` only: the key encrypted with.", |s| Cell::maybe(s.event.destination_key_arn.as_deref());
    "workload": Text, "As in `usage.parquet`.", |s| Cell::Text(s.evidence.workload.label());
    "workload_strength": Text, "Strength of the deciding rule: `definitive`, `strong`, `medium`, `weak`, `none`.", |s| Cell::text(s.evidence.strength.as_str());
    "workload_rules": Text, "Ids of all rules that fired, comma-joined; empty when none did.", |s| Cell::text(&s.evidence.rules);
    "outcome": Text, "As in `usage.parquet`.", |s| Cell::text(s.event.outcome.as_str());
    "error_code": Text "?", "As in `usage.parquet`.", |s| Cell::maybe(s.event.error_code.as_deref());
    "error_message": Text "?", "`errorMessage`, which CloudTrail cuts at 1 KB.", |s| Cell::maybe(s.event.error_message.as_deref());
    "denied_action": Text "?", "The permission that a refused call lacked, from `errorMessage`: not always that of the API, as `kms:ReEncryptTo`. Null: not refused, or the message does not tell.", |s| Cell::maybe(s.event.denied_action.as_deref());
    "denied_by": Text "?", "Which kind of policy refused the call, from `errorMessage`: one of the list under \"Who refused\". Null: not refused, or the message does not tell.", |s| Cell::maybe(s.event.denied_by.map(DeniedBy::as_str));
    "encryption_context": Text "?", "JSON text of the encryption context, keys sorted; for `ReEncrypt` the source's. Null: the call has none, or the record does not show it.", |s| Cell::maybe(s.event.encryption_context.as_deref());
    "s3_bucket": Text "?", "Bucket of the context's `aws:s3:arn`.", |s| Cell::maybe(s.event.s3_bucket.as_deref());
    "s3_object_key": Text "?", "Object key of the context's `aws:s3:arn`. Null beside a bucket: an S3 Bucket Key hides the object.", |s| Cell::maybe(s.event.s3_object_key.as_deref());
    "grant_id": Text "?", "Grant created, retired or revoked.", |s| Cell::maybe(s.event.grant_id.as_deref());
    "grantee_principal": Text "?", "`granteePrincipal` or `granteeServicePrincipal`, as it stands.", |s| Cell::maybe(s.event.grantee_principal.as_deref());
    "retiring_principal": Text "?", "`retiringPrincipal` or `retiringServicePrincipal`, as it stands.", |s| Cell::maybe(s.event.retiring_principal.as_deref());
    "grant_operations": Text "?", "`operations` of a `CreateGrant`, comma-joined in the record's order.", |s| Cell::maybe(s.event.grant_operations.as_deref());
    "read_only": Bool "?", "`readOnly`. True on Decrypt and GenerateDataKey: it does not mean harmless.", |s| s.event.read_only.map_or(Cell::Null, Cell::Bool);
    "vpc_endpoint_id": Text "?", "`vpcEndpointId`.", |s| Cell::maybe(s.event.vpc_endpoint_id.as_deref());
    "tls_version": Text "?", "`tlsDetails.tlsVersion`. Null on calls by AWS services.", |s| Cell::maybe(s.event.tls_version.as_deref());
    "omitted_fields": Text "?", "What CloudTrail left out of the record as too large, comma-joined: `requestParameters`, `responseElements`, `additionalEventData`, `serviceEventDetails`. Columns read from there are then null because they are not known. Null: nothing was left out.", |s| Cell::maybe(s.event.omitted_fields.as_deref());
    "archive": Text, "URI of the archive: the path as given or walked, `-` for standard input.", |s| Cell::text(s.archive);
    "record_offset": Int, "Offset of the record's first byte in the decompressed archive, bytes. For wrapped records and rows of tables see \"Shapes\".", |s| Cell::count(s.offset);
};

/// `rejects.parquet`: what could not be read, in input order.
pub const REJECTS: &[Column<Rejects>] = columns! { Rejects;
    "archive": Text, "URI of the archive.", |(a, _)| Cell::text(a);
    "record_offset": Int "?", "Offset of the record in the decompressed archive, bytes. Null: the damage is not inside a record.", |(_, r)| r.offset.map_or(Cell::Null, Cell::count);
    "record_index": Int "?", "Zero-based position among the archive's records. Null as above.", |(_, r)| r.index.map_or(Cell::Null, Cell::count);
    "reason": Text, "One of the list below.", |(_, r)| Cell::text(r.reason.as_str());
    "detail": Text, "What was found, for people.", |(_, r)| Cell::text(&r.detail);
};

/// `inputs.parquet`: what became of each input.
pub const INPUTS: &[Column<Inputs>] = columns! { Inputs;
    "archive": Text, "URI of the input. A member of a container: the container's URI, `!/`, and the member's name.", |i| Cell::text(&i.archive);
    "container": Text "?", "URI of the tar or zip file that it is a member of. Stored bytes of a member are in its container's row, too: sum them where this is null.", |i| Cell::maybe(i.container.as_deref());
    "status": Text, "`complete`; `partial`: some of its bytes or records could not be read; `unreadable`: none could; `skipped`: not a CloudTrail archive.", |i| Cell::text(i.status.as_str());
    "reason": Text "?", "Partial: the first reject's reason. Skipped: one of the list below. Unreadable: the operating system's words. `several_gzip_members` on a complete input: read whole, but it is several gzip files in one.", |i| Cell::maybe(i.reason.as_ref().map(|r| r.as_str()));
    "shape": Text, "What it turned out to be: one of the shapes below.", |i| Cell::text(&i.shape);
    "compressed_bytes": Int, "Stored bytes read.", |i| Cell::count(i.compressed_bytes);
    "content_bytes": Int, "Decompressed bytes read.", |i| Cell::count(i.content_bytes);
    "gzip_members": Int, "gzip members in the input; 0: not compressed with gzip.", |i| Cell::count(i.gzip_members);
    "content_sha256": Text "?", "SHA-256 of the decompressed content, lower-case hexadecimal. Null without `--hash`, or when not read whole.", |i| Cell::maybe(i.content_sha256.as_deref());
    "account_id": Text "?", "Account of the input's name. Null: the name does not follow CloudTrail's grammar.", |i| Cell::maybe(i.account_id.as_deref());
    "region": Text "?", "Region of the input's name.", |i| Cell::maybe(i.region.as_deref());
    "etag": Text "?", "ETag of the object, as S3 gives it. Null: not on S3.", |i| Cell::maybe(i.etag.as_deref());
    "modified_time": Time "?", "When the file or object was last written. Null: not known, as of standard input and of members of containers.", |i| i.modified.map_or(Cell::Null, Cell::Time);
    "delivered_time": Time "?", "Delivery time of the input's name, to the minute.", |i| i.delivered.map_or(Cell::Null, Cell::Time);
    "records": Int, "Records seen, unreadable ones included.", |i| Cell::count(i.counts.records);
    "selected": Int, "Events that are in the report.", |i| Cell::count(i.counts.selected);
    "duplicate": Int, "Further deliveries of a selected event, and events that a correction has taken the place of.", |i| Cell::count(i.counts.duplicate);
    "other_copy": Int, "The other account's copies of selected events.", |i| Cell::count(i.counts.other_copy);
    "other_source": Int, "Records of other services.", |i| Cell::count(i.counts.other_source);
    "other_event": Int, "KMS events not in `--event`.", |i| Cell::count(i.counts.other_event);
    "other_workload": Int, "KMS events not in `--workload`.", |i| Cell::count(i.counts.other_workload);
    "filtered": Int, "KMS events outside `--since`, `--until`, `--account`, `--region`, `--key` or `--principal`.", |i| Cell::count(i.counts.filtered);
    "not_usage": Int, "Network-activity, insight, aggregated and dry-run records.", |i| Cell::count(i.counts.not_usage);
    "rejected": Int, "Rows of `rejects.parquet`.", |i| Cell::count(i.counts.rejected);
    "conflicts": Int, "Selected events that share `eventID` and account with another but differ from it; not a class of its own.", |i| Cell::count(i.counts.conflicts);
    "corrected": Int, "Those of `duplicate` that a correction has taken the place of (`addendum.reason` is `UPDATED_DATA`); not a class of its own.", |i| Cell::count(i.counts.corrected);
};

/// A workload rule in force, and where it comes from.
#[derive(Debug)]
pub struct RuleFacts<'a> {
    /// Its id.
    pub rule: &'a str,
    /// The label it speaks for.
    pub workload: Workload,
    /// How much it proves.
    pub strength: Strength,
    /// `built-in`, `learned` or `own`.
    pub origin: &'static str,
    /// What it looks at.
    pub about: &'a str,
    /// What exactly, for a learned rule.
    pub particular: Option<&'a str>,
    /// The page or file it comes from.
    pub source: &'a str,
    /// How often and where first it was learned.
    pub basis: Option<&'a Basis>,
}

/// The output of `keytrail rules`: one row per built-in rule, rule of the user's own, and particular that was learned.
pub const RULES: &[Column<Rules>] = columns! { Rules;
    "rule": Text, "Id of the rule, as in `workload_rules` of events.", |r| Cell::text(r.rule);
    "workload": Text, "Label it speaks for.", |r| Cell::text(r.workload.as_str());
    "strength": Text, "`definitive`, `strong`, `medium` or `weak`.", |r| Cell::text(r.strength.as_str());
    "origin": Text, "`built-in`; `own`: of the file given with `--rules`; `learned`: from a record of the input.", |r| Cell::text(r.origin);
    "about": Text, "What it looks at.", |r| Cell::text(r.about);
    "particular": Text "?", "Learned rules: the role, key, path, bucket or session's role that the record names.", |r| Cell::maybe(r.particular);
    "source": Text, "Where the rule comes from: a page of AWS, `inferred`, or the user's file.", |r| Cell::text(r.source);
    "records": Int "?", "Learned rules: records that teach it.", |r| r.basis.map_or(Cell::Null, |b| Cell::count(b.records));
    "first_event_name": Text "?", "Learned rules: API of the earliest of these records.", |r| Cell::maybe(r.basis.map(|b| b.first.taught.event_name.as_str()));
    "first_event_time": Time "?", "Its `eventTime`.", |r| r.basis.map_or(Cell::Null, |b| Cell::Time(b.first.taught.time));
    "first_event_id": Text "?", "Its `eventID`.", |r| Cell::maybe(r.basis.and_then(|b| b.first.taught.event_id.as_deref()));
    "archive": Text "?", "URI of the archive it is in.", |r| Cell::maybe(r.basis.map(|b| &*b.first.archive));
    "record_offset": Int "?", "Its byte offset in the decompressed archive.", |r| r.basis.map_or(Cell::Null, |b| Cell::count(b.first.offset));
};

/// A table as a Markdown table of its columns.
pub fn schema_markdown<T: Table>(columns: &[Column<T>]) -> String {
    let mut text = String::from("| column | type | null | meaning and source |\n|---|---|---|---|\n");
    for column in columns {
        let null = if column.nullable { "yes" } else { "" };
        let kind = column.kind.as_str();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| `{}` | {kind} | {null} | {} |", column.name, column.about);
    }
    text
}
