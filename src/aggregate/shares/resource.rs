//! What is shared, and what calls do with it.

use crate::model::Arn;

/// The kind of a resource, from its ARN: `pipeline`, `model_package_group`, `key` …; of a service
/// other than SageMaker, KMS and RAM with the service's name before it (`ec2:subnet`).
pub fn resource_kind(arn: &str) -> String {
    let Some(arn) = Arn::parse(arn) else { return "unknown".to_owned() };
    let kind = arn.resource.split(['/', ':']).next().unwrap_or_default();
    match arn.service {
        "sagemaker" | "ram" => kind.replace('-', "_"),
        "kms" if kind == "key" => "key".to_owned(),
        service => format!("{service}:{kind}"),
    }
}

/// The account in an ARN; `None`: there is none.
pub(super) fn owner_of(arn: &str) -> Option<&str> {
    Some(Arn::parse(arn)?.account).filter(|account| !account.is_empty())
}

/// Whether an account is certainly not the owner.
pub(super) fn is_other(account: Option<&str>, owner: Option<&str>) -> bool {
    account.zip(owner).is_some_and(|(account, owner)| account != owner)
}

/// Names in ARNs of SageMaker are compared without regard to case: it writes many of them in lower
/// case (inferred).
pub(super) fn resource_key(arn: &str) -> String {
    arn.to_ascii_lowercase()
}

/// Calls of AWS RAM that share something.
const SHARING: [&str; 3] =
    ["CreateResourceShare", "AssociateResourceShare", "AssociateResourceSharePermission"];

/// What a call does with a resource of another account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum UseKind {
    /// Describes, lists or searches: somebody looked.
    Look,
    /// Registers a model package, or changes one.
    Register,
    /// Makes a model from a model package.
    Deploy,
    /// Starts, stops or continues a pipeline. The owner's account pays.
    Run,
    /// Calls an endpoint.
    Invoke,
    /// Reads records of a feature group, or data that a key protects.
    Read,
    /// Writes them.
    Write,
    /// Shares it, or says who may use it.
    Share,
    /// Anything else.
    Other,
}

impl UseKind {
    /// What a call of this name does.
    pub fn of(event_name: &str) -> Self {
        let starts_with = |verbs: &[&str]| verbs.iter().any(|verb| event_name.starts_with(verb));
        if SHARING.contains(&event_name) || starts_with(&["Put"]) && event_name.ends_with("Policy") {
            Self::Share
        } else if event_name.starts_with("Invoke") {
            Self::Invoke
        } else if ["GetRecord", "BatchGetRecord", "ListRecords", "Decrypt"].contains(&event_name) {
            Self::Read
        } else if ["PutRecord", "DeleteRecord", "BatchWriteRecord"].contains(&event_name)
            || event_name.starts_with("GenerateDataKey")
            || event_name.starts_with("ReEncrypt")
            || event_name == "Encrypt"
        {
            Self::Write
        } else if starts_with(&["Describe", "List", "Get", "Search", "BatchDescribe", "Query"]) {
            Self::Look
        } else if starts_with(&["CreateModelPackage", "UpdateModelPackage", "DeleteModelPackage"]) {
            Self::Register
        } else if ["CreateModel", "DeployHubModel", "TrainHubModel"].contains(&event_name) {
            Self::Deploy
        } else if event_name.contains("PipelineExecution") {
            Self::Run
        } else {
            Self::Other
        }
    }

    /// The value of the column `use_kind`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Look => "look",
            Self::Register => "register",
            Self::Deploy => "deploy",
            Self::Run => "run",
            Self::Invoke => "invoke",
            Self::Read => "read",
            Self::Write => "write",
            Self::Share => "share",
            Self::Other => "other",
        }
    }
}

/// The permission of AWS RAM for a kind of resource where a share names none.
///
/// Source: the pages on [pipelines](https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-cross-account.html)
/// and [model package groups](https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry-ram.html).
pub(super) fn default_permission(kind: &str) -> Option<&'static str> {
    match kind {
        "pipeline" => Some("AWSRAMDefaultPermissionSageMakerPipeline"),
        "model_package_group" => Some("AWSRAMDefaultPermissionSageMakerModelPackageGroup"),
        _ => None,
    }
}

/// Whether a permission, by its ARN or name, is one that a customer made.
pub(super) fn is_customers(permission: &str) -> bool {
    Arn::parse(permission).is_some_and(|arn| arn.account != "aws")
}

/// The kind of resource that a managed permission of AWS RAM is for; `None`: its name does not say
/// so. Names differ in case.
pub(super) fn kind_of_permission(permission: &str) -> Option<&'static str> {
    if is_customers(permission) {
        return None;
    }
    let name = permission.rsplit('/').next()?.to_ascii_lowercase();
    let rest = ["awsramdefaultpermission", "awsrampermission"].iter().find_map(|p| name.strip_prefix(p))?;
    let kinds = [
        ("sagemakerpipeline", "pipeline"),
        ("sagemakermodelpackagegroup", "model_package_group"),
        ("sagemakerfeaturegroup", "feature_group"),
        ("sagemakercatalog", "sagemaker_catalog"),
        ("sagemakermodelcard", "model_card"),
        ("sagemakerhub", "hub"),
        ("sagemakerlineagegroup", "lineage_group"),
    ];
    let (_, kind) = kinds.iter().find(|(prefix, _)| rest.starts_with(prefix))?;
    Some(kind)
}
