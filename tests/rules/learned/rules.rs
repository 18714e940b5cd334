//! Each learned rule: the facts that it needs, and near misses.

use super::*;

#[test]
fn canvas_settings_tell_where_its_artifacts_lie() {
    let learned = ["canvas", "strong", "C2"];
    let fact = [artifact_path("s3://artifacts/ml/team/")];
    assert_learned(&fact, &reads("artifacts/ml/team/Canvas/model.bin"), learned, OTHER);
    let small = "artifacts/ml/team/canvas/jane/model.bin";
    assert_learned(&fact, &reads(small), learned, OTHER);
    // Other things lie at the path, too: whatever is not in Canvas's own folder is not told by it.
    for other in [
        "artifacts/ml/team/model.bin",
        "artifacts/ml/team/train/Canvas/model.bin",
        "artifacts/ml/team",
        "artifacts/ml/team/Canvas",
        "artifacts/ml/team/Canvas.csv",
        "artifacts/ml/teammate/Canvas/model.bin",
        "artifacts/ml",
        "artifacts/Canvas/model.bin",
        "artifacts",
        "other/ml/team/Canvas/model.bin",
    ] {
        assert_not_learned(&fact, &reads(other));
    }
    let delivery = json!({
        "aws:s3:arn": "arn:aws:s3:::artifacts/ml/team/Canvas/log.json.gz",
        "aws:cloudtrail:arn": "arn:aws:cloudtrail:us-west-2:111122223333:trail/t",
    });
    assert_not_learned(&fact, &decrypt(service("cloudtrail"), delivery));
    for bucket in ["s3://artifacts", "s3://artifacts/", "s3://artifacts//"] {
        assert_learned(&[artifact_path(bucket)], &reads("artifacts/Canvas/model.bin"), learned, OTHER);
        assert_not_learned(&[artifact_path(bucket)], &reads("artifacts/model.bin"));
    }
    // The folder of a user profile says so by itself, but less surely.
    let alone = ["canvas", "medium", "C1b"];
    assert_learned(&fact, &reads("artifacts/ml/team/Canvas/jane/x"), ["canvas", "strong", "C1b,C2"], alone);
    let failed = with(fact[0].clone(), "errorCode", "ValidationException");
    assert_not_learned(&[failed], &reads("artifacts/ml/team/Canvas/model.bin"));
    let denied = with(fact[0].clone(), "errorMessage", "not authorized");
    assert_not_learned(&[denied], &reads("artifacts/ml/team/Canvas/model.bin"));
    let described = with(fact[0].clone(), "eventName", "DescribeDomain");
    assert_not_learned(&[described], &reads("artifacts/ml/team/Canvas/model.bin"));
}

#[test]
fn canvas_settings_name_roles() {
    let call = decrypt(session("Jane", "work"), json!({}));
    // Canvas is on by default, so the same role runs notebooks and training: alone it is a hint.
    let learned = ["unknown", "weak", "C3"];
    // The path of the role is not known to every event.
    let of_user = json!({"ExecutionRole": "arn:aws:iam::111122223333:role/Jane", "CanvasAppSettings": {}});
    let profile = |settings: &Value| {
        record("sagemaker", "UpdateUserProfile", admin(), json!({"userSettings": settings}))
    };
    assert_learned(&[profile(&of_user)], &call, learned, OTHER);
    let mut pathless = call.clone();
    pathless["userIdentity"]["sessionContext"] = json!({});
    assert_learned(
        &[profile(&json!({"executionRole": role("Jane"), "canvasAppSettings": {}}))],
        &pathless,
        learned,
        OTHER,
    );
    assert_not_learned(&[profile(&json!({"executionRole": role("Jane")}))], &call);
    assert_not_learned(&[profile(&of_user)], &decrypt(session("jane", "work"), json!({})));
    // Beside another sign, that sign decides.
    let in_folder =
        decrypt(session("Jane", "work"), json!({"aws:s3:arn": "arn:aws:s3:::b/ml/Canvas/jane/x"}));
    let alone = ["canvas", "medium", "C1b"];
    assert_learned(&[profile(&of_user)], &in_folder, ["canvas", "medium", "C1b,C3"], alone);
    let notebook = decrypt(session("Jane", "SageMaker"), json!({"aws:s3:arn": "arn:aws:s3:::b/train/x"}));
    let alone = ["sagemaker-other", "medium", "S3"];
    assert_learned(&[profile(&of_user)], &notebook, ["sagemaker-other", "medium", "S3,C3"], alone);
    let settings = json!({"timeSeriesForecastingSettings": {"amazonForecastRoleArn": role("Jane")}});
    let forecast = create_domain(json!({"canvasAppSettings": settings}));
    assert_learned(&[forecast], &call, ["canvas-forecast", "strong", "F2"], OTHER);
}

#[test]
fn a_session_that_handles_something_of_canvas_is_of_canvas() {
    let learned = ["canvas", "medium", "C5"];
    let call = decrypt(session("Jane", "work"), json!({}));
    let asks = |source: &str, request: Value| record(source, "Describe", session("Jane", "work"), request);
    let by_name = asks("sagemaker", json!({"trainingJobName": "Canvas-job-1"}));
    let by_arn = asks("forecast", json!({"a": [{"datasetArn": "arn:aws:forecast:us-west-2::x/MyCanvas"}]}));
    let of_maps = asks("sagemaker-geospatial", json!({"Name": "canvas"}));
    for fact in [&by_name, &by_arn, &of_maps] {
        assert_learned(std::slice::from_ref(fact), &call, learned, OTHER);
    }
    for silent in [
        json!({"roleArn": role("Canvas"), "executionRoleName": "canvas", "bucketName": "canvas"}),
        json!({"description": "canvas", "tags": ["canvas"]}),
    ] {
        assert_not_learned(&[asks("sagemaker", silent)], &call);
    }
    assert_not_learned(&[asks("ec2", json!({"name": "canvas"}))], &call);
    assert_not_learned(std::slice::from_ref(&by_name), &decrypt(session("Jane", "play"), json!({})));
    assert_not_learned(&[with(by_name.clone(), "userIdentity", admin())], &decrypt(admin(), json!({})));
    // The access key is the mark of a session. Without it on both sides the principal is, whose
    // session's name may come back.
    let without = |mut record: Value, mark: &str| {
        record["userIdentity"][mark] = Value::Null;
        record
    };
    assert_learned(std::slice::from_ref(&by_name), &without(call.clone(), "principalId"), learned, OTHER);
    assert_not_learned(std::slice::from_ref(&by_name), &without(call.clone(), "accessKeyId"));
    assert_learned(&[without(by_name, "accessKeyId")], &without(call, "accessKeyId"), learned, OTHER);
}

#[test]
fn forecast_names_roles_with_keys() {
    let call = decrypt(session("Planner", "work"), json!({}));
    let own = [dataset(&role("Planner"), KEY)];
    assert_learned(&own, &call, ["forecast", "medium", "F5"], OTHER);
    assert_not_learned(&[dataset(&role("Planner"), OTHER_KEY)], &call);
    assert_not_learned(&own, &decrypt(session("Jane", "work"), json!({})));
    // The service on a key of Canvas is at work for Canvas.
    let by_forecast = decrypt(service("forecast"), json!({}));
    let plain = ["forecast", "definitive", "F3"];
    let for_canvas = ["canvas-forecast", "definitive", "F3,F6"];
    assert_not_learned(&own, &by_forecast);
    let named = dataset(&role("AmazonSagemakerCanvasForecastRole-20231125T142640"), KEY);
    assert_learned(&[named], &by_forecast, for_canvas, plain);
    let settings = json!({"timeSeriesForecastingSettings": {"amazonForecastRoleArn": role("Planner")}});
    let by_settings = create_domain(json!({"canvasAppSettings": settings}));
    assert_learned(&[own[0].clone(), by_settings], &by_forecast, for_canvas, plain);
}

#[test]
fn geospatial_jobs_name_their_role() {
    let call = decrypt(session("Surveyor", "work"), json!({}));
    let starts = |name: &str| {
        let request = json!({"Name": "fields", "ExecutionRoleArn": role("Surveyor")});
        record("sagemaker-geospatial", name, admin(), request)
    };
    assert_learned(&[starts("StartEarthObservationJob")], &call, ["geospatial", "medium", "G5"], OTHER);
    assert_learned(&[starts("ExportVectorEnrichmentJob")], &call, ["geospatial", "medium", "G5"], OTHER);
    assert_not_learned(&[starts("ListEarthObservationJobs")], &call);
}

#[test]
fn feature_groups_name_their_stores() {
    let fact = [offline_store("s3://features/pfx")];
    let (path, bucket) =
        (["feature-store-offline", "strong", "O2"], ["feature-store-offline", "medium", "O3"]);
    let store = |path: &str| reads(&format!("features/{path}sagemaker/us-west-2/offline-store/x"));
    assert_learned(&fact, &store("pfx/111122223333/"), path, OTHER);
    // A bucket may be another account's than the group's, and a prefix is of other things, too.
    assert_learned(&fact, &store("pfx/444455556666/"), path, OTHER);
    for other in ["pfx/", "pfx/x/111122223333/", "pfx2/111122223333/", "111122223333/", "pfx/11112222/"] {
        assert_not_learned(&fact, &store(other));
    }
    for other in ["pfx", "pfx/x.parquet", "pfx/reports/q3.csv", "pfx/111122223333/sagemaker/x"] {
        assert_not_learned(&fact, &reads(&format!("features/{other}")));
    }
    assert_learned(&fact, &reads("features"), bucket, OTHER);
    let described = with(fact[0].clone(), "eventName", "DescribeFeatureGroup");
    assert_learned(&[described], &store("pfx/111122223333/"), path, OTHER);
    // What the service itself found is the group's own folder, whatever lies in it.
    let answered = |uri: &str| {
        let response = json!({"offlineStoreConfig": {"s3StorageConfig": {"resolvedOutputS3Uri": uri}}});
        with(feature_group(json!({})), "responseElements", response)
    };
    assert_learned(
        &[answered("s3://features/pfx/1/g-1/data")],
        &reads("features/pfx/1/g-1/data/x"),
        path,
        OTHER,
    );
    assert_not_learned(&[answered("s3://features/pfx/1/g-1/data")], &reads("features/pfx/1/g-1/x"));
    assert_not_learned(&[answered("s3://features")], &reads("features/x"));
    // Of a whole bucket, too, the service's folder counts and nothing else.
    let whole = [offline_store("s3://features")];
    assert_not_learned(&whole, &reads("features/x.parquet"));
    assert_learned(&whole, &store("111122223333/"), path, OTHER);
    assert_learned(&whole, &reads("features"), bucket, OTHER);

    let storage = json!({"s3StorageConfig": {"s3Uri": "s3://features/pfx", "kmsKeyId": KEY_ID}});
    let pair = feature_group(json!({"roleArn": role("Writer"), "offlineStoreConfig": storage}));
    let call = decrypt(session("Writer", "work"), json!({}));
    assert_learned(std::slice::from_ref(&pair), &call, ["feature-store-offline", "medium", "O2K"], OTHER);
    assert_not_learned(&[pair], &decrypt(session("Jane", "work"), json!({})));

    let table = decrypt(service("dynamodb"), json!({"aws:dynamodb:tableName": "t"}));
    let online = ["feature-store-online", "medium", "O4"];
    assert_learned(&[online_store(KEY)], &table, online, OTHER);
    assert_learned(&[online_store(KEY_ID)], &table, online, OTHER);
    assert_not_learned(&[online_store(OTHER_KEY)], &table);
    assert_not_learned(&[online_store(KEY)], &decrypt(service("dynamodb"), json!({"table": "t"})));
    let grants = |grantee: &str| {
        let request = json!({"keyId": KEY, "granteePrincipal": grantee, "operations": ["Decrypt"]});
        record("kms", "CreateGrant", session("Jane", "work"), request)
    };
    assert_learned(&[online_store(KEY)], &grants("dynamodb.us-west-2.amazonaws.com"), online, OTHER);
    assert_not_learned(&[online_store(KEY)], &grants(&role("Jane")));
}

#[test]
fn jobs_name_roles_with_keys() {
    let call = decrypt(session("Trainer", "work"), json!({}));
    let creates = |name: &str, request: Value| record("sagemaker", name, admin(), request);
    let job = json!({
        "RoleArn": role("Trainer"),
        "outputDataConfig": {"KmsKeyId": OTHER_KEY},
        "resourceConfig": [{"volumeKmsKeyId": KEY}],
    });
    assert_learned(
        &[creates("CreateTrainingJob", job.clone())],
        &call,
        ["sagemaker-other", "medium", "S4"],
        OTHER,
    );
    assert_learned(&[creates("CreateAutoMLJobV2", job.clone())], &call, ["autopilot", "medium", "A1"], OTHER);
    assert_not_learned(&[creates("DescribeTrainingJob", job)], &call);
    assert_not_learned(&[creates("CreateTrainingJob", json!({"roleArn": role("Trainer")}))], &call);
    let nine: Vec<Value> = (0..9).map(|n| json!({"kmsKeyId": format!("{KEY}{n}")})).collect();
    let mixed = json!({"executionRole": role("Trainer"), "kmsKeyId": KEY, "parts": &nine[..8]});
    assert_not_learned(&[creates("CreateEndpointConfig", mixed)], &call);
    let eight = json!({"executionRole": role("Trainer"), "kmsKeyId": KEY, "parts": &nine[..7]});
    assert_learned(
        &[creates("CreateEndpointConfig", eight)],
        &call,
        ["sagemaker-other", "medium", "S4"],
        OTHER,
    );
}

#[test]
fn services_open_sessions_through_sts() {
    let call = decrypt(session("Runner", "work"), json!({}));
    for (by, learned) in [
        ("sagemaker-geospatial", ["geospatial", "strong", "J1"]),
        ("forecast.us-west-2", ["forecast", "strong", "J2"]),
        ("sagemaker", ["sagemaker-other", "strong", "J3"]),
    ] {
        let fact = [assume_role(by, "Runner", "work")];
        assert_learned(&fact, &call, learned, OTHER);
        assert_not_learned(&fact, &decrypt(session("Runner", "play"), json!({})));
        for missing in ["accessKeyId", "principalId"] {
            let mut bare = call.clone();
            bare["userIdentity"][missing] = Value::Null;
            assert_learned(&fact, &bare, learned, OTHER);
        }
    }
    assert_not_learned(&[assume_role("lambda", "Runner", "work")], &call);
    let by_a_person = with(assume_role("forecast", "Runner", "work"), "userIdentity", admin());
    assert_not_learned(&[by_a_person], &call);
}

/// SageMaker in general contradicts no part of it, however strong the evidence for either.
#[test]
fn the_part_goes_before_the_whole() {
    let call = reads("artifacts/canvas/team/Canvas/model.bin");
    let opened = assume_role("sagemaker", "Jane", "work");
    let artifacts = artifact_path("s3://artifacts/canvas/team");
    assert_learned(&[artifacts, opened.clone()], &call, ["canvas", "strong", "C2,J3"], OTHER);
    let canvas_role = create_domain(json!({"executionRole": role("Jane"), "canvasAppSettings": {}}));
    let whole = ["sagemaker-other", "strong", "C3,J3"];
    assert_learned(&[canvas_role, opened.clone()], &call, whole, OTHER);
    let handles = record("sagemaker", "CreateApp", session("Jane", "work"), json!({"appName": "canvas"}));
    assert_learned(&[handles, opened.clone()], &call, ["canvas", "medium", "C5,J3"], OTHER);
    // Weak evidence for a part is not enough.
    let weak = reads("some-sagemaker-bucket/x");
    assert_learned(
        std::slice::from_ref(&opened),
        &weak,
        ["sagemaker-other", "strong", "O5,J3"],
        ["unknown", "weak", "O5"],
    );
    // Two parts of one strength are told both.
    let forecasts = assume_role("forecast", "Jane", "work");
    let surveys = assume_role("sagemaker-geospatial", "Jane", "work");
    assert_learned(
        &[forecasts, surveys, opened],
        &call,
        ["forecast+geospatial", "strong", "J1,J2,J3"],
        OTHER,
    );
}
