//! Grants by construction: each life cycle, and what calls are consistent with.

use std::collections::BTreeMap;

use super::*;
use crate::model::{
    EventTime, GrantTerms, KeyChange, KeyEffect, KeyRef, KmsEvent, Outcome, Principal, Provenance,
};

const KEY: &str = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const ROLE: &str = "arn:aws:iam::111122223333:role/service-role/R";
const MINUTE: i64 = 60_000;

fn change(minute: i64, effect: KeyEffect) -> KeyChange {
    let by = Provenance {
        time: EventTime(minute * MINUTE),
        event_name: "E".to_owned(),
        event_id: Some(format!("e{minute}")),
        account_id: Some("111122223333".to_owned()),
    };
    KeyChange { by, key: Some(KEY.to_owned()), principal: "admin".to_owned(), service: None, effect }
}

fn terms(id: &str) -> GrantTerms {
    GrantTerms {
        grant_id: Some(id.to_owned()),
        grantee: Some(ROLE.to_owned()),
        operations: Some("Decrypt,GenerateDataKey".to_owned()),
        ..GrantTerms::default()
    }
}

fn creates(minute: i64, id: &str) -> KeyChange {
    change(minute, KeyEffect::CreatesGrant(terms(id)))
}

fn retires(minute: i64, id: &str) -> KeyChange {
    change(minute, KeyEffect::RetiresGrant { grant_id: Some(id.to_owned()) })
}

fn revokes(minute: i64, id: &str) -> KeyChange {
    change(minute, KeyEffect::RevokesGrant { grant_id: Some(id.to_owned()) })
}

fn ledger(changes: Vec<KeyChange>) -> GrantLedger {
    GrantLedger::new(&changes.into_iter().collect())
}

fn states(ledger: &GrantLedger) -> Vec<&'static str> {
    ledger.grants().iter().map(|grant| grant.state.as_str()).collect()
}

fn call(minute: i64, name: &'static str) -> KmsEvent<'static> {
    KmsEvent {
        time: EventTime(minute * MINUTE),
        name: name.into(),
        event_id: Some(format!("call {minute} {name}").into()),
        key: KeyRef { arn: Some(KEY.into()), ..KeyRef::default() },
        ..KmsEvent::example()
    }
}

/// Calls, ambiguous ones, and calls that are not decided, of each grant.
fn counts(ledger: &GrantLedger, events: &[KmsEvent<'_>]) -> Vec<[u64; 3]> {
    let mut counter = GrantUseCounter::default();
    events.iter().for_each(|event| counter += GrantUse::of(ledger, event).as_slice());
    let uses = counter.finish();
    let of = |n| {
        let UseSummary { calls, ambiguous, undecidable, .. } = uses.of(ledger, n);
        [calls, ambiguous, undecidable]
    };
    (0..ledger.grants().len()).map(of).collect()
}

#[test]
fn grants_come_and_go() {
    use KeyEffect::{CancelsDeletion, Deletes, Disables, Enables, SchedulesDeletion};
    for (changes, expected, unusable) in [
        (vec![creates(1, "a")], "open", None),
        (vec![creates(1, "a"), retires(5, "a")], "retired", None),
        (vec![creates(1, "a"), revokes(5, "a"), retires(6, "a")], "revoked", None),
        (vec![retires(5, "a")], "created_before_window", None),
        (vec![revokes(5, "a")], "created_before_window", None),
        (vec![creates(1, "a"), change(5, Deletes)], "key_deleted", Some(5)),
        (vec![creates(1, "a"), retires(3, "a"), change(5, Deletes)], "retired", None),
        // To schedule the deletion of a key, or to disable it, ends no grant.
        (vec![creates(1, "a"), change(5, SchedulesDeletion)], "open", Some(5)),
        (vec![creates(1, "a"), change(5, Disables), change(7, Disables)], "open", Some(5)),
        (vec![creates(1, "a"), change(5, Disables), change(7, Enables)], "open", None),
        // A key is disabled after its deletion was cancelled.
        (vec![creates(1, "a"), change(5, SchedulesDeletion), change(7, CancelsDeletion)], "open", Some(5)),
    ] {
        let ledger = ledger(changes.clone());
        assert_eq!(states(&ledger), [expected], "{changes:?}");
        let since = ledger.grants()[0].unusable_since.map(|time| time.0 / MINUTE);
        assert_eq!(since, unusable, "{changes:?}");
    }
}

/// KMS answers with the same grant when name and all parameters are equal. Another id is another
/// grant, for example after the role was created again.
#[test]
fn the_same_id_is_the_same_grant() {
    let again = ledger(vec![creates(1, "a"), creates(2, "a"), creates(3, "b"), revokes(4, "a")]);
    assert_eq!(states(&again), ["revoked", "open"]);
    assert_eq!(again.grants().iter().map(|grant| grant.repeated).collect::<Vec<_>>(), [1, 0]);
    let mut copy = creates(1, "a"); // the record in the other account's trail
    copy.by.event_id = Some("other".to_owned());
    copy.by.account_id = Some("444455556666".to_owned());
    let copies = ledger(vec![creates(1, "a"), copy]);
    assert_eq!((copies.grants().len(), copies.grants()[0].repeated), (1, 0));
}

/// Older records of RetireGrant name no key, and some name an alias: the id says which grant ends.
#[test]
fn an_end_without_a_key_is_of_the_only_grant_with_that_id() {
    let unkeyed = |change: KeyChange, key: Option<&str>| KeyChange { key: key.map(str::to_owned), ..change };
    for key in [None, Some("alias/app")] {
        let mut end = unkeyed(retires(3, "a"), key);
        end.by.event_name = "RetireGrant".to_owned();
        let ledger = ledger(vec![creates(1, "a"), end]);
        assert_eq!(states(&ledger), ["retired"], "{key:?}");
    }
    let same_minute = ledger(vec![unkeyed(revokes(1, "a"), None), creates(1, "a")]);
    assert_eq!(states(&same_minute), ["revoked"]);
    // Two keys have grants with that id: which one ended is not known.
    let other = KEY.replace("1234abcd", "5678abcd");
    let two =
        ledger(vec![creates(1, "a"), unkeyed(creates(1, "a"), Some(&other)), unkeyed(retires(3, "a"), None)]);
    let mut states = states(&two);
    states.sort_unstable();
    assert_eq!(states, ["created_before_window", "open", "open"]);
}

#[test]
fn what_failed_created_nothing_and_what_has_no_id_has_no_end() {
    let mut unknown = terms("x");
    unknown.grant_id = None;
    let ledger = ledger(vec![
        change(1, KeyEffect::FailsToCreateGrant),
        change(2, KeyEffect::CreatesGrant(unknown)),
        change(3, KeyEffect::RetiresGrant { grant_id: None }),
    ]);
    assert_eq!((states(&ledger), ledger.failed()), (vec!["unknown"], 1));
}

#[test]
fn calls_are_consistent_from_creation_to_five_minutes_after_the_end() {
    let ledger = ledger(vec![creates(10, "a"), revokes(20, "a")]);
    for (minute, expected) in [(9, 0), (10, 1), (20, 1), (25, 1), (26, 0)] {
        assert_eq!(counts(&ledger, &[call(minute, "Decrypt")]), [[expected, 0, 0]], "{minute}");
    }
    let mut refused = call(15, "Decrypt");
    refused.outcome = Outcome::Denied;
    let mut other_key = call(15, "Decrypt");
    other_key.key.arn = Some(KEY.replace("1234abcd", "5678abcd").into());
    let mut other_role = call(15, "Decrypt");
    other_role.principal.name = "arn:aws:iam::111122223333:role/Other".into();
    for event in [refused, other_key, other_role, call(15, "Encrypt"), call(15, "ReEncrypt")] {
        assert_eq!(counts(&ledger, &[event]), [[0, 0, 0]]);
    }
}

/// Copies of a call in several archives and accounts are one call.
#[test]
fn a_call_counts_once() {
    let ledger = ledger(vec![creates(10, "a")]);
    let mut copies = [call(11, "Decrypt"), call(11, "Decrypt"), call(12, "Decrypt"), call(12, "Decrypt")];
    for copy in &mut copies[2..] {
        copy.shared_event_id = Some("shared".into());
    }
    copies[3].event_id = Some("the other account's".into());
    assert_eq!(counts(&ledger, &copies), [[2, 0, 0]]);
}

#[test]
fn several_grants_may_fit_one_call() {
    let ledger = ledger(vec![creates(1, "a"), creates(2, "b")]);
    assert_eq!(counts(&ledger, &[call(3, "Decrypt"), call(1, "Decrypt")]), [[2, 1, 0], [1, 1, 0]]);
}

#[test]
fn reencrypt_needs_two_operations_on_two_keys() {
    let other = KEY.replace("1234abcd", "5678abcd");
    let mut source = terms("from");
    source.operations = Some("ReEncryptFrom".to_owned());
    let mut destination = terms("to");
    destination.operations = Some("ReEncryptTo".to_owned());
    let mut to = change(1, KeyEffect::CreatesGrant(destination));
    to.key = Some(other.clone());
    let ledger = ledger(vec![change(1, KeyEffect::CreatesGrant(source)), to]);
    let mut event = call(2, "ReEncrypt");
    assert_eq!(counts(&ledger, &[event.clone()]), [[1, 0, 0], [0, 0, 0]]);
    event.destination_key_arn = Some(other.into());
    assert_eq!(counts(&ledger, &[event]), [[1, 0, 0], [1, 0, 0]]);
}

#[test]
fn what_the_records_do_not_decide_is_counted_apart() {
    let mut limited = terms("a");
    limited.constraints = Some(r#"{"encryptionContextSubset":{"Project":"x"}}"#.to_owned());
    let ledger = ledger(vec![change(1, KeyEffect::CreatesGrant(limited))]);
    let with = |minute, context: &'static str| {
        let mut event = call(minute, "Decrypt");
        event.encryption_context = Some(context.into());
        event
    };
    let events =
        [with(2, r#"{"Project":"x"}"#), with(3, r#"{"project":"x"}"#), with(4, r#"{"Project":"y"}"#)];
    assert_eq!(counts(&ledger, &events), [[1, 0, 1]]);
}

/// A right to create grants that comes from a grant passes on only what that one grant allows.
#[test]
fn the_parent_is_the_only_grant_that_allows_everything() {
    let parent = |id: &str, operations: &str| {
        let mut terms = terms(id);
        terms.operations = Some(operations.to_owned());
        change(1, KeyEffect::CreatesGrant(terms))
    };
    let child = || {
        let mut child = creates(5, "child");
        child.principal = ROLE.to_owned();
        child
    };
    let parent_of = |parents: Vec<KeyChange>| {
        let ledger = ledger(parents.into_iter().chain([child()]).collect());
        let grants = ledger.grants().iter();
        let child = grants.into_iter().find(|grant| grant.terms.grant_id.as_deref() == Some("child"));
        child.unwrap().parent.clone()
    };
    let all = "CreateGrant,Decrypt,GenerateDataKey";
    assert_eq!(parent_of(vec![parent("p", all)]).as_deref(), Some("p"));
    assert_eq!(parent_of(vec![parent("p", all), parent("q", all)]), None);
    // Two that allow a part each do not add up.
    let halves = vec![parent("p", "CreateGrant,Decrypt"), parent("q", "CreateGrant,GenerateDataKey")];
    assert_eq!(parent_of(halves), None);
    assert_eq!(parent_of(vec![parent("p", "Decrypt,GenerateDataKey")]), None);
    assert_eq!(parent_of(vec![parent("p", all), revokes(1, "p")]).as_deref(), Some("p")); // within five minutes
}

/// A grant for a session is not for other sessions of the role.
#[test]
fn sessions_are_told_apart() {
    let mut for_session = terms("a");
    for_session.grantee = Some("arn:aws:sts::111122223333:assumed-role/R/one".to_owned());
    let ledger = ledger(vec![change(1, KeyEffect::CreatesGrant(for_session))]);
    let by = |minute, session: &'static str| {
        let mut event = call(minute, "Decrypt");
        event.principal = Principal { session_name: Some(session.into()), ..event.principal };
        event
    };
    assert_eq!(counts(&ledger, &[by(2, "one"), by(3, "two")]), [[1, 0, 0]]);
    assert_eq!(counts(&ledger, &[call(4, "Decrypt")]), [[0, 0, 1]]);
}

/// Grants that only their times tell apart may be many. Of kinds of grants, calls are not compared
/// with many: then the counts are not known.
#[test]
fn a_grantee_with_too_many_kinds_of_grants_of_a_key_is_not_counted() {
    let alike: Vec<KeyChange> = (0..2_000).map(|n| creates(n % 7, &format!("g{n}"))).collect();
    let calls = [call(3, "Decrypt"), call(9, "Decrypt")];
    let found = counts(&ledger(alike), &calls);
    let total = |place: usize| found.iter().map(|counts| counts[place]).sum::<u64>();
    assert_eq!((total(0), total(1), total(2)), (2_000 + 4 * 286, 2_000 + 4 * 286, 0));
    let of_kind = |n: usize| {
        let terms = GrantTerms { operations: Some(format!("Decrypt,Op{n}")), ..terms(&format!("g{n}")) };
        change(1, KeyEffect::CreatesGrant(terms))
    };
    let many: Vec<KeyChange> = (0..101).map(of_kind).collect();
    let mut other = terms("other");
    other.grantee = Some("arn:aws:iam::111122223333:user/U".to_owned());
    let ledger = ledger(many.into_iter().chain([change(1, KeyEffect::CreatesGrant(other))]).collect());
    assert_eq!(GrantUse::of(&ledger, &call(2, "Decrypt")), []);
    let counted = ledger.grants().iter().filter(|grant| grant.is_counted);
    assert_eq!(counted.filter_map(|grant| grant.terms.grant_id.as_deref()).collect::<Vec<_>>(), ["other"]);
}

/// Constraints of which too many share all their pairs are not looked through.
#[test]
fn a_grant_whose_constraints_are_like_many_others_is_not_counted() {
    let with = |n: usize, constraints: &str| {
        let constraints = Some(constraints.to_owned());
        change(1, KeyEffect::CreatesGrant(GrantTerms { constraints, ..terms(&format!("g{n}")) }))
    };
    // Of two names, each combination: the pairs are the same for many.
    let pairs: Vec<KeyChange> = (0..900)
        .map(|n| {
            let json = format!(r#"{{"encryptionContextSubset":{{"a":"{}","b":"{}"}}}}"#, n % 30, n / 30);
            with(n, &json)
        })
        .chain([with(900, r#"{"encryptionContextSubset":{"c":"1"}}"#)])
        .collect();
    let ledger = ledger(pairs);
    let counted: Vec<_> = ledger.grants().iter().filter(|grant| grant.is_counted).collect();
    assert_eq!(counted.iter().filter_map(|g| g.terms.grant_id.as_deref()).collect::<Vec<_>>(), ["g900"]);
}

/// What is found of many grants together is what is found of each alone.
#[test]
fn many_grants_are_counted_as_each_alone() {
    let mut state = 1_u64;
    let mut below = |n: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % n
    };
    let grantees =
        [ROLE, "arn:aws:sts::111122223333:assumed-role/R/one", "AROAONE", "arn:aws:iam::111122223333:root"];
    let contexts = ["", r#"{"A":"1"}"#, r#"{"a":"1"}"#, r#"{"a":"1","b":"2"}"#, r#"{"b":"2","c":"3"}"#];
    let operations = ["Decrypt", "Decrypt,DescribeKey", "CreateGrant,Decrypt,DescribeKey", "RetireGrant"];
    for _ in 0..20 {
        let mut one = |of: &[&'static str]| of[below(of.len() as u64) as usize];
        let mut grants = Vec::new();
        for n in 0..40_u8 {
            let id = format!("g{n}");
            let kind = one(&["encryptionContextEquals", "encryptionContextSubset"]);
            let context = one(&contexts);
            let minute = one(&["1", "2", "3", "4", "5"]).len() as i64 + i64::from(n % 10);
            let end = one(&["open", "revoked"]);
            let terms = GrantTerms {
                grantee: Some(one(&grantees).to_owned()),
                operations: Some(one(&operations).to_owned()),
                constraints: (!context.is_empty()).then(|| format!(r#"{{"{kind}":{context}}}"#)),
                ..terms(&id)
            };
            let mut changes = vec![change(minute, KeyEffect::CreatesGrant(terms))];
            if end == "revoked" {
                changes.push(revokes(minute + i64::from(n % 4), &id));
            }
            grants.push(changes);
        }
        let mut calls = Vec::new();
        for n in 0..120_i64 {
            let mut event = call(n % 25, one(&["Decrypt", "DescribeKey", "CreateGrant", "RetireGrant"]));
            event.event_id = Some(format!("call {n}").into());
            event.encryption_context = Some(one(&contexts[1..]).into());
            event.omitted_fields = (n % 11 == 0).then(|| "requestParameters".into());
            event.grant_operations = Some(one(&["Decrypt", "DescribeKey,Decrypt"]).into());
            event.grant_constraints = Some(r#"{"encryptionContextSubset":{"a":"1","b":"2"}}"#.into());
            event.principal.session_name = Some(one(&["one", "two"]).into());
            event.principal.principal_id = Some(one(&["AROAONE:one", "AROATWO:two"]).into());
            calls.push(event);
        }
        let together = ledger(grants.iter().flatten().cloned().collect());
        let found = counts(&together, &calls);
        let mut fitting = BTreeMap::new();
        let alone: Vec<(String, GrantLedger)> = grants
            .iter()
            .map(|changes| ledger(changes.clone()))
            .map(|ledger| (ledger.grants()[0].terms.grant_id.clone().unwrap(), ledger))
            .collect();
        for event in &calls {
            let fits = alone.iter().filter(|(_, ledger)| ledger.fits(event)).count();
            fitting.insert(event.event_id.clone(), fits);
        }
        for (grant, found) in together.grants().iter().zip(found) {
            let (_, ledger) = alone.iter().find(|(id, _)| Some(id) == grant.terms.grant_id.as_ref()).unwrap();
            let [expected, _, undecidable] = counts(ledger, &calls)[0];
            assert_eq!([found[0], found[2]], [expected, undecidable], "{grant:?}");
            let shared: Vec<KmsEvent<'_>> =
                calls.iter().filter(|event| fitting[&event.event_id] > 1).cloned().collect();
            if !grant.grantee.as_ref().unwrap().is_role_or_user() {
                assert_eq!(found[1], counts(ledger, &shared)[0][0], "{grant:?}");
            }
        }
    }
}

/// A grant passes on no more than it allows itself.
#[test]
fn a_grant_is_not_consistent_with_the_creation_of_a_wider_one() {
    let mut parent = terms("p");
    parent.operations = Some("CreateGrant,Decrypt".to_owned());
    parent.constraints = Some(r#"{"encryptionContextSubset":{"Project":"x"}}"#.to_owned());
    let ledger = ledger(vec![change(1, KeyEffect::CreatesGrant(parent))]);
    let create = |operations: Option<&'static str>, constraints: Option<&'static str>| {
        let mut event = call(2, "CreateGrant");
        event.grant_operations = operations.map(Into::into);
        event.grant_constraints = constraints.map(Into::into);
        counts(&ledger, &[event])
    };
    let strict = Some(r#"{"encryptionContextSubset":{"Project":"x","Team":"t"}}"#);
    assert_eq!(create(Some("Decrypt"), strict), [[1, 0, 0]]);
    assert_eq!(create(Some("Decrypt,Encrypt"), strict), [[0, 0, 0]]);
    assert_eq!(create(Some("Decrypt"), None), [[0, 0, 0]]);
    assert_eq!(create(None, strict), [[0, 0, 1]]);
}

/// A role that is created again under its name is another one for KMS.
#[test]
fn a_role_that_was_created_again_has_not_the_old_grants() {
    let by = |minute, id: &'static str| {
        let mut event = call(minute, "Decrypt");
        event.principal.principal_id = Some(id.into());
        event
    };
    let ledger = self::ledger(vec![creates(1, "a")]);
    let calls = [by(2, "AROAOLD:s"), by(3, "AROAOLD:t"), by(9, "AROANEW:s"), call(10, "Decrypt")];
    let mut backwards = calls.clone();
    backwards.reverse();
    for calls in [&calls, &backwards] {
        assert_eq!(counts(&ledger, calls), [[3, 0, 0]]);
    }
    assert_eq!(counts(&ledger, &calls[2..]), [[2, 0, 0]], "the only one that called");
    // KMS answers the same request with another grant.
    let named = |minute, id: &str| {
        let terms = GrantTerms { name: Some("n".to_owned()), ..terms(id) };
        change(minute, KeyEffect::CreatesGrant(terms))
    };
    let ledger = self::ledger(vec![named(1, "old"), named(5, "new")]);
    let calls = [call(2, "Decrypt"), call(6, "Decrypt")];
    assert_eq!(counts(&ledger, &calls), [[1, 0, 0], [1, 0, 0]]);
    let ledger = self::ledger(vec![named(1, "old"), revokes(3, "old"), named(5, "new")]);
    assert_eq!(ledger.grants()[0].orphaned_since, None, "it had ended");
}

/// A grant to an account is used through its IAM policies.
#[test]
fn a_grant_to_an_account_may_be_used_by_all_in_it() {
    let mut to_root = terms("a");
    to_root.grantee = Some("arn:aws:iam::111122223333:root".to_owned());
    let ledger = ledger(vec![change(1, KeyEffect::CreatesGrant(to_root))]);
    let mut foreign = call(3, "Decrypt");
    foreign.principal.account_id = Some("444455556666".into());
    assert_eq!(counts(&ledger, &[call(2, "Decrypt"), foreign]), [[0, 0, 1]]);
}
