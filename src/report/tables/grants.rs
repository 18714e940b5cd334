//! `grants.parquet`: every grant that the input shows, and how often it may have been used.

use std::borrow::Cow;

use crate::aggregate::{Change, Grant, UseSummary};
use crate::model::{Arn, IntegrityStatus, normalize_service};
use crate::report::cell::Cell;
use crate::report::table::table;

/// A grant, and the calls that are consistent with it.
#[derive(Debug)]
pub struct GrantRow<'a> {
    /// The grant.
    pub grant: &'a Grant,
    /// The calls.
    pub uses: UseSummary,
    /// What digests say of the archive in which it was created.
    pub integrity: Option<IntegrityStatus>,
}

impl GrantRow<'_> {
    fn created<T>(&self, read: impl FnOnce(&Change) -> T) -> Option<T> {
        self.grant.created.as_ref().map(read)
    }

    fn ended<T>(&self, read: impl FnOnce(&Change) -> T) -> Option<T> {
        self.grant.ended.as_ref().map(read)
    }

    fn count(&self, calls: u64) -> Cell<'static> {
        if self.grant.is_counted { Cell::count(calls) } else { Cell::Null }
    }

    fn not_seen(&self) -> Option<String> {
        self.grant.terms.operations.as_ref().filter(|_| self.grant.is_counted)?;
        let seen = |operation: &&str| !self.uses.operations.contains(operation);
        Some(self.grant.operations().filter(seen).collect::<Vec<_>>().join(","))
    }
}

/// A principal that stands in a grant, in the form of the column `principal`: services without
/// their Region.
fn normalized(text: &Option<String>) -> Cell<'_> {
    text.as_deref().map_or(Cell::Null, |text| Cell::Text(normalize_service(Cow::Borrowed(text))))
}

/// The part of the key's ARN.
fn of_key<'a>(row: &GrantRow<'a>, part: fn(Arn<'a>) -> &'a str) -> Cell<'a> {
    let key: Option<&'a str> = row.grant.key.as_deref();
    Cell::optional_text(key.and_then(Arn::parse).map(part))
}

table! {
    /// `grants.parquet`: one row per grant, sorted by key and time.
    GRANTS: GrantsTable("grants") of GrantRow<'a>;

    "grant_id": Text or null,
        "Id of the grant. Null: the record of its creation does not show it.",
        |r| Cell::optional_text(r.grant.terms.grant_id.as_deref());
    "key_arn": Text or null,
        "ARN of its key, or the key's id where the records give no more.",
        |r| Cell::optional_text(r.grant.key.as_deref());
    "key_account_id": Text or null,
        "Account that owns the key.",
        |r| of_key(r, |arn| arn.account);
    "key_region": Text or null,
        "Region of the key.",
        |r| of_key(r, |arn| arn.region);
    "state": Text,
        "`open`: created in the input and not ended in it; `retired`; `revoked`; `key_deleted`; \
        `created_before_window`: only its end is in the input; `unknown`: its id is not known, so \
        no end can be found.",
        |r| Cell::text(r.grant.state.as_str());
    "grantee_principal": Text or null,
        "`granteePrincipal` or `granteeServicePrincipal`, unchanged. Null: created before the input \
        begins, or left out of the record.",
        |r| Cell::optional_text(r.grant.terms.grantee.as_deref());
    "grantee": Text or null,
        "The same in the form of the column `principal`: a service without its Region.",
        |r| normalized(&r.grant.terms.grantee);
    "retiring_principal": Text or null,
        "`retiringPrincipal` or `retiringServicePrincipal`, unchanged. Null: none, or not known.",
        |r| Cell::optional_text(r.grant.terms.retiring.as_deref());
    "retiring": Text or null,
        "The same in the form of the column `principal`.",
        |r| normalized(&r.grant.terms.retiring);
    "operations": Text or null,
        "Operations that it allows, joined with commas, as in the record.",
        |r| Cell::optional_text(r.grant.terms.operations.as_deref());
    "constraints": Text or null,
        "Its constraints as JSON text, as `grant_constraints` of events. Null: none, or not known.",
        |r| Cell::optional_text(r.grant.terms.constraints.as_deref());
    "grant_name": Text or null,
        "The name that its creator gave it.",
        |r| Cell::optional_text(r.grant.terms.name.as_deref());
    "created_time": Time or null,
        "`eventTime` of the CreateGrant. Null: it was created before the input begins.",
        |r| r.created(|c| c.time).map_or(Cell::Null, Cell::Time);
    "created_by": Text or null,
        "Who created it, as `principal` of events.",
        |r| Cell::optional_text(r.grant.created.as_ref().map(|c| c.principal.as_str()));
    "created_through": Text or null,
        "The AWS service that made the call for its creator, as `invoked_by` of events.",
        |r| Cell::optional_text(r.grant.created.as_ref().and_then(|c| c.service.as_deref()));
    "created_event_id": Text or null,
        "`eventID` of the CreateGrant.",
        |r| Cell::optional_text(r.grant.created.as_ref().and_then(|c| c.event_id.as_deref()));
    "repeated_calls": Int,
        "Later CreateGrant calls to which KMS answered with this grant, since name and all \
        parameters were equal.",
        |r| Cell::count(r.grant.repeated);
    "ended_time": Time or null,
        "`eventTime` of what ended it.",
        |r| r.ended(|c| c.time).map_or(Cell::Null, Cell::Time);
    "ended_by": Text or null,
        "Who ended it.",
        |r| Cell::optional_text(r.grant.ended.as_ref().map(|c| c.principal.as_str()));
    "ended_through": Text or null,
        "The AWS service that made the call.",
        |r| Cell::optional_text(r.grant.ended.as_ref().and_then(|c| c.service.as_deref()));
    "ended_event_name": Text or null,
        "`RetireGrant`, `RevokeGrant` or `DeleteKey`.",
        |r| Cell::optional_text(r.grant.ended.as_ref().map(|c| c.event_name.as_str()));
    "ended_event_id": Text or null,
        "`eventID` of that.",
        |r| Cell::optional_text(r.grant.ended.as_ref().and_then(|c| c.event_id.as_deref()));
    "unusable_since": Time or null,
        "Since when the key is disabled or pending deletion, at the end of the input. Null: it is \
        not, as far as the input shows, or the grant has ended before.",
        |r| r.grant.unusable_since.map_or(Cell::Null, Cell::Time);
    "parent_grant_id": Text or null,
        "The only grant of the key from which its creator may have had the right to create it: the \
        creator is its grantee, CreateGrant and all operations are among its own, and its \
        constraints are as strict. Null: there is none, or several.",
        |r| Cell::optional_text(r.grant.parent.as_deref());
    "consistent_use_count": Int or null,
        "Calls that are consistent with the grant: its grantee called, the operation is one of \
        its, the constraints hold (a grant that is created has no more operations, and constraints as \
        strict), and the time lies between its creation and five minutes after its end, or before its \
        grantee was created again. No record says that a call was allowed by a grant: a policy may have allowed it. \
        Whatever the API or workload asked for; other filters apply. Null: the grantee is not known, or \
        there are too many kinds of grants for it, as said above.",
        |r| r.count(r.uses.calls);
    "ambiguous_use_count": Int or null,
        "Those of them with which another grant is consistent, too.",
        |r| r.count(r.uses.ambiguous);
    "undecidable_use_count": Int or null,
        "Further calls of which the records do not say whether they are consistent: a source ARN in \
        the constraints, names that differ only in case, a session whose role's path is lost, a grant \
        to an account's root, for which IAM policies decide.",
        |r| r.count(r.uses.undecidable);
    "first_consistent_use": Time or null,
        "`eventTime` of the first consistent call.",
        |r| r.uses.times.map_or(Cell::Null, |(first, _)| Cell::Time(first));
    "last_consistent_use": Time or null,
        "`eventTime` of the last one.",
        |r| r.uses.times.map_or(Cell::Null, |(_, last)| Cell::Time(last));
    "operations_seen": Text or null,
        "The operations among consistent calls, joined with commas, sorted. Null: none.",
        |r| match r.uses.operations.is_empty() {
            true => Cell::Null,
            false => Cell::Text(r.uses.operations.iter().copied().collect::<Vec<_>>().join(",").into()),
        };
    "operations_not_seen": Text or null,
        "The others, sorted. Null: the operations, or the calls, are not known. Empty: all were seen.",
        |r| r.not_seen().map_or(Cell::Null, |list| Cell::Text(list.into()));
    "integrity": Text or null,
        "What digests say of the archive in which it was created (the first by its URI, if copies are in \
        several): a `status` of `integrity.parquet`. Null: the input has no digests, or not the record.",
        |r| Cell::optional_text(r.integrity.map(|status| status.as_str()));
}
