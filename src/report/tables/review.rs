//! The access review: who may use, or used, which key, with empty columns for the reviewer.

use crate::model::{Arn, EventTime};
use crate::report::cell::Cell;
use crate::report::table::table;

/// One key and one principal, for a reviewer to decide about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReviewRow {
    /// ARN of the key, or its id or alias.
    pub key: String,
    /// What the last change of the key made of it; `None`: there is no change in the input.
    pub state: Option<&'static str>,
    /// Who; `None`: nobody, as far as the input shows.
    pub principal: Option<String>,
    /// The principal's account.
    pub account: Option<String>,
    /// Records of calls that succeeded.
    pub used: u64,
    /// Records of calls that were refused.
    pub refused: u64,
    /// Records of calls that failed for another reason.
    pub failed: u64,
    /// The first and the last call that succeeded.
    pub times: Option<(EventTime, EventTime)>,
    /// APIs of calls that succeeded, sorted, joined with commas.
    pub apis: String,
    /// What its calls are for, refused ones too; sorted, joined with commas.
    pub workloads: String,
    /// APIs of calls that were refused.
    pub refused_apis: String,
    /// Open grants of the key for the principal.
    pub open_grants: u64,
    /// When the last key policy in the input was set.
    pub policy_set: Option<EventTime>,
    /// Permissions that statements of it give to exactly this principal, and that nobody used.
    pub allowed_unused: String,
    /// Operations that these allow and no successful call has shown.
    pub granted_unused: String,
}

/// A list that is null when it is empty.
fn list(text: &str) -> Cell<'_> {
    Cell::optional_text(Some(text).filter(|text| !text.is_empty()))
}

fn time(row: &ReviewRow, read: fn((EventTime, EventTime)) -> EventTime) -> Cell<'static> {
    row.times.map_or(Cell::Null, |times| Cell::Time(read(times)))
}

/// The part of the key's ARN.
fn of_key(row: &ReviewRow, part: for<'r> fn(Arn<'r>) -> &'r str) -> Cell<'_> {
    Cell::optional_text(Arn::parse(&row.key).map(part))
}

table! {
    /// What `keytrail review` prints: one row per key and principal, sorted by them.
    REVIEW: ReviewTable("review") of ReviewRow;

    "key_arn": Text,
        "ARN of the key, or its id or alias where the records give no more.",
        |r| Cell::text(&r.key);
    "key_account_id": Text or null,
        "Account that owns the key.",
        |r| of_key(r, |arn| arn.account);
    "key_region": Text or null,
        "Region of the key.",
        |r| of_key(r, |arn| arn.region);
    "key_state": Text or null,
        "What the last change of the key in the input left: `enabled`, `disabled`, \
        `pending_deletion` or `deleted`. Null: the input shows no change, or two at one time.",
        |r| Cell::optional_text(r.state);
    "principal": Text or null,
        "Who called, or is the grantee of an open grant, as `principal` of events. Null: nobody, as \
        far as the input shows; the key is in the list that was given.",
        |r| Cell::optional_text(r.principal.as_deref());
    "principal_account_id": Text or null,
        "Account of the principal. Null: an AWS service, or not known.",
        |r| Cell::optional_text(r.account.as_deref());
    "used_count": Int,
        "Records of calls that succeeded. A call that was delivered twice counts twice.",
        |r| Cell::count(r.used);
    "first_use": Time or null,
        "`eventTime` of the first of them.",
        |r| time(r, |(first, _)| first);
    "last_use": Time or null,
        "`eventTime` of the last of them.",
        |r| time(r, |(_, last)| last);
    "used_apis": Text or null,
        "Their APIs, joined with commas, sorted.",
        |r| list(&r.apis);
    "workloads": Text or null,
        "What all calls of the principal with the key are for, refused ones too: labels as in \
        `workload` of events; joined with commas, sorted. Null: there is no call, or the report is of \
        a version that did not write them.",
        |r| list(&r.workloads);
    "refused_count": Int,
        "Records of calls that were refused for lack of a permission.",
        |r| Cell::count(r.refused);
    "refused_apis": Text or null,
        "Their APIs, joined with commas, sorted.",
        |r| list(&r.refused_apis);
    "failed_count": Int,
        "Records of calls that failed for another reason.",
        |r| Cell::count(r.failed);
    "open_grants": Int,
        "Grants of the key for the principal that were created in the input and not ended in it.",
        |r| Cell::count(r.open_grants);
    "granted_not_used": Text or null,
        "Operations that these grants allow, and that no successful call of the principal with the \
        key shows; joined with commas, sorted. Not used in the window is not unneeded.",
        |r| list(&r.granted_unused);
    "policy_set_time": Time or null,
        "When the key policy in force at the end of the input was set. Null: the input does not show it.",
        |r| r.policy_set.map_or(Cell::Null, Cell::Time);
    "allowed_not_used": Text or null,
        "Permissions that statements of this policy give to the principal by its name, and that were \
        not used in the window: rows `allowed_not_used` of `policy_statements.parquet`; joined with \
        commas, sorted.",
        |r| list(&r.allowed_unused);
    "reviewer": Text or null,
        "Empty, for the reviewer.",
        |_| Cell::Null;
    "decision": Text or null,
        "Empty, for the decision: keep, change, remove.",
        |_| Cell::Null;
    "decision_date": Text or null,
        "Empty, for the date of the decision.",
        |_| Cell::Null;
}
