//! The least key policy for what was observed, and what workloads are said to need.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use crate::aggregate::{CallTraits, CallerUse, KeyCaller, KeyPolicyUses};
use crate::model::{Arn, WorkloadSet};
use crate::policy::{
    Effect, ElementTrait, IsNamed, Permission, PermissionKind, Policy, PrincipalElement, Principals,
    REQUIREMENTS, Statement,
};

/// Most bytes of a key policy.
///
/// Source: [quotas](https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html).
const MAX_BYTES: usize = 32 << 10;

/// A policy that fits what was observed.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Suggestion {
    /// The policy, as `PutKeyPolicy` takes it.
    pub policy: Value,
    /// What was left out, and why; one sentence each.
    pub left_out: Vec<String>,
}

/// Members of a policy and of a statement, in the order in which people write them.
const MEMBERS: [&str; 12] = [
    "Version",
    "Id",
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
    "Statement",
];

/// A value whose known members come in their usual order.
struct Ordered<'v>(&'v Value);

impl Serialize for Ordered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Array(list) => serializer.collect_seq(list.iter().map(Ordered)),
            Value::Object(members) => {
                let place = |name: &str| MEMBERS.iter().position(|known| *known == name);
                let mut members: Vec<(&String, &Value)> = members.iter().collect();
                members.sort_by_key(|(name, _)| place(name));
                serializer.collect_map(members.into_iter().map(|(name, value)| (name, Ordered(value))))
            }
            other => other.serialize(serializer),
        }
    }
}

impl Suggestion {
    /// The policy as indented JSON.
    pub fn to_json(&self) -> String {
        // A value has no keys that are not texts.
        serde_json::to_string_pretty(&Ordered(&self.policy)).unwrap_or_default()
    }
}

/// Suggests a policy for the key with this ARN. `present` is its policy now, if it is known:
/// statements that deny, and those for administrators and for the account's IAM policies, are
/// kept.
pub fn suggest_policy(key_arn: &str, uses: &KeyPolicyUses, present: Option<&Policy>) -> Suggestion {
    let mut draft = Draft::new(key_arn);
    match present {
        Some(policy) => policy.statements.iter().enumerate().for_each(|(n, one)| draft.keep(n, one)),
        None => draft.delegate(),
    }
    for (name, caller) in &uses.callers {
        draft.caller(name, caller);
    }
    draft.finish()
}

/// Principals that get the same permissions under the same conditions.
#[derive(Default)]
struct Group {
    aws: BTreeSet<String>,
    services: BTreeSet<String>,
    workloads: WorkloadSet,
}

/// Permissions and the text of their conditions; whether they were observed.
type GroupKey = (Vec<&'static str>, String, bool);

struct Draft<'k> {
    owner: &'k str,
    partition: &'k str,
    kept: Vec<Value>,
    /// A kept statement lets the account's IAM policies decide.
    delegates: bool,
    groups: BTreeMap<GroupKey, Group>,
    left_out: Vec<String>,
    /// Whom kept statements allow what, without conditions.
    administrators: Vec<(Vec<PrincipalElement>, BTreeSet<&'static str>)>,
    /// The sessions that the present policy names, by their roles without paths.
    sessions: BTreeMap<String, BTreeMap<String, String>>,
}

impl<'k> Draft<'k> {
    fn new(key_arn: &'k str) -> Self {
        let arn = Arn::parse(key_arn);
        Self {
            owner: arn.map_or("", |arn| arn.account),
            partition: arn.map_or("aws", |arn| arn.partition),
            kept: Vec::new(),
            delegates: false,
            groups: BTreeMap::new(),
            left_out: Vec::new(),
            administrators: Vec::new(),
            sessions: BTreeMap::new(),
        }
    }

    fn leave_out(&mut self, sentence: String) {
        self.left_out.push(sentence);
    }

    /// Without a present policy: what every key has by default.
    fn delegate(&mut self) {
        self.delegates = true;
        let default = Policy::default_of(self.owner, self.partition);
        self.kept.extend(default["Statement"].as_array().into_iter().flatten().cloned());
        self.leave_out(
            "The present policy is not known: the first statement lets the account's IAM policies decide, as every \
             new key has it. Name the present policy with --policy to keep its administrators."
                .to_owned(),
        );
    }

    /// Keeps what a present statement denies, and what it allows administrators.
    fn keep(&mut self, place: usize, statement: &Statement) {
        let name = statement.name(place);
        // KMS takes no policy with the id of somebody who was deleted.
        let (elements, gone): (Vec<_>, Vec<_>) =
            statement.principals.elements().iter().partition(|one| one.nature() != ElementTrait::Orphaned);
        let Some(json) = self.without_deleted(&name, statement, &elements, &gone) else { return };
        if statement.effect == Effect::Deny {
            return self.kept.push(json);
        }
        for (element, (role, session)) in elements.iter().filter_map(|one| Some((one, one.session()?))) {
            self.sessions.entry(role).or_default().insert(session.to_owned(), element.text.clone());
        }
        let is_own = |trait_of| matches!(trait_of, ElementTrait::Account(account) if account == self.owner);
        let is_listed = matches!(statement.principals, Principals::Listed(_));
        if is_listed && !elements.is_empty() && elements.iter().all(|element| is_own(element.nature())) {
            self.delegates = true;
            return self.kept.push(json);
        }
        let set = statement.permissions();
        if elements.iter().any(|element| element.nature() == ElementTrait::Everybody) {
            return self.leave_out(format!(
                "{name:?} of the present policy is for everybody: it is not kept. Name the administrators."
            ));
        }
        // Whoever used the key through it gets a statement without them.
        let conditions: BTreeSet<&str> =
            statement.conditions.iter().map(|condition| condition.key()).collect();
        let conditions: Vec<&str> = conditions.into_iter().collect();
        let lost = match conditions.is_empty() {
            true => String::new(),
            false => format!(" Its conditions ({}) are not repeated for use.", conditions.join(", ")),
        };
        let administers = set.iter().any(|one| one.kind == PermissionKind::Administer);
        if !administers || !is_listed {
            return self.leave_out(format!(
                "{name:?} of the present policy: its permissions are given to those who used them.{lost}"
            ));
        }
        let uses = set.iter().any(|one| matches!(one.kind, PermissionKind::Use) || one.name == "CreateGrant");
        let kept: BTreeSet<&'static str> = set
            .iter()
            .filter(|one| one.is_for_key_policies())
            .filter(|one| !matches!(one.kind, PermissionKind::Use) && one.name != "CreateGrant")
            .map(|one| one.name)
            .collect();
        if statement.conditions.is_empty() {
            self.administrators.push((elements.into_iter().cloned().collect(), kept.clone()));
        }
        if !uses {
            return self.kept.push(json);
        }
        let actions: Vec<String> = kept.iter().map(|name| format!("kms:{name}")).collect();
        let mut json = json;
        if let Value::Object(members) = &mut json {
            members.remove("NotAction");
            members.insert("Action".to_owned(), actions.into());
        }
        self.kept.push(json);
        self.leave_out(format!(
            "{name:?} of the present policy allowed use of the key beside its administration: it keeps the latter.{lost}"
        ));
    }

    /// A statement that is kept, without principals that were deleted; `None`: nobody else is left.
    fn without_deleted(
        &mut self,
        name: &str,
        statement: &Statement,
        elements: &[&PrincipalElement],
        gone: &[&PrincipalElement],
    ) -> Option<Value> {
        let mut json = statement.json.clone();
        if gone.is_empty() {
            return Some(json);
        }
        let ids: Vec<&str> = gone.iter().map(|element| element.text.as_str()).collect();
        let ids = ids.join(", ");
        if elements.is_empty() {
            self.leave_out(format!("{name:?} of the present policy names only who was deleted: {ids}."));
            return None;
        }
        self.leave_out(format!("{ids} in {name:?} of the present policy: the role or user was deleted."));
        let member =
            if matches!(statement.principals, Principals::Listed(_)) { "Principal" } else { "NotPrincipal" };
        if let Some(Value::Object(kinds)) = json.get_mut(member) {
            let is_gone = |value: &Value| {
                gone.iter().any(|element| value.as_str().is_some_and(|text| text == element.text))
            };
            for value in kinds.values_mut() {
                if let Value::Array(list) = value {
                    list.retain(|one| !is_gone(one));
                }
            }
            let is_nobody = |value: &Value| is_gone(value) || value.as_array().is_some_and(Vec::is_empty);
            kinds.retain(|_, value| !is_nobody(value));
        }
        Some(json)
    }

    /// Whom to name for calls of a caller: its sessions, where the present policy names them and no
    /// other called; else the role.
    fn names(&mut self, name: &str, permission: &str, traits: &CallTraits) -> Vec<String> {
        let role = Arn::parse(name).and_then(|arn| {
            let role = arn.resource.strip_prefix("role/")?.rsplit('/').next()?;
            Some(format!("arn:{}:iam::{}:role/{role}", arn.partition, arn.account))
        });
        let Some(known) = role.and_then(|role| self.sessions.get(&role)) else {
            return vec![name.to_owned()];
        };
        let arn_of = |session: &Option<String>| known.get(session.as_deref()?).cloned();
        let called: Option<Vec<String>> =
            traits.sessions.values().and_then(|called| called.iter().map(arn_of).collect());
        if let Some(sessions) = called.filter(|sessions| !sessions.is_empty()) {
            return sessions;
        }
        let listed: Vec<&str> = known.values().map(String::as_str).collect();
        let sentence = format!(
            "{name}: the present policy names sessions of it ({}), and other sessions used {permission}, too: the role is \
             named.",
            listed.join(", ")
        );
        self.leave_out(sentence);
        vec![name.to_owned()]
    }

    fn caller(&mut self, name: &str, caller: &KeyCaller) {
        let is_service = caller.kind == "AWSService";
        let is_identity = Arn::parse(name).is_some_and(|arn| arn.service == "iam" && is_account(arn.account));
        if is_service && !name.ends_with(".amazonaws.com") {
            return self.leave_out(format!("{name}: it is no service that a policy can name."));
        }
        if name.ends_with(":root") {
            return self.leave_out(format!(
                "{name}: a statement for the root user lets the account's IAM policies decide about the key."
            ));
        }
        if !is_service && !is_identity {
            return self.leave_out(format!("{name}: the records do not show its ARN."));
        }
        let mut seen = BTreeSet::new();
        let mut by_permission: BTreeMap<&'static str, CallerUse> = BTreeMap::new();
        for ((_, permission), found) in &caller.uses {
            *by_permission.entry(permission).or_default() += found.clone();
        }
        let mut by_conditions: BTreeMap<(Vec<String>, String), Vec<&'static str>> = BTreeMap::new();
        for (permission, found) in &by_permission {
            let succeeded = found.succeeded().count;
            if found.refused.count > 0 && succeeded == 0 {
                self.leave_out(format!("{name}: {permission} was refused, and never succeeded."));
            }
            if succeeded == 0 || !self.wants(name, caller, permission, found, succeeded) {
                continue;
            }
            seen.insert(*permission);
            let conditions = self.conditions(permission, &found.traits, is_service);
            let names = self.names(name, permission, &found.traits);
            by_conditions.entry((names, conditions)).or_default().push(permission);
        }
        for ((names, conditions), permissions) in by_conditions {
            names
                .iter()
                .for_each(|name| self.add((permissions.clone(), conditions.clone(), true), name, caller));
        }
        if !is_service {
            let asked = || by_permission.keys().copied();
            let needed = REQUIREMENTS.iter().filter(|one| one.is_for(caller.workloads, asked()));
            let needed: BTreeSet<&'static str> = needed.flat_map(|one| one.permissions).copied().collect();
            let unseen: Vec<&'static str> = needed.difference(&seen).copied().collect();
            if !unseen.is_empty() {
                self.add((unseen, String::new(), false), name, caller);
            }
        }
    }

    /// Whether a permission that was used needs a statement.
    fn wants(
        &mut self,
        name: &str,
        caller: &KeyCaller,
        permission: &'static str,
        found: &CallerUse,
        succeeded: u64,
    ) -> bool {
        let Some(known) = Permission::named(permission).filter(|one| one.is_for_key_policies()) else {
            return false;
        };
        if found.with_grant == succeeded {
            self.leave_out(format!("{name}: {permission} is consistent with a grant in all calls."));
            return false;
        }
        // A statement that is kept allows it already.
        let principal = caller.as_principal(name);
        let is_named = |elements: &[PrincipalElement]| {
            elements.iter().any(|element| element.names(&principal, "") == IsNamed::Yes)
        };
        if self.administrators.iter().any(|(who, what)| what.contains(permission) && is_named(who)) {
            return false;
        }
        let account = Arn::parse(name).map(|arn| arn.account);
        let is_foreign = account.is_some_and(|account| account != self.owner);
        if is_foreign && !known.works_across_accounts {
            self.leave_out(format!("{name}: {permission} cannot be given to another account."));
            return false;
        }
        let is_administration = !matches!(known.kind, PermissionKind::Use) && known.name != "CreateGrant";
        if is_administration && self.delegates && !is_foreign && account.is_some() {
            self.leave_out(format!(
                "{name}: {permission} is left to administrators and the account's IAM policies."
            ));
            return false;
        }
        true
    }

    /// The conditions that all calls met, as compact JSON text; empty: none.
    fn conditions(&self, permission: &str, traits: &CallTraits, is_service: bool) -> String {
        let mut operators: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
        let mut add = |operator, key: &str, value: Value| {
            operators.entry(operator).or_default().insert(key.to_owned(), value);
        };
        let all = |values: Option<&BTreeSet<Option<String>>>| -> Option<Vec<String>> {
            let values: Option<Vec<String>> = values?.iter().cloned().collect();
            values.filter(|values| !values.is_empty())
        };
        let via = all(traits.via_services.values());
        if permission == "CreateGrant" && via.is_some() {
            add("Bool", "kms:GrantIsForAWSResource", "true".into());
        } else if let Some(services) = via.filter(|_| !is_service) {
            add("StringEquals", "kms:ViaService", one_or_many(services));
        }
        if let Some(buckets) = all(traits.buckets.values()) {
            let patterns = buckets.iter().flat_map(|bucket| {
                let arn = format!("arn:{}:s3:::{bucket}", self.partition);
                [format!("{arn}/*"), arn]
            });
            let patterns: BTreeSet<String> = patterns.collect();
            let patterns: Vec<String> = patterns.into_iter().collect();
            // A name with a wildcard in it would say more than was seen.
            if !buckets.iter().any(|bucket| bucket.contains(['*', '?', '$'])) {
                add("StringLike", "kms:EncryptionContext:aws:s3:arn", one_or_many(patterns));
            }
        }
        if let Some(accounts) = all(traits.source_accounts.values()).filter(|_| is_service) {
            add("StringEquals", "aws:SourceAccount", one_or_many(accounts));
        }
        if operators.is_empty() { String::new() } else { json!(operators).to_string() }
    }

    fn add(&mut self, key: GroupKey, name: &str, caller: &KeyCaller) {
        let group = self.groups.entry(key).or_default();
        group.workloads |= caller.workloads;
        let names = if caller.kind == "AWSService" { &mut group.services } else { &mut group.aws };
        names.insert(name.to_owned());
    }

    fn finish(mut self) -> Suggestion {
        let mut statements = std::mem::take(&mut self.kept);
        let mut numbers: BTreeMap<String, u32> = BTreeMap::new();
        for ((permissions, conditions, is_observed), group) in std::mem::take(&mut self.groups) {
            let sid = sid(group.workloads, is_observed);
            let number = numbers.entry(sid.clone()).or_default();
            *number += 1;
            let mut principal = Map::new();
            for (kind, names) in [("AWS", group.aws), ("Service", group.services)] {
                if !names.is_empty() {
                    principal.insert(kind.to_owned(), one_or_many(names.into_iter().collect()));
                }
            }
            let actions = permissions.iter().map(|name| format!("kms:{name}")).collect();
            let mut statement = json!({
                "Sid": format!("{sid} {number}"),
                "Effect": "Allow",
                "Principal": principal,
                "Action": one_or_many(actions),
                "Resource": "*",
            });
            if let Ok(conditions @ Value::Object(_)) = serde_json::from_str(&conditions) {
                statement["Condition"] = conditions;
            }
            statements.push(statement);
        }
        if !self.delegates {
            self.leave_out(
                "No statement lets the account's IAM policies decide, as in the present policy: only those who are \
                 named can manage the key."
                    .to_owned(),
            );
        }
        let policy = json!({"Version": "2012-10-17", "Id": "keytrail-suggestion", "Statement": statements});
        let bytes = policy.to_string().len();
        if bytes > MAX_BYTES {
            self.leave_out(format!("The policy has {bytes} bytes; KMS takes at most {MAX_BYTES}."));
        }
        Suggestion { policy, left_out: self.left_out }
    }
}

/// Why the statement is there. KMS takes letters, digits and blanks.
fn sid(workloads: WorkloadSet, is_observed: bool) -> String {
    let labels: Vec<&str> = workloads.iter().map(|one| one.as_str()).collect();
    let labels = labels.join(" ").replace(['-', '_'], " ");
    match is_observed {
        true => format!("Observed use by {labels}"),
        false => format!("Documented need of {labels}"),
    }
}

fn one_or_many(mut texts: Vec<String>) -> Value {
    texts.sort_unstable();
    match texts.len() {
        1 => Value::String(texts.remove(0)),
        _ => texts.into(),
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}
