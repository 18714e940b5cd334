//! `keytrail grants` of a report is that of its archives.

use std::fs;

use testkit::{keytrail, root, run};

/// Standard output and error of `keytrail grants` with these arguments.
fn grants(args: &[&str]) -> (String, String) {
    let output = run(keytrail().arg("grants").args(args));
    assert_eq!(output.status, 0, "{args:?}: {}", output.stderr);
    (String::from_utf8(output.stdout).unwrap(), output.stderr)
}

#[test]
fn a_report_gives_the_grants_of_its_archives() {
    let dir = tempfile::tempdir().unwrap();
    let report = dir.path().join("report").display().to_string();
    let logs = root().join("sample-logs").display().to_string();
    assert_eq!(run(keytrail().args(["analyze", "-q", "-o", &report, &logs])).status, 0);
    for filter in [&[][..], &["--state", "open"], &["--grantee", "*geospatial*"], &["--key", "nothing"]] {
        for format in ["csv", "ndjson", "table"] {
            let options = [filter, &["--format", format]].concat();
            let (from_logs, _) = grants(&[&options[..], &[&logs]].concat());
            let (from_report, notes) = grants(&[&options[..], &[&report]].concat());
            assert_eq!(from_logs, from_report, "{options:?}");
            assert!(notes.contains("the report's KMS records are from 20"), "{notes}");
        }
    }
    let output = run(keytrail().args(["grants", &report, &logs]));
    assert_eq!(output.status, 2, "a report stands alone");
    fs::write(dir.path().join("report/grants.parquet"), "damaged").unwrap();
    let output = run(keytrail().args(["grants", &report]));
    assert!(output.status != 0 && output.stderr.contains("grants.parquet"), "{}", output.stderr);
}

#[test]
fn dry_runs_are_told_from_failures() {
    let dir = tempfile::tempdir().unwrap();
    let record = |id: &str, rest: &str| {
        format!(
            r#"{{"eventVersion":"1.08","eventTime":"2024-01-01T00:00:00Z","eventSource":"kms.amazonaws.com",
            "eventName":"CreateGrant","awsRegion":"us-west-2","eventID":"{id}","recipientAccountId":"111122223333",{rest}}}"#
        )
    };
    let records = [
        record("a", r#""errorCode":"AccessDenied","errorMessage":"x""#),
        record("b", r#""errorCode":"DryRunOperationException","requestParameters":{"dryRun":true}"#),
        record("c", r#""requestParameters":{"dryRun":true},"errorCode":"DryRunOperation""#),
        record("c", r#""requestParameters":{"dryRun":true},"errorCode":"DryRunOperation""#),
    ];
    let logs = dir.path().join("logs");
    fs::create_dir(&logs).unwrap();
    fs::write(logs.join("a.json"), format!(r#"{{"Records":[{}]}}"#, records.join(","))).unwrap();
    let (logs, report) = (logs.display().to_string(), dir.path().join("report").display().to_string());
    assert_eq!(run(keytrail().args(["analyze", "-q", "-o", &report, &logs])).status, 0);
    let json: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(dir.path().join("report/run.json")).unwrap()).unwrap();
    let expected = serde_json::json!({"count": 0, "failed_create_calls": 1, "dry_run_create_calls": 2});
    assert_eq!(json["grants"], expected);
    for input in [&logs, &report] {
        let (_, notes) = grants(&[input]);
        assert!(notes.contains("1 CreateGrant call failed"), "{notes}");
        assert!(notes.contains("2 CreateGrant calls only asked"), "{notes}");
    }
}
