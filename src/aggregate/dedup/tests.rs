use super::*;
use crate::model::KeyRef;

struct Copy {
    api: &'static str,
    id: Option<&'static str>,
    shared: Option<&'static str>,
    recipient: &'static str,
    caller: Option<&'static str>,
    key: bool,
    agent: &'static str,
    request: Option<&'static str>,
}

const CALLER: Copy = Copy {
    api: "Decrypt",
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
        name: copy.api.into(),
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

/// The decisions about these copies in turn, the conflicts, and how many copies are still pending.
fn decide(copies: &[&Copy]) -> (Vec<&'static str>, u64, usize) {
    let mut all = Deduplicator::default();
    let mut pending = Vec::new();
    let decisions = copies
        .iter()
        .map(|copy| match all.decide(&Fingerprint::new(&event(copy))) {
            Decision::Count => "count",
            Decision::Duplicate => "duplicate",
            Decision::OtherCopy(_) => "other copy",
            Decision::Hold(number) => {
                assert_eq!(number, pending.len(), "numbered in order");
                pending.push(true);
                "hold"
            }
            Decision::Attach(number) => {
                assert!(pending[number]);
                "attach"
            }
            Decision::Supersede(number) => {
                assert!(event(copy).is_callers_copy() && std::mem::take(&mut pending[number]));
                "supersede"
            }
            Decision::Discard(number) => {
                assert!(std::mem::take(&mut pending[number]));
                "discard"
            }
        })
        .collect();
    (decisions, all.conflicts(), pending.iter().filter(|is_pending| **is_pending).count())
}

#[test]
fn a_repeated_delivery_is_a_duplicate() {
    let event = Copy { shared: None, ..CALLER };
    assert_eq!(decide(&[&event, &event, &event]), (vec!["count", "duplicate", "duplicate"], 0, 0));
    let other_account = Copy { recipient: "1111", ..event };
    assert_eq!(decide(&[&event, &other_account]).0, ["count", "count"]);
    let without_id = Copy { id: None, ..event };
    assert_eq!(decide(&[&without_id, &without_id]).0, ["count", "count"]);
}

#[test]
fn each_new_content_of_an_id_is_one_conflict() {
    let first = Copy { shared: None, ..CALLER };
    let (second, third) = (Copy { agent: "2", ..first }, Copy { agent: "3", ..first });
    let (decisions, conflicts, _) = decide(&[&first, &second, &first, &second, &third]);
    assert_eq!(decisions, ["count", "count", "duplicate", "duplicate", "count"]);
    assert_eq!(conflicts, 2);
}

#[test]
fn the_callers_copy_of_a_call_counts() {
    assert_eq!(decide(&[&CALLER, &OWNER]), (vec!["count", "other copy"], 0, 0));
    assert_eq!(decide(&[&OWNER, &CALLER]), (vec!["hold", "supersede"], 0, 0));
    assert_eq!(decide(&[&OWNER, &OWNER, &CALLER, &OWNER]).0, ["hold", "duplicate", "supersede", "duplicate"]);
    assert_eq!(decide(&[&OWNER]), (vec!["hold"], 0, 1));
}

#[test]
fn the_owners_copy_completes_the_callers() {
    let blind = Copy { key: false, ..CALLER };
    assert_eq!(decide(&[&blind, &OWNER]).0, ["hold", "discard"]);
    assert_eq!(decide(&[&OWNER, &blind]).0, ["hold", "supersede"]);
}

#[test]
fn a_call_by_a_service_is_not_held() {
    let service = Copy { caller: None, ..OWNER };
    assert_eq!(decide(&[&service]), (vec!["count"], 0, 0));
}

/// B re-encrypts from a key of A to a key of C: three accounts, three records, one call. In any
/// order, B's copy counts.
#[test]
fn of_three_copies_the_callers_counts() {
    let caller = Copy { api: "ReEncrypt", ..CALLER };
    let (owner, third) = (
        Copy { id: Some("b"), recipient: "1111", ..caller },
        Copy { id: Some("c"), recipient: "7777", ..caller },
    );
    assert_eq!(decide(&[&owner, &third, &caller]), (vec!["hold", "attach", "supersede"], 0, 0));
    assert_eq!(decide(&[&owner, &caller, &third]).0, ["hold", "supersede", "other copy"]);
    assert_eq!(decide(&[&caller, &third, &owner]).0, ["count", "other copy", "other copy"]);
    assert_eq!(decide(&[&third, &owner]), (vec!["hold", "attach"], 0, 1));
}

#[test]
fn one_shared_id_for_two_requests_is_two_calls() {
    let (a, b) = (Copy { request: Some("x"), ..CALLER }, Copy { request: Some("y"), ..OWNER });
    assert_eq!(decide(&[&a, &b]).0, ["count", "count"]);
    let unnamed = Copy { request: None, ..OWNER };
    assert_eq!(decide(&[&a, &unnamed]).0, ["count", "other copy"]);
}

#[test]
fn a_copy_fills_in_only_what_is_missing() {
    let mut blind = event(&Copy { key: false, ..CALLER });
    blind.key.alias = Some("alias/mine".into());
    complete_from(&mut blind, event(&OWNER));
    assert_eq!(blind.key.alias.as_deref(), Some("alias/mine"));
    assert_eq!(blind.key.arn.as_deref(), Some("arn:aws:kms:r:1111:key/k"));
    let mut own = event(&CALLER);
    let mut other = event(&OWNER);
    other.key.arn = Some("arn:aws:kms:r:1111:key/other".into());
    complete_from(&mut own, other);
    assert_eq!(own.key.arn.as_deref(), Some("arn:aws:kms:r:1111:key/k"));
}

/// A bare key id was completed with the caller's account. The owner's record names the key,
/// whichever of the two comes first.
#[test]
fn the_owners_key_is_better_than_an_assumed_one() {
    let assumed = |copy: &Copy| {
        let mut event = event(copy);
        (event.key.origin, event.key.arn) = (KeyOrigin::Assumed, Some("arn:aws:kms:r:4444:key/k".into()));
        event
    };
    let mut all = Deduplicator::default();
    assert_eq!(all.decide(&Fingerprint::new(&assumed(&CALLER))), Decision::Hold(0));
    assert_eq!(all.decide(&Fingerprint::new(&event(&OWNER))), Decision::Discard(0));
    let mut own = assumed(&CALLER);
    complete_from(&mut own, event(&OWNER));
    assert_eq!(
        (own.key.arn.as_deref(), own.key.origin),
        (Some("arn:aws:kms:r:1111:key/k"), KeyOrigin::Resources)
    );
    let mut own = assumed(&CALLER);
    complete_from(&mut own, event(&Copy { key: false, ..OWNER }));
    assert_eq!(own.key.origin, KeyOrigin::Assumed, "better than none");
}

/// The caller's account is 4444. A record of another account is a copy only if that is the owner's.
#[test]
fn a_copy_is_of_the_caller_or_of_the_owner() {
    let of_owner = |copy: &Copy, owner: &'static str| {
        let mut event = event(copy);
        event.key.account_id = Some(owner.into());
        Fingerprint::new(&event)
    };
    let are_copies = |a: &Fingerprint, b: &Fingerprint| {
        let mut all = Deduplicator::default();
        [a, b].map(|print| all.decide(print))[1] != Decision::Count
    };
    assert!(are_copies(&of_owner(&CALLER, "1111"), &of_owner(&OWNER, "1111")));
    let strange = Copy { recipient: "9999", ..OWNER };
    assert!(!are_copies(&of_owner(&CALLER, "1111"), &of_owner(&strange, "1111")), "another account");
    assert!(!are_copies(&of_owner(&CALLER, "1111"), &of_owner(&strange, "9999")), "another owner");
    let other_caller = Copy { caller: Some("9999"), ..OWNER };
    assert!(!are_copies(&of_owner(&CALLER, "1111"), &of_owner(&other_caller, "1111")), "another caller");
    let service = Copy { caller: None, recipient: "9999", ..OWNER };
    assert!(!are_copies(&of_owner(&service, "1111"), &of_owner(&CALLER, "1111")), "a service");
    assert!(are_copies(&Fingerprint::new(&event(&CALLER)), &of_owner(&OWNER, "1111")), "one names no owner");
}

/// What the module and `docs/architecture.md` say about memory.
#[test]
fn a_call_takes_as_much_memory_as_documented() {
    assert_eq!(size_of::<(Identity, CallState)>(), 104);
}
