//! Facts: what a record says about KMS calls of other records. Which roles, paths, keys and
//! sessions belong to which workload, which key an alias pointed to, which events were corrected,
//! which trails were stopped.

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};

use siphasher::sip::SipHasher13;
use std::ops::BitOrAssign;

use super::arn::Arn;
use super::canvas_key::CanvasKey;
use super::digest::Digest;
use super::input_content::InputContent;
use super::key_change::KeyChange;
use super::provenance::Provenance;
use super::share_call::ShareCall;
use super::text::Text;
use super::time::EventTime;
use super::workload::{Strength, Workload};

/// A learned rule: what it compares an event with comes from other records of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum LearnedRule {
    /// Path under which a Canvas domain or profile stores its artifacts.
    CanvasPath,
    /// Execution role of a domain or profile with Canvas settings.
    CanvasRole,
    /// Session that worked on a resource with `canvas` in its name.
    CanvasSession,
    /// Role that Canvas passes to Forecast.
    CanvasForecastRole,
    /// Role and key of a Forecast resource.
    ForecastRoleAndKey,
    /// The Forecast service itself, on a key that it uses for Canvas.
    CanvasForecastKey,
    /// Role of a geospatial job.
    GeospatialRole,
    /// Path of a feature group's offline store.
    OfflineStorePath,
    /// Role and key of a feature group's offline store.
    OfflineStoreRoleAndKey,
    /// Bucket of a feature group's offline store, where the event does not name the object.
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
pub struct LearnedRuleSet(u32);

impl LearnedRuleSet {
    /// Adds a rule.
    pub fn insert(&mut self, rule: LearnedRule) {
        self.0 |= 1 << rule as u32;
    }

    /// Removes a rule.
    pub fn remove(&mut self, rule: LearnedRule) {
        self.0 &= !(1 << rule as u32);
    }

    /// Whether the set contains the rule.
    pub fn contains(self, rule: LearnedRule) -> bool {
        self.0 & 1 << rule as u32 != 0
    }

    /// The rules, in the order in which their ids are reported.
    pub fn iter(self) -> impl Iterator<Item = LearnedRule> {
        LearnedRule::ALL.into_iter().filter(move |rule| self.contains(*rule))
    }
}

impl BitOrAssign for LearnedRuleSet {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// How a learned rule is described in reports and in the documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct LearnedRuleInfo {
    /// Short unique name, reported with every event on which the rule fires.
    pub id: &'static str,
    /// The label that the rule is evidence for.
    pub workload: Workload,
    /// How strong that evidence is.
    pub strength: Strength,
    /// What the rule looks at, for people.
    pub about: &'static str,
    /// The AWS page that the rule is based on.
    pub source: &'static str,
}

/// The page on customer managed keys in Canvas.
const CANVAS: &str = "https://docs.aws.amazon.com/sagemaker/latest/dg/canvas-kms.html";
/// The Canvas settings of a domain or a profile.
const CANVAS_SETTINGS: &str =
    "https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CanvasAppSettings.html";
/// Where Canvas stores what it makes: in its own folder, `Canvas/` and the user profile's name,
/// below the bucket or folder that was named.
const STORAGE: &str = "https://docs.aws.amazon.com/sagemaker/latest/dg/canvas-storage-configuration.html";
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
    /// All learned rules, in the order in which their ids are reported.
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

    /// The rule's id, label, strength, description and source.
    pub fn info(self) -> LearnedRuleInfo {
        use Strength::{Definitive, Medium, Strong, Weak};
        use Workload::{
            Autopilot, Canvas, CanvasForecast, FeatureStoreOffline, FeatureStoreOnline, Forecast, Geospatial,
            SagemakerOther,
        };
        let (id, workload, strength, about, source) = match self {
            Self::CanvasPath => (
                "C2",
                Canvas,
                Strong,
                "objects in Canvas's own folder below a path that Canvas settings name",
                STORAGE,
            ),
            Self::CanvasRole => (
                "C3",
                Canvas,
                Weak,
                "execution role of a domain or profile with Canvas settings; it runs notebooks and training, too",
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
            Self::OfflineStorePath => (
                "O2",
                FeatureStoreOffline,
                Strong,
                "folder of a feature group's offline store",
                FEATURE_GROUP,
            ),
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

/// An IAM role, identified by account and name.
///
/// The path is left out: role names are unique in an account whatever the path, and not every
/// event contains it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Role {
    account: String,
    name: String,
}

impl Role {
    /// The role with this IAM ARN; `None` when it is not the ARN of a role.
    pub fn from_arn(arn: &str) -> Option<Self> {
        let arn = Arn::parse(arn).filter(|arn| arn.service == "iam")?;
        let name = arn.resource.strip_prefix("role/")?.rsplit('/').next()?;
        Some(Self { account: arn.account.to_owned(), name: name.to_owned() })
    }

    /// Whether the name is the one that Canvas gives to the role it creates for Forecast, with or
    /// without a suffix after a hyphen. AWS's own texts vary in case.
    pub fn is_canvas_forecast(&self) -> bool {
        const NAME: &str = "AmazonSagemakerCanvasForecastRole";
        let (Some(start), Some(suffix)) = (self.name.get(..NAME.len()), self.name.get(NAME.len()..)) else {
            return false;
        };
        start.eq_ignore_ascii_case(NAME) && (suffix.is_empty() || suffix.len() > 1 && suffix.starts_with('-'))
    }
}

/// What a learned rule compares an event with.
///
/// `Display` gives the text of the `particular` column of `keytrail rules`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum LearnedCondition<'a> {
    /// The caller is this role, given as an ARN whose path does not matter.
    Role(Text<'a>),
    /// The caller is this role, and the key has this ARN or id.
    RoleAndKey(Text<'a>, Text<'a>),
    /// The key has this ARN or id; the rule makes further conditions.
    Key(Text<'a>),
    /// The object is in this bucket, at or under this path. The path has no slashes at its ends;
    /// an empty one means anywhere in the bucket.
    Path(Text<'a>, Text<'a>),
    /// The object is in `Canvas/`, in any case, in this bucket below this path: the folder that
    /// Canvas makes below the storage that its settings name. The path is as in `Path`.
    CanvasFolder(Text<'a>, Text<'a>),
    /// The object is in `ACCOUNT/sagemaker/REGION/offline-store/`, in this bucket below this path:
    /// the folder that the feature store makes below the storage of a feature group. The path is
    /// as in `Path`.
    OfflineStoreFolder(Text<'a>, Text<'a>),
    /// The event names this bucket but no object.
    Bucket(Text<'a>),
    /// The caller is a session of this role that the record opened or used. The sessions
    /// themselves are [`Fact::Session`].
    SessionOn(Text<'a>),
}

impl LearnedCondition<'_> {
    /// Copies borrowed texts.
    pub fn into_owned(self) -> LearnedCondition<'static> {
        let own = |text: Text<'_>| Cow::Owned(text.into_owned());
        match self {
            Self::Role(role) => LearnedCondition::Role(own(role)),
            Self::RoleAndKey(role, key) => LearnedCondition::RoleAndKey(own(role), own(key)),
            Self::Key(key) => LearnedCondition::Key(own(key)),
            Self::Path(bucket, path) => LearnedCondition::Path(own(bucket), own(path)),
            Self::CanvasFolder(bucket, path) => LearnedCondition::CanvasFolder(own(bucket), own(path)),
            Self::OfflineStoreFolder(bucket, path) => {
                LearnedCondition::OfflineStoreFolder(own(bucket), own(path))
            }
            Self::Bucket(bucket) => LearnedCondition::Bucket(own(bucket)),
            Self::SessionOn(role) => LearnedCondition::SessionOn(own(role)),
        }
    }
}

/// A role session, by the two names that its later calls may contain.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct RoleSession<'a> {
    /// `accessKeyId` of the session's temporary credentials.
    pub access_key_id: Option<Text<'a>>,
    /// `principalId`: the role's id and the session's name (`AROA…:session`).
    pub principal_id: Option<Text<'a>>,
}

/// The hash of a session's name, kept instead of the name because there are many sessions with
/// long names. 128 bits: an accidental collision is practically impossible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionId([u64; 2]);

impl SessionId {
    /// The hash of a session's access key id or principal id.
    pub fn from_name(name: &str) -> Self {
        Self([1, 2].map(|seed: u64| {
            // Facts are stored: the hash must be the same in every run and every release.
            let mut hasher = SipHasher13::new();
            seed.hash(&mut hasher);
            name.hash(&mut hasher);
            hasher.finish()
        }))
    }
}

/// A call that changes, or would have changed, what a trail or an event data store records.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct TrailChange {
    /// The record of the call.
    pub by: Provenance,
    /// The trail's name or ARN, or the event data store's ARN, as the record spells it.
    pub trail: String,
    /// `awsRegion` of the record.
    pub region: Option<String>,
    /// Who called: `userIdentity.arn`, which names the session, else the principal.
    pub principal: Option<String>,
    /// What it does to the trail.
    pub effect: TrailEffect,
    /// The error code of a call that failed: nothing was changed.
    pub error_code: Option<String>,
}

/// What a call does to a trail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum TrailEffect {
    /// `StopLogging`, `StopEventDataStoreIngestion`
    StopsLogging,
    /// `StartLogging`, `StartEventDataStoreIngestion`, `RestoreEventDataStore`
    StartsLogging,
    /// `DeleteTrail`, `DeleteEventDataStore`
    Deletes,
    /// `PutEventSelectors` or `UpdateEventDataStore` that leave out calls by which keys are used.
    ExcludesKms,
    /// `PutEventSelectors` or `UpdateEventDataStore` that leave out none of them.
    IncludesKms,
}

impl TrailEffect {
    /// Every effect.
    pub const ALL: [Self; 5] =
        [Self::StopsLogging, Self::StartsLogging, Self::Deletes, Self::ExcludesKms, Self::IncludesKms];

    /// Its name in stored facts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StopsLogging => "stops_logging",
            Self::StartsLogging => "starts_logging",
            Self::Deletes => "deletes",
            Self::ExcludesKms => "excludes_kms",
            Self::IncludesKms => "includes_kms",
        }
    }
}

/// One thing that a record says about KMS calls of other records.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fact<'a> {
    /// A condition under which a learned rule fires.
    Rule(LearnedRule, LearnedCondition<'a>, Provenance),
    /// A session on whose calls a learned rule fires.
    Session(LearnedRule, RoleSession<'a>),
    /// An alias was created, updated or deleted.
    Alias {
        /// ARN of the alias.
        alias: Text<'a>,
        /// ARN of the key that it points to from then on; `None` when the alias was deleted, or the
        /// record does not name the key.
        key: Option<Text<'a>>,
        /// `eventTime` of the change.
        time: EventTime,
    },
    /// A KMS event replaces another one of the same account, API and time (`addendum.reason` is
    /// `UPDATED_DATA`).
    Correction {
        /// `addendum.originalEventID`: the event that is replaced.
        original: Text<'a>,
        /// `eventID` of the correction.
        by: Text<'a>,
        /// `recipientAccountId` of both.
        account_id: Option<Text<'a>>,
        /// `eventTime` of both.
        time: EventTime,
        /// `eventName` of both.
        event_name: Text<'a>,
        /// `addendum.originalRequestID`: `requestID` of the event that is replaced.
        original_request_id: Option<Text<'a>>,
        /// `requestID` of the correction.
        request_id: Option<Text<'a>>,
    },
    /// What a trail records was changed, or somebody tried to.
    Trail(TrailChange),
    /// A key or its grants were changed.
    Key(Box<KeyChange>),
    /// Settings name the key of Canvas's folder in S3.
    CanvasKey(Box<CanvasKey>),
    /// The input is a digest file.
    Digest(Box<Digest>),
    /// The content of an input that is damaged, or whose facts stand in several batches.
    Content(InputContent),
    /// Something about what is shared between accounts.
    Share(Box<ShareCall>),
}

impl fmt::Display for LearnedCondition<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Role(role) => write!(f, "role {role}"),
            Self::RoleAndKey(role, key) => write!(f, "role {role} with key {key}"),
            Self::Key(key) => write!(f, "key {key}"),
            Self::Path(bucket, path) => write!(f, "objects under s3://{bucket}/{path}"),
            Self::CanvasFolder(bucket, path) => {
                write!(f, "objects under {}Canvas/", Folder(bucket, path))
            }
            Self::OfflineStoreFolder(bucket, path) => {
                write!(f, "objects under {}ACCOUNT/sagemaker/REGION/offline-store/", Folder(bucket, path))
            }
            Self::Bucket(bucket) => write!(f, "bucket {bucket}"),
            Self::SessionOn(role) => write!(f, "sessions on role {role}"),
        }
    }
}

/// A bucket and a path in it as an S3 URI that ends with a slash.
struct Folder<'a>(&'a str, &'a str);

impl fmt::Display for Folder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(bucket, path) = self;
        write!(f, "s3://{bucket}/{path}{}", if path.is_empty() { "" } else { "/" })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn learned_rules_have_unique_ids_and_are_in_order() {
        let ids: HashSet<&str> = LearnedRule::ALL.iter().map(|rule| rule.info().id).collect();
        assert_eq!(ids.len(), LearnedRule::ALL.len());
        assert!(
            LearnedRule::ALL.is_sorted()
                && LearnedRule::ALL.iter().zip(0..).all(|(rule, n)| *rule as u8 == n)
        );
    }
}
