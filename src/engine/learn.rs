//! The first pass: what the records of all inputs teach, before any is counted.
//!
//! A domain's settings, a feature group or the opening of a session can come long after the KMS calls they explain, and in another account's
//! archive. So all inputs are read twice; of what should be read only once, such as a pipe, an extract is kept meanwhile.

use std::sync::{Mutex, PoisonError};

use super::condense::Condenser;
use super::input::{self, Purpose, Run};
use super::part::Part;
use super::queue::{Queue, Work};
use super::replay;
use super::{Plan, Progress, RunError};
use crate::aggregate::InputTotals;
use crate::extract::State;
use crate::knowledge::{Aliases, Corrections, Facts, Knowledge};
use crate::model::KmsEvent;
use crate::parse;
use crate::source::Prefetcher;

/// What is known before records are counted.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) learned: Knowledge,
    aliases: Aliases,
    pub(super) corrections: Corrections,
}

impl Known {
    /// What the lessons come to, beside what the user knows.
    fn new(plan: &Plan, lessons: &mut Facts) -> Self {
        let mut aliases = plan.aliases.clone();
        // What nobody else asks for is not held twice.
        aliases += std::mem::take(&mut lessons.aliases);
        let sessions = std::mem::take(&mut lessons.sessions);
        let rules = lessons.rules.keys().map(|(rule, when)| (*rule, when));
        let learned = Knowledge::new(rules, sessions);
        Self { learned, aliases, corrections: std::mem::take(&mut lessons.corrections) }
    }

    /// Completes an event by what is known of aliases.
    pub(super) fn complete(&self, event: &mut KmsEvent<'_>) {
        if event.key.arn.is_none()
            && event.key.alias.is_some()
            && !self.aliases.is_empty()
            && let Some(alias) = parse::alias_arn(event)
        {
            self.aliases.resolve(event, &alias);
        }
    }
}

/// Reads all inputs for what they teach, and keeps in `state` what will not be read again.
pub(super) fn known(
    plan: &Plan,
    pool: &rayon::ThreadPool,
    progress: &Progress,
    state: &State,
) -> Result<(Known, Facts), RunError> {
    if !plan.reads_first() {
        let mut nothing = Facts::default();
        return Ok((Known::new(plan, &mut nothing), nothing));
    }
    // What is wrong with an input is said when it is counted.
    let quiet = tracing::subscriber::NoSubscriber::default();
    let dispatch = tracing::Dispatch::new(quiet);
    let work = (pool, Queue::first(plan, state));
    gather(plan, work, Some(state), progress, &dispatch).map(|(known, lessons, _)| (known, lessons))
}

/// Reads all inputs for what they teach, and tells `told` what is wrong with them.
pub(super) fn gather(
    plan: &Plan,
    (pool, queue): (&rayon::ThreadPool, Queue),
    state: Option<&State>,
    progress: &Progress,
    told: &tracing::Dispatch,
) -> Result<(Known, Facts, InputTotals), RunError> {
    progress.set_learning(true);
    let queue = Mutex::new(Prefetcher::new(queue, plan.cancel.clone()));
    let all = Learning { plan, progress, state, queue, inputs: Mutex::default() };
    let gathered = pool.broadcast(|_| tracing::dispatcher::with_default(told, || all.gather()));
    let mut lessons = Facts::default();
    for part in gathered {
        lessons += part?;
    }
    progress.set_learning(false);
    if plan.is_cancelled() {
        return Err(RunError::Cancelled);
    }
    if !plan.learn {
        lessons = Facts::default(); // they were kept for runs that learn
    }
    lessons.conclude();
    let inputs = all.inputs.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok((Known::new(plan, &mut lessons), lessons, inputs))
}

struct Learning<'p> {
    plan: &'p Plan,
    progress: &'p Progress,
    state: Option<&'p State>,
    queue: Mutex<Prefetcher<Queue>>,
    /// What became of the inputs; their problems are in the order in which they were met.
    inputs: Mutex<InputTotals>,
}

impl Learning<'_> {
    /// Lessons of one input after the other, as long as there are any: what each thread does.
    fn gather(&self) -> Result<Facts, RunError> {
        let mut lessons = Facts::default();
        let mut condenser = self.state.map(Condenser::new);
        while !self.plan.is_cancelled() {
            let next = self.queue.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some(work) = next else { break };
            match (work.map_err(RunError::Extract)?, &mut condenser) {
                (Work::Condense(listed), Some(condenser)) => {
                    condenser.begin(&listed)?;
                    self.count(true);
                    let mut kept = Ok(());
                    input::process(self.run(Purpose::Condense), listed, &mut |mut part| {
                        lessons += std::mem::take(&mut part.lessons);
                        kept = condenser.take(&mut part);
                        part.recycle();
                        kept.is_ok() && !self.plan.is_cancelled()
                    });
                    kept?;
                    // Of a run that was stopped, an archive may have been read in part.
                    if !self.plan.is_cancelled() {
                        condenser.end()?;
                    }
                }
                (Work::Read(listed) | Work::Condense(listed), _) => {
                    let learn = self.run(Purpose::Learn);
                    input::process(learn, listed, &mut |part| self.take(part, &mut lessons));
                }
                (Work::Replay(entry), _) => {
                    self.count(false);
                    let learn = self.run(Purpose::Learn);
                    let replayed = replay::replay(learn, &entry, &mut |part| self.take(part, &mut lessons));
                    replayed.map_err(RunError::Extract)?;
                }
            }
        }
        condenser.map_or(Ok(()), |mut condenser| condenser.finish())?;
        Ok(lessons)
    }

    fn count(&self, read: bool) {
        if let Some(state) = self.state {
            state.count(read);
        }
    }

    fn run(&self, purpose: Purpose<'static>) -> Run<'_> {
        Run { plan: self.plan, purpose, progress: self.progress }
    }

    /// Takes what a part teaches, and what became of its input.
    fn take(&self, mut part: Part, lessons: &mut Facts) -> bool {
        *lessons += std::mem::take(&mut part.lessons);
        let mut inputs = self.inputs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(archive) = &part.archive {
            part.rejects.iter().for_each(|rejection| inputs.add_reject(archive, rejection));
        }
        if let Some(done) = part.done.take() {
            *inputs += &done.0;
        }
        part.recycle();
        !self.plan.is_cancelled()
    }
}
