//! With `--trust verified`, what records say of others is believed only if digests confirm their
//! archive. That is known when all inputs have been scanned, so it is looked at once more then.

use super::digest_options::Disbelieved;
use super::error::RunError;
use super::integrity::Judge;
use super::plan::Plan;
use super::scan_facts::add_fact;
use super::scanned::ScannedFacts;
use crate::facts::Stretch;
use crate::knowledge::Facts;
use crate::model::Fact;

/// Adds what the records of valid archives say of others, if that has not been done yet.
pub(super) fn add_believed(
    plan: &Plan,
    scanned: &ScannedFacts<'_>,
    judge: &Judge,
    facts: &mut Facts,
) -> Result<Disbelieved, RunError> {
    let mut disbelieved = Disbelieved::default();
    if !plan.digests.trusts_only_verified || !plan.learn {
        return Ok(disbelieved);
    }
    let mut add = |stretch: Stretch| {
        let is_believed = plan.digests.believes(judge.integrity_of(&stretch));
        for (offset, fact) in stretch.learned {
            match fact {
                fact if plan.digests.believes_at_once(&fact) => {}
                fact if is_believed => add_fact(facts, &stretch.uri, offset, fact),
                Fact::Correction { .. } => disbelieved.corrections += 1,
                _ => disbelieved.facts += 1,
            }
        }
        !plan.is_cancelled()
    };
    scanned.read_again(plan, &mut add)?;
    plan.check_tables(facts.bytes())?;
    facts.derive();
    Ok(disbelieved)
}
