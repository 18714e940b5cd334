//! `policy_statements.parquet`: what calls show about key policies.

use std::borrow::Cow;

use crate::audit::PolicyLine;
use crate::policy::Origin;
use crate::report::cell::Cell;
use crate::report::table::table;

/// What a record says that set a policy.
fn of_record<'a, T>(
    line: &'a PolicyLine<'_>,
    read: impl FnOnce(&'a str, Option<&'a str>, &'a str) -> T,
) -> Option<T> {
    match &line.version.origin {
        Origin::Record { event_name, event_id, by, .. } => Some(read(event_name, event_id.as_deref(), by)),
        Origin::File(_) => None,
    }
}

fn text<'a>(text: &'a Option<Cow<'_, str>>) -> Cell<'a> {
    Cell::optional_text(text.as_deref())
}

table! {
    /// `policy_statements.parquet`: what calls show about each permission of each statement of each
    /// known key policy, and about callers that no statement names. Sorted by key, policy and
    /// statement.
    POLICY_STATEMENTS: PolicyStatementsTable("policy_statements") of PolicyLine<'a>;

    "key_arn": Text,
        "ARN of the key, or its id where the records give no more.",
        |l| Cell::text(l.key);
    "policy_source": Text,
        "The call that set the policy, `CreateKey`, `PutKeyPolicy` or `ReplicateKey`; `file`: the user gave it.",
        |l| Cell::text(of_record(l, |name, _, _| name).unwrap_or("file"));
    "policy_file": Text or null,
        "The file that the user named.",
        |l| match &l.version.origin {
            Origin::File(file) => Cell::text(file),
            Origin::Record { .. } => Cell::Null,
        };
    "policy_from": Time or null,
        "`eventTime` of that call. Null: a file's policy is taken for the whole input.",
        |l| l.version.from.map_or(Cell::Null, Cell::Time);
    "policy_until": Time or null,
        "When the next policy was set. Null: this is the last one in the input.",
        |l| l.version.until.map_or(Cell::Null, Cell::Time);
    "policy_set_by": Text or null,
        "Who set it, as `principal` of events.",
        |l| Cell::optional_text(of_record(l, |_, _, by| by));
    "policy_event_id": Text or null,
        "`eventID` of that call.",
        |l| Cell::optional_text(of_record(l, |_, id, _| id).flatten());
    "statement": Int or null,
        "The statement's place in the policy, counted from 1. Null: the row is about a caller and the whole policy.",
        |l| l.statement.map_or(Cell::Null, |(place, _)| Cell::count(place as u64));
    "sid": Text or null,
        "`Sid` of the statement.",
        |l| Cell::optional_text(l.statement.and_then(|(_, statement)| statement.sid.as_deref()));
    "effect": Text or null,
        "`Allow` or `Deny`.",
        |l| Cell::optional_text(l.statement.map(|(_, statement)| statement.effect.as_str()));
    "principal": Text or null,
        "The principal as the statement names it; without a statement, who called, as `principal` of events. Null: \
        the whole statement, or all but those whom it lists.",
        |l| text(&l.principal);
    "permission": Text or null,
        "The permission without `kms:`, or the statement's pattern where the row is about all that it matches. Null: \
        all permissions of the statement.",
        |l| text(&l.permission);
    "status": Text,
        "`used`: successful calls are among what it allows; `allowed_not_used`: none is, in the window, whatever that \
        proves; `used_not_allowed`: successful calls that no statement of this policy explains; `cannot_be_known`: \
        what decides is not in the records; `refused`: calls were refused; `missing`: a workload is said to need it, \
        and the policy does not give it; `no_effect`: a key policy cannot give it, or it names nobody; \
        `differs_in_case`: a caller's name differs from it only in case; `denies`: refused calls are among what it \
        denies; `denies_nothing_seen`: none is.",
        |l| Cell::text(l.status.as_str());
    "detail": Text or null,
        "Why, and what to do.",
        |l| Cell::optional_text(l.detail.as_deref());
    "record_count": Int,
        "Records that show it, whatever is selected with --workload, --event and --key. A call that was delivered \
        twice has two records.",
        |l| Cell::count(l.records.count);
    "only_by_this_count": Int or null,
        "Of `used`: those of them that no other statement of the policy allows.",
        |l| l.alone.map_or(Cell::Null, Cell::count);
    "first_time": Time or null,
        "`eventTime` of the first of these records.",
        |l| l.records.times.map_or(Cell::Null, |(first, _)| Cell::Time(first));
    "last_time": Time or null,
        "`eventTime` of the last one.",
        |l| l.records.times.map_or(Cell::Null, |(_, last)| Cell::Time(last));
    "event_id": Text or null,
        "`eventID` of the first of these records.",
        |l| Cell::optional_text(l.records.event_id.as_deref());
}
