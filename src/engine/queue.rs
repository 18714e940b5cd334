//! What is to be scanned next.
//!
//! In an incremental run, an archive that an earlier run has scanned is not scanned again: its
//! facts are in the checkpoint.

use std::cmp::Ordering;
use std::iter::Peekable;
use std::sync::{Arc, Mutex};

use super::checkpoint::is_known;
use super::plan::Plan;
use super::record_lookup::RecordLookup;
use super::replaced::ReplacedEvents;
use super::scan_facts::add_fact;
use crate::base::lock;
use crate::checkpoint::{Checkpoint, CheckpointError, Merged, Run};
use crate::knowledge::Facts;
use crate::source::{self, Archive, Family, ListedInput, Listing, Prefetcher};

/// Small archives are scanned together: so many, or until they have so many stored bytes.
const TOGETHER: usize = 64;
const TOGETHER_BYTES: u64 = 128 << 10;

impl source::Prefetchable for Result<ListedInput, CheckpointError> {
    fn archive_mut(&mut self) -> Option<&mut Archive> {
        self.as_mut().ok().and_then(ListedInput::archive_mut)
    }
}

/// Takes the next work for one thread from a queue: archives that follow one another in the order
/// of the inputs. `None` at the end.
pub(super) fn next_work(
    queue: &mut Prefetcher<Queue<'_>>,
) -> Result<Option<Vec<ListedInput>>, CheckpointError> {
    let (mut list, mut bytes) = (Vec::new(), 0u64);
    while list.len() < TOGETHER
        && bytes < TOGETHER_BYTES
        && let Some(listed) = queue.next().transpose()?
    {
        bytes = bytes.saturating_add(match &listed {
            ListedInput::Archive(archive) => archive.size.unwrap_or(u64::MAX),
            ListedInput::Skipped { .. } | ListedInput::Unreadable { .. } => 0,
        });
        list.push(listed);
    }
    Ok((!list.is_empty()).then_some(list))
}

/// Everything to be scanned, in the order of the inputs.
pub(super) enum Queue<'p> {
    /// All inputs as they are listed.
    Listed {
        listing: Box<Listing>,
        /// A digest has been listed: what follows may be in one.
        has_digests: bool,
        /// Only what may hold the record that is looked for is listed.
        lookup: Option<&'p RecordLookup<'p>>,
    },
    /// What is listed, without the archives whose facts are in the checkpoint.
    Incremental { plan: &'p Plan, listing: Box<Peekable<Listing>>, known: KnownArchives<'p> },
}

impl<'p> Queue<'p> {
    /// Of a run that scans everything.
    pub(super) fn listed(plan: &Plan) -> Self {
        Self::Listed { listing: Box::new(plan.listing()), has_digests: false, lookup: None }
    }

    /// Of a run that looks for a record.
    pub(super) fn that_may_hold(plan: &Plan, lookup: &'p RecordLookup<'p>) -> Self {
        Self::Listed { listing: Box::new(plan.listing()), has_digests: false, lookup: Some(lookup) }
    }

    /// Of a run that scans what is new. Facts in the checkpoint about calls of other records are
    /// added to `facts`; what archives had that have changed is noted in `replaced`.
    pub(super) fn incremental(
        plan: &'p Plan,
        checkpoint: &'p Checkpoint,
        facts: Arc<Mutex<Facts>>,
        replaced: ReplacedEvents,
    ) -> Self {
        let rows = checkpoint.known();
        let (run, row, first, last) = (None, 0, 0, None);
        let known = KnownArchives { plan, checkpoint, rows, facts, replaced, run, row, first, last };
        Self::Incremental { plan, listing: Box::new(plan.listing().peekable()), known }
    }
}

impl Iterator for Queue<'_> {
    type Item = Result<ListedInput, CheckpointError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Listed { listing, has_digests, lookup } => {
                let mut listed =
                    listing.find(|listed| lookup.is_none_or(|lookup| lookup.may_be_in(listed.uri())))?;
                if let ListedInput::Archive(archive) = &mut listed {
                    *has_digests |= archive.name_fields.family == Some(Family::Digest);
                    archive.may_be_listed = *has_digests;
                }
                Some(Ok(listed))
            }
            Self::Incremental { plan, listing, known } => next_new(plan, listing, known).transpose(),
        }
    }
}

/// The next archive that has to be scanned.
fn next_new(
    plan: &Plan,
    listing: &mut Peekable<Listing>,
    known: &mut KnownArchives<'_>,
) -> Result<Option<ListedInput>, CheckpointError> {
    while !plan.is_cancelled()
        && let Some(uri) = known.uri()?
    {
        let order = listing.peek().map_or(Ordering::Greater, |listed| (**listed.uri()).cmp(uri));
        match order {
            Ordering::Less => return Ok(listing.next()),
            // What is not listed any more has been scanned all the same.
            Ordering::Greater => known.keep()?,
            Ordering::Equal => match listing.next() {
                Some(listed) if !known.is(&listed) => {
                    known.replace()?;
                    return Ok(Some(listed));
                }
                _ => known.keep()?,
            },
        }
    }
    Ok(listing.next())
}

/// The archives whose facts are in the checkpoint, one after the other.
pub(super) struct KnownArchives<'p> {
    plan: &'p Plan,
    checkpoint: &'p Checkpoint,
    rows: Merged,
    facts: Arc<Mutex<Facts>>,
    replaced: ReplacedEvents,
    run: Option<Run>,
    /// The first row of the current archive.
    row: usize,
    /// The first row whose facts have not been added yet.
    first: usize,
    /// The last archive of the run before, and what became of it: it may go on.
    last: Option<(String, Fate)>,
}

/// What becomes of an archive's facts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Kept,
    /// The archive has changed: it is scanned again.
    Replaced,
}

impl KnownArchives<'_> {
    /// The URI of the current archive; `None` at the end.
    fn uri(&mut self) -> Result<Option<&str>, CheckpointError> {
        while self.run.as_ref().is_none_or(|run| self.row == run.len()) {
            self.add_facts()?;
            self.run = self.rows.next().transpose()?;
            (self.row, self.first) = (0, 0);
            let Some(run) = &self.run else { return Ok(None) };
            match self.last.take() {
                Some((uri, fate)) if uri == run.uri(0) => self.pass(fate)?,
                _ => {}
            }
        }
        Ok(self.run.as_ref().map(|run| run.uri(self.row)))
    }

    /// Whether the current archive is the version that is listed.
    fn is(&self, listed: &ListedInput) -> bool {
        self.run.as_ref().is_some_and(|run| is_known(listed, run.archive(self.row)))
    }

    fn keep(&mut self) -> Result<(), CheckpointError> {
        self.checkpoint.add_known(1);
        self.pass(Fate::Kept)
    }

    fn replace(&mut self) -> Result<(), CheckpointError> {
        self.replaced.add_archive();
        self.pass(Fate::Replaced)
    }

    /// Goes on to the next archive.
    fn pass(&mut self, fate: Fate) -> Result<(), CheckpointError> {
        if fate == Fate::Replaced {
            self.add_facts()?;
        }
        let Some(run) = &self.run else { return Ok(()) };
        let end = run.end_of_archive(self.row);
        if fate == Fate::Replaced {
            self.replaced.add(&run.slice(self.row..end).facts()?);
        }
        if end == run.len() {
            self.last = Some((run.uri(self.row).to_owned(), fate));
        }
        self.row = end;
        if fate == Fate::Replaced {
            self.first = end;
        }
        Ok(())
    }

    /// Adds the facts of the rows before the current archive.
    fn add_facts(&mut self) -> Result<(), CheckpointError> {
        let Some(run) = self.run.as_ref().filter(|_| self.first < self.row) else { return Ok(()) };
        let mut facts = lock(&self.facts);
        let mut add = |uri: &Arc<str>, offset, fact| {
            if self.plan.digests.believes_at_once(&fact) {
                add_fact(&mut facts, uri, offset, fact);
            }
        };
        run.slice(self.first..self.row).learned(&mut add)?;
        self.first = self.row;
        Ok(())
    }
}
