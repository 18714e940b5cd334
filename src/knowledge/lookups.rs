//! Rules whose particulars the input itself gave: looked up, not searched, since there may be many of a kind.

use std::collections::HashMap;

use crate::model::{KmsEvent, LearnedRule, Role, RuleSet, SessionId, When};

/// What the input has taught, by what is asked of an event.
#[derive(Debug, Default)]
pub struct Knowledge {
    roles: HashMap<Role, RuleSet>,
    roles_and_keys: HashMap<Role, HashMap<String, RuleSet>>,
    keys: HashMap<String, RuleSet>,
    /// By bucket, then path.
    paths: HashMap<String, HashMap<String, RuleSet>>,
    buckets: HashMap<String, RuleSet>,
    sessions: HashMap<SessionId, RuleSet>,
}

impl Knowledge {
    /// The rules with their particulars, and the rules of each session.
    pub fn new<'r>(
        rules: impl IntoIterator<Item = (LearnedRule, &'r When<'r>)>,
        sessions: HashMap<SessionId, RuleSet>,
    ) -> Self {
        let mut learned = Self { sessions, ..Self::default() };
        rules.into_iter().for_each(|(rule, when)| learned.insert(rule, when));
        learned
    }

    fn insert(&mut self, rule: LearnedRule, when: &When<'_>) {
        let set = match when {
            When::Role(role) => Role::of(role).map(|role| self.roles.entry(role).or_default()),
            When::RoleAndKey(role, key) => Role::of(role).map(|role| {
                self.roles_and_keys.entry(role).or_default().entry(key.clone().into_owned()).or_default()
            }),
            When::Key(key) => Some(self.keys.entry(key.clone().into_owned()).or_default()),
            When::Bucket(bucket) => Some(self.buckets.entry(bucket.clone().into_owned()).or_default()),
            When::Path(bucket, path) => {
                let paths = self.paths.entry(bucket.clone().into_owned()).or_default();
                Some(paths.entry(path.clone().into_owned()).or_default())
            }
            When::SessionOn(_) => None, // its sessions are known one by one
        };
        if let Some(set) = set {
            set.insert(rule);
        }
    }

    /// The learned rules that fire on `event`.
    pub fn fires(&self, event: &KmsEvent<'_>) -> RuleSet {
        let mut fired = RuleSet::default();
        // Each session has an access key of its own; its name in `principalId` may come back.
        let session = event.access_key_id.as_ref().or(event.principal.principal_id.as_ref());
        if let Some(name) = session.filter(|_| !self.sessions.is_empty()) {
            fired |= known(self.sessions.get(&SessionId::of(name)));
        }
        let key_names = [event.key.arn.as_deref(), event.key.id.as_deref()];
        if (!self.roles.is_empty() || !self.roles_and_keys.is_empty())
            && let Some(role) = Role::of(&event.principal.name)
        {
            fired |= known(self.roles.get(&role));
            if let Some(keys) = self.roles_and_keys.get(&role) {
                key_names.into_iter().flatten().for_each(|key| fired |= known(keys.get(key)));
            }
        }
        if !self.keys.is_empty() {
            let mut of_key = RuleSet::default();
            key_names.into_iter().flatten().for_each(|key| of_key |= known(self.keys.get(key)));
            if !is_online_store(event) {
                of_key.remove(LearnedRule::OnlineStoreKey);
            }
            if !is_forecast(event) {
                of_key.remove(LearnedRule::CanvasForecastKey);
            }
            fired |= of_key;
        }
        // CloudTrail's own deliveries say where logs lie, not who works there.
        if !event.log_delivery
            && let Some(bucket) = event.s3_bucket.as_deref()
        {
            match event.s3_object_key.as_deref() {
                Some(object) => {
                    let paths = self.paths.get(bucket);
                    for folder in paths.into_iter().flat_map(|_| folders(object)) {
                        fired |= known(paths.and_then(|paths| paths.get(folder)));
                    }
                }
                None => fired |= known(self.buckets.get(bucket)),
            }
        }
        fired
    }
}

fn known(set: Option<&RuleSet>) -> RuleSet {
    set.copied().unwrap_or_default()
}

/// What an object lies under: nothing, each of its folders, and itself.
fn folders(object: &str) -> impl Iterator<Item = &str> {
    let slashes = object.match_indices('/').filter_map(|(at, _)| object.get(..at));
    std::iter::once("").chain(slashes).chain(std::iter::once(object))
}

/// The online store lies in DynamoDB, which names its table in the context, or works through a grant.
fn is_online_store(event: &KmsEvent<'_>) -> bool {
    let in_table = event.encryption_context.as_deref().is_some_and(names_dynamodb);
    let is_service = |principal: &str| principal.contains(".amazonaws.com");
    in_table || event.name == "CreateGrant" && event.grantee_principal.as_deref().is_some_and(is_service)
}

/// Whether a context, as compact JSON, has a key of DynamoDB's; a value may begin so, too.
fn names_dynamodb(context: &str) -> bool {
    let mut keys = context.match_indices("\"aws:dynamodb:").filter_map(|(at, _)| context.get(at + 1..));
    keys.any(|rest| {
        rest.find('"').and_then(|end| rest.get(end + 1..)).is_some_and(|after| after.starts_with(':'))
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

    fn fired(learned: &Knowledge, event: &KmsEvent<'_>) -> Vec<LearnedRule> {
        learned.fires(event).iter().collect()
    }

    fn knows(rule: LearnedRule, when: When<'static>) -> Knowledge {
        Knowledge::new([(rule, &when)], HashMap::new())
    }

    #[test]
    fn roles_are_told_by_account_and_name() {
        let learned = knows(LearnedRule::CanvasRole, When::Role(ROLE.into()));
        let called = |name: &'static str| fired(&learned, &event(|e| e.principal.name = name.into()));
        assert_eq!(called(ROLE), [LearnedRule::CanvasRole]);
        assert_eq!(
            called("arn:aws:iam::111122223333:role/R"),
            [LearnedRule::CanvasRole],
            "its path is not known"
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
    fn keys_are_told_by_arn_or_id() {
        for key in [KEY, "k"] {
            let learned = knows(LearnedRule::SagemakerRoleAndKey, When::RoleAndKey(ROLE.into(), key.into()));
            assert_eq!(fired(&learned, &event(|_| ())), [LearnedRule::SagemakerRoleAndKey]);
            let other = event(|e| {
                (e.key.arn, e.key.id) =
                    (Some("arn:aws:kms:us-west-2:111122223333:key/l".into()), Some("l".into()))
            });
            assert_eq!(fired(&learned, &other), []);
        }
    }

    #[test]
    fn paths_end_at_slashes() {
        let learned = knows(LearnedRule::CanvasPath, When::Path("b".into(), "a/c".into()));
        for (key, hit) in [("a/c", true), ("a/c/d", true), ("a/cd", false), ("a", false), ("x/a/c", false)] {
            assert_eq!(fired(&learned, &object("b", Some(key))).len(), usize::from(hit), "{key}");
        }
        assert_eq!(fired(&learned, &object("other", Some("a/c"))), []);
        assert_eq!(fired(&learned, &object("b", None)), []);
        let mut delivery = object("b", Some("a/c"));
        delivery.log_delivery = true;
        assert_eq!(fired(&learned, &delivery), [], "CloudTrail's own");
    }

    #[test]
    fn a_bucket_tells_only_where_the_object_is_hidden() {
        let learned = knows(LearnedRule::OfflineStoreBucket, When::Bucket("b".into()));
        assert_eq!(fired(&learned, &object("b", None)), [LearnedRule::OfflineStoreBucket]);
        assert_eq!(fired(&learned, &object("b", Some("x"))), []);
    }

    #[test]
    fn the_online_store_is_told_by_its_table_or_its_grant() {
        let learned = knows(LearnedRule::OnlineStoreKey, When::Key(KEY.into()));
        assert_eq!(fired(&learned, &event(|_| ())), []);
        let table = event(|e| e.encryption_context = Some(r#"{"aws:dynamodb:tableName":"t"}"#.into()));
        let grant = event(|e| {
            (e.name, e.grantee_principal) =
                ("CreateGrant".into(), Some("dynamodb.us-west-2.amazonaws.com".into()))
        });
        for event in [table, grant] {
            assert_eq!(fired(&learned, &event), [LearnedRule::OnlineStoreKey]);
        }
    }

    #[test]
    fn only_the_service_itself_is_forecast() {
        let learned = knows(LearnedRule::CanvasForecastKey, When::Key(KEY.into()));
        let by_service = event(|e| {
            e.principal.kind = "AWSService".into();
            e.principal.invoked_by = Some("forecast.amazonaws.com".into());
        });
        assert_eq!(fired(&learned, &by_service), [LearnedRule::CanvasForecastKey]);
        assert_eq!(fired(&learned, &event(|_| ())), [], "another caller on the key");
    }

    #[test]
    fn sessions_are_told_by_either_name() {
        let mut set = RuleSet::default();
        set.insert(LearnedRule::GeospatialSession);
        let learned = Knowledge::new(
            [],
            HashMap::from([(SessionId::of("ASIA1"), set), (SessionId::of("AROA1:s"), set)]),
        );
        for event in [
            event(|e| e.access_key_id = Some("ASIA1".into())),
            event(|e| e.principal.principal_id = Some("AROA1:s".into())),
        ] {
            assert_eq!(fired(&learned, &event), [LearnedRule::GeospatialSession]);
        }
        assert_eq!(fired(&learned, &event(|e| e.access_key_id = Some("ASIA2".into()))), []);
    }
}
