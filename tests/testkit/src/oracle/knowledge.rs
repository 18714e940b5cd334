//! What the facts of the whole input say about its calls (domain §1.5, §4.1, §5): which roles,
//! paths, keys and sessions belong to a workload, where aliases pointed, and which records were
//! corrected.
//!
//! A learned rule fires on the calls that show its sign. All rules and signs are in one list, and
//! every call is compared with each.

use super::json::{self, Json};
use super::key::{self, Key, Place};
use super::names;
use super::record::{self, Corrected};
use super::workload::{Call, Strength};
use Strength::{Definitive, Medium, Strong, Weak};
use std::collections::{BTreeMap, BTreeSet};

/// Learned rules in the order in which an event names them.
pub const RULES: [(&str, &str, Strength); 16] = [
    ("C2", "canvas", Strong),
    ("C3", "canvas", Weak),
    ("C5", "canvas", Medium),
    ("F2", "canvas-forecast", Strong),
    ("F5", "forecast", Medium),
    ("F6", "canvas-forecast", Definitive),
    ("G5", "geospatial", Medium),
    ("O2", "feature-store-offline", Strong),
    ("O2K", "feature-store-offline", Medium),
    ("O3", "feature-store-offline", Medium),
    ("O4", "feature-store-online", Medium),
    ("A1", "autopilot", Medium),
    ("S4", "sagemaker-other", Medium),
    ("J1", "geospatial", Strong),
    ("J2", "forecast", Strong),
    ("J3", "sagemaker-other", Strong),
];

/// The folder that Canvas makes in its storage.
const CANVAS_FOLDER: &str = "^(?i-u:canvas)/";
/// The folder that the feature store makes in a group's storage.
const STORE_FOLDER: &str = "^[0-9]{12}/sagemaker/[^/]+/offline-store/";

/// Account and name. The path is left out: an event may not know it.
pub type Role = (String, String);

/// `arn:P:iam::A:role/[PATH/]NAME`
pub fn role(arn: &str) -> Option<Role> {
    Some((names::arn(arn)?.account, names::role_name(arn)?))
}

/// What a call has to show.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Sign {
    /// An object of the bucket, at or below the path.
    Path(String, String),
    /// An object of the bucket whose key, behind this path and its slash, fits the pattern.
    Below(String, String, &'static str),
    /// The bucket, and no object of it.
    BucketAlone(String),
    Caller(Role),
    CallerAndKey(Role, String),
    /// The key, in the way DynamoDB or a service with a grant uses it.
    OnlineStoreKey(String),
    /// The key, by Forecast itself.
    ForecastKey(String),
    AccessKey(String),
    PrincipalId(String),
}

type Time = i64;
/// What decides between corrections of one original, which have one time: eventID, requestID.
type Rank = (Option<String>, Option<String>);

#[derive(Default)]
pub struct Knowledge {
    signs: BTreeSet<(&'static str, Sign)>,
    /// What each alias (by ARN) was made to point to, and when. None: to nothing, or nobody knows
    /// to what.
    aliases: BTreeMap<String, BTreeMap<Time, BTreeSet<Option<String>>>>,
    /// The corrections of each original.
    corrections: BTreeMap<Corrected, BTreeSet<Rank>>,
}

impl Knowledge {
    /// The facts of all these records, in whatever order they come.
    pub fn of<'a>(records: impl Iterator<Item = &'a [u8]>) -> Knowledge {
        let mut knowledge = Knowledge::default();
        for root in records.filter_map(|bytes| json::parse(bytes).ok()) {
            let time = root.text_at(&["eventTime"]).and_then(|text| record::millis(&text));
            // A record of a form that nobody knows is not believed.
            let is_believed = record::is_supported_version(&root);
            let Some(time) = time.filter(|_| is_believed) else { continue };
            knowledge.correction(&root);
            if root.text_at(&["errorCode"]).is_none() && root.text_at(&["errorMessage"]).is_none() {
                knowledge.success(&root, time);
            }
        }
        knowledge.forecast_keys_of_canvas();
        knowledge
    }

    /// The learned rules that fire, in the order of `RULES`.
    pub fn fired(&self, call: &Call) -> Vec<(&'static str, &'static str, Strength)> {
        let fires = |rule: &str| self.signs.iter().any(|(of, sign)| *of == rule && shows(call, sign));
        RULES.into_iter().filter(|(rule, _, _)| fires(rule)).collect()
    }

    /// A key that is nothing but an alias becomes the one the alias pointed to just before.
    pub fn resolve(&self, key: &mut Key, place: &Place, time: Time) {
        if key.arn.is_some() || key.id.is_some() {
            return;
        }
        let Some(changes) = alias_arn(key, place).and_then(|alias| self.aliases.get(&alias)) else { return };
        if changes.contains_key(&time) {
            return; // before or after this call, who knows
        }
        let Some((_, targets)) = changes.range(..time).next_back() else { return };
        let [Some(arn)] = Vec::from_iter(targets)[..] else { return };
        let alias = key.alias.take();
        *key = key::key_of(arn, "alias").expect("only keys are put down as targets");
        key.alias = alias;
    }

    /// Has another record taken the place of this one?
    pub fn is_superseded(&self, event: &record::Event) -> bool {
        let text = |name: &str| event.columns[name].as_str().map(str::to_owned);
        let rank: Rank = (text("event_id"), text("request_id"));
        if let Some(original) = &event.corrects {
            let rivals = self.corrections.get(original);
            if rivals.and_then(BTreeSet::last).is_some_and(|last| *last != rank) {
                return true;
            }
        }
        let place_of = |(event_id, request_id): &Rank| Corrected {
            account: text("recipient_account_id"),
            api: text("event_name"),
            millis: Some(event.millis),
            event_id: event_id.clone(),
            request_id: request_id.clone(),
        };
        // What takes the place of what takes its place, and so on; in a circle, the latest stands.
        let mut chain: Vec<Rank> = Vec::new();
        let mut at = rank.clone();
        while let Some(last) = self.corrections.get(&place_of(&at)).and_then(BTreeSet::last) {
            if chain.contains(last) {
                break;
            }
            chain.push(last.clone());
            at = last.clone();
        }
        let is_latest = chain.contains(&rank) && chain.iter().max() == Some(&rank);
        !chain.is_empty() && !is_latest
    }

    fn correction(&mut self, root: &Json) {
        let is_kms = root.get("eventSource") == Some(&Json::Text("kms.amazonaws.com".into()));
        if let (true, Some(original)) = (is_kms, record::corrects(root)) {
            let rank = (root.text_at(&["eventID"]), root.text_at(&["requestID"]));
            self.corrections.entry(original).or_default().insert(rank);
        }
    }

    fn success(&mut self, root: &Json, time: Time) {
        let text = |name: &str| root.text_at(&[name]).unwrap_or_default();
        let (source, name) = (text("eventSource"), text("eventName"));
        let starts = |beginnings: &[&str]| beginnings.iter().any(|beginning| name.starts_with(beginning));
        let nothing = Json::Null;
        let request = root.get("requestParameters").unwrap_or(&nothing);
        let service = source.strip_suffix(".amazonaws.com").unwrap_or_default();
        if matches!(service, "sagemaker" | "sagemaker-geospatial" | "forecast") {
            self.canvas_session(root, request);
        }
        let feature_group = ["CreateFeatureGroup", "UpdateFeatureGroup", "DescribeFeatureGroup"];
        match service {
            "kms" if ["CreateAlias", "UpdateAlias", "DeleteAlias"].contains(&name.as_str()) => {
                self.alias(root, &name, time);
            }
            "sts" if name == "AssumeRole" => self.assumed_role(root, request),
            "sagemaker" => {
                if starts(&["Create", "Update"]) {
                    objects(request).iter().for_each(|object| self.canvas_settings(object));
                }
                if feature_group.contains(&name.as_str()) {
                    self.feature_group(request);
                    self.feature_group(root.get("responseElements").unwrap_or(&nothing));
                } else if starts(&["Create", "Update"]) {
                    self.roles_and_keys(request, &name);
                }
            }
            "sagemaker-geospatial" if starts(&["Start", "Export"]) => {
                self.caller("G5", any_case(request, &["executionRoleArn"]));
            }
            "forecast" if starts(&["Create"]) => {
                for object in objects(request) {
                    let pair = (any_case(object, &["roleArn"]), any_case(object, &["kmsKeyArn"]));
                    self.caller_and_key("F5", pair.0, pair.1);
                }
            }
            _ => {}
        }
    }

    /// §5.2, C2 and C3; §5.3, F2: an object that has Canvas settings.
    fn canvas_settings(&mut self, object: &Json) {
        let Some(settings @ Json::Object(_)) = object.get_any_case("canvasAppSettings") else { return };
        self.caller("C3", any_case(object, &["executionRole"]));
        let forecast = ["timeSeriesForecastingSettings", "amazonForecastRoleArn"];
        self.caller("F2", any_case(settings, &forecast));
        let path = any_case(settings, &["workspaceSettings", "s3ArtifactPath"]);
        if let Some((bucket, path)) = path.as_deref().and_then(s3_path) {
            self.signs.insert(("C2", Sign::Below(bucket, path, CANVAS_FOLDER)));
        }
    }

    /// §5.2, C5: a role session that handles something named after Canvas.
    fn canvas_session(&mut self, root: &Json, request: &Json) {
        let user = |path: &[&str]| root.at(&["userIdentity"])?.text_at(path);
        let issuer = user(&["sessionContext", "sessionIssuer", "arn"]);
        let is_role = user(&["type"]).as_deref() == Some("AssumedRole")
            && issuer.and_then(|arn| names::arn(&arn)).is_some_and(|arn| arn.service == "iam");
        let names_canvas = members(request).iter().any(|(name, value)| {
            let name = name.to_ascii_lowercase();
            let is_name = name.ends_with("name") || name.ends_with("arn");
            let is_elsewhere = name.contains("role") || name.contains("bucket");
            let value = value.text().unwrap_or_default().to_ascii_lowercase();
            is_name && !is_elsewhere && value.contains("canvas")
        });
        if is_role && names_canvas {
            let access_key = user(&["accessKeyId"]);
            let principal_id = user(&["principalId"]).filter(|_| access_key.is_none());
            self.session("C5", access_key, principal_id);
        }
    }

    /// §5.4, O2 to O4: one side of a feature group's description.
    fn feature_group(&mut self, group: &Json) {
        let store = |name: &'static str| any_case(group, &["offlineStoreConfig", "s3StorageConfig", name]);
        let own = store("resolvedOutputS3Uri").as_deref().and_then(s3_path);
        let given = store("s3Uri").as_deref().and_then(s3_path);
        for (bucket, _) in own.iter().chain(&given) {
            self.signs.insert(("O3", Sign::BucketAlone(bucket.clone())));
        }
        if let Some((bucket, path)) = own.filter(|(_, path)| !path.is_empty()) {
            self.signs.insert(("O2", Sign::Path(bucket, path)));
        }
        if let Some((bucket, path)) = given {
            self.signs.insert(("O2", Sign::Below(bucket, path, STORE_FOLDER)));
        }
        self.caller_and_key("O2K", any_case(group, &["roleArn"]), store("kmsKeyId"));
        if let Some(key) = any_case(group, &["onlineStoreConfig", "securityConfig", "kmsKeyId"]) {
            self.signs.insert(("O4", Sign::OnlineStoreKey(key)));
        }
    }

    /// §5.5: whichever roles and keys stand in one request go together, unless they are too many to
    /// tell.
    fn roles_and_keys(&mut self, request: &Json, name: &str) {
        let rule = if ["CreateAutoMLJob", "CreateAutoMLJobV2"].contains(&name) { "A1" } else { "S4" };
        let texts = |fits: &dyn Fn(&str) -> bool| -> Vec<String> {
            let named = members(request).into_iter().filter(|(name, _)| fits(&name.to_ascii_lowercase()));
            named.filter_map(|(_, value)| value.text()).collect()
        };
        let roles = texts(&|name| ["rolearn", "executionrolearn", "executionrole"].contains(&name));
        let keys = texts(&|name| name.ends_with("kmskeyid"));
        if roles.len() > 8 || keys.len() > 8 {
            return;
        }
        for role in &roles {
            keys.iter().for_each(|key| self.caller_and_key(rule, Some(role.clone()), Some(key.clone())));
        }
    }

    /// §5.6: a service opens a session on a role. It speaks of that session (of the same nature,
    /// and stronger, are F4 and half of G5), not of others of the role.
    fn assumed_role(&mut self, root: &Json, request: &Json) {
        if any_case(request, &["roleArn"]).is_none() {
            return; // on nobody's role: nothing that AssumeRole does
        }
        let user = |name: &str| root.text_at(&["userIdentity", name]);
        let invoker = user("invokedBy").filter(|_| user("type").as_deref() == Some("AWSService"));
        let response = |path: &[&str]| any_case(root.get("responseElements")?, path);
        for (service, rule) in [("sagemaker-geospatial", "J1"), ("forecast", "J2"), ("sagemaker", "J3")] {
            if names::is_service(invoker.as_deref(), service) {
                let access_key = response(&["credentials", "accessKeyId"]);
                self.session(rule, access_key, response(&["assumedRoleUser", "assumedRoleId"]));
            }
        }
    }

    /// §4.1, step 3: an alias now points elsewhere.
    fn alias(&mut self, root: &Json, name: &str, time: Time) {
        let (key, place) = record::key_and_place(root);
        let Some(alias) = alias_arn(&key, &place) else { return };
        let target = key.arn.filter(|_| name != "DeleteAlias");
        self.aliases.entry(alias).or_default().entry(time).or_default().insert(target);
    }

    /// §5.3, F3 and F5: a key that Forecast uses for a role of Canvas.
    fn forecast_keys_of_canvas(&mut self) {
        let signs = self.signs.clone();
        for (rule, sign) in &signs {
            let ("F5", Sign::CallerAndKey(role, key)) = (*rule, sign) else { continue };
            let is_named = role.1.to_ascii_lowercase().starts_with("amazonsagemakercanvasforecastrole");
            if is_named || signs.contains(&("F2", Sign::Caller(role.clone()))) {
                self.signs.insert(("F6", Sign::ForecastKey(key.clone())));
            }
        }
    }

    fn caller(&mut self, rule: &'static str, arn: Option<String>) {
        if let Some(role) = arn.as_deref().and_then(role) {
            self.signs.insert((rule, Sign::Caller(role)));
        }
    }

    fn caller_and_key(&mut self, rule: &'static str, arn: Option<String>, key: Option<String>) {
        if let (Some(role), Some(key)) = (arn.as_deref().and_then(role), key) {
            self.signs.insert((rule, Sign::CallerAndKey(role, key)));
        }
    }

    fn session(&mut self, rule: &'static str, access_key: Option<String>, principal_id: Option<String>) {
        self.signs.extend(access_key.map(|id| (rule, Sign::AccessKey(id))));
        self.signs.extend(principal_id.map(|id| (rule, Sign::PrincipalId(id))));
    }
}

fn shows(call: &Call, sign: &Sign) -> bool {
    let key_is = |name: &String| call.key.arn.as_ref() == Some(name) || call.key.id.as_ref() == Some(name);
    let caller_is = |role: &Role| call.caller_role.as_ref() == Some(role);
    let in_bucket = |bucket: &String| !call.is_log_file && call.bucket == Some(bucket);
    match sign {
        Sign::Path(bucket, path) => {
            let is_below =
                |object: &str| object.strip_prefix(path).is_some_and(|r| r.is_empty() || r.starts_with('/'));
            in_bucket(bucket) && call.object_key.is_some_and(is_below)
        }
        Sign::Below(bucket, path, pattern) => {
            let folder = if path.is_empty() { String::new() } else { format!("{path}/") };
            let rest = call.object_key.and_then(|object| object.strip_prefix(&folder));
            in_bucket(bucket) && rest.is_some_and(|rest| names::matches(pattern, rest))
        }
        Sign::BucketAlone(bucket) => in_bucket(bucket) && call.object_key.is_none(),
        Sign::Caller(role) => caller_is(role),
        Sign::CallerAndKey(role, key) => caller_is(role) && key_is(key),
        Sign::OnlineStoreKey(key) => {
            let is_dynamodb = call.context_names.iter().any(|name| name.starts_with("aws:dynamodb:"));
            let to_service = call.event_name == "CreateGrant"
                && call.grantee.is_some_and(|grantee| grantee.contains(".amazonaws.com"));
            key_is(key) && (is_dynamodb || to_service)
        }
        Sign::ForecastKey(key) => {
            key_is(key)
                && call.identity_type == Some("AWSService")
                && names::is_service(call.invoked_by, "forecast")
        }
        Sign::AccessKey(id) => call.access_key == Some(id),
        Sign::PrincipalId(id) => call.access_key.is_none() && call.principal_id == Some(id),
    }
}

/// `s3://bucket/path`, the path without the slashes around it.
fn s3_path(uri: &str) -> Option<(String, String)> {
    let rest = uri.strip_prefix("s3://")?;
    let (bucket, path) = rest.split_once('/').unwrap_or((rest, ""));
    (!bucket.is_empty()).then(|| (bucket.to_owned(), path.trim_matches('/').to_owned()))
}

/// The ARN of an alias; a bare name belongs to the caller's account, else to the record's, in the
/// record's region.
fn alias_arn(key: &Key, place: &Place) -> Option<String> {
    let alias = key.alias.as_deref()?;
    if names::kms_arn(alias, "alias").is_some() {
        return Some(alias.to_owned());
    }
    let account = place.principal_account.as_ref().or(place.recipient.as_ref())?;
    let region = place.region.as_ref()?;
    Some(format!("arn:{}:kms:{region}:{account}:{alias}", key::partition(region)))
}

/// The text at a path of names in whatever case.
fn any_case(value: &Json, path: &[&str]) -> Option<String> {
    path.iter().try_fold(value, |value, name| value.get_any_case(name))?.text()
}

/// Every object in a value, itself included.
fn objects(value: &Json) -> Vec<&Json> {
    let inside: Vec<&Json> = match value {
        Json::Object(members) => members.iter().map(|(_, value)| value).collect(),
        other => other.elements().iter().collect(),
    };
    let own = matches!(value, Json::Object(_)).then_some(value);
    own.into_iter().chain(inside.into_iter().flat_map(objects)).collect()
}

/// Every member of every object in a value.
fn members(value: &Json) -> Vec<(&str, &Json)> {
    let mut all = Vec::new();
    for object in objects(value) {
        if let Json::Object(members) = object {
            all.extend(members.iter().map(|(name, value)| (name.as_str(), value)));
        }
    }
    all
}
