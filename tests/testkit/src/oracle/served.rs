//! What a call was for, from the columns of its row.

use super::names;
use serde_json::{Map, Value};

/// Names in the encryption context and their services; of several names, the first one here counts.
const NAMES: &str = "SecretARN secretsmanager; PARAMETER_ARN ssm; aws:cloudtrail:arn cloudtrail; aws:ecr:arn ecr; \
    aws:rds:db-id rds; aws:rds:dbc-id rds; aws:redshift:arn redshift; aws:dynamodb:tableName dynamodb; \
    aws:lambda:FunctionArn lambda; aws:logs:arn logs; aws:sqs:arn sqs; aws:sns:topicArn sns; \
    aws:kinesis:arn kinesis; aws:events:event-bus:arn events; aws:states:stateMachineArn states; \
    aws:states:activityArn states; aws:elasticfilesystem:filesystem:id elasticfilesystem; aws:ebs:id ebs; \
    aws:s3:arn s3";

/// Adds `service` and `resource`.
pub fn add(row: &mut Map<String, Value>) {
    let (service, resource) = of(row);
    row.insert("service".to_owned(), service.into());
    row.insert("resource".to_owned(), resource.into());
}

fn of(row: &Map<String, Value>) -> (Option<String>, Option<String>) {
    let text = |name: &str| row[name].as_str().map(str::to_owned);
    let context: Map<String, Value> =
        text("encryption_context").and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    let known = NAMES.split("; ").map(|entry| entry.split_once(' ').expect("name and service"));
    for (name, service) in known {
        match context.get(name).and_then(Value::as_str) {
            Some("") => break,
            Some(resource) => return (Some(format!("{service}.amazonaws.com")), Some(resource.to_owned())),
            None => {}
        }
    }
    let itself = text("principal").filter(|_| row["principal_type"] == "AWSService");
    for name in [text("invoked_by"), itself, text("grantee_principal")].into_iter().flatten() {
        let name = names::normalise_service(&name);
        let name = name.strip_suffix(".cn").unwrap_or(&name);
        if names::matches(r"^[a-z0-9.-]*\.amazonaws\.com$", name) {
            return (Some(name.to_owned()), None);
        }
    }
    (None, None)
}
