//! The repository's `sample-logs/`: three accounts over a few weeks, small enough to read by eye.
//! Every workload, both kinds of caller, each way of naming a key and of being refused, one call
//! seen from two accounts, one delivery made twice, and one delivery day that is missing.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use flate2::Compression;

use super::archive::{Archive, Filler, gzip, log_path, write_file};
use super::cast::{Caller, Invoker, Key, Role};
use super::documented::{canvas_key, canvas_role, events, forecast_role, geospatial_key, geospatial_role};
use super::everyday::{administration, application, crossing};
use super::json::{Json, Spelling, arr, obj};
use super::kms::{KmsRecord, Naming, Place};
use super::refusal;
use super::rng::Rng;
use super::truth::{Delivery, Expected, Truth, Usage, time_text};
use super::workloads::grant_response;
use super::{other, readme, sharing_stories, stories};

/// Owns the keys and runs SageMaker.
pub const MAIN: &str = "111122223333";
/// Reads the main account's offline store.
pub const CONSUMER: &str = "444455556666";
/// Has nothing to do with SageMaker.
pub const PLAIN: &str = "123456789012";

/// The delivery day left out, as if the bucket had been out of reach.
pub const MISSING: (&str, &str, &str) = (CONSUMER, "us-west-2", "2023-03-21");

/// Account, region, first day, number of days.
const SPANS: [(&str, &str, &str, i64); 6] = [
    (MAIN, "us-west-2", "2023-03-17", 12),
    (MAIN, "us-east-1", "2025-06-01", 5),
    (MAIN, "eu-central-1", "2024-02-01", 5),
    (CONSUMER, "us-west-2", "2023-03-17", 12),
    (PLAIN, "us-east-1", "2025-06-01", 5),
    (PLAIN, "eu-central-1", "2024-02-01", 3),
];

const DAY: i64 = 86_400;
const OTHERS_PER_FILE: u64 = 48;

/// Seconds since 1970 of `2023-03-17T18:02:06Z`.
pub fn seconds(text: &str) -> i64 {
    chrono::DateTime::parse_from_rfc3339(text).expect("the times here are literals").timestamp()
}

/// Account, region, day.
type Folder = (String, String, String);

struct Script {
    rng: Rng,
    planted: BTreeMap<Folder, Vec<(Json, Expected)>>,
}

impl Script {
    fn plant(&mut self, place: &Place, record: Json, expected: Expected) {
        let folder = (place.account.clone(), place.region.clone(), time_text(place.time)[..10].to_owned());
        self.planted.entry(folder).or_default().push((record, expected));
    }

    fn kms(&mut self, record: KmsRecord) {
        let (json, expected) = (record.json(), record.expected());
        self.plant(&record.place.clone(), json, expected);
    }
}

/// All log files of the tree, in the order of their paths.
pub fn archives() -> Vec<Archive> {
    let mut script = Script { rng: Rng::new(&[2023, 3, 17]), planted: BTreeMap::new() };
    for event in events() {
        script.plant(&event.place, event.record, event.expected);
    }
    geospatial(&mut script);
    refusals(&mut script);
    canvas_and_forecast(&mut script);
    feature_store(&mut script);
    without_sagemaker(&mut script);
    stories::plant(&mut |place, record, expected| script.plant(place, record, expected));
    sharing_stories::plant(&mut |place, record, expected| script.plant(place, record, expected));

    let mut planted = script.planted;
    let mut archives = Vec::new();
    for (account, region, first, days) in
        SPANS.into_iter().chain(stories::SPANS).chain(sharing_stories::SPANS)
    {
        let is_story = [stories::AUDITED, sharing_stories::PARTNER].contains(&account);
        let others = if is_story { 1 } else { OTHERS_PER_FILE };
        for day in 0..days {
            let midnight = seconds(&format!("{first}T00:00:00Z")) + day * DAY;
            let date = time_text(midnight)[..10].to_owned();
            let records = planted.remove(&(account.into(), region.into(), date.clone())).unwrap_or_default();
            if (account, region, date.as_str()) == MISSING {
                assert!(records.is_empty(), "an event was planted on the missing day");
                continue;
            }
            let place = Place { account: account.into(), region: region.into(), time: midnight };
            archives.push(day_file(&place, &records, others));
            if (account, region, date.as_str()) == (MAIN, "us-west-2", "2023-03-24") {
                archives.push(redelivery(&place, &records));
            }
        }
    }
    assert!(planted.is_empty(), "events outside the tree: {:?}", planted.keys());
    archives.sort_by(|a, b| a.path.cmp(&b.path));
    archives
}

/// Writes the tree, its README and a digest file.
pub fn write(out: &Path) -> io::Result<Truth> {
    let mut truth = Truth::default();
    for archive in archives() {
        write_file(&out.join(&archive.path), &gzip(&archive.json, Compression::best()))?;
        truth += archive.truth;
    }
    let (path, digest) = readme::digest();
    write_file(&out.join(path), &gzip(digest.to_string().as_bytes(), Compression::best()))?;
    write_file(&out.join("README.md"), readme::text(&truth).as_bytes())?;
    Ok(truth)
}

/// The day's only delivery: what was planted, lying among the calls of other services.
fn day_file(midnight: &Place, planted: &[(Json, Expected)], others: u64) -> Archive {
    let mut rng = Rng::named(&format!("{} {} {}", midnight.account, midnight.region, midnight.time));
    let mut filler = Filler::new(Spelling::PLAIN, 0);
    let every = others / (planted.len() as u64 + 1);
    let mut left = planted.iter();
    for number in 1..=others {
        let place = Place { time: midnight.time + rng.range(0, DAY - 600), ..midnight.clone() };
        filler.other(&other::record(&mut rng, &place, 0), Spelling::PLAIN, usize::MAX);
        if number % every.max(1) == 0 {
            for (record, expected) in left.by_ref().take(1) {
                filler.push(record, expected, Spelling::PLAIN, usize::MAX);
            }
        }
    }
    for (record, expected) in left {
        filler.push(record, expected, Spelling::PLAIN, usize::MAX);
    }
    file(midnight, DAY - 300, filler, &mut rng)
}

/// CloudTrail delivers a few of the day's records once more, in a file of the next day.
fn redelivery(midnight: &Place, planted: &[(Json, Expected)]) -> Archive {
    let mut rng = Rng::named("redelivery");
    let mut filler = Filler::new(Spelling::PLAIN, 0);
    for (record, expected) in planted.iter().take(3) {
        let expected = match expected {
            Expected::Usage(usage) => {
                Expected::Usage(Box::new(Usage { delivery: Delivery::Duplicate, ..(**usage).clone() }))
            }
            other => other.clone(),
        };
        filler.push(record, &expected, Spelling::PLAIN, usize::MAX);
    }
    file(midnight, DAY + 1200, filler, &mut rng)
}

fn file(midnight: &Place, delivered: i64, filler: Filler, rng: &mut Rng) -> Archive {
    let (json, mut truth) = filler.finish();
    (truth.archives, truth.json_bytes) = (1, json.len() as u64);
    let place = Place { time: midnight.time + delivered, ..midnight.clone() };
    Archive { path: log_path(&place, &rng.alnum(16)), json, truth }
}

fn at(account: &str, region: &str, time: &str) -> Place {
    Place { account: account.into(), region: region.into(), time: seconds(time) }
}

/// Jobs of the documented role and key: the service by its grant, the role by itself.
fn geospatial(script: &mut Script) {
    let key = geospatial_key();
    let rng = &mut script.rng.clone();
    for (day, calls) in [(24, 4), (25, 3), (27, 5), (28, 2)] {
        for call in 0..calls {
            let place =
                at(MAIN, "us-west-2", &format!("2023-03-{day}T0{}:1{}:0{}Z", call + 1, day % 10, call));
            let scene = format!(
                "axis-earth-observation-job-378778860802/{MAIN}/napy9eintp64/output/consolidated/32PPR/2022-01-0{}T09:58:03Z/S2B_32PPR_2022010{}_0_L2A_{}.tif",
                call + 1,
                call + 1,
                rng.pick(&["msavi", "ndvi", "ndwi"])
            );
            let invoker = match day {
                27 => Invoker::regional("sagemaker-geospatial", "us-west-2"),
                _ => Invoker::service("sagemaker-geospatial"),
            };
            let caller = Caller::Service(invoker);
            script.kms(match call % 2 {
                0 => KmsRecord::call(rng, &place, caller, "GenerateDataKey")
                    .s3(scene)
                    .key(Naming::Arn, &key)
                    .param("keySpec", "AES_256")
                    .workload("geospatial"),
                _ => KmsRecord::call(rng, &place, caller, "Decrypt")
                    .param("encryptionAlgorithm", "SYMMETRIC_DEFAULT")
                    .s3(scene)
                    .key(Naming::Resources, &key)
                    .workload("geospatial"),
            });
        }
    }
    // An export job of another role names the key by id, by alias, and by id with nothing else to
    // go by.
    let role = Role::new(MAIN, "/earth/", "EarthObservationExport");
    for (minute, naming) in [
        (10, Naming::IdAndResources),
        (20, Naming::AliasAndResources),
        (30, Naming::IdOnly),
        (40, Naming::AliasOnly),
    ] {
        let place = at(MAIN, "us-west-2", &format!("2023-03-25T14:{minute}:00Z"));
        let caller = Caller::session(&role, "SageMaker-Geospatial-ExportEOJ-KMSAccess", None);
        let record = KmsRecord::call(rng, &place, caller, "GenerateDataKeyWithoutPlaintext");
        script.kms(record.key(naming, &key).param("keySpec", "AES_256").workload("geospatial"));
    }
    let place = at(MAIN, "us-west-2", "2023-03-25T14:00:00Z");
    let service = "sagemaker-geospatial.us-west-2.amazonaws.com";
    let caller = Caller::session(&role, "SageMaker-Geospatial-ExportEOJ-KMSAccess", None);
    let mut grant = KmsRecord::call(rng, &place, caller, "CreateGrant")
        .key(Naming::Arn, &key)
        .param("granteePrincipal", service)
        .param("retiringPrincipal", service)
        .param("operations", arr!["Decrypt", "GenerateDataKey"])
        .workload("geospatial");
    grant.response = grant_response(rng, &key);
    script.kms(grant);
    script.rng = rng.clone();
}

/// One refusal of each documented wording, and the other ways of failing.
fn refusals(script: &mut Script) {
    let key = geospatial_key();
    let role = geospatial_role();
    let rng = &mut script.rng.clone();
    let caller = || Caller::session(&role, "SageMaker-Geospatial-StartEOJ-KMSAccess", None);
    for number in 0..refusal::wordings("", "", &key).len() {
        let name =
            ["CreateGrant", "GenerateDataKey", "Decrypt", "GenerateDataKeyWithoutPlaintext"][number % 4];
        let time = format!("2023-03-{}T09:{:02}:00Z", 18 + number / 3, 10 + number);
        let place = at(MAIN, "us-west-2", &time);
        let (message, seen) = refusal::wordings(&caller().arn(), name, &key).swap_remove(number);
        script.kms(
            KmsRecord::call(rng, &place, caller(), name).denied_bare(message, seen).workload("geospatial"),
        );
    }
    // Refused with request and resources in their place.
    let place = at(MAIN, "us-west-2", "2023-03-21T10:00:00Z");
    let (message, _) = refusal::wordings(&caller().arn(), "CreateGrant", &key).swap_remove(1);
    let full = KmsRecord::call(rng, &place, caller(), "CreateGrant").key(Naming::Arn, &key);
    script.kms(full.fails("AccessDeniedException", "AccessDenied", "denied", message).workload("geospatial"));
    let failures: [(&'static str, &'static str, &'static str, String); 4] = [
        ("DisabledException", "Disabled", "key_state", format!("{} is disabled.", key.arn())),
        (
            "KMSInvalidStateException",
            "KMSInvalidState",
            "key_state",
            format!("{} is pending deletion.", key.arn()),
        ),
        ("ThrottlingException", "Throttling", "throttled", "Rate exceeded".into()),
        ("NotFoundException", "NotFound", "not_found", format!("Key '{}' does not exist", key.arn())),
    ];
    for (minute, (code, normal, outcome, message)) in failures.into_iter().enumerate() {
        let place = at(MAIN, "us-west-2", &format!("2023-03-22T11:0{minute}:00Z"));
        let record = KmsRecord::call(rng, &place, caller(), "Decrypt").key(Naming::Resources, &key);
        script.kms(record.fails(code, normal, outcome, message).workload("geospatial"));
    }
    script.rng = rng.clone();
}

/// Canvas by its artifact path, by a person's role and by a bucket key; Forecast by its roles and
/// its service.
fn canvas_and_forecast(script: &mut Script) {
    let key = canvas_key();
    let bucket = format!("sagemaker-us-east-1-{MAIN}");
    let rng = &mut script.rng.clone();
    let jane = Role::new(MAIN, "/", "Jane");
    let planner = Role::new(MAIN, "/", "DemandPlanning");
    let s3 = || Some(Invoker::fas("s3"));
    let sessions: [(Caller, String, &'static str, u64); 6] = [
        (
            Caller::session(&canvas_role(), "SageMaker", s3()),
            format!("{bucket}/Canvas/default-jane/Training/data.csv"),
            "canvas",
            6,
        ),
        (
            Caller::session(&canvas_role(), "SageMaker", s3()),
            format!("{bucket}/canvas/default-josé/Dataset/größe 1.parquet"),
            "canvas",
            3,
        ),
        (
            Caller::session(&jane, "jane@example.com", s3()),
            format!("{bucket}/Canvas/default-jane/Training/data.csv"),
            "canvas",
            2,
        ),
        (Caller::session(&jane, "jane@example.com", s3()), bucket.clone(), "s3-unattributed", 2),
        (
            Caller::session(&forecast_role(), "ForecastSession", s3()),
            format!("forecast-exports-{MAIN}/weekly/items.csv"),
            "canvas-forecast",
            4,
        ),
        (
            Caller::session(&forecast_role(), "ForecastSession", s3()),
            format!("{bucket}/Canvas/default-jane/Forecast/items.csv"),
            "canvas+canvas-forecast",
            2,
        ),
    ];
    for (hour, (caller, path, workload, calls)) in sessions.into_iter().enumerate() {
        for call in 0..calls {
            let place =
                at(MAIN, "us-east-1", &format!("2025-06-0{}T1{hour}:{:02}:30Z", 1 + call % 5, 10 + call));
            script.kms(match call % 2 {
                0 => KmsRecord::call(rng, &place, caller.clone(), "GenerateDataKey")
                    .s3(&path)
                    .key(Naming::Arn, &key)
                    .param("keySpec", "AES_256")
                    .workload(workload),
                _ => KmsRecord::call(rng, &place, caller.clone(), "Decrypt")
                    .param("encryptionAlgorithm", "SYMMETRIC_DEFAULT")
                    .s3(&path)
                    .key(Naming::Resources, &key)
                    .workload(workload),
            });
        }
    }
    for hour in [16, 17] {
        let place = at(MAIN, "us-east-1", &format!("2025-06-04T{hour}:00:00Z"));
        let caller = Caller::Service(Invoker::service("forecast"));
        script.kms(
            KmsRecord::call(rng, &place, caller, "Decrypt")
                .param("encryptionAlgorithm", "SYMMETRIC_DEFAULT")
                .key(Naming::Resources, &key)
                .workload("forecast"),
        );
    }
    let place = at(MAIN, "us-east-1", "2025-06-04T15:59:00Z");
    let mut grant = KmsRecord::call(rng, &place, Caller::session(&planner, "planning", None), "CreateGrant")
        .key(Naming::Arn, &key)
        .param("granteePrincipal", "forecast.us-east-1.amazonaws.com")
        .param("operations", arr!["Decrypt", "GenerateDataKey"])
        .param("constraints", obj! {"encryptionContextSubset" => obj! {"project" => "demand"}})
        .workload("forecast");
    grant.response = grant_response(rng, &key);
    script.kms(grant);
    // SageMaker, but none of the named workloads.
    let place = at(MAIN, "us-east-1", "2025-06-05T08:00:00Z");
    let volume = obj! {"aws:ebs:id" => "vol-0a1b2c3d4e5f60718"};
    script.kms(
        KmsRecord::call(
            rng,
            &place,
            Caller::session(&canvas_role(), "SageMaker", None),
            "GenerateDataKeyWithoutPlaintext",
        )
        .key(Naming::Arn, &key)
        .param("encryptionContext", volume)
        .param("numberOfBytes", 64)
        .workload("sagemaker-other"),
    );
    script.kms(
        KmsRecord::call(rng, &place, Caller::Service(Invoker::service("sagemaker")), "Decrypt")
            .param("encryptionAlgorithm", "SYMMETRIC_DEFAULT")
            .key(Naming::Resources, &key)
            .workload("sagemaker-other"),
    );
    script.rng = rng.clone();
}

/// The offline store: written and read in the main account, read from the consumer's.
fn feature_store(script: &mut Script) {
    let key = Key::numbered(MAIN, "eu-central-1", 3);
    let rng = &mut script.rng.clone();
    let writer = Role::new(MAIN, "/ml/", "FeatureStoreWriter");
    let analyst = Role::new(MAIN, "/", "AthenaAnalysts");
    for day in 1..=5 {
        for (hour, caller, name) in [
            (
                2,
                Caller::session(&writer, "offline-writer", Some(Invoker::text("AWS Internal"))),
                "GenerateDataKey",
            ),
            (9, Caller::session(&analyst, "müller", Some(Invoker::text("AWS Internal"))), "Decrypt"),
        ] {
            let place = at(MAIN, "eu-central-1", &format!("2024-02-0{day}T0{hour}:15:00Z"));
            let path = format!(
                "my-sagemaker-offline/pfx/{MAIN}/sagemaker/eu-central-1/offline-store/customers-1593511200/data/year=2024/month=02/day=0{day}/hour=0{hour}/20240201T064401Z_108934320012Az1{day}.parquet"
            );
            let naming = if name == "Decrypt" { Naming::Resources } else { Naming::Arn };
            script.kms(
                KmsRecord::call(rng, &place, caller, name)
                    .s3(path)
                    .key(naming, &key)
                    .workload("feature-store-offline"),
            );
        }
    }
    for (day, minute) in [(23, 0), (23, 30), (25, 15)] {
        let place = at(CONSUMER, "us-west-2", &format!("2023-03-{day}T12:{minute:02}:00Z"));
        let (reader, mut owners) = crossing(rng, &place, MAIN, true);
        owners.place.account = MAIN.into();
        script.kms(reader);
        script.kms(owners);
    }
    script.rng = rng.clone();
}

/// Keys used by everything else, and administration.
fn without_sagemaker(script: &mut Script) {
    let rng = &mut script.rng.clone();
    for (account, region, first, days) in SPANS {
        for day in 0..days {
            let midnight = seconds(&format!("{first}T00:00:00Z")) + day * DAY;
            if (account, region, &time_text(midnight)[..10]) == MISSING {
                continue;
            }
            for call in 0..if account == PLAIN { 12 } else { 3 } {
                let place = Place {
                    account: account.into(),
                    region: region.into(),
                    time: midnight + rng.range(3600, 80_000),
                };
                script.kms(if call % 3 == 2 {
                    administration(rng, &place)
                } else {
                    application(rng, &place)
                });
            }
        }
    }
    let place = at(PLAIN, "us-east-1", "2025-06-02T12:00:00Z");
    let mut dry = KmsRecord::call(rng, &place, Caller::user(PLAIN, "Alice"), "GenerateDataKey")
        .key(Naming::Arn, &place.key(1))
        .param("dryRun", true)
        .fails(
            "DryRunOperationException",
            "DryRunOperation",
            "success",
            "The request would have succeeded, but the DryRun option is set.",
        );
    dry.not_usage = true;
    script.kms(dry);
    script.rng = rng.clone();
}
