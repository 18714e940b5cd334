//! Roles, keys and paths in the parameters of SageMaker's and Forecast's own calls.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::model::{LearnedCondition, LearnedRule};

type Rule = (LearnedRule, LearnedCondition<'static>);

/// The rules that a call with these parameters and this answer teaches.
pub(super) fn rules(source: &str, name: &str, request: &Value, response: &Value) -> Vec<Rule> {
    let mut list = Vec::new();
    match (source, name) {
        ("sagemaker.amazonaws.com", "CreateFeatureGroup" | "UpdateFeatureGroup" | "DescribeFeatureGroup") => {
            feature_group(request, &mut list);
            feature_group(response, &mut list);
        }
        ("sagemaker.amazonaws.com", _) if name.starts_with("Create") || name.starts_with("Update") => {
            objects(request, &mut |object| canvas(object, &mut list));
            let rule = match name {
                "CreateAutoMLJob" | "CreateAutoMLJobV2" => LearnedRule::AutopilotRoleAndKey,
                _ => LearnedRule::SagemakerRoleAndKey,
            };
            let (mut roles, mut keys) = (Vec::new(), Vec::new());
            objects(request, &mut |object| {
                roles.extend(role_of(object));
                keys.extend(texts(object, |name| name.ends_with("kmskeyid")).map(own));
            });
            pairs(rule, &roles, &keys, &mut list);
        }
        ("sagemaker-geospatial.amazonaws.com", _)
            if name.starts_with("Start") || name.starts_with("Export") =>
        {
            let role = text_at(request, &["executionRoleArn"]);
            list.extend(role.map(|role| (LearnedRule::GeospatialRole, LearnedCondition::Role(own(role)))));
        }
        ("forecast.amazonaws.com", _) if name.starts_with("Create") => objects(request, &mut |object| {
            let keys: Vec<_> = texts(object, |name| name == "kmskeyarn").map(own).collect();
            let roles: Vec<_> = texts(object, |name| name == "rolearn").map(own).collect();
            pairs(LearnedRule::ForecastRoleAndKey, &roles, &keys, &mut list);
        }),
        _ => {}
    }
    list
}

/// Settings that have those of Canvas among them.
fn canvas(object: &Map<String, Value>, list: &mut Vec<Rule>) {
    let Some(canvas) = get(object, "canvasAppSettings").filter(|settings| settings.is_object()) else {
        return;
    };
    let role = get(object, "executionRole").and_then(Value::as_str);
    list.extend(role.map(|role| (LearnedRule::CanvasRole, LearnedCondition::Role(own(role)))));
    let place = text_at(canvas, &["workspaceSettings", "s3ArtifactPath"]);
    list.extend(place.and_then(path).map(|path| (LearnedRule::CanvasPath, path)));
    let forecast = text_at(canvas, &["timeSeriesForecastingSettings", "amazonForecastRoleArn"]);
    list.extend(forecast.map(|role| (LearnedRule::CanvasForecastRole, LearnedCondition::Role(own(role)))));
}

fn feature_group(call: &Value, list: &mut Vec<Rule>) {
    let stored = |name| text_at(call, &["offlineStoreConfig", "s3StorageConfig", name]);
    for place in ["s3Uri", "resolvedOutputS3Uri"].into_iter().filter_map(stored) {
        let Some(LearnedCondition::Path(bucket, path)) = path(place) else { continue };
        list.push((LearnedRule::OfflineStoreBucket, LearnedCondition::Bucket(bucket.clone())));
        // A store may have a whole bucket named for it that holds other things, too: there its own folders tell (rule O1).
        if !path.is_empty() {
            list.push((LearnedRule::OfflineStorePath, LearnedCondition::Path(bucket, path)));
        }
    }
    if let (Some(role), Some(key)) = (text_at(call, &["roleArn"]), stored("kmsKeyId")) {
        pairs(LearnedRule::OfflineStoreRoleAndKey, &[own(role)], &[own(key)], list);
    }
    let online = text_at(call, &["onlineStoreConfig", "securityConfig", "kmsKeyId"]);
    let online = online.filter(|key| !is_alias(key));
    list.extend(online.map(|key| (LearnedRule::OnlineStoreKey, LearnedCondition::Key(own(key)))));
}

/// Whether a resource is named that has `canvas` in its name.
pub(super) fn names_canvas(request: &Value) -> bool {
    let mut found = false;
    let is_name = |name: &str| {
        (name.ends_with("name") || name.ends_with("arn"))
            && !["role", "bucket"].iter().any(|other| name.contains(other))
    };
    objects(request, &mut |object| {
        found |= texts(object, is_name).any(|text| text.to_ascii_lowercase().contains("canvas"));
    });
    found
}

/// Each role with each key; a call that names more than a few of either says nothing of which goes with which.
fn pairs(rule: LearnedRule, roles: &[Cow<'static, str>], keys: &[Cow<'static, str>], list: &mut Vec<Rule>) {
    const FEW: usize = 8;
    if roles.len() > FEW || keys.len() > FEW {
        return;
    }
    for role in roles {
        let keys = keys.iter().filter(|key| !is_alias(key));
        list.extend(keys.map(|key| (rule, LearnedCondition::RoleAndKey(role.clone(), key.clone()))));
    }
}

/// Whether a key is named by an alias: calls name the key itself, and which that was is not in the settings.
fn is_alias(key: &str) -> bool {
    key.starts_with("alias/") || key.contains(":alias/")
}

fn role_of(object: &Map<String, Value>) -> impl Iterator<Item = Cow<'static, str>> {
    texts(object, |name| matches!(name, "rolearn" | "executionrolearn" | "executionrole")).map(own)
}

fn own(text: &str) -> Cow<'static, str> {
    Cow::Owned(text.to_owned())
}

/// `s3://bucket/path` or `https` forms are given; only the first names both for certain.
fn path(uri: &str) -> Option<LearnedCondition<'static>> {
    let rest = uri.strip_prefix("s3://")?;
    let (bucket, path) = rest.split_once('/').unwrap_or((rest, ""));
    (!bucket.is_empty()).then(|| LearnedCondition::Path(own(bucket), own(path.trim_matches('/'))))
}

/// The member of that name, whatever its case.
fn get<'v>(object: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    object
        .get(name)
        .or_else(|| object.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

/// The value at the end of a path of member names.
pub(super) fn at<'v>(value: &'v Value, path: &[&str]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, name| get(value.as_object()?, name))
}

/// The text at the end of such a path.
pub(super) fn text_at<'v>(value: &'v Value, path: &[&str]) -> Option<&'v str> {
    at(value, path)?.as_str()
}

/// The texts of an object whose names, in lower case, are of a kind.
fn texts(object: &Map<String, Value>, is_wanted: impl Fn(&str) -> bool) -> impl Iterator<Item = &str> {
    object
        .iter()
        .filter(move |(name, _)| is_wanted(&name.to_ascii_lowercase()))
        .filter_map(|(_, value)| value.as_str())
        .filter(|text| !text.is_empty())
}

/// Calls `look` for every object in `value`, itself included. Its depth is bounded by what JSON readers take.
fn objects<'v>(value: &'v Value, look: &mut impl FnMut(&'v Map<String, Value>)) {
    match value {
        Value::Object(object) => {
            look(object);
            object.values().for_each(|value| objects(value, look));
        }
        Value::Array(items) => items.iter().for_each(|value| objects(value, look)),
        _ => {}
    }
}
