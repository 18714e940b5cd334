//! Records made of few words in many ways, so that facts often fit calls, and in odd places.

use super::*;
use testkit::oracle;

/// Names that facts are made of.
const NAMES: [&str; 15] = [
    "executionRole",
    "executionRoleArn",
    "roleArn",
    "kmsKeyId",
    "volumeKmsKeyId",
    "kMSKeyArn",
    "canvasAppSettings",
    "workspaceSettings",
    "timeSeriesForecastingSettings",
    "offlineStoreConfig",
    "onlineStoreConfig",
    "trainingJobName",
    "datasetArn",
    "bucketName",
    "parts",
];

/// A xorshift: the same seed gives the same records everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }

    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }

    fn chance(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }

    fn account(&mut self) -> &'static str {
        self.pick(&[MAIN, MAIN, MAIN, "444455556666"])
    }

    fn role_name(&mut self) -> &'static str {
        self.pick(&["Jane", "jane", "Writer", "AmazonSageMakerCanvasForecastRole-x", "Jane/Jane"])
    }

    fn role(&mut self) -> String {
        let (partition, path) = (self.pick(&["aws", "aws", "aws-cn"]), self.pick(&["", "", "team/", "a/b/"]));
        format!("arn:{partition}:iam::{}:role/{path}{}", self.account(), self.role_name())
    }

    fn key(&mut self) -> &'static str {
        self.pick(&[
            KEY,
            KEY,
            KEY_ID,
            OTHER_KEY,
            "alias/orders",
            "arn:aws:kms:us-west-2:111122223333:alias/a",
        ])
    }

    fn uri(&mut self) -> String {
        let scheme = self.pick(&["s3://", "s3://", "s3://", "S3://", "https://"]);
        format!(
            "{scheme}{}{}",
            self.pick(&["b", "b", "c", ""]),
            self.pick(&["", "/", "//", "/p", "/p/", "//p//q/", "/p/q"])
        )
    }

    fn object(&mut self) -> String {
        let bucket = self.pick(&["b", "b", "c"]);
        let path = self.pick(&["", "/", "/p", "/p/x", "/pp", "/p/q/x", "//p"]);
        let folder = self.pick(&[
            "",
            "",
            "/Canvas/x",
            "/canvas/jane/x",
            "/Canvas/jane/x",
            "/Canvas/jane_/x",
            "/111122223333/sagemaker/us-west-2/offline-store/g",
            "/1111/sagemaker/us-west-2/offline-store/g",
        ]);
        format!("{bucket}{path}{folder}")
    }

    fn caller(&mut self) -> Value {
        let (account, name) = (self.account(), self.role_name());
        let session = self.pick(&["s", "s", "t", "SageMaker"]);
        let mut who = json!({
            "type": self.pick(&["AssumedRole", "AssumedRole", "AssumedRole", "AWSService", "AWSAccount"]),
            "principalId": format!("AROA{name}:{session}"),
            "arn": format!("arn:aws:sts::{account}:assumed-role/{name}/{session}"),
            "accountId": account,
            "accessKeyId": format!("ASIA{session}"),
            "sessionContext": {"sessionIssuer": {"type": "Role", "arn": self.role(), "accountId": account}},
            "invokedBy": self.pick(&["forecast.amazonaws.com", "sagemaker.us-west-2.amazonaws.com", "fas.s3.amazonaws.com",
                "sagemaker-geospatial.amazonaws.com", "dynamodb.amazonaws.com"]),
        });
        for name in
            ["accessKeyId", "principalId", "sessionContext", "arn", "invokedBy", "invokedBy", "accountId"]
        {
            if self.chance(3) {
                who[name] = Value::Null;
            }
        }
        if who["type"] == "AWSService" {
            // A service calls as itself, not as a role.
            (who["arn"], who["sessionContext"]) = (Value::Null, Value::Null);
        }
        who
    }

    /// The name as it is, or as another serialiser spells it.
    fn spelled(&mut self, name: &str) -> String {
        match self.below(4) {
            0 => name[..1].to_uppercase() + &name[1..],
            1 => name.to_lowercase(),
            _ => name.to_owned(),
        }
    }

    /// Members that facts are made of, some of them one level down, some in an array.
    fn parameters(&mut self, names: &[&'static str], depth: usize) -> Value {
        let mut object = serde_json::Map::new();
        for _ in 0..1 + self.below(5) {
            let name = self.pick(names);
            let value = match name {
                "workspaceSettings" => json!({self.spelled("s3ArtifactPath"): self.uri()}),
                "timeSeriesForecastingSettings" => {
                    json!({self.spelled("amazonForecastRoleArn"): self.role()})
                }
                "offlineStoreConfig" => json!({self.spelled("s3StorageConfig"): {
                    self.spelled("s3Uri"): self.uri(), "resolvedOutputS3Uri": self.uri(), "kmsKeyId": self.key(),
                }}),
                "onlineStoreConfig" => json!({"securityConfig": {self.spelled("kmsKeyId"): self.key()}}),
                "trainingJobName" | "datasetArn" | "bucketName" => {
                    json!(self.pick(&["my-Canvas-job", "canvas", "churn"]))
                }
                "canvasAppSettings" | "parts" if depth > 2 => json!(self.pick(&["", "canvas"])),
                "canvasAppSettings" => self.parameters(names, depth + 1),
                "parts" if self.chance(2) => {
                    json!([self.parameters(names, depth + 1), "x", [self.parameters(names, depth + 1)]])
                }
                "parts" => self.parameters(names, depth + 1),
                role if role.to_lowercase().contains("role") => json!(self.role()),
                _ => json!(self.key()),
            };
            // Nobody spells one name in two ways at one place.
            if !object.keys().any(|known| known.eq_ignore_ascii_case(name)) {
                object.insert(self.spelled(name), value);
            }
        }
        Value::Object(object)
    }

    fn record_with_fact(&mut self) -> Value {
        let (source, name) = match self.below(10) {
            0 => ("sagemaker-geospatial", self.pick(&["StartX", "ExportX", "GetX"])),
            1 | 2 => ("forecast", self.pick(&["CreateDataset", "CreatePredictor", "DescribeDataset"])),
            3 | 4 => ("sts", self.pick(&["AssumeRole", "AssumeRole", "AssumeRoleWithSAML"])),
            5 | 6 => (
                "sagemaker",
                self.pick(&["CreateFeatureGroup", "UpdateFeatureGroup", "DescribeFeatureGroup"]),
            ),
            _ => (
                "sagemaker",
                self.pick(&[
                    "CreateDomain",
                    "UpdateUserProfile",
                    "CreateAutoMLJob",
                    "CreateAutoMLJobV2",
                    "CreateEndpoint",
                    "DescribeDomain",
                ]),
            ),
        };
        // No call has all of them: Forecast calls a role by one name, and feature groups are
        // nothing of Canvas's.
        let is_known = |known: &&str| match source {
            "forecast" => !known.starts_with("execution"),
            _ => !name.ends_with("FeatureGroup") || *known != "canvasAppSettings",
        };
        let names: Vec<&str> = NAMES.into_iter().filter(is_known).collect();
        let request = self.parameters(&names, 0);
        let mut record = record(source, name, self.caller(), request);
        record["responseElements"] = match self.chance(2) {
            true => self.parameters(&names, 0),
            false => {
                let (role, session) = (self.role_name(), self.pick(&["s", "t"]));
                let user = json!({"assumedRoleId": format!("AROA{role}:{session}")});
                json!({"credentials": {"accessKeyId": format!("ASIA{session}")}, "assumedRoleUser": user})
            }
        };
        record
    }

    fn kms(&mut self) -> Value {
        let context = json!({
            self.pick(&["aws:dynamodb:tableName", "aws:dynamodb", "purpose"]): "t",
            self.pick(&["aws:s3:arn", "aws:s3:arn", "s3"]): format!("arn:aws:s3:::{}", self.object()),
        });
        let grantee = self.pick(&["dynamodb.us-west-2.amazonaws.com", "AROAX", "forecast.amazonaws.com"]);
        let request = json!({
            "keyId": self.key(),
            "encryptionContext": context,
            "granteePrincipal": grantee,
        });
        let name = self.pick(&["Decrypt", "Decrypt", "CreateGrant"]);
        let mut call = record("kms", name, self.caller(), request);
        for name in ["keyId", "encryptionContext"] {
            if self.chance(2) {
                call["requestParameters"][name] = Value::Null;
            }
        }
        if name == "CreateGrant" {
            call["requestParameters"]["encryptionContext"] = Value::Null;
        }
        if self.chance(2) {
            let arns = [KEY, OTHER_KEY, "arn:aws:kms:us-west-2:111122223333:alias/a"];
            call["resources"] =
                json!([{"ARN": self.pick(&arns), "accountId": MAIN}, {"ARN": self.pick(&arns)}]);
        }
        self.corrects(call)
    }

    /// An alias moves, as records tell it: by the request alone, or with what it moves from or to.
    fn alias(&mut self) -> Value {
        let (alias, key) = (self.pick(&["alias/orders", "alias/a"]), self.pick(&[KEY, OTHER_KEY]));
        let name = self.pick(&["CreateAlias", "UpdateAlias", "DeleteAlias"]);
        let mut request = json!({"aliasName": alias});
        if name != "DeleteAlias" {
            request["targetKeyId"] = self.pick(&[key, key.rsplit('/').next().unwrap()]).into();
        }
        let who = self.caller();
        let account = who["accountId"].as_str().unwrap_or(MAIN);
        let mut resources =
            vec![json!({"ARN": key}), json!({"ARN": format!("arn:aws:kms:us-west-2:{account}:{alias}")})];
        if self.chance(2) {
            resources.reverse();
        }
        let mut change = record("kms", name, who, request);
        if self.chance(2) {
            change["resources"] = resources.into();
        }
        self.corrects(change)
    }

    fn corrects(&mut self, mut call: Value) -> Value {
        if self.chance(3) {
            let reason = self.pick(&["UPDATED_DATA", "UPDATED_DATA", "DELIVERY_DELAY"]);
            call["addendum"] = json!({"reason": reason});
        }
        call
    }

    fn record(&mut self) -> Value {
        let mut record = match self.below(6) {
            0 | 1 => self.record_with_fact(),
            2 => self.alias(),
            _ => self.kms(),
        };
        // Events with one id have one time and one request, so that many corrections fit.
        let id = self.below(300);
        record["eventTime"] = format!("2024-03-05T10:{:02}:00Z", id % 20).into();
        record["eventID"] = format!("e{id}").into();
        record["requestID"] = format!("r{}", id % 3).into();
        if record["addendum"].is_object() {
            let original = (id + 20 * self.below(15)) % 300;
            record["addendum"]["originalEventID"] = format!("e{original}").into();
            let request = if self.chance(8) { id } else { original } % 3;
            record["addendum"]["originalRequestID"] = format!("r{request}").into();
        }
        if self.chance(8) {
            record["awsRegion"] = self.pick(&["eu-west-1", "cn-north-1"]).into();
        }
        if self.chance(8) {
            record["recipientAccountId"] = json!(self.account());
        }
        let (name, value) = match self.below(30) {
            0 => ("errorCode", "AccessDenied"),
            1 => (
                "errorMessage",
                "User: x is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:us-west-2:111122223333:alias/orders",
            ),
            2 => ("eventTime", "yesterday"),
            3 => ("eventVersion", "2.0"),
            4 => ("errorCode", ""),
            _ => return record,
        };
        with(record, name, value)
    }
}

#[test]
fn what_the_product_learns_the_oracle_learns() {
    for seed in 1..=8 {
        println!("seed {seed}");
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed));
        let mut file = || -> Vec<Value> { (0..90).map(|_| dice.record()).collect() };
        let files = [("a.json", file()), ("b.json", file()), ("c.json", file())];
        let report = agreeing(&files, &[], &any());
        // The words do meet.
        let rules: Vec<String> = report
            .events()
            .iter()
            .map(|event| event["workload_rules"].as_str().unwrap().to_owned())
            .collect();
        assert!(rules.iter().any(|rules| !rules.is_empty()));
        agreeing(
            &files,
            &["--key", "*1234abcd*"],
            &oracle::Options { keys: vec!["*1234abcd*".to_owned()], ..any() },
        );
        agreeing(&files, &["--no-learn"], &oracle::Options { learn: false, ..any() });
    }
}
