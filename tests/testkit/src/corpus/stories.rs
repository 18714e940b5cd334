//! One story for each finding of `docs/findings.md`, in an account of its own: 75 days on which
//! little else happens.

use super::cast::{Caller, Key, Role};
use super::documented::{canvas_key, canvas_role, forecast_role};
use super::json::{Json, arr, obj};
use super::kms::{KeySeen, KmsRecord, Naming, Place};
use super::rng::Rng;
use super::sample::{MAIN, seconds};
use super::truth::{Expected, time_text};

/// Owns the keys of the stories.
pub const AUDITED: &str = "222233334444";
/// Another account that comes to use one of them.
const PARTNER: &str = "333344445555";
pub(super) const REGION: &str = "eu-west-1";
pub(super) const OTHER_REGION: &str = "ap-south-1";
/// Midnight of the first day.
const FIRST: &str = "2024-09-01T00:00:00Z";

/// Account, region, first day, number of days.
pub const SPANS: [(&str, &str, &str, i64); 2] =
    [(AUDITED, REGION, "2024-09-01", 75), (AUDITED, OTHER_REGION, "2024-11-13", 1)];

/// Takes a record of a story.
pub type Plant<'p> = &'p mut dyn FnMut(&Place, Json, Expected);

struct Stories<'p> {
    rng: Rng,
    plant: Plant<'p>,
}

/// `minute` of a day, which is counted from 1.
pub(super) fn at(region: &str, day: i64, minute: i64) -> Place {
    let time = seconds(FIRST) + (day - 1) * 86_400 + minute * 60;
    Place { account: AUDITED.into(), region: region.into(), time }
}

fn key(number: u64) -> Key {
    Key::numbered(AUDITED, REGION, number)
}

fn role(name: &str) -> Caller {
    Caller::session(&Role::new(AUDITED, "/", name), "job", None)
}

/// The encryption context to which grants are limited.
fn project() -> Json {
    obj! {"Project" => "x"}
}

impl Stories<'_> {
    fn call(&mut self, place: &Place, who: Caller, name: &'static str) -> KmsRecord {
        let mut record = KmsRecord::call(&mut self.rng, place, who, name);
        record.source_ip = Some("192.0.2.10".into());
        record
    }

    fn add(&mut self, record: &KmsRecord) {
        (self.plant)(&record.place, record.json(), record.expected());
    }

    /// A call of another service by a role.
    fn other(
        &mut self,
        name: &str,
        (day, minute): (i64, i64),
        (source, api): (&'static str, &'static str),
        request: Json,
    ) {
        let place = at(REGION, day, minute);
        let record = obj! {
            "eventVersion" => "1.11",
            "userIdentity" => role(name).identity(place.time),
            "eventTime" => time_text(place.time),
            "eventSource" => source,
            "eventName" => api,
            "awsRegion" => REGION,
            "sourceIPAddress" => "192.0.2.10",
            "userAgent" => "aws-cli/2.15.30",
            "requestParameters" => request,
            "responseElements" => Json::Null,
            "requestID" => self.rng.uuid(),
            "eventID" => self.rng.uuid(),
            "readOnly" => false,
            "eventType" => "AwsApiCall",
            "managementEvent" => true,
            "recipientAccountId" => AUDITED,
            "eventCategory" => "Management",
        };
        (self.plant)(&place, record, Expected::OtherSource);
    }

    /// A Decrypt on a day.
    fn uses(&mut self, who: &Caller, number: u64, day: i64) -> KmsRecord {
        self.call(&at(REGION, day, 600), who.clone(), "Decrypt")
            .param("encryptionAlgorithm", "SYMMETRIC_DEFAULT")
            .param("encryptionContext", project())
            .key(Naming::Resources, &key(number))
    }

    fn used(&mut self, name: &str, number: u64, days: &[i64]) {
        for day in days {
            let record = self.uses(&role(name), number, *day);
            self.add(&record);
        }
    }

    /// A change of a key by a role.
    fn changes(
        &mut self,
        name: &str,
        number: u64,
        (day, minute): (i64, i64),
        api: &'static str,
    ) -> KmsRecord {
        self.call(&at(REGION, day, minute), role(name), api).key(Naming::Arn, &key(number))
    }

    fn changed(&mut self, name: &str, number: u64, when: (i64, i64), api: &'static str) {
        let record = self.changes(name, number, when, api);
        self.add(&record);
    }

    /// A grant on the first key; returns its id.
    fn grant(
        &mut self,
        day: i64,
        to: &Role,
        operations: &[&'static str],
        name: Option<&'static str>,
        limited: bool,
    ) -> String {
        let mut record = self.changes("KeyOwner", 0, (day, 480), "CreateGrant");
        record = record.param("granteePrincipal", to.arn());
        record =
            record.param("operations", operations.iter().map(|name| Json::from(*name)).collect::<Vec<_>>());
        if limited {
            record = record.param("constraints", obj! {"encryptionContextSubset" => project()});
        }
        if let Some(name) = name {
            record = record.param("name", name);
        }
        let id = self.rng.hex(64);
        record.response = obj! {"grantId" => &id, "keyId" => key(0).arn()};
        self.add(&record);
        id
    }
}

/// Plants all stories.
pub fn plant(plant: Plant<'_>) {
    let mut stories = Stories { rng: Rng::named("stories"), plant };
    grants(&mut stories);
    lives_of_keys(&mut stories);
    users(&mut stories);
    trails(&mut stories);
    policies(&mut stories);
    canvas(&mut stories);
}

fn grants(stories: &mut Stories<'_>) {
    let own = |name: &str| Role::new(AUDITED, "/", name);
    // grant-stale: nobody came.
    stories.grant(1, &own("QuarterlyReport"), &["Decrypt"], None, true);
    // grant-wide: it may write, and only reads.
    stories.grant(1, &own("Loader"), &["Decrypt", "Encrypt", "GenerateDataKey"], None, true);
    stories.used("Loader", 0, &[20, 50, 70]);
    // grant-external, and new-account when it is used.
    let partner = Role::new(PARTNER, "/", "PartnerReader");
    stories.grant(60, &partner, &["Decrypt"], None, true);
    let caller = Caller::session(&partner, "job", None);
    let record = stories.uses(&caller, 0, 73);
    stories.add(&record);
    // grant-orphaned: the role was deleted and created again between the two.
    for day in [1, 30] {
        stories.grant(day, &own("Nightly"), &["Decrypt"], Some("nightly"), true);
    }
    stories.used("Nightly", 0, &[10, 25, 40, 55, 70]);
    // grant-without-constraints.
    stories.grant(10, &own("Loose"), &["Decrypt"], None, false);
    stories.used("Loose", 0, &[30, 60, 75]);
    // grant-used-after-end: a policy allows it, too.
    let id = stories.grant(5, &own("Former"), &["Decrypt"], None, true);
    stories.used("Former", 0, &[20]);
    let revoked = stories.changes("KeyOwner", 0, (40, 540), "RevokeGrant");
    stories.add(&revoked.param("grantId", id));
    stories.used("Former", 0, &[50]);
}

fn lives_of_keys(stories: &mut Stories<'_>) {
    // key-pending-deletion-used, disable-then-delete, deletion-window-shortest,
    // dead-key-asked-for.
    stories.used("Batch", 1, &[5, 35]);
    stories.changed("Intruder", 1, (40, 600), "DisableKey");
    let scheduled = stories.changes("Intruder", 1, (40, 620), "ScheduleKeyDeletion");
    stories.add(&scheduled.param("pendingWindowInDays", 7));
    for hour in 0..12 {
        let place = at(REGION, 41 + hour / 4, 60 * (8 + hour % 4));
        let message = format!("{} is pending deletion.", key(1).arn());
        let record = stories
            .call(&place, role("Batch"), "Decrypt")
            .param("encryptionAlgorithm", "SYMMETRIC_DEFAULT")
            .key(Naming::Resources, &key(1))
            .fails("KMSInvalidStateException", "KMSInvalidState", "key_state", message);
        stories.add(&record);
    }
    // key-disabled-used.
    stories.used("Reports", 2, &[20, 45]);
    stories.changed("KeyOwner", 2, (50, 600), "DisableKey");
    // rotation-disabled and rotation-enabled.
    stories.changed("KeyOwner", 3, (2, 600), "EnableKeyRotation");
    let mut off = stories.changes("KeyOwner", 3, (60, 600), "DisableKeyRotation");
    off.read_only = Json::Bool(false);
    stories.add(&off);
    stories.changed("KeyOwner", 5, (2, 605), "EnableKeyRotation");
    // key-deleted-used.
    stories.used("Archive", 6, &[3]);
    stories.changed("KeyOwner", 6, (4, 600), "ScheduleKeyDeletion");
    let mut gone =
        stories.call(&at(REGION, 35, 30), Caller::Internal { account: AUDITED.into() }, "DeleteKey");
    gone.event_type = "AwsServiceEvent";
    gone.resources = vec![key(6).resource()];
    gone.key = KeySeen::Key(key(6));
    stories.add(&gone);
}

fn users(stories: &mut Stories<'_>) {
    // admin-who-uses, lockout-check-bypassed.
    let policy = obj! {"Version" => "2012-10-17", "Statement" => arr![]}.to_text();
    let put = stories.changes("KeyAdmin", 7, (10, 600), "PutKeyPolicy");
    stories.add(
        &put.param("policyName", "default")
            .param("policy", policy)
            .param("bypassPolicyLockoutSafetyCheck", true),
    );
    stories.used("KeyAdmin", 7, &[11]);
    // new-principal.
    stories.used("App", 0, &[1, 10, 20, 30, 40, 50, 60, 70, 75]);
    stories.used("Intern", 0, &[72]);
    // new-region.
    let place = at(OTHER_REGION, 74, 300);
    let elsewhere = stories.call(&place, role("App"), "GenerateDataKey").param("keySpec", "AES_256");
    stories.add(&elsewhere.key(Naming::Arn, &place.key(0)));
    // new-address.
    for (day, address) in
        [(1, "203.0.113.7"), (30, "203.0.113.7"), (60, "203.0.113.7"), (74, "198.51.100.99")]
    {
        let mut record = stories.uses(&Caller::user(AUDITED, "Olga"), 0, day);
        record.source_ip = Some(address.into());
        stories.add(&record);
    }
    // refused-repeatedly.
    for hour in 0..12 {
        let who = role("Guess");
        let text = format!(
            "User: {} is not authorized to perform: kms:Decrypt on resource: {} because no resource-based \
             policy allows the kms:Decrypt action",
            Role::new(AUDITED, "/", "Guess").session_arn("job"),
            key(0).arn()
        );
        let record = stories.call(&at(REGION, 15, 60 * hour + 7), who, "Decrypt");
        stories.add(&record.denied_bare(text, KeySeen::Key(key(0))));
    }
}

fn allow(sid: &'static str, principal: Json, actions: &[&'static str]) -> Json {
    let actions: Vec<Json> = actions.iter().map(|name| Json::from(*name)).collect();
    obj! {
        "Sid" => sid, "Effect" => "Allow", "Principal" => principal, "Action" => actions, "Resource" => "*",
    }
}

/// Key policies of the main account: what Forecast lacks, and which statement can go.
fn policies(stories: &mut Stories<'_>) {
    let aws = |arns: &[String]| {
        obj! {"AWS" => arns.iter().map(|arn| Json::from(arn.clone())).collect::<Vec<_>>()}
    };
    let root =
        || allow("Enable IAM User Permissions", aws(&[format!("arn:aws:iam::{MAIN}:root")]), &["kms:*"]);
    let jane = Role::new(MAIN, "/", "Jane").arn();
    // policy-case: pages of AWS write SageMaker, the role has Sagemaker. So Forecast lacks all.
    let wrong_case = forecast_role().arn().replace("AmazonSagemaker", "AmazonSageMaker");
    let forecast = [
        "kms:DescribeKey",
        "kms:CreateGrant",
        // policy-retire-grant
        "kms:RetireGrant",
        "kms:GenerateDataKey",
        "kms:GenerateDataKeyWithoutPlainText",
        "kms:Decrypt",
    ];
    let canvas = arr![
        root(),
        allow("Canvas users", aws(&[canvas_role().arn(), jane]), &["kms:Decrypt", "kms:GenerateDataKey"]),
        allow("Forecast", aws(&[wrong_case]), &forecast),
        // policy-wide, policy-not-used
        allow("Old project", aws(&[Role::new(MAIN, "/", "OldProject").arn()]), &["kms:*"]),
        // policy-without-effect: no Resource.
        obj! {
            "Sid" => "Reports", "Effect" => "Allow", "Principal" => aws(&[Role::new(MAIN, "/", "Reports").arn()]),
            "Action" => "kms:Decrypt",
        },
    ];
    // policy-offline-store-via-sagemaker: Amazon S3 calls for an offline store.
    let via = obj! {"StringEquals" => obj! {"kms:ViaService" => "sagemaker.eu-central-1.amazonaws.com"}};
    let writer = Role::new(MAIN, "/ml/", "FeatureStoreWriter").arn();
    let offline = arr![
        root(),
        obj! {
            "Sid" => "Feature Store", "Effect" => "Allow", "Principal" => aws(&[writer]),
            "Action" => arr!["kms:GenerateDataKey", "kms:Decrypt"], "Resource" => "*", "Condition" => via,
        },
        // policy-public
        allow("Readers", obj! {"AWS" => "*"}, &["kms:Decrypt"]),
    ];
    let owner = Caller::session(&Role::new(MAIN, "/", "KeyOwner"), "deploy", None);
    for (region, time, key, statements) in [
        ("us-east-1", "2025-06-01T00:05:00Z", canvas_key(), canvas),
        ("eu-central-1", "2024-02-01T00:05:00Z", Key::numbered(MAIN, "eu-central-1", 3), offline),
    ] {
        let place = Place { account: MAIN.into(), region: region.into(), time: seconds(time) };
        let policy = obj! {"Version" => "2012-10-17", "Statement" => statements}.to_text();
        let put = stories.call(&place, owner.clone(), "PutKeyPolicy").key(Naming::Arn, &key);
        stories.add(&put.param("policyName", "default").param("policy", policy));
    }
}

/// trail-stopped and trail-excludes-kms.
fn trails(stories: &mut Stories<'_>) {
    let selector = obj! {
        "readWriteType" => "All",
        "includeManagementEvents" => true,
        "dataResources" => arr![],
        "excludeManagementEventSources" => arr!["kms.amazonaws.com"],
    };
    for (day, minute, name, request) in [
        (40, 590, "StopLogging", obj! {"name" => "audit"}),
        (40, 700, "StartLogging", obj! {"name" => "audit"}),
        (41, 590, "PutEventSelectors", obj! {"trailName" => "audit", "eventSelectors" => arr![selector]}),
    ] {
        stories.other("Intruder", (day, minute), ("cloudtrail.amazonaws.com", name), request);
    }
}

/// canvas-key-mismatch: the settings name one key, and the bucket's default encryption another.
fn canvas(stories: &mut Stories<'_>) {
    let workspace = obj! {"s3KmsKeyId" => key(3).arn()};
    let canvas = obj! {"canvasAppSettings" => obj! {"workspaceSettings" => workspace}};
    let request = obj! {"domainId" => "d-222233334444", "defaultUserSettings" => canvas};
    stories.other("KeyOwner", (5, 600), ("sagemaker.amazonaws.com", "UpdateDomain"), request);
    let place = at(REGION, 45, 610);
    let stored = stories.call(&place, role("App"), "GenerateDataKey").param("keySpec", "AES_256");
    let path = format!("sagemaker-{REGION}-{AUDITED}/Canvas/app/Training/data.csv");
    stories.add(&stored.s3(path).key(Naming::Arn, &key(0)).workload("canvas"));
}
