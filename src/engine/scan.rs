//! The scan of all inputs: every byte is read once, in parallel, and becomes batches of facts.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tracing::{error, info};

use super::batch_store::BatchStore;
use super::checkpoint::{archive_version, is_recognizable};
use super::encoded_facts::EncodedFacts;
use super::error::RunError;
use super::input::{self, scan_list};
use super::plan::Plan;
use super::progress::Progress;
use super::queue::{Queue, next_work};
use super::record_lookup::RecordLookup;
use super::replaced::ReplacedEvents;
use super::scan_facts::add_fact;
use super::scanned::ScannedFacts;
use super::scanner::{Learn, Retain, Scanner};
use crate::aggregate::{Activity, InputStatus, InputTotals};
use crate::base::{into_inner, lock};
use crate::checkpoint::{Checkpoint, SegmentWriter, Verdict};
use crate::facts::{Batch, BatchBuilder, Stretch};
use crate::knowledge::Facts;
use crate::source::{ListedInput, Prefetcher};

/// What a scan found.
#[derive(Default)]
pub(super) struct Found {
    /// What records say about calls of other records.
    pub(super) facts: Facts,
    /// What the calls show that were not retained.
    pub(super) activity: Activity,
    /// What archives had that have changed since an earlier run.
    pub(super) replaced: ReplacedEvents,
}

/// Scans all inputs. Returns what it found, and the facts to resolve.
///
/// A run that learns nothing and stores nothing can resolve each input as it scans it:
/// then nothing is scanned here.
pub(super) fn scan<'p>(
    plan: &'p Plan,
    pool: &rayon::ThreadPool,
    progress: &'p Progress,
) -> Result<(Found, ScannedFacts<'p>), RunError> {
    if let Some(scanned) = &plan.scanned {
        return take_facts(plan, scanned, pool, progress);
    }
    if !plan.learn && plan.checkpoint.is_none() {
        return Ok((Found::default(), ScannedFacts::of_inputs(plan, progress)));
    }
    if let Some(checkpoint) = &plan.checkpoint {
        let scan = Scan::new(plan, progress, Destination::Checkpoint(checkpoint));
        let scanned = scan.run(pool);
        // From here on, no archive is to blame for the end of the run.
        checkpoint.journal().finish(scanned.is_ok());
        let facts = scanned?;
        // All calls are retained.
        let found = Found { facts, activity: Activity::default(), replaced: scan.replaced };
        return Ok((found, ScannedFacts::of_checkpoint(checkpoint)));
    }
    let store = BatchStore::new(plan.limits.memory.facts());
    let scan = Scan::new(plan, progress, Destination::Store(&store));
    let facts = scan.run(pool)?;
    let activity = into_inner(scan.activity);
    Ok((Found { facts, activity, replaced: ReplacedEvents::default() }, ScannedFacts::of_store(store)))
}

/// Takes all facts that were scanned elsewhere.
fn take_facts<'p>(
    plan: &'p Plan,
    scanned: &EncodedFacts,
    pool: &rayon::ThreadPool,
    progress: &'p Progress,
) -> Result<(Found, ScannedFacts<'p>), RunError> {
    let (store, found) = (BatchStore::new(plan.limits.memory.facts()), AtomicU64::new(0));
    progress.set_scanning(true);
    let taken = pool.broadcast(|_| {
        let mut facts = Facts::default();
        while !plan.is_cancelled()
            && let Some((number, stream)) = scanned.next()
        {
            let mut batch = Batch::decode(&stream).map_err(RunError::Facts)?;
            gather_batch(plan, &mut facts, &mut batch, &found, 0)?;
            store.put((number, 0), batch).map_err(RunError::Temporary)?;
        }
        Ok(facts)
    });
    progress.set_scanning(false);
    let facts = finish_facts(plan, Facts::default(), taken)?;
    // All calls were retained.
    let found = Found { facts, ..Found::default() };
    Ok((found, ScannedFacts::of_store(store)))
}

/// Scans all inputs only for what their records say about other calls; also returns how many inputs
/// could be read.
pub(super) fn learn(
    plan: &Plan,
    pool: &rayon::ThreadPool,
    progress: &Progress,
) -> Result<(Facts, InputTotals), RunError> {
    let totals = Mutex::default();
    let facts = Scan::new(plan, progress, Destination::Totals(&totals)).run(pool)?;
    Ok((facts, into_inner(totals)))
}

/// Looks for a record in all inputs; returns how many of them could be read.
pub(super) fn find<'p>(
    plan: &'p Plan,
    lookup: &'p RecordLookup<'p>,
    pool: &rayon::ThreadPool,
    progress: &'p Progress,
) -> Result<InputTotals, RunError> {
    let totals = Mutex::default();
    Scan::new(plan, progress, Destination::Find { lookup, totals: &totals }).run(pool)?;
    Ok(into_inner(totals))
}

/// Where batches go.
#[derive(Clone, Copy)]
enum Destination<'p> {
    /// To be resolved in this run.
    Store(&'p BatchStore),
    /// To be resolved in this run and in later ones.
    Checkpoint(&'p Checkpoint),
    /// Nowhere: their inputs are counted, and problems are logged as they are found.
    Totals(&'p Mutex<InputTotals>),
    /// The same, while a record is looked for.
    Find { lookup: &'p RecordLookup<'p>, totals: &'p Mutex<InputTotals> },
}

struct Scan<'p> {
    plan: &'p Plan,
    progress: &'p Progress,
    to: Destination<'p>,
    /// Also the number of the next piece of work.
    queue: Mutex<(u64, Prefetcher<Queue<'p>>)>,
    /// What the checkpoint says about calls of other records.
    known: Arc<Mutex<Facts>>,
    /// What archives had that have changed since.
    replaced: ReplacedEvents,
    /// What the calls show that were not retained.
    activity: Mutex<Activity>,
    /// Bytes of the facts that all threads have found.
    found: AtomicU64,
}

impl<'p> Scan<'p> {
    fn new(plan: &'p Plan, progress: &'p Progress, to: Destination<'p>) -> Self {
        let known = Arc::default();
        let replaced = ReplacedEvents::default();
        let queue = match to {
            Destination::Checkpoint(checkpoint) => {
                Queue::incremental(plan, checkpoint, Arc::clone(&known), replaced.clone())
            }
            Destination::Store(_) | Destination::Totals(_) => Queue::listed(plan),
            Destination::Find { lookup, .. } => Queue::that_may_hold(plan, lookup),
        };
        let queue =
            Mutex::new((0, Prefetcher::new(queue, plan.limits.memory.objects(), plan.cancel.clone())));
        Self {
            plan,
            progress,
            to,
            queue,
            known,
            replaced,
            activity: Mutex::default(),
            found: AtomicU64::new(0),
        }
    }

    fn run(&self, pool: &rayon::ThreadPool) -> Result<Facts, RunError> {
        self.progress.set_scanning(true);
        let scanned = pool.broadcast(|_| self.work());
        self.progress.set_scanning(false);
        finish_facts(self.plan, std::mem::take(&mut *lock(&self.known)), scanned)
    }

    /// The next piece of work, with its number.
    fn next(&self) -> Result<Option<(u64, Vec<ListedInput>)>, RunError> {
        let mut queue = lock(&self.queue);
        let (number, entries) = &mut *queue;
        let work = next_work(entries)?;
        *number += 1;
        Ok(work.map(|work| (*number, work)))
    }

    /// Scans one piece of work after the other: what each thread does.
    fn work(&self) -> Result<Facts, RunError> {
        let (retain, learn) = match self.to {
            Destination::Checkpoint(checkpoint) => return self.work_for(checkpoint),
            Destination::Store(_) => (Retain::Selectable(&self.plan.selection), self.learn()),
            Destination::Totals(_) => (Retain::Nothing, Learn::Yes),
            Destination::Find { lookup, .. } => (Retain::Find(lookup), Learn::No),
        };
        let mut facts = Facts::default();
        let mut builder = BatchBuilder::default();
        while !self.plan.is_cancelled()
            && let Some((number, list)) = self.next()?
        {
            let (mut result, mut batches) = (Ok(()), 0);
            let mut emit = |batch| {
                result = self.take(batch, (number, batches), &mut facts);
                batches += 1;
                result.is_ok() && !self.plan.is_cancelled()
            };
            let scanner = Scanner::new(self.plan, self.progress, retain, learn, &mut builder, &mut emit);
            scan_list(scanner, list);
            result?;
        }
        Ok(facts)
    }

    /// The same for a checkpoint. All archives of the thread share batches.
    fn work_for(&self, checkpoint: &Checkpoint) -> Result<Facts, RunError> {
        let mut facts = Facts::default();
        let mut builder = BatchBuilder::default();
        let mut writer = checkpoint.writer();
        let mut push = |writer: &mut SegmentWriter<'_>, mut batch: Batch| -> Result<(), RunError> {
            let result = writer.push(&batch);
            self.gather(&mut facts, &mut batch)?;
            Ok(result?)
        };
        while !self.plan.is_cancelled()
            && let Some((_, list)) = self.next()?
        {
            for listed in list {
                if writer.is_due(listed.uri()) {
                    push(&mut writer, builder.finish())?;
                    writer.commit()?;
                }
                let is_recognizable = is_recognizable(&listed);
                let version = archive_version(&listed);
                let verdict = checkpoint.journal().begin(&version);
                writer.begin(version, builder.stretches());
                let mut result = Ok(());
                let mut emit = |batch| {
                    result = push(&mut writer, batch);
                    result.is_ok() && !self.plan.is_cancelled()
                };
                let (retain, learn) = (Retain::All, Learn::Yes);
                let mut scanner =
                    Scanner::new(self.plan, self.progress, retain, learn, &mut builder, &mut emit);
                match verdict {
                    Verdict::Read(_reading) => input::scan(&mut scanner, listed),
                    Verdict::Refuse => input::refuse_killer(&mut scanner, &listed),
                }
                let is_reusable = scanner.is_reusable() && is_recognizable;
                result?;
                // A run that was stopped may have read the archive in part.
                if self.plan.is_cancelled() {
                    break;
                }
                writer.end(is_reusable);
                checkpoint.add_read(1);
            }
        }
        push(&mut writer, builder.finish())?;
        writer.finish()?;
        Ok(facts)
    }

    fn take(&self, mut batch: Batch, order: (u64, usize), facts: &mut Facts) -> Result<(), RunError> {
        self.gather(facts, &mut batch)?;
        match self.to {
            Destination::Checkpoint(_) => Ok(()),
            Destination::Store(store) => {
                let mut activity = lock(&self.activity);
                for stretch in &mut batch.stretches {
                    *activity += std::mem::take(&mut stretch.activity);
                }
                drop(activity);
                store.put(order, batch).map_err(RunError::Temporary)
            }
            Destination::Totals(totals) | Destination::Find { totals, .. } => {
                let mut totals = lock(totals);
                for stretch in &batch.stretches {
                    log_problems(&stretch.uri, stretch);
                    stretch.rejects.iter().for_each(|rejection| totals.add_reject(&stretch.uri, rejection));
                    if let Some(end) = &stretch.end {
                        *totals += &end.summary;
                    }
                }
                Ok(())
            }
        }
    }

    /// Moves what the records of a batch say about other calls into a thread's facts. Those of all
    /// threads are limited.
    fn gather(&self, facts: &mut Facts, batch: &mut Batch) -> Result<(), RunError> {
        gather_batch(self.plan, facts, batch, &self.found, lock(&self.known).bytes())
    }

    fn learn(&self) -> Learn {
        if self.plan.learn { Learn::Yes } else { Learn::No }
    }
}

/// The facts of all threads, and those that were known before.
fn finish_facts(
    plan: &Plan,
    mut facts: Facts,
    found: Vec<Result<Facts, RunError>>,
) -> Result<Facts, RunError> {
    for found in found {
        facts += found?;
    }
    if plan.is_cancelled() {
        return Err(RunError::Cancelled);
    }
    if !plan.learn {
        facts = Facts::default(); // they are stored for runs that use them
    }
    facts.derive();
    Ok(facts)
}

/// Moves what the records of a batch say about other calls into a thread's facts. `found`: bytes of
/// those of all threads, which are limited; `known`: bytes of others.
fn gather_batch(
    plan: &Plan,
    facts: &mut Facts,
    batch: &mut Batch,
    found: &AtomicU64,
    known: u64,
) -> Result<(), RunError> {
    let before = facts.bytes();
    batch.stretches.iter_mut().for_each(|stretch| gather(plan, facts, stretch));
    let added = facts.bytes() - before;
    let found = found.fetch_add(added, Ordering::Relaxed) + added;
    plan.check_tables(found + known)
}

/// Moves what a stretch says about other calls into `facts`, if it is believed at once.
fn gather(plan: &Plan, facts: &mut Facts, stretch: &mut Stretch) {
    for (offset, fact) in stretch.learned.extract_if(.., |(_, fact)| plan.digests.believes_at_once(fact)) {
        add_fact(facts, &stretch.uri, offset, fact);
    }
}

/// Logs what is wrong with an input.
fn log_problems(uri: &str, stretch: &Stretch) {
    for rejection in &stretch.rejects {
        info!(archive = %uri, %rejection, "rejected");
    }
    if let Some(end) = &stretch.end
        && let (InputStatus::Unreadable, Some(reason)) = (end.summary.status, &end.summary.reason)
    {
        error!(archive = %uri, error = %reason.message(), "cannot be read");
    }
}
