//! Learned rules: what an event is compared with comes from other records of the input.
//!
//! There may be many conditions of each kind, so they are looked up in hash tables, not searched.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

use crate::model::{KmsEvent, LearnedCondition, LearnedRule, LearnedRuleSet, Role, SessionId};

/// Look-up tables for learned rules, built from the facts of all inputs.
#[derive(Debug, Default)]
pub struct Knowledge {
    roles: HashMap<Role, LearnedRuleSet>,
    roles_and_keys: HashMap<Role, HashMap<String, LearnedRuleSet>>,
    keys: HashMap<String, LearnedRuleSet>,
    /// By bucket, then path.
    paths: HashMap<String, HashMap<String, PathRules>>,
    buckets: HashMap<String, LearnedRuleSet>,
    sessions: HashMap<SessionId, LearnedRuleSet>,
}

/// The rules for objects below a path, by where below it the object must be.
#[derive(Debug, Default)]
struct PathRules {
    /// At the path or anywhere below it.
    anywhere: LearnedRuleSet,
    /// In the folder that Canvas makes there.
    canvas_folder: LearnedRuleSet,
    /// In the folder that the feature store makes there.
    offline_store_folder: LearnedRuleSet,
}

impl PathRules {
    /// The rules for an object that is `below` the path; empty for one at the path itself.
    fn of(&self, below: &str) -> LearnedRuleSet {
        let mut rules = self.anywhere;
        if is_in_canvas_folder(below) {
            rules |= self.canvas_folder;
        }
        if is_in_offline_store(below) {
            rules |= self.offline_store_folder;
        }
        rules
    }
}

impl Knowledge {
    /// Builds the tables from the rules with their conditions and the rules of each session.
    pub fn new<'r>(
        rules: impl IntoIterator<Item = (LearnedRule, &'r LearnedCondition<'r>)>,
        sessions: HashMap<SessionId, LearnedRuleSet>,
    ) -> Self {
        let mut knowledge = Self { sessions, ..Self::default() };
        rules.into_iter().for_each(|(rule, condition)| knowledge.insert(rule, condition));
        knowledge
    }

    fn insert(&mut self, rule: LearnedRule, condition: &LearnedCondition<'_>) {
        let set = match condition {
            LearnedCondition::Role(role) => {
                Role::from_arn(role).map(|role| self.roles.entry(role).or_default())
            }
            LearnedCondition::RoleAndKey(role, key) => Role::from_arn(role).map(|role| {
                let keys = self.roles_and_keys.entry(role).or_default();
                keys.entry(key.clone().into_owned()).or_default()
            }),
            LearnedCondition::Key(key) => Some(self.keys.entry(key.clone().into_owned()).or_default()),
            LearnedCondition::Bucket(bucket) => {
                Some(self.buckets.entry(bucket.clone().into_owned()).or_default())
            }
            LearnedCondition::Path(bucket, path) => Some(&mut self.path(bucket, path).anywhere),
            LearnedCondition::CanvasFolder(bucket, path) => Some(&mut self.path(bucket, path).canvas_folder),
            LearnedCondition::OfflineStoreFolder(bucket, path) => {
                Some(&mut self.path(bucket, path).offline_store_folder)
            }
            // Its sessions are listed one by one in `sessions`.
            LearnedCondition::SessionOn(_) => None,
        };
        if let Some(set) = set {
            set.insert(rule);
        }
    }

    fn path(&mut self, bucket: &str, path: &str) -> &mut PathRules {
        let paths = self.paths.entry(bucket.to_owned()).or_default();
        paths.entry(path.to_owned()).or_default()
    }

    /// The learned rules that fire on `event`.
    pub fn fired_rules(&self, event: &KmsEvent<'_>) -> LearnedRuleSet {
        let mut fired = self.rules_of_session(event);
        fired |= self.rules_of_role(event);
        fired |= self.rules_of_key(event);
        fired |= self.rules_of_object(event);
        fired
    }

    fn rules_of_session(&self, event: &KmsEvent<'_>) -> LearnedRuleSet {
        if self.sessions.is_empty() {
            return LearnedRuleSet::default();
        }
        // An access key belongs to one session; the name in `principalId` may be used again.
        let name = event.access_key_id.as_ref().or(event.principal.principal_id.as_ref());
        name.map(|name| rules_in(&self.sessions, &SessionId::from_name(name))).unwrap_or_default()
    }

    fn rules_of_role(&self, event: &KmsEvent<'_>) -> LearnedRuleSet {
        if self.roles.is_empty() && self.roles_and_keys.is_empty() {
            return LearnedRuleSet::default();
        }
        let Some(role) = Role::from_arn(&event.principal.name) else {
            return LearnedRuleSet::default();
        };
        let mut rules = rules_in(&self.roles, &role);
        if let Some(keys) = self.roles_and_keys.get(&role) {
            key_names(event).for_each(|key| rules |= rules_in(keys, key));
        }
        rules
    }

    fn rules_of_key(&self, event: &KmsEvent<'_>) -> LearnedRuleSet {
        let mut rules = LearnedRuleSet::default();
        if self.keys.is_empty() {
            return rules;
        }
        key_names(event).for_each(|key| rules |= rules_in(&self.keys, key));
        if !is_online_store(event) {
            rules.remove(LearnedRule::OnlineStoreKey);
        }
        if !is_forecast(event) {
            rules.remove(LearnedRule::CanvasForecastKey);
        }
        rules
    }

    fn rules_of_object(&self, event: &KmsEvent<'_>) -> LearnedRuleSet {
        let mut rules = LearnedRuleSet::default();
        // A log file of CloudTrail is no workload's object, wherever it is stored.
        if event.is_on_log_file() {
            return rules;
        }
        let Some(bucket) = event.s3_bucket.as_deref() else { return rules };
        match event.s3_object_key.as_deref() {
            Some(object) => {
                if let Some(paths) = self.paths.get(bucket) {
                    for (path, below) in splits(object) {
                        rules |= paths.get(path).map(|rules| rules.of(below)).unwrap_or_default();
                    }
                }
                rules
            }
            None => rules_in(&self.buckets, bucket),
        }
    }
}

fn rules_in<K, Q>(table: &HashMap<K, LearnedRuleSet>, key: &Q) -> LearnedRuleSet
where
    K: Borrow<Q> + Eq + Hash,
    Q: Eq + Hash + ?Sized,
{
    table.get(key).copied().unwrap_or_default()
}

/// The names by which facts may know the event's key: its ARN and its id.
fn key_names<'e>(event: &'e KmsEvent<'_>) -> impl Iterator<Item = &'e str> {
    [event.key.arn.as_deref(), event.key.id.as_deref()].into_iter().flatten()
}

/// Bytes of an object's key at most (Amazon S3 User Guide: "Naming Amazon S3 objects").
const LONGEST_KEY: usize = 1024;

/// The empty path, each folder that contains the object, and the object itself, each with what of
/// the object's key follows it and the slash.
///
/// Folders that end beyond [`LONGEST_KEY`] are left out: no path can be as long.
pub(super) fn splits(object: &str) -> impl Iterator<Item = (&str, &str)> {
    let split_at = |(at, _)| Some((object.get(..at)?, object.get(at + 1..)?));
    // A slash at the start of a key ends a folder without a name, not the empty path.
    let slashes = object.match_indices('/').take_while(|(at, _)| *at <= LONGEST_KEY);
    let folders = slashes.filter(|(at, _)| *at > 0).filter_map(split_at);
    std::iter::once(("", object)).chain(folders).chain(std::iter::once((object, "")))
}

/// Whether a key, or the rest of one, begins with Canvas's folder. AWS's own policies spell it in
/// two ways.
pub(super) fn is_in_canvas_folder(key: &str) -> bool {
    key.split_once('/').is_some_and(|(folder, _)| folder.eq_ignore_ascii_case("canvas"))
}

/// Whether a key, or the rest of one, begins with the folder of offline stores,
/// `ACCOUNT/sagemaker/REGION/offline-store/`.
fn is_in_offline_store(key: &str) -> bool {
    let mut segments = key.split('/');
    let mut next = || segments.next().unwrap_or_default();
    let account = next();
    account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && next() == "sagemaker"
        && !next().is_empty()
        && next() == "offline-store"
        && segments.next().is_some()
}

/// Whether the event can be use of an online store: these are in DynamoDB, which names its table
/// in the encryption context, or they work through a grant.
fn is_online_store(event: &KmsEvent<'_>) -> bool {
    let is_table = event.encryption_context.as_deref().is_some_and(has_dynamodb_key);
    let is_service = |principal: &str| principal.contains(".amazonaws.com");
    is_table || event.name == "CreateGrant" && event.grantee_principal.as_deref().is_some_and(is_service)
}

/// Whether an encryption context, given as compact JSON, has a key of DynamoDB's. Values that
/// begin in the same way do not count.
fn has_dynamodb_key(context: &str) -> bool {
    context.match_indices("\"aws:dynamodb:").filter_map(|(at, _)| context.get(at + 1..)).any(|rest| {
        let after = rest.find('"').and_then(|end| rest.get(end + 1..));
        after.is_some_and(|after| after.starts_with(':'))
    })
}

fn is_forecast(event: &KmsEvent<'_>) -> bool {
    let principal = &event.principal;
    principal.kind == "AWSService"
        && principal.invoked_by.as_deref().and_then(|by| by.split('.').next()) == Some("forecast")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "arn:aws:iam::111122223333:role/service-role/R";
    const KEY: &str = "arn:aws:kms:us-west-2:111122223333:key/k";

    fn event(change: impl FnOnce(&mut KmsEvent<'static>)) -> KmsEvent<'static> {
        let mut event = KmsEvent::example();
        event.key.arn = Some(KEY.into());
        event.key.id = Some("k".into());
        change(&mut event);
        event
    }

    fn object(bucket: &'static str, key: Option<&'static str>) -> KmsEvent<'static> {
        event(|e| (e.s3_bucket, e.s3_object_key) = (Some(bucket.into()), key.map(Into::into)))
    }

    fn fired(knowledge: &Knowledge, event: &KmsEvent<'_>) -> Vec<LearnedRule> {
        knowledge.fired_rules(event).iter().collect()
    }

    fn knowledge_of(rule: LearnedRule, condition: LearnedCondition<'static>) -> Knowledge {
        Knowledge::new([(rule, &condition)], HashMap::new())
    }

    #[test]
    fn roles_match_by_account_and_name() {
        let knowledge = knowledge_of(LearnedRule::CanvasRole, LearnedCondition::Role(ROLE.into()));
        let called = |name: &'static str| fired(&knowledge, &event(|e| e.principal.name = name.into()));
        assert_eq!(called(ROLE), [LearnedRule::CanvasRole]);
        assert_eq!(
            called("arn:aws:iam::111122223333:role/R"),
            [LearnedRule::CanvasRole],
            "the path does not matter"
        );
        for other in [
            "arn:aws:iam::111122223333:role/r",
            "arn:aws:iam::444455556666:role/R",
            "arn:aws:iam::111122223333:user/R",
            "R",
        ] {
            assert_eq!(called(other), [], "{other}");
        }
    }

    #[test]
    fn keys_match_by_arn_or_id() {
        for key in [KEY, "k"] {
            let knowledge = knowledge_of(
                LearnedRule::SagemakerRoleAndKey,
                LearnedCondition::RoleAndKey(ROLE.into(), key.into()),
            );
            assert_eq!(fired(&knowledge, &event(|_| ())), [LearnedRule::SagemakerRoleAndKey]);
            let other = event(|e| {
                (e.key.arn, e.key.id) =
                    (Some("arn:aws:kms:us-west-2:111122223333:key/l".into()), Some("l".into()))
            });
            assert_eq!(fired(&knowledge, &other), []);
        }
    }

    #[test]
    fn of_configured_storage_only_the_services_own_folder_counts() {
        for (path, before) in [("", ""), ("a/c", "a/c/")] {
            let canvas = LearnedCondition::CanvasFolder("b".into(), path.into());
            let store = LearnedCondition::OfflineStoreFolder("b".into(), path.into());
            let canvas = knowledge_of(LearnedRule::CanvasPath, canvas);
            let store = knowledge_of(LearnedRule::OfflineStorePath, store);
            for (below, expected) in [
                ("Canvas/user-1/a.csv", [true, false]),
                ("canvas/", [true, false]),
                ("Canvas", [false, false]),
                ("x/Canvas/user-1/a.csv", [false, false]),
                ("Canvas.csv", [false, false]),
                ("train/a.csv", [false, false]),
                ("111122223333/sagemaker/us-east-1/offline-store/g-17/data/x", [false, true]),
                ("111122223333/sagemaker/us-east-1/offline-store/", [false, true]),
                ("111122223333/sagemaker/us-east-1/offline-store", [false, false]),
                ("111122223333/sagemaker/us-east-1/other/x", [false, false]),
                ("111122223333/sagemaker//offline-store/x", [false, false]),
                ("11112222333/sagemaker/us-east-1/offline-store/x", [false, false]),
                ("sagemaker/us-east-1/offline-store/x", [false, false]),
                ("x/111122223333/sagemaker/us-east-1/offline-store/x", [false, false]),
            ] {
                let mut event = object("b", None);
                event.s3_object_key = Some(format!("{before}{below}").into());
                let found = [&canvas, &store].map(|knowledge| fired(knowledge, &event).len() == 1);
                assert_eq!(found, expected, "{path} {below}");
            }
        }
    }

    #[test]
    fn paths_match_whole_folder_names() {
        let knowledge =
            knowledge_of(LearnedRule::OfflineStorePath, LearnedCondition::Path("b".into(), "a/c".into()));
        for (key, hit) in [("a/c", true), ("a/c/d", true), ("a/cd", false), ("a", false), ("x/a/c", false)] {
            assert_eq!(fired(&knowledge, &object("b", Some(key))).len(), usize::from(hit), "{key}");
        }
        assert_eq!(fired(&knowledge, &object("other", Some("a/c"))), []);
        assert_eq!(fired(&knowledge, &object("b", None)), []);
        let mut delivery = object("b", Some("a/c"));
        delivery.encryption_context = Some(r#"{"aws:cloudtrail:arn":"t"}"#.into());
        assert_eq!(fired(&knowledge, &delivery), [], "a log file of CloudTrail");
    }

    #[test]
    fn a_bucket_matches_only_without_an_object_key() {
        let knowledge = knowledge_of(LearnedRule::OfflineStoreBucket, LearnedCondition::Bucket("b".into()));
        assert_eq!(fired(&knowledge, &object("b", None)), [LearnedRule::OfflineStoreBucket]);
        assert_eq!(fired(&knowledge, &object("b", Some("x"))), []);
    }

    #[test]
    fn the_online_store_needs_a_table_or_a_grant() {
        let knowledge = knowledge_of(LearnedRule::OnlineStoreKey, LearnedCondition::Key(KEY.into()));
        assert_eq!(fired(&knowledge, &event(|_| ())), []);
        let table = event(|e| e.encryption_context = Some(r#"{"aws:dynamodb:tableName":"t"}"#.into()));
        let grant = event(|e| {
            (e.name, e.grantee_principal) =
                ("CreateGrant".into(), Some("dynamodb.us-west-2.amazonaws.com".into()))
        });
        for event in [table, grant] {
            assert_eq!(fired(&knowledge, &event), [LearnedRule::OnlineStoreKey]);
        }
    }

    #[test]
    fn a_canvas_forecast_key_needs_the_forecast_service() {
        let knowledge = knowledge_of(LearnedRule::CanvasForecastKey, LearnedCondition::Key(KEY.into()));
        let by_service = event(|e| {
            e.principal.kind = "AWSService".into();
            e.principal.invoked_by = Some("forecast.amazonaws.com".into());
        });
        assert_eq!(fired(&knowledge, &by_service), [LearnedRule::CanvasForecastKey]);
        assert_eq!(fired(&knowledge, &event(|_| ())), [], "another caller on the key");
    }

    #[test]
    fn sessions_match_by_either_name() {
        let mut set = LearnedRuleSet::default();
        set.insert(LearnedRule::GeospatialSession);
        let knowledge = Knowledge::new(
            [],
            HashMap::from([(SessionId::from_name("ASIA1"), set), (SessionId::from_name("AROA1:s"), set)]),
        );
        for event in [
            event(|e| e.access_key_id = Some("ASIA1".into())),
            event(|e| e.principal.principal_id = Some("AROA1:s".into())),
        ] {
            assert_eq!(fired(&knowledge, &event), [LearnedRule::GeospatialSession]);
        }
        assert_eq!(fired(&knowledge, &event(|e| e.access_key_id = Some("ASIA2".into()))), []);
    }
}
