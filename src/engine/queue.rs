//! What is to be scanned next.
//!
//! Of an incremental run, an archive that an earlier run has scanned is not scanned again: its facts are in the checkpoint.

use std::io;
use std::iter::Peekable;

use super::plan::Plan;
use crate::extract::{Entry, Merged, State};
use crate::source::{self, Archive, ListedInput, Listing, Prefetcher};

/// Small archives are scanned together: so many, or until they have so many stored bytes.
const TOGETHER: usize = 64;
const TOGETHER_BYTES: u64 = 128 << 10;

/// Work for one thread.
pub(super) enum Work {
    /// Archives to scan; they follow one another in the order of the inputs.
    Scan(Vec<ListedInput>),
    /// An archive whose facts are in the checkpoint.
    Known(Entry),
}

/// An entry of the queue.
pub(super) enum Item {
    Listed(ListedInput),
    Known(Entry),
}

impl source::Prefetchable for io::Result<Item> {
    fn archive_mut(&mut self) -> Option<&mut Archive> {
        match self {
            Ok(Item::Listed(listed)) => listed.archive_mut(),
            Ok(Item::Known(_)) | Err(_) => None,
        }
    }
}

impl Work {
    /// Takes the next work from a queue; `is_single`: one archive at a time.
    pub(super) fn next(queue: &mut Prefetcher<Queue>, is_single: bool) -> io::Result<Option<Self>> {
        let (mut list, mut bytes) = (Vec::new(), 0u64);
        while list.len() < TOGETHER && bytes < TOGETHER_BYTES {
            match queue.next().transpose()? {
                Some(Item::Listed(listed)) => {
                    bytes = bytes.saturating_add(match &listed {
                        ListedInput::Archive(archive) => archive.size.unwrap_or(u64::MAX),
                        ListedInput::Skipped { .. } | ListedInput::Unreadable { .. } => 0,
                    });
                    list.push(listed);
                }
                // There is none but in incremental runs, where each entry is work of its own.
                Some(Item::Known(entry)) => return Ok(Some(Self::Known(entry))),
                None => break,
            }
            if is_single {
                break;
            }
        }
        Ok((!list.is_empty()).then_some(Self::Scan(list)))
    }
}

/// Everything to be scanned, in the order of the inputs.
pub(super) enum Queue {
    /// All inputs as they are listed.
    Listed(Box<Listing>),
    /// What is listed, and what a checkpoint has.
    Incremental { listing: Box<Peekable<Listing>>, known: Merged },
}

impl Queue {
    /// Of a run that scans everything.
    pub(super) fn listed(plan: &Plan) -> Self {
        Self::Listed(Box::new(plan.listing()))
    }

    /// Of a run that scans what is new.
    pub(super) fn incremental(plan: &Plan, state: &State) -> Self {
        Self::Incremental { listing: Box::new(plan.listing().peekable()), known: Merged::new(state.known()) }
    }
}

impl Iterator for Queue {
    type Item = io::Result<Item>;

    fn next(&mut self) -> Option<Self::Item> {
        let (listing, known) = match self {
            Self::Listed(listing) => return listing.next().map(|listed| Ok(Item::Listed(listed))),
            Self::Incremental { listing, known } => (listing, known),
        };
        match (listing.peek().map(ListedInput::uri), known.peek()) {
            (Some(uri), Some(entry)) if uri < entry => {}
            (Some(uri), Some(entry)) if uri == entry => {
                let (listed, entry) = (listing.next()?, known.next()?);
                return Some(entry.map(|entry| match &listed {
                    ListedInput::Archive(archive)
                        if archive.version.is_same(archive.size, &entry.version, entry.size) =>
                    {
                        Item::Known(entry)
                    }
                    // It was read when it could be.
                    ListedInput::Unreadable { .. } => Item::Known(entry),
                    _ => Item::Listed(listed),
                }));
            }
            (Some(_), None) if !known.has_next() => {}
            // What is not listed any more has been scanned all the same.
            _ => return known.next().map(|entry| entry.map(Item::Known)),
        }
        listing.next().map(|listed| Ok(Item::Listed(listed)))
    }
}
