//! Whose workload: every built-in rule that one record can show, where it fires and where it just
//! does not.

use super::*;

/// A record, and the rules that must fire on it, with the label and the strength that follow.
fn shows(rule: &'static str, changes: Value, label: &str, strength: &str, rules: &str) -> Case {
    case(rule, changes, json!({"workload": label, "workload_strength": strength, "workload_rules": rules}))
}

fn none(rule: &'static str, changes: Value) -> Case {
    shows(rule, changes, "other", "none", "")
}

fn service(invoked_by: &str) -> Value {
    json!({"userIdentity": {"type": "AWSService", "invokedBy": invoked_by}})
}

fn role(name: &str) -> Value {
    let arn = format!("arn:aws:iam::111122223333:role/service-role/{name}");
    json!({"userIdentity": session(&json!({"sessionContext": {"sessionIssuer": {"arn": arn}}}))})
}

fn named(name: &str) -> Value {
    json!({"userIdentity": session(&json!({"arn": format!("arn:aws:sts::111122223333:assumed-role/R/{name}")}))})
}

fn object(place: &str) -> Value {
    json!({"requestParameters": {"encryptionContext": {"aws:s3:arn": format!("arn:aws:s3:::{place}")}}})
}

fn log_delivery(place: &str) -> Value {
    json!({"requestParameters": {"encryptionContext": {"aws:s3:arn": format!("arn:aws:s3:::{place}"),
        "aws:cloudtrail:arn": "arn:aws:cloudtrail:us-west-2:111122223333:trail/t"}}})
}

fn grant(parameter: &str, principal: &str) -> Value {
    json!({"eventName": "CreateGrant", "requestParameters": {"keyId": KEY, parameter: principal, "operations": ["Decrypt"]}})
}

/// Asking who has grants is none.
fn asks_for_grants(grantee: &str) -> Value {
    json!({"eventName": "ListGrants", "requestParameters": {"keyId": KEY, "granteePrincipal": grantee}})
}

pub fn geospatial() -> Vec<Case> {
    let geo = "geospatial";
    let job = "axis-earth-observation-job-378778860802";
    vec![
        shows("G1", service("sagemaker-geospatial.amazonaws.com"), geo, "definitive", "G1"),
        shows(
            "G1 in a region",
            service("sagemaker-geospatial.us-west-2.amazonaws.com"),
            geo,
            "definitive",
            "G1",
        ),
        shows("G1 in China", service("sagemaker-geospatial.amazonaws.com.cn"), geo, "definitive", "G1"),
        shows(
            "G1 by the address",
            json!({"userIdentity": {"type": "AWSService"}, "sourceIPAddress": "sagemaker-geospatial.amazonaws.com"}),
            geo,
            "definitive",
            "G1",
        ),
        shows(
            "G1 by the user agent",
            json!({"userIdentity": {"type": "AWSService"}, "userAgent": "sagemaker-geospatial.amazonaws.com"}),
            geo,
            "definitive",
            "G1",
        ),
        none(
            "G1 needs the service's own identity",
            json!({"userAgent": "sagemaker-geospatial.amazonaws.com"}),
        ),
        none("G1 is no other service", service("sagemaker-geospatial-x.amazonaws.com")),
        shows(
            "G2",
            grant("granteePrincipal", "sagemaker-geospatial.us-west-2.amazonaws.com"),
            geo,
            "strong",
            "G2",
        ),
        shows(
            "G2 who may retire",
            grant("retiringPrincipal", "sagemaker-geospatial.amazonaws.com"),
            geo,
            "strong",
            "G2",
        ),
        shows(
            "G2 as a service principal",
            grant("granteeServicePrincipal", "sagemaker-geospatial.amazonaws.com.cn"),
            geo,
            "strong",
            "G2",
        ),
        shows(
            "G2 who may retire, as a service principal",
            grant("retiringServicePrincipal", "sagemaker-geospatial.amazonaws.com"),
            geo,
            "strong",
            "G2",
        ),
        none("G2 is for grants", asks_for_grants("sagemaker-geospatial.us-west-2.amazonaws.com")),
        none("G2 is for grants to the service", grant("granteePrincipal", "s3.us-west-2.amazonaws.com")),
        shows("G3", named("SageMaker-Geospatial-StartEOJ-KMSAccess"), geo, "strong", "G3"),
        shows("G3 for other jobs", named("SageMaker-Geospatial-ExportVEJ-KMSAccess"), geo, "strong", "G3"),
        none("G3 is the whole name", named("my-SageMaker-Geospatial-StartEOJ-KMSAccess")),
        none("G3 names a job", named("SageMaker-Geospatial--KMSAccess")),
        shows("G4", object(&format!("{job}/111122223333/napy9eintp64/output/x.tif")), geo, "strong", "G4"),
        none("G4 is the service's bucket", object("axis-earth-observation-job-37877/x")),
        none("G4 is not the delivery of logs", log_delivery(job)),
        shows("G6 alone does not decide", role("MyGeoSpatialRole"), "unknown", "weak", "G6"),
    ]
}

pub fn canvas_and_forecast() -> Vec<Case> {
    let bucket = "sagemaker-us-east-1-111122223333";
    let forecast_role = "AmazonSagemakerCanvasForecastRole";
    vec![
        shows("C1", object(&format!("{bucket}/Canvas/jane/data.csv")), "canvas", "strong", "C1,O5"),
        shows(
            "C1 in small letters",
            object(&format!("{bucket}/canvas/jane/data.csv")),
            "canvas",
            "strong",
            "C1,O5",
        ),
        shows("C1 is a folder", object(&format!("{bucket}/Canvas.csv")), "unknown", "weak", "O5"),
        shows("C1 is the first folder", object(&format!("{bucket}/x/Canvas/y")), "unknown", "weak", "O5"),
        shows("C1 is in the default bucket", object("my-sagemaker/Canvas/x"), "unknown", "weak", "O5"),
        shows(
            "C1b in a bucket of one's own",
            object("artifacts/Canvas/user-1/a.csv"),
            "canvas",
            "medium",
            "C1b",
        ),
        shows(
            "C1b below a folder",
            object("artifacts/ml/x/Canvas/user-1/T/a.csv"),
            "canvas",
            "medium",
            "C1b",
        ),
        shows(
            "C1b in the default bucket",
            object(&format!("{bucket}/ml/Canvas/jane/x")),
            "canvas",
            "medium",
            "C1b,O5",
        ),
        shows(
            "C1b is not where C1 is",
            object(&format!("{bucket}/Canvas/u/Canvas/v/x")),
            "canvas",
            "strong",
            "C1,O5",
        ),
        none("C1b has the profile's folder", object("artifacts/Canvas/a.csv")),
        none("C1b has a name that a profile may have", object("artifacts/Canvas/my_drawings/a.csv")),
        none("C1b does not begin with a hyphen", object("artifacts/Canvas/-x/a.csv")),
        none("C1b is the whole folder", object("artifacts/MyCanvas/user-1/a.csv")),
        none("C1b is spelled as Canvas spells it", object("website/canvas/brushes/round.png")),
        none("C1b is not the delivery of logs", log_delivery("artifacts/Canvas/user-1/x")),
        shows(
            "an offline store in Canvas's folder is a store",
            object("b/Canvas/u/sagemaker/us-west-2/offline-store/g-1/data/x"),
            "feature-store-offline",
            "strong",
            "C1b,O1",
        ),
        none("C1 is not the delivery of logs", log_delivery(&format!("{bucket}/Canvas/x"))),
        shows("C4", role("AmazonSageMakerCanvas-AIServices"), "canvas", "medium", "C4"),
        none("C4 is how the name begins", role("MyAmazonSageMakerCanvas")),
        shows("C6", object(bucket), "s3-unattributed", "weak", "C6,O5"),
        none("C6 is not the delivery of logs", log_delivery(bucket)),
        shows(
            "C7 alone does not decide",
            role("AmazonSageMaker-ExecutionRole-20240101T120000"),
            "unknown",
            "weak",
            "C7",
        ),
        shows(
            "C7 with digits alone",
            role("AmazonSageMaker-ExecutionRole-1700000000000"),
            "unknown",
            "weak",
            "C7",
        ),
        none("C7 ends so", role("AmazonSageMaker-ExecutionRole-mine")),
        shows("F1", role(&format!("{forecast_role}-20231125T142640")), "canvas-forecast", "strong", "C4,F1"),
        shows("F1 without suffix", role(forecast_role), "canvas-forecast", "strong", "C4,F1"),
        shows(
            "F1 in any case",
            role("AmazonSageMakerCanvasForecastRole-x"),
            "canvas-forecast",
            "strong",
            "C4,F1",
        ),
        shows("F1 is the whole name", role(&format!("{forecast_role}s")), "canvas", "medium", "C4"),
        shows("F3", service("forecast.amazonaws.com"), "forecast", "definitive", "F3"),
        shows("F3 in a region", service("forecast.us-east-1.amazonaws.com"), "forecast", "definitive", "F3"),
        shows(
            "F3G",
            grant("granteePrincipal", "forecast.us-east-1.amazonaws.com"),
            "forecast",
            "strong",
            "F3G",
        ),
        none("F3G is for grants", asks_for_grants("forecast.us-east-1.amazonaws.com")),
        shows(
            "F3V, since F3 needs the service's own identity",
            json!({"userIdentity": session(&json!({"invokedBy": "fas.forecast.us-east-1.amazonaws.com"}))}),
            "forecast",
            "strong",
            "F3V",
        ),
        none(
            "F3V is Forecast",
            json!({"userIdentity": session(&json!({"invokedBy": "fas.s3.amazonaws.com"}))}),
        ),
    ]
}

pub fn feature_store_and_the_rest() -> Vec<Case> {
    let store = "sagemaker/us-west-2/offline-store/customers-1593511200";
    let offline = "feature-store-offline";
    let with_role = |identity: Value| json!({"userIdentity": session(&identity)});
    vec![
        shows(
            "O1",
            object(&format!("lake/pfx/111122223333/{store}/data/x.parquet")),
            offline,
            "strong",
            "O1",
        ),
        shows(
            "O1 metadata of tables",
            object(&format!("lake/111122223333/{store}/metadata/x")),
            offline,
            "strong",
            "O1",
        ),
        shows("O1 without the account", object(&format!("lake/{store}/data/x")), offline, "strong", "O1"),
        none("O1 is data or metadata", object(&format!("lake/{store}/other/x"))),
        none("O1 begins a folder", object(&format!("lake/my{store}/data/x"))),
        none("O1 is not the delivery of logs", log_delivery(&format!("lake/{store}/data/x"))),
        shows("O5 by the role", role("MyFeatureStoreReader"), "unknown", "weak", "O5"),
        shows("O5 by the bucket", object("my-sagemaker-data/x"), "unknown", "weak", "O5"),
        none("O5 is not the delivery of logs", log_delivery("my-sagemaker-data/x")),
        shows("S1", service("sagemaker.amazonaws.com"), "sagemaker-other", "definitive", "S1"),
        shows(
            "S2",
            with_role(json!({"invokedBy": "fas.sagemaker.amazonaws.com"})),
            "sagemaker-other",
            "strong",
            "S2",
        ),
        none("S2 is SageMaker", with_role(json!({"invokedBy": "fas.s3.amazonaws.com"}))),
        shows("S3", named("SageMaker"), "sagemaker-other", "medium", "S3"),
        none("S3 is the whole name", named("SageMaker2")),
        none("no rule", json!({})),
        none("another service", service("dynamodb.amazonaws.com")),
    ]
}

pub fn the_strongest_evidence_decides_and_ties_are_shown() -> Vec<Case> {
    let bucket = "sagemaker-us-east-1-111122223333";
    let mut both = role("AmazonSagemakerCanvasForecastRole-1");
    both["requestParameters"] = object(&format!("{bucket}/Canvas/x"))["requestParameters"].clone();
    let mut hidden = named("SageMaker");
    hidden["requestParameters"] = object(bucket)["requestParameters"].clone();
    let mut granting = role("AmazonSagemakerCanvasForecastRole-1");
    granting["eventName"] = json!("CreateGrant");
    granting["requestParameters"] =
        grant("granteePrincipal", "forecast.amazonaws.com")["requestParameters"].clone();
    let mut by_service = role("AmazonSagemakerCanvasForecastRole-1");
    by_service["userIdentity"]["type"] = json!("AWSService");
    by_service["userIdentity"]["invokedBy"] = json!("forecast.amazonaws.com");
    vec![
        shows(
            "Forecast itself, under Canvas's role",
            by_service,
            "canvas-forecast",
            "definitive",
            "C4,F1,F3",
        ),
        shows("equally strong", both, "canvas+canvas-forecast", "strong", "C1,C4,F1,O5"),
        shows("medium before weak", hidden, "sagemaker-other", "medium", "C6,O5,S3"),
        shows("Forecast through Canvas is Forecast, too", granting, "canvas-forecast", "strong", "C4,F1,F3G"),
    ]
}
