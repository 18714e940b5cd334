//! Uses of resources of other accounts, and by which shares they may be.

use super::super::record::time_text;
use super::rows::Row;
use super::{Call, Consumer, consumer_account, names};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const KINDS: &str = "pipeline|model-package-group|model-package|hub|hub-content|model-card|endpoint|feature-group\
                     |lineage-group|sagemaker-catalog|mlflow-tracking-server";
/// What the names of calls contain that may be about a resource of another account.
const NAMES: &str =
    "Pipeline|ModelPackage|CreateModel|ModelCard|Hub|Endpoint|FeatureGroup|Record|Lineage|Search|Catalog";
/// Calls of AWS RAM that change something are no uses.
const CHANGES: &str =
    "^(Create|Associate|Disassociate|Update|Delete|Promote|Accept|Reject|Set|Replace|Enable)";

/// Calls that share something, or say who may use it.
const SHARING: &str = "^(CreateResourceShare|AssociateResourceShare(Permission)?|Put.*Policy)$";

/// Resource, account and name of the caller, API, outcome, code.
type Group = (String, String, String, String, &'static str, Option<String>);

/// What the call uses that belongs to another account.
fn resources(call: &Call) -> BTreeSet<String> {
    let Some(caller) = &call.caller else { return BTreeSet::new() };
    let is_ram = call.source == "ram.amazonaws.com";
    if is_ram && names::matches(CHANGES, &call.name) || !is_ram && !names::matches(NAMES, &call.name) {
        return BTreeSet::new();
    }
    let mut texts = call.texts();
    for resource in call.root.get("resources").map(super::Json::elements).unwrap_or_default() {
        texts.extend(resource.get_any_case("ARN").and_then(super::Json::text));
    }
    if let Some(message) = call.root.text_at(&["errorMessage"]) {
        texts.extend(
            message
                .split(" on resource: ")
                .nth(1)
                .and_then(|rest| rest.split_whitespace().next())
                .map(str::to_owned),
        );
    }
    let mut found = BTreeSet::new();
    let pattern = format!("^(arn:[^:]*:sagemaker:[^:]*:)([0-9]+):({KINDS})/([^/]+)(/.*)?$");
    for text in texts {
        let text = text.trim_end_matches('.');
        if is_ram {
            let share = names::captures("^arn:[^:]*:ram:[^:]*:([0-9]+):resource-share.*$", text);
            found.extend(share.filter(|parts| parts[1] != *caller).map(|parts| parts[0].clone()));
            continue;
        }
        let Some(parts) = names::captures(&pattern, text) else { continue };
        let kind = match (&*parts[3], parts[5].is_empty()) {
            ("model-package", false) => "model-package-group",
            ("hub-content", _) => "hub",
            (kind, _) => kind,
        };
        if parts[2] != *caller {
            found.insert(format!("{}{}:{kind}/{}", parts[1], parts[2], parts[4]));
        }
    }
    if call.asked(&["crossAccountFilterOption"]).as_deref() == Some("CrossAccount") {
        let kind = match (&*call.name, call.asked(&["resource"]).as_deref()) {
            ("Search", Some("Pipeline" | "PipelineExecution")) => "pipeline",
            ("Search", Some("ModelPackageGroup" | "ModelPackage")) => "model-package-group",
            ("Search", _) => "*",
            _ => "model-package-group",
        };
        found.insert(format!("arn:aws:sagemaker:{}:*:{kind}/*", call.region));
    }
    if call.name == "GetResourceShareInvitations" && call.texts().is_empty() {
        found.insert(format!("arn:aws:ram:{}:*:resource-share-invitation/*", call.region));
    }
    found
}

pub fn kind_of_use(name: &str) -> &'static str {
    let kinds = [
        (SHARING, "share"),
        ("^Invoke", "invoke"),
        ("^(GetRecord|BatchGetRecord|ListRecords)$", "read"),
        ("^(PutRecord|DeleteRecord|BatchWriteRecord)$", "write"),
        ("^(Describe|List|Get|Search|BatchDescribe|Query)", "look"),
        ("^(Create|Update|Delete)ModelPackage", "register"),
        ("^(CreateModel|DeployHubModel|TrainHubModel)$", "deploy"),
        ("PipelineExecution", "run"),
    ];
    kinds.into_iter().find(|(pattern, _)| names::matches(pattern, name)).map_or("other", |(_, kind)| kind)
}

fn covers(consumer: &Consumer, account: &str, principal: &str) -> bool {
    match consumer.1 {
        "account" => consumer.0 == account,
        "role" => consumer.0 == principal && consumer_account(consumer).as_deref() == Some(account),
        "organization" | "everyone" => true,
        kind => kind == "unknown" && consumer.0 == "unknown",
    }
}

/// The rows of `share_use.parquet`. Adds the uses to the shares.
pub fn join(calls: &[Call], rows: &mut [Row<'_>]) -> Vec<Value> {
    // Each call once: of its copies, the caller's.
    let mut best: BTreeMap<(String, String, String), (bool, &Call)> = BTreeMap::new();
    for (n, call) in calls.iter().enumerate() {
        for resource in resources(call) {
            let id = call.shared_id.clone().or(call.id.clone()).unwrap_or_else(|| n.to_string());
            let is_foreign = call.recipient != call.caller;
            let known = best.entry((id, resource, call.name.clone())).or_insert((is_foreign, call));
            let rank = |(is_foreign, call): &(bool, &Call)| (*is_foreign, call.time, call.id.clone());
            if rank(&(is_foreign, call)) < rank(known) {
                *known = (is_foreign, call);
            }
        }
    }
    // Without a common id, what two accounts say alike of one second is one call.
    type Place = (String, String, String);
    let same = |(_, resource, name): &Place, call: &Call| {
        format!("{} {resource} {name} {:?} {} {:?}", call.time, call.caller, call.outcome, call.error)
    };
    let mut own: Vec<String> = Vec::new();
    for (place, (is_foreign, call)) in &best {
        own.extend((!is_foreign && call.shared_id.is_none()).then(|| same(place, call)));
    }
    best.retain(|place, (is_foreign, call)| {
        let is_alone = *is_foreign && call.shared_id.is_none();
        match own.iter().position(|text| is_alone && *text == same(place, call)) {
            Some(n) => drop(own.remove(n)),
            None => return true,
        }
        false
    });
    let mut groups: BTreeMap<Group, Vec<&Call>> = BTreeMap::new();
    for ((_, resource, name), (_, call)) in best {
        let caller = call.caller.clone().unwrap_or_default();
        let group = (resource, caller, call.principal.clone(), name, call.outcome, call.error.clone());
        groups.entry(group).or_default().push(call);
    }
    let mut uses = Vec::new();
    for ((resource, account, principal, name, outcome, code), mut calls) in groups {
        calls.sort_by_key(|call| (call.time, call.id.clone()));
        let is_it = |row: &&mut Row<'_>| {
            row.resource.to_lowercase() == resource.to_lowercase()
                && covers(&row.consumer, &account, &principal)
        };
        let arn = names::arn(&resource).expect("uses have ARNs");
        let kind = arn.resource.split('/').next().unwrap_or_default().replace('-', "_");
        let is_shareable = arn.account != "*" && arn.account != account && arn.service == "sagemaker";
        let (mut by, mut explained) = (Vec::new(), BTreeSet::new());
        for row in rows.iter_mut().filter(is_it) {
            let mut is_way = false;
            for call in &calls {
                let in_force = &row.in_force;
                if outcome == "denied" && in_force.is(call.time) {
                    row.refused += 1;
                }
                if row.is_declined() {
                    continue;
                }
                if in_force.permits(&name, call.time) {
                    is_way = true;
                    explained.insert(call.id.clone());
                    if outcome == "success" {
                        row.uses.push(call.time);
                    }
                } else if outcome == "success" && in_force.is_late(&name, call.time) {
                    row.late += 1;
                }
            }
            by.extend(is_way.then(|| row.share.clone()));
        }
        let (with, without): (Vec<&Call>, Vec<&Call>) =
            calls.into_iter().partition(|call| !is_shareable || explained.contains(&call.id));
        for (calls, by) in [(with, by), (without, Vec::new())] {
            let (Some(first), Some(last)) = (calls.first(), calls.last()) else { continue };
            let only = if let [only] = &*by { only.clone() } else { None };
            uses.push(json!({
                "resource_arn": resource, "resource_kind": kind, "owner_account_id": arn.account,
                "consumer_account_id": account, "principal": principal, "event_name": name,
                "use_kind": kind_of_use(&name), "outcome": outcome, "error_code": code, "event_count": calls.len(),
                "first_event_time": time_text(first.time), "last_event_time": time_text(last.time),
                "first_event_id": first.id, "last_event_id": last.id, "key_arn": null,
                "share_arn": only, "visible_share_count": is_shareable.then_some(by.len()),
            }));
        }
    }
    let text = |use_: &Value, name: &str| use_[name].as_str().unwrap_or_default().to_owned();
    let order = |use_: &Value| {
        ["resource_arn", "consumer_account_id", "principal", "event_name", "outcome", "error_code"]
            .map(|name| text(use_, name))
    };
    uses.extend(attempts(calls));
    uses.sort_by_key(order);
    uses
}

/// Calls that were meant to share something, and failed.
fn attempts(calls: &[Call]) -> Vec<Value> {
    let mut groups: BTreeMap<Group, BTreeMap<String, &Call>> = BTreeMap::new();
    for call in calls.iter().filter(|call| !call.is_success() && names::matches(SHARING, &call.name)) {
        let caller = call.caller.clone().unwrap_or_else(|| "unknown".to_owned());
        let named = call.asked(&["modelPackageGroupName"]).map(|name| match names::arn(&name) {
            Some(_) => name,
            None => format!("arn:aws:sagemaker:{}:{caller}:model-package-group/{name}", call.region),
        });
        let mut resources = call.list("resourceArns");
        if resources.is_empty() {
            let one = named.or_else(|| call.asked(&["resourceShareArn"]));
            resources.push(one.unwrap_or_else(|| "unknown".to_owned()));
        }
        for resource in resources {
            // Another account's call on a resource is a use.
            let owner = names::arn(&resource).map(|arn| arn.account);
            if call.source == "sagemaker.amazonaws.com" && owner.is_some_and(|owner| owner != caller) {
                continue;
            }
            let (name, error) = (call.name.clone(), call.error.clone());
            let group = (resource, caller.clone(), call.principal.clone(), name, call.outcome, error);
            let id = call.shared_id.clone().or(call.id.clone()).unwrap_or_default();
            groups.entry(group).or_default().entry(id).or_insert(call);
        }
    }
    let value =
        |((resource, account, principal, name, outcome, code), calls): (Group, BTreeMap<String, &Call>)| {
            let mut calls: Vec<&Call> = calls.into_values().collect();
            calls.sort_by_key(|call| (call.time, call.id.clone()));
            let (first, last) = (calls[0], calls[calls.len() - 1]);
            let (kind, owner) = match names::arn(&resource) {
                Some(arn) => {
                    (arn.resource.split('/').next().unwrap_or_default().replace('-', "_"), arn.account)
                }
                None => ("unknown".to_owned(), "unknown".to_owned()),
            };
            json!({
                "resource_arn": resource, "resource_kind": kind, "owner_account_id": owner,
                "consumer_account_id": account, "principal": principal, "event_name": name,
                "use_kind": "share", "outcome": outcome, "error_code": code, "event_count": calls.len(),
                "first_event_time": time_text(first.time), "last_event_time": time_text(last.time),
                "first_event_id": first.id, "last_event_id": last.id, "key_arn": null,
                "share_arn": null, "visible_share_count": null,
            })
        };
    groups.into_iter().map(value).collect()
}
