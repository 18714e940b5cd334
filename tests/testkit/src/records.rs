//! A few records, for tests that need no corpus.

use serde_json::Value;

/// The `n`th of any number of records that the default selection takes: a Decrypt by the geospatial
/// service.
pub fn decrypt(n: u32) -> Value {
    serde_json::json!({
        "eventVersion": "1.08",
        "userIdentity": {"type": "AWSService", "invokedBy": "sagemaker-geospatial.amazonaws.com"},
        "eventTime": format!("2024-03-05T10:{:02}:{:02}Z", n / 60 % 60, n % 60),
        "eventSource": "kms.amazonaws.com",
        "eventName": "Decrypt",
        "awsRegion": "us-west-2",
        "sourceIPAddress": "sagemaker-geospatial.amazonaws.com",
        "userAgent": "sagemaker-geospatial.amazonaws.com",
        "requestParameters": {"encryptionAlgorithm": "SYMMETRIC_DEFAULT"},
        "responseElements": null,
        "eventID": format!("00000000-0000-4000-8000-{n:012}"),
        "readOnly": true,
        "resources": [{
            "accountId": "111122223333",
            "type": "AWS::KMS::Key",
            "ARN": "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        }],
        "eventType": "AwsApiCall",
        "recipientAccountId": "111122223333",
        "eventCategory": "Management",
    })
}

/// A log file with these records, as CloudTrail delivers it.
pub fn document(records: &[impl std::fmt::Display]) -> String {
    let records: Vec<String> = records.iter().map(ToString::to_string).collect();
    format!("{{\"Records\":[{}]}}", records.join(","))
}

/// A log file with two good events whose ids begin at `first`.
pub fn good(first: u32) -> Vec<u8> {
    document(&[decrypt(first), decrypt(first + 1)]).into_bytes()
}

/// Where each record of a document stands.
pub fn places(document: &str, records: &[Value]) -> Vec<std::ops::Range<usize>> {
    let place = |record: &Value| {
        let text = record.to_string();
        let start = document.find(&text).unwrap();
        start..start + text.len()
    };
    records.iter().map(place).collect()
}
