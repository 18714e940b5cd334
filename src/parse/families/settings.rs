//! Learned rules from the parameters of SageMaker's and Forecast's own calls: roles, keys and
//! paths.

use std::borrow::Cow;

use simd_json::prelude::ValueIntoString;

use crate::model::{LearnedCondition, LearnedRule};
use crate::parse::call::{Object, ServiceCall, Value};

type RuleWithCondition = (LearnedRule, LearnedCondition<'static>);

/// The rules and conditions that follow from a call with these parameters and this response.
pub(super) fn rules(source: &str, name: &str, call: ServiceCall<'_>) -> Vec<RuleWithCondition> {
    let ServiceCall { request, response } = call;
    let mut list = Vec::new();
    match (source, name) {
        ("sagemaker.amazonaws.com", "CreateFeatureGroup" | "UpdateFeatureGroup" | "DescribeFeatureGroup") => {
            add_feature_group_rules(request, &mut list);
            add_feature_group_rules(response, &mut list);
        }
        ("sagemaker.amazonaws.com", _) if name.starts_with("Create") || name.starts_with("Update") => {
            objects(request, &mut |object| add_canvas_rules(&object, &mut list));
            let rule = match name {
                "CreateAutoMLJob" | "CreateAutoMLJobV2" => LearnedRule::AutopilotRoleAndKey,
                _ => LearnedRule::SagemakerRoleAndKey,
            };
            let (mut roles, mut keys) = (Vec::new(), Vec::new());
            objects(request, &mut |object| {
                roles.extend(role_of(&object));
                keys.extend(texts(&object, |name| ends_with(name, "kmskeyid")).map(own));
            });
            add_role_key_pairs(rule, &roles, &keys, &mut list);
        }
        ("sagemaker-geospatial.amazonaws.com", _)
            if name.starts_with("Start") || name.starts_with("Export") =>
        {
            let role = text_at(request, &["executionRoleArn"]);
            list.extend(role.map(|role| (LearnedRule::GeospatialRole, LearnedCondition::Role(own(role)))));
        }
        ("forecast.amazonaws.com", _) if name.starts_with("Create") => objects(request, &mut |object| {
            let keys: Vec<_> =
                texts(&object, |name| name.eq_ignore_ascii_case("kmskeyarn")).map(own).collect();
            let roles: Vec<_> =
                texts(&object, |name| name.eq_ignore_ascii_case("rolearn")).map(own).collect();
            add_role_key_pairs(LearnedRule::ForecastRoleAndKey, &roles, &keys, &mut list);
        }),
        _ => {}
    }
    list
}

/// Rules from an object that contains Canvas settings.
fn add_canvas_rules(object: &Object<'_>, list: &mut Vec<RuleWithCondition>) {
    let Some(canvas) = get(object, "canvasAppSettings").filter(|settings| settings.is_object()) else {
        return;
    };
    let role = get(object, "executionRole").and_then(|role| role.into_string());
    list.extend(role.map(|role| (LearnedRule::CanvasRole, LearnedCondition::Role(own(role)))));
    // The path is often a whole bucket or a project's folder, in which other things are, too.
    // Canvas makes its own folder below it.
    let artifacts = text_at(canvas, &["workspaceSettings", "s3ArtifactPath"]).and_then(bucket_and_path);
    list.extend(
        artifacts
            .map(|(bucket, path)| (LearnedRule::CanvasPath, LearnedCondition::CanvasFolder(bucket, path))),
    );
    let forecast = text_at(canvas, &["timeSeriesForecastingSettings", "amazonForecastRoleArn"]);
    list.extend(forecast.map(|role| (LearnedRule::CanvasForecastRole, LearnedCondition::Role(own(role)))));
}

/// The keys that Canvas settings name for what it stores in S3, each with its bucket and path: that
/// of the workspace, and that for sharing notebooks, which also counts for the default bucket.
/// There Canvas stores its data if it is told no other.
///
/// Sources: [Canvas's
/// keys](https://docs.aws.amazon.com/sagemaker/latest/dg/canvas-kms.html),
/// [WorkspaceSettings](https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_WorkspaceSettings.html).
pub(super) fn canvas_keys(request: Value<'_>, default_bucket: Option<&str>) -> Vec<[Cow<'static, str>; 3]> {
    let mut found = Vec::new();
    objects(request, &mut |object| {
        let workspace =
            get(&object, "canvasAppSettings").and_then(|canvas| at(canvas, &["workspaceSettings"]));
        let sharing = get(&object, "sharingSettings");
        let default = || default_bucket.map(|bucket| (own(bucket), own("")));
        let mut add = |settings: Option<Value<'_>>,
                       folder: Option<(Cow<'static, str>, Cow<'static, str>)>| {
            let key = settings.and_then(|settings| text_at(settings, &["s3KmsKeyId"]));
            if let (Some(key), Some((bucket, path))) = (key.filter(|key| !key.is_empty()), folder) {
                found.push([bucket, path, own(key)]);
            }
        };
        let named = workspace.and_then(|settings| text_at(settings, &["s3ArtifactPath"]));
        add(workspace, named.map_or_else(default, bucket_and_path));
        add(sharing, default());
    });
    found
}

/// Rules from the parameters or the response of a call for a feature group.
fn add_feature_group_rules(call: Value<'_>, list: &mut Vec<RuleWithCondition>) {
    let storage = |name| text_at(call, &["offlineStoreConfig", "s3StorageConfig", name]);
    // What is configured may be a whole bucket or a project's folder, in which other things are,
    // too. The feature store makes its own folder below it.
    if let Some((bucket, path)) = storage("s3Uri").and_then(bucket_and_path) {
        list.push((LearnedRule::OfflineStoreBucket, LearnedCondition::Bucket(bucket.clone())));
        list.push((LearnedRule::OfflineStorePath, LearnedCondition::OfflineStoreFolder(bucket, path)));
    }
    // This one is the group's folder itself.
    if let Some((bucket, path)) = storage("resolvedOutputS3Uri").and_then(bucket_and_path) {
        list.push((LearnedRule::OfflineStoreBucket, LearnedCondition::Bucket(bucket.clone())));
        if !path.is_empty() {
            list.push((LearnedRule::OfflineStorePath, LearnedCondition::Path(bucket, path)));
        }
    }
    if let (Some(role), Some(key)) = (text_at(call, &["roleArn"]), storage("kmsKeyId")) {
        add_role_key_pairs(LearnedRule::OfflineStoreRoleAndKey, &[own(role)], &[own(key)], list);
    }
    let online = text_at(call, &["onlineStoreConfig", "securityConfig", "kmsKeyId"]);
    let online = online.filter(|key| !is_alias(key));
    list.extend(online.map(|key| (LearnedRule::OnlineStoreKey, LearnedCondition::Key(own(key)))));
}

/// Whether the parameters name a resource with `canvas` in its name.
pub(super) fn names_canvas(request: Value<'_>) -> bool {
    let mut found = false;
    let is_name = |name: &str| {
        (ends_with(name, "name") || ends_with(name, "arn"))
            && !["role", "bucket"].iter().any(|other| contains(name, other))
    };
    objects(request, &mut |object| {
        found |= texts(&object, is_name).any(|text| contains(text, "canvas"));
    });
    found
}

/// Adds each role with each key, unless there are more than a few of either: then the call does not
/// say which role uses which key.
fn add_role_key_pairs(
    rule: LearnedRule,
    roles: &[Cow<'static, str>],
    keys: &[Cow<'static, str>],
    list: &mut Vec<RuleWithCondition>,
) {
    const FEW: usize = 8;
    if roles.len() > FEW || keys.len() > FEW {
        return;
    }
    for role in roles {
        let keys = keys.iter().filter(|key| !is_alias(key));
        list.extend(keys.map(|key| (rule, LearnedCondition::RoleAndKey(role.clone(), key.clone()))));
    }
}

/// Whether a key is given by an alias. Such a setting is not usable: it does not say which key the
/// alias pointed to, and KMS calls name the key itself.
fn is_alias(key: &str) -> bool {
    key.starts_with("alias/") || key.contains(":alias/")
}

fn role_of<'v>(object: &Object<'v>) -> impl Iterator<Item = Cow<'static, str>> + use<'v> {
    let is_role = |name: &str| {
        ["rolearn", "executionrolearn", "executionrole"].iter().any(|role| name.eq_ignore_ascii_case(role))
    };
    texts(object, is_role).map(own)
}

fn own(text: &str) -> Cow<'static, str> {
    Cow::Owned(text.to_owned())
}

/// The bucket and the path of an S3 URI. Settings also contain `https` URLs, in which they are not
/// certain.
fn bucket_and_path(uri: &str) -> Option<(Cow<'static, str>, Cow<'static, str>)> {
    let rest = uri.strip_prefix("s3://")?;
    let (bucket, path) = rest.split_once('/').unwrap_or((rest, ""));
    (!bucket.is_empty()).then(|| (own(bucket), own(path.trim_matches('/'))))
}

/// The member with this name in any case.
fn get<'v>(object: &Object<'v>, name: &str) -> Option<Value<'v>> {
    object
        .get(name)
        .or_else(|| object.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

/// The value at the end of a path of member names.
pub(super) fn at<'v>(value: Value<'v>, path: &[&str]) -> Option<Value<'v>> {
    path.iter().try_fold(value, |value, name| get(&value.as_object()?, name))
}

/// The text at the end of a path of member names.
pub(super) fn text_at<'v>(value: Value<'v>, path: &[&str]) -> Option<&'v str> {
    at(value, path)?.into_string()
}

/// The non-empty texts of an object whose names satisfy `predicate`.
fn texts<'v, P: Fn(&str) -> bool>(
    object: &Object<'v>,
    predicate: P,
) -> impl Iterator<Item = &'v str> + use<'v, P> {
    object
        .iter()
        .filter(move |(name, _)| predicate(name))
        .filter_map(|(_, value)| value.into_string())
        .filter(|text| !text.is_empty())
}

/// Whether `text` ends with a word in lower case, whatever its own case.
fn ends_with(text: &str, word: &str) -> bool {
    let start = text.len().checked_sub(word.len());
    let end = start.and_then(|start| text.as_bytes().get(start..));
    end.is_some_and(|end| end.eq_ignore_ascii_case(word.as_bytes()))
}

/// Whether `text` contains a word in lower case, whatever its own case.
fn contains(text: &str, word: &str) -> bool {
    text.as_bytes().windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes()))
}

/// Calls `visit` for every object in `value`, including `value` itself. The depth of the recursion
/// is limited by the JSON readers.
fn objects<'v>(value: Value<'v>, visit: &mut impl FnMut(Object<'v>)) {
    if let Some(object) = value.as_object() {
        let values = object.values();
        visit(object);
        values.for_each(|value| objects(value, visit));
    } else if let Some(items) = value.as_array() {
        items.iter().for_each(|value| objects(value, visit));
    }
}
