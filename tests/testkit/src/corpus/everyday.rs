//! KMS records that have nothing to do with SageMaker: other services, people, key administration,
//! failures, and the shapes a reader rarely meets.

use super::cast::{Caller, Invoker, Issuer, Key, Role};
use super::json::{Json, arr, obj};
use super::kms::{KeySeen, KmsRecord, Naming, Place};
use super::refusal;
use super::rng::Rng;
use super::workloads::{by_s3, grant_response, through_s3};

fn person(rng: &mut Rng, place: &Place) -> Caller {
    let account = &place.account;
    match rng.below(8) {
        0 => Caller::Root { account: account.clone() },
        1 => Caller::Federated { account: account.clone(), name: "bob".into() },
        2 => Caller::User { account: account.clone(), path: "/finance/", name: "Zoë".into() },
        3 | 4 => Caller::user(account, "Alice"),
        5 => Caller::session(&Role::new(account, "/", "Administrator"), "ops@example.com", None),
        6 => Caller::Session {
            role: Role::new(account, "/deploy/", "Release"),
            session: format!("run-{}", rng.below(40)),
            issuer: Issuer::Absent,
            invoked_by: None,
        },
        _ => Caller::session(
            &Role::new(
                account,
                "/aws-reserved/sso.amazonaws.com/",
                "AWSReservedSSO_PowerUser_0123456789abcdef",
            ),
            *rng.pick(&["k.østergård", "山田-太郎", "o'neil \"ops\"", "back\\slash"]),
            None,
        ),
    }
}

/// Services and applications that use keys all day long.
pub fn application(rng: &mut Rng, place: &Place) -> KmsRecord {
    let key = place.key(4 + rng.below(6));
    let account = &place.account;
    let decrypt = |rng: &mut Rng, caller: Caller, context: Json| {
        KmsRecord::call(rng, place, caller, "Decrypt")
            .param("encryptionAlgorithm", "SYMMETRIC_DEFAULT")
            .param("encryptionContext", context)
    };
    match rng.weighted(&[5, 3, 3, 3, 2, 3, 2]) {
        0 => {
            let context = obj! {
                "aws:dynamodb:tableName" => *rng.pick(&["Services", "Orders", "FeatureGroupOnline"]),
                "aws:dynamodb:subscriberId" => account,
            };
            let mut record = decrypt(rng, Caller::Service(Invoker::service("dynamodb")), context)
                .key(Naming::Resources, &key);
            // The partner copy goes to an account of AWS.
            record.shared_event_id = Some(rng.uuid());
            record
        }
        1 => {
            let function = *rng.pick(&["thumbnail", "checkout", "größe-berechnen"]);
            let role = Role::new(
                account,
                "/service-role/",
                format!("{}-role-k3v9", function.split('-').next().unwrap_or("fn")),
            );
            let context = obj! {
                "aws:lambda:FunctionArn" => format!("arn:aws:lambda:{}:{account}:function:{function}", place.region),
            };
            decrypt(rng, Caller::session(&role, function, None), context).key(Naming::Resources, &key)
        }
        2 => {
            let role = Role::new(account, "/", "WebTier");
            let secret =
                format!("arn:aws:secretsmanager:{}:{account}:secret:prod/db-{}", place.region, rng.alnum(6));
            let context = obj! {"SecretARN" => secret, "SecretVersionId" => rng.uuid()};
            let session = format!("i-0{}", Rng::new(&[rng.below(30)]).hex(16));
            decrypt(
                rng,
                Caller::session(&role, session, Some(Invoker::text("secretsmanager.amazonaws.com"))),
                context,
            )
            .key(Naming::Resources, &key)
        }
        3 => {
            let role = Role::new(account, "/", "DataLake");
            let path = format!(
                "lake-{account}/raw/dt=2024-06-{:02}/part-{:05}.parquet",
                1 + rng.below(28),
                rng.below(4000)
            );
            let caller = Caller::session(&role, "spark", by_s3(rng));
            through_s3(rng, place, caller, &path, &key)
        }
        4 => {
            // An EBS volume: the service asks for a grant in the caller's name.
            let role = Role::new(account, "/", "Autoscaling");
            let mut record = KmsRecord::call(
                rng,
                place,
                Caller::session(&role, "AutoScaling", Some(Invoker::service("autoscaling"))),
                "CreateGrant",
            )
            .key(Naming::Arn, &key)
            .param("granteePrincipal", format!("{account}:aws:ec2-infrastructure:i-0{}", rng.hex(16)))
            .param(
                "constraints",
                obj! {"encryptionContextSubset" => obj! {"aws:ebs:id" => format!("vol-0{}", rng.hex(16))}},
            )
            .param("operations", arr!["Decrypt"]);
            record.response = grant_response(rng, &key);
            record
        }
        5 => {
            let naming = *rng.pick(&[
                Naming::Arn,
                Naming::IdAndResources,
                Naming::AliasAndResources,
                Naming::AliasArnAndResources,
                Naming::Untyped,
                Naming::ArnOnly,
                Naming::IdOnly,
                Naming::AliasOnly,
                Naming::AliasArnOnly,
            ]);
            let name =
                *rng.pick(&["Encrypt", "GenerateDataKey", "Decrypt", "GenerateDataKeyWithoutPlaintext"]);
            let caller = person(rng, place);
            KmsRecord::call(rng, place, caller, name)
                .key(naming, &key)
                .param("encryptionAlgorithm", "SYMMETRIC_DEFAULT")
        }
        _ => {
            // CloudTrail's own delivery: an S3 path that says nothing about a workload.
            let context = obj! {
                "aws:cloudtrail:arn" => format!("arn:aws:cloudtrail:{}:{account}:trail/management-events", place.region),
                "aws:s3:arn" => format!("arn:aws:s3:::sagemaker-{}-{account}/Canvas/AWSLogs/{account}/CloudTrail/x.json.gz", place.region),
            };
            let caller = Caller::Service(Invoker::service("cloudtrail"));
            KmsRecord::call(rng, place, caller, "GenerateDataKey")
                .key(Naming::Arn, &key)
                .param("encryptionContext", context)
                .param("keySpec", "AES_256")
        }
    }
}

/// Key administration and look-ups.
pub fn administration(rng: &mut Rng, place: &Place) -> KmsRecord {
    let key = place.key(rng.below(10));
    let account = place.account.clone();
    let call = |rng: &mut Rng, name| {
        let caller = person(rng, place);
        KmsRecord::call(rng, place, caller, name)
    };
    // Not one that a call names instead of its key: what that stands for shall not depend on what
    // comes and goes here.
    let alias = format!("alias/old-{}", &key.id[4..8]);
    let alias_arn = format!("arn:aws:kms:{}:{account}:{alias}", place.region);
    let alias_resource = obj! {"accountId" => &account, "type" => "AWS::KMS::Key", "ARN" => &alias_arn};
    match rng.below(14) {
        0 | 1 => {
            let naming = *rng.pick(&[Naming::Arn, Naming::IdAndResources, Naming::AliasAndResources]);
            call(rng, "DescribeKey").key(naming, &key)
        }
        2 => call(rng, "ListGrants").key(Naming::IdAndResources, &key).param("limit", 50),
        3 => call(rng, "ListAliases").param("limit", 100),
        4 => {
            // Two keys; the reader's key is the source.
            let target = place.key(rng.below(4) + 20);
            let mut record = call(rng, "ReEncrypt")
                .param("sourceEncryptionAlgorithm", "SYMMETRIC_DEFAULT")
                .param("sourceEncryptionContext", obj! {"Project" => "Alpha"})
                .param("destinationKeyId", if rng.chance(0.5) { target.id.clone() } else { target.arn() })
                .param("destinationEncryptionContext", obj! {"Level" => "3A"});
            record.resources = vec![key.resource(), target.resource()];
            if rng.chance(0.5) {
                record.resources.reverse();
            }
            record.key = KeySeen::Key(key);
            record
        }
        5 => {
            let mut record = call(rng, "RetireGrant");
            record.additional = Some(obj! {"grantId" => rng.hex(64)});
            record.resources = vec![key.resource()];
            record.key = KeySeen::Key(key);
            record
        }
        6 => {
            let grant = rng.hex(64);
            call(rng, "RevokeGrant").key(Naming::IdAndResources, &key).param("grantId", grant)
        }
        7 => {
            let caller = Caller::Internal { account };
            let mut record = KmsRecord::call(rng, place, caller, "RotateKey");
            record.event_type = "AwsServiceEvent";
            record.more.push(("serviceEventDetails", obj! {"keyId" => &key.id}));
            if rng.chance(0.5) {
                record.resources = vec![key.resource()];
            }
            record.key = KeySeen::Key(key);
            record
        }
        8 => {
            let mut record =
                call(rng, "CreateKey").param("description", "made by Terraform").param("multiRegion", false);
            record.response = obj! {"keyMetadata" => obj! {
                "aWSAccountId" => &account,
                "keyId" => &key.id,
                "arn" => key.arn(),
                "creationDate" => "Jun 4, 2024, 10:38:27\u{202f}PM",
                "enabled" => true,
                "keyManager" => "CUSTOMER",
                "keyState" => "Enabled",
                "multiRegion" => false,
            }};
            record.key = KeySeen::Key(key);
            record
        }
        9 => {
            let mut record =
                call(rng, "CreateAlias").param("aliasName", &alias).param("targetKeyId", &key.id);
            record.resources = vec![alias_resource, key.resource()];
            record.key = KeySeen::Key(key);
            record
        }
        10 => {
            let mut record = call(rng, "DeleteAlias").param("aliasName", &alias);
            record.resources = vec![alias_resource];
            record.key = KeySeen::Alias { account, region: place.region.clone() };
            record
        }
        11 => {
            let statement = obj! {
                "Sid" => "Enable IAM \"delegation\"",
                "Effect" => "Allow",
                "Principal" => obj! {"AWS" => format!("arn:aws:iam::{account}:root")},
                "Action" => "kms:*",
                "Resource" => "*",
            };
            let policy = obj! {"Version" => "2012-10-17", "Statement" => arr![statement]}.to_text();
            let mut record = call(rng, "PutKeyPolicy").param("policyName", "default");
            record = match rng.below(3) {
                0 => {
                    record.request = obj! {
                        "reason" => "requestParameters too large",
                        "omitted" => true,
                        "originalSize" => 119_183,
                    };
                    record.resources = vec![key.resource()];
                    record.key = KeySeen::Key(key.clone());
                    record
                }
                _ => record.param("policy", policy).key(Naming::IdAndResources, &key),
            };
            record.response = obj! {"keyId" => key.arn()};
            record
        }
        12 => call(rng, "GenerateRandom").param("numberOfBytes", 32),
        _ => {
            let mut record =
                call(rng, "ScheduleKeyDeletion").param("pendingWindowInDays", 30).param("keyId", &key.id);
            record.response = obj! {
                "keyId" => key.arn(),
                "keyState" => "PendingDeletion",
                "deletionDate" => "Jul 4, 2024, 12:00:00 AM",
            };
            record.key = KeySeen::Key(key);
            record
        }
    }
}

/// Calls that failed: half of them refused, with and without the request.
pub fn failure(rng: &mut Rng, place: &Place) -> KmsRecord {
    let key = place.key(rng.below(10));
    let name = *rng.pick(&["Decrypt", "GenerateDataKey", "CreateGrant", "DescribeKey", "Encrypt"]);
    let caller = person(rng, place);
    let who = caller.arn();
    let record = KmsRecord::call(rng, place, caller, name);
    let arn = key.arn();
    match rng.below(18) {
        0..=7 => {
            let (message, seen) = rng.pick(&refusal::wordings(&who, name, &key)).clone();
            record.denied_bare(message, seen)
        }
        8 | 9 => {
            let (message, _) = rng.pick(&refusal::wordings(&who, name, &key)).clone();
            let code = *rng.pick(&["AccessDenied", "AccessDeniedException", "KMS.AccessDeniedException"]);
            record.key(Naming::Arn, &key).fails(code, "AccessDenied", "denied", message)
        }
        10 => record.denied_bare(refusal::cut_short(&who, name, &key), KeySeen::Nothing),
        11 => {
            let message = format!("{arn} is disabled.");
            record.key(Naming::Resources, &key).fails("DisabledException", "Disabled", "key_state", message)
        }
        12 => {
            let message = format!("{arn} is pending deletion.");
            let record = record.key(Naming::Resources, &key);
            record.fails("KMSInvalidStateException", "KMSInvalidState", "key_state", message)
        }
        13 => {
            let message = format!("Key '{arn}' does not exist");
            let mut record = record.fails("NotFoundException", "NotFound", "not_found", message);
            record.key = KeySeen::Key(key);
            record
        }
        14 => {
            let alias = format!("arn:aws:kms:{}:{}:alias/gone", key.region, key.account);
            let message = format!("Alias {alias} is not found.");
            let mut record = record.fails("NotFoundException", "NotFound", "not_found", message);
            record.key = KeySeen::Alias { account: key.account, region: key.region };
            record
        }
        15 => {
            let message = "You have exceeded the rate at which you may call KMS.";
            record.key(Naming::Arn, &key).fails("ThrottlingException", "Throttling", "throttled", message)
        }
        16 => {
            let message =
                "The key ID in the request does not identify a CMK that can perform this operation.";
            record.key(Naming::Arn, &key).fails(
                "KMS.IncorrectKeyException",
                "IncorrectKey",
                "misuse",
                message,
            )
        }
        _ => {
            let message = "An internal error occurred.";
            let record = record.key(Naming::Resources, &key);
            record.fails("KMSInternalException", "KMSInternal", "internal", message)
        }
    }
}

/// Rare shapes: not usage at all, or hardly anything in the record.
pub fn oddity(rng: &mut Rng, place: &Place) -> KmsRecord {
    let key = place.key(rng.below(10));
    let caller = person(rng, place);
    match rng.below(6) {
        0 => {
            let mut record = KmsRecord::call(rng, place, caller, "Decrypt");
            record.event_type = *rng.pick(&["AwsVpceEvent", "AwsVpceEvents"]);
            record.category = Some("NetworkActivity");
            record.shared_event_id = Some(rng.uuid());
            record.more = vec![
                ("vpcEndpointId", Json::from("vpce-00000008c1b6b9b7")),
                ("vpcEndpointAccountId", Json::from(&place.account)),
            ];
            record.not_usage = true;
            record
        }
        1 => {
            let mut record = KmsRecord::call(rng, place, caller, "GenerateDataKey")
                .key(Naming::Arn, &key)
                .param("dryRun", true)
                .fails(
                    "DryRunOperationException",
                    "DryRunOperation",
                    "success",
                    "The request would have succeeded, but the DryRun option is set.",
                );
            record.not_usage = true;
            record
        }
        // Nothing but what the record format promises.
        2 => {
            let mut record = KmsRecord::call(rng, place, Caller::Nobody, "Decrypt");
            (record.source_ip, record.user_agent, record.recipient, record.request_id) =
                (None, None, None, None);
            (record.category, record.more) = (None, Vec::new());
            record
        }
        3 => {
            let mut record = KmsRecord::call(rng, place, caller, "Decrypt").key(Naming::Resources, &key);
            record.event_id = None;
            // As Athena and LookupEvents export it.
            record.read_only = Json::from("true");
            record
        }
        4 => {
            // A look-alike inside the encryption context, and every character that needs care.
            let nested =
                obj! {"eventSource" => "kms.amazonaws.com", "eventName" => "Decrypt", "note" => gnarled(rng)}
                    .to_text();
            let context = obj! {
                "wrapped" => nested,
                "path" => gnarled(rng),
                "blank" => "",
                "größe" => "\u{0}\u{7f}\u{1f600}",
            };
            KmsRecord::call(rng, place, caller, "Decrypt")
                .param("encryptionContext", context)
                .key(Naming::Resources, &key)
        }
        _ => {
            let mut record = KmsRecord::call(rng, place, caller, "GenerateMac").key(Naming::Arn, &key);
            record.user_agent = Some(Json::from(gnarled(rng)));
            record.more.push((
                "addendum",
                obj! {
                    "reason" => "DELIVERY_DELAY",
                    "sequence" => Json::Raw("123456789012345678901234567890".into()),
                },
            ));
            record
        }
    }
}

/// Text made of the characters a splitter must not trip over, of every length, so that runs of
/// backslashes end at every offset of a vector register.
pub fn gnarled(rng: &mut Rng) -> String {
    let mut text = String::new();
    for _ in 0..rng.below(12) {
        let run = 1 + rng.below(17) as usize;
        text.push_str(
            &rng.pick(&[
                "\\",
                "\"",
                "\\\"",
                "{",
                "}",
                "[{",
                "}]",
                ",",
                ":",
                "é",
                "😀",
                "x",
                "\n",
                "{\"Records\":[",
            ])
            .repeat(run),
        );
    }
    text
}

/// The two copies of a call that crosses accounts: the caller's, and the owner's with a bare
/// identity. `known` says whether the caller's reader will see the owner's copy.
pub fn crossing(rng: &mut Rng, place: &Place, owner: &str, known: bool) -> (KmsRecord, KmsRecord) {
    let key = Key::numbered(owner, &place.region, 3);
    let (role, session) =
        (Role::new(&place.account, "/", "OfflineStoreReader"), format!("reader-{}", rng.below(5)));
    let offline = rng.chance(0.7);
    let path = match offline {
        true => super::workloads::offline_object(rng, owner, &place.region),
        false => format!("shared-{owner}/reports/2024/q{}.csv", 1 + rng.below(4)),
    };
    let label = if offline { "feature-store-offline" } else { "other" };
    let mut caller = KmsRecord::call(rng, place, Caller::session(&role, &session, None), "Decrypt")
        .param("encryptionAlgorithm", "SYMMETRIC_DEFAULT")
        .s3(path)
        .key(Naming::Resources, &key)
        .workload(label);
    caller.shared_event_id = Some(rng.uuid());
    let mut owners = caller.clone();
    owners.event_id = Some(rng.uuid());
    owners.recipient = Some(owner.into());
    owners.caller = Caller::Foreign { role, session };
    owners.delivery = super::truth::Delivery::OtherCopy;
    if rng.chance(0.2) {
        // The caller's copy lacks the key: what is known of it comes from the owner's.
        caller.resources.clear();
        if !known {
            caller.key = KeySeen::Nothing;
        }
    }
    (caller, owners)
}
