//! What is to be read next, and how: an archive itself, or what was kept of it.
//!
//! In the first pass, what can be read only once, or costs too much to be fetched twice, is condensed; the second pass reads the extracts in its
//! place. With extracts that last from run to run, both passes read those of all archives that were read before, and nothing else twice.

use std::io;
use std::iter::Peekable;

use super::Plan;
use crate::extract::{Entry, Merged, State};
use crate::source::{self, Archive, Input, Listed, Listing};

/// Something to read.
pub(super) enum Work {
    /// What the listing names.
    Read(Listed),
    /// The same, to be kept as well.
    Condense(Listed),
    /// What was kept.
    Replay(Entry),
}

impl source::Entry for io::Result<Work> {
    fn archive(&mut self) -> Option<&mut Archive> {
        match self {
            Ok(Work::Read(listed) | Work::Condense(listed)) => listed.archive(),
            Ok(Work::Replay(_)) | Err(_) => None,
        }
    }
}

/// Whether an input is read once at most: standard input cannot be read again, and what comes over a network should not be.
fn is_read_once(input: &Input) -> bool {
    !matches!(input, Input::Path(_))
}

fn is_pipe(listed: &Listed) -> bool {
    matches!(listed, Listed::Archive(archive) if archive.size.is_none())
}

fn some_of(plan: &Plan, want: impl Fn(&Input) -> bool) -> Listing {
    let inputs: Vec<Input> = plan.inputs.iter().filter(|input| want(input)).cloned().collect();
    plan.listing_of(&inputs)
}

/// The work of a pass.
pub(super) enum Queue {
    /// All inputs as they are listed.
    Listed(Listing),
    /// To learn: what is read only once, then the rest.
    Learn { once: Listing, again: Listing },
    /// To learn from what is new and from what was kept of everything else.
    Go { listing: Peekable<Listing>, known: Merged },
    /// To count: what can be read again, and what was kept of the rest.
    Count { again: Peekable<Listing>, kept: Merged },
}

impl Queue {
    /// Of a pass that reads everything as it is listed.
    pub(super) fn listed(plan: &Plan) -> Self {
        Self::Listed(plan.listing())
    }

    /// Of a first pass that keeps in `state` what will not be read again.
    pub(super) fn first(plan: &Plan, state: &State) -> Self {
        if state.is_lasting() {
            Self::Go { listing: plan.listing().peekable(), known: Merged::new(state.known()) }
        } else {
            let (once, again) = (some_of(plan, is_read_once), some_of(plan, |input| !is_read_once(input)));
            Self::Learn { once, again }
        }
    }

    /// Of the pass behind it.
    pub(super) fn second(plan: &Plan, state: &State) -> Self {
        let again = if state.is_lasting() { |_: &Input| false } else { |input: &Input| !is_read_once(input) };
        Self::Count { again: some_of(plan, again).peekable(), kept: Merged::new(&state.all()) }
    }
}

impl Iterator for Queue {
    type Item = io::Result<Work>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Listed(listing) => listing.next().map(|listed| Ok(Work::Read(listed))),
            Self::Learn { once, again } => Some(Ok(match once.next() {
                Some(listed) => Work::Condense(listed),
                None => match again.next()? {
                    listed if is_pipe(&listed) => Work::Condense(listed),
                    listed => Work::Read(listed),
                },
            })),
            Self::Go { listing, known } => {
                let uri = listing.peek().map(Listed::uri);
                match (uri, known.peek()) {
                    (Some(uri), Some(kept)) if uri < kept => {}
                    (Some(uri), Some(kept)) if uri == kept => {
                        let (listed, kept) = (listing.next()?, known.next()?);
                        return Some(kept.map(|kept| match &listed {
                            Listed::Archive(archive)
                                if archive.version.is_same(archive.size, &kept.version, kept.size) =>
                            {
                                Work::Replay(kept)
                            }
                            // It was read when it could be.
                            Listed::Unreadable { .. } => Work::Replay(kept),
                            _ => Work::Condense(listed),
                        }));
                    }
                    (Some(_), None) if !known.has_next() => {}
                    // What is not listed any more has been read all the same.
                    _ => return known.next().map(|kept| kept.map(Work::Replay)),
                }
                listing.next().map(|listed| Ok(Work::Condense(listed)))
            }
            Self::Count { again, kept } => {
                while again.next_if(is_pipe).is_some() {} // has been kept
                match (again.peek().map(Listed::uri), kept.peek()) {
                    (Some(uri), Some(kept)) if uri < kept => {}
                    (Some(_), None) if !kept.has_next() => {}
                    _ => return kept.next().map(|entry| entry.map(Work::Replay)),
                }
                again.next().map(|listed| Ok(Work::Read(listed)))
            }
        }
    }
}
