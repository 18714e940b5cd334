//! Workload labels and the strength of the evidence for them.

use std::borrow::Cow;
use std::fmt;
use std::ops::BitOrAssign;

/// The SageMaker workload that an event is attributed to, or why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Workload {
    /// SageMaker Autopilot.
    Autopilot,
    /// SageMaker Canvas.
    Canvas,
    /// Amazon Forecast through Canvas.
    CanvasForecast,
    /// SageMaker Feature Store, offline store.
    FeatureStoreOffline,
    /// SageMaker Feature Store, online store.
    FeatureStoreOnline,
    /// Amazon Forecast.
    Forecast,
    /// SageMaker geospatial capabilities.
    Geospatial,
    /// No rule fired.
    Other,
    /// An object in SageMaker's default S3 bucket; because of an S3 Bucket Key, the event does not
    /// name it.
    S3Unattributed,
    /// SageMaker, not one of the above.
    SagemakerOther,
    /// Only weak rules fired.
    Unknown,
}

impl Workload {
    /// Every label, in alphabetical order.
    pub const ALL: [Self; 11] = [
        Self::Autopilot,
        Self::Canvas,
        Self::CanvasForecast,
        Self::FeatureStoreOffline,
        Self::FeatureStoreOnline,
        Self::Forecast,
        Self::Geospatial,
        Self::Other,
        Self::S3Unattributed,
        Self::SagemakerOther,
        Self::Unknown,
    ];

    /// The value of the `workload` column and of `--workload`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Autopilot => "autopilot",
            Self::Canvas => "canvas",
            Self::CanvasForecast => "canvas-forecast",
            Self::FeatureStoreOffline => "feature-store-offline",
            Self::FeatureStoreOnline => "feature-store-online",
            Self::Forecast => "forecast",
            Self::Geospatial => "geospatial",
            Self::Other => "other",
            Self::S3Unattributed => "s3-unattributed",
            Self::SagemakerOther => "sagemaker-other",
            Self::Unknown => "unknown",
        }
    }

    /// The label spelled `text`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|w| w.as_str() == text)
    }
}

/// A set of workloads. An event has more than one when the evidence for each is equally strong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct WorkloadSet(u16);

impl WorkloadSet {
    /// Every label: `--workload any`.
    pub const ANY: Self = Self((1 << Workload::ALL.len()) - 1);

    /// A set of one label.
    pub fn single(workload: Workload) -> Self {
        Self(1 << workload as u16)
    }

    /// Adds a label.
    pub fn insert(&mut self, workload: Workload) {
        self.0 |= 1 << workload as u16;
    }

    /// Removes a label.
    pub fn remove(&mut self, workload: Workload) {
        self.0 &= !(1 << workload as u16);
    }

    /// Whether the two sets have a label in common.
    pub fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether there is more than one label.
    pub fn is_ambiguous(self) -> bool {
        self.0.count_ones() > 1
    }

    /// Whether a label names one workload, not just "other", "unknown" or SageMaker in general.
    pub fn is_specific(self) -> bool {
        use Workload::{Other, S3Unattributed, SagemakerOther, Unknown};
        self.iter().any(|label| !matches!(label, Other | S3Unattributed | SagemakerOther | Unknown))
    }

    /// The text of [`Display`](fmt::Display), without an allocation for a single label.
    pub fn label(self) -> Cow<'static, str> {
        let mut labels = self.iter();
        match (labels.next(), labels.next()) {
            (Some(only), None) => Cow::Borrowed(only.as_str()),
            _ => Cow::Owned(self.to_string()),
        }
    }

    /// The labels, in alphabetical order.
    pub fn iter(self) -> impl Iterator<Item = Workload> {
        Workload::ALL.into_iter().filter(move |w| self.0 & (1 << *w as u16) != 0)
    }
}

impl BitOrAssign for WorkloadSet {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl fmt::Display for WorkloadSet {
    /// The labels joined by `+`: `canvas`, `canvas+canvas-forecast`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, workload) in self.iter().enumerate() {
            if i > 0 {
                f.write_str("+")?;
            }
            f.write_str(workload.as_str())?;
        }
        Ok(())
    }
}

/// How strong the evidence of a rule is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Strength {
    /// No rule fired.
    #[default]
    None,
    /// The event is compatible with the workload; nothing more.
    Weak,
    /// A naming convention.
    Medium,
    /// A name or path that the service defines and that is unlikely to occur by accident.
    Strong,
    /// The service's own identity, which AWS sets.
    Definitive,
}

impl Strength {
    /// Every strength, weakest first.
    pub const ALL: [Self; 5] = [Self::None, Self::Weak, Self::Medium, Self::Strong, Self::Definitive];

    /// The value of the `workload_strength` column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Weak => "weak",
            Self::Medium => "medium",
            Self::Strong => "strong",
            Self::Definitive => "definitive",
        }
    }

    /// The strength spelled `text`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == text)
    }
}

/// What the rules say about one event.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Evidence {
    /// The label, or all labels that tie.
    pub workload: WorkloadSet,
    /// Strength of the deciding rule.
    pub strength: Strength,
    /// Ids of all rules that fired, comma-joined: first those of rule files in their order, then
    /// learned rules.
    pub rules: String,
}
