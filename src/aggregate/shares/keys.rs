//! The keys behind what is shared: those of model packages' artifacts and of offline stores, and
//! keys whose own policies let other accounts in.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::AddAssign;

use super::resource::owner_of;
use crate::aggregate::grants::Change;
use crate::base::keyed_hash;
use crate::model::{Arn, EventTime, KmsEvent, OfflineStore, SharedUse, UseRecord};

/// Most resources that a call with one key is told for.
const MOST: usize = 20;
/// Groups of calls that are kept: the first ones in the order of the inputs.
const GROUPS: usize = 100_000;
/// About the memory of one call, with the slack of the table and its place in the list of its
/// group at the end; and that of one group: bytes.
const CALL: usize = 112;
const GROUP: usize = 1_000;
/// Most stores of feature groups of one name in one bucket.
const CROWD: usize = 100;

/// What a key protects.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Protected {
    /// ARN of the model package group, the feature group or the key itself.
    resource: String,
    /// The account that shares it.
    owner: String,
    kind: ProtectedKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ProtectedKind {
    /// Artifacts of model packages, or anything.
    Artifacts,
    /// The offline store of a feature group. The owner's writes count, too.
    OfflineStore,
}

/// Where an offline store is.
#[derive(Debug, Clone)]
struct StorePlace {
    /// The folder below which its objects are, with `/` at its end unless it is empty.
    folder: String,
    store: Protected,
}

/// Stores of one bucket, by the names of their feature groups in lower case.
type Places = HashMap<String, Vec<StorePlace>>;

/// Look-ups from calls of KMS to what their keys protect.
#[derive(Debug, Clone, Default)]
pub struct SharedKeys {
    by_key: HashMap<String, Vec<Protected>>,
    by_bucket: HashMap<String, Places>,
    /// By key: buckets of the stores that have it.
    buckets: HashMap<String, BTreeSet<String>>,
}

impl SharedKeys {
    /// Look-ups for the keys of artifacts (resource, key), for offline stores by their feature
    /// groups, and for keys with policies that let other accounts in.
    pub(super) fn new<'k>(
        artifacts: &BTreeSet<(String, String)>,
        stores: &BTreeMap<String, (OfflineStore, Change)>,
        shared: impl Iterator<Item = &'k str>,
    ) -> Self {
        let mut keys = Self::default();
        for (resource, key) in artifacts {
            if let (Some(owner), Some(key)) = (owner_of(resource), key_arn(key, resource)) {
                keys.add(key, Protected::new(resource, owner, ProtectedKind::Artifacts));
            }
        }
        for (store, _) in stores.values() {
            let Some(owner) = owner_of(&store.group) else { continue };
            let protected = Protected::new(&store.group, owner, ProtectedKind::OfflineStore);
            let key = store.key.as_deref().and_then(|key| key_arn(key, &store.group));
            let place = store.uri.as_deref().and_then(|uri| place(uri, &protected));
            if let (Some(key), Some((bucket, ..))) = (&key, &place) {
                keys.buckets.entry(key.clone()).or_default().insert(bucket.clone());
            }
            if let Some((bucket, group, place)) = place {
                let places = keys.by_bucket.entry(bucket).or_default().entry(group).or_default();
                if places.len() < CROWD {
                    places.push(place);
                }
            }
            if let Some(key) = key {
                keys.add(key, protected);
            }
        }
        for key in shared {
            if let (Some(owner), false) = (owner_of(key), keys.by_key.contains_key(key)) {
                keys.add(key.to_owned(), Protected::new(key, owner, ProtectedKind::Artifacts));
            }
        }
        keys
    }

    fn add(&mut self, key: String, protected: Protected) {
        let list = self.by_key.entry(key).or_default();
        if list.len() < MOST && !list.contains(&protected) {
            list.push(protected);
        }
    }

    /// Whether no call can be one of these.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty() && self.by_bucket.is_empty()
    }

    /// What a call of KMS uses that is shared.
    pub fn uses(&self, event: &KmsEvent<'_>) -> Vec<KeyCall> {
        let (Some(caller), Some(key)) = (event.principal.account_id.as_deref(), event.key.arn.as_deref())
        else {
            return Vec::new();
        };
        let in_store = self.store_of_object(event);
        let is_of_object = in_store.is_some();
        let protected = in_store.map_or_else(|| self.of_key(event, key), |store| vec![store]);
        let is_use = |found: &&Protected| {
            let is_data = event.name == "Decrypt" || event.name.starts_with("GenerateDataKey");
            found.owner != caller || (found.kind == ProtectedKind::OfflineStore && is_data)
        };
        // Whoever owns the key uses it as its own, unless the object says what it is used for.
        let is_own = owner_of(key) == Some(caller);
        let is_use = |found: &&Protected| is_use(found) && (!is_own || found.owner == caller || is_of_object);
        let call = |found: &Protected| KeyCall {
            call: SharedUse {
                resource: found.resource.clone(),
                consumer: caller.to_owned(),
                principal: event.principal.name.clone().into_owned(),
                event_name: event.name.clone().into_owned(),
                outcome: event.outcome,
                error_code: event.error_code.as_deref().map(str::to_owned),
                key: Some(key.to_owned()),
            },
            id: {
                let id = event.shared_event_id.as_deref().or(event.event_id.as_deref());
                keyed_hash(&(id, id.is_none().then_some(event.time.0), &*event.name, &found.resource))
            },
            is_foreign: event.recipient_account_id.as_deref() != Some(caller),
            time: event.time,
            event_id: event.event_id.as_deref().map(str::to_owned),
        };
        protected.into_iter().filter(is_use).map(call).collect()
    }

    /// The offline store in whose folder the object of a call is.
    fn store_of_object(&self, event: &KmsEvent<'_>) -> Option<&Protected> {
        let (bucket, object) = (event.s3_bucket.as_deref()?, event.s3_object_key.as_deref()?);
        let places = self.by_bucket.get(bucket)?.get(&group_in(object)?)?;
        Some(&places.iter().find(|place| object.starts_with(&*place.folder))?.store)
    }

    fn of_key(&self, event: &KmsEvent<'_>, key: &str) -> Vec<&Protected> {
        let bucket = event.s3_bucket.as_deref();
        let is_elsewhere = |found: &&Protected| {
            // An object outside of the store, or a bucket that is none of the stores'.
            let buckets = self.buckets.get(key);
            let is_other = bucket
                .is_some_and(|bucket| buckets.is_some_and(|buckets| !buckets.contains(bucket)))
                || event.s3_object_key.is_some();
            found.kind == ProtectedKind::OfflineStore && is_other
        };
        let of_key = self.by_key.get(key).into_iter().flatten();
        of_key.filter(|found| !is_elsewhere(found)).collect()
    }
}

impl Protected {
    fn new(resource: &str, owner: &str, kind: ProtectedKind) -> Self {
        Self { resource: resource.to_owned(), owner: owner.to_owned(), kind }
    }
}

/// The ARN of a key that a call names by its ARN or its id; `None`: by an alias that nothing
/// resolves.
pub(super) fn key_arn(key: &str, resource: &str) -> Option<String> {
    if key.contains("alias/") {
        return None;
    }
    if key.starts_with("arn:") {
        return Some(key.to_owned());
    }
    let Arn { partition, region, account, .. } = Arn::parse(resource)?;
    Some(format!("arn:{partition}:kms:{region}:{account}:key/{key}"))
}

/// The ARN of the alias that a call names in the place of a key, in the account and Region of an
/// ARN; `None`: it names none.
pub(super) fn alias_arn(key: &str, of: &str) -> Option<String> {
    if key.starts_with("arn:") {
        return Arn::parse(key)?.resource.starts_with("alias/").then(|| key.to_owned());
    }
    let Arn { partition, region, account, .. } = Arn::parse(of)?;
    key.starts_with("alias/").then(|| format!("arn:{partition}:kms:{region}:{account}:{key}"))
}

/// The folder in which SageMaker makes one for each feature group, `GROUP-TIME`.
const STORES: &str = "offline-store/";

/// The feature group in whose folder an object is, in lower case: ARNs may be in lower case where
/// folders are not.
fn group_in(object: &str) -> Option<String> {
    let start = match object.starts_with(STORES) {
        true => STORES.len(),
        false => object.find("/offline-store/")? + STORES.len() + 1,
    };
    let folder = object.get(start..)?.split('/').next()?;
    let (group, time) = folder.rsplit_once('-')?;
    let is_time = !time.is_empty() && time.bytes().all(|byte| byte.is_ascii_digit());
    is_time.then(|| group.to_ascii_lowercase())
}

/// The bucket of an offline store, its group, and where in it the store is. SageMaker makes its own
/// folder, `ACCOUNT/sagemaker/REGION/offline-store/GROUP-TIME/`, below what was named.
fn place(uri: &str, store: &Protected) -> Option<(String, String, StorePlace)> {
    let (bucket, path) = uri.strip_prefix("s3://")?.split_once('/').unwrap_or((uri.get(5..)?, ""));
    let path = path.trim_matches('/');
    let folder = if path.is_empty() { String::new() } else { format!("{path}/") };
    let name = || Some(Arn::parse(&store.resource)?.resource.rsplit('/').next()?.to_ascii_lowercase());
    let group = group_in(&folder).or_else(name)?;
    Some((bucket.to_owned(), group, StorePlace { folder, store: store.clone() }))
}

/// A call of KMS on what is shared.
#[derive(Debug, Clone)]
pub struct KeyCall {
    call: SharedUse,
    /// A keyed hash of the call's id.
    id: u128,
    /// The record is not that of the caller's account.
    is_foreign: bool,
    time: EventTime,
    event_id: Option<String>,
}

/// All calls of KMS on what is shared, each once.
#[derive(Debug, Clone, Default)]
pub struct KeyCalls {
    groups: Vec<SharedUse>,
    /// Of each group: the first and the last record.
    ends: Vec<[(EventTime, Option<String>); 2]>,
    places: HashMap<SharedUse, usize>,
    /// By id: of copies, the caller's.
    calls: HashMap<u128, (bool, EventTime, usize)>,
}

impl AddAssign<Vec<KeyCall>> for KeyCalls {
    fn add_assign(&mut self, calls: Vec<KeyCall>) {
        for KeyCall { call, id, is_foreign, time, event_id } in calls {
            let place = match self.places.get(&call) {
                Some(place) => *place,
                None if self.groups.len() >= GROUPS => continue,
                None => {
                    self.groups.push(call.clone());
                    self.ends.push([(time, event_id.clone()), (time, event_id.clone())]);
                    self.places.insert(call, self.groups.len() - 1);
                    self.groups.len() - 1
                }
            };
            if let Some([first, last]) = self.ends.get_mut(place) {
                let record = (time, event_id);
                if record < *first {
                    first.clone_from(&record);
                }
                if record > *last {
                    *last = record;
                }
            }
            let new = (is_foreign, time, place);
            let known = self.calls.entry(id).or_insert(new);
            if (new.0, new.1, self.groups.get(new.2)) < (known.0, known.1, self.groups.get(known.2)) {
                *known = new;
            }
        }
    }
}

impl KeyCalls {
    /// About the memory it takes, bytes.
    pub fn bytes(&self) -> usize {
        self.calls.capacity() * CALL + self.groups.len() * GROUP
    }

    /// The calls of each group, by time.
    pub(super) fn into_groups(self) -> Vec<(SharedUse, Vec<UseRecord>)> {
        let mut groups: Vec<(SharedUse, Vec<UseRecord>)> =
            self.groups.into_iter().map(|group| (group, Vec::new())).collect();
        for (is_foreign, time, place) in self.calls.into_values() {
            if let Some((_, records)) = groups.get_mut(place) {
                records.push(UseRecord { is_foreign, time, event_id: None, has_shared_id: false });
            }
        }
        for ((_, records), ends) in groups.iter_mut().zip(self.ends) {
            records.sort_unstable_by_key(|record| record.time);
            let [(_, first), (_, last)] = ends;
            if let Some(record) = records.last_mut() {
                record.event_id = last;
            }
            if let Some(record) = records.first_mut() {
                record.event_id = first;
            }
        }
        groups.retain(|(_, records)| !records.is_empty());
        groups.sort_by(|(one, _), (other, _)| one.cmp(other));
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_in_the_store_of_the_group_that_its_folder_names() {
        let store = "1/sagemaker/eu-central-1/offline-store/Clicks-daily-1749000000";
        for (object, group) in [
            (&*format!("p/{store}/data/a.parquet"), Some("clicks-daily")),
            (&*format!("{store}/"), Some("clicks-daily")),
            ("offline-store/g-1/x", Some("g")),
            ("offline-store/g-/x", None),
            ("offline-store/g/x", None),
            ("my-offline-store/g-1/x", None),
            ("", None),
        ] {
            assert_eq!(group_in(object).as_deref(), group, "{object}");
        }
        let group = "arn:aws:sagemaker:eu-central-1:1:feature-group/clicks";
        let store = Protected::new(group, "1", ProtectedKind::OfflineStore);
        let (bucket, name, at) = place("s3://b/p/", &store).unwrap();
        assert_eq!((&*bucket, &*name, &*at.folder), ("b", "clicks", "p/"));
        let (_, name, at) = place("s3://b/p/offline-store/clicks-7/data", &store).unwrap();
        assert_eq!((&*name, &*at.folder), ("clicks", "p/offline-store/clicks-7/data/"));
    }

    #[test]
    fn aliases_are_those_of_the_account_and_region() {
        let of = "arn:aws-cn:sagemaker:cn-north-1:1:feature-group/f";
        let alias = "arn:aws:kms:us-east-1:2:alias/x";
        assert_eq!(alias_arn("alias/x", of).unwrap(), "arn:aws-cn:kms:cn-north-1:1:alias/x");
        assert_eq!(alias_arn(alias, of).unwrap(), alias);
        assert_eq!(alias_arn("arn:aws:kms:us-east-1:2:key/alias/x", of), None);
        assert_eq!(alias_arn("1234abcd-12ab-34cd-56ef-1234567890ab", of), None);
    }
}
