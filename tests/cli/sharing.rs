//! `keytrail sharing`: its questions, of archives and of a report.

use std::fs;

use serde_json::{Value, json};
use testkit::{document, keytrail, run};

fn call(n: u32, account: &str, source: &str, name: &str, request: Value, response: Value) -> Value {
    json!({
        "eventVersion": "1.09",
        "userIdentity": {"type": "IAMUser", "arn": format!("arn:aws:iam::{account}:user/U"), "accountId": account},
        "eventTime": format!("2025-06-04T00:00:{n:02}Z"), "eventSource": format!("{source}.amazonaws.com"),
        "eventName": name, "awsRegion": "eu-central-1", "requestParameters": request, "responseElements": response,
        "eventID": format!("e{n}"), "recipientAccountId": account,
    })
}

#[test]
fn a_report_answers_as_its_archives_do() {
    let dir = tempfile::tempdir().unwrap();
    let (owner, consumer) = ("111122223333", "444455556666");
    let pipeline =
        |n: u32| format!("arn:aws:sagemaker:eu-central-1:{owner}:pipeline/a-pipeline-with-a-long-name-{n}");
    let share = json!({"resourceShare": {"resourceShareArn": "arn:aws:ram:eu-central-1:111122223333:resource-share/1"}});
    let mut denied = call(
        4,
        consumer,
        "sagemaker",
        "StartPipelineExecution",
        json!({"pipelineName": pipeline(1)}),
        Value::Null,
    );
    denied["errorCode"] = json!("AccessDeniedException");
    let records = [
        call(
            1,
            owner,
            "ram",
            "CreateResourceShare",
            json!({"resourceArns": [pipeline(1), pipeline(2)], "principals": [consumer]}),
            share,
        ),
        call(2, consumer, "sagemaker", "DescribePipeline", json!({"pipelineName": pipeline(1)}), Value::Null),
        call(3, consumer, "sagemaker", "DescribePipeline", json!({"pipelineName": pipeline(3)}), Value::Null),
        denied,
    ];
    let logs = dir.path().join("events.json");
    fs::write(&logs, document(&records)).unwrap();
    let report = dir.path().join("report");
    let analyzed = run(keytrail().args(["analyze", "-q", "-o"]).arg(&report).arg(&logs));
    assert_eq!(analyzed.status, 0, "{}", analyzed.stderr);
    let sharing = |args: &[&str], input: &std::path::Path| {
        let output = run(keytrail().arg("sharing").args(args).arg(input));
        assert_eq!(output.status, 0, "{}", output.stderr);
        (String::from_utf8(output.stdout).unwrap(), output.stderr)
    };
    let (rows, notes) = sharing(&["--format", "ndjson"], &logs);
    assert_eq!(rows, sharing(&["--format", "ndjson"], &report).0);
    let answers: Vec<(String, String)> = rows
        .lines()
        .map(|line| {
            let row: Value = serde_json::from_str(line).unwrap();
            let text = |name: &str| row[name].as_str().unwrap().to_owned();
            (text("question"), text("resource").chars().last().unwrap().to_string() + " " + &text("state"))
        })
        .collect();
    let expected = [
        ("shared", "1 effective"),
        ("shared", "2 requested"),
        ("used", "1 success"),
        ("used", "3 success"),
        ("refused", "1 AccessDenied"),
        ("never_used", "2 requested"),
        ("unexplained", "3 success"),
    ];
    assert_eq!(answers, expected.map(|(question, row)| (question.to_owned(), row.to_owned())));
    assert!(notes.contains(consumer) && notes.contains(owner), "{notes}");

    let (table, _) = sharing(&["--format", "table", "--question", "refused,unexplained"], &report);
    assert!(
        table.starts_with("What was refused or failed\n") && table.contains("without a visible share"),
        "{table}"
    );
    assert!(!table.contains("never used"), "{table}");

    let trusted = dir.path().join("trusted.txt");
    fs::write(&trusted, "999988887777\n").unwrap();
    let trust = ["--format", "csv", "--trusted-accounts", trusted.to_str().unwrap()];
    let (csv, _) = sharing(&trust, &report);
    assert!(csv.lines().skip(1).all(|line| line.contains(",true,")), "{csv}");
    fs::write(&trusted, "99998888777\n").unwrap();
    let refused = run(keytrail().arg("sharing").args(trust).arg(&report));
    assert_eq!(refused.status, 2);
    assert!(refused.stderr.contains("no account id of twelve digits"), "{}", refused.stderr);
}

/// The table of what writers and readers of an offline store need says only what records show.
#[test]
fn each_permission_of_an_offline_store_is_used_refused_or_not_known() {
    let dir = tempfile::tempdir().unwrap();
    let (owner, consumer, other) = ("111122223333", "444455556666", "777788889999");
    let key = format!("arn:aws:kms:eu-central-1:{owner}:key/1234abcd-12ab-34cd-56ef-1234567890ab");
    let storage = json!({"s3Uri": "s3://sagemaker-b/p", "kmsKeyId": key});
    let group = json!({
        "featureGroupName": "f", "roleArn": format!("arn:aws:iam::{owner}:role/Store"),
        "offlineStoreConfig": {"s3StorageConfig": storage},
    });
    let statement = json!({
        "Effect": "Allow", "Resource": "*", "Action": ["kms:Decrypt", "kms:ReEncrypt*"],
        "Principal": {"AWS": [format!("arn:aws:iam::{consumer}:root")]},
    });
    let whole = json!({
        "Effect": "Allow", "Resource": "*", "Action": "kms:*", "Principal": {"AWS": format!("arn:aws:iam::{owner}:root")},
    });
    let policy = json!({"Version": "2012-10-17", "Statement": [whole, statement]}).to_string();
    let kms = |n, account: &str, name: &str, is_refused: bool| {
        let mut record = call(n, account, "kms", name, json!({"keyId": key}), Value::Null);
        record["resources"] = json!([{"ARN": key, "accountId": owner, "type": "AWS::KMS::Key"}]);
        if is_refused {
            record["errorCode"] = json!("AccessDenied");
        }
        record
    };
    let mut put = kms(2, owner, "PutKeyPolicy", false);
    put["requestParameters"] = json!({"keyId": key, "policyName": "default", "policy": policy});
    let calls = [
        call(1, owner, "sagemaker", "CreateFeatureGroup", group, Value::Null),
        kms(3, owner, "GenerateDataKey", false),
        kms(4, consumer, "Decrypt", false),
        kms(5, consumer, "DescribeKey", true),
        kms(6, other, "Decrypt", true),
    ];
    let with_policy = [&calls[..], &[put]].concat();
    let answers = |records: &[Value], input: &str| {
        let logs = dir.path().join(format!("{input}.json"));
        fs::write(&logs, document(records)).unwrap();
        let report = dir.path().join(input);
        let analyzed = run(keytrail().args(["analyze", "-q", "-o"]).arg(&report).arg(&logs));
        assert_eq!(analyzed.status, 0, "{}", analyzed.stderr);
        let rows = |input: &std::path::Path| {
            let asked =
                run(keytrail().args(["sharing", "--question", "stores", "--format", "ndjson"]).arg(input));
            assert_eq!(asked.status, 0, "{}", asked.stderr);
            String::from_utf8(asked.stdout).unwrap()
        };
        let found = rows(&logs);
        assert_eq!(found, rows(&report));
        let rows = found.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let row = |row: Value| {
            let text = |name: &str| row[name].as_str().unwrap_or("-").replace("kms:", "");
            format!("{} {} {}", text("consumer"), text("what"), text("state"))
        };
        rows.map(row).collect::<Vec<_>>()
    };
    let known = answers(&with_policy, "known");
    let of = |account: &str| -> Vec<String> {
        let rows = known.iter().filter_map(|row| row.strip_prefix(account));
        rows.map(|row| row.trim().to_owned()).collect()
    };
    let s3 = ["s3:PutObject not_recorded", "s3:PutObjectAcl not_recorded", "s3:GetBucketAcl not_recorded"];
    assert_eq!(of(owner), [&["GenerateDataKey used", "Decrypt allowed_not_used"][..], &s3].concat());
    assert_eq!(
        of(consumer),
        [
            "Decrypt used",
            "GenerateDataKey not_allowed",
            "DescribeKey refused",
            "Encrypt not_allowed",
            "ReEncryptFrom allowed_not_used",
            "ReEncryptTo allowed_not_used",
            "CreateGrant not_allowed",
            "ListGrants not_allowed",
            "RetireGrant no_effect",
            "ListAliases no_effect",
        ]
    );
    assert_eq!(of(other)[..2], ["Decrypt refused", "GenerateDataKey not_allowed"]);
    // Without the policy, nothing is said of what it allows.
    let unknown = answers(&calls, "unknown");
    assert!(unknown.contains(&format!("{consumer} Encrypt unknown")), "{unknown:#?}");
    assert!(unknown.iter().all(|row| !row.contains("allowed")), "{unknown:#?}");
    // Without another account, it is no question.
    assert_eq!(answers(&calls[..2], "alone"), [""; 0]);
}

/// Names that a terminal would obey are shown, not obeyed.
#[test]
fn names_of_resources_cannot_steer_a_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let pipeline = "arn:aws:sagemaker:eu-central-1:111122223333:pipeline/a\u{1b}]0;x\u{7}\u{202e}b";
    let share = json!({"resourceShare": {"resourceShareArn": "arn:aws:ram:eu-central-1:111122223333:resource-share/1"}});
    let request =
        json!({"name": "\u{1b}[2J", "resourceArns": [pipeline], "principals": ["44445555\u{202e}6666\r\n"]});
    let records = [
        call(1, "111122223333", "ram", "CreateResourceShare", request, share),
        call(
            2,
            "444455556666",
            "sagemaker",
            "DescribePipeline",
            json!({"pipelineName": pipeline}),
            Value::Null,
        ),
    ];
    let logs = dir.path().join("events.json");
    fs::write(&logs, document(&records)).unwrap();
    let shown = run(keytrail().args(["sharing", "--format", "table"]).arg(&logs));
    let text = String::from_utf8(shown.stdout).unwrap() + &shown.stderr;
    let is_bad = |c: char| c.is_control() && c != '\n' || ('\u{202a}'..='\u{202e}').contains(&c);
    assert!(!text.contains(is_bad), "{text:?}");
    assert!(text.contains("pipeline/a"), "{text}");
}

/// What a share of the owner, whose trail is missing, could explain says so in the row, and so does
/// what was used only after its end.
#[test]
fn rows_say_what_is_missing_without_any_notes() {
    let dir = tempfile::tempdir().unwrap();
    let (owner, consumer) = ("111122223333", "444455556666");
    let arn = |region: &str| format!("arn:aws:sagemaker:{region}:{owner}:pipeline/p");
    let look = |n, region: &str| {
        call(n, consumer, "sagemaker", "DescribePipeline", json!({"pipelineName": arn(region)}), Value::Null)
    };
    let share = "arn:aws:ram:eu-central-1:111122223333:resource-share/1";
    let mut late = look(4, "eu-central-1");
    late["eventTime"] = json!("2025-06-04T09:00:00Z");
    // A record of KMS of the owner, in one Region.
    let request = json!({"keyId": "1234abcd-12ab-34cd-56ef-1234567890ab"});
    let records = [
        call(
            1,
            owner,
            "ram",
            "CreateResourceShare",
            json!({"resourceArns": [arn("eu-central-1")], "principals": [consumer]}),
            json!({"resourceShare": {"resourceShareArn": share}}),
        ),
        call(
            2,
            owner,
            "ram",
            "DeleteResourceShare",
            json!({"resourceShareArn": share}),
            json!({"returnValue": true}),
        ),
        call(3, owner, "kms", "DescribeKey", request, Value::Null),
        late,
        look(5, "ap-south-1"),
    ];
    let logs = dir.path().join("events.json");
    fs::write(&logs, document(&records)).unwrap();
    let report = dir.path().join("report");
    let analyzed = run(keytrail().args(["analyze", "-q", "-o"]).arg(&report).arg(&logs));
    assert_eq!(analyzed.status, 0, "{}", analyzed.stderr);
    for input in [&logs, &report] {
        let args = ["sharing", "-q", "--format", "ndjson", "--question", "never_used,unexplained"];
        let asked = run(keytrail().args(args).arg(input));
        assert_eq!(asked.stderr, "");
        let rows = String::from_utf8(asked.stdout).unwrap();
        let notes: Vec<String> = rows
            .lines()
            .map(|line| {
                let row: Value = serde_json::from_str(line).unwrap();
                let text =
                    |name: &str| row[name].as_str().unwrap_or("-").chars().take(30).collect::<String>();
                format!("{} {}: {}", text("question"), text("state"), text("note"))
            })
            .collect();
        let expected = [
            "never_used ended: only after its end: 1 call",
            "unexplained success: no record of KMS and no archiv",
            "unexplained success: -",
        ];
        assert_eq!(notes, expected);
    }
}
