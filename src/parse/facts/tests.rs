use serde_json::{Value, json};

use super::*;
use crate::model::{
    KeyEffect, KeyProperties, LearnedCondition, LearnedRule as Rule, PropertyChange, RoleSession, Tags,
};
use crate::parse::facts_of_other;

const ROLE: &str = "arn:aws:iam::111122223333:role/service-role/R";
const KEY: &str = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

/// A record of another service; `change` replaces or adds members.
fn record(service: &str, name: &str, change: Value) -> Value {
    let mut record = json!({
        "eventVersion": "1.08", "eventTime": "2023-03-17T18:02:06Z", "eventSource": format!("{service}.amazonaws.com"),
        "eventName": name, "awsRegion": "us-west-2", "eventID": "e1", "recipientAccountId": "111122223333",
        "userIdentity": {"type": "AssumedRole", "principalId": "AROAEXAMPLE:ops", "accessKeyId": "ASIAEXAMPLE", "accountId": "111122223333",
            "sessionContext": {"sessionIssuer": {"type": "Role", "arn": ROLE}}},
    });
    let members = change.as_object().unwrap().clone();
    record.as_object_mut().unwrap().extend(members);
    record
}

fn facts_of(record: &Value) -> Vec<Fact<'static>> {
    let text = record.to_string();
    assert!(may_contain_facts(text.as_bytes()), "not ruled out: {text}");
    let facts = facts(text.as_bytes()).unwrap();
    if record["eventSource"] != KMS {
        assert_eq!(facts_of_other(text.as_bytes()), Ok(facts.clone()), "not ruled out: {text}");
    }
    facts
}

/// The ids of rules with their conditions, as text.
fn rules(record: &Value) -> Vec<(&'static str, String)> {
    let rules = facts_of(record).into_iter().filter_map(|fact| match fact {
        Fact::Rule(rule, condition, provenance) => {
            assert_eq!(provenance.event_id.as_deref(), Some("e1"));
            let condition = match condition {
                LearnedCondition::Role(role) => format!("role {role}"),
                LearnedCondition::RoleAndKey(role, key) => format!("role {role} key {key}"),
                LearnedCondition::Key(key) => format!("key {key}"),
                LearnedCondition::Path(bucket, path) => format!("path {bucket} {path}"),
                LearnedCondition::CanvasFolder(bucket, path) => format!("canvas in {bucket} {path}"),
                LearnedCondition::OfflineStoreFolder(bucket, path) => format!("store in {bucket} {path}"),
                LearnedCondition::Bucket(bucket) => format!("bucket {bucket}"),
                LearnedCondition::SessionOn(role) => format!("session {role}"),
            };
            Some((rule.info().id, condition))
        }
        _ => None,
    });
    rules.collect()
}

#[test]
fn canvas_settings_name_paths_and_roles() {
    let settings = json!({
        "executionRole": ROLE,
        "canvasAppSettings": {
            "workspaceSettings": {"s3ArtifactPath": "s3://team-bucket/canvas/work/", "s3KmsKeyId": KEY},
            "timeSeriesForecastingSettings": {"status": "ENABLED", "amazonForecastRoleArn": "arn:aws:iam::111122223333:role/F"},
        },
    });
    for (name, member) in [
        ("CreateDomain", "defaultUserSettings"),
        ("UpdateDomain", "DefaultUserSettings"),
        ("CreateUserProfile", "userSettings"),
        ("UpdateUserProfile", "userSettings"),
    ] {
        let call = record("sagemaker", name, json!({"requestParameters": {(member): settings.clone()}}));
        let found = rules(&call);
        for expected in [
            ("C2", "canvas in team-bucket canvas/work".to_owned()),
            ("C3", format!("role {ROLE}")),
            ("F2", "role arn:aws:iam::111122223333:role/F".to_owned()),
            ("S4", format!("role {ROLE} key {KEY}")),
        ] {
            assert!(found.contains(&expected), "{name}: {found:?}");
        }
    }
    let plain = json!({"requestParameters": {"userSettings": {"executionRole": ROLE}}});
    assert_eq!(rules(&record("sagemaker", "CreateUserProfile", plain)), [], "no Canvas settings");
}

#[test]
fn feature_groups_name_paths_buckets_roles_and_keys() {
    let call = record(
        "sagemaker",
        "CreateFeatureGroup",
        json!({"requestParameters": {
            "featureGroupName": "g", "roleArn": ROLE,
            "offlineStoreConfig": {"s3StorageConfig": {"s3Uri": "s3://b/p", "kmsKeyId": KEY, "resolvedOutputS3Uri": "s3://b/p/1/data"}},
            "onlineStoreConfig": {"enableOnlineStore": true, "securityConfig": {"kmsKeyId": "mrk-1"}},
        }}),
    );
    let expected = [
        ("O3", "bucket b".to_owned()),
        ("O2", "store in b p".to_owned()),
        ("O3", "bucket b".to_owned()),
        ("O2", "path b p/1/data".to_owned()),
        ("O2K", format!("role {ROLE} key {KEY}")),
        ("O4", "key mrk-1".to_owned()),
    ];
    assert_eq!(rules(&call), expected);
    let by_alias = json!({"requestParameters": {
        "roleArn": ROLE, "offlineStoreConfig": {"s3StorageConfig": {"kmsKeyId": "alias/a"}},
        "onlineStoreConfig": {"securityConfig": {"kmsKeyId": "arn:aws:kms:us-west-2:111122223333:alias/a"}},
    }});
    assert_eq!(
        rules(&record("sagemaker", "CreateFeatureGroup", by_alias)),
        [],
        "an alias does not say which key it pointed to"
    );
    let whole =
        json!({"requestParameters": {"offlineStoreConfig": {"s3StorageConfig": {"s3Uri": "s3://b"}}}});
    assert_eq!(
        rules(&record("sagemaker", "CreateFeatureGroup", whole)),
        [("O3", "bucket b".to_owned()), ("O2", "store in b ".to_owned())]
    );
    let resolved = json!({"responseElements": {"offlineStoreConfig": {"s3StorageConfig": {"resolvedOutputS3Uri": "s3://b"}}}});
    assert_eq!(
        rules(&record("sagemaker", "DescribeFeatureGroup", resolved)),
        [("O3", "bucket b".to_owned())],
        "a whole bucket is no group's folder"
    );
}

#[test]
fn jobs_name_roles_and_keys() {
    let call = |service, name, request| rules(&record(service, name, json!({"requestParameters": request})));
    let pair = |rule| vec![(rule, format!("role {ROLE} key {KEY}"))];
    let geospatial = json!({"executionRoleArn": ROLE, "kmsKeyId": KEY});
    for name in ["StartEarthObservationJob", "StartVectorEnrichmentJob", "ExportEarthObservationJob"] {
        assert_eq!(call("sagemaker-geospatial", name, geospatial.clone()), [("G5", format!("role {ROLE}"))]);
    }
    let training =
        json!({"roleArn": ROLE, "resourceConfig": {"volumeKmsKeyId": KEY}, "x": {"deep": [{"y": 1}]}});
    assert_eq!(call("sagemaker", "CreateTrainingJob", training.clone()), pair("S4"));
    assert_eq!(call("sagemaker", "CreateAutoMLJobV2", training.clone()), pair("A1"));
    assert_eq!(call("sagemaker", "DescribeTrainingJob", training), []);
    let forecast = json!({"encryptionConfig": {"roleArn": ROLE, "kMSKeyArn": KEY}});
    assert_eq!(call("forecast", "CreatePredictor", forecast.clone()), pair("F5"));
    assert_eq!(
        call("codepipeline", "CreateThing\"forecast.", forecast),
        [],
        "a call of another service with a similar name"
    );
    let many = json!({"roleArn": ROLE, "keys": (0..9).map(|n| json!({"kmsKeyId": n.to_string()})).collect::<Vec<_>>()});
    assert_eq!(call("sagemaker", "CreateX", many), [], "too many keys to pair with the role");
}

#[test]
fn sessions_are_attributed_to_the_service_that_opened_them() {
    let answer = json!({"credentials": {"accessKeyId": "ASIANEW"}, "assumedRoleUser": {"assumedRoleId": "AROANEW:s", "arn": "…"}});
    let opened = |service: &str| {
        record(
            "sts",
            "AssumeRole",
            json!({
                "userIdentity": {"type": "AWSService", "invokedBy": service},
                "requestParameters": {"roleArn": ROLE, "roleSessionName": "s"}, "responseElements": answer.clone(),
            }),
        )
    };
    for (service, rule, id) in [
        ("sagemaker-geospatial.amazonaws.com", Rule::GeospatialSession, "J1"),
        ("sagemaker-geospatial.us-west-2.amazonaws.com", Rule::GeospatialSession, "J1"),
        ("forecast.amazonaws.com.cn", Rule::ForecastSession, "J2"),
        ("sagemaker.amazonaws.com", Rule::SagemakerSession, "J3"),
    ] {
        let call = opened(service);
        assert_eq!(rules(&call), [(id, format!("session {ROLE}"))], "{service}");
        let session =
            RoleSession { access_key_id: Some("ASIANEW".into()), principal_id: Some("AROANEW:s".into()) };
        assert_eq!(facts_of(&call).pop(), Some(Fact::Session(rule, session)));
    }
    let mut person = opened("sagemaker.amazonaws.com");
    person["userIdentity"]["type"] = "AssumedRole".into();
    assert_eq!(facts_of(&person), [], "only AWS itself sets the type AWSService");
    assert!(!may_contain_facts(opened("ec2.amazonaws.com").to_string().as_bytes()));
}

#[test]
fn a_session_that_works_on_canvas_resources_is_canvas() {
    let call = |name: &str, request| record("sagemaker", name, json!({"requestParameters": request}));
    let canvas = facts_of(&call("CreateTransformJob", json!({"transformJobName": "Canvas-job-1"})));
    let session = RoleSession { access_key_id: Some("ASIAEXAMPLE".into()), principal_id: None };
    assert_eq!(canvas.last(), Some(&Fact::Session(Rule::CanvasSession, session)));
    for other in
        [json!({"transformJobName": "job"}), json!({"roleArn": "role/canvas"}), json!({"text": "canvas"})]
    {
        assert_eq!(facts_of(&call("CreateTransformJob", other)), []);
    }
}

#[test]
fn aliases_corrections_and_trails() {
    let alias = |name: &str| {
        record(
            "kms",
            name,
            json!({
                "requestParameters": {"aliasName": "alias/x", "targetKeyId": "1234abcd-12ab-34cd-56ef-1234567890ab"},
                "resources": [{"ARN": KEY}, {"ARN": "arn:aws:kms:us-west-2:111122223333:alias/x"}],
            }),
        )
    };
    let time = EventTime::parse("2023-03-17T18:02:06Z").unwrap();
    for (name, key) in [("CreateAlias", Some(KEY)), ("UpdateAlias", Some(KEY)), ("DeleteAlias", None)] {
        let arn = "arn:aws:kms:us-west-2:111122223333:alias/x";
        let expected = Fact::Alias { alias: arn.into(), key: key.map(Into::into), time };
        assert_eq!(facts_of(&alias(name)), [expected]);
        let mut without = alias(name);
        without["resources"] = json!([]);
        assert_eq!(facts_of(&without).len(), 1, "without resources, the account is the caller's");
        let mut failed = alias(name);
        failed["errorCode"] = "AccessDenied".into();
        assert_eq!(facts_of(&failed), [], "a call that failed changed nothing");
    }
    let addendum = json!({"addendum": {
        "reason": "UPDATED_DATA",
        "originalEventID": "e0",
        "originalRequestID": "r0",
        "updatedFields": "x",
    }});
    let correction = Fact::Correction {
        original: "e0".into(),
        by: "e1".into(),
        account_id: Some("111122223333".into()),
        time,
        event_name: "Decrypt".into(),
        original_request_id: Some("r0".into()),
        request_id: None,
    };
    assert_eq!(facts_of(&record("kms", "Decrypt", addendum.clone())), [correction]);
    assert_eq!(facts_of(&record("s3", "GetObject", addendum)), [], "only KMS events are corrected");
    let delayed = json!({"addendum": {"reason": "DELIVERY_DELAY", "originalEventID": "UPDATED_DATA"}});
    assert_eq!(facts_of(&record("kms", "Decrypt", delayed)), []);
    let stop = facts_of(&record("cloudtrail", "StopLogging", json!({"requestParameters": {"name": "t"}})));
    assert!(
        matches!(&stop[..], [Fact::Trail(change)] if change.trail == "t" && change.by.event_name == "StopLogging")
    );
}

/// The keys that settings name for Canvas's folders: bucket, path and key.
#[test]
fn canvas_settings_name_keys_of_folders() {
    let keys = |name: &str, request: Value| -> Vec<String> {
        let call = record("sagemaker", name, json!({"requestParameters": request}));
        let text = |fact| match fact {
            Fact::CanvasKey(folder) => {
                assert_eq!(folder.by.event_name, name);
                Some(format!("{} {} {}", folder.bucket, folder.path, folder.key))
            }
            _ => None,
        };
        facts_of(&call).into_iter().filter_map(text).collect()
    };
    let workspace =
        |settings: Value| json!({"userSettings": {"canvasAppSettings": {"workspaceSettings": settings}}});
    let with_path = || workspace(json!({"s3ArtifactPath": "s3://b/p/", "s3KmsKeyId": "k"}));
    assert_eq!(keys("CreateUserProfile", with_path()), ["b p k"]);
    assert_eq!(keys("UpdateDomain", with_path()), ["b p k"]);
    assert_eq!(keys("CreateSpace", with_path()), [] as [&str; 0]);
    let default = "sagemaker-us-west-2-111122223333  k";
    assert_eq!(keys("CreateUserProfile", workspace(json!({"s3KmsKeyId": "k"}))), [default]);
    let sharing =
        json!({"defaultUserSettings": {"sharingSettings": {"s3OutputPath": "s3://x/y", "s3KmsKeyId": "k"}}});
    assert_eq!(keys("CreateDomain", sharing), [default], "Canvas does not use the path for sharing");
    assert_eq!(keys("CreateUserProfile", workspace(json!({"s3ArtifactPath": "s3://b/p"}))), [] as [&str; 0]);
}

/// What calls show of a key: properties that a request leaves out have their defaults.
#[test]
fn calls_show_properties_and_tags_of_keys() {
    let shown = |name: &str, request: Value, response: Value| -> Vec<(Option<String>, PropertyChange)> {
        let members =
            json!({"requestParameters": request, "responseElements": response, "resources": [{"ARN": KEY}]});
        let properties = |fact| match fact {
            Fact::Key(change) => match change.effect {
                KeyEffect::ShowsProperties(shown) => Some((change.key, shown)),
                _ => None,
            },
            _ => None,
        };
        facts_of(&record("kms", name, members)).into_iter().filter_map(properties).collect()
    };
    let own = |change| vec![(Some(KEY.to_owned()), change)];
    let key = |spec: &str, usage: &str, origin: &str, is_multi_region| KeyProperties {
        spec: spec.to_owned(),
        usage: usage.to_owned(),
        origin: origin.to_owned(),
        is_multi_region,
    };
    let tags = |pairs: &[(&str, &str)]| -> Tags {
        Some(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    };
    let team = || json!([{"tagKey": "Team", "tagValue": "red"}]);
    for (request, properties, of_tags) in [
        (json!({}), key("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "AWS_KMS", false), tags(&[])),
        (
            json!({"keySpec": "RSA_2048", "keyUsage": "SIGN_VERIFY", "origin": "EXTERNAL", "multiRegion": true, "tags": team()}),
            key("RSA_2048", "SIGN_VERIFY", "EXTERNAL", true),
            tags(&[("Team", "red")]),
        ),
        (
            json!({"customerMasterKeySpec": "ECC_NIST_P256", "tags": "HIDDEN_DUE_TO_SECURITY_REASONS"}),
            key("ECC_NIST_P256", "ENCRYPT_DECRYPT", "AWS_KMS", false),
            None,
        ),
    ] {
        let created = PropertyChange::Created { properties, tags: of_tags };
        assert_eq!(shown("CreateKey", request, json!({"keyMetadata": {"arn": KEY}})), own(created));
    }
    let replica = KEY.replace("us-west-2", "eu-west-1");
    let replicated = PropertyChange::Replicated { primary: KEY.to_owned(), tags: tags(&[]) };
    let request = json!({"keyId": KEY, "replicaRegion": "eu-west-1"});
    assert_eq!(shown("ReplicateKey", request, Value::Null), [(Some(replica.clone()), replicated)]);
    let moved = PropertyChange::MovedPrimary { to: replica };
    let request = json!({"keyId": KEY, "primaryRegion": "eu-west-1"});
    assert_eq!(shown("UpdatePrimaryRegion", request, Value::Null), own(moved));
    let tagged = PropertyChange::Tagged(tags(&[("Team", "red")]));
    assert_eq!(shown("TagResource", json!({"keyId": KEY, "tags": team()}), Value::Null), own(tagged));
    let untagged = PropertyChange::Untagged(Some(["Team".to_owned()].into()));
    assert_eq!(
        shown("UntagResource", json!({"keyId": KEY, "tagKeys": ["Team"]}), Value::Null),
        own(untagged)
    );
}

#[test]
fn escapes_hide_no_facts() {
    let call = record(
        "sagemaker-geospatial",
        "StartEarthObservationJob",
        json!({"requestParameters": {"executionRoleArn": ROLE}}),
    );
    let escaped = call.to_string().replace("sagemaker", r"\u0073agemaker");
    assert!(may_contain_facts(escaped.as_bytes()));
    assert_eq!(facts(escaped.as_bytes()), facts(call.to_string().as_bytes()));
    // As JSON text within a string.
    assert!(may_contain_facts(Value::String(escaped).to_string().as_bytes()));
    assert!(!may_contain_facts(record("s3", "GetObject", json!({"a": "\u{1f}"})).to_string().as_bytes()));
}

#[test]
fn an_unreadable_record_has_no_facts() {
    let call = record(
        "sagemaker",
        "CreateTrainingJob",
        json!({"requestParameters": {"roleArn": ROLE, "kmsKeyId": KEY}}),
    );
    assert_eq!(facts(b"{\"a\":"), Err(NoFacts::InvalidJson));
    for (member, value, expected) in [
        ("eventTime", json!("yesterday"), Err(NoFacts::Rewritten)),
        ("requestParameters", json!("{\"roleArn\":\"r\"}"), Err(NoFacts::Rewritten)),
        ("requestParameters", json!("x"), Err(NoFacts::Rewritten)),
        ("requestParameters", json!("HIDDEN_DUE_TO_SECURITY_REASONS"), Ok(Vec::new())),
        ("eventSource", json!(1), Ok(Vec::new())),
    ] {
        let mut odd = call.clone();
        odd[member] = value;
        assert_eq!(facts(odd.to_string().as_bytes()), expected, "{member}");
        assert_eq!(facts_of_other(odd.to_string().as_bytes()), expected, "{member}");
    }
}
