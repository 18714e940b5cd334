//! Which workload issued an event: rules as data, evidence with every answer.
//!
//! A label never stands alone: it comes with the ids of all rules that fired and the strength of the one that decided. Labels that tie at
//! the highest strength are all reported. Deliberately absent: rules that need other records (job descriptions, STS sessions).

mod pattern;
mod rules;

use crate::event::{Evidence, KmsEvent, Strength, Workload, WorkloadSet};
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
        let mut rules = rules::read("built-in rules", rules::BUILTIN)?;
        if let Some((name, text)) = own {
            rules.extend(rules::read(name, text)?);
            rules::unique_ids(name, &rules)?;
        }
        Ok(Self { rules })
    }

    /// The rules, in the order in which their ids are reported.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// What the rules say of `event`.
    pub fn classify(&self, event: &KmsEvent<'_>) -> Evidence {
        let facts = Facts::new(event);
        let mut ids = String::new();
        let mut strength = Strength::None;
        let mut workload = WorkloadSet::default();
        let mut through_canvas = false;
        for rule in self.rules.iter().filter(|rule| rule.fires(&facts)) {
            if !ids.is_empty() {
                ids.push(',');
            }
            ids.push_str(&rule.id);
            // A weak rule only hints, unless its label is itself "cannot be told".
            let label = match (rule.strength, rule.workload) {
                (Strength::Weak, Workload::S3Unattributed) => Workload::S3Unattributed,
                (Strength::Weak, _) => Workload::Unknown,
                (_, label) => label,
            };
            through_canvas |= rule.workload == Workload::CanvasForecast && rule.strength >= Strength::Strong;
            if rule.strength > strength {
                strength = rule.strength;
                workload = WorkloadSet::default();
            }
            if rule.strength == strength {
                workload.insert(label);
            }
        }
        // That it is Forecast may be certain, and that Canvas is behind it strong: both hold.
        if through_canvas && workload.intersects(WorkloadSet::of(Workload::Forecast)) {
            workload.insert(Workload::CanvasForecast);
        }
        // Where one label says more than another that ties with it, the two do not contradict each other.
        for (more, less) in
            [(Workload::CanvasForecast, Workload::Forecast), (Workload::S3Unattributed, Workload::Unknown)]
        {
            if workload.intersects(WorkloadSet::of(more)) {
                workload.remove(less);
            }
        }
        if strength == Strength::None {
            workload = WorkloadSet::of(Workload::Other);
        }
        Evidence { workload, strength, rules: ids }
    }
}

#[cfg(test)]
mod tests;
