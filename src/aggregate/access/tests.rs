//! Access is counted by key, caller, API and result, and merges in any order.

use super::*;
use crate::model::KeyRef;

fn call(key: &str, time: i64, id: &str, who: &str) -> KmsEvent<'static> {
    KmsEvent {
        time: EventTime(time),
        event_id: Some(id.to_owned().into()),
        key: KeyRef { arn: Some(key.to_owned().into()), ..KeyRef::default() },
        source_ip: Some("192.0.2.1".into()),
        principal: crate::model::Principal { name: who.to_owned().into(), ..KmsEvent::example().principal },
        ..KmsEvent::example()
    }
}

/// Rows as `key principal API outcome records first last`.
fn rows(access: &Access) -> Vec<String> {
    let text = |AccessRow { group, span, .. }: AccessRow<'_>| {
        let id = |record: &RecordRef| record.event_id.as_deref().unwrap_or("-").to_owned();
        let (first, last) = (id(&span.first), id(&span.last));
        let key = group.key.as_deref().unwrap_or("-");
        let (who, name, outcome) = (&group.principal, &group.event_name, group.outcome.as_str());
        format!("{key} {who} {name} {outcome} {} {first} {last}", span.records)
    };
    access.calls().into_iter().map(text).collect()
}

#[test]
fn calls_are_counted_by_key_caller_api_and_result_in_any_order() {
    let mut calls = [
        call("k", 1, "a", "one"),
        call("k", 3, "c", "one"),
        call("k", 3, "b", "one"),
        call("k", 2, "d", "two"),
        KmsEvent { outcome: Outcome::Denied, ..call("k", 4, "e", "one") },
        KmsEvent { name: "DescribeKey".into(), ..call("l", 5, "f", "one") },
        KmsEvent {
            name: "ReEncrypt".into(),
            destination_key_arn: Some("l".into()),
            ..call("k", 6, "g", "one")
        },
        KmsEvent { key: KeyRef::default(), ..call("", 7, "h", "one") },
    ];
    let archive: Arc<str> = "archive".into();
    for turn in 0..calls.len() {
        calls.rotate_left(1);
        let (mut first, mut second) = (Access::default(), Access::default());
        for (n, event) in calls.iter().enumerate() {
            let part = if n % 2 == 0 { &mut first } else { &mut second };
            part.add(event, WorkloadSet::default(), &archive, 0);
        }
        first += second;
        first.trim();
        let expected = [
            "- one Decrypt success 1 h h",
            "k one Decrypt denied 1 e e",
            "k one Decrypt success 3 a b",
            "k one ReEncrypt success 1 g g",
            "k two Decrypt success 1 d d",
            "l one DescribeKey success 1 f f",
            "l one ReEncrypt success 1 g g",
        ];
        assert_eq!(rows(&first), expected, "turn {turn}");
        assert_eq!(first.times(), Some((EventTime(1), EventTime(7))));
        assert!(!first.has_forgotten());
    }
}

#[test]
fn services_have_no_address() {
    let mut access = Access::default();
    let from = |text: &'static str| KmsEvent { source_ip: Some(text.into()), ..call("k", 1, "a", "one") };
    for text in ["192.0.2.1", "2001:db8::1", "s3.amazonaws.com", "AWS Internal", "AWS Internal/3", "dead"] {
        access.add(&from(text), WorkloadSet::default(), &"archive".into(), 0);
    }
    let addresses: Vec<_> =
        access.origins().iter().map(|(origin, span)| (origin.address.as_deref(), span.records)).collect();
    assert_eq!(addresses, [(None, 4), (Some("192.0.2.1"), 1), (Some("2001:db8::1"), 1)]);
}

#[test]
fn copies_of_a_change_are_one_and_failures_change_nothing() {
    let mut access = Access::default();
    let disable = |id: &str, archive: &str, outcome| {
        let event = KmsEvent { name: "DisableKey".into(), outcome, ..call("k", 1, id, "admin") };
        (event, Arc::<str>::from(archive))
    };
    for (event, archive) in [
        disable("a", "second", Outcome::Success),
        disable("a", "first", Outcome::Success),
        disable("b", "first", Outcome::Denied),
    ] {
        access.add(&event, WorkloadSet::default(), &archive, 7);
    }
    let changes: Vec<&str> = access.key_changes().iter().map(|change| &*change.record.archive).collect();
    assert_eq!(changes, ["first"]);
}

/// Whoever can write archives can write a new principal into each record.
#[test]
fn many_principals_stay_bounded() {
    let mut access = Access::default();
    for n in 0..2 * LIMIT + 10 {
        access.add(&call("k", 1, "a", &format!("p{n}")), WorkloadSet::default(), &"archive".into(), 0);
    }
    assert!(access.len() <= 2 * LIMIT);
    access.trim();
    assert_eq!(access.len(), LIMIT);
    assert!(access.has_forgotten());
}

/// Of a group with many records, the first ten and the last ten are kept, in whichever order they
/// come.
#[test]
fn the_first_and_the_last_records_are_kept() {
    let archive: Arc<str> = "archive".into();
    let ids = |access: &Access| -> Vec<String> {
        let rows = access.calls();
        let mut ids: Vec<String> =
            rows[0].span.some().filter_map(|one| one.event_id.as_deref().map(str::to_owned)).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    };
    for n in [1, 2, 3, 19, 20, 21, 22, 100] {
        let calls: Vec<_> = (0..n).map(|n| call("k", n, &format!("{n:03}"), "one")).collect();
        let expected: Vec<String> =
            (0..n).filter(|at| *at < 10 || *at >= n - 10).map(|n| format!("{n:03}")).collect();
        let orders: [Vec<usize>; 3] = [
            (0..calls.len()).collect(),
            (0..calls.len()).rev().collect(),
            (0..calls.len()).map(|at| at * 37 % calls.len()).collect(),
        ];
        for order in orders
            .iter()
            .filter(|order| order.iter().collect::<std::collections::BTreeSet<_>>().len() == calls.len())
        {
            for parts in 1..4 {
                let mut all = Access::default();
                for part in 0..parts {
                    let mut access = Access::default();
                    for (_, at) in order.iter().enumerate().filter(|(n, _)| n % parts == part) {
                        access.add(&calls[*at], WorkloadSet::default(), &archive, *at as u64);
                    }
                    all += access;
                }
                all.trim();
                assert_eq!(ids(&all), expected, "{n} {parts}");
            }
        }
    }
}
