//! Shares of AWS RAM.

use super::super::names;
use super::rights::{InForce, Period, Rights, of_permission};
use super::rows::Row;
use super::{Call, Consumer, Stay, account_of, consumer, consumer_account, stay};
use std::collections::{BTreeMap, BTreeSet};

/// A share, with all calls that name it.
pub struct Share<'c> {
    pub arn: String,
    pub calls: Vec<&'c Call>,
    all: &'c [Call],
    pub is_of_policy: bool,
}

const CHANGES: [&str; 7] = [
    "CreateResourceShare",
    "AssociateResourceShare",
    "DisassociateResourceShare",
    "DeleteResourceShare",
    "AssociateResourceSharePermission",
    "DisassociateResourceSharePermission",
    "PromoteResourceShareCreatedFromPolicy",
];

fn is_answer(call: &Call) -> bool {
    call.is_success()
        && ["AcceptResourceShareInvitation", "RejectResourceShareInvitation"].contains(&&*call.name)
}

/// The share that a call is about.
fn share_of(call: &Call) -> Option<String> {
    if call.source != "ram.amazonaws.com" {
        return None;
    }
    if is_answer(call) {
        return call.answered(&["resourceShareInvitation", "resourceShareArn"]);
    }
    let counts = call.is_success() || call.name.starts_with("Promote");
    if !CHANGES.contains(&&*call.name) || !counts {
        return None;
    }
    call.answered(&["resourceShare", "resourceShareArn"]).or_else(|| call.asked(&["resourceShareArn"]))
}

/// Names and versions.
type Permissions = BTreeMap<String, Option<String>>;

pub fn all(calls: &[Call]) -> Vec<Share<'_>> {
    let arns: BTreeSet<String> = calls.iter().filter_map(share_of).collect();
    let of = |arn: String| Share {
        calls: calls.iter().filter(|call| share_of(call).as_ref() == Some(&arn)).collect(),
        all: calls,
        arn,
        is_of_policy: false,
    };
    arns.into_iter().map(of).collect()
}

fn kind(arn: &str) -> String {
    let Some(arn) = names::arn(arn) else { return arn.to_owned() };
    let kind = arn.resource.split('/').next().unwrap_or_default().to_owned();
    match &*arn.service {
        "sagemaker" | "ram" => kind.replace('-', "_"),
        service => format!("{service}:{kind}"),
    }
}

/// For which kind of resource a managed permission is.
fn kind_of_permission(name: &str) -> Option<&'static str> {
    match () {
        () if names::matches("/AWSRAM(Default)?PermissionSageMakerPipeline", name) => Some("pipeline"),
        () if names::matches("/AWSRAM(Default)?PermissionSageMakerModelPackageGroup", name) => {
            Some("model_package_group")
        }
        () => None,
    }
}

impl<'c> Share<'c> {
    pub fn first(&self, name: &str) -> Option<&'c Call> {
        self.calls.iter().copied().find(|call| call.name == name && call.is_success())
    }

    pub fn owner(&self) -> String {
        account_of(&self.arn).expect("shares have accounts")
    }

    /// When `name` was in a list of the share: `resourceArns` or `principals`.
    fn stay(&self, list: &str, name: &str) -> Stay<'c> {
        let named = self.calls.iter().filter(|call| call.list(list).iter().any(|one| one == name));
        let puts: Vec<(bool, &Call)> =
            named.map(|call| (call.name != "DisassociateResourceShare", *call)).collect();
        stay(&puts)
    }

    fn listed(&self, list: &str) -> BTreeSet<String> {
        self.calls.iter().flat_map(|call| call.list(list)).collect()
    }

    pub fn resources(&self) -> BTreeSet<String> {
        self.listed("resourceArns")
    }

    pub fn principals(&self) -> BTreeSet<String> {
        let mut principals = self.listed("principals");
        principals.extend(self.answers().into_keys());
        principals
    }

    /// The last answer of each account.
    pub fn answers(&self) -> BTreeMap<String, &'c Call> {
        let answers = self.calls.iter().copied().filter(|call| is_answer(call));
        answers
            .filter_map(|call| {
                Some((call.answered(&["resourceShareInvitation", "receiverAccountId"])?, call))
            })
            .collect()
    }

    pub fn name(&self) -> Option<String> {
        let mut name = None;
        for call in &self.calls {
            let invited = call.answered(&["resourceShareInvitation", "resourceShareName"]);
            let given = call.answered(&["resourceShare", "name"]).or_else(|| call.asked(&["name"]));
            name = given.or(name).or(invited);
        }
        name
    }

    pub fn feature_set(&self) -> Option<String> {
        self.calls.iter().rev().find_map(|call| call.answered(&["resourceShare", "featureSet"]))
    }

    /// The first success, else the last failure.
    pub fn promotion(&self) -> Option<&'c Call> {
        let promotes = |call: &&&Call| call.name.starts_with("Promote");
        let mut all = self.calls.iter().filter(promotes);
        all.clone().find(|call| call.is_success()).or_else(|| all.next_back()).copied()
    }

    /// Its permissions at the end, one for each kind of resource.
    pub fn permissions(&self) -> Permissions {
        self.history().pop().map_or_else(BTreeMap::new, |(_, permissions)| permissions)
    }

    /// Its permissions after each call, with its time.
    fn history(&self) -> Vec<(i64, Permissions)> {
        let mut history = Vec::new();
        let mut permissions = Permissions::new();
        let mut kinds = BTreeSet::new();
        let deleted = self.first("DeleteResourceShare").map(|call| (call.time, call.id.clone()));
        for call in self.all.iter().filter(|call| call.is_success() && call.source == "ram.amazonaws.com") {
            let is_mine = share_of(call).as_ref() == Some(&self.arn);
            let (named, version) = (call.asked(&["permissionArn"]), call.asked(&["permissionVersion"]));
            if is_mine {
                kinds.extend(call.list("resourceArns").iter().map(|arn| kind(arn)));
            }
            match (&*call.name, named) {
                ("CreateResourceShare" | "AssociateResourceShare", _) if is_mine => {
                    permissions.extend(call.list("permissionArns").into_iter().map(|name| (name, None)));
                }
                ("AssociateResourceSharePermission", Some(name)) if is_mine => {
                    let kind = kind_of_permission(&name);
                    let is_replaced =
                        |old: &str| kinds.len() == 1 || kind.is_some() && kind_of_permission(old) == kind;
                    permissions.retain(|old, _| !is_replaced(old));
                    permissions.insert(name, version);
                }
                ("DisassociateResourceSharePermission", Some(name)) if is_mine => {
                    permissions.remove(&name);
                }
                ("ReplacePermissionAssociations", _)
                    if deleted.as_ref().is_none_or(|deleted| (call.time, call.id.clone()) < *deleted) =>
                {
                    let names = [["fromPermissionArn"], ["toPermissionArn"]].map(|path| call.asked(&path));
                    if let [Some(from), Some(to)] = names
                        && self.calls.iter().any(|mine| (mine.time, &mine.id) < (call.time, &call.id))
                        && permissions.remove(&from).is_some()
                    {
                        permissions.insert(to, None);
                    }
                }
                _ => {}
            }
            history.push((call.time, permissions.clone()));
        }
        history
    }

    /// What it allowed with one kind of resource, and when.
    fn rights(&self, wanted: &str, kinds: usize) -> Vec<(Period, Rights)> {
        let mut states = vec![(None, Permissions::new())];
        states.extend(self.history().into_iter().map(|(time, state)| (Some(time), state)));
        let default = match wanted {
            "pipeline" => "AWSRAMDefaultPermissionSageMakerPipeline",
            "model_package_group" => "AWSRAMDefaultPermissionSageMakerModelPackageGroup",
            _ => "unknown",
        };
        let default = if self.first("CreateResourceShare").is_some() { default } else { "unknown" };
        let mut found = Vec::new();
        for (n, (from, state)) in states.iter().enumerate() {
            let period = (*from, states.get(n + 1).and_then(|(next, _)| *next));
            // Of a customer's permission, nobody knows for which kind it is.
            let fits = |name: &&String| kind_of_permission(name).is_none_or(|kind| kind == wanted);
            let is_certain = |name: &String| kind_of_permission(name).is_some() || kinds <= 1;
            let names: Vec<&String> = state.keys().filter(fits).collect();
            found.extend(names.iter().map(|name| (period, of_permission(name))));
            // Two states of one second have no time between them.
            if !names.into_iter().any(is_certain) && (period.0 != period.1 || from.is_none()) {
                found.push((period, of_permission(default)));
            }
        }
        found
    }

    /// What consumers may do with one kind of resource, of the `kinds` in the share.
    fn permission(&self, kind: &str, kinds: usize) -> Option<(String, Option<String>)> {
        let all = self.permissions();
        let of = |wanted: Option<&str>| -> Vec<(String, Option<String>)> {
            let fits = all.iter().filter(|(name, _)| kind_of_permission(name) == wanted);
            fits.map(|(name, version)| (name.clone(), version.clone())).collect()
        };
        let named =
            if ["pipeline", "model_package_group"].contains(&kind) { of(Some(kind)) } else { Vec::new() };
        let custom = of(None);
        let default = match kind {
            "pipeline" => "AWSRAMDefaultPermissionSageMakerPipeline",
            "model_package_group" => "AWSRAMDefaultPermissionSageMakerModelPackageGroup",
            _ => "default",
        };
        match (&*named, &*custom) {
            ([first, ..], _) => Some(first.clone()),
            ([], [only]) if kinds <= 1 => Some(only.clone()),
            ([], []) => self.first("CreateResourceShare").map(|_| (default.to_owned(), None)),
            _ => None,
        }
    }

    pub fn rows(&self) -> Vec<Row<'c>> {
        let created = self.first("CreateResourceShare");
        let empty = if created.is_some() { "none" } else { "unknown" };
        let flags = |call: &Call| {
            call.asked(&["allowExternalPrincipals"])
                .or_else(|| call.answered(&["resourceShare", "allowExternalPrincipals"]))
        };
        let by_default = created.is_some_and(|call| flags(call).is_none());
        let said = self.calls.iter().rev().find_map(|call| flags(call)).map(|flag| flag == "true");
        let external: BTreeMap<String, String> = self.calls.iter().flat_map(|call| call.external()).collect();
        let (resources, answers) = (self.resources(), self.answers());
        let kinds: BTreeSet<String> = resources.iter().map(|arn| kind(arn)).collect();
        let none = || BTreeSet::from([empty.to_owned()]);
        let or_none = |names: BTreeSet<String>| if names.is_empty() { none() } else { names };
        let mut rows = Vec::new();
        for resource in or_none(resources) {
            for principal in or_none(self.principals()) {
                let (of_resource, of_principal) =
                    (self.stay("resourceArns", &resource), self.stay("principals", &principal));
                let consumer: Consumer =
                    if principal == empty { (principal.clone(), empty) } else { consumer(&principal) };
                let begin = created.filter(|_| of_resource.since.is_none() && of_principal.since.is_none());
                let end = self.first("DeleteResourceShare");
                let whole = (begin.map(|call| call.time), end.map(|call| call.time));
                // What is of another account, nobody can share.
                let is_own = account_of(&resource).is_none_or(|owner| owner == self.owner());
                let in_force = InForce {
                    all_of: vec![vec![whole], of_resource.periods.clone(), of_principal.periods.clone()],
                    rights: if is_own { self.rights(&kind(&resource), kinds.len()) } else { Vec::new() },
                };
                let ends = [self.first("DeleteResourceShare"), of_resource.until, of_principal.until];
                let begins = [of_resource.since, of_principal.since];
                let is_inside =
                    consumer.1 == "organization" || consumer_account(&consumer) == Some(self.owner());
                let answer = consumer_account(&consumer).and_then(|account| answers.get(&account).copied());
                rows.push(Row {
                    share: Some(self.arn.clone()),
                    name: self.name(),
                    // Only what a policy made is promoted.
                    made_by: if created.is_none() && self.promotion().is_some() {
                        "resource_policy"
                    } else {
                        "ram"
                    },
                    kind: kind(&resource),
                    permission: self.permission(&kind(&resource), kinds.len()),
                    owner: self.owner(),
                    actions: Vec::new(),
                    allows_external: said.or(by_default.then_some(true)),
                    by_default,
                    external: external
                        .get(&principal)
                        .map(|flag| flag == "true")
                        .or(is_inside.then_some(false)),
                    feature_set: self.feature_set(),
                    promotion: self
                        .promotion()
                        .map(|call| if call.is_success() { ("done", call) } else { ("failed", call) })
                        .map(|(promotion, call)| (promotion.to_owned(), call.error.clone())),
                    // Of the two, the resource's call comes first where they are of one second.
                    requested: begins.into_iter().flatten().rev().max_by_key(|call| call.time).or(created),
                    answer,
                    ended: ends.into_iter().flatten().min_by_key(|call| call.time),
                    in_force,
                    uses: Vec::new(),
                    refused: 0,
                    late: 0,
                    consumer,
                    resource: resource.clone(),
                });
            }
        }
        rows
    }
}
