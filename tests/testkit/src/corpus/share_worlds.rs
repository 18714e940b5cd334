//! What accounts share in the generated archives: random steps of an owner and two consumers, told
//! by one side or both, out of order, some of them twice.
//!
//! There is one world for each three archives of one Region. Names of resources are the same in all
//! worlds of a Region, and a share can be ended by the world after the one that made it.

use super::cast::{ACCOUNTS, Caller, Role};
use super::json::{Json, arr, obj};
use super::kms::Place;
use super::other::Call;
use super::rng::Rng;

/// A record of a world.
pub struct WorldRecord {
    /// In whose trail it is.
    pub account: String,
    pub record: Json,
    /// It is delivered once more, with a later archive.
    pub comes_again: bool,
}

/// A world, and those before it in this Region.
pub struct World<'w> {
    pub rng: Rng,
    /// The Region, and the time up to which it goes.
    pub place: &'w Place,
    /// The number of the world in its Region.
    pub number: u64,
    pub steps: u64,
}

/// The account that shares in a Region.
fn owner(region: &str) -> &'static str {
    ACCOUNTS[region.len() % 3]
}

fn organization(owner: &str) -> String {
    format!("arn:aws:organizations::{owner}:organization/o-exampleorg")
}

impl World<'_> {
    /// All records, in no order of time.
    pub fn tell(mut self) -> Vec<WorldRecord> {
        let mut told = Vec::new();
        let mut time = self.place.time - 890;
        let pause = 880 / (self.steps as i64).max(1);
        for _ in 0..self.steps {
            // Now and then two things happen within one second.
            time += if self.rng.chance(0.1) { 0 } else { self.rng.range(1, pause.max(1)) };
            let records = self.step(time);
            for (account, record) in records {
                let comes_again = self.rng.chance(0.15);
                told.push(WorldRecord { account, record, comes_again });
            }
        }
        for n in (1..told.len()).rev() {
            told.swap(n, self.rng.below(n as u64 + 1) as usize);
        }
        told
    }

    fn owner(&self) -> &'static str {
        owner(&self.place.region)
    }

    fn consumer(&mut self) -> &'static str {
        let owner = self.owner();
        let others: Vec<&'static str> = ACCOUNTS.into_iter().filter(|account| *account != owner).collect();
        others[self.rng.below(others.len() as u64) as usize]
    }

    fn share(&mut self) -> String {
        // Of this world, or of the one before.
        let world = self.number.saturating_sub(u64::from(self.rng.chance(0.4)));
        let (owner, region) = (self.owner(), &self.place.region);
        let n = self.rng.below(2);
        let id = Rng::named(&format!("share {owner} {region} {world} {n}")).uuid();
        format!("arn:aws:ram:{region}:{owner}:resource-share/{id}")
    }

    fn arn(&self, kind: &str, name: &str) -> String {
        format!("arn:aws:sagemaker:{}:{}:{kind}/{name}", self.place.region, self.owner())
    }

    fn resource(&mut self) -> String {
        let n = self.rng.below(2);
        match self.rng.below(5) {
            0 | 1 => self.arn("pipeline", &format!("demand-{n}")),
            2 | 3 => self.arn("model-package-group", &format!("Churn-{n}")),
            _ => format!("arn:aws:ec2:{}:{}:subnet/subnet-{n}", self.place.region, self.owner()),
        }
    }

    fn permission(&mut self) -> String {
        let own = format!("arn:aws:ram:{}:{}:permission/team", self.place.region, self.owner());
        let managed = [
            "AWSRAMDefaultPermissionSageMakerPipeline",
            "AWSRAMPermissionSageMakerPipelineAllowExecution",
            "AWSRAMPermissionSageMakerModelPackageGroupAllowDeploy",
        ];
        let name = *self.rng.pick(&managed);
        if self.rng.chance(0.2) { own } else { format!("arn:aws:ram::aws:permission/{name}") }
    }

    fn principal(&mut self) -> String {
        let account = self.consumer();
        match self.rng.below(8) {
            0 => organization(self.owner()),
            1 => Role::new(account, "/team/", "Scientist").arn(),
            _ => account.to_owned(),
        }
    }

    fn some(&mut self, mut one: impl FnMut(&mut Self) -> String) -> Option<Json> {
        let texts: Vec<Json> = (0..self.rng.below(3)).map(|_| one(self).into()).collect();
        (!texts.is_empty()).then_some(Json::Arr(texts))
    }

    /// A call of a role in its account's own trail.
    fn call(&mut self, account: &str, time: i64, call: Call) -> (String, Json) {
        let place = Place { account: account.to_owned(), region: self.place.region.clone(), time };
        (account.to_owned(), call.record(&mut self.rng, &place))
    }

    fn by(&self, account: &str, name: &'static str) -> Caller {
        Caller::session(&Role::new(account, "/team/", name), "job", None)
    }

    fn ram(&mut self, time: i64, name: &'static str, request: Json, response: Json) -> (String, Json) {
        let owner = self.owner();
        let caller = self.by(owner, "Owner");
        let call = Call::new("ram.amazonaws.com", name, caller, request).succeeds().response(response);
        self.call(owner, time, call)
    }

    fn step(&mut self, time: i64) -> Vec<(String, Json)> {
        match self.rng.weighted(&[4, 3, 2, 1, 3, 2, 3, 2, 14]) {
            0 => vec![self.creates(time)],
            1 => vec![self.associates(time)],
            2 => {
                let share = self.share();
                let mut request = obj! {"resourceShareArn" => &share};
                request = add(request, "resourceArns", self.some(Self::resource));
                request = add(request, "principals", self.some(Self::principal));
                vec![self.ram(time, "DisassociateResourceShare", request, Json::Null)]
            }
            3 => {
                let request = obj! {"resourceShareArn" => self.share()};
                vec![self.ram(time, "DeleteResourceShare", request, obj! {"returnValue" => true})]
            }
            4 => vec![self.answers(time)],
            5 => vec![self.changes_permission(time)],
            6 => vec![self.puts_policy(time)],
            7 => vec![self.promotes(time)],
            _ => self.uses(time),
        }
    }

    fn creates(&mut self, time: i64) -> (String, Json) {
        let share = self.share();
        let mut request = obj! {"name" => "team-share"};
        request = add(request, "resourceArns", self.some(Self::resource));
        request = add(request, "principals", self.some(Self::principal));
        request = add(request, "permissionArns", self.some(Self::permission));
        if self.rng.chance(0.5) {
            request = request.with("allowExternalPrincipals", self.rng.chance(0.5));
        }
        let made = obj! {
            "resourceShareArn" => share, "name" => "team-share", "owningAccountId" => self.owner(),
            "status" => "ACTIVE", "featureSet" => "STANDARD",
        };
        self.ram(time, "CreateResourceShare", request, obj! {"resourceShare" => made})
    }

    fn associates(&mut self, time: i64) -> (String, Json) {
        let (share, account) = (self.share(), self.consumer());
        let mut request = obj! {"resourceShareArn" => &share, "principals" => arr![account]};
        request = add(request, "resourceArns", self.some(Self::resource));
        let association = obj! {
            "resourceShareArn" => share, "associatedEntity" => account, "associationType" => "PRINCIPAL",
            "status" => "ASSOCIATING", "external" => self.rng.chance(0.7),
        };
        let response = obj! {"resourceShareAssociations" => arr![association]};
        self.ram(time, "AssociateResourceShare", request, response)
    }

    /// The consumer accepts or rejects; it may be too late for that.
    fn answers(&mut self, time: i64) -> (String, Json) {
        let (share, account) = (self.share(), self.consumer());
        let name = *self.rng.pick(&["AcceptResourceShareInvitation", "RejectResourceShareInvitation"]);
        let invitation = share.replace("resource-share/", "resource-share-invitation/");
        let request = obj! {"resourceShareInvitationArn" => invitation};
        let caller = self.by(account, "Admin");
        let call = Call::new("ram.amazonaws.com", name, caller, request).succeeds();
        let answer = obj! {
            "resourceShareArn" => share, "resourceShareName" => "team-share", "senderAccountId" => self.owner(),
            "receiverAccountId" => account,
        };
        let call = match self.rng.below(12) {
            0 => call.fails("AccessDeniedException"),
            _ => call.response(obj! {"resourceShareInvitation" => answer}),
        };
        self.call(account, time, call)
    }

    fn changes_permission(&mut self, time: i64) -> (String, Json) {
        let permission = self.permission();
        match self.rng.below(3) {
            0 => {
                let request = obj! {"resourceShareArn" => self.share(), "permissionArn" => permission};
                self.ram(time, "AssociateResourceSharePermission", request, Json::Null)
            }
            1 => {
                let request = obj! {"resourceShareArn" => self.share(), "permissionArn" => permission};
                self.ram(time, "DisassociateResourceSharePermission", request, Json::Null)
            }
            _ => {
                let to = self.permission();
                let request = obj! {"fromPermissionArn" => permission, "toPermissionArn" => to};
                self.ram(time, "ReplacePermissionAssociations", request, Json::Null)
            }
        }
    }

    fn puts_policy(&mut self, time: i64) -> (String, Json) {
        let (owner, account) = (self.owner(), self.consumer());
        let name = format!("Churn-{}", self.rng.below(2));
        let caller = self.by(owner, "Owner");
        let sagemaker =
            |name, request| Call::new("sagemaker.amazonaws.com", name, caller, request).succeeds();
        if self.rng.chance(0.25) {
            let request = obj! {"modelPackageGroupName" => name};
            return self.call(owner, time, sagemaker("DeleteModelPackageGroupPolicy", request));
        }
        let root = format!("arn:aws:iam::{account}:root");
        let principal = match self.rng.below(6) {
            0 => Json::from("*"),
            1 => obj! {"AWS" => Role::new(account, "/team/", "Scientist").arn()},
            2 => obj! {"AWS" => arr![root, organization(owner)]},
            _ => obj! {"AWS" => root},
        };
        let action = match self.rng.below(4) {
            0 => Json::from("*"),
            _ => arr!["sagemaker:DescribeModelPackage", "sagemaker:ListModelPackages"],
        };
        let statement = obj! {
            "Sid" => "Team", "Effect" => "Allow", "Principal" => principal, "Action" => action,
            "Resource" => self.arn("model-package-group", &name),
        };
        let policy = obj! {"Version" => "2012-10-17", "Statement" => arr![statement]};
        let text = if self.rng.chance(0.1) { "{\"Version\": ".to_owned() } else { policy.to_text() };
        let request = obj! {"modelPackageGroupName" => name, "resourcePolicy" => text};
        self.call(owner, time, sagemaker("PutModelPackageGroupPolicy", request))
    }

    fn promotes(&mut self, time: i64) -> (String, Json) {
        let owner = self.owner();
        let permission =
            format!("arn:aws:ram:{}:{owner}:permission/policy-{}", self.place.region, self.rng.below(2));
        let (name, request) = match self.rng.chance(0.5) {
            true => {
                ("PromotePermissionCreatedFromPolicy", obj! {"permissionArn" => permission, "name" => "p"})
            }
            false => ("PromoteResourceShareCreatedFromPolicy", obj! {"resourceShareArn" => self.share()}),
        };
        let call = Call::new("ram.amazonaws.com", name, self.by(owner, "Owner"), request).succeeds();
        let is_refused = self.rng.chance(0.4);
        self.call(owner, time, if is_refused { call.fails("OperationNotPermittedException") } else { call })
    }

    /// A call of a consumer. The owner may have a copy of it, or the only one.
    fn uses(&mut self, time: i64) -> Vec<(String, Json)> {
        let account = self.consumer();
        let n = self.rng.below(2);
        let pipeline = self.arn("pipeline", &format!("demand-{n}"));
        let run = format!("{pipeline}/execution/abcdef12345{n}");
        let group = self.arn("model-package-group", &format!("Churn-{n}"));
        // SageMaker writes names in lower case.
        let package = self.arn("model-package", &format!("churn-{n}/1"));
        let container = obj! {"modelPackageName" => &package};
        let across = obj! {"crossAccountFilterOption" => "CrossAccount"};
        let calls: [(&'static str, &'static str, Json); 13] = [
            ("sagemaker", "DescribePipeline", obj! {"pipelineName" => &pipeline}),
            ("sagemaker", "StartPipelineExecution", obj! {"pipelineName" => &pipeline}),
            ("sagemaker", "StopPipelineExecution", obj! {"PipelineExecutionArn" => &run}),
            ("sagemaker", "RetryPipelineExecution", obj! {"pipelineExecutionArn" => &run}),
            ("sagemaker", "ListPipelineExecutionSteps", obj! {"pipelineExecutionArn" => &run}),
            ("sagemaker", "DescribeModelPackageGroup", obj! {"modelPackageGroupName" => &group}),
            (
                "sagemaker",
                "BatchDescribeModelPackage",
                obj! {"modelPackageArnList" => arr![&package, &pipeline]},
            ),
            ("sagemaker", "CreateModelPackage", obj! {"modelPackageGroupName" => &group}),
            ("sagemaker", "CreateModel", obj! {"modelName" => "m", "containers" => arr![container]}),
            ("sagemaker", "ListModelPackageGroups", across.clone()),
            ("sagemaker", "Search", across.with("resource", "PipelineExecution")),
            ("sagemaker", "InvokeEndpoint", obj! {"endpointName" => self.arn("endpoint", "live")}),
            // The names are those of SageMaker's calls, the service is another.
            ("codepipeline", "StartPipelineExecution", obj! {"name" => &pipeline}),
        ];
        let (service, name, request) = self.rng.pick(&calls).clone();
        let source =
            if service == "sagemaker" { "sagemaker.amazonaws.com" } else { "codepipeline.amazonaws.com" };
        let role = Role::new(account, "/team/", "Scientist");
        let call = Call::new(source, name, self.by(account, "Scientist"), request.clone()).succeeds();
        let refused =
            *self.rng.pick(&[None, None, None, Some("AccessDeniedException"), Some("ResourceNotFound")]);
        let call = match refused {
            Some(code) => call.fails(code),
            None => call,
        };
        let (of, record) = self.call(account, time, call);
        if self.rng.chance(0.6) {
            return vec![(of, record)];
        }
        let shared = self.rng.uuid();
        let caller = Caller::Foreign { role, session: "job".to_owned() };
        let owner = self.owner().to_owned();
        let copy = replaced(
            record.clone(),
            obj! {
                "userIdentity" => caller.identity(time), "recipientAccountId" => &owner, "eventID" => self.rng.uuid(),
                "sharedEventID" => &shared,
            },
        );
        let record = replaced(record, obj! {"sharedEventID" => shared});
        if self.rng.chance(0.3) { vec![(owner, copy)] } else { vec![(of, record), (owner, copy)] }
    }
}

fn add(object: Json, name: &'static str, value: Option<Json>) -> Json {
    match value {
        Some(value) => object.with(name, value),
        None => object,
    }
}

/// A record with other members, or more.
fn replaced(record: Json, by: Json) -> Json {
    let (Json::Obj(mut members), Json::Obj(by)) = (record, by) else { panic!("records are objects") };
    for (name, value) in by {
        match members.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => members.push((name, value)),
        }
    }
    Json::Obj(members)
}
