//! Who asks S3, and for what: where credentials come from, and what of the keys of a bucket becomes
//! an input.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use testkit::bed::{ACCESS_KEY, Bed, Operation, SECRET_KEY};
use testkit::{Report, analyze_by, analyze_in, bed, decrypt, document, keytrail, run, state};

fn analyze(bed: &Bed, args: &[&str]) -> Report {
    analyze_by(&mut bed.around(keytrail()), args)
}

/// The names of the inputs, without the bucket.
fn inputs(bed: &Bed, report: &Report) -> Vec<String> {
    let name = |row: &Value| row["archive"].as_str().unwrap().replace(&bed.uri(""), "");
    report.inputs().iter().map(name).collect()
}

fn put_archive(bed: &Bed, key: &str, n: u32) {
    bed.put(key, document(&[decrypt(n)]).as_bytes());
}

#[test]
fn an_address_is_an_object_and_a_folder() {
    let bed = Bed::start();
    let keys = ["logs-old/x", "logs/a", "logs/a-b", "logs/a.d/b", "logs/z", "logsx"];
    for (n, key) in keys.into_iter().enumerate() {
        put_archive(&bed, key, u32::try_from(n).unwrap());
    }
    let of = |addresses: &[&str]| {
        let addresses: Vec<String> = addresses.iter().map(|a| bed.uri(a)).collect();
        let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
        let report = analyze(&bed, &addresses);
        assert_eq!(report.status, 0, "{}", report.stderr);
        inputs(&bed, &report)
    };
    assert_eq!(of(&["logs"]), keys[1..5]);
    assert_eq!(of(&["logs/"]), keys[1..5]);
    assert_eq!(of(&["logs/a"]), ["logs/a"]);
    // What lies inside another, or is named twice, is read once, in the order of the keys.
    assert_eq!(
        of(&["logs/z", "logs/a", "logs/a.d/b", "logs/a", "logs/a.d"]),
        ["logs/a", "logs/a.d/b", "logs/z"]
    );
    assert_eq!(of(&["", "logs/a"]), keys);
}

/// Folders that consoles make are no inputs. A prefix without archives is an empty input, and an
/// object that is not there cannot be read.
#[test]
fn what_is_not_there_is_said() {
    let bed = Bed::start();
    bed.put("logs/", b"");
    bed.put("logs/empty/", b"");
    put_archive(&bed, "logs/a", 1);
    let named = ["logs", "log", "nothing/here/", "logs/b.json.gz"].map(|key| bed.uri(key));
    let named: Vec<&str> = named.iter().map(String::as_str).collect();
    let report = analyze(&bed, &named[..3]);
    assert_eq!(report.status, 0, "{}", report.stderr);
    assert_eq!(inputs(&bed, &report), ["log/", "logs/a", "nothing/here/"]);
    for row in report.inputs() {
        let is_there = row["archive"] == bed.uri("logs/a");
        assert_eq!(row["status"], if is_there { "complete" } else { "skipped" }, "{row}");
        assert!(is_there || row["reason"] == "no_archive", "{row}");
    }
    let report = analyze(&bed, &["sample-logs/README.md", named[3]]);
    assert_eq!(report.status, 1, "{}", report.stderr);
    let rows = report.inputs();
    assert!(state(&rows, named[3]).1.contains("does not exist"), "{rows:?}");

    // A month, or a time, without archives; and nothing but an object that is not there.
    for args in [&[&*bed.uri("logs/2026/11")][..], &[&*bed.uri("logs/empty/"), "--since", "2026-11-01"]] {
        let report = analyze(&bed, args);
        assert_eq!(report.status, 0, "{}", report.stderr);
        assert!(report.stderr.contains("empty: no archive in s3://"), "{}", report.stderr);
        let alarm = analyze(&bed, &[args, &["--fail-on", "empty"]].concat());
        assert_eq!(alarm.status, 3, "{}", alarm.stderr);
    }
    let ran = run(bed.around(keytrail()).args(["analyze", named[3]]));
    assert_eq!(ran.status, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("no such object"), "{}", ran.stderr);
}

/// Any key is read, but for those that no URL can hold: these are named.
#[test]
fn odd_keys_are_read_or_named() {
    let bed = Bed::start();
    let good = ["a b+c%41.json", "a//b", "a/é=&?#", "x<&\"'>"];
    let bad = ["a/../b", "a/./b"];
    for (n, key) in good.into_iter().chain(bad).enumerate() {
        put_archive(&bed, &format!("logs/{key}"), u32::try_from(n).unwrap());
    }
    let report = analyze(&bed, &[&bed.uri("logs/")]);
    assert_eq!(report.status, 1, "{}", report.stderr);
    assert_eq!(report.inputs().len(), good.len() + bad.len());
    for row in report.inputs() {
        let name = row["archive"].as_str().unwrap();
        let is_good = good.iter().any(|key| name.ends_with(&format!("logs/{key}")));
        assert_eq!(row["status"], if is_good { "complete" } else { "unreadable" }, "{row}");
    }
    assert_eq!(report.run_json()["totals"]["records"], good.len());
}

/// A run over everything in a bucket gives the numbers of a run over a copy of it, whatever is
/// asked for.
#[test]
fn without_pruning_the_counts_are_those_of_files() {
    let bed = Bed::start();
    bed.put_folder("", Path::new("sample-logs"));
    let options = ["--since", "2023-03-18", "--until", "2023-03-20", "--account", "111122223333"];
    let dir = tempfile::tempdir().unwrap();
    bed.fetch("", dir.path());
    let of_files = analyze_in(dir.path(), &[&["."][..], &options].concat());
    let of_s3 = analyze(&bed, &[&[&*bed.uri(""), "--no-prune"][..], &options].concat());
    assert_eq!(of_s3.run_json()["totals"], of_files.run_json()["totals"]);
    let caveat = |report: &Report| report.run_json()["caveats"].to_string().contains("folders_chosen");
    assert!(!caveat(&of_s3) && !caveat(&of_files));
    assert_eq!(of_s3.run_json()["options"]["delivery_slack_days"], Value::Null);

    let pruned = analyze(&bed, &[&[&*bed.uri("")][..], &options].concat());
    assert!(caveat(&pruned), "what was not looked for is said");
    assert!(pruned.inputs().len() < of_s3.inputs().len());
    assert_eq!(pruned.run_json()["options"]["delivery_slack_days"], 1);
}

/// How late a delivery may be is an option.
#[test]
fn late_deliveries_are_read_as_far_as_asked() {
    let bed = Bed::start();
    let mut event = decrypt(1);
    event["eventTime"] = "2024-03-05T10:00:00Z".into();
    bed.put("AWSLogs/111122223333/CloudTrail/us-west-2/2024/03/12/x.json", document(&[event]).as_bytes());
    let window = ["--since", "2024-03-05", "--until", "2024-03-06", "--workload", "any", "--event", "any"];
    for (slack, selected) in [(&[][..], 0), (&["--delivery-slack", "6"], 0), (&["--delivery-slack", "7"], 1)]
    {
        let report = analyze(&bed, &[&[&*bed.uri("")][..], &window, slack].concat());
        assert_eq!(report.status, 0, "{}", report.stderr);
        assert_eq!(report.run_json()["totals"]["selected"], selected, "{slack:?}");
    }
}

/// The keys that requests were signed with.
fn signers(bed: &Bed) -> Vec<String> {
    let signer = |asked: &bed::Asked| {
        let signature = asked.header("authorization").unwrap_or_default();
        let credential = signature.split("Credential=").nth(1).unwrap_or_default();
        credential.split('/').next().unwrap_or_default().to_owned()
    };
    let mut all: Vec<String> = bed.proxy.asked().iter().map(signer).collect();
    all.sort();
    all.dedup();
    all
}

/// Without keys in the environment.
fn with_profile(bed: &Bed, config: &Path) -> Command {
    let mut command = bed.around(keytrail());
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY").env_remove("AWS_REGION");
    command.env("AWS_CONFIG_FILE", config).env("AWS_PROFILE", "audit");
    command
}

/// A profile's keys, its region, its endpoint; and those that a program of the profile prints,
/// which a role's session would look like.
#[test]
fn credentials_come_from_profiles() {
    let bed = Bed::start();
    put_archive(&bed, "logs/a", 1);
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("config");
    let printed = dir.path().join("printed.json");
    let ends = chrono::Utc::now() + chrono::Duration::minutes(2);
    let keys = format!(
        r#"{{"Version": 1, "AccessKeyId": "{ACCESS_KEY}", "SecretAccessKey": "{SECRET_KEY}", "Expiration": "{}"}}"#,
        ends.to_rfc3339()
    );
    fs::write(&printed, keys).unwrap();
    let profiles = [
        format!("aws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}"),
        format!("credential_process = cat {}", printed.display()),
    ];
    for profile in profiles {
        let endpoint = bed.endpoint();
        fs::write(
            &config,
            format!("[profile audit]\nregion = us-east-1\nendpoint_url = {endpoint}\n{profile}\n"),
        )
        .unwrap();
        bed.proxy.forget();
        let mut command = with_profile(&bed, &config);
        command.env_remove("AWS_ENDPOINT_URL");
        let report = analyze_by(&mut command, &[&bed.uri("logs/")]);
        assert_eq!(report.status, 0, "{}", report.stderr);
        assert_eq!(signers(&bed), [ACCESS_KEY]);
    }
}

/// The endpoint of S3 comes before that of all services.
#[test]
fn the_endpoint_of_s3_comes_first() {
    let bed = Bed::start();
    put_archive(&bed, "logs/a", 1);
    let mut command = bed.around(keytrail());
    command.env("AWS_ENDPOINT_URL_S3", bed.endpoint()).env("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
    let report = analyze_by(&mut command, &[&bed.uri("logs/")]);
    assert_eq!(report.status, 0, "{}", report.stderr);
}

#[test]
fn the_requester_pays_when_told_to() {
    let bed = Bed::start();
    put_archive(&bed, "logs/a", 1);
    for (options, expected) in [(&[][..], None), (&["--requester-pays"], Some("requester"))] {
        bed.proxy.forget();
        let report = analyze(&bed, &[&[&*bed.uri("logs/")][..], options].concat());
        assert_eq!(report.status, 0, "{}", report.stderr);
        let asked = bed.proxy.asked();
        assert!(asked.iter().any(|asked| asked.operation == Operation::GetObject));
        assert!(asked.iter().all(|asked| asked.header("x-amz-request-payer") == expected));
    }
}
