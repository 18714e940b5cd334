//! One call, counted once, however often CloudTrail delivered it.
//!
//! Two kinds of copies: the same record delivered again (same `eventID` and account), and the second account's own record of a
//! cross-account call (same `sharedEventID`, another account). Of the latter the caller's copy is the better one: the owner's may name no more than
//! an account. It may come later than the owner's, so that one waits; a copy still waiting at the end stands by itself. The
//! waiting events are kept by whoever asks: here they are only numbers.
//!
//! Memory: at most 24 bytes per distinct event ([`SeenSet`]), and 56 before the table's slack per call with a `sharedEventID`.

use std::hash::{DefaultHasher, Hash, Hasher};

use hashbrown::{HashMap, HashSet};
use rustc_hash::{FxBuildHasher, FxHasher};

use super::seen::{Identity, SeenSet, Sighting};
use crate::model::{KeyOrigin, KeyRef, KmsEvent, Outcome};

/// What identifies an event among its copies: hashes, so that the tables stay small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint {
    /// Of `eventID` and `recipientAccountId`; `None` without an `eventID`.
    id: Option<Identity>,
    /// Of everything the record says. It only has to tell apart what has the same id.
    content: u32,
    shared: Option<Shared>,
}

/// What a record with a `sharedEventID` says of the call it is a copy of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shared {
    /// Of `sharedEventID` and the API.
    call: Identity,
    whose: Whose,
    /// It is the caller's own account's.
    callers: bool,
    /// A better or completing copy may still come.
    waits: bool,
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

/// A hash that spreads evenly, with a fixed key.
pub(super) fn hash64(seed: u64, value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    seed.hash(&mut hasher);
    value.hash(&mut hasher);
    hasher.finish()
}

/// 96 bits: an accidental match among a billion events has a chance of one in ten thousand million.
fn identity(value: &impl Hash) -> Identity {
    let (high, low) = (hash64(1, value), hash64(2, value));
    [(high >> 32) as u32, high as u32, low as u32]
}

impl Fingerprint {
    /// The fingerprint of `event`.
    pub fn of(event: &KmsEvent<'_>) -> Self {
        let mut content = FxHasher::default();
        event.hash(&mut content);
        Self {
            id: event.event_id.as_ref().map(|id| identity(&(id, &event.recipient_account_id))),
            content: (content.finish() >> 32) as u32,
            shared: event.shared_event_id.as_ref().map(|shared| Shared {
                call: identity(&(shared, &event.name)),
                whose: Whose {
                    recipient: hash64(0, &event.recipient_account_id),
                    request: event.request_id.as_ref().map(|id| hash64(0, id)),
                },
                callers: event.is_callers_copy(),
                waits: waits(event),
            }),
        }
    }

    /// Whether the event may have to wait for another, or complete one: its record is needed until it has been placed.
    pub fn may_pair(&self) -> bool {
        self.shared.is_some()
    }
}

/// A copy that waits: the how manieth that ever did.
pub type PendingId = usize;

/// What becomes of an event that has passed all filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It counts.
    Count,
    /// It is a further delivery.
    Duplicate,
    /// It is another account's copy of a call that has been counted.
    OtherCopy,
    /// It waits for a better copy, as number so-and-so.
    Hold(PendingId),
    /// It is another account's copy of the call that waits there, completes it, and the wait goes on.
    Attach(PendingId),
    /// It is the caller's copy: it counts, completed from the one that waits there, which is the other copy.
    Supersede(PendingId),
    /// It is another account's copy: the one that waits there is the caller's and counts, completed from this one.
    Discard(PendingId),
}

#[derive(Debug)]
enum Call {
    Counted(Whose),
    PendingId { whose: Whose, callers: bool, number: PendingId },
}

/// All events seen so far.
#[derive(Debug, Default)]
pub struct Deduplicator {
    seen: SeenSet,
    /// Further contents of the same id.
    conflicting: HashSet<(Identity, u32), FxBuildHasher>,
    calls: HashMap<Identity, Call, FxBuildHasher>,
    /// How many copies have had to wait.
    waited: usize,
    /// How often an id came with another content.
    conflicts: u64,
}

impl Deduplicator {
    /// Decides about the next event, in input order.
    pub fn place(&mut self, fingerprint: &Fingerprint) -> Decision {
        if self.is_duplicate(fingerprint) {
            return Decision::Duplicate;
        }
        match &fingerprint.shared {
            Some(shared) => self.pair(shared),
            None => Decision::Count,
        }
    }

    /// Conflicts met so far.
    pub fn conflicts(&self) -> u64 {
        self.conflicts
    }

    fn is_duplicate(&mut self, fingerprint: &Fingerprint) -> bool {
        let Some(id) = fingerprint.id else { return false };
        match self.seen.insert(id, fingerprint.content) {
            Sighting::New => false,
            Sighting::Same => true,
            Sighting::Other => {
                let new = self.conflicting.insert((id, fingerprint.content));
                self.conflicts += u64::from(new);
                !new
            }
        }
    }

    fn pair(&mut self, copy: &Shared) -> Decision {
        let Some(call) = self.calls.get_mut(&copy.call) else {
            let (call, placement) = if copy.waits {
                let number = self.waited;
                self.waited += 1;
                let waiting = Call::PendingId { whose: copy.whose, callers: copy.callers, number };
                (waiting, Decision::Hold(number))
            } else {
                (Call::Counted(copy.whose), Decision::Count)
            };
            self.calls.insert(copy.call, call);
            return placement;
        };
        match *call {
            Call::Counted(counted) if counted.is_copy_of(copy.whose) => Decision::OtherCopy,
            Call::PendingId { whose, callers, number } if whose.is_copy_of(copy.whose) => {
                if callers {
                    *call = Call::Counted(whose);
                    Decision::Discard(number)
                } else if copy.callers {
                    *call = Call::Counted(copy.whose);
                    Decision::Supersede(number)
                } else {
                    Decision::Attach(number)
                }
            }
            // Another call under the same id.
            _ => Decision::Count,
        }
    }
}

/// Whether the record says which key it was. A bare id does not, across accounts: the account it was completed with may be the wrong one.
fn is_certain(key: &KeyRef<'_>) -> bool {
    !matches!(key.origin, KeyOrigin::None | KeyOrigin::Assumed)
}

/// Fills in what the event does not say of its keys from another copy of the same call.
pub fn complete<'a>(event: &mut KmsEvent<'a>, other: KmsEvent<'a>) {
    let alias = event.key.alias.take().or(other.key.alias.clone());
    if event.key.origin == KeyOrigin::None || (!is_certain(&event.key) && is_certain(&other.key)) {
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
    !event.is_callers_copy() || (event.outcome == Outcome::Success && !is_certain(&event.key))
}

#[cfg(test)]
mod tests;
