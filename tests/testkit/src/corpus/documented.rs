//! The KMS events of AWS's documentation, kept as text, and what each of them means.
//!
//! Lines 1 to 4 are the geospatial page's, with its JSON defects mended and the ids made distinct;
//! 10 to 12 and 14 to 18 follow the KMS developer guide, 19 the CloudTrail guide, 20 the DynamoDB
//! sample; the others are put together from documented parts. Only 1 to 6 keep their dates: the
//! rest is moved to days the sample tree covers.

use super::cast::{Caller, Invoker, Issuer, Key, Role};
use super::json::Json;
use super::kms::{KeySeen, KmsRecord, Place};
use super::rng::Rng;
use super::sample::{CONSUMER, MAIN, PLAIN, seconds};
use super::truth::{Delivery, Expected, time_text};

pub const TEXT: &str = include_str!("documented.jsonl");

/// One documented event in its place in the tree.
pub struct Documented {
    /// The account and region of the archive and the time of the event.
    pub place: Place,
    pub record: Json,
    pub expected: Expected,
}

/// The key of the geospatial page, its SAMPLE id made a real one.
pub fn geospatial_key() -> Key {
    Key::of(MAIN, "us-west-2", "1234abcd-12ab-34cd-56ef-1234567890ab")
}

pub fn canvas_key() -> Key {
    Key::of(MAIN, "us-east-1", "111aa2bb-333c-4d44-5555-a111bb2c33dd")
}

pub fn geospatial_role() -> Role {
    Role::new(MAIN, "/", "SageMakerGeospatialCustomerRole")
}

pub fn canvas_role() -> Role {
    Role::new(MAIN, "/service-role/", "AmazonSageMaker-ExecutionRole-20240101T120000")
}

pub fn forecast_role() -> Role {
    Role::new(MAIN, "/service-role/", "AmazonSagemakerCanvasForecastRole-20231125T142640")
}

struct Meaning<'a> {
    line: usize,
    account: &'a str,
    region: &'a str,
    time: &'a str,
    caller: Caller,
    name: &'static str,
    key: KeySeen,
    workload: &'static str,
    source_ip: &'a str,
}

pub fn events() -> Vec<Documented> {
    let lines: Vec<&str> = TEXT.lines().collect();
    let key = || KeySeen::Key(geospatial_key());
    let session = "SageMaker-Geospatial-StartEOJ-KMSAccess";
    let job = |issuer, invoked_by| Caller::Session {
        role: geospatial_role(),
        session: session.into(),
        issuer,
        invoked_by,
    };
    let root = Some(Invoker::text("arn:aws:iam::111122223333:root"));
    let service = || Caller::Service(Invoker::service("sagemaker-geospatial"));
    let canvas = || Caller::session(&canvas_role(), "SageMaker", Some(Invoker::fas("s3")));
    let reader = Role::new(CONSUMER, "/", "OfflineStoreReader");
    let alice = || Caller::user(MAIN, "Alice");
    let kms = || Caller::Internal { account: MAIN.into() };
    let administrator = Caller::Session {
        role: Role::new(MAIN, "/", "Administrator"),
        session: "ops".into(),
        issuer: Issuer::Absent,
        invoked_by: None,
    };
    let west = |line, time, caller, name, key, workload, source_ip| {
        let (account, region) = (MAIN, "us-west-2");
        Meaning { line, account, region, time, caller, name, key, workload, source_ip }
    };
    let east = |line, time, caller, name, workload, source_ip| {
        let (account, region, key) = (MAIN, "us-east-1", KeySeen::Key(canvas_key()));
        Meaning { line, account, region, time, caller, name, key, workload, source_ip }
    };
    let geo = "geospatial";
    let earth = "sagemaker-geospatial.amazonaws.com";
    let mrk = Key::of(MAIN, "us-west-2", "mrk-1234abcd12ab34cd56ef1234567890ab");
    let mut meanings = vec![
        west(1, "2023-03-17T18:02:06Z", job(Issuer::Role, root), "CreateGrant", key(), geo, "172.12.34.56"),
        west(2, "2023-03-24T00:29:45Z", service(), "GenerateDataKey", key(), geo, earth),
        west(3, "2023-03-28T22:04:24Z", service(), "Decrypt", key(), geo, earth),
        west(
            4,
            "2023-03-28T22:09:16Z",
            job(Issuer::Absent, None),
            "GenerateDataKeyWithoutPlaintext",
            key(),
            geo,
            "172.12.34.56",
        ),
        east(5, "2025-06-01T10:00:05Z", canvas(), "GenerateDataKey", "canvas", "fas.s3.amazonaws.com"),
        // A bucket key: the path is gone, the session name is what is left; its role path is not
        // told either.
        east(
            6,
            "2025-06-01T11:00:05Z",
            Caller::Session {
                role: canvas_role(),
                session: "SageMaker".into(),
                issuer: Issuer::Absent,
                invoked_by: Some(Invoker::fas("s3")),
            },
            "Decrypt",
            "sagemaker-other",
            "fas.s3.amazonaws.com",
        ),
        east(
            7,
            "2025-06-03T00:00:00Z",
            Caller::session(&forecast_role(), "ForecastSession", None),
            "CreateGrant",
            "canvas-forecast",
            "AWS Internal",
        ),
        west(10, "2023-03-26T19:39:33Z", alice(), "RetireGrant", key(), "other", "192.0.2.0"),
        west(11, "2023-03-26T19:35:17Z", alice(), "RevokeGrant", key(), "other", "192.0.2.0"),
        west(12, "2023-03-19T23:09:13Z", alice(), "ReEncrypt", key(), "other", "192.0.2.0"),
        west(13, "2023-03-20T00:00:00Z", administrator, "PutKeyPolicy", key(), "other", "192.0.2.0"),
        west(14, "2023-03-18T23:08:31Z", alice(), "CreateAlias", key(), "other", "192.0.2.0"),
        west(15, "2023-03-25T00:07:00Z", kms(), "DeleteKey", key(), "other", "AWS Internal"),
        west(16, "2023-03-21T01:41:59Z", kms(), "RotateKey", key(), "other", "AWS Internal"),
        west(17, "2023-03-22T18:57:43Z", alice(), "Decrypt", key(), "other", "192.0.2.0"),
        west(
            18,
            "2023-03-23T18:58:30Z",
            alice(),
            "ScheduleKeyDeletion",
            KeySeen::Key(mrk),
            "other",
            "192.0.2.0",
        ),
        west(
            20,
            "2023-03-18T00:15:17Z",
            Caller::Service(Invoker::service("dynamodb")),
            "GenerateDataKey",
            key(),
            "other",
            "dynamodb.amazonaws.com",
        ),
    ];
    for (line, account, caller) in [
        (
            8,
            CONSUMER,
            Caller::Session {
                role: reader.clone(),
                session: "reader".into(),
                issuer: Issuer::Absent,
                invoked_by: None,
            },
        ),
        (9, MAIN, Caller::Foreign { role: reader.clone(), session: "reader".into() }),
    ] {
        let offline = "feature-store-offline";
        let time = "2023-03-27T08:00:00Z";
        meanings
            .push(Meaning { account, ..west(line, time, caller, "Decrypt", key(), offline, "AWS Internal") });
    }
    let admin = Caller::session(&Role::new(PLAIN, "/", "Admin"), "role-name", None);
    let network = Meaning {
        account: PLAIN,
        ..east(19, "2025-06-04T23:12:50Z", admin, "ListKeys", "other", "192.0.2.0")
    };
    meanings.push(network);
    meanings.into_iter().map(|meaning| documented(lines[meaning.line - 1], meaning)).collect()
}

fn documented(text: &str, meaning: Meaning<'_>) -> Documented {
    let place =
        Place { account: meaning.account.into(), region: meaning.region.into(), time: seconds(meaning.time) };
    let mut record = KmsRecord::call(&mut Rng::new(&[0]), &place, meaning.caller, meaning.name);
    record.key = meaning.key;
    record.workload = meaning.workload;
    record.source_ip = Some(meaning.source_ip.into());
    record.event_id = Some(member(text, "eventID").into());
    match meaning.line {
        7 => {
            (record.outcome, record.error_code) = ("denied", Some("AccessDenied"));
            record.error = (Some("AccessDenied".into()), Some(member(text, "errorMessage").into()));
        }
        9 => record.delivery = Delivery::OtherCopy,
        17 => (record.outcome, record.error_code) = ("misuse", Some("IncorrectKey")),
        19 => record.not_usage = true,
        _ => {}
    }
    let dated = text.replacen(member(text, "eventTime"), &time_text(place.time), 1);
    Documented { place, record: Json::Raw(dated), expected: record.expected() }
}

/// The text of a string member that stands once in the line.
fn member<'a>(text: &'a str, name: &str) -> &'a str {
    let marker = format!("\"{name}\":\"");
    let rest = &text[text.find(&marker).expect("every documented event has the member") + marker.len()..];
    &rest[..rest.find('"').expect("the string ends")]
}
