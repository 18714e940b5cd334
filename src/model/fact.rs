//! What other records of the input teach about KMS calls: which roles, paths, keys and sessions belong to which workload, where
//! aliases pointed, which events were corrected, when trails stopped.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::BitOrAssign;

use super::{Arn, EventTime, Strength, Text, Workload};

/// A rule whose particulars come from records of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum LearnedRule {
    /// Path that a Canvas domain or profile stores its artifacts under.
    CanvasPath,
    /// Execution role of a domain or profile with Canvas settings.
    CanvasRole,
    /// Session that worked on a resource with `canvas` in its name.
    CanvasSession,
    /// Role that Canvas hands to Forecast.
    CanvasForecastRole,
    /// Role and key of a Forecast resource.
    ForecastRoleAndKey,
    /// The Forecast service on a key that it uses for Canvas.
    CanvasForecastKey,
    /// Role of a geospatial job.
    GeospatialRole,
    /// Path of a feature group's offline store.
    OfflineStorePath,
    /// Role and key of a feature group's offline store.
    OfflineStoreRoleAndKey,
    /// Bucket of a feature group's offline store, where the object is hidden.
    OfflineStoreBucket,
    /// Key of a feature group's online store.
    OnlineStoreKey,
    /// Role and key of an Autopilot job.
    AutopilotRoleAndKey,
    /// Role and key of another SageMaker resource.
    SagemakerRoleAndKey,
    /// Session that the geospatial service opened.
    GeospatialSession,
    /// Session that the Forecast service opened.
    ForecastSession,
    /// Session that SageMaker opened.
    SagemakerSession,
}

/// A set of learned rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RuleSet(u32);

impl RuleSet {
    /// Adds a rule.
    pub fn insert(&mut self, rule: LearnedRule) {
        self.0 |= 1 << rule as u32;
    }

    /// Takes a rule out.
    pub fn remove(&mut self, rule: LearnedRule) {
        self.0 &= !(1 << rule as u32);
    }

    /// Whether it has the rule.
    pub fn has(self, rule: LearnedRule) -> bool {
        self.0 & 1 << rule as u32 != 0
    }

    /// The rules, in the order in which their ids are reported.
    pub fn iter(self) -> impl Iterator<Item = LearnedRule> {
        LearnedRule::ALL.into_iter().filter(move |rule| self.has(*rule))
    }
}

impl BitOrAssign for RuleSet {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// A learned rule as it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LearnedRuleInfo {
    /// Short unique name, reported with every event it fires on.
    pub id: &'static str,
    /// The label it speaks for.
    pub workload: Workload,
    /// How much it proves.
    pub strength: Strength,
    /// What it looks at.
    pub about: &'static str,
    /// Where the rule comes from.
    pub source: &'static str,
}

/// The page on customer managed keys in Canvas.
const CANVAS: &str = "https://docs.aws.amazon.com/sagemaker/latest/dg/canvas-kms.html";
/// The settings of Canvas in a domain or a profile.
const CANVAS_SETTINGS: &str =
    "https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CanvasAppSettings.html";
const GEOSPATIAL_JOB: &str =
    "https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_geospatial_StartEarthObservationJob.html";
const FEATURE_GROUP: &str =
    "https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateFeatureGroup.html";
const FORECAST: &str = "https://docs.aws.amazon.com/forecast/latest/dg/API_EncryptionConfig.html";
const AUTOML: &str = "https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateAutoMLJobV2.html";
const SAGEMAKER_JOB: &str =
    "https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTrainingJob.html";
const ASSUME_ROLE: &str = "https://docs.aws.amazon.com/IAM/latest/UserGuide/cloudtrail-integration.html";

impl LearnedRule {
    /// All of them, in the order in which their ids are reported.
    pub const ALL: [Self; 16] = [
        Self::CanvasPath,
        Self::CanvasRole,
        Self::CanvasSession,
        Self::CanvasForecastRole,
        Self::ForecastRoleAndKey,
        Self::CanvasForecastKey,
        Self::GeospatialRole,
        Self::OfflineStorePath,
        Self::OfflineStoreRoleAndKey,
        Self::OfflineStoreBucket,
        Self::OnlineStoreKey,
        Self::AutopilotRoleAndKey,
        Self::SagemakerRoleAndKey,
        Self::GeospatialSession,
        Self::ForecastSession,
        Self::SagemakerSession,
    ];

    /// Id, label, strength and reason.
    pub fn facts(self) -> LearnedRuleInfo {
        use Strength::{Definitive, Medium, Strong};
        use Workload::{
            Autopilot, Canvas, CanvasForecast, FeatureStoreOffline, FeatureStoreOnline, Forecast, Geospatial,
            SagemakerOther,
        };
        let (id, workload, strength, about, source) = match self {
            Self::CanvasPath => {
                ("C2", Canvas, Strong, "objects under a path that Canvas settings name", CANVAS_SETTINGS)
            }
            Self::CanvasRole => (
                "C3",
                Canvas,
                Medium,
                "execution role of a domain or profile with Canvas settings",
                CANVAS_SETTINGS,
            ),
            Self::CanvasSession => (
                "C5",
                Canvas,
                Medium,
                "session that also worked on a SageMaker or Forecast resource with canvas in its name",
                CANVAS,
            ),
            Self::CanvasForecastRole => {
                ("F2", CanvasForecast, Strong, "role that Canvas settings hand to Forecast", CANVAS_SETTINGS)
            }
            Self::ForecastRoleAndKey => {
                ("F5", Forecast, Medium, "role and key of a Forecast resource", FORECAST)
            }
            Self::CanvasForecastKey => (
                "F6",
                CanvasForecast,
                Definitive,
                "the Forecast service itself, on a key that Forecast was given with a role of Canvas",
                FORECAST,
            ),
            Self::GeospatialRole => {
                ("G5", Geospatial, Medium, "execution role of a geospatial job", GEOSPATIAL_JOB)
            }
            Self::OfflineStorePath => {
                ("O2", FeatureStoreOffline, Strong, "path of a feature group's offline store", FEATURE_GROUP)
            }
            Self::OfflineStoreRoleAndKey => (
                "O2K",
                FeatureStoreOffline,
                Medium,
                "role and key of a feature group's offline store",
                FEATURE_GROUP,
            ),
            Self::OfflineStoreBucket => (
                "O3",
                FeatureStoreOffline,
                Medium,
                "bucket of a feature group's offline store, object hidden by an S3 Bucket Key",
                FEATURE_GROUP,
            ),
            Self::OnlineStoreKey => (
                "O4",
                FeatureStoreOnline,
                Medium,
                "key of a feature group's online store, used for DynamoDB or granted to a service",
                FEATURE_GROUP,
            ),
            Self::AutopilotRoleAndKey => {
                ("A1", Autopilot, Medium, "role and key of an Autopilot job", AUTOML)
            }
            Self::SagemakerRoleAndKey => (
                "S4",
                SagemakerOther,
                Medium,
                "role and key of a SageMaker job, endpoint, notebook or domain",
                SAGEMAKER_JOB,
            ),
            Self::GeospatialSession => {
                ("J1", Geospatial, Strong, "session that the geospatial service opened", ASSUME_ROLE)
            }
            Self::ForecastSession => {
                ("J2", Forecast, Strong, "session that the Forecast service opened", ASSUME_ROLE)
            }
            Self::SagemakerSession => {
                ("J3", SagemakerOther, Strong, "session that SageMaker opened", ASSUME_ROLE)
            }
        };
        LearnedRuleInfo { id, workload, strength, about, source }
    }
}

/// A role by account and name. Names are unique in an account, whatever the path, and events do not always know the path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Role {
    account: String,
    name: String,
}

impl Role {
    /// Of an IAM role's ARN.
    pub fn of(arn: &str) -> Option<Self> {
        let arn = Arn::parse(arn).filter(|arn| arn.service == "iam")?;
        let name = arn.resource.strip_prefix("role/")?.rsplit('/').next()?;
        Some(Self { account: arn.account.to_owned(), name: name.to_owned() })
    }

    /// Whether it has the name that Canvas gives the role it makes for Forecast; case varies in AWS's own texts, and what follows is free.
    pub fn is_canvas_forecast(&self) -> bool {
        const NAME: &str = "AmazonSagemakerCanvasForecastRole";
        let (Some(start), Some(suffix)) = (self.name.get(..NAME.len()), self.name.get(NAME.len()..)) else {
            return false;
        };
        start.eq_ignore_ascii_case(NAME) && (suffix.is_empty() || suffix.len() > 1 && suffix.starts_with('-'))
    }
}

/// What a learned rule compares with an event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum When<'a> {
    /// The caller is this role (its ARN; a path that the event does not know does not matter).
    Role(Text<'a>),
    /// The caller is this role, and the key has this ARN or id.
    RoleAndKey(Text<'a>, Text<'a>),
    /// The key has this ARN or id, and what else the rule asks holds.
    Key(Text<'a>),
    /// The object lies in this bucket, at or under this path (without slashes at its ends; empty: anywhere).
    Path(Text<'a>, Text<'a>),
    /// The event names this bucket and no object.
    Bucket(Text<'a>),
    /// The caller is a session on this role that the record itself opened or used; see [`Session`].
    SessionOn(Text<'a>),
}

impl When<'_> {
    /// Copies what is borrowed.
    pub fn into_owned(self) -> When<'static> {
        let own = |text: Text<'_>| Cow::Owned(text.into_owned());
        match self {
            Self::Role(role) => When::Role(own(role)),
            Self::RoleAndKey(role, key) => When::RoleAndKey(own(role), own(key)),
            Self::Key(key) => When::Key(own(key)),
            Self::Path(bucket, path) => When::Path(own(bucket), own(path)),
            Self::Bucket(bucket) => When::Bucket(own(bucket)),
            Self::SessionOn(role) => When::SessionOn(own(role)),
        }
    }
}

/// A role session, by the two names its later calls carry.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Session<'a> {
    /// `accessKeyId` of its temporary credentials.
    pub access_key_id: Option<Text<'a>>,
    /// `AROA…:session`.
    pub principal_id: Option<Text<'a>>,
}

/// A name of a session, as a hash: sessions are many, and their names long. 128 bits, so that no two will ever meet by accident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionId([u64; 2]);

impl SessionId {
    /// Of a session's name.
    pub fn of(name: &str) -> Self {
        Self([1, 2].map(|seed: u64| {
            // SipHash with fixed keys: the same in every run.
            let mut hasher = DefaultHasher::new();
            seed.hash(&mut hasher);
            name.hash(&mut hasher);
            hasher.finish()
        }))
    }
}

/// The record that taught something.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Provenance {
    /// When.
    pub time: EventTime,
    /// `eventName`.
    pub event_name: String,
    /// `eventID`.
    pub event_id: Option<String>,
    /// Account of the record.
    pub account_id: Option<String>,
}

/// A change to a trail that ends, or begins again, what it records.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrailChange {
    /// The trail, as the record names it.
    pub trail: String,
    /// The record: `StopLogging`, `StartLogging`, `DeleteTrail`.
    pub by: Provenance,
    /// Its region.
    pub region: Option<String>,
}

/// One thing a record teaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact<'a> {
    /// A rule's particulars.
    Rule(LearnedRule, When<'a>, Provenance),
    /// A session of a rule.
    Session(LearnedRule, Session<'a>),
    /// From then on the alias (an ARN) points to the key (an ARN), or to none.
    Alias {
        /// The alias.
        alias: Text<'a>,
        /// The key.
        key: Option<Text<'a>>,
        /// Since when.
        time: EventTime,
    },
    /// A KMS event takes the place of an earlier one of the same account (`addendum.reason` is `UPDATED_DATA`).
    Correction {
        /// `originalEventID`.
        original: Text<'a>,
        /// `eventID` of the correction.
        by: Text<'a>,
        /// `recipientAccountId` of both.
        account_id: Option<Text<'a>>,
        /// `eventTime` of the correction.
        time: EventTime,
    },
    /// A trail was stopped, started or deleted.
    Trail(TrailChange),
    /// A trail was set to leave out KMS, or its reading events.
    SilentTrail(String),
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn learned_rules_have_names_of_their_own_and_keep_their_order() {
        let ids: HashSet<&str> = LearnedRule::ALL.iter().map(|rule| rule.facts().id).collect();
        assert_eq!(ids.len(), LearnedRule::ALL.len());
        assert!(
            LearnedRule::ALL.is_sorted()
                && LearnedRule::ALL.iter().zip(0..).all(|(rule, n)| *rule as u8 == n)
        );
    }
}
