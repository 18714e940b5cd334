//! One call, counted once, however often CloudTrail delivered it.
//!
//! Two kinds of copies: the same record delivered again (same `eventID` and account), and the second account's own record of a
//! cross-account call (same `sharedEventID`, another account). Of the latter the caller's copy is the better one: the owner's may name no more than
//! an account. It may come later than the owner's, so that one waits; a copy still waiting at the end stands by itself.
//!
//! Memory: 32 bytes per distinct event and 48 per call with a `sharedEventID`, before the tables' slack; the waiting copies are kept whole.

use std::hash::{DefaultHasher, Hash, Hasher};

use hashbrown::{HashMap, HashSet};
use rustc_hash::FxBuildHasher;

use super::Selected;
use crate::event::{KeyOrigin, KmsEvent, Outcome};

/// What identifies an event among its copies: hashes, so that the tables stay small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint {
    /// Of `eventID` and `recipientAccountId`; `None` without an `eventID`.
    id: Option<u128>,
    /// Of everything the record says.
    content: u64,
    /// Of `sharedEventID` and the API.
    shared: Option<u128>,
    whose: Whose,
}

/// What tells the copies of one call apart, and from those of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Whose {
    /// Of `recipientAccountId`.
    recipient: u64,
    /// Of `requestID`, which copies of one call share.
    request: Option<u64>,
}

impl Whose {
    /// Whether two records with one `sharedEventID` are two accounts' copies of one call.
    fn is_copy_of(self, other: Self) -> bool {
        let same_request = self.request.zip(other.request).is_none_or(|(a, b)| a == b);
        self.recipient != other.recipient && same_request
    }
}

fn hash64(seed: u64, value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    seed.hash(&mut hasher);
    value.hash(&mut hasher);
    hasher.finish()
}

/// Two independent 64-bit hashes: an accidental match among billions of events is out of the question.
fn hash128(value: &impl Hash) -> u128 {
    u128::from(hash64(1, value)) << 64 | u128::from(hash64(2, value))
}

impl Fingerprint {
    /// The fingerprint of `event`.
    pub fn of(event: &KmsEvent<'_>) -> Self {
        Self {
            id: event.event_id.as_ref().map(|id| hash128(&(id, &event.recipient_account_id))),
            content: hash64(0, event),
            shared: event.shared_event_id.as_ref().map(|shared| hash128(&(shared, &event.name))),
            whose: Whose {
                recipient: hash64(0, &event.recipient_account_id),
                request: event.request_id.as_ref().map(|id| hash64(0, id)),
            },
        }
    }
}

/// What becomes of an event that has passed all filters.
#[derive(Debug, PartialEq, Eq)]
pub enum Placement {
    /// It counts.
    Count(Box<Selected>),
    /// It is a further delivery.
    Duplicate,
    /// It is the other account's copy of a call that has been counted.
    OtherCopy,
    /// It waits for the caller's copy.
    Waits,
    /// It and a waiting copy are one call: `counted` counts, `other` is the other account's copy (its archive's URI is given).
    Pair {
        /// The better copy, completed from the other.
        counted: Box<Selected>,
        /// Archive of the copy that is not counted.
        other_archive: std::sync::Arc<str>,
        /// Whether `counted` is the one that waited: it comes out of order.
        late: bool,
    },
}

#[derive(Debug)]
enum Call {
    Counted(Whose),
    Waiting(Box<Selected>),
}

/// All events seen so far.
#[derive(Debug, Default)]
pub struct Copies {
    content_by_id: HashMap<u128, u64, FxBuildHasher>,
    /// Further contents of the same id.
    conflicting: HashSet<(u128, u64), FxBuildHasher>,
    calls: HashMap<u128, Call, FxBuildHasher>,
    /// How often an id came with another content.
    conflicts: u64,
}

impl Copies {
    /// Decides about the next event, in input order.
    pub fn place(&mut self, selected: Selected) -> Placement {
        if self.is_duplicate(&selected.fingerprint) {
            return Placement::Duplicate;
        }
        self.pair(selected)
    }

    /// Conflicts met so far.
    pub fn conflicts(&self) -> u64 {
        self.conflicts
    }

    /// The copies whose partner never came, in input order.
    pub fn into_waiting(self) -> Vec<Selected> {
        let mut waiting: Vec<Selected> = self
            .calls
            .into_values()
            .filter_map(|call| match call {
                Call::Waiting(selected) => Some(*selected),
                Call::Counted(_) => None,
            })
            .collect();
        waiting.sort_by(|a, b| (&a.archive, a.offset).cmp(&(&b.archive, b.offset)));
        waiting
    }

    fn is_duplicate(&mut self, fingerprint: &Fingerprint) -> bool {
        let Some(id) = fingerprint.id else { return false };
        match self.content_by_id.insert(id, fingerprint.content) {
            None => false,
            Some(first) if first == fingerprint.content => true,
            Some(first) => {
                self.content_by_id.insert(id, first);
                let new = self.conflicting.insert((id, fingerprint.content));
                self.conflicts += u64::from(new);
                !new
            }
        }
    }

    fn pair(&mut self, selected: Selected) -> Placement {
        let Some(shared) = selected.fingerprint.shared else { return Placement::Count(Box::new(selected)) };
        let call = match self.calls.remove(&shared) {
            None if waits(&selected.event) => {
                self.calls.insert(shared, Call::Waiting(Box::new(selected)));
                return Placement::Waits;
            }
            None => {
                self.calls.insert(shared, Call::Counted(selected.fingerprint.whose));
                return Placement::Count(Box::new(selected));
            }
            Some(call) => call,
        };
        let (call, placement) = match call {
            Call::Counted(counted) if counted.is_copy_of(selected.fingerprint.whose) => {
                (Call::Counted(counted), Placement::OtherCopy)
            }
            Call::Waiting(waiting) if waiting.fingerprint.whose.is_copy_of(selected.fingerprint.whose) => {
                meet(waiting, selected)
            }
            other => (other, Placement::Count(Box::new(selected))),
        };
        self.calls.insert(shared, call);
        placement
    }
}

/// A waiting copy and another of the same call: the caller's counts, completed from the other's. Two that are not the caller's go on waiting
/// as one.
fn meet(mut waiting: Box<Selected>, mut selected: Selected) -> (Call, Placement) {
    if !waiting.event.is_callers_copy() && !selected.event.is_callers_copy() {
        complete(&mut waiting.event, selected.event);
        return (Call::Waiting(waiting), Placement::OtherCopy);
    }
    let late = waiting.event.is_callers_copy();
    let (counted, other_archive) = if late {
        complete(&mut waiting.event, selected.event);
        (waiting, selected.archive)
    } else {
        complete(&mut selected.event, waiting.event);
        (Box::new(selected), waiting.archive)
    };
    (Call::Counted(counted.fingerprint.whose), Placement::Pair { counted, other_archive, late })
}

/// Fills in what the event does not say of its keys.
fn complete(event: &mut KmsEvent<'static>, other: KmsEvent<'static>) {
    let alias = event.key.alias.take().or(other.key.alias.clone());
    if event.key.origin == KeyOrigin::None {
        event.key = other.key;
    }
    event.key.alias = alias;
    event.destination_key_arn = event.destination_key_arn.take().or(other.destination_key_arn);
}

/// Whether a better or completing copy may still come. For an AWS service's call the partner goes to an account of AWS's own; a refused
/// call is recorded in the caller's account only.
fn waits(event: &KmsEvent<'_>) -> bool {
    if event.principal.kind == "AWSService"
        || event.principal.account_id.is_none()
        || event.recipient_account_id.is_none()
    {
        return false;
    }
    !event.is_callers_copy() || (event.outcome == Outcome::Success && event.key.origin == KeyOrigin::None)
}

#[cfg(test)]
mod tests;
