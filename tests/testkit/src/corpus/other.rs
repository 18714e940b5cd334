//! Records of other services: most of an archive.

use super::cast::{Caller, Invoker, Role, address, user_agent};
use super::json::{Json, arr, obj};
use super::kms::Place;
use super::rng::Rng;
use super::traps;
use super::truth::time_text;
use super::workloads::execution_role;

pub struct Call {
    source: &'static str,
    name: &'static str,
    read_only: bool,
    data: bool,
    caller: Caller,
    request: Json,
    response: Json,
    resources: Json,
    may_fail: bool,
    error: Option<&'static str>,
}

impl Call {
    pub fn new(source: &'static str, name: &'static str, caller: Caller, request: Json) -> Self {
        let read_only =
            ["Get", "Describe", "List", "Lookup", "Head"].iter().any(|verb| name.starts_with(verb));
        Call {
            source,
            name,
            read_only,
            data: false,
            caller,
            request,
            response: Json::Null,
            resources: Json::Null,
            may_fail: true,
            error: None,
        }
    }

    pub fn succeeds(mut self) -> Self {
        self.may_fail = false;
        self
    }

    /// It fails with this code.
    pub fn fails(mut self, code: &'static str) -> Self {
        (self.may_fail, self.error) = (false, Some(code));
        self
    }

    pub fn response(mut self, response: Json) -> Self {
        self.response = response;
        self
    }

    fn data(mut self, resources: Json) -> Self {
        (self.data, self.resources) = (true, resources);
        self
    }

    pub fn record(self, rng: &mut Rng, place: &Place) -> Json {
        let service = self.caller.acting_service().map(str::to_owned);
        let (ip, agent) = match service {
            Some(service) => (service.clone(), Json::from(service)),
            None => (address(rng), user_agent(rng)),
        };
        let by_service = matches!(self.caller, Caller::Service(_));
        let mut record = obj! {
            "eventVersion" => *rng.pick(&["1.08", "1.09", "1.10", "1.11"]),
            "userIdentity" => self.caller.identity(place.time),
            "eventTime" => time_text(place.time),
            "eventSource" => self.source,
            "eventName" => self.name,
            "awsRegion" => &place.region,
            "sourceIPAddress" => ip,
            "userAgent" => agent,
        };
        let mut response = self.response;
        if self.may_fail && !by_service && rng.chance(0.04) {
            let message = format!(
                "User: {} is not authorized to perform: {} because no identity-based policy allows the action",
                self.caller.arn(),
                self.name
            );
            record = record.with("errorCode", "AccessDenied").with("errorMessage", message);
            response = Json::Null;
        }
        if let Some(code) = self.error {
            record = record.with("errorCode", code);
            response = Json::Null;
        }
        record = record.with("requestParameters", self.request).with("responseElements", response);
        if self.data {
            record = record.with(
                "additionalEventData",
                obj! {
                    "SignatureVersion" => "SigV4",
                    "CipherSuite" => "TLS_AES_128_GCM_SHA256",
                    "bytesTransferredIn" => 0,
                    "AuthenticationMethod" => "AuthHeader",
                    "x-amz-id-2" => format!("{}=", rng.alnum(75)),
                    "bytesTransferredOut" => rng.below(1 << 34) as i64,
                },
            );
        }
        record =
            record.with("requestID", rng.uuid()).with("eventID", rng.uuid()).with("readOnly", self.read_only);
        if self.resources != Json::Null {
            record = record.with("resources", self.resources);
        }
        record = record
            .with("eventType", "AwsApiCall")
            .with("managementEvent", !self.data)
            .with("recipientAccountId", &place.account);
        record = record.with("eventCategory", if self.data { "Data" } else { "Management" });
        if by_service {
            return record.with("sharedEventID", rng.uuid());
        }
        let host =
            format!("{}.{}.amazonaws.com", self.source.split('.').next().unwrap_or_default(), place.region);
        record.with(
            "tlsDetails",
            obj! {
                "tlsVersion" => "TLSv1.3",
                "cipherSuite" => "TLS_AES_128_GCM_SHA256",
                "clientProvidedHostHeader" => host,
            },
        )
    }
}

pub fn caller(rng: &mut Rng, place: &Place) -> Caller {
    let account = &place.account;
    match rng.below(7) {
        0 => Caller::user(account, "Alice"),
        1 => Caller::session(&Role::new(account, "/", "Administrator"), "ops@example.com", None),
        2 => Caller::session(&execution_role(account, 2), "SageMaker", None),
        3 => Caller::session(&Role::new(account, "/", "DataLake"), "spark", None),
        4 => Caller::session(&Role::new(account, "/service-role/", "checkout-role-k3v9"), "checkout", None),
        5 => Caller::session(
            &Role::new(account, "/aws-service-role/config.amazonaws.com/", "AWSServiceRoleForConfig"),
            "configLambdaExecution",
            Some(Invoker::service("config")),
        ),
        _ => Caller::session(
            &Role::new(account, "/", "WebTier"),
            format!("i-0{}", Rng::new(&[rng.below(30)]).hex(16)),
            None,
        ),
    }
}

/// One record of SageMaker.
pub fn sagemaker_record(rng: &mut Rng, place: &Place) -> Json {
    let who = caller(rng, place);
    sagemaker(rng, place, who).record(rng, place)
}

/// A record like those of [`record`], but never one of SageMaker.
pub fn record_elsewhere(rng: &mut Rng, place: &Place, room: usize) -> Json {
    loop {
        let record = record(rng, place, room);
        let Json::Obj(members) = &record else { return record };
        let source = Json::from("sagemaker.amazonaws.com");
        if !members.iter().any(|(name, value)| name == "eventSource" && *value == source) {
            return record;
        }
    }
}

/// One ordinary record; `room` is how many bytes the archive still takes, for the few very large
/// ones.
pub fn record(rng: &mut Rng, place: &Place, room: usize) -> Json {
    let who = caller(rng, place);
    let (account, region) = (&place.account, &place.region);
    let call = match rng.weighted(&[26, 12, 14, 10, 9, 8, 7, 4, 4, 2, 1]) {
        0 => {
            let bucket = format!("lake-{account}");
            let key = format!(
                "raw/dt=2024-06-{:02}/part-{:05}-{}.snappy.parquet",
                1 + rng.below(28),
                rng.below(9000),
                rng.uuid()
            );
            let name = *rng.pick(&["GetObject", "PutObject", "HeadObject", "GetObject"]);
            let resources = arr![
                obj! {"type" => "AWS::S3::Object", "ARN" => format!("arn:aws:s3:::{bucket}/{key}")},
                obj! {
                    "accountId" => account,
                    "type" => "AWS::S3::Bucket",
                    "ARN" => format!("arn:aws:s3:::{bucket}"),
                },
            ];
            let request = obj! {
                "bucketName" => &bucket,
                "Host" => format!("{bucket}.s3.{region}.amazonaws.com"),
                "key" => key,
            };
            Call::new("s3.amazonaws.com", name, who, request).data(resources)
        }
        1 => {
            let service =
                *rng.pick(&["sagemaker", "lambda", "ec2", "sagemaker-geospatial", "forecast", "ecs-tasks"]);
            let role = execution_role(account, 1 + rng.below(4));
            let session = format!("session-{}", rng.below(100));
            let credentials = obj! {
                "accessKeyId" => format!("ASIA{}", rng.upper(16)),
                "sessionToken" => rng.alnum(356),
                "expiration" => "Jun 4, 2024, 11:12:50 PM",
            };
            let request =
                obj! {"roleArn" => role.arn(), "roleSessionName" => &session, "durationSeconds" => 3600};
            let user = obj! {
                "assumedRoleId" => format!("{}:{session}", role.id()),
                "arn" => role.session_arn(&session),
            };
            Call::new("sts.amazonaws.com", "AssumeRole", Caller::Service(Invoker::service(service)), request)
                .response(obj! {"credentials" => credentials, "assumedRoleUser" => user})
        }
        2 => {
            let name = *rng.pick(&[
                "DescribeInstances",
                "DescribeVolumes",
                "DescribeNetworkInterfaces",
                "DescribeSecurityGroups",
            ]);
            let ids: Vec<Json> =
                (0..rng.below(12)).map(|_| obj! {"instanceId" => format!("i-0{}", rng.hex(16))}).collect();
            Call::new(
                "ec2.amazonaws.com",
                name,
                who,
                obj! {"maxResults" => 1000, "instancesSet" => obj! {"items" => ids}, "filterSet" => obj! {}},
            )
        }
        3 => {
            let stream = format!("2024/06/04/[$LATEST]{}", rng.hex(32));
            let name = *rng.pick(&["CreateLogStream", "DescribeLogStreams", "DescribeLogGroups"]);
            Call::new(
                "logs.amazonaws.com",
                name,
                who,
                obj! {"logGroupName" => "/aws/lambda/checkout", "logStreamName" => stream},
            )
        }
        4 => sagemaker(rng, place, who),
        5 => {
            let name = *rng.pick(&[
                "Invoke",
                "GetFunction20150331v2",
                "ListFunctions20150331",
                "UpdateFunctionConfiguration20150331v2",
            ]);
            let arn = format!("arn:aws:lambda:{region}:{account}:function:checkout");
            Call::new(
                "lambda.amazonaws.com",
                name,
                who,
                obj! {"functionName" => &arn, "kMSKeyArn" => Json::Null},
            )
            .response(obj! {
                "functionArn" => arn,
                "runtime" => "python3.12",
                "memorySize" => 512,
                "revisionId" => rng.uuid(),
                "environment" => obj! {},
                "tracingConfig" => obj! {"mode" => "PassThrough"},
                "codeSha256" => format!("{}=", rng.alnum(43)),
            })
        }
        6 => policy_change(rng, place, who),
        7 => {
            let filter = obj! {
                "attributeKey" => "EventSource",
                "attributeValue" => *rng.pick(&["kms.amazonaws.com", "s3.amazonaws.com"]),
            };
            Call::new(
                "cloudtrail.amazonaws.com",
                "LookupEvents",
                who,
                obj! {"maxResults" => 50, "lookupAttributes" => arr![filter]},
            )
        }
        8 => return traps::tiny(rng, place),
        9 => return traps::trap(rng, place),
        _ if room > 400_000 && rng.chance(0.6) => pipeline(rng, place, who),
        _ => Call::new(
            "sqs.amazonaws.com",
            "ReceiveMessage",
            who,
            obj! {"queueUrl" => format!("https://sqs.{region}.amazonaws.com/{account}/jobs")},
        ),
    };
    call.record(rng, place)
}

fn sagemaker(rng: &mut Rng, place: &Place, who: Caller) -> Call {
    let (account, region) = (&place.account, &place.region);
    let key = place.key(2).arn();
    let job = format!("churn-{}", rng.below(100_000));
    match rng.below(4) {
        0 => {
            let channel = |name: &'static str| {
                obj! {
                    "channelName" => name,
                    "contentType" => "text/csv",
                    "compressionType" => "None",
                    "inputMode" => "File",
                    "dataSource" => obj! {
                        "s3DataSource" => obj! {
                            "s3DataType" => "S3Prefix",
                            "s3Uri" => format!("s3://sagemaker-{region}-{account}/{job}/{name}"),
                            "s3DataDistributionType" => "FullyReplicated",
                        },
                    },
                }
            };
            let request = obj! {
                "trainingJobName" => &job, "roleArn" => execution_role(account, 5).arn(),
                "algorithmSpecification" => obj! {
                    "trainingImage" => format!("{account}.dkr.ecr.{region}.amazonaws.com/train:latest"),
                    "trainingInputMode" => "File",
                },
                "inputDataConfig" => arr![channel("train"), channel("validation")],
                "outputDataConfig" => obj! {
                    "kmsKeyId" => &key,
                    "s3OutputPath" => format!("s3://sagemaker-{region}-{account}/{job}/output"),
                },
                "resourceConfig" => obj! {
                    "instanceType" => "ml.m5.xlarge",
                    "instanceCount" => 2,
                    "volumeSizeInGB" => 50,
                    "volumeKmsKeyId" => key,
                },
                "hyperParameters" => obj! {
                    "eta" => Json::Raw("0.1000000000000000055511151231257827021181583404541015625".into()),
                    "seed" => Json::Raw("9007199254740993".into()),
                },
                "stoppingCondition" => obj! {"maxRuntimeInSeconds" => 86_400},
            };
            let arn = format!("arn:aws:sagemaker:{region}:{account}:training-job/{job}");
            Call::new("sagemaker.amazonaws.com", "CreateTrainingJob", who, request)
                .response(obj! {"trainingJobArn" => arn})
        }
        1 => {
            let request = obj! {
                "Name" => &job,
                "ExecutionRoleArn" => execution_role(account, 1).arn(),
                "KmsKeyId" => key,
                "InputConfig" => obj! {
                    "RasterDataCollectionQuery" => obj! {
                        "RasterDataCollectionArn" => format!("arn:aws:sagemaker-geospatial:{region}:378778860802:raster-data-collection/public/nmqj48dcu3g7ayw8"),
                    },
                },
            };
            Call::new("sagemaker-geospatial.amazonaws.com", "StartEarthObservationJob", who, request)
        }
        2 => {
            let request = obj! {
                "featureGroupName" => "customers",
                "recordIdentifierFeatureName" => "id",
                "eventTimeFeatureName" => "at",
                "roleArn" => execution_role(account, 3).arn(),
                "offlineStoreConfig" => obj! {
                    "s3StorageConfig" => obj! {
                        "s3Uri" => format!("s3://ml-features-{account}/pfx"),
                        "kmsKeyId" => key,
                    },
                },
            };
            Call::new("sagemaker.amazonaws.com", "CreateFeatureGroup", who, request)
        }
        _ => {
            Call::new("sagemaker.amazonaws.com", "DescribeTrainingJob", who, obj! {"trainingJobName" => job})
        }
    }
}

/// Changes that name KMS as a principal or an event source: every search for the name finds them,
/// but they are no calls of KMS.
fn policy_change(rng: &mut Rng, place: &Place, who: Caller) -> Call {
    let account = &place.account;
    match rng.below(4) {
        0 => {
            let statement = obj! {
                "Effect" => "Allow",
                "Principal" => obj! {"Service" => arr!["kms.amazonaws.com", "s3.amazonaws.com"]},
                "Action" => "sts:AssumeRole",
            };
            let policy = obj! {"Version" => "2012-10-17", "Statement" => arr![statement]}.to_text();
            Call::new(
                "iam.amazonaws.com",
                "UpdateAssumeRolePolicy",
                who,
                obj! {"roleName" => "KeyHelper", "policyDocument" => policy},
            )
        }
        1 => {
            // One account's trails leave KMS out.
            let excluded =
                if account == "123456789012" { "kms.amazonaws.com" } else { "rdsdata.amazonaws.com" };
            let selector = obj! {
                "readWriteType" => "All",
                "includeManagementEvents" => true,
                "dataResources" => arr![],
                "excludeManagementEventSources" => arr![excluded],
            };
            Call::new(
                "cloudtrail.amazonaws.com",
                "PutEventSelectors",
                who,
                obj! {
                    "trailName" => format!("arn:aws:cloudtrail:{}:{account}:trail/quiet", place.region),
                    "eventSelectors" => arr![selector],
                },
            )
        }
        2 => Call::new("iam.amazonaws.com", "GetRole", who, obj! {"roleName" => "AWSServiceRoleForSupport"}),
        _ => {
            let via = format!("s3.{}.amazonaws.com", place.region);
            let statement = obj! {
                "Effect" => "Allow",
                "Action" => arr!["kms:Decrypt", "kms:GenerateDataKey"],
                "Resource" => format!("arn:aws:kms:*:{account}:key/*"),
                "Condition" => obj! {"StringEquals" => obj! {"kms:ViaService" => via}},
            };
            let document =
                obj! {"Version" => "2012-10-17", "Statement" => vec![statement; 1 + rng.below(6) as usize]}
                    .to_text();
            Call::new(
                "iam.amazonaws.com",
                "PutRolePolicy",
                who,
                obj! {"roleName" => "DataLake", "policyName" => "keys", "policyDocument" => document},
            )
        }
    }
}

/// A pipeline definition: tens of kilobytes of JSON inside a string, every quote of it escaped.
fn pipeline(rng: &mut Rng, place: &Place, who: Caller) -> Call {
    let steps: Vec<Json> = (0..rng.range(80, 260))
        .map(|n| {
            let path = format!("s3://sagemaker-{}-{}/steps/{n}/{}", place.region, place.account, rng.hex(24));
            obj! {
                "Name" => format!("step-{n}"),
                "Type" => "Processing",
                "DependsOn" => arr![format!("step-{}", n - 1)],
                "Arguments" => obj! {
                    "AppSpecification" => obj! {
                        "ContainerEntrypoint" => arr!["python3", format!("/opt/ml/{n}.py"), "--quote", "\"'\\"],
                    },
                    "ProcessingOutputConfig" => obj! {
                        "Outputs" => arr![path],
                        "KmsKeyId" => place.key(2).arn(),
                    },
                },
            }
        })
        .collect();
    let definition = obj! {"Version" => "2020-12-01", "Parameters" => arr![], "Steps" => steps}.to_text();
    let request = obj! {
        "pipelineName" => "nightly",
        "pipelineDefinition" => definition,
        "clientRequestToken" => rng.uuid(),
        "roleArn" => execution_role(&place.account, 4).arn(),
    };
    Call::new("sagemaker.amazonaws.com", "CreatePipeline", who, request)
}
