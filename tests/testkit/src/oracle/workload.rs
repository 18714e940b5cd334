//! Which workload issued a call (domain §5.1–5.5): the rules in force, one by one, in rule-file
//! order, then those that were learned from the input.

use super::key::Key;
use super::knowledge::{Knowledge, Role};
use super::names::{REGION, is_service, matches};
use std::collections::BTreeSet;

/// All the rules look at.
pub struct Call<'a> {
    pub event_name: &'a str,
    pub identity_type: Option<&'a str>,
    pub invoked_by: Option<&'a str>,
    pub source_ip: Option<&'a str>,
    pub user_agent: Option<&'a str>,
    pub session: Option<&'a str>,
    pub role: Option<&'a str>,
    pub bucket: Option<&'a str>,
    pub object_key: Option<&'a str>,
    /// The encryption context has `aws:cloudtrail:arn`: a log file of CloudTrail, whoever reads or
    /// writes it.
    pub is_log_file: bool,
    /// Grantee and retiring principals, person or service.
    pub grant_parties: Vec<String>,
    pub grantee: Option<&'a str>,
    pub key: &'a Key,
    pub caller_role: Option<Role>,
    pub access_key: Option<&'a String>,
    pub principal_id: Option<&'a String>,
    /// The names in the encryption context.
    pub context_names: Vec<&'a String>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    Weak,
    Medium,
    Strong,
    Definitive,
}
use Strength::{Definitive, Medium, Strong, Weak};

pub struct Verdict {
    /// The labels an event is selected by.
    pub labels: BTreeSet<String>,
    pub strength: &'static str,
    pub rules: String,
}

type Fired = Vec<(&'static str, &'static str, Strength)>;

pub fn judge(call: &Call, knowledge: &Knowledge) -> Verdict {
    let mut fired = Fired::new();
    geospatial(call, &mut fired);
    canvas(call, &mut fired);
    forecast(call, &mut fired);
    feature_store(call, &mut fired);
    plain_sagemaker(call, &mut fired);
    fired.extend(knowledge.fired(call));
    let rules: Vec<&str> = fired.iter().map(|(rule, _, _)| *rule).collect();
    let rules = rules.join(",");
    // "SageMaker, whichever part" speaks only where nobody knows the part.
    if fired.iter().any(|(_, label, strength)| *label != "sagemaker-other" && *strength >= Medium) {
        fired.retain(|(_, label, _)| *label != "sagemaker-other");
    }
    let Some(top) = fired.iter().map(|(_, _, strength)| *strength).max() else {
        return Verdict { labels: ["other".to_owned()].into(), strength: "none", rules };
    };
    let at_top = fired.iter().filter(|(_, _, strength)| *strength == top);
    let mut labels: BTreeSet<String> = at_top.map(|(_, label, _)| (*label).to_owned()).collect();
    if labels.contains("canvas-forecast") {
        labels.remove("forecast"); // which is but the wider name
    }
    if top == Weak {
        // Weak evidence is compatible with a workload, no more; only "S3, default bucket" is worth
        // a name.
        let label = if labels.contains("s3-unattributed") { "s3-unattributed" } else { "unknown" };
        labels = [label.to_owned()].into();
    }
    let strength = match top {
        Definitive => "definitive",
        Strong => "strong",
        Medium => "medium",
        Weak => "weak",
    };
    Verdict { labels, strength, rules }
}

impl Call<'_> {
    fn is_aws_service(&self) -> bool {
        self.identity_type == Some("AWSService")
    }

    fn role_is(&self, pattern: &str) -> bool {
        self.role.is_some_and(|role| matches(pattern, role))
    }

    fn bucket_is(&self, pattern: &str) -> bool {
        !self.is_log_file && self.bucket.is_some_and(|bucket| matches(pattern, bucket))
    }

    fn object_key_is(&self, pattern: &str) -> bool {
        !self.is_log_file && self.object_key.is_some_and(|key| matches(pattern, key))
    }

    fn grants_to(&self, service: &str) -> bool {
        self.event_name == "CreateGrant"
            && self.grant_parties.iter().any(|party| is_service(Some(party), service))
    }
}

fn geospatial(call: &Call, fired: &mut Fired) {
    let mut fire = |rule, strength| fired.push((rule, "geospatial", strength));
    let callers = [call.invoked_by, call.source_ip, call.user_agent];
    if call.is_aws_service() && callers.iter().any(|name| is_service(*name, "sagemaker-geospatial")) {
        fire("G1", Definitive);
    }
    if call.grants_to("sagemaker-geospatial") {
        fire("G2", Strong);
    }
    if call.session.is_some_and(|session| matches("^SageMaker-Geospatial-[A-Za-z0-9]+-KMSAccess$", session)) {
        fire("G3", Strong);
    }
    if call.bucket_is("^axis-earth-observation-job-[0-9]{12}$") {
        fire("G4", Strong);
    }
    if call.role_is("(?i-u)geospatial") {
        fire("G6", Weak);
    }
}

fn canvas(call: &Call, fired: &mut Fired) {
    let default_bucket = call.bucket_is(&format!("^sagemaker-{REGION}-[0-9]{{12}}$"));
    if default_bucket && call.object_key_is("(?i-u)^canvas/") {
        fired.push(("C1", "canvas", Strong));
    } else if !call.is_log_file && call.object_key.is_some_and(has_folder_of_profile) {
        fired.push(("C1b", "canvas", Medium));
    }
    if call.role_is("(?i-u)^AmazonSageMakerCanvas") {
        fired.push(("C4", "canvas", Medium));
    }
    if default_bucket && call.object_key.is_none() {
        fired.push(("C6", "s3-unattributed", Weak));
    }
    if call.role_is("^AmazonSageMaker-ExecutionRole-[0-9]+(T[0-9]+)?$") {
        fired.push(("C7", "sagemaker-other", Weak));
    }
}

/// Is there a folder of a user profile in a folder `Canvas` on the way to the object? SageMaker
/// lets the names of profiles have letters, digits and hyphens, a hyphen not in front.
fn has_folder_of_profile(object: &str) -> bool {
    let way: Vec<&str> = object.split('/').collect();
    way.windows(3).any(|part| {
        let is_of_profile = |c: char| c.is_ascii_alphanumeric() || c == '-';
        part[0] == "Canvas"
            && !part[1].is_empty()
            && !part[1].starts_with('-')
            && part[1].chars().all(is_of_profile)
    })
}

fn forecast(call: &Call, fired: &mut Fired) {
    let canvas_role = call.role_is("^(?i-u:AmazonSagemakerCanvasForecastRole)(-.+)?$");
    if canvas_role {
        fired.push(("F1", "canvas-forecast", Strong));
    }
    // §5.3, F3: canvas-forecast if the role is also F1.
    let label = if canvas_role { "canvas-forecast" } else { "forecast" };
    if call.is_aws_service() && is_service(call.invoked_by, "forecast") {
        fired.push(("F3", label, Definitive));
    }
    if call.grants_to("forecast") {
        fired.push(("F3G", label, Strong));
    }
    if !call.is_aws_service() && is_service(call.invoked_by, "forecast") {
        fired.push(("F3V", label, Strong));
    }
}

fn feature_store(call: &Call, fired: &mut Fired) {
    let layout =
        format!("(^|/)([0-9]{{12}}/)?sagemaker/{REGION}/offline-store/[^/]+-[0-9]+/(data|metadata)/");
    if call.object_key_is(&layout) {
        fired.push(("O1", "feature-store-offline", Strong));
    }
    if call.role_is("(?i-u)featurestore") || call.bucket_is("sagemaker") {
        fired.push(("O5", "feature-store-offline", Weak));
    }
}

fn plain_sagemaker(call: &Call, fired: &mut Fired) {
    let mut fire = |rule, strength| fired.push((rule, "sagemaker-other", strength));
    let by_sagemaker = is_service(call.invoked_by, "sagemaker");
    if by_sagemaker && call.is_aws_service() {
        fire("S1", Definitive);
    }
    if by_sagemaker && !call.is_aws_service() {
        fire("S2", Strong);
    }
    if call.session == Some("SageMaker") {
        fire("S3", Medium);
    }
}
