//! Which workload issued an event: rules as data, evidence with every answer.
//!
//! A label never stands alone: it comes with the ids of all rules that fired and the strength of the one that decided. Labels that tie at
//! the highest strength are all reported. Rules that need other records (settings, jobs, STS sessions) have been given their
//! particulars before ([`Knowledge`]). Deliberately absent: reading those records (`parse`).

mod pattern;
mod rules;

use crate::knowledge::Knowledge;
use crate::model::{Evidence, KmsEvent, LearnedRuleInfo, Strength, Workload, WorkloadSet};

use rules::Facts;
pub use rules::{Rule, RulesError};

/// The rules in force.
#[derive(Debug)]
pub struct Classifier {
    rules: Vec<Rule>,
}

impl Classifier {
    /// The built-in rules, then `own` (the text of a rule file, with the name to use in error messages).
    ///
    /// # Errors
    /// When the text is not a rule file, names an unknown field, workload or strength, or repeats an id.
    pub fn new(own: Option<(&str, &str)>) -> Result<Self, RulesError> {
        let mut rules = rules::read("built-in rules", rules::BUILTIN, true)?;
        if let Some((name, text)) = own {
            rules.extend(rules::read(name, text, false)?);
            rules::unique_ids(name, &rules)?;
        }
        Ok(Self { rules })
    }

    /// The rules, in the order in which their ids are reported.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// What the rules say of `event`, those that the input has taught included.
    pub fn classify(&self, event: &KmsEvent<'_>, knowledge: &Knowledge) -> Evidence {
        let facts = Facts::new(event);
        let mut verdict = Verdict::default();
        for rule in self.rules.iter().filter(|rule| rule.fires(&facts)) {
            verdict.add(&rule.id, rule.workload, rule.strength);
        }
        for rule in knowledge.fires(event).iter() {
            let LearnedRuleInfo { id, workload, strength, .. } = rule.facts();
            verdict.add(id, workload, strength);
        }
        verdict.evidence()
    }
}

/// What the rules that have fired so far come to.
#[derive(Default)]
struct Verdict {
    ids: String,
    strength: Strength,
    workload: WorkloadSet,
    /// SageMaker, which part of it unknown: kept apart, since it contradicts no part.
    in_general: Strength,
    /// There is strong evidence for Forecast through Canvas.
    through_canvas: bool,
}

impl Verdict {
    fn add(&mut self, id: &str, workload: Workload, strength: Strength) {
        if !self.ids.is_empty() {
            self.ids.push(',');
        }
        self.ids.push_str(id);
        // A weak rule only hints, unless its label is itself "cannot be told".
        let label = match (strength, workload) {
            (Strength::Weak, Workload::S3Unattributed) => Workload::S3Unattributed,
            (Strength::Weak, _) => Workload::Unknown,
            (_, label) => label,
        };
        self.through_canvas |= label == Workload::CanvasForecast && strength >= Strength::Strong;
        if label == Workload::SagemakerOther {
            self.in_general = self.in_general.max(strength);
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

    fn evidence(mut self) -> Evidence {
        // "SageMaker" by its own session and "Canvas" by its role is Canvas: a part is only outdone by another part.
        if self.in_general > Strength::None && self.strength < Strength::Medium {
            self.strength = self.in_general;
            self.workload = WorkloadSet::of(Workload::SagemakerOther);
        }
        // That it is Forecast may be certain, and that Canvas is behind it strong: both hold.
        if self.through_canvas && self.workload.intersects(WorkloadSet::of(Workload::Forecast)) {
            self.workload.insert(Workload::CanvasForecast);
        }
        // Where one label says more than another that ties with it, the two do not contradict each other.
        for (more, less) in
            [(Workload::CanvasForecast, Workload::Forecast), (Workload::S3Unattributed, Workload::Unknown)]
        {
            if self.workload.intersects(WorkloadSet::of(more)) {
                self.workload.remove(less);
            }
        }
        if self.strength == Strength::None {
            self.workload = WorkloadSet::of(Workload::Other);
        }
        Evidence { workload: self.workload, strength: self.strength, rules: self.ids }
    }
}

#[cfg(test)]
mod tests;
