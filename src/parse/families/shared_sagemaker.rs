//! What calls of SageMaker say about what is shared: resource policies, keys of artifacts, offline
//! stores, and uses of resources of other accounts.

use super::settings::text_at;
use super::sharing::{CallRecord, all_texts, is_omitted};
use crate::model::{OfflineStore, PolicyText, ShareEffect, SharedResource};
use crate::parse::call::{ServiceCall, Value};

/// What the ARN of a resource that can be shared contains, and a parameter that asks for those of
/// other accounts. ARNs are spelled in one way; the colon keeps names out.
pub(super) static SHAREABLE: [&str; 9] = [
    ":pipeline",
    ":model-package",
    ":model-card",
    ":hub",
    ":endpoint",
    ":feature-group",
    ":lineage-group",
    ":sagemaker-catalog",
    "CrossAccount",
];

/// What the names of calls contain that can work on a resource of another account.
///
/// Source: the permissions that AWS RAM has for SageMaker
/// ([shareable resources](https://docs.aws.amazon.com/ram/latest/userguide/shareable.html)), and
/// inferred.
const CALLS: [&str; 11] = [
    "Pipeline",
    "ModelPackage",
    "CreateModel",
    "ModelCard",
    "Hub",
    "Endpoint",
    "FeatureGroup",
    "Record",
    "Lineage",
    "Search",
    "Catalog",
];

/// Whether a call of this name may work on a resource of another account.
pub(super) fn may_use_shared(name: &str) -> bool {
    CALLS.iter().any(|part| name.contains(part))
}

/// Whether a call of this name sets or deletes the policy of a resource.
pub(super) fn changes_policy(name: &str) -> bool {
    name.ends_with("Policy") && ["Put", "Create", "Delete"].iter().any(|verb| name.starts_with(verb))
}

/// The calls that delete what can be shared: the kind in ARNs, and the name of its parameter.
const DELETES: [(&str, &str, &str); 7] = [
    ("DeleteModelPackageGroup", "model-package-group", "modelPackageGroup"),
    ("DeletePipeline", "pipeline", "pipeline"),
    ("DeleteFeatureGroup", "feature-group", "featureGroup"),
    ("DeleteEndpoint", "endpoint", "endpoint"),
    ("DeleteModelCard", "model-card", "modelCard"),
    ("DeleteHub", "hub", "hub"),
    ("DeleteModelPackage", "model-package", "modelPackage"),
];

/// Whether a call of this name deletes what can be shared.
pub(super) fn deletes(name: &str) -> bool {
    DELETES.iter().any(|(call, ..)| *call == name)
}

/// The resource that a call deleted. A version of a model package is not one.
fn deleted(record: &CallRecord<'_>, name: &str, call: ServiceCall<'_>) -> Option<SharedResource> {
    let (_, kind, member) = DELETES.iter().find(|(call, ..)| *call == name)?;
    let of = |value, end: &str| text_at(value, &[&format!("{member}{end}")]);
    let named = of(call.request, "Name").or_else(|| of(call.request, "Arn"));
    let arn = match of(call.response, "Arn").or(named)? {
        arn if arn.starts_with("arn:") => arn.to_owned(),
        name => record.own_arn(kind, name)?,
    };
    let is_version = name == "DeleteModelPackage" && arn.matches('/').count() > 1;
    (!is_version).then_some(SharedResource { arn })
}

/// What a call of this name did. Of calls that failed, only uses and policies count.
pub(super) fn effects(
    record: &CallRecord<'_>,
    name: &str,
    is_failed: bool,
    call: ServiceCall<'_>,
) -> Vec<ShareEffect> {
    let ServiceCall { request, response } = call;
    let mut list = Vec::new();
    if changes_policy(name) {
        let resource = resource_of_policy(record, name, call);
        list.extend(match name.starts_with("Delete") {
            true => resource.filter(|_| !is_failed).map(ShareEffect::DeletesPolicy),
            // A refused call often has no parameters: that somebody tried is worth knowing.
            false if is_failed => {
                let named =
                    || record.refused_resource().unwrap_or("unknown").trim_end_matches('.').to_owned();
                let resource = resource.unwrap_or_else(|| SharedResource { arn: named() });
                Some(ShareEffect::PutsPolicy { resource, text: PolicyText::Unknown })
            }
            false => {
                resource.map(|resource| ShareEffect::PutsPolicy { resource, text: policy_text(request) })
            }
        });
    } else if !is_failed && name == "CreateModelPackage" {
        list.extend(artifact_key(record, call));
    } else if !is_failed && name.ends_with("FeatureGroup") && !name.starts_with("Delete") {
        list.extend([request, response].iter().find_map(|value| offline_store(record, *value, response)));
    } else if !is_failed && deletes(name) {
        list.extend(deleted(record, name, call).map(ShareEffect::DeletesResource));
    } else if text_at(request, &["crossAccountFilterOption"]) == Some("CrossAccount") {
        let kind = match name {
            "Search" => text_at(request, &["resource"]).and_then(kind_of_search).unwrap_or("*"),
            _ => "model-package-group",
        };
        list.extend(record.all_accounts("sagemaker", kind).map(ShareEffect::Uses));
    }
    if may_use_shared(name) {
        let mut texts = Vec::new();
        all_texts(request, &mut texts);
        all_texts(response, &mut texts);
        list.extend(record.foreign(texts));
    }
    list
}

/// How a resource type of `Search` is called in ARNs; `None`: it cannot be shared.
fn kind_of_search(resource: &str) -> Option<&'static str> {
    match resource {
        "ModelPackageGroup" | "ModelPackage" => Some("model-package-group"),
        "Pipeline" | "PipelineExecution" => Some("pipeline"),
        "FeatureGroup" | "FeatureMetadata" => Some("feature-group"),
        "ModelCard" => Some("model-card"),
        _ => None,
    }
}

/// The resource whose policy a call is about. The owner calls, and gives a name, not an ARN.
fn resource_of_policy(
    record: &CallRecord<'_>,
    call: &str,
    service: ServiceCall<'_>,
) -> Option<SharedResource> {
    let ServiceCall { request, response } = service;
    let kinds = [
        ("ModelPackageGroup", "model-package-group", "modelPackageGroup"),
        ("LineageGroup", "lineage-group", "lineageGroup"),
        ("Endpoint", "endpoint", "endpoint"),
        ("FeatureGroup", "feature-group", "featureGroup"),
        ("Hub", "hub", "hub"),
    ];
    let of_kind = kinds.iter().find(|(part, ..)| call.contains(part)).and_then(|(_, kind, member)| {
        let arn = text_at(response, &[&format!("{member}Arn")]).map(str::to_owned);
        let name = || {
            let name = text_at(request, &[&format!("{member}Name")])
                .or_else(|| text_at(request, &[&format!("{member}Arn")]))?;
            if name.starts_with("arn:") { Some(name.to_owned()) } else { record.own_arn(kind, name) }
        };
        arn.or_else(name)
    });
    let arn = of_kind.or_else(|| text_at(request, &["resourceArn"]).map(str::to_owned))?;
    Some(SharedResource { arn })
}

fn policy_text(request: Value<'_>) -> PolicyText {
    let text = text_at(request, &["resourcePolicy"]).or_else(|| text_at(request, &["policy"]));
    match text.filter(|_| !is_omitted(request)) {
        Some(text) => PolicyText::Given(text.to_owned()),
        None => PolicyText::Unknown,
    }
}

/// The key of a model package's artifacts.
///
/// Source: [ModelPackageSecurityConfig](https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ModelPackageSecurityConfig.html).
fn artifact_key(record: &CallRecord<'_>, call: ServiceCall<'_>) -> Option<ShareEffect> {
    let ServiceCall { request, .. } = call;
    let key = text_at(request, &["securityConfig", "kmsKeyId"]).filter(|key| !key.is_empty())?.to_owned();
    let group = text_at(request, &["modelPackageGroupName"]);
    let arn = match group {
        Some(arn) if arn.starts_with("arn:") => arn.to_owned(),
        Some(name) => record.own_arn("model-package-group", name)?,
        None => record.own_arn("model-package", text_at(request, &["modelPackageName"])?)?,
    };
    Some(ShareEffect::SetsArtifactKey { resource: SharedResource { arn }, key })
}

/// Where a feature group stores, if `value` says so.
fn offline_store(record: &CallRecord<'_>, value: Value<'_>, response: Value<'_>) -> Option<ShareEffect> {
    let storage = |name| text_at(value, &["offlineStoreConfig", "s3StorageConfig", name]).map(str::to_owned);
    let uri = storage("resolvedOutputS3Uri").or_else(|| storage("s3Uri"))?;
    let arn = text_at(response, &["featureGroupArn"]).map(str::to_owned);
    let group = arn.or_else(|| {
        let name = text_at(value, &["featureGroupName"])?;
        if name.starts_with("arn:") { Some(name.to_owned()) } else { record.own_arn("feature-group", name) }
    })?;
    Some(ShareEffect::StoresOffline(OfflineStore {
        group,
        role: text_at(value, &["roleArn"]).map(str::to_owned),
        uri: Some(uri),
        key: storage("kmsKeyId"),
    }))
}
