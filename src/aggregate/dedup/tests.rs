use super::*;
use crate::model::KeyRef;

struct Copy {
    id: Option<&'static str>,
    shared: Option<&'static str>,
    recipient: &'static str,
    caller: Option<&'static str>,
    key: bool,
    agent: &'static str,
    request: Option<&'static str>,
}

const CALLER: Copy = Copy {
    id: Some("a"),
    shared: Some("s"),
    recipient: "4444",
    caller: Some("4444"),
    key: true,
    agent: "",
    request: None,
};
const OWNER: Copy = Copy { id: Some("b"), recipient: "1111", ..CALLER };

fn event(copy: &Copy) -> KmsEvent<'static> {
    let key = KeyRef {
        arn: copy.key.then(|| "arn:aws:kms:r:1111:key/k".into()),
        origin: if copy.key { KeyOrigin::Resources } else { KeyOrigin::None },
        ..KeyRef::default()
    };
    let mut event = KmsEvent {
        event_id: copy.id.map(Into::into),
        shared_event_id: copy.shared.map(Into::into),
        request_id: copy.request.map(Into::into),
        recipient_account_id: Some(copy.recipient.into()),
        user_agent: Some(copy.agent.into()),
        key,
        ..KmsEvent::example()
    };
    event.principal.kind = if copy.caller.is_some() { "AssumedRole".into() } else { "AWSService".into() };
    event.principal.account_id = copy.caller.map(Into::into);
    event
}

/// The placements of copies that come one after the other, conflicts, and how many still wait at the end.
fn place(dedup: &[&Copy]) -> (Vec<&'static str>, u64, usize) {
    let mut all = Deduplicator::default();
    let mut waiting = Vec::new();
    let placed = dedup
        .iter()
        .map(|copy| match all.place(&Fingerprint::of(&event(copy))) {
            Decision::Count => "count",
            Decision::Duplicate => "duplicate",
            Decision::OtherCopy => "other copy",
            Decision::Hold(number) => {
                assert_eq!(number, waiting.len(), "numbers are given in order");
                waiting.push(true);
                "waits"
            }
            Decision::Attach(number) => {
                assert!(waiting[number]);
                "joins"
            }
            Decision::Supersede(number) => {
                assert!(event(copy).is_callers_copy() && std::mem::take(&mut waiting[number]));
                "replaces"
            }
            Decision::Discard(number) => {
                assert!(std::mem::take(&mut waiting[number]));
                "yields"
            }
        })
        .collect();
    (placed, all.conflicts(), waiting.iter().filter(|waits| **waits).count())
}

#[test]
fn the_same_again_is_a_duplicate() {
    let event = Copy { shared: None, ..CALLER };
    assert_eq!(place(&[&event, &event, &event]), (vec!["count", "duplicate", "duplicate"], 0, 0));
    let other_account = Copy { recipient: "1111", ..event };
    assert_eq!(place(&[&event, &other_account]).0, ["count", "count"]);
    let without_id = Copy { id: None, ..event };
    assert_eq!(place(&[&without_id, &without_id]).0, ["count", "count"]);
}

#[test]
fn another_content_under_the_same_id_is_a_conflict_once_each() {
    let first = Copy { shared: None, ..CALLER };
    let (second, third) = (Copy { agent: "2", ..first }, Copy { agent: "3", ..first });
    let (placed, conflicts, _) = place(&[&first, &second, &first, &second, &third]);
    assert_eq!(placed, ["count", "count", "duplicate", "duplicate", "count"]);
    assert_eq!(conflicts, 2);
}

#[test]
fn a_call_recorded_twice_counts_once_as_its_caller_tells_it() {
    assert_eq!(place(&[&CALLER, &OWNER]), (vec!["count", "other copy"], 0, 0));
    assert_eq!(place(&[&OWNER, &CALLER]), (vec!["waits", "replaces"], 0, 0));
    assert_eq!(place(&[&OWNER, &OWNER, &CALLER, &OWNER]).0, ["waits", "duplicate", "replaces", "duplicate"]);
    assert_eq!(place(&[&OWNER]), (vec!["waits"], 0, 1));
}

#[test]
fn what_the_caller_does_not_tell_comes_from_the_owner() {
    let blind = Copy { key: false, ..CALLER };
    assert_eq!(place(&[&blind, &OWNER]).0, ["waits", "yields"]);
    assert_eq!(place(&[&OWNER, &blind]).0, ["waits", "replaces"]);
}

#[test]
fn a_service_has_no_partner_to_wait_for() {
    let service = Copy { caller: None, ..OWNER };
    assert_eq!(place(&[&service]), (vec!["count"], 0, 0));
}

/// A key of A re-encrypted to one of C by B: three accounts, three records, one call. Whatever the order, B's tells it.
#[test]
fn of_three_copies_the_callers_counts() {
    let third = Copy { id: Some("c"), recipient: "7777", ..CALLER };
    assert_eq!(place(&[&OWNER, &third, &CALLER]), (vec!["waits", "joins", "replaces"], 0, 0));
    assert_eq!(place(&[&OWNER, &CALLER, &third]).0, ["waits", "replaces", "other copy"]);
    assert_eq!(place(&[&CALLER, &third, &OWNER]).0, ["count", "other copy", "other copy"]);
    assert_eq!(place(&[&third, &OWNER]), (vec!["waits", "joins"], 0, 1));
}

#[test]
fn one_shared_id_for_two_requests_is_two_calls() {
    let (a, b) = (Copy { request: Some("x"), ..CALLER }, Copy { request: Some("y"), ..OWNER });
    assert_eq!(place(&[&a, &b]).0, ["count", "count"]);
    let untold = Copy { request: None, ..OWNER };
    assert_eq!(place(&[&a, &untold]).0, ["count", "other copy"]);
}

#[test]
fn a_copy_fills_in_only_what_is_missing() {
    let mut blind = event(&Copy { key: false, ..CALLER });
    blind.key.alias = Some("alias/mine".into());
    complete(&mut blind, event(&OWNER));
    assert_eq!(blind.key.alias.as_deref(), Some("alias/mine"));
    assert_eq!(blind.key.arn.as_deref(), Some("arn:aws:kms:r:1111:key/k"));
    let mut own = event(&CALLER);
    let mut other = event(&OWNER);
    other.key.arn = Some("arn:aws:kms:r:1111:key/other".into());
    complete(&mut own, other);
    assert_eq!(own.key.arn.as_deref(), Some("arn:aws:kms:r:1111:key/k"));
}

/// A bare id was completed with the caller's account; the owner's record knows better, whichever comes first.
#[test]
fn the_owners_key_is_better_than_an_assumed_one() {
    let assumed = |copy: &Copy| {
        let mut event = event(copy);
        (event.key.origin, event.key.arn) = (KeyOrigin::Assumed, Some("arn:aws:kms:r:4444:key/k".into()));
        event
    };
    let mut all = Deduplicator::default();
    assert_eq!(all.place(&Fingerprint::of(&assumed(&CALLER))), Decision::Hold(0));
    assert_eq!(all.place(&Fingerprint::of(&event(&OWNER))), Decision::Discard(0));
    let mut own = assumed(&CALLER);
    complete(&mut own, event(&OWNER));
    assert_eq!(
        (own.key.arn.as_deref(), own.key.origin),
        (Some("arn:aws:kms:r:1111:key/k"), KeyOrigin::Resources)
    );
    let mut own = assumed(&CALLER);
    complete(&mut own, event(&Copy { key: false, ..OWNER }));
    assert_eq!(own.key.origin, KeyOrigin::Assumed, "better than none");
}
