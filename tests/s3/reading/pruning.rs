//! Only what can matter is listed and read. Archives are filed by account, region and day of
//! delivery (AWS CloudTrail User Guide: "Finding your CloudTrail log files"), and an event may be
//! delivered after its day.

use std::collections::BTreeSet;

use chrono::{Days, NaiveDate};

use super::{analyze, assert_only_reads, assert_same, without_bucket};
use testkit::bed::{self, Bed, Operation};
use testkit::{analyze_in, assert_rows, decrypt, document};

const ACCOUNTS: [&str; 2] = ["111122223333", "444455556666"];
const REGIONS: [&str; 2] = ["us-east-1", "us-west-2"];

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// Archives that each account and region gets in a day.
const A_DAY: u32 = 2;
/// Keys in a page of a listing: fewer than there are.
const PAGE: usize = 50;

/// Thirty days of both accounts and regions under this prefix. Each archive has an event of its
/// day, the last of a day one of the day before.
fn month(bed: &Bed, prefix: &str) {
    let mut number = 0;
    for (account, region) in ACCOUNTS.iter().flat_map(|account| REGIONS.map(|region| (account, region))) {
        for (delivered, nth) in (0..30).flat_map(|offset| (1..=A_DAY).map(move |nth| (offset, nth))) {
            let delivered = day("2024-03-01") + Days::new(delivered);
            number += 1;
            let mut event = decrypt(number);
            let happened = if nth == A_DAY { delivered - Days::new(1) } else { delivered };
            event["eventTime"] = format!("{happened}T23:58:00Z").into();
            event["recipientAccountId"] = (*account).into();
            event["awsRegion"] = region.into();
            let (folders, stamp) = (delivered.format("%Y/%m/%d"), delivered.format("%Y%m%d"));
            let file = format!("{account}_CloudTrail_{region}_{stamp}T{nth:04}Z_AbCdEfGhIjKlMnOp.json.gz");
            let key = format!("{prefix}{account}/CloudTrail/{region}/{folders}/{file}");
            bed.put(&key, document(&[event]).as_bytes());
        }
    }
}

/// Runs with these options on S3 and on files, and gives the keys that were fetched; nothing that
/// only other accounts' or regions' trails can have was listed.
fn pruned(bed: &Bed, prefix: &str, account: &str, region: &str, options: &[&str]) -> BTreeSet<String> {
    let dir = tempfile::tempdir().unwrap();
    bed.fetch("", dir.path());
    let from_files = analyze_in(dir.path(), &[&["."], options].concat());
    bed.proxy.forget();
    let from_s3 = analyze(bed, &[&[&*bed.uri("")], options].concat());
    assert_eq!(from_s3.status, 0, "{}", from_s3.stderr);
    assert!(!from_files.events().is_empty());
    assert_rows("events", &without_bucket(bed, from_s3.events()), &from_files.events());
    // The last use of a key by anybody is known from what was read. `folders_chosen` says so.
    let [from_s3_usage, from_files_usage] = [from_s3.usage(), from_files.usage()].map(|mut rows| {
        for row in &mut rows {
            row.as_object_mut().unwrap().retain(|name, _| !name.starts_with("key_last_used"));
        }
        rows
    });
    assert_rows("usage", &from_s3_usage, &from_files_usage);
    let chosen = from_s3.run_json()["caveats"].to_string().contains("later than key_last_used_time says");
    assert!(chosen || options.contains(&"--no-prune"));

    let asked = bed.proxy.asked();
    assert_only_reads(&asked);
    let place = format!("{prefix}{account}/CloudTrail/{region}/");
    for list in asked.iter().filter(|asked| asked.operation == Operation::ListObjects) {
        let listed = list.parameter("prefix").unwrap_or_default();
        let folders = list.parameter("delimiter") == Some("/");
        // An account's folder may hold what is no trail's, and that may be of others: results of
        // CloudTrail Lake, exports.
        let of_account = ACCOUNTS.iter().any(|account| listed == format!("{prefix}{account}/"));
        // The first page may have all there is.
        let is_first = list.parameter("continuation-token").is_none();
        let above = (folders || is_first) && place.starts_with(listed) || folders && of_account;
        assert!(above || listed.starts_with(&place), "{} was listed", list.target);
    }
    let fetched = asked.iter().filter(|asked| asked.operation == Operation::GetObject);
    fetched.map(|asked| asked.key.strip_prefix(&place).expect("of the place").to_owned()).collect()
}

/// Organisation trails and landing zones, whose buckets have the organisation's id twice.
#[test]
fn only_what_can_match_is_listed() {
    for prefix in ["AWSLogs/", "trail/AWSLogs/o-exampleorgid/", "o-exampleorgid/AWSLogs/o-exampleorgid/"] {
        let bed = Bed::paging(PAGE);
        month(&bed, prefix);
        let options = [
            "--account",
            ACCOUNTS[1],
            "--region",
            REGIONS[0],
            "--since",
            "2024-03-10",
            "--until",
            "2024-03-12",
        ];
        let fetched = pruned(&bed, prefix, ACCOUNTS[1], REGIONS[0], &options);
        let days: Vec<&str> = fetched.iter().map(|key| &key[..10]).collect();
        assert_eq!(days[0], "2024/03/10", "{days:?}");
        assert!(days.contains(&"2024/03/12"), "an event of the 11th that came on the 12th: {days:?}");
    }
}

/// A month is not listed day by day when all of it is wanted, nor a day by listing its month.
#[test]
fn listings_are_few() {
    let bed = Bed::paging(PAGE);
    month(&bed, "AWSLogs/");
    let one_place = ["--account", ACCOUNTS[0], "--region", REGIONS[1]];
    assert_eq!(pruned(&bed, "AWSLogs/", ACCOUNTS[0], REGIONS[1], &one_place).len(), 30 * A_DAY as usize);
    let lists = bed.proxy.asked().iter().filter(|asked| asked.operation == Operation::ListObjects).count();
    assert!(lists < 20, "{lists} listings of 240 objects");
}

/// Many folders with little in them are not worth listing one by one; nor is it tried with each of
/// them where they have more.
#[test]
fn listings_of_many_small_accounts_are_few() {
    for (page, most) in [(1000, 5), (PAGE, 50)] {
        let bed = Bed::paging(page);
        for (n, account) in (0..10).flat_map(|n| (0..10).map(move |account| (n, account))) {
            for day in 9..=12 {
                let place = format!("AWSLogs/{:012}/CloudTrail/us-east-{n}/2024/03/{day:02}", account + 1);
                bed.put(&format!("{place}/{n}-{account}.json"), document(&[decrypt(n)]).as_bytes());
            }
        }
        let window = ["--since", "2024-03-10", "--until", "2024-03-12", "--delivery-slack", "0"];
        let report = analyze(&bed, &[&[&*bed.uri("")], &window[..]].concat());
        assert_eq!(report.status, 0, "{}", report.stderr);
        assert_eq!(report.inputs().len(), 200, "the 10th and 11th, and no other day");
        let lists = bed.proxy.asked().iter().filter(|a| a.operation == Operation::ListObjects).count();
        assert!(lists < most || bed::is_second(), "{lists} listings of 400 objects");
    }
}

/// What is filed otherwise is read, since its name says nothing.
#[test]
fn what_does_not_follow_the_grammar_is_read() {
    let bed = Bed::paging(PAGE);
    month(&bed, "AWSLogs/");
    let mut event = decrypt(9_999);
    event["recipientAccountId"] = ACCOUNTS[1].into();
    for (n, key) in
        ["export/events.json", "AWSLogs/notes.json", "AWSLogs/444455556666/other.json"].iter().enumerate()
    {
        event["eventID"] = format!("00000000-0000-4000-9000-{n:012}").into();
        bed.put(key, document(&[&event]).as_bytes());
    }
    let options = ["--account", ACCOUNTS[1], "--since", "2024-03-05", "--until", "2024-03-06"];
    let report = analyze(&bed, &[&[&*bed.uri("")], &options[..]].concat());
    assert_eq!(report.status, 0, "{}", report.stderr);
    let events = report.events();
    let archives: BTreeSet<&str> = events.iter().map(|event| event["archive"].as_str().unwrap()).collect();
    for key in ["export/events.json", "AWSLogs/notes.json", "AWSLogs/444455556666/other.json"] {
        assert!(archives.contains(&*bed.uri(key)), "{key}: {archives:?}");
    }
}

/// `--no-prune` reads what cannot match, too: then every count is that of the same archives as
/// files.
#[test]
fn without_pruning_every_count_is_that_of_files() {
    let (bed, dir) = (Bed::paging(PAGE), tempfile::tempdir().unwrap());
    month(&bed, "AWSLogs/");
    bed.fetch("", dir.path());
    let options = ["--account", ACCOUNTS[1], "--since", "2024-03-10", "--until", "2024-03-12"];
    let from_files = analyze_in(dir.path(), &[&["."], &options[..]].concat());
    let from_s3 = analyze(&bed, &[&[&*bed.uri(""), "--no-prune"], &options[..]].concat());
    assert_same(&bed, &from_s3, &from_files);
    assert_eq!(from_s3.run_json()["totals"]["records"], 4 * 30 * A_DAY);
}

/// A delivery that took longer is found when it is looked for.
#[test]
fn late_deliveries_are_found_if_looked_for() {
    let bed = Bed::paging(PAGE);
    month(&bed, "AWSLogs/");
    let mut event = decrypt(9_999);
    event["eventTime"] = "2024-03-05T12:00:00Z".into();
    let late = "AWSLogs/111122223333/CloudTrail/us-west-2/2024/03/09/\
                111122223333_CloudTrail_us-west-2_20240309T1200Z_AbCdEfGhIjKlMnOq.json.gz";
    bed.put(late, document(&[&event]).as_bytes());
    let found = |options: &[&str]| {
        let window = ["--since", "2024-03-05", "--until", "2024-03-06"];
        let report = analyze(&bed, &[&[&*bed.uri("")], &window[..], options].concat());
        report.events().iter().any(|event| event["archive"] == bed.uri(late))
    };
    assert!(!found(&[]));
    assert!(found(&["--delivery-slack", "4"]));
}

/// The screen says how many folders were not listed, however they were listed.
#[test]
fn folders_that_are_not_listed_are_counted_on_the_screen() {
    let bed = Bed::start();
    month(&bed, "AWSLogs/");
    for (options, line) in [
        (&["--region", "us-west-2"][..], "region us-west-2: 2 folders not listed"),
        (&["--account", ACCOUNTS[0]], "account 111122223333: 1 folder not listed"),
        (&["--account", ACCOUNTS[0], "--region", "eu-west-1"], ", region eu-west-1: 3 folders not listed"),
    ] {
        for input in ["", "AWSLogs/"] {
            let report = analyze(&bed, &[&[&*bed.uri(input)], options].concat());
            assert_eq!(report.status, 0, "{}", report.stderr);
            assert!(report.stderr.contains(line), "{options:?} {input}: {}", report.stderr);
        }
    }
}
