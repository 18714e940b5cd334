//! Who calls and with which keys: the identities, roles, keys and addresses of the generated
//! accounts, each with the principal a reader has to find in it.

use super::json::{Json, obj};
use super::rng::Rng;
use super::truth::time_text;

/// The main account, the consumer account, and one without SageMaker shares.
pub const ACCOUNTS: [&str; 3] = ["111122223333", "444455556666", "123456789012"];
pub const REGIONS: [&str; 3] = ["us-west-2", "us-east-1", "eu-central-1"];

/// A KMS key; the id depends only on account, region and number, so that every archive names the
/// same keys.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    pub account: String,
    pub region: String,
    pub id: String,
}

impl Key {
    pub fn numbered(account: &str, region: &str, number: u64) -> Self {
        // A multi-Region key has the same id in each Region.
        let multi_region = number % 5 == 4;
        let place = if multi_region { "" } else { region };
        let mut rng = Rng::named(&format!("key {account} {place} {number}"));
        let id = if multi_region { format!("mrk-{}", rng.hex(32)) } else { rng.uuid() };
        Key { account: account.into(), region: region.into(), id }
    }

    pub fn of(account: &str, region: &str, id: &str) -> Self {
        Key { account: account.into(), region: region.into(), id: id.into() }
    }

    pub fn arn(&self) -> String {
        format!("arn:aws:kms:{}:{}:key/{}", self.region, self.account, self.id)
    }

    /// An item of `resources`.
    pub fn resource(&self) -> Json {
        obj! {"accountId" => &self.account, "type" => "AWS::KMS::Key", "ARN" => self.arn()}
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Role {
    pub account: String,
    /// Begins and ends with `/`.
    pub path: &'static str,
    pub name: String,
}

impl Role {
    pub fn new(account: &str, path: &'static str, name: impl Into<String>) -> Self {
        Role { account: account.into(), path, name: name.into() }
    }

    pub fn id(&self) -> String {
        format!("AROA{}", Rng::named(&format!("role {} {}", self.account, self.name)).upper(17))
    }

    pub fn arn(&self) -> String {
        format!("arn:aws:iam::{}:role{}{}", self.account, self.path, self.name)
    }

    pub fn session_arn(&self, session: &str) -> String {
        format!("arn:aws:sts::{}:assumed-role/{}/{session}", self.account, self.name)
    }

    /// The access key of one session: all its calls have the same.
    pub fn stable_key(&self, session: &str) -> String {
        format!("ASIA{}", Rng::named(&self.session_arn(session)).upper(16))
    }
}

/// `userIdentity.invokedBy`: as the record has it, and as a reader normalises it.
#[derive(Clone, Debug, PartialEq)]
pub struct Invoker {
    pub raw: String,
    pub normal: String,
}

impl Invoker {
    pub fn service(name: &str) -> Self {
        let normal = format!("{name}.amazonaws.com");
        Invoker { raw: normal.clone(), normal }
    }

    pub fn regional(name: &str, region: &str) -> Self {
        Invoker { raw: format!("{name}.{region}.amazonaws.com"), normal: format!("{name}.amazonaws.com") }
    }

    /// A forward access session: the service acts for the caller.
    pub fn fas(name: &str) -> Self {
        Invoker { raw: format!("fas.{name}.amazonaws.com"), normal: format!("{name}.amazonaws.com") }
    }

    pub fn text(text: &str) -> Self {
        Invoker { raw: text.into(), normal: text.into() }
    }
}

/// Whether `sessionContext` names the role as AWS does, as the geospatial page does, or not at all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Issuer {
    Role,
    StsArn,
    Absent,
}

/// The identities a KMS record can have (domain 1.3).
#[derive(Clone, Debug, PartialEq)]
pub enum Caller {
    Service(Invoker),
    Session {
        role: Role,
        session: String,
        issuer: Issuer,
        invoked_by: Option<Invoker>,
    },
    User {
        account: String,
        path: &'static str,
        name: String,
    },
    Root {
        account: String,
    },
    Federated {
        account: String,
        name: String,
    },
    /// The caller as the key's owner sees it.
    Foreign {
        role: Role,
        session: String,
    },
    /// KMS itself: an identity without a type.
    Internal {
        account: String,
    },
    /// `"userIdentity": null`
    Nobody,
}

impl Caller {
    pub fn session(role: &Role, session: impl Into<String>, invoked_by: Option<Invoker>) -> Self {
        Caller::Session { role: role.clone(), session: session.into(), issuer: Issuer::Role, invoked_by }
    }

    pub fn user(account: &str, name: impl Into<String>) -> Self {
        Caller::User { account: account.into(), path: "/", name: name.into() }
    }

    pub fn principal(&self) -> String {
        match self {
            Caller::Service(invoker) => invoker.normal.clone(),
            Caller::Session { role, issuer: Issuer::Role, .. } => role.arn(),
            // The STS ARN drops the path.
            Caller::Session { role, .. } => format!("arn:aws:iam::{}:role/{}", role.account, role.name),
            Caller::User { .. } | Caller::Root { .. } | Caller::Federated { .. } => self.arn(),
            Caller::Foreign { role, .. } => format!("{}:{}", role.account, role.id()),
            Caller::Internal { .. } => "AWS Internal".into(),
            Caller::Nobody => "unknown".into(),
        }
    }

    pub fn principal_type(&self) -> &'static str {
        match self {
            Caller::Service(_) => "AWSService",
            Caller::Session { .. } => "AssumedRole",
            Caller::User { .. } => "IAMUser",
            Caller::Root { .. } => "Root",
            Caller::Federated { .. } => "FederatedUser",
            Caller::Foreign { .. } => "AWSAccount",
            Caller::Internal { .. } | Caller::Nobody => "unknown",
        }
    }

    pub fn account(&self) -> Option<&str> {
        match self {
            Caller::Session { role, .. } | Caller::Foreign { role, .. } => Some(&role.account),
            Caller::User { account, .. }
            | Caller::Root { account }
            | Caller::Federated { account, .. }
            | Caller::Internal { account } => Some(account),
            Caller::Service(_) | Caller::Nobody => None,
        }
    }

    pub fn session_name(&self) -> Option<&str> {
        match self {
            Caller::Session { session, .. } | Caller::Foreign { session, .. } => Some(session),
            // The principal id of a federated user is account:name.
            Caller::Federated { name, .. } => Some(name),
            _ => None,
        }
    }

    pub fn invoked_by(&self) -> Option<String> {
        match self {
            Caller::Service(invoker) => Some(invoker.normal.clone()),
            Caller::Session { invoked_by, .. } => invoked_by.as_ref().map(|invoker| invoker.normal.clone()),
            Caller::Internal { .. } => Some("AWS Internal".into()),
            _ => None,
        }
    }

    /// What `sourceIPAddress` and `userAgent` say when a service made the call.
    pub fn acting_service(&self) -> Option<&str> {
        match self {
            Caller::Service(invoker) => Some(&invoker.raw),
            Caller::Session { invoked_by: Some(invoker), .. } if !invoker.raw.starts_with("arn:") => {
                Some(&invoker.raw)
            }
            Caller::Internal { .. } => Some("AWS Internal"),
            _ => None,
        }
    }

    pub fn arn(&self) -> String {
        match self {
            Caller::Session { role, session, .. } | Caller::Foreign { role, session } => {
                role.session_arn(session)
            }
            Caller::User { account, path, name } => format!("arn:aws:iam::{account}:user{path}{name}"),
            Caller::Root { account } => format!("arn:aws:iam::{account}:root"),
            Caller::Federated { account, name } => format!("arn:aws:sts::{account}:federated-user/{name}"),
            _ => String::new(),
        }
    }

    /// `userIdentity` of a record of this time.
    pub fn identity(&self, time: i64) -> Json {
        // A session keeps its access key and its beginning for the hour.
        let hour = time - time % 3600;
        let mut rng = Rng::named(&format!("{} {hour}", self.arn()));
        let began = time_text(hour - rng.range(0, 900));
        match self {
            Caller::Service(invoker) => obj! {"type" => "AWSService", "invokedBy" => &invoker.raw},
            Caller::Session { role, session, issuer, invoked_by } => {
                let base = obj! {
                    "type" => "AssumedRole",
                    "principalId" => format!("{}:{session}", role.id()),
                    "arn" => self.arn(),
                    "accountId" => &role.account,
                };
                let issuer_arn = match issuer {
                    Issuer::Role => role.arn(),
                    Issuer::StsArn => format!("arn:aws:sts::{}:assumed-role/{}", role.account, role.name),
                    Issuer::Absent => return invoker_member(base, invoked_by),
                };
                let context = obj! {
                    "sessionIssuer" => obj! {
                        "type" => "Role",
                        "principalId" => role.id(),
                        "arn" => issuer_arn,
                        "accountId" => &role.account,
                        "userName" => &role.name,
                    },
                    "webIdFederationData" => obj! {},
                    "attributes" => obj! {"creationDate" => began, "mfaAuthenticated" => "false"},
                };
                let of_the_day = format!("ASIA{}", rng.upper(16));
                let access_key = match role.name.as_str() {
                    "JobRunner" | "Explorer" => role.stable_key(session),
                    _ => of_the_day,
                };
                let base = base.with("accessKeyId", access_key).with("sessionContext", context);
                invoker_member(base, invoked_by)
            }
            Caller::User { account, name, .. } => obj! {
                "type" => "IAMUser",
                "principalId" => format!("AIDA{}", Rng::named(&self.arn()).upper(17)),
                "arn" => self.arn(),
                "accountId" => account,
                "accessKeyId" => format!("AKIA{}", Rng::named(&self.arn()).upper(16)),
                "userName" => name,
            },
            Caller::Root { account } => obj! {
                "type" => "Root",
                "principalId" => account,
                "arn" => self.arn(),
                "accountId" => account,
                "accessKeyId" => format!("ASIA{}", rng.upper(16)),
                "sessionContext" => obj! {
                    "attributes" => obj! {"creationDate" => began, "mfaAuthenticated" => "true"},
                },
            },
            Caller::Federated { account, name } => obj! {
                "type" => "FederatedUser",
                "principalId" => format!("{account}:{name}"),
                "arn" => self.arn(),
                "accountId" => account,
                "accessKeyId" => format!("ASIA{}", rng.upper(16)),
                "sessionContext" => obj! {
                    "sessionIssuer" => obj! {
                        "type" => "IAMUser",
                        "principalId" => "AIDAIOSFODNN7EXAMPLE",
                        "arn" => format!("arn:aws:iam::{account}:user/broker"),
                        "accountId" => account,
                        "userName" => "broker",
                    },
                    "attributes" => obj! {"creationDate" => began, "mfaAuthenticated" => "false"},
                },
            },
            Caller::Foreign { role, session } => obj! {
                "type" => "AWSAccount",
                "principalId" => format!("{}:{session}", role.id()),
                "accountId" => &role.account,
            },
            Caller::Internal { account } => obj! {"accountId" => account, "invokedBy" => "AWS Internal"},
            Caller::Nobody => Json::Null,
        }
    }
}

fn invoker_member(identity: Json, invoked_by: &Option<Invoker>) -> Json {
    match invoked_by {
        Some(invoker) => identity.with("invokedBy", &invoker.raw),
        None => identity,
    }
}

/// An address out of a few hundred; some are IPv6, one in five hundred is the network's own.
pub fn address(rng: &mut Rng) -> String {
    match rng.below(10) {
        0 => {
            format!("2600:1f14:{:x}:{:x}00::{:x}", 0xa00 + rng.below(3), 1 + rng.below(4), 1 + rng.below(20))
        }
        1 | 2 => format!("10.{}.{}.{}", rng.below(2), rng.below(4), 10 + rng.below(8)),
        _ => format!("203.0.113.{}", 1 + rng.below(120)),
    }
}

pub fn user_agent(rng: &mut Rng) -> Json {
    Json::from(*rng.pick(&[
        "aws-cli/2.15.30 Python/3.11.8 Linux/5.10.210-201.852.amzn2.x86_64 exe/x86_64.amzn.2 prompt/off command/kms.decrypt",
        "Boto3/1.34.69 md/Botocore#1.34.69 ua/2.0 os/linux#5.10.210 md/arch#x86_64 lang/python#3.10.13 md/pyimpl#CPython cfg/retry-mode#legacy Botocore/1.34.69",
        "aws-sdk-java/2.25.11 Linux/5.10.214-202.855.amzn2.x86_64 OpenJDK_64-Bit_Server_VM/17.0.10+7-LTS Java/17.0.10 vendor/Amazon.com_Inc. exec-env/AWS_Lambda_java17",
        "Coral/Jakarta",
        "Coral/Netty4",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/123.0.0.0 Safari/537.36",
        "[aws-internal/3 aws-sdk-java/1.12.681 Linux/5.10.214-180.855.amzn2int.x86_64 OpenJDK_64-Bit_Server_VM/17.0.10+8 java/1.8.0_402 vendor/Oracle_Corporation cfg/retry-mode/standard]",
        "APN/1.0 HashiCorp/1.0 Terraform/1.7.5 (+https://www.terraform.io) terraform-provider-aws/5.42.0 (+https://registry.terraform.io/providers/hashicorp/aws) aws-sdk-go-v2/1.26.0",
    ]))
}
