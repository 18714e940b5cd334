//! One KMS record: what it says and what a reader has to make of it, set side by side by the same
//! calls.

use super::cast::{Caller, Key, address, user_agent};
use super::json::{Json, obj};
use super::rng::Rng;
use super::truth::{Delivery, Expected, Row, Usage, time_text};
use crate::oracle::outcome;

/// Where and when: the account and region of the archive, the time of the event.
#[derive(Clone, Debug)]
pub struct Place {
    pub account: String,
    pub region: String,
    /// Seconds since 1970.
    pub time: i64,
}

impl Place {
    pub fn key(&self, number: u64) -> Key {
        Key::numbered(&self.account, &self.region, number)
    }
}

/// How a record names its key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Naming {
    /// `resources` only, as in Decrypt with a symmetric key.
    Resources,
    /// `resources` and the ARN in the request.
    Arn,
    /// `resources` and the bare id in the request.
    IdAndResources,
    /// `resources` and `alias/…` in the request.
    AliasAndResources,
    /// `resources` and an alias ARN in the request.
    AliasArnAndResources,
    /// `resources` without `type`, as before 2020.
    Untyped,
    /// The ARN in the request, no `resources`.
    ArnOnly,
    /// The bare id in the request: the reader completes it from the record's account and region.
    IdOnly,
    /// `alias/…` in the request: the key stays unknown.
    AliasOnly,
    /// An alias ARN in the request: account and region are known, the key is not.
    AliasArnOnly,
}

/// The key columns a reader must fill.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum KeySeen {
    #[default]
    Nothing,
    Key(Key),
    /// Account and region of an alias ARN.
    Alias {
        account: String,
        region: String,
    },
}

#[derive(Clone, Debug)]
pub struct KmsRecord {
    pub version: &'static str,
    pub caller: Caller,
    pub place: Place,
    pub name: &'static str,
    pub source_ip: Option<String>,
    pub user_agent: Option<Json>,
    pub error: (Option<String>, Option<String>),
    pub request: Json,
    pub response: Json,
    pub additional: Option<Json>,
    pub request_id: Option<String>,
    pub event_id: Option<String>,
    pub read_only: Json,
    pub resources: Vec<Json>,
    pub event_type: &'static str,
    pub category: Option<&'static str>,
    pub recipient: Option<String>,
    pub shared_event_id: Option<String>,
    /// Members that only some records have, written last.
    pub more: Vec<(&'static str, Json)>,
    /// What a reader must find.
    pub key: KeySeen,
    pub workload: &'static str,
    pub outcome: &'static str,
    pub error_code: Option<&'static str>,
    pub not_usage: bool,
    pub delivery: Delivery,
}

/// Read-only in CloudTrail's sense, which is not "harmless" (domain 4.2).
const CHANGES: [&str; 18] = [
    "CreateGrant",
    "RetireGrant",
    "RevokeGrant",
    "CreateKey",
    "PutKeyPolicy",
    "ReplicateKey",
    "ScheduleKeyDeletion",
    "CancelKeyDeletion",
    "EnableKey",
    "DisableKey",
    "EnableKeyRotation",
    "TagResource",
    "CreateAlias",
    "UpdateAlias",
    "DeleteAlias",
    "RotateKey",
    "DeleteKey",
    "SynchronizeMultiRegionKey",
];

impl KmsRecord {
    /// A successful call with the members every KMS record has; key, request and the rest come
    /// after.
    pub fn call(rng: &mut Rng, place: &Place, caller: Caller, name: &'static str) -> Self {
        let version = *rng.pick(&["1.05", "1.08", "1.08", "1.09", "1.10", "1.11", "1.11"]);
        let service = caller.acting_service().map(str::to_owned);
        let mut more = Vec::new();
        let (source_ip, agent) = match &service {
            Some(service) => (service.clone(), Json::from(service)),
            None => {
                // A call over TLS; calls by services have no details.
                let suite = obj! {
                    "tlsVersion" => "TLSv1.3",
                    "cipherSuite" => "TLS_AES_256_GCM_SHA384",
                    "clientProvidedHostHeader" => format!("kms.{}.amazonaws.com", place.region),
                };
                more.push((
                    "tlsDetails",
                    if version == "1.11" { suite.with("keyExchange", "x25519") } else { suite },
                ));
                (address(rng), user_agent(rng))
            }
        };
        KmsRecord {
            version,
            caller,
            place: place.clone(),
            name,
            source_ip: Some(source_ip),
            user_agent: Some(agent),
            error: (None, None),
            request: Json::Null,
            response: Json::Null,
            additional: None,
            request_id: Some(rng.uuid()),
            event_id: Some(rng.uuid()),
            read_only: Json::Bool(!CHANGES.contains(&name)),
            resources: Vec::new(),
            event_type: "AwsApiCall",
            category: (version != "1.05").then_some("Management"),
            recipient: Some(place.account.clone()),
            shared_event_id: None,
            more,
            key: KeySeen::Nothing,
            workload: "other",
            outcome: "success",
            error_code: None,
            not_usage: false,
            delivery: Delivery::First,
        }
    }

    pub fn workload(mut self, label: &'static str) -> Self {
        self.workload = label;
        self
    }

    /// Adds a request parameter.
    pub fn param(mut self, name: &'static str, value: impl Into<Json>) -> Self {
        self.request = self.request.with(name, value);
        self
    }

    /// Names the key, and notes how much of it a reader can know.
    pub fn key(mut self, naming: Naming, key: &Key) -> Self {
        let alias_arn = || format!("arn:aws:kms:{}:{}:alias/app-{}", key.region, key.account, &key.id[4..8]);
        let in_request = match naming {
            Naming::Resources => None,
            Naming::Arn | Naming::Untyped | Naming::ArnOnly => Some(key.arn()),
            Naming::IdAndResources | Naming::IdOnly => Some(key.id.clone()),
            Naming::AliasAndResources | Naming::AliasOnly => Some(format!("alias/app-{}", &key.id[4..8])),
            Naming::AliasArnAndResources | Naming::AliasArnOnly => Some(alias_arn()),
        };
        if let Some(text) = in_request {
            self.request = self.request.with("keyId", text);
        }
        match naming {
            Naming::Untyped => {
                self.resources.push(obj! {"ARN" => key.arn(), "accountId" => &key.account});
            }
            Naming::ArnOnly | Naming::IdOnly | Naming::AliasOnly | Naming::AliasArnOnly => {}
            _ => self.resources.push(key.resource()),
        }
        self.key = match naming {
            Naming::AliasOnly => KeySeen::Nothing,
            Naming::AliasArnOnly => {
                KeySeen::Alias { account: key.account.clone(), region: key.region.clone() }
            }
            // The reader has only the record's own account and region to go by.
            Naming::IdOnly => KeySeen::Key(Key::of(&self.place.account, &self.place.region, &key.id)),
            _ => KeySeen::Key(key.clone()),
        };
        self
    }

    /// The encryption context of one S3 object, or of a bucket with a bucket key.
    pub fn s3(self, path: impl AsRef<str>) -> Self {
        self.param("encryptionContext", obj! {"aws:s3:arn" => format!("arn:aws:s3:::{}", path.as_ref())})
    }

    /// The call failed. `normal` is the code a reader reports, `outcome` its class.
    pub fn fails(
        mut self,
        code: &'static str,
        normal: &'static str,
        outcome: &'static str,
        message: impl Into<String>,
    ) -> Self {
        self.error = (Some(code.into()), Some(message.into()));
        self.error_code = Some(normal);
        self.outcome = outcome;
        self.response = Json::Null;
        self
    }

    /// Denied, with the key only in the message (or nowhere, when the message does not disclose
    /// it).
    pub fn denied_bare(mut self, message: impl Into<String>, key: KeySeen) -> Self {
        self.request = Json::Null;
        self.resources.clear();
        self.key = key;
        self.fails("AccessDenied", "AccessDenied", "denied", message)
    }

    pub fn json(&self) -> Json {
        let mut record = obj! {
            "eventVersion" => self.version,
            "userIdentity" => self.caller.identity(self.place.time),
            "eventTime" => time_text(self.place.time),
            "eventSource" => "kms.amazonaws.com",
            "eventName" => self.name,
            "awsRegion" => &self.place.region,
        };
        let optional = |text: &Option<String>| text.as_ref().map(Json::from);
        for (name, value) in [
            ("sourceIPAddress", optional(&self.source_ip)),
            ("userAgent", self.user_agent.clone()),
            ("errorCode", optional(&self.error.0)),
            ("errorMessage", optional(&self.error.1)),
            ("requestParameters", Some(self.request.clone())),
            ("responseElements", Some(self.response.clone())),
            ("additionalEventData", self.additional.clone()),
            ("requestID", optional(&self.request_id)),
            ("eventID", optional(&self.event_id)),
            ("readOnly", Some(self.read_only.clone())),
            ("resources", (!self.resources.is_empty()).then(|| Json::from(self.resources.clone()))),
            ("eventType", Some(Json::from(self.event_type))),
            ("managementEvent", self.category.is_some().then(|| Json::from(true))),
            ("recipientAccountId", optional(&self.recipient)),
            ("sharedEventID", optional(&self.shared_event_id)),
            ("eventCategory", self.category.map(Json::from)),
        ] {
            if let Some(value) = value {
                record = record.with(name, value);
            }
        }
        self.more.iter().fold(record, |record, (name, value)| record.with(*name, value.clone()))
    }

    pub fn expected(&self) -> Expected {
        if self.not_usage {
            return Expected::NotUsage;
        }
        let (arn, id, account, region) = match &self.key {
            KeySeen::Nothing => (None, None, None, None),
            KeySeen::Key(key) => {
                (Some(key.arn()), Some(key.id.clone()), Some(key.account.clone()), Some(key.region.clone()))
            }
            KeySeen::Alias { account, region } => (None, None, Some(account.clone()), Some(region.clone())),
        };
        let principal_account = self.caller.account();
        let is_denied = self.outcome == "denied";
        let message = self.error.1.as_deref().filter(|_| is_denied);
        let denial = message.map(outcome::of_message).unwrap_or_default();
        let row = Row {
            cross_account: account.as_deref().zip(principal_account).map(|(a, b)| a != b),
            denied_action: denial.action,
            denied_by: denial.by,
            key_arn: arn,
            key_id: id,
            key_account_id: account,
            key_region: region,
            principal: self.caller.principal(),
            principal_type: self.caller.principal_type().into(),
            principal_account_id: principal_account.map(str::to_owned),
            workload: self.workload.into(),
            event_name: self.name.into(),
            outcome: self.outcome.into(),
            error_code: self.error_code.map(str::to_owned),
            region: self.place.region.clone(),
            recipient_account_id: self.recipient.clone(),
            invoked_by: self.caller.invoked_by(),
        };
        Expected::Usage(Box::new(Usage {
            row,
            time: self.place.time,
            event_id: self.event_id.clone(),
            session: self.caller.session_name().map(str::to_owned),
            source_ip: self.source_ip.clone(),
            delivery: self.delivery,
        }))
    }
}
