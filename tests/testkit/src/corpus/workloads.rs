//! KMS records of the SageMaker workloads (domain 5.1 to 5.5), one function per workload.

use super::cast::{Caller, Invoker, Issuer, Key, Role};
use super::json::{Json, arr, obj};
use super::kms::{KmsRecord, Naming, Place};
use super::rng::Rng;

/// The service account behind the geospatial results bucket of AWS's documentation.
const EARTH_BUCKET: &str = "axis-earth-observation-job-378778860802";
const BANDS: [&str; 8] = ["msavi", "ndvi", "ndwi", "B02", "B03", "B04", "B08", "cloud_mask"];
const TILES: [&str; 6] = ["32PPR", "32TPT", "11SKA", "19HGS", "54SUE", "36RUU"];

pub fn execution_role(account: &str, number: u64) -> Role {
    let name =
        format!("AmazonSageMaker-ExecutionRole-202{}0{}01T12{:02}00", 3 + number % 2, 1 + number % 9, number);
    Role::new(account, "/service-role/", name)
}

pub fn day(time: i64) -> String {
    super::truth::time_text(time)[..10].to_owned()
}

fn earth_object(rng: &mut Rng, account: &str) -> String {
    let mut job = Rng::named(&format!("job {account} {}", rng.below(9)));
    let (tile, band) = (*rng.pick(&TILES), *rng.pick(&BANDS));
    let scene = format!("2022-0{}-{:02}", 1 + rng.below(9), 1 + rng.below(28));
    format!(
        "{EARTH_BUCKET}/{account}/{}/output/consolidated/{tile}/{scene}T09:58:03Z/S2B_{tile}_{}_0_L2A_{band}.tif",
        job.hex(12),
        scene.replace('-', ""),
    )
}

pub fn grant_response(rng: &mut Rng, key: &Key) -> Json {
    obj! {"grantId" => rng.hex(64), "keyId" => key.arn()}
}

/// Geospatial jobs: the service itself through its grant, and the execution role it assumes.
pub fn geospatial(rng: &mut Rng, place: &Place) -> KmsRecord {
    let key = place.key(rng.below(2));
    let service = || match place.time % 7 {
        0 => Invoker::regional("sagemaker-geospatial", &place.region),
        _ => Invoker::service("sagemaker-geospatial"),
    };
    let role = match rng.below(3) {
        0 => execution_role(&place.account, 1),
        1 => Role::new(&place.account, "/", "SageMakerGeospatialCustomerRole"),
        _ => Role::new(&place.account, "/earth/", "EarthObservationJobs"),
    };
    let issuer = *rng.pick(&[Issuer::Role, Issuer::Role, Issuer::StsArn, Issuer::Absent]);
    let job = *rng.pick(&["StartEOJ", "StartEOJ", "StartVEJ", "ExportEOJ"]);
    let caller = Caller::Session {
        role,
        session: format!("SageMaker-Geospatial-{job}-KMSAccess"),
        issuer,
        invoked_by: rng.chance(0.5).then(|| Invoker::text(&format!("arn:aws:iam::{}:root", place.account))),
    };
    match rng.weighted(&[4, 5, 1, 1]) {
        0 => KmsRecord::call(rng, place, Caller::Service(service()), "GenerateDataKey")
            .s3(earth_object(rng, &place.account))
            .key(Naming::Arn, &key)
            .param("keySpec", "AES_256"),
        1 => KmsRecord::call(rng, place, Caller::Service(service()), "Decrypt")
            .param("encryptionAlgorithm", "SYMMETRIC_DEFAULT")
            .s3(earth_object(rng, &place.account))
            .key(Naming::Resources, &key),
        2 => {
            let grantee = format!("sagemaker-geospatial.{}.amazonaws.com", place.region);
            let mut record = KmsRecord::call(rng, place, caller, "CreateGrant")
                .param("retiringPrincipal", &grantee)
                .key(Naming::Arn, &key)
                .param("operations", arr!["Decrypt", "GenerateDataKey"])
                .param("granteePrincipal", &grantee);
            record.response = grant_response(rng, &key);
            record
        }
        _ => KmsRecord::call(rng, place, caller, "GenerateDataKeyWithoutPlaintext")
            .param("keySpec", "AES_256")
            .key(*rng.pick(&[Naming::Arn, Naming::IdOnly, Naming::ArnOnly]), &key),
    }
    .workload("geospatial")
}

/// A data key call by S3 for a role: a write is GenerateDataKey, a read is Decrypt.
pub fn through_s3(rng: &mut Rng, place: &Place, caller: Caller, path: &str, key: &Key) -> KmsRecord {
    if rng.chance(0.45) {
        let record = KmsRecord::call(rng, place, caller, "GenerateDataKey")
            .s3(path)
            .key(Naming::Arn, key)
            .param("keySpec", "AES_256");
        return with_material(rng, record);
    }
    let record = KmsRecord::call(rng, place, caller, "Decrypt")
        .param("encryptionAlgorithm", "SYMMETRIC_DEFAULT")
        .s3(path)
        .key(Naming::Resources, key);
    with_material(rng, record)
}

/// Since 2025 the key material is named too.
fn with_material(rng: &mut Rng, mut record: KmsRecord) -> KmsRecord {
    if record.version == "1.11" && rng.chance(0.5) {
        record.additional = Some(obj! {"keyMaterialId" => rng.hex(64)});
    }
    record
}

/// S3 acting for a caller: newer records name the forward access session.
pub fn by_s3(rng: &mut Rng) -> Option<Invoker> {
    Some(if rng.chance(0.6) { Invoker::fas("s3") } else { Invoker::text("AWS Internal") })
}

/// Canvas: the artifact path, the bucket alone, and the roles Canvas makes.
pub fn canvas(rng: &mut Rng, place: &Place) -> KmsRecord {
    let key = place.key(2);
    let bucket = format!("sagemaker-{}-{}", place.region, place.account);
    let user = *rng.pick(&["default-jane", "default-josé", "analytics-m.müller", "default-小林", "ops-😀"]);
    let file =
        *rng.pick(&["data.csv", "sales 2024=Q1.parquet", "Ventes d'été.csv", "part-00000.snappy.parquet"]);
    let folder = *rng.pick(&["Canvas", "Canvas", "Canvas", "canvas"]);
    let path = format!("{bucket}/{folder}/{user}/Training/{file}");
    let invoked_by = by_s3(rng);
    let role = execution_role(&place.account, 2);
    match rng.weighted(&[6, 2, 1, 1, 1, 1]) {
        0 => through_s3(rng, place, Caller::session(&role, "SageMaker", invoked_by), &path, &key)
            .workload("canvas"),
        // The person's own role reads the same objects.
        1 => {
            let jane = Role::new(&place.account, "/", "Jane");
            through_s3(rng, place, Caller::session(&jane, "jane@example.com", invoked_by), &path, &key)
                .workload("canvas")
        }
        // A bucket key hides the object: the session name is the best evidence left.
        2 => through_s3(rng, place, Caller::session(&role, "SageMaker", invoked_by), &bucket, &key)
            .workload("sagemaker-other"),
        3 => {
            let jane = Role::new(&place.account, "/", "Jane");
            through_s3(rng, place, Caller::session(&jane, "jane@example.com", invoked_by), &bucket, &key)
                .workload("s3-unattributed")
        }
        4 => {
            let role = Role::new(
                &place.account,
                "/service-role/",
                "AmazonSageMakerCanvasEMRSExecutionAccess-1717171",
            );
            KmsRecord::call(rng, place, Caller::session(&role, "emr-serverless", None), "GenerateDataKey")
                .key(Naming::IdAndResources, &key)
                .param("numberOfBytes", 64)
                .workload("canvas")
        }
        // The Forecast role reading the Canvas artifacts carries the marks of both.
        _ => {
            let role = forecast_role(&place.account);
            through_s3(rng, place, Caller::session(&role, "ForecastSession", invoked_by), &path, &key)
                .workload("canvas+canvas-forecast")
        }
    }
}

fn forecast_role(account: &str) -> Role {
    Role::new(account, "/service-role/", "AmazonSagemakerCanvasForecastRole-20231125T142640")
}

/// Forecast, through Canvas's role and by itself.
pub fn forecast(rng: &mut Rng, place: &Place) -> KmsRecord {
    let key = place.key(2);
    let caller = Caller::session(
        &forecast_role(&place.account),
        "ForecastSession",
        Some(Invoker::text("AWS Internal")),
    );
    match rng.weighted(&[4, 2, 2, 1]) {
        0 => through_s3(
            rng,
            place,
            caller,
            &format!("forecast-input-{}/weekly/items.csv", place.account),
            &key,
        )
        .workload("canvas-forecast"),
        1 => KmsRecord::call(rng, place, Caller::Service(Invoker::service("forecast")), "Decrypt")
            .param("encryptionAlgorithm", "SYMMETRIC_DEFAULT")
            .key(Naming::Resources, &key)
            .workload("forecast"),
        2 => {
            let role = Role::new(&place.account, "/", "DemandPlanning");
            let mut record =
                KmsRecord::call(rng, place, Caller::session(&role, "planning", None), "CreateGrant")
                    .key(Naming::Arn, &key)
                    .param("granteePrincipal", format!("forecast.{}.amazonaws.com", place.region))
                    .param("operations", arr!["Decrypt", "GenerateDataKey", "RetireGrant"])
                    .param("constraints", obj! {"encryptionContextSubset" => obj! {"project" => "demand"}});
            record.response = grant_response(rng, &key);
            record.workload("forecast")
        }
        _ => {
            let mut record = KmsRecord::call(rng, place, caller, "CreateGrant")
                .key(Naming::Arn, &key)
                .param("granteePrincipal", "forecast.amazonaws.com")
                .param("operations", arr!["Decrypt"]);
            record.response = grant_response(rng, &key);
            record.workload("canvas-forecast")
        }
    }
}

/// The object of an offline store of this account's feature group.
pub fn offline_object(rng: &mut Rng, account: &str, region: &str) -> String {
    let group = *rng.pick(&["customers-1593511200", "orders-1701439200", "returns-1680000000"]);
    let hour = rng.below(24);
    let part = rng.alnum(16);
    format!(
        "ml-features-{account}/pfx/{account}/sagemaker/{region}/offline-store/{group}/data/year=2024/month=06/day={:02}/hour={hour:02}/20240630T{hour:02}4401Z_{part}.parquet",
        1 + rng.below(28)
    )
}

pub fn feature_store(rng: &mut Rng, place: &Place) -> KmsRecord {
    let key = place.key(3);
    let path = offline_object(rng, &place.account, &place.region);
    let invoked_by = by_s3(rng);
    let (role, session) = match rng.below(4) {
        0 => (Role::new(&place.account, "/ml/", "FeatureStoreWriter"), "offline-writer"),
        1 => (execution_role(&place.account, 3), "SageMaker"),
        2 => (execution_role(&place.account, 3), "SageMaker"),
        _ => (Role::new(&place.account, "/", "AthenaAnalysts"), "athena-müller"),
    };
    through_s3(rng, place, Caller::session(&role, session, invoked_by), &path, &key)
        .workload("feature-store-offline")
}

/// SageMaker that is none of the named workloads, and marks too weak to name one.
pub fn plain(rng: &mut Rng, place: &Place) -> KmsRecord {
    let key = place.key(rng.below(4));
    let role = execution_role(&place.account, 4);
    match rng.weighted(&[3, 2, 2, 2, 1]) {
        0 => KmsRecord::call(
            rng,
            place,
            Caller::session(&role, "SageMaker", None),
            "GenerateDataKeyWithoutPlaintext",
        )
        .key(Naming::Arn, &key)
        .param("encryptionContext", obj! {"aws:ebs:id" => format!("vol-0{}", rng.hex(16))})
        .param("numberOfBytes", 64)
        .workload("sagemaker-other"),
        1 => {
            let mut record =
                KmsRecord::call(rng, place, Caller::Service(Invoker::service("sagemaker")), "CreateGrant")
                    .key(Naming::Arn, &key)
                    .param("granteePrincipal", format!("sagemaker.{}.amazonaws.com", place.region))
                    .param("operations", arr!["Decrypt", "CreateGrant", "DescribeKey"]);
            record.response = grant_response(rng, &key);
            record.workload("sagemaker-other")
        }
        2 => {
            let mlops = Role::new(&place.account, "/", "MLPlatform");
            let session = Caller::session(&mlops, "pipeline", Some(Invoker::fas("sagemaker")));
            KmsRecord::call(rng, place, session, "DescribeKey")
                .key(Naming::IdAndResources, &key)
                .workload("sagemaker-other")
        }
        // Only the role's name speaks for SageMaker: too weak for a label.
        3 => KmsRecord::call(rng, place, Caller::session(&role, "KernelGateway", None), "Decrypt")
            .param("encryptionAlgorithm", "SYMMETRIC_DEFAULT")
            .param("encryptionContext", obj! {"purpose" => "notebook"})
            .key(Naming::Resources, &key)
            .workload("unknown"),
        _ => {
            let role = Role::new(&place.account, "/", "geospatial-analyst");
            KmsRecord::call(rng, place, Caller::session(&role, "desk-4", None), "Decrypt")
                .param("encryptionAlgorithm", "SYMMETRIC_DEFAULT")
                .key(Naming::Resources, &key)
                .workload("unknown")
        }
    }
}
