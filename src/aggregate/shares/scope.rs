//! What a share or a policy lets its consumers call, and when.
//!
//! Where that is not known, a call may be by it: only what certainly is not allowed is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::resource::{UseKind, is_customers};
use crate::model::{EventTime, SharedUse};
use crate::policy::matches_pattern;

/// How long after its end a share may still be used, in milliseconds. AWS RAM says that changes
/// take a few minutes.
///
/// Source: [pipelines](https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-cross-account.html);
/// the number is a choice.
const GRACE: i64 = 15 * 60 * 1000;

/// Most changes of what one share allows that are told apart. With more, it may be anything.
pub(super) const SCOPES: usize = 64;

/// From when until when, both included; milliseconds.
pub(super) type Span = (i64, i64);

/// The time between two changes, with the grace after its end.
pub(super) fn span(from: Option<EventTime>, until: Option<EventTime>) -> Span {
    (from.map_or(i64::MIN, |time| time.0), until.map_or(i64::MAX, |time| time.0.saturating_add(GRACE)))
}

/// Spans in their order, those that touch as one.
pub(super) fn merged(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_unstable();
    let mut found: Vec<Span> = Vec::with_capacity(spans.len());
    for (from, until) in spans.into_iter().filter(|(from, until)| from <= until) {
        match found.last_mut() {
            Some(last) if from <= last.1.saturating_add(1) => last.1 = last.1.max(until),
            _ => found.push((from, until)),
        }
    }
    found
}

/// What lies in both. Each list is one of [`merged`] spans.
pub(super) fn common(one: &[Span], other: &[Span]) -> Vec<Span> {
    let (mut a, mut b) = (one.iter().peekable(), other.iter().peekable());
    let mut found = Vec::new();
    while let (Some(left), Some(right)) = (a.peek(), b.peek()) {
        let (from, until) = (left.0.max(right.0), left.1.min(right.1));
        if from <= until {
            found.push((from, until));
        }
        if left.1 < right.1 {
            a.next()
        } else {
            b.next()
        };
    }
    found
}

/// What lies after a time, and in none of [`merged`] spans.
pub(super) fn gaps(spans: &[Span], after: i64) -> Vec<Span> {
    let mut found = Vec::new();
    let mut next = Some(after);
    for (from, until) in spans {
        let Some(at) = next.filter(|at| until > at) else { continue };
        if at.saturating_add(1) < *from {
            found.push((at.saturating_add(1), from.saturating_sub(1)));
        }
        next = (*until < i64::MAX).then_some(*until);
    }
    found.extend(next.map(|at| (at.saturating_add(1), i64::MAX)));
    found
}

/// What is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Allows {
    /// Actions that match these patterns.
    Actions(Arc<BTreeSet<String>>),
    /// Calls that only read.
    Looks,
    /// Calls that only read, and those that deploy a model.
    Deploys,
    /// Not known; certainly not to delete the resource, nor to change its policy.
    NotDeleting,
    /// Not known.
    Anything,
}

/// What is allowed for some time.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    pub(super) span: Span,
    pub(super) allows: Allows,
}

impl Scope {
    /// Anything at any time.
    pub(super) fn unknown() -> Self {
        Self { span: (i64::MIN, i64::MAX), allows: Allows::Anything }
    }
}

/// When a row of shares was in force, and for what.
#[derive(Debug, Clone)]
pub(super) struct InForce {
    /// The time of the share.
    pub(super) whole: Span,
    /// Times in which the resource was in it.
    pub(super) of_resource: Arc<[Span]>,
    /// Times in which the consumer was in it; `None`: as the resource.
    pub(super) of_consumer: Option<Arc<[Span]>>,
    pub(super) scopes: Arc<[Scope]>,
}

impl InForce {
    /// The times in which it was in force.
    pub(super) fn spans(&self) -> Vec<Span> {
        let spans = common(&[self.whole], &self.of_resource);
        self.of_consumer.as_ref().map_or_else(|| spans.clone(), |consumer| common(&spans, consumer))
    }

    /// The times in which a call may be by it.
    pub(super) fn permits(&self, call: &SharedUse) -> Vec<Span> {
        let scopes = self.scopes.iter().filter(|scope| scope.allows.permits(call));
        common(&self.spans(), &merged(scopes.map(|scope| scope.span).collect()))
    }
}

/// Whether a call deletes or rewrites the resource itself, or says who may use it.
pub(super) fn is_destructive(event_name: &str) -> bool {
    event_name != "DeleteRecord" && event_name.starts_with("Delete")
        || event_name.starts_with("UpdatePipeline") && event_name != "UpdatePipelineExecution"
        || event_name.starts_with("Put") && event_name.ends_with("Policy")
}

/// The actions any of which lets a call be made.
fn actions(call: &SharedUse) -> Vec<String> {
    let name = call.event_name.as_str();
    let service = if call.key.is_some() { "kms" } else { "sagemaker" };
    let mut names = vec![name];
    match name {
        "ReEncrypt" => names.extend(["ReEncryptFrom", "ReEncryptTo"]),
        _ if name.starts_with("InvokeEndpoint") => names.push("InvokeEndpoint"),
        _ => names.extend(name.strip_prefix("Batch")),
    }
    if call.key.is_some() {
        // Who may make grants may have made one.
        names.push("CreateGrant");
    }
    names.into_iter().map(|name| format!("{service}:{name}")).collect()
}

impl Allows {
    /// Whether a call may be by it.
    pub(super) fn permits(&self, call: &SharedUse) -> bool {
        let kind = UseKind::of(&call.event_name);
        match self {
            Self::Actions(patterns) => actions(call)
                .iter()
                .any(|action| patterns.iter().any(|pattern| matches_pattern(pattern, action))),
            Self::Looks => matches!(kind, UseKind::Look | UseKind::Read),
            Self::Deploys => matches!(kind, UseKind::Look | UseKind::Read | UseKind::Deploy),
            Self::NotDeleting => !is_destructive(&call.event_name),
            Self::Anything => true,
        }
    }
}

/// What the default permission for pipelines allows.
///
/// Source: [pipelines](https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-cross-account.html).
const PIPELINE_READS: [&str; 7] = [
    "sagemaker:DescribePipeline",
    "sagemaker:DescribePipelineDefinitionForExecution",
    "sagemaker:DescribePipelineExecution",
    "sagemaker:ListPipelineExecutions",
    "sagemaker:ListPipelineExecutionSteps",
    "sagemaker:ListPipelineParametersForExecution",
    "sagemaker:Search",
];

/// What `AWSRAMPermissionSageMakerPipelineAllowExecution` allows besides.
const PIPELINE_RUNS: [&str; 3] = [
    "sagemaker:StartPipelineExecution",
    "sagemaker:StopPipelineExecution",
    "sagemaker:RetryPipelineExecution",
];

/// What `AWSRAMPermissionSageMakerModelCards` allows.
///
/// Source: [sharing model cards](https://docs.aws.amazon.com/sagemaker/latest/dg/model-cards-xaccount.html).
const MODEL_CARDS: [&str; 3] =
    ["sagemaker:DescribeModelCard", "sagemaker:ListModelCardVersions", "sagemaker:UpdateModelCard"];

/// What `AWSRAMPermissionSageMakerModelCardsAllowExport` allows besides.
const MODEL_CARD_EXPORTS: [&str; 3] = [
    "sagemaker:CreateModelCardExportJob",
    "sagemaker:DescribeModelCardExportJob",
    "sagemaker:ListModelCardExportJobs",
];

fn listed(lists: &[&[&str]]) -> Allows {
    Allows::Actions(Arc::new(lists.concat().into_iter().map(str::to_owned).collect()))
}

/// What a permission of AWS allows, given by its ARN or name. Of those without a public list of
/// actions, the name says what it can.
fn managed(permission: &str) -> Allows {
    let name = permission.rsplit('/').next().unwrap_or_default().to_ascii_lowercase().replace(' ', "");
    let rest = name.strip_prefix("awsram").unwrap_or_default();
    match rest {
        "defaultpermissionsagemakerpipeline" => listed(&[&PIPELINE_READS]),
        "permissionsagemakerpipelineallowexecution" => listed(&[&PIPELINE_READS, &PIPELINE_RUNS]),
        "permissionsagemakermodelcards" => listed(&[&MODEL_CARDS]),
        "permissionsagemakermodelcardsallowexport" => listed(&[&MODEL_CARDS, &MODEL_CARD_EXPORTS]),
        "defaultpermissionsagemakermodelpackagegroup"
        | "permissionsagemakerfeaturegroupreadonly"
        | "permissionsagemakercatalogresourcesearch"
        | "permissionsagemakeraihubread" => Allows::Looks,
        "permissionsagemakermodelpackagegroupallowdeploy" | "permissionsagemakeraihubreadanduse" => {
            Allows::Deploys
        }
        "permissionsagemakermodelpackagegroupallowregister" | "permissionsagemakerfeaturegroupreadwrite" => {
            Allows::NotDeleting
        }
        _ => Allows::Anything,
    }
}

/// What customers' permissions allow, as far as the calls that made their versions say so.
#[derive(Debug, Default)]
pub(super) struct Templates(BTreeMap<String, Template>);

#[derive(Debug, Default)]
struct Template {
    /// Of all versions: which one a share has is not always known.
    actions: BTreeSet<String>,
    /// All versions are known.
    is_whole: bool,
}

impl Templates {
    /// A version was made, the first one or a later one.
    pub(super) fn add(&mut self, permission: &str, text: Option<&str>, is_first: bool) {
        let known = self.0.entry(permission.to_owned()).or_default();
        known.is_whole |= is_first;
        match text.and_then(actions_in) {
            Some(actions) => known.actions.extend(actions),
            None => known.actions.extend(["*".to_owned()]),
        }
    }

    /// What a permission allows, by its ARN or name.
    pub(super) fn allows(&self, permission: &str) -> Allows {
        if !is_customers(permission) {
            return managed(permission);
        }
        match self.0.get(permission).filter(|template| template.is_whole) {
            Some(template) => Allows::Actions(Arc::new(template.actions.clone())),
            None => Allows::Anything,
        }
    }
}

/// The actions of a policy template: `{"Effect": "Allow", "Action": ["sagemaker:…"]}`.
///
/// Source: [CreatePermission](https://docs.aws.amazon.com/ram/latest/APIReference/API_CreatePermission.html).
fn actions_in(text: &str) -> Option<Vec<String>> {
    let template: serde_json::Value = serde_json::from_str(text).ok()?;
    let found = template.get("Action")?;
    match found.as_array() {
        None => Some(vec![found.as_str()?.to_owned()]),
        Some(list) => list.iter().map(|action| action.as_str().map(str::to_owned)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Outcome;

    fn call(name: &str, is_kms: bool) -> SharedUse {
        SharedUse {
            resource: String::new(),
            consumer: String::new(),
            principal: String::new(),
            event_name: name.to_owned(),
            outcome: Outcome::Success,
            error_code: None,
            key: is_kms.then(|| "arn:aws:kms:eu-central-1:1:key/k".to_owned()),
        }
    }

    #[test]
    fn permissions_of_aws_allow_what_their_lists_or_names_say() {
        let managed =
            |name: &str| Templates::default().allows(&format!("arn:aws:ram::aws:permission/{name}"));
        let (read, run) = (
            managed("AWSRAMDefaultPermissionSageMakerPipeline"),
            managed("AWSRAMPermissionSageMakerPipelineAllowExecution"),
        );
        let (deploy, register) = (
            managed("AWSRAMPermissionSageMakerModelPackageGroupAllowDeploy"),
            managed("AWSRAMPermissionSageMakerModelPackageGroupAllowRegister"),
        );
        let none = managed("AWSRAMPermissionOfTomorrow");
        for (name, expected) in [
            ("DescribePipeline", [true, true, true, true, true]),
            ("StartPipelineExecution", [false, true, false, true, true]),
            ("DeletePipeline", [false, false, false, false, true]),
            ("CreateModel", [false, false, true, true, true]),
            ("CreateModelPackage", [false, false, false, true, true]),
            ("DeleteModelPackage", [false, false, false, false, true]),
        ] {
            let call = call(name, false);
            let found = [&read, &run, &deploy, &register, &none].map(|allows| allows.permits(&call));
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn customers_permissions_allow_what_their_versions_do() {
        let own = "arn:aws:ram:eu-central-1:1:permission/AWSRAMDefaultPermissionSageMakerPipeline";
        let mut templates = Templates::default();
        assert_eq!(templates.allows(own), Allows::Anything, "the name is the customer's choice");
        templates.add(own, Some(r#"{"Effect":"Allow","Action":"sagemaker:Describe*"}"#), false);
        assert_eq!(templates.allows(own), Allows::Anything, "the first version is not known");
        templates.add(own, Some(r#"{"Action":["sagemaker:StopPipelineExecution"]}"#), true);
        let permits = |templates: &Templates, name| templates.allows(own).permits(&call(name, false));
        assert!(permits(&templates, "DescribePipeline") && permits(&templates, "StopPipelineExecution"));
        assert!(!permits(&templates, "StartPipelineExecution"));
        templates.add(own, Some("{"), false);
        assert!(permits(&templates, "StartPipelineExecution"), "a version cannot be read");
    }

    #[test]
    fn calls_are_allowed_by_any_of_their_actions() {
        let allows = |pattern: &str| Allows::Actions(Arc::new(BTreeSet::from([pattern.to_owned()])));
        for (pattern, name, is_kms, expected) in [
            ("kms:ReEncrypt*", "ReEncrypt", true, true),
            ("kms:ReEncryptFrom", "ReEncrypt", true, true),
            ("kms:CreateGrant", "Decrypt", true, true),
            ("kms:DescribeKey", "Decrypt", true, false),
            ("sagemaker:*", "Decrypt", true, false),
            ("SageMaker:describe*", "DescribePipeline", false, true),
            ("sagemaker:DescribeModelPackage", "BatchDescribeModelPackage", false, true),
            ("sagemaker:InvokeEndpoint", "InvokeEndpointAsync", false, true),
            ("s?gemaker:*Package", "DeleteModelPackage", false, true),
        ] {
            assert_eq!(allows(pattern).permits(&call(name, is_kms)), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn spans_are_merged_and_compared() {
        assert_eq!(merged(vec![(5, 9), (1, 4), (20, 30), (7, 8), (3, 2)]), [(1, 9), (20, 30)]);
        assert_eq!(
            common(&[(1, 9), (20, 30)], &[(0, 2), (8, 25), (28, 40)]),
            [(1, 2), (8, 9), (20, 25), (28, 30)]
        );
        assert_eq!(common(&[(1, 2)], &[]), []);
        assert_eq!(gaps(&[(1, 9), (20, 30)], 9), [(10, 19), (31, i64::MAX)]);
        assert_eq!(gaps(&[(1, 9), (20, 30), (40, i64::MAX)], 25), [(31, 39)]);
        assert_eq!(gaps(&[], 9), [(10, i64::MAX)]);
        assert_eq!(gaps(&[(5, i64::MAX)], i64::MIN), [(i64::MIN + 1, 4)]);
        let (from, until) = span(Some(EventTime(7)), Some(EventTime(8)));
        assert_eq!((from, until), (7, 8 + GRACE));
    }
}
