//! `keytrail sharing`: five questions, of archives and of a report.

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
