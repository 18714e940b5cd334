//! `shares.parquet`: what is shared between accounts; `share_use.parquet`: who used it.

use crate::aggregate::{Change, Share, ShareUse};
use crate::report::cell::Cell;
use crate::report::table::table;

fn time(change: &Option<Change>) -> Cell<'_> {
    change.as_ref().map_or(Cell::Null, |change| Cell::Time(change.time))
}

fn by(change: &Option<Change>) -> Cell<'_> {
    Cell::optional_text(change.as_ref().map(|change| change.principal.as_str()))
}

fn event_name(change: &Option<Change>) -> Cell<'_> {
    Cell::optional_text(change.as_ref().map(|change| change.event_name.as_str()))
}

fn flag(value: Option<bool>) -> Cell<'static> {
    value.map_or(Cell::Null, Cell::Bool)
}

fn joined<'a>(texts: impl IntoIterator<Item = &'a String>, separator: &str) -> Cell<'static> {
    let texts: Vec<&str> = texts.into_iter().map(String::as_str).collect();
    if texts.is_empty() { Cell::Null } else { Cell::Text(texts.join(separator).into()) }
}

table! {
    /// `shares.parquet`: one row per share, resource and consumer, sorted by resource.
    SHARES: SharesTable("shares") of &'a Share;

    "share_arn": Text or null,
        "ARN of the share. Null: a policy of the resource made it, or no record shows it.",
        |s| Cell::optional_text(s.share.as_deref());
    "share_name": Text or null,
        "Its name. Names are not unique.",
        |s| Cell::optional_text(s.name.as_deref());
    "made_by": Text,
        "`ram`: a share of AWS RAM; `resource_policy`: a policy of the resource, as \
        `PutModelPackageGroupPolicy` sets it, and what was promoted, since AWS RAM promotes nothing else; `key_policy`: the policy of the key, or of the key of the offline store.",
        |s| Cell::text(s.made_by.as_str());
    "resource_arn": Text,
        "ARN of the resource. `none`: the share was made without one, and none was seen since; `unknown`: no record \
        shows it.",
        |s| Cell::text(&s.resource);
    "resource_kind": Text,
        "From the ARN: `pipeline`, `model_package_group`, `feature_group`, `key` …; of other services with their name, \
        as `ec2:subnet`. `offline_store`: that of the feature group whose ARN is given.",
        |s| Cell::text(&s.kind);
    "owner_account_id": Text,
        "The account that shares, or `unknown`.",
        |s| Cell::text(&s.owner);
    "consumer": Text,
        "With whom, as the share or the policy names it; of an account, its id. `none`, `unknown` as in `resource_arn`.",
        |s| Cell::text(&s.consumer.name);
    "consumer_kind": Text,
        "`account`, `organization`, `ou`, `role`, `user`, `service`, `everyone`, `none`, `unknown`.",
        |s| Cell::text(s.consumer.kind.as_str());
    "permission": Text or null,
        "ARN of the permission for this kind of resource, or the name of the default one where the share names none \
        (`default`: its name is not known here). Null: not known, or made by a policy.",
        |s| Cell::optional_text(s.permission.as_ref().map(|permission| permission.name.as_str()));
    "permission_version": Text or null,
        "Version of the permission that was asked for. Null: the default version.",
        |s| Cell::optional_text(s.permission.as_ref().and_then(|permission| permission.version.as_deref()));
    "actions": Text or null,
        "Actions that the policy allows to the consumer, as it spells them, sorted, joined with commas; at most 100. \
        Null: made by AWS RAM, or not known.",
        |s| joined(&s.actions, ",");
    "allows_external": Bool or null,
        "`allowExternalPrincipals`; true also where the creator did not say so, since that is the default. Null: not \
        known, or made by a policy.",
        |s| flag(s.allows_external);
    "allows_external_by_default": Bool,
        "The creator did not say whether external principals are allowed.",
        |s| Cell::Bool(s.allows_external_by_default);
    "external": Bool or null,
        "Whether the consumer is outside the owner's organization: RAM says so, or it is everybody; false for the \
        organization, its units and the owner itself. Null: not known.",
        |s| flag(s.external);
    "feature_set": Text or null,
        "`featureSet` in RAM's answer: `STANDARD`, `CREATED_FROM_POLICY`, `PROMOTING_TO_STANDARD`. Null: not known.",
        |s| Cell::optional_text(s.feature_set.as_deref());
    "state": Text,
        "`requested`; `invited`: RAM calls the consumer external, no answer is known; `accepted`; `rejected`; \
        `expired`: the invitation was, when the consumer answered; `effective`: a call of the consumer on the resource \
        succeeded; `ended`.",
        |s| Cell::text(s.state.as_str());
    "promotion": Text or null,
        "Of a share that a policy made: `permission_only`, `done`, `failed`. Null: nobody tried, or not known.",
        |s| Cell::optional_text(s.promotion.as_ref().map(|promotion| promotion.as_str()));
    "discoverable": Bool or null,
        "Whether the consumer can find the resource: accepted, and not made by a policy or promoted. Null: not known.",
        |s| flag(s.is_discoverable());
    "accessible": Bool or null,
        "Whether the consumer can use it: a call succeeded, or AWS RAM refused to promote it, which says so. False: \
        ended, rejected, expired. Null: not known; the consumer's own policies decide, too.",
        |s| flag(s.is_accessible());
    "requested_time": Time or null,
        "`eventTime` of the call that put resource and consumer into the share. Null: before the input begins.",
        |s| time(&s.requested);
    "requested_by": Text or null,
        "Who made that call, as `principal` of events.",
        |s| by(&s.requested);
    "requested_event_name": Text or null,
        "That call.",
        |s| event_name(&s.requested);
    "accepted_time": Time or null,
        "`eventTime` of the call that accepted the invitation. Null: none is known, or none is needed.",
        |s| s.accepted().map_or(Cell::Null, |change| Cell::Time(change.time));
    "answered_time": Time or null,
        "`eventTime` of the consumer's answer to the invitation, whatever it was.",
        |s| time(&s.answered);
    "answered_by": Text or null,
        "Who answered.",
        |s| by(&s.answered);
    "ended_time": Time or null,
        "`eventTime` of the call that ended it.",
        |s| time(&s.ended);
    "ended_by": Text or null,
        "Who made that call.",
        |s| by(&s.ended);
    "ended_event_name": Text or null,
        "That call.",
        |s| event_name(&s.ended);
    "use_count": Int,
        "Calls of the consumer on the resource that the share may allow, and that succeeded while it was shared, or up to \
        15 minutes later. Calls on several shares of one resource count for each.",
        |s| Cell::count(s.uses);
    "refused_count": Int,
        "Calls of the consumer on the resource in that time that were refused, whatever the share allows.",
        |s| Cell::count(s.refused);
    "late_use_count": Int,
        "Those that succeeded later than that, or between two times in which it was shared.",
        |s| Cell::count(s.late_uses);
    "first_use_time": Time or null,
        "`eventTime` of the first one that succeeded.",
        |s| s.use_times.map_or(Cell::Null, |(first, _)| Cell::Time(first));
    "last_use_time": Time or null,
        "`eventTime` of the last one.",
        |s| s.use_times.map_or(Cell::Null, |(_, last)| Cell::Time(last));
    "note": Text or null,
        "What is uncertain, joined with semicolons.",
        |s| joined(&s.notes, "; ");
    "evidence": Text,
        "`eventID`s of records that show the share, as a JSON list; at most 20.",
        |s| Cell::Text(serde_json::to_string(&s.evidence).unwrap_or_default().into());
}

table! {
    /// `share_use.parquet`: calls on resources of other accounts, and calls that failed to share
    /// one, sorted by resource and caller.
    SHARE_USE: ShareUseTable("share_use") of &'a ShareUse;

    "resource_arn": Text,
        "ARN of the resource, or `unknown`: of a pipeline for its executions, of a group for its model packages. With `*` as the \
        account: the call asked for those of all accounts.",
        |u| Cell::text(&u.calls.resource);
    "resource_kind": Text,
        "As in `shares.parquet`.",
        |u| Cell::text(&u.resource_kind);
    "owner_account_id": Text,
        "The account in the ARN, or `*`.",
        |u| Cell::text(&u.owner);
    "consumer_account_id": Text,
        "The account of the caller.",
        |u| Cell::text(&u.calls.consumer);
    "principal": Text,
        "Who called, as `principal` of events.",
        |u| Cell::text(&u.calls.principal);
    "event_name": Text,
        "API.",
        |u| Cell::text(&u.calls.event_name);
    "use_kind": Text,
        "`look` (describe, list, search), `register` (model packages), `deploy`, `run` (pipelines: the owner pays), \
        `invoke` (endpoints), `read`, `write`, `share` (AWS RAM, policies), `other`.",
        |u| Cell::text(u.kind.as_str());
    "outcome": Text,
        "As `outcome` of events.",
        |u| Cell::text(u.calls.outcome.as_str());
    "error_code": Text or null,
        "Normalized error code. Null: the calls succeeded.",
        |u| Cell::optional_text(u.calls.error_code.as_deref());
    "event_count": Int,
        "Calls; the copies that two accounts get of one call are one: those with the same `sharedEventID`, or, without \
        one, those of one second that say the same.",
        |u| Cell::count(u.count);
    "first_event_time": Time,
        "`eventTime` of the first.",
        |u| Cell::Time(u.times.0);
    "last_event_time": Time,
        "`eventTime` of the last.",
        |u| Cell::Time(u.times.1);
    "first_event_id": Text or null,
        "`eventID` of the first. Null: the record has none, or, of some calls of KMS, it is not kept.",
        |u| Cell::optional_text(u.event_ids.0.as_deref());
    "last_event_id": Text or null,
        "`eventID` of the last.",
        |u| Cell::optional_text(u.event_ids.1.as_deref());
    "key_arn": Text or null,
        "Of calls of KMS: the key. Null: a call of another service.",
        |u| Cell::optional_text(u.calls.key.as_deref());
    "share_arn": Text or null,
        "The only share of the input by which the calls may be. Null: there is none, several, or it has no ARN.",
        |u| Cell::optional_text(u.share.as_deref());
    "visible_share_count": Int or null,
        "Shares and policies of the input by which they may be: for the caller, in force at the time, made by the owner, \
        and not known to lack the action. Zero: none is visible; calls without one have a row of their own. Null: the \
        resource is a share, an invitation, that of all accounts, or the caller's own; or the call was meant to share it, and failed.",
        |u| u.visible_shares.map_or(Cell::Null, Cell::count);
}
