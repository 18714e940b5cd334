//! Records in what wraps them: the texts follow what AWS prints and delivers.

use std::fmt::Write as _;

/// A JSON string as compact writers spell it.
pub fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("text is text")
}

/// A JSON string in ASCII.
fn ascii(text: &str) -> String {
    let mut out = String::new();
    for letter in quoted(text).chars() {
        if letter.is_ascii() {
            out.push(letter);
        } else {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}").expect("a string takes every write");
            }
        }
    }
    out
}

/// The text of a string member of a record.
fn member<'a>(record: &'a str, name: &str) -> &'a str {
    let marker = format!("\"{name}\":\"");
    let rest = record.split_once(&marker).map_or("", |(_, rest)| rest);
    rest.split_once('"').map_or("", |(text, _)| text)
}

fn millis(record: &str) -> u64 {
    // What hour it says does not matter: nobody reads it.
    1_679_000_000_000 + member(record, "eventID").bytes().map(u64::from).sum::<u64>()
}

/// A page of `aws cloudtrail lookup-events`, as version 1 or 2 of the command line prints it.
pub fn looked_up(records: &[String], version: u32, token: bool) -> String {
    let mut page = String::from("{\n    \"Events\": [");
    for (n, record) in records.iter().enumerate() {
        let (comma, text) =
            (if n > 0 { "," } else { "" }, if version == 1 { ascii(record) } else { quoted(record) });
        let time = match version {
            1 => format!("{}.0", millis(record) / 1000),
            _ => format!("\"{}+00:00\"", member(record, "eventTime").trim_end_matches('Z')),
        };
        let (id, name) = (member(record, "eventID"), member(record, "eventName"));
        write!(
            page,
            "{comma}\n        {{\n            \"EventId\": \"{id}\",\n            \"EventName\": \"{name}\",\n            \
             \"ReadOnly\": \"true\",\n            \"AccessKeyId\": \"ASIAEXAMPLE\",\n            \"EventTime\": {time},\n            \
             \"EventSource\": \"kms.amazonaws.com\",\n            \"Username\": \"SageMaker\",\n            \
             \"Resources\": [\n                {{\n                    \"ResourceType\": \"AWS::KMS::Key\",\n                    \
             \"ResourceName\": \"1234abcd-12ab-34cd-56ef-1234567890ab\"\n                }}\n            ],\n            \
             \"CloudTrailEvent\": {text}\n        }}"
        )
        .expect("a string takes every write");
    }
    let token = if token { ",\n    \"NextToken\": \"kbOt5LlZe++mOVuSqHIqGNeTJkKPLS5qrhqd\"" } else { "" };
    page + "\n    ]" + token + "\n}\n"
}

/// An event of EventBridge around a record.
pub fn enveloped(record: &str) -> String {
    let source = member(record, "eventSource").split('.').next().unwrap_or_default().replace("\\u006b", "k");
    envelope("AWS API Call via CloudTrail", &source, record)
}

fn envelope(kind: &str, service: &str, detail: &str) -> String {
    format!(
        "{{\"version\":\"0\",\"id\":\"6a7e8feb-b491-4cf7-a9f1-bf3703467718\",\"detail-type\":\"{kind}\",\"source\":\"aws.{service}\",\
         \"account\":\"111122223333\",\"time\":\"2023-03-17T18:02:06Z\",\"region\":\"us-west-2\",\"resources\":[],\"detail\":{detail}}}"
    )
}

/// What comes over the bus beside CloudTrail's events: no records.
pub fn other_envelopes() -> [String; 2] {
    let share = "{\"event\":\"Resource Share Associated\",\"status\":\"associated\",\"eventSource\":\"kms.amazonaws.com\"}";
    let rotation = "{\"key-id\":\"1234abcd-12ab-34cd-56ef-1234567890ab\",\"of\":\"kms.amazonaws.com\"}";
    [envelope("Resource Sharing State Change", "ram", share), envelope("KMS CMK Rotation", "kms", rotation)]
}

/// A message that is no record, though it names KMS.
pub const CHATTER: &str = "calling kms.amazonaws.com {\"eventSource\":\"kms.amazonaws.com\"}\n\tand again";

pub fn log_events(messages: &[String], id: &str) -> String {
    let items = messages.iter().enumerate().map(|(n, message)| {
        let (time, message) = (1_679_000_000_000 + n, quoted(message));
        format!("{{\"{id}\":\"3690430000000000{n}\",\"timestamp\":{time},\"message\":{message}}}")
    });
    items.collect::<Vec<_>>().join(",")
}

/// What a subscription of CloudWatch Logs delivers.
pub fn delivered(messages: &[String]) -> String {
    format!(
        "{{\"messageType\":\"DATA_MESSAGE\",\"owner\":\"111122223333\",\"logGroup\":\"aws-cloudtrail-logs\",\
         \"logStream\":\"111122223333_CloudTrail_us-west-2\",\"subscriptionFilters\":[\"all\"],\"logEvents\":[{}]}}",
        log_events(messages, "id")
    )
}

pub const CONTROL: &str = concat!(
    r#"{"messageType":"CONTROL_MESSAGE","owner":"CloudwatchLogs","logGroup":"","logStream":"","subscriptionFilters":[],"#,
    r#""logEvents":[{"id":"","timestamp":1679000000000,"message":"CWL CONTROL MESSAGE: Checking health of destination Firehose."}]}"#,
);

/// Lines of an export of CloudWatch Logs.
pub fn lines(messages: &[String]) -> String {
    messages.iter().map(|message| format!("2023-03-17T18:05:00.123Z {message}\n")).collect()
}

/// A row of a query: a map for each column.
pub fn row(columns: &[(&str, String)]) -> String {
    let maps: Vec<String> = columns
        .iter()
        .map(|(name, text)| {
            format!("            {{\n                \"{name}\": {}\n            }}", quoted(text))
        })
        .collect();
    format!("        [\n{}\n        ]", maps.join(",\n"))
}

pub fn rows(rows: &[String]) -> String {
    format!(
        "{{\n    \"QueryStatus\": \"FINISHED\",\n    \"QueryStatistics\": {{\n        \"ResultsCount\": {},\n        \
         \"TotalResultsCount\": {},\n        \"BytesScanned\": 28046\n    }},\n    \"QueryResultRows\": [\n{}\n    ]\n}}\n",
        rows.len(),
        rows.len(),
        rows.join(",\n")
    )
}

/// The second documented event and the record of S3, as a query of all columns prints them.
pub fn printed_rows() -> Vec<String> {
    let key = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    let identity = |service: &str| {
        format!(
            "{{type=AWSService, principalid=null, arn=null, accountid=null, accesskeyid=null, username=null, sessioncontext=null, invokedby={service}, identityprovider=null}}"
        )
    };
    let common = |service: &str, source: &str, name: &str, id: &str| {
        vec![
            ("eventversion", "1.08".to_owned()),
            ("useridentity", identity(service)),
            ("eventtime", "2023-03-24 00:29:45.000".to_owned()),
            ("eventsource", source.to_owned()),
            ("eventname", name.to_owned()),
            ("awsregion", "us-west-2".to_owned()),
            ("sourceipaddress", service.to_owned()),
            ("useragent", service.to_owned()),
            ("errorcode", String::new()),
            ("eventid", id.to_owned()),
            ("readonly", "true".to_owned()),
            ("eventtype", "AwsApiCall".to_owned()),
            ("recipientaccountid", "111122223333".to_owned()),
        ]
    };
    let mut used = common(
        "sagemaker-geospatial.amazonaws.com",
        "kms.amazonaws.com",
        "GenerateDataKey",
        "e0000002-00eb-00ce-0e00-ea000fb0fba0",
    );
    used.push((
        "requestparameters",
        format!(
            "{{encryptionContext={{\"aws:s3:arn\":\"arn:aws:s3:::axis-earth-observation-job-378778860802/111122223333/napy9eintp64/output/a, b=c.tif\"}}, keySpec=AES_256, keyId={key}}}"
        ),
    ));
    used.push(("resources", format!("[{{arn={key}, accountid=111122223333, type=AWS::KMS::Key}}]")));
    let other = common(
        "config.amazonaws.com",
        "s3.amazonaws.com",
        "GetBucketAcl",
        "53000001-00eb-00ce-0e00-ea000fb0fba0",
    );
    vec![row(&used), row(&other)]
}
