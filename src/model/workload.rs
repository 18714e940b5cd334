//! Workload labels and the strength of the evidence for them.

use std::borrow::Cow;
use std::fmt;

/// The SageMaker workload an event is attributed to, or why it is not.
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
    /// Feature Store, offline store.
    FeatureStoreOffline,
    /// Feature Store, online store.
    FeatureStoreOnline,
    /// Amazon Forecast.
    Forecast,
    /// SageMaker geospatial capabilities.
    Geospatial,
    /// No rule fired.
    Other,
    /// Something on S3 in SageMaker's default bucket; a bucket key hides what.
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

/// A set of workloads; more than one on an event means that the evidence is equally strong for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct WorkloadSet(u16);

impl WorkloadSet {
    /// Every label: `--workload any`.
    pub const ANY: Self = Self((1 << Workload::ALL.len()) - 1);

    /// A set of one.
    pub fn single(workload: Workload) -> Self {
        Self(1 << workload as u16)
    }

    /// Adds a label.
    pub fn insert(&mut self, workload: Workload) {
        self.0 |= 1 << workload as u16;
    }

    /// Takes a label out.
    pub fn remove(&mut self, workload: Workload) {
        self.0 &= !(1 << workload as u16);
    }

    /// Whether the sets share a label.
    pub fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether there is more than one label.
    pub fn is_ambiguous(self) -> bool {
        self.0.count_ones() > 1
    }

    /// Whether it has a label that says more than "perhaps SageMaker".
    pub fn is_specific(self) -> bool {
        use Workload::{Other, S3Unattributed, SagemakerOther, Unknown};
        self.iter().any(|label| !matches!(label, Other | S3Unattributed | SagemakerOther | Unknown))
    }

    /// As [`Display`](fmt::Display) shows it; without allocating for a single label.
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

impl fmt::Display for WorkloadSet {
    /// Labels joined with `+`: `canvas`, `canvas+canvas-forecast`.
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

/// How much a rule proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Strength {
    /// No rule fired.
    #[default]
    None,
    /// Compatible only.
    Weak,
    /// A naming convention.
    Medium,
    /// A name or path the service defines, hard to hit by accident.
    Strong,
    /// The service's own identity, set by AWS.
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

/// What the rules say of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Evidence {
    /// The label, or the labels that tie.
    pub workload: WorkloadSet,
    /// Strength of the rule that decided.
    pub strength: Strength,
    /// Ids of all rules that fired, comma-joined, in the order of the rule file.
    pub rules: String,
}
