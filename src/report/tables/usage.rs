//! `usage.parquet` and `usage_daily.parquet`: how often each key was used, by whom and for what.

use crate::aggregate::{DailyRow, UsageRow};
use crate::model::multi_region_id;
use crate::report::cell::Cell;
use crate::report::table::table;

table! {
    /// `usage.parquet`: one row per group, sorted by the group columns.
    USAGE: UsageTable("usage") of UsageRow;

    "key_arn": Text or null,
        "ARN of the KMS key. Null: the record does not name the key, or only by an alias.",
        |row| Cell::optional_text(row.group.key_arn.as_deref());
    "key_id": Text or null,
        "The id at the end of `key_arn`.",
        |row| Cell::optional_text(row.group.key_id.as_deref());
    "key_account_id": Text or null,
        "Account that owns the key, from the ARN of the key or of its alias.",
        |row| Cell::optional_text(row.group.key_account_id.as_deref());
    "key_region": Text or null,
        "Region of the key, from the ARN of the key or of its alias. Not always the record's \
        region.",
        |row| Cell::optional_text(row.group.key_region.as_deref());
    "key_family": Text or null,
        "The `mrk-…` id that a multi-Region key shares with its replicas. Each replica is a \
        separate key, with its own policy and grants. Null: not a multi-Region key.",
        |row| Cell::optional_text(row.group.key_id.as_deref().and_then(multi_region_id));
    "principal": Text,
        "The caller: the IAM ARN of the role for role sessions, else the ARN of the user or root, \
        else the service principal, else `account:principalId`, else `unknown`. Source: \
        `userIdentity`.",
        |row| Cell::text(&row.group.principal);
    "principal_type": Text,
        "`userIdentity.type`, or `unknown`.",
        |row| Cell::text(&row.group.principal_type);
    "principal_account_id": Text or null,
        "The caller's account. Null for AWS services.",
        |row| Cell::optional_text(row.group.principal_account_id.as_deref());
    "workload": Text,
        "Workload label. Labels with equally strong evidence are joined with `+`. `other`: no rule \
        matched. `unknown`: only weak rules matched. `s3-unattributed`: a bucket of SageMaker, \
        whose object is hidden.",
        |row| Cell::text(&row.group.workload);
    "event_name": Text,
        "KMS API: `eventName`.",
        |row| Cell::text(&row.group.event_name);
    "outcome": Text,
        "`success`, `denied`, `key_state`, `not_found`, `misuse`, `throttled`, `internal`; \
        `unknown` for an error code this version does not know.",
        |row| Cell::text(row.group.outcome.as_str());
    "error_code": Text or null,
        "`errorCode` without a `KMS.` prefix and an `Exception` suffix. Null: no error.",
        |row| Cell::optional_text(row.group.error_code.as_deref());
    "region": Text,
        "`awsRegion` of the record, or `unknown`.",
        |row| Cell::text(&row.group.region);
    "recipient_account_id": Text or null,
        "`recipientAccountId`: the account whose trail recorded the call.",
        |row| Cell::optional_text(row.group.recipient_account_id.as_deref());
    "invoked_by": Text or null,
        "`userIdentity.invokedBy`, with service names in lower case and without `fas.` and region. \
        Null: called directly, or not recorded.",
        |row| Cell::optional_text(row.group.invoked_by.as_deref());
    "cross_account": Bool or null,
        "Whether key and caller belong to different accounts. For a call by an AWS service, the \
        caller is the account whose resource it acts for, if the record names it. Null: not known.",
        |row| Cell::optional_bool(row.group.cross_account);
    "event_count": Int,
        "Events in the group.",
        |row| Cell::count(row.stats.event_count);
    "session_count": Int,
        "Distinct role session names. Exact up to 1,024, then an estimate: see `distinct_exact`.",
        |row| Cell::count(row.stats.session_count());
    "source_ip_count": Int,
        "Distinct `sourceIPAddress` values (addresses or service names). Exact up to 1,024, then \
        an estimate: see `distinct_exact`.",
        |row| Cell::count(row.stats.source_ip_count());
    "first_event_time": Time,
        "`eventTime` of the earliest event.",
        |row| Cell::Time(row.stats.first_time);
    "last_event_time": Time,
        "`eventTime` of the latest event.",
        |row| Cell::Time(row.stats.last_time);
    "first_event_id": Text or null,
        "Bytewise smallest `eventID` among the earliest events. Null: they have none.",
        |row| Cell::optional_text(row.stats.first_event_id.as_deref());
    "last_event_id": Text or null,
        "Bytewise smallest `eventID` among the latest events. Null: they have none.",
        |row| Cell::optional_text(row.stats.last_event_id.as_deref());
    "distinct_exact": Bool,
        "True: `session_count`, `source_ip_count` and `user_count` are exact. False: at least one \
        exceeded 1,024 and is an estimate (HyperLogLog, standard error 1.6 %).",
        |row| Cell::Bool(row.stats.counts_exact());
    "denied_action": Text or null,
        "As in `events`: the permission that the refused calls lacked.",
        |row| Cell::optional_text(row.group.denied_action.as_deref());
    "denied_by": Text or null,
        "As in `events`: the kind of policy that refused the calls.",
        |row| Cell::optional_text(row.group.denied_by.as_deref());
    "user_count": Int,
        "Distinct users behind the principal: combinations of `source_identity`, `on_behalf_of`, \
        `user_name` and `web_identity` in `events`. 0: no record names one. Exact up to 1,024, \
        then an estimate: see `distinct_exact`.",
        |row| Cell::count(row.stats.user_count());
    "key_last_used_time": Time or null,
        "When the key was last used by anybody, according to all calls that were read, selected or \
        not: the latest successful cryptographic operation that names the key. Null: there is \
        none. What was not read is not known: see the caveats `folders_chosen`, `not_all_read` and \
        `too_many_keys`.",
        |row| row.key_last_use.as_ref().map_or(Cell::Null, |last| Cell::Time(last.time));
    "key_last_used_by": Text or null,
        "Who used it then, as in `principal`.",
        |row| Cell::optional_text(row.key_last_use.as_ref().map(|last| &*last.principal));
    "key_last_used_event_name": Text or null,
        "The KMS API of that call.",
        |row| Cell::optional_text(row.key_last_use.as_ref().map(|last| &*last.event_name));
    "key_last_used_event_id": Text or null,
        "`eventID` of that call; the bytewise smallest of several at that time.",
        |row| Cell::optional_text(row.key_last_use.as_ref().and_then(|last| last.event_id.as_deref()));
    "service": Text or null,
        "As in `events`, if it is the same for all events of the group. Null: they differ, or a \
        record names none.",
        |row| Cell::optional_text(row.stats.service());
    "resource": Text or null,
        "As in `events`, if it is the same for all events of the group. Null: they differ, or a \
        record names none.",
        |row| Cell::optional_text(row.stats.resource());
    "resource_count": Int,
        "Distinct values of `resource` in `events`. Exact up to 1,024; what is more is an estimate \
        (HyperLogLog, standard error 1.6 %).",
        |row| Cell::count(row.stats.resource_count());
    "verified_event_count": Int or null,
        "Events whose record is in an archive that is `valid` in `integrity.parquet`. Null: the input \
        has no digests.",
        |row| row.stats.verified_event_count.map_or(Cell::Null, Cell::count);
}

table! {
    /// `usage_daily.parquet`: events per day, sorted.
    DAILY: DailyTable("usage_daily") of DailyRow;

    "day": Date,
        "Day of `eventTime`, UTC.",
        |row| Cell::Date(row.day);
    "key_arn": Text or null,
        "As in `usage.parquet`.",
        |row| Cell::optional_text(row.key_arn.as_deref());
    "principal": Text,
        "As in `usage.parquet`.",
        |row| Cell::text(&row.principal);
    "workload": Text,
        "As in `usage.parquet`.",
        |row| Cell::text(&row.workload);
    "event_name": Text,
        "As in `usage.parquet`.",
        |row| Cell::text(&row.event_name);
    "outcome": Text,
        "As in `usage.parquet`.",
        |row| Cell::text(row.outcome.as_str());
    "event_count": Int,
        "Events.",
        |row| Cell::count(row.event_count);
    "key_id": Text or null,
        "As in `usage.parquet`.",
        |row| Cell::optional_text(row.key_id.as_deref());
    "key_account_id": Text or null,
        "As in `usage.parquet`.",
        |row| Cell::optional_text(row.key_account_id.as_deref());
    "key_region": Text or null,
        "As in `usage.parquet`.",
        |row| Cell::optional_text(row.key_region.as_deref());
    "region": Text,
        "As in `usage.parquet`.",
        |row| Cell::text(&row.region);
    "recipient_account_id": Text or null,
        "As in `usage.parquet`.",
        |row| Cell::optional_text(row.recipient_account_id.as_deref());
}
