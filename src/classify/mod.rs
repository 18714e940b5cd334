//! Which workload issued a KMS call: rules applied to one event, with the evidence for the answer.
//!
//! A label always comes with the ids of all rules that fired and the strength of the rule that
//! decided. Labels that tie at the highest strength are all reported. Rules that depend on other
//! records (settings, jobs, STS sessions) are learned rules: they look up [`Knowledge`], which is
//! built from facts before events are classified. Deliberately absent: reading those records
//! (`parse`).
//!
//! ```
//! use keytrail::classify::Classifier;
//! use keytrail::knowledge::Knowledge;
//! use keytrail::parse::{RecordKind, parse};
//!
//! let record = br#"{"eventSource": "kms.amazonaws.com", "eventName": "Decrypt",
//!     "eventTime": "2023-03-17T18:02:06Z",
//!     "userIdentity": {"type": "AWSService", "invokedBy": "forecast.amazonaws.com"}}"#;
//! let RecordKind::Event(event) = parse(record)?.kind else { panic!("a KMS call") };
//! let evidence = Classifier::new(None)?.classify(&event, &Knowledge::default());
//! assert_eq!(evidence.workload.to_string(), "forecast");
//! assert_eq!((evidence.strength.as_str(), &*evidence.rules), ("definitive", "F3"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod fields;
mod index;
mod index_rules;
mod pattern;
mod rules;

use crate::knowledge::Knowledge;
use crate::model::{Evidence, KmsEvent, LearnedRuleInfo, Served, Strength, Workload, WorkloadSet};

pub use error::{RuleError, RulesError};
use fields::{EventFields, RuleField};
use index_rules::RuleIndex;
pub use rules::{Rule, RuleFile, RuleOrigin};

/// The rules that a run applies.
#[derive(Debug)]
pub struct Classifier {
    rules: Vec<Rule>,
    /// For many rules: which of them to try.
    index: Option<RuleIndex>,
    /// Whether a rule compares what calls were for.
    compares_served: bool,
}

impl Classifier {
    /// The built-in rules, followed by those of the user's `own` file, if there is one.
    ///
    /// # Errors
    /// When `own` is not a rule file, names an unknown field, workload or strength, or repeats an
    /// id.
    pub fn new(own: Option<RuleFile<'_>>) -> Result<Self, RulesError> {
        let builtin = RuleFile { name: "built-in rules", text: rules::BUILTIN };
        let mut rules = rules::read(builtin, RuleOrigin::BuiltIn)?;
        if let Some(own) = own {
            rules.extend(rules::read(own, RuleOrigin::Own)?);
            rules::check_unique_ids(own.name, &rules)?;
        }
        let fields = [RuleField::ForService, RuleField::Resource];
        let compares_served = rules.iter().any(|rule| fields.into_iter().any(|field| rule.compares(field)));
        Ok(Self { index: RuleIndex::new(&rules), rules, compares_served })
    }

    /// The rules of rule files, in the order in which their ids are reported.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Applies all rules to `event`, those of rule files first and then the learned ones.
    pub fn classify(&self, event: &KmsEvent<'_>, knowledge: &Knowledge) -> Evidence {
        let served = if self.compares_served { event.served() } else { Served::default() };
        let fields = EventFields::new(event, &served);
        let mut evidence = EvidenceBuilder::default();
        let mut test = |rule: &Rule| {
            if rule.fires(&fields) {
                evidence.add(&rule.id, rule.workload, rule.strength);
            }
        };
        match &self.index {
            None => self.rules.iter().for_each(&mut test),
            Some(index) => {
                let candidates = index.candidates(&fields).into_iter();
                candidates.filter_map(|number| self.rules.get(number as usize)).for_each(&mut test);
            }
        }
        for rule in knowledge.fired_rules(event).iter() {
            let LearnedRuleInfo { id, workload, strength, .. } = rule.info();
            evidence.add(id, workload, strength);
        }
        evidence.build()
    }
}

/// Combines the rules that fire on one event.
#[derive(Default)]
struct EvidenceBuilder {
    ids: String,
    /// The highest strength of a rule for a specific label, and all labels of that strength.
    strength: Strength,
    workload: WorkloadSet,
    /// The highest strength of a rule for "SageMaker, part unknown". It is kept apart because that
    /// label does not contradict a specific one.
    sagemaker: Strength,
    /// There is strong evidence for Forecast through Canvas.
    has_canvas_forecast: bool,
}

impl EvidenceBuilder {
    fn add(&mut self, id: &str, workload: Workload, strength: Strength) {
        if !self.ids.is_empty() {
            self.ids.push(',');
        }
        self.ids.push_str(id);
        // A weak rule is only a hint, unless its label itself says that the workload is not known.
        let label = match (strength, workload) {
            (Strength::Weak, Workload::S3Unattributed) => Workload::S3Unattributed,
            (Strength::Weak, _) => Workload::Unknown,
            (_, label) => label,
        };
        self.has_canvas_forecast |= label == Workload::CanvasForecast && strength >= Strength::Strong;
        if label == Workload::SagemakerOther {
            self.sagemaker = self.sagemaker.max(strength);
            return;
        }
        if strength > self.strength {
            self.strength = strength;
            self.workload = WorkloadSet::default();
        }
        if strength == self.strength {
            self.workload.insert(label);
        }
    }

    fn build(mut self) -> Evidence {
        // A session of SageMaker with a role of Canvas is Canvas: "SageMaker" is reported only
        // when no specific label has at least medium evidence.
        if self.sagemaker > Strength::None && self.strength < Strength::Medium {
            self.strength = self.sagemaker;
            self.workload = WorkloadSet::single(Workload::SagemakerOther);
        }
        // Definitive evidence for Forecast and strong evidence that Canvas uses it are both true.
        if self.has_canvas_forecast && self.workload.intersects(WorkloadSet::single(Workload::Forecast)) {
            self.workload.insert(Workload::CanvasForecast);
        }
        // A more specific label replaces a less specific one that ties with it.
        for (specific, general) in
            [(Workload::CanvasForecast, Workload::Forecast), (Workload::S3Unattributed, Workload::Unknown)]
        {
            if self.workload.intersects(WorkloadSet::single(specific)) {
                self.workload.remove(general);
            }
        }
        if self.strength == Strength::None {
            self.workload = WorkloadSet::single(Workload::Other);
        }
        Evidence { workload: self.workload, strength: self.strength, rules: self.ids }
    }
}

#[cfg(test)]
mod tests;
