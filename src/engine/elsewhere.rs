//! The part of a scan that a process does for another one.

use super::error::RunError;
use super::input::scan_list;
use super::plan::Plan;
use super::progress::Progress;
use super::scanner::{Learn, Retain, Scanner};
use super::threads::start_threads;
use crate::facts::{Batch, BatchBuilder};
use crate::source::{ListedInput, Prefetcher};

/// Scans entries of a listing, one after the other, and gives their facts to `emit` until that says
/// no. All KMS calls are retained: which of them count is decided when they are resolved.
///
/// Set [`DigestOptions::hash_all`](super::DigestOptions::hash_all) if there are digests among all
/// inputs: then their hashes are among the facts.
///
/// # Errors
/// When the scan is stopped, or a thread cannot be started. An input that cannot be read is no
/// error: the facts say so.
pub fn scan_listed(
    plan: &Plan,
    listed: Vec<ListedInput>,
    emit: &mut (dyn FnMut(Batch) -> bool + Send),
) -> Result<(), RunError> {
    let pool = start_threads(1)?; // whoever calls has one of many
    let progress = Progress::default();
    let listed = Prefetcher::new(listed.into_iter(), plan.limits.memory.objects(), plan.cancel.clone());
    pool.install(|| {
        let mut builder = BatchBuilder::default();
        let scanner = Scanner::new(plan, &progress, Retain::All, Learn::Yes, &mut builder, emit);
        scan_list(scanner, listed);
    });
    if plan.is_cancelled() { Err(RunError::Cancelled) } else { Ok(()) }
}
