//! Records with facts: they name the roles, paths, keys and sessions of a workload. And KMS records
//! that only these facts explain.
//!
//! Nothing else uses these names, and each place (account and region) has all of its facts. So the
//! truth about a call does not depend on where the fact is that explains it.

use super::cast::{Caller, Invoker, Issuer, Key, Role};
use super::json::{Json, arr, obj};
use super::kms::{KeySeen, KmsRecord, Naming, Place};
use super::other::Call;
use super::rng::Rng;
use super::truth::Delivery;
use super::workloads::{by_s3, grant_response, through_s3};

/// A role that only the facts name. Its name says nothing.
fn role(place: &Place, name: &'static str) -> Role {
    Role::new(&place.account, "/team/", name)
}

fn artifacts(place: &Place) -> String {
    format!("artifacts-{}/canvas/team", place.account)
}

/// The key behind Forecast's datasets, by its own roles.
fn demand_key(place: &Place) -> Key {
    place.key(40)
}

/// The key of the datasets that Canvas makes.
fn canvas_demand_key(place: &Place) -> Key {
    place.key(41)
}

fn online_key(place: &Place) -> Key {
    place.key(42)
}

fn job_key(place: &Place) -> Key {
    place.key(43)
}

fn ledger_key(place: &Place) -> Key {
    place.key(44)
}

fn ledger_alias(place: &Place) -> String {
    format!("arn:aws:kms:{}:{}:alias/ledger", place.region, place.account)
}

/// Which service opens which session on the role of the job runners.
const SESSIONS: [(&str, &str, &str); 3] = [
    ("sagemaker-geospatial", "run-a", "geospatial"),
    ("forecast", "run-b", "forecast"),
    ("sagemaker", "run-c", "sagemaker-other"),
];

/// The records of other services that hold facts.
pub fn facts(rng: &mut Rng, place: &Place) -> Vec<Json> {
    let admin = || Caller::session(&Role::new(&place.account, "/", "Administrator"), "ops@example.com", None);
    let sagemaker = |name, request| Call::new("sagemaker.amazonaws.com", name, admin(), request);
    let dataset = |role: Role, key: Key| {
        let encryption = obj! {"roleArn" => role.arn(), "kMSKeyArn" => key.arn()};
        let request = obj! {"datasetName" => "items", "domain" => "RETAIL", "encryptionConfig" => encryption};
        Call::new("forecast.amazonaws.com", "CreateDataset", admin(), request)
    };
    let settings = obj! {
        "timeSeriesForecastingSettings" => obj! {
            "status" => "ENABLED",
            "amazonForecastRoleArn" => role(place, "ItemOutlook").arn(),
        },
        "workspaceSettings" => obj! {"s3ArtifactPath" => format!("s3://{}/", artifacts(place))},
    };
    let user = obj! {"executionRole" => role(place, "ModelUser").arn(), "canvasAppSettings" => settings};
    let online = obj! {
        "featureGroupName" => "clicks",
        "onlineStoreConfig" => obj! {
            "enableOnlineStore" => true,
            "securityConfig" => obj! {"kmsKeyId" => online_key(place).arn()},
        },
        "offlineStoreConfig" => obj! {
            "s3StorageConfig" => obj! {"s3Uri" => format!("s3://clicks-{}/store", place.account)},
        },
    };
    let job = |role: Role| {
        obj! {
            "roleArn" => role.arn(),
            "outputDataConfig" => obj! {"kmsKeyId" => job_key(place).id},
        }
    };
    let survey = obj! {"Name" => "fields", "ExecutionRoleArn" => role(place, "Surveyor").arn()};
    let explorer = Caller::session(&role(place, "Explorer"), "explorer", None);
    let mut calls = vec![
        sagemaker("CreateDomain", obj! {"domainName" => "ml", "defaultUserSettings" => user}),
        sagemaker("CreateFeatureGroup", online),
        sagemaker("CreateAutoMLJobV2", job(role(place, "JobSeeker"))),
        sagemaker("CreateProcessingJob", job(role(place, "Refiner"))),
        Call::new("sagemaker-geospatial.amazonaws.com", "StartEarthObservationJob", admin(), survey),
        dataset(role(place, "Demand"), demand_key(place)),
        dataset(role(place, "ItemOutlook"), canvas_demand_key(place)),
        Call::new(
            "sagemaker.amazonaws.com",
            "DescribeAutoMLJob",
            explorer,
            obj! {"autoMLJobName" => format!("Canvas{}", rng.below(100_000))},
        ),
    ];
    for (service, session, _) in SESSIONS {
        let runner = role(place, "JobRunner");
        let request = obj! {"roleArn" => runner.arn(), "roleSessionName" => session};
        let response = obj! {
            "credentials" => obj! {"accessKeyId" => runner.stable_key(session)},
            "assumedRoleUser" => obj! {
                "assumedRoleId" => format!("{}:{session}", runner.id()),
                "arn" => runner.session_arn(session),
            },
        };
        let by = Caller::Service(Invoker::service(service));
        calls.push(Call::new("sts.amazonaws.com", "AssumeRole", by, request).response(response));
    }
    calls.into_iter().map(|call| call.succeeds().record(rng, place)).collect()
}

/// The alias that calls use comes into being; `place` is before all of them.
pub fn alias(rng: &mut Rng, place: &Place) -> KmsRecord {
    let key = ledger_key(place);
    let alias = obj! {"accountId" => &place.account, "type" => "AWS::KMS::Key", "ARN" => ledger_alias(place)};
    let mut record = KmsRecord::call(rng, place, Caller::user(&place.account, "Alice"), "CreateAlias")
        .param("aliasName", "alias/ledger")
        .param("targetKeyId", &key.id);
    record.resources = vec![alias, key.resource()];
    record.key = KeySeen::Key(key);
    record
}

/// A KMS record that only the facts explain.
pub fn usage(rng: &mut Rng, place: &Place) -> KmsRecord {
    let issuer = *rng.pick(&[Issuer::Role, Issuer::Role, Issuer::StsArn]);
    let by = |name: &'static str, session: &str| Caller::Session {
        role: role(place, name),
        session: session.into(),
        issuer,
        invoked_by: None,
    };
    let decrypt = |rng: &mut Rng, caller: Caller, key: &Key| {
        KmsRecord::call(rng, place, caller, "Decrypt")
            .param("encryptionAlgorithm", "SYMMETRIC_DEFAULT")
            .key(Naming::Resources, key)
    };
    let s3 = |rng: &mut Rng, path: &str| {
        let caller = Caller::session(&Role::new(&place.account, "/", "DataLake"), "spark", by_s3(rng));
        through_s3(rng, place, caller, path, &place.key(45))
    };
    let store = format!("clicks-{}", place.account);
    let part = rng.hex(8);
    match rng.below(18) {
        0 => s3(rng, &format!("{}/Canvas/{part}.tar.gz", artifacts(place))).workload("canvas"),
        // Not in Canvas's folder at a path that a fact names.
        1 => {
            let beside = *rng.pick(&["work/Canvas/x", "/models/x", "/Canvas.csv"]);
            s3(rng, &(artifacts(place) + beside))
        }
        // A role that Canvas's settings name runs other things, too.
        2 => decrypt(rng, by("ModelUser", "jane"), &place.key(45)).workload("unknown"),
        3 => decrypt(rng, by("Explorer", "explorer"), &place.key(45)).workload("canvas"),
        4 => decrypt(rng, by("Explorer", "other"), &place.key(45)),
        5 => decrypt(rng, by("ItemOutlook", "outlook"), &place.key(45)).workload("canvas-forecast"),
        6 => decrypt(rng, by("Demand", "demand"), &demand_key(place)).workload("forecast"),
        7 => decrypt(rng, by("Demand", "demand"), &place.key(45)),
        8 => decrypt(rng, Caller::Service(Invoker::service("forecast")), &canvas_demand_key(place))
            .workload("canvas-forecast"),
        9 => decrypt(rng, by("Surveyor", "survey"), &place.key(45)).workload("geospatial"),
        10 => {
            let own = format!("{}/sagemaker/{}/offline-store", place.account, place.region);
            s3(rng, &format!("{store}/store/{own}/{part}.parquet")).workload("feature-store-offline")
        }
        11 => s3(rng, &store).workload("feature-store-offline"),
        12 => {
            let context =
                obj! {"aws:dynamodb:tableName" => "t", "aws:dynamodb:subscriberId" => &place.account};
            decrypt(rng, Caller::Service(Invoker::service("dynamodb")), &online_key(place))
                .param("encryptionContext", context)
                .workload("feature-store-online")
        }
        13 => {
            let key = online_key(place);
            let mut record = KmsRecord::call(rng, place, by("ModelOwner", "owner"), "CreateGrant")
                .key(Naming::Arn, &key)
                .param("granteePrincipal", format!("dynamodb.{}.amazonaws.com", place.region))
                .param("operations", arr!["Decrypt"]);
            record.response = grant_response(rng, &key);
            record.workload("feature-store-online")
        }
        14 => decrypt(rng, by("JobSeeker", "job"), &job_key(place)).workload("autopilot"),
        15 => decrypt(rng, by("Refiner", "job"), &job_key(place)).workload("sagemaker-other"),
        16 => {
            let (_, session, workload) = *rng.pick(&SESSIONS);
            decrypt(rng, by("JobRunner", session), &place.key(45)).workload(workload)
        }
        _ => by_alias(rng, place),
    }
}

/// A refusal that names nothing but the alias.
fn by_alias(rng: &mut Rng, place: &Place) -> KmsRecord {
    let caller = Caller::user(&place.account, "Alice");
    let message =
        format!("User: {} is not authorized to perform: kms:GenerateDataKey on resource: ", caller.arn());
    let record = KmsRecord::call(rng, place, caller, "GenerateDataKey");
    let mut record = match rng.chance(0.5) {
        true => record.param("keyId", "alias/ledger").fails(
            "AccessDenied",
            "AccessDenied",
            "denied",
            "Access is denied.",
        ),
        false => record.denied_bare(message + &ledger_alias(place), KeySeen::Nothing),
    };
    record.key = KeySeen::Key(ledger_key(place));
    record
}

/// A record and the one that corrects it; only the second counts.
pub fn corrected(rng: &mut Rng, record: KmsRecord) -> [KmsRecord; 2] {
    let mut correction = record.clone();
    correction.event_id = Some(rng.uuid());
    correction.source_ip = Some("198.51.100.77".into());
    let addendum = obj! {
        "reason" => "UPDATED_DATA",
        "updatedFields" => "sourceIPAddress",
        "originalRequestID" => record.request_id.clone().map_or(Json::Null, Json::from),
        "originalEventID" => record.event_id.clone().map_or(Json::Null, Json::from),
    };
    correction.more.push(("addendum", addendum));
    [KmsRecord { delivery: Delivery::Corrected, ..record }, correction]
}
