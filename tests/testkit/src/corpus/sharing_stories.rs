//! One story for each finding about what is shared: an owner, and a consumer with its own trail.
//!
//! No public record of these calls was found, but for CreateResourceShare: parameters and responses
//! are those of the service models of AWS RAM and SageMaker.

use super::cast::{Caller, Key, Role};
use super::json::{Json, arr, obj};
use super::kms::{KeySeen, KmsRecord, Naming, Place};
use super::rng::Rng;
use super::stories::{AUDITED, OTHER_REGION, Plant, REGION, at};
use super::truth::{Expected, time_text};

/// Uses what is shared.
pub const PARTNER: &str = "333344445555";
/// Has been invited, and has no trail in the tree.
const ABSENT: &str = "999900001111";

/// Account, region, first day, number of days.
pub const SPANS: [(&str, &str, &str, i64); 1] = [(PARTNER, REGION, "2024-09-02", 10)];

struct Sharing<'p> {
    rng: Rng,
    plant: Plant<'p>,
}

/// A call of AWS RAM or SageMaker.
struct Call {
    who: (&'static str, &'static str),
    when: (i64, i64),
    source: &'static str,
    name: &'static str,
    request: Json,
    response: Json,
    error: Option<&'static str>,
}

/// The day of which the tree has another Region, too.
const ELSEWHERE: i64 = 74;

/// `minute` of a day in an account.
fn place(account: &str, (day, minute): (i64, i64)) -> Place {
    let region = if day == ELSEWHERE { OTHER_REGION } else { REGION };
    Place { account: account.into(), ..at(region, day, minute) }
}

fn resource(kind: &str, name: &str) -> String {
    format!("arn:aws:sagemaker:{REGION}:{AUDITED}:{kind}/{name}")
}

fn share(number: u32) -> String {
    format!("arn:aws:ram:{REGION}:{AUDITED}:resource-share/0f0e0d0c-0000-4000-8000-00000000000{number}")
}

fn session(account: &str, name: &str) -> Caller {
    Caller::session(&Role::new(account, "/", name.to_owned()), "job", None)
}

impl Sharing<'_> {
    fn call(&mut self, call: Call) {
        let Call { who: (account, name), when, source, name: api, request, response, error } = call;
        let place = place(account, when);
        let is_read = ["Describe", "List", "Get"].iter().any(|verb| api.starts_with(verb));
        let mut record = obj! {
            "eventVersion" => "1.09",
            "userIdentity" => session(account, name).identity(place.time),
            "eventTime" => time_text(place.time),
            "eventSource" => source,
            "eventName" => api,
            "awsRegion" => place.region.as_str().to_owned(),
            "sourceIPAddress" => "192.0.2.11",
            "userAgent" => "aws-cli/2.15.30",
        };
        if let (Json::Obj(members), Some(code)) = (&mut record, error) {
            members.push(("errorCode".into(), code.into()));
        }
        let rest = obj! {
            "requestParameters" => request,
            "responseElements" => response,
            "requestID" => self.rng.uuid(),
            "eventID" => self.rng.uuid(),
            "readOnly" => is_read,
            "eventType" => "AwsApiCall",
            "managementEvent" => true,
            "recipientAccountId" => account,
            "eventCategory" => "Management",
        };
        if let (Json::Obj(members), Json::Obj(rest)) = (&mut record, rest) {
            members.extend(rest);
        }
        (self.plant)(&place, record, Expected::OtherSource);
    }

    fn ram(&mut self, when: (i64, i64), name: &'static str, request: Json, response: Json) {
        let (who, source) = ((AUDITED, "MlOwner"), "ram.amazonaws.com");
        self.call(Call { who, when, source, name, request, response, error: None });
    }

    fn sagemaker(
        &mut self,
        who: (&'static str, &'static str),
        when: (i64, i64),
        name: &'static str,
        request: Json,
    ) {
        let source = "sagemaker.amazonaws.com";
        self.call(Call { who, when, source, name, request, response: Json::Null, error: None });
    }

    /// A share of a pipeline with the partner.
    fn shared(&mut self, number: u32, when: (i64, i64), pipeline: &str, permissions: Json) {
        let request = obj! {
            "name" => format!("{pipeline}-for-partner"),
            "resourceArns" => arr![resource("pipeline", pipeline)],
            "principals" => arr![PARTNER],
            "permissionArns" => permissions,
            "allowExternalPrincipals" => true,
        };
        let response = obj! {"resourceShare" => obj! {
            "resourceShareArn" => share(number), "owningAccountId" => AUDITED, "allowExternalPrincipals" => true,
            "status" => "ACTIVE", "featureSet" => "STANDARD",
        }};
        self.ram(when, "CreateResourceShare", request, response);
    }

    fn kms(&mut self, account: &str, name: &str, when: (i64, i64), api: &'static str) -> KmsRecord {
        let mut record = KmsRecord::call(&mut self.rng, &place(account, when), session(account, name), api);
        record.source_ip = Some("192.0.2.11".into());
        record
    }

    fn add(&mut self, record: &KmsRecord) {
        (self.plant)(&record.place, record.json(), record.expected());
    }
}

/// Plants all stories.
pub fn plant(plant: Plant<'_>) {
    let mut sharing = Sharing { rng: Rng::named("sharing"), plant };
    pipelines(&mut sharing);
    model_packages(&mut sharing);
    offline_store(&mut sharing);
    // share-changed-by-others.
    let package = obj! {"modelPackageName" => resource("model-package", "churn/1")};
    sharing.sagemaker((PARTNER, "Scientist"), (8, 620), "DeleteModelPackage", package);
}

fn pipelines(sharing: &mut Sharing<'_>) {
    let scientist = (PARTNER, "Scientist");
    let managed = |name: &str| format!("arn:aws:ram::aws:permission/{name}");
    // pipeline-run-by-others.
    let execution = managed("AWSRAMPermissionSageMakerPipelineAllowExecution");
    sharing.shared(1, (2, 600), "demand", arr![execution]);
    sharing.call(Call {
        who: (PARTNER, "Admin"),
        when: (3, 600),
        source: "ram.amazonaws.com",
        name: "AcceptResourceShareInvitation",
        request: obj! {"resourceShareInvitationArn" =>
            format!("arn:aws:ram:{REGION}:{AUDITED}:resource-share-invitation/0f0e0d0c-0000-4000-8000-0000000000a1")},
        response: obj! {"resourceShareInvitation" => obj! {
            "resourceShareArn" => share(1), "senderAccountId" => AUDITED, "receiverAccountId" => PARTNER,
            "status" => "ACCEPTED",
        }},
        error: None,
    });
    let demand = resource("pipeline", "demand");
    sharing.sagemaker(scientist, (4, 600), "StartPipelineExecution", obj! {"pipelineName" => &demand});
    let run = format!("{demand}/execution/abcdef123456");
    sharing.sagemaker(
        scientist,
        (4, 605),
        "DescribePipelineExecution",
        obj! {"pipelineExecutionArn" => &run},
    );
    // share-used-after-end.
    sharing.shared(2, (2, 610), "old", arr![]);
    let old = resource("pipeline", "old");
    sharing.sagemaker(scientist, (4, 610), "DescribePipeline", obj! {"pipelineName" => &old});
    let request = obj! {"resourceShareArn" => share(2)};
    sharing.ram((6, 600), "DeleteResourceShare", request, obj! {"returnValue" => true});
    sharing.sagemaker(scientist, (8, 600), "DescribePipeline", obj! {"pipelineName" => &old});
    // used-without-share.
    let hidden = resource("pipeline", "hidden");
    sharing.sagemaker(scientist, (7, 600), "DescribePipeline", obj! {"pipelineName" => &hidden});
    // share-external-by-default, share-invitation-open, share-never-used, share-untrusted.
    let request = obj! {"name" => "batch", "resourceArns" => arr![resource("pipeline", "batch")]};
    let response =
        obj! {"resourceShare" => obj! {"resourceShareArn" => share(3), "owningAccountId" => AUDITED}};
    sharing.ram((2, 620), "CreateResourceShare", request, response);
    let request = obj! {"resourceShareArn" => share(3), "principals" => arr![ABSENT]};
    let association = obj! {
        "resourceShareArn" => share(3), "associatedEntity" => ABSENT, "associationType" => "PRINCIPAL",
        "status" => "ASSOCIATING", "external" => true,
    };
    let response = obj! {"resourceShareAssociations" => arr![association]};
    sharing.ram((2, 621), "AssociateResourceShare", request, response);
    // permission-changed-for-all.
    let permission = format!("arn:aws:ram:{REGION}:{AUDITED}:permission/pipelines");
    let request = obj! {"permissionArn" => permission, "permissionVersion" => 2};
    sharing.ram((9, 600), "SetDefaultPermissionVersion", request, obj! {"returnValue" => true});
}

fn model_packages(sharing: &mut Sharing<'_>) {
    let key = Key::numbered(AUDITED, REGION, 8);
    let owner = (AUDITED, "MlOwner");
    let security = obj! {"kmsKeyId" => key.arn()};
    let request = obj! {"modelPackageGroupName" => "churn", "securityConfig" => security};
    sharing.sagemaker(owner, (1, 600), "CreateModelPackage", request);
    // share-policy-wide, share-promotion-failed, share-not-discoverable.
    let scientist = Role::new(PARTNER, "/", "Scientist").arn();
    let statement = obj! {
        "Sid" => "Partner", "Effect" => "Allow", "Principal" => obj! {"AWS" => scientist}, "Action" => "*",
        "Resource" => arr![resource("model-package-group", "churn"), resource("model-package", "churn/*")],
    };
    let policy = obj! {"Version" => "2012-10-17", "Statement" => arr![statement]}.to_text();
    let request = obj! {"modelPackageGroupName" => "churn", "resourcePolicy" => policy};
    sharing.sagemaker(owner, (2, 630), "PutModelPackageGroupPolicy", request);
    sharing.call(Call {
        who: owner,
        when: (2, 640),
        source: "ram.amazonaws.com",
        name: "PromoteResourceShareCreatedFromPolicy",
        request: obj! {"resourceShareArn" => share(4)},
        response: Json::Null,
        error: Some("OperationNotPermittedException"),
    });
    // share-never-promoted: in another Region, where nothing was promoted.
    let everyone = obj! {"AWS" => format!("arn:aws:iam::{PARTNER}:root")};
    let read = obj! {
        "Sid" => "Partner", "Effect" => "Allow", "Principal" => everyone,
        "Action" => arr!["sagemaker:DescribeModelPackage", "sagemaker:ListModelPackages"], "Resource" => "*",
    };
    let policy = obj! {"Version" => "2012-10-17", "Statement" => arr![read]}.to_text();
    let request = obj! {"modelPackageGroupName" => "fraud", "resourcePolicy" => policy};
    sharing.sagemaker(owner, (ELSEWHERE, 600), "PutModelPackageGroupPolicy", request);
    let partner = (PARTNER, "Scientist");
    let request = obj! {"crossAccountFilterOption" => "CrossAccount"};
    sharing.sagemaker(partner, (5, 600), "ListModelPackageGroups", request);
    let container = obj! {"modelPackageName" => resource("model-package", "churn/1")};
    let request = obj! {"modelName" => "churn", "containers" => arr![container]};
    sharing.sagemaker(partner, (5, 610), "CreateModel", request);
    // share-refused-by-kms.
    let text = format!(
        "User: {} is not authorized to perform: kms:Decrypt on resource: {} because no resource-based policy allows \
         the kms:Decrypt action",
        Role::new(PARTNER, "/", "Scientist").session_arn("job"),
        key.arn()
    );
    let refused = sharing.kms(PARTNER, "Scientist", (5, 611), "Decrypt");
    sharing.add(&refused.denied_bare(text, KeySeen::Key(key)));
}

/// offline-store-misfit.
fn offline_store(sharing: &mut Sharing<'_>) {
    let key = Key::numbered(AUDITED, REGION, 9);
    let storage = obj! {"s3Uri" => "s3://partner-sagemaker-features", "kmsKeyId" => key.arn()};
    let request = obj! {
        "featureGroupName" => "partner-customers",
        "roleArn" => Role::new(PARTNER, "/", "StoreWriter").arn(),
        "offlineStoreConfig" => obj! {"s3StorageConfig" => storage},
    };
    sharing.sagemaker((AUDITED, "MlOwner"), (2, 650), "CreateFeatureGroup", request);
    let context = || obj! {"Project" => "features"};
    let written = sharing.kms(AUDITED, "Loader2", (3, 700), "GenerateDataKey").param("keySpec", "AES_256");
    sharing.add(&written.param("encryptionContext", context()).key(Naming::Arn, &key));
    let read = sharing.kms(PARTNER, "Analyst", (6, 700), "Decrypt");
    let read = read.param("encryptionAlgorithm", "SYMMETRIC_DEFAULT").param("encryptionContext", context());
    sharing.add(&read.key(Naming::Resources, &key));
}
