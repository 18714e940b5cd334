//! Counts one call once, however often CloudTrail delivered it.
//!
//! A call can have two kinds of copies:
//!
//! - the same record delivered again: same `eventID` and same account;
//! - the other account's record of a cross-account call: same `sharedEventID`, another account.
//!
//! Of the second kind, the copy of the caller's account is the better one. The key owner's copy may
//! name no more of the caller than its account. The better copy may come later, so the first one is
//! held back. A copy that is still pending at the end counts by itself. The caller of this module
//! keeps the pending events; here they are only numbers.
//!
//! Memory: at most 24 bytes per distinct event ([`SeenSet`]), and 104 bytes per call with a
//! `sharedEventID`, before the slack of the hash table.

use std::mem;
use std::num::NonZeroU64;

use hashbrown::{HashMap, HashSet};

use super::event_id::EventId;
use super::seen::{Identity, SeenSet, Sighting, identity};
use crate::base::keyed_hash;
use crate::model::{Arn, KeyOrigin, KeyRef, KmsEvent, Outcome};

/// What identifies an event among its copies. It holds hashes, so that the tables stay small; their
/// key is random, so that nobody can write a record that passes for a copy of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    /// Of `eventID` and `recipientAccountId`; `None` without an `eventID`.
    id: Option<Identity>,
    /// Of the whole event. It only has to tell apart events with the same id. Of each 2³² forged
    /// records with that id, one is expected to match; all others are conflicts, which are
    /// reported.
    content: u32,
    copy: Option<CallCopy>,
}

/// A record with a `sharedEventID`: one account's copy of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
struct CallCopy {
    event_id: EventId,
    /// Of `sharedEventID` and the API.
    call: Identity,
    origin: CopyOrigin,
    role: CopyRole,
    /// A better or completing copy may still come.
    may_improve: bool,
}

/// Which side of a cross-account call recorded a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CopyRole {
    /// The caller's account.
    Caller,
    /// Another account, such as the key owner's.
    Other,
}

/// Hash of an account or a request.
type Name = NonZeroU64;

/// What tells the copies of one call apart, and from copies of another call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct CopyOrigin {
    /// Of `recipientAccountId`.
    recipient: Option<Name>,
    /// Of `requestID`, which the copies of one call share.
    request: Option<Name>,
    /// Of the caller's account, if the record names it.
    caller: Option<Name>,
    /// Of the account of the key.
    owner: Option<Name>,
    /// Of the account of the key that a `ReEncrypt` encrypts under.
    destination_owner: Option<Name>,
    has_destination: bool,
}

impl CopyOrigin {
    fn new(event: &KmsEvent<'_>) -> Self {
        // An AWS service's own account says nothing.
        let caller = event.principal.account_id.as_deref().filter(|_| event.principal.kind != "AWSService");
        let key = Some(&event.key).filter(|key| is_certain(key));
        let destination = event.destination_key_arn.as_deref().and_then(Arn::parse);
        Self {
            recipient: event.recipient_account_id.as_deref().map(name),
            request: event.request_id.as_deref().map(name),
            caller: caller.map(name),
            owner: key.and_then(|key| key.account_id.as_deref()).map(name),
            destination_owner: destination.map(|arn| name(arn.account)),
            has_destination: event.name == "ReEncrypt",
        }
    }

    /// Whether two records with one `sharedEventID` are two accounts' copies of one call: the
    /// accounts are those of the caller and of a key. One that no record names may be any.
    fn is_copy_of(self, other: Self) -> bool {
        let agree = |a: Option<Name>, b: Option<Name>| a.zip(b).is_none_or(|(a, b)| a == b);
        let is_one_call = self.recipient != other.recipient
            && agree(self.request, other.request)
            && agree(self.caller, other.caller)
            && (self.has_destination || agree(self.owner, other.owner));
        if !is_one_call {
            return false;
        }
        let caller = self.caller.or(other.caller);
        let owners = [self.owner, other.owner, self.destination_owner, other.destination_owner];
        let is_unknown = |owners: &[Option<Name>]| owners.iter().all(Option::is_none);
        let unknown = usize::from(caller.is_none())
            + usize::from(is_unknown(&owners[..2]))
            + usize::from(self.has_destination && is_unknown(&owners[2..]));
        let is_strange =
            |account: &Option<Name>| account.is_some() && *account != caller && !owners.contains(account);
        let strange = [self.recipient, other.recipient].iter().filter(|account| is_strange(account)).count();
        strange <= unknown
    }
}

fn name(text: &str) -> Name {
    NonZeroU64::new(keyed_hash(&text) as u64).unwrap_or(NonZeroU64::MIN)
}

impl Fingerprint {
    /// The fingerprint of `event`.
    pub fn new(event: &KmsEvent<'_>) -> Self {
        Self {
            id: event.event_id.as_ref().map(|id| identity(&(id, &event.recipient_account_id))),
            content: keyed_hash(event) as u32,
            copy: event.shared_event_id.as_ref().map(|shared| CallCopy {
                call: identity(&(shared, &event.name)),
                event_id: EventId::new(event.event_id.as_deref()),
                origin: CopyOrigin::new(event),
                role: if event.is_callers_copy() { CopyRole::Caller } else { CopyRole::Other },
                may_improve: may_improve(event),
            }),
        }
    }

    /// From now on, it may only be a repeated delivery. Returns whether it was more.
    pub fn forget_copies(&mut self) -> bool {
        self.copy.take().is_some()
    }

    /// Whether other copies of the call may exist. The event's record is then needed until
    /// [`Deduplicator::decide`] has decided about the event.
    pub fn may_have_copies(&self) -> bool {
        self.copy.is_some()
    }
}

/// The number of a pending copy. Pending copies are numbered from 0 in the order of their
/// [`Decision::Hold`].
pub type PendingId = usize;

/// What to do with an event that has passed all filters.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// Count it.
    Count,
    /// Do not count it: it is a repeated delivery.
    Duplicate,
    /// Do not count it: it is another account's copy of a call that has been counted. The
    /// `eventID` is that of the copy that counts.
    OtherCopy(EventId),
    /// Hold it back under this number: a better copy may come.
    Hold(PendingId),
    /// Attach it to that pending copy, which it completes and which stays pending. It does not
    /// count itself.
    Attach(PendingId),
    /// Count it, completed from that pending copy. It is the caller's copy, and the pending one
    /// becomes the other copy.
    Supersede(PendingId),
    /// Do not count it. The pending copy is the caller's: it counts, completed from this one.
    Discard(PendingId),
}

/// What is known of a call with a `sharedEventID`.
#[derive(Debug)]
struct CallState {
    /// The copy that counts, or that is pending.
    origin: CopyOrigin,
    event_id: EventId,
    pending: Option<(CopyRole, PendingId)>,
}

/// Decides for each event, in input order, whether it counts.
///
/// ```
/// use keytrail::aggregate::{Decision, Deduplicator, Fingerprint};
/// use keytrail::parse::{RecordKind, parse};
///
/// let record = br#"{"eventSource": "kms.amazonaws.com", "eventName": "Decrypt", "eventID": "a",
///     "eventTime": "2026-01-31T12:00:00Z", "eventVersion": "1.08", "userIdentity": {}}"#;
/// let Ok(outline) = parse(record) else { panic!() };
/// let RecordKind::Event(event) = outline.kind else { panic!() };
/// let mut deduplicator = Deduplicator::default();
/// let fingerprint = Fingerprint::new(&event);
/// assert_eq!(deduplicator.decide(&fingerprint), Decision::Count);
/// assert_eq!(deduplicator.decide(&fingerprint), Decision::Duplicate);
/// ```
#[derive(Debug, Default)]
pub struct Deduplicator {
    seen: SeenSet,
    /// Further contents of the same id.
    conflicting: HashSet<(Identity, u32)>,
    calls: HashMap<Identity, CallState>,
    /// Copies that were ever held back.
    held: usize,
    /// How often an id came with a new content.
    conflicts: u64,
}

impl Deduplicator {
    /// Decides about the next event.
    pub fn decide(&mut self, fingerprint: &Fingerprint) -> Decision {
        if self.is_duplicate(fingerprint) {
            return Decision::Duplicate;
        }
        match &fingerprint.copy {
            Some(copy) => self.decide_copy(copy),
            None => Decision::Count,
        }
    }

    /// About the bytes it takes.
    pub fn bytes(&self) -> usize {
        let calls = self.calls.capacity() * (size_of::<(Identity, CallState)>() + 1);
        let conflicting = self.conflicting.capacity() * (size_of::<(Identity, u32)>() + 1);
        self.seen.bytes() + calls + conflicting
    }

    /// Events so far that have the id of an earlier event and another content.
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

    fn decide_copy(&mut self, copy: &CallCopy) -> Decision {
        let Some(state) = self.calls.get_mut(&copy.call) else { return self.first_copy(copy) };
        if !state.origin.is_copy_of(copy.origin) {
            return Decision::Count; // another call with the same `sharedEventID`
        }
        match (mem::take(&mut state.pending), copy.role) {
            (None, _) => Decision::OtherCopy(state.event_id.clone()),
            (Some((CopyRole::Caller, id)), _) => Decision::Discard(id),
            (Some((CopyRole::Other, id)), CopyRole::Caller) => {
                (state.origin, state.event_id) = (copy.origin, copy.event_id.clone());
                Decision::Supersede(id)
            }
            (pending @ Some((CopyRole::Other, id)), CopyRole::Other) => {
                state.pending = pending;
                Decision::Attach(id)
            }
        }
    }

    fn first_copy(&mut self, copy: &CallCopy) -> Decision {
        let (pending, decision) = if copy.may_improve {
            let id = self.held;
            self.held += 1;
            (Some((copy.role, id)), Decision::Hold(id))
        } else {
            (None, Decision::Count)
        };
        let state = CallState { origin: copy.origin, event_id: copy.event_id.clone(), pending };
        self.calls.insert(copy.call, state);
        decision
    }
}

/// Whether a better or completing copy may still come.
///
/// For a call by an AWS service, the other copy goes to an account of AWS. A refused call is
/// recorded in the caller's account only.
fn may_improve(event: &KmsEvent<'_>) -> bool {
    if event.principal.kind == "AWSService"
        || event.principal.account_id.is_none()
        || event.recipient_account_id.is_none()
    {
        return false;
    }
    !event.is_callers_copy() || (event.outcome == Outcome::Success && !is_certain(&event.key))
}

/// Whether the record says which key was used. Across accounts a bare key id does not: it was
/// completed with an account that may be the wrong one.
pub(super) fn is_certain(key: &KeyRef<'_>) -> bool {
    !matches!(key.origin, KeyOrigin::None | KeyOrigin::Assumed)
}

/// Fills in the keys that `event` does not name from another copy of the same call.
pub fn complete_from<'a>(event: &mut KmsEvent<'a>, other: KmsEvent<'a>) {
    let alias = event.key.alias.take().or(other.key.alias.clone());
    if event.key.origin == KeyOrigin::None || (!is_certain(&event.key) && is_certain(&other.key)) {
        event.key = other.key;
    }
    event.key.alias = alias;
    event.destination_key_arn = event.destination_key_arn.take().or(other.destination_key_arn);
}

#[cfg(test)]
mod tests;
