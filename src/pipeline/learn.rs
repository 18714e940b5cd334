//! The first pass: what the records of all inputs teach, before any is counted.
//!
//! A domain's settings, a feature group or the opening of a session can come long after the KMS calls they explain, and in another account's
//! archive. So all inputs are read twice; what can be read only once, such as a pipe, is copied to a temporary file meanwhile.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::input::{self, Purpose, Run};
use super::part::Part;
use super::{Plan, Progress, RunError};
use crate::aggregate::{Aliases, Corrections, InputTotals, Lessons};
use crate::classify::Learned;
use crate::event::KmsEvent;
use crate::parse;
use crate::source::{Ahead, Archive, Listed, Listing};

/// What is known before records are counted.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) learned: Learned,
    aliases: Aliases,
    pub(super) corrections: Corrections,
    /// Inputs that cannot be read again, as they were read first.
    kept: HashMap<Arc<str>, Archive>,
}

impl Known {
    /// What the lessons come to, beside what the user knows.
    fn new(plan: &Plan, lessons: &mut Lessons, kept: HashMap<Arc<str>, Archive>) -> Self {
        let mut aliases = plan.aliases.clone();
        // What nobody else asks for is not held twice.
        aliases += std::mem::take(&mut lessons.aliases);
        let sessions = std::mem::take(&mut lessons.sessions);
        let rules = lessons.rules.keys().map(|(rule, when)| (*rule, when));
        let learned = Learned::new(rules, sessions);
        Self { learned, aliases, corrections: std::mem::take(&mut lessons.corrections), kept }
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

    /// The entry as it can be read now.
    pub(super) fn again(&self, listed: Listed) -> Listed {
        match listed {
            // A file may have the name of what was kept: standard input is called `-`.
            Listed::Archive(archive) if archive.size.is_none() => {
                Listed::Archive(self.kept.get(&archive.uri).cloned().unwrap_or(archive))
            }
            other => other,
        }
    }
}

/// Reads all inputs for what they teach.
pub(super) fn known(
    plan: &Plan,
    pool: &rayon::ThreadPool,
    progress: &Progress,
) -> Result<(Known, Lessons), RunError> {
    if !plan.learn {
        let mut nothing = Lessons::default();
        return Ok((Known::new(plan, &mut nothing, HashMap::new()), nothing));
    }
    // What is wrong with an input is said when it is counted.
    let quiet = tracing::subscriber::NoSubscriber::default();
    let dispatch = tracing::Dispatch::new(quiet);
    gather(plan, pool, progress, &dispatch).map(|(known, lessons, _)| (known, lessons))
}

/// Reads all inputs for what they teach, and tells `told` what is wrong with them.
pub(super) fn gather(
    plan: &Plan,
    pool: &rayon::ThreadPool,
    progress: &Progress,
    told: &tracing::Dispatch,
) -> Result<(Known, Lessons, InputTotals), RunError> {
    progress.set_learning(true);
    let all = Learning {
        plan,
        progress,
        listing: Mutex::new(Ahead::new(plan.listing(), plan.cancel.clone())),
        kept: Mutex::default(),
        inputs: Mutex::default(),
    };
    let gathered = pool.broadcast(|_| tracing::dispatcher::with_default(told, || all.gather()));
    let mut lessons = Lessons::default();
    for part in gathered {
        lessons += part.map_err(RunError::Temporary)?;
    }
    progress.set_learning(false);
    lessons.conclude();
    if plan.is_cancelled() {
        return Err(RunError::Cancelled);
    }
    let kept = all.kept.into_inner().unwrap_or_else(PoisonError::into_inner);
    let inputs = all.inputs.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok((Known::new(plan, &mut lessons, kept), lessons, inputs))
}

struct Learning<'p> {
    plan: &'p Plan,
    progress: &'p Progress,
    listing: Mutex<Ahead<Listing>>,
    kept: Mutex<HashMap<Arc<str>, Archive>>,
    /// What became of the inputs; their problems are in the order in which they were met.
    inputs: Mutex<InputTotals>,
}

impl Learning<'_> {
    /// Lessons of one input after the other, as long as there are any: what each thread does.
    fn gather(&self) -> std::io::Result<Lessons> {
        let mut lessons = Lessons::default();
        while !self.plan.is_cancelled() {
            let next = self.listing.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some(listed) = next else { break };
            let entry = match listed {
                Listed::Archive(archive) if archive.size.is_none() => {
                    let archive = archive.keep(|| self.plan.is_cancelled())?;
                    let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
                    kept.insert(archive.uri.clone(), archive.clone());
                    Listed::Archive(archive)
                }
                other => other,
            };
            let run = Run { plan: self.plan, purpose: Purpose::Learn, progress: self.progress };
            input::process(run, entry, &mut |mut part| {
                lessons += std::mem::take(&mut part.lessons);
                self.note(&mut part);
                part.recycle();
                !self.plan.is_cancelled()
            });
        }
        Ok(lessons)
    }

    /// Adds an input's part to what became of the inputs.
    fn note(&self, part: &mut Part) {
        let mut inputs = self.inputs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(archive) = &part.archive {
            part.rejects.iter().for_each(|rejection| inputs.add_reject(archive, rejection));
        }
        if let Some(done) = part.done.take() {
            *inputs += &done.0;
        }
    }
}
