//! Each rule by what it finds, what it just does not find, and what its findings are called.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::*;
use crate::aggregate::{Access, Coverage, GrantLedger, GrantUse, GrantUseCounter, ShareLedger};
use crate::audit::Trust;
use crate::knowledge::{Facts, RecordPlace};
use crate::model::{
    EventTime, GrantTerms, KeyChange, KeyEffect, KeyRef, KmsEvent, Outcome, Principal, Provenance,
    TrailChange, TrailEffect, WorkloadSet,
};

const KEY: &str = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const DAY: i64 = 86_400_000;
const HOUR: i64 = 3_600_000;

/// A world: calls and changes, from which findings are made.
#[derive(Default)]
struct World {
    calls: Vec<KmsEvent<'static>>,
    changes: Vec<KeyChange>,
    facts: Facts,
    narrowing: Vec<String>,
}

fn role(name: &str) -> String {
    format!("arn:aws:iam::111122223333:role/{name}")
}

fn call(time: i64, name: &'static str, who: &str) -> KmsEvent<'static> {
    KmsEvent {
        time: EventTime(time),
        event_id: Some(format!("{name} {who} {time}").into()),
        name: name.into(),
        key: KeyRef { arn: Some(KEY.into()), ..KeyRef::default() },
        source_ip: Some("192.0.2.1".into()),
        recipient_account_id: Some("111122223333".into()),
        principal: Principal { name: who.to_owned().into(), ..KmsEvent::example().principal },
        ..KmsEvent::example()
    }
}

impl World {
    fn call(mut self, time: i64, name: &'static str, who: &str) -> Self {
        self.calls.push(call(time, name, &role(who)));
        self
    }

    fn failing(mut self, times: impl Iterator<Item = i64>, outcome: Outcome) -> Self {
        self.calls.extend(times.map(|time| KmsEvent { outcome, ..call(time, "Decrypt", &role("Batch")) }));
        self
    }

    fn event(mut self, event: KmsEvent<'static>) -> Self {
        self.calls.push(event);
        self
    }

    fn change(mut self, time: i64, effect: KeyEffect) -> Self {
        let by = Provenance {
            time: EventTime(time),
            event_name: "E".to_owned(),
            event_id: Some(format!("change {time}")),
            account_id: Some("111122223333".to_owned()),
        };
        let (key, principal) = (Some(KEY.to_owned()), role("Owner"));
        self.changes.push(KeyChange { by, key, principal, service: None, effect });
        self
    }

    fn grant(self, time: i64, id: &str, change: impl FnOnce(&mut GrantTerms)) -> Self {
        let mut terms = GrantTerms {
            grant_id: Some(id.to_owned()),
            grantee: Some(role("Grantee")),
            operations: Some("Decrypt,Encrypt".to_owned()),
            constraints: Some(r#"{"encryptionContextSubset":{}}"#.to_owned()),
            ..GrantTerms::default()
        };
        change(&mut terms);
        self.change(time, KeyEffect::CreatesGrant(terms))
    }

    fn findings(&self) -> Findings {
        let ledger = GrantLedger::new(&self.changes.iter().cloned().collect());
        let (mut access, mut uses, mut coverage) =
            (Access::default(), GrantUseCounter::default(), Coverage::default());
        let archive: Arc<str> = "archive".into();
        for (event, offset) in self.calls.iter().zip(0..) {
            access.add(event, WorkloadSet::default(), &archive, offset);
            uses += GrantUse::of(&ledger, event).as_slice();
            let region = coverage.region_mut(event.account(), Some(&event.region));
            let (first, last) = region.event_times.unwrap_or((event.time, event.time));
            region.event_times = Some((first.min(event.time), last.max(event.time)));
        }
        find(FindingContext {
            access: &access,
            grants: &ledger,
            grant_uses: &uses.finish(),
            coverage: &coverage,
            facts: &self.facts,
            policies: &[],
            shares: &ShareLedger::default(),
            trust: &Trust::default(),
            offline_store_keys: &BTreeSet::new(),
            since: None,
            narrowing: &self.narrowing,
        })
    }

    /// The rules that find something.
    fn rules(&self) -> Vec<&'static str> {
        let mut rules: Vec<&str> = self.findings().list.iter().map(|finding| finding.rule.id).collect();
        rules.sort_unstable();
        rules
    }
}

#[test]
fn rules_have_unique_ids_and_say_everything() {
    let mut ids: Vec<&str> = FINDING_RULES.iter().map(|rule| rule.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), FINDING_RULES.len());
    assert!(FINDING_RULES.is_sorted_by_key(|rule| rule.severity));
    for rule in FINDING_RULES {
        for text in [rule.about, rule.cannot_know, rule.false_positives, rule.remediation] {
            assert!(text.len() > 10, "{}", rule.id);
        }
        assert!(rule.source.starts_with("https://docs.aws.amazon.com/") && !rule.controls.is_empty());
        assert!(rule.id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{}", rule.id);
    }
}

#[test]
fn grants() {
    let world = World::default;
    let end = |world: World| world.call(40 * DAY, "DescribeKey", "Other");
    let rules = |world: World| end(world).rules();
    let stale = |world: World| rules(world).contains(&"grant-stale");
    assert!(stale(world().grant(0, "a", |_| {})));
    // Used lately, created lately, ended, made by a service, or for one.
    assert!(!stale(world().grant(0, "a", |_| {}).call(20 * DAY, "Decrypt", "Grantee")));
    assert!(!stale(world().grant(11 * DAY, "a", |_| {})));
    let revoke = KeyEffect::RevokesGrant { grant_id: Some("a".to_owned()) };
    assert!(!stale(world().grant(0, "a", |_| {}).change(DAY, revoke.clone())));
    let service = |terms: &mut GrantTerms| terms.grantee = Some("sagemaker.amazonaws.com".to_owned());
    assert!(!stale(world().grant(0, "a", service)));
    let mut by_service = world().grant(0, "a", |_| {});
    by_service.changes[0].service = Some("ec2.amazonaws.com".to_owned());
    assert!(!stale(by_service));
    assert!(stale(world().grant(0, "a", |_| {}).call(5 * DAY, "Decrypt", "Grantee")));

    let used = |world: World| world.call(35 * DAY, "Decrypt", "Grantee");
    assert_eq!(rules(used(world().grant(0, "a", |_| {}))), ["grant-wide"]);
    let all = used(world().grant(0, "a", |_| {})).call(36 * DAY, "Encrypt", "Grantee");
    assert_eq!(rules(all), [] as [&str; 0]);
    let rare = |terms: &mut GrantTerms| terms.operations = Some("Decrypt,DescribeKey,RetireGrant".to_owned());
    assert_eq!(rules(used(world().grant(0, "a", rare))), [] as [&str; 0]);
    let free = |terms: &mut GrantTerms| {
        (terms.constraints, terms.operations) = (None, Some("Decrypt".to_owned()));
    };
    assert_eq!(rules(used(world().grant(0, "a", free))), ["grant-without-constraints"]);

    let foreign = |terms: &mut GrantTerms| terms.grantee = Some("arn:aws:iam::444455556666:root".to_owned());
    assert!(rules(world().grant(39 * DAY, "a", foreign)).contains(&"grant-external"));
    let named = |terms: &mut GrantTerms| terms.name = Some("n".to_owned());
    let twice = world().grant(39 * DAY, "a", named).grant(39 * DAY + 1, "b", named);
    assert_eq!(rules(twice), ["grant-orphaned"]);
    let differ = world().grant(39 * DAY, "a", named).grant(39 * DAY + 1, "b", |_| {});
    assert_eq!(rules(differ), [] as [&str; 0]);

    let ended = || world().grant(0, "a", |_| {}).change(DAY, revoke.clone());
    let late = |ms: i64| rules(ended().call(DAY + ms, "Decrypt", "Grantee"));
    assert_eq!(late(5 * 60_000), [] as [&str; 0]);
    assert_eq!(late(5 * 60_000 + 1), ["grant-used-after-end"]);
    let again = ended().grant(2 * DAY, "b", |_| {}).call(35 * DAY, "Decrypt", "Grantee");
    assert!(!rules(again).contains(&"grant-used-after-end"));
}

/// As many records as there are, up to twenty.
#[test]
fn findings_name_up_to_twenty_records() {
    let evidence = |world: World, rule: &str| {
        let finding = world.findings().list.into_iter().find(|finding| finding.rule.id == rule).unwrap();
        (finding.evidence.len(), finding.evidence_count)
    };
    for (calls, expected) in [(1, (4, 4)), (5, (8, 8)), (40, (20, 43))] {
        // The grant, its end and the first call; only calls after the end show it.
        let end = KeyEffect::RevokesGrant { grant_id: Some("g".to_owned()) };
        let set = |terms: &mut GrantTerms| terms.constraints = None;
        let world =
            World::default().grant(0, "g", set).change(HOUR, end).call(HOUR / 2, "Decrypt", "Grantee");
        let world = (0..calls).fold(world, |world, n| world.call((2 + n) * HOUR, "Decrypt", "Grantee"));
        let found = evidence(world, "grant-used-after-end");
        let known = (calls as usize).min(19);
        assert_eq!(
            found,
            ((known + 2).min(20), if calls > 19 { found.1 } else { calls as u64 + 2 }),
            "{calls}"
        );
        let world = World::default().call(0, "PutKeyPolicy", "Admin").call(1, "PutKeyPolicy", "Admin");
        let world = (0..=calls).fold(world, |world, n| world.call(2 + n, "Decrypt", "Admin"));
        assert_eq!(evidence(world, "admin-who-uses"), expected, "{calls}");
    }
}

/// Where a trail did not record, that nothing was used is not known.
#[test]
fn what_was_not_recorded_decides_nothing() {
    let status = |time: Option<i64>, key: &str| {
        let mut world = World::default().grant(0, "a", |_| {}).call(40 * DAY, "DescribeKey", "Other");
        world.changes[0].key = Some(key.to_owned());
        let by = |time| Provenance {
            time: EventTime(time),
            event_name: "X".to_owned(),
            event_id: Some(format!("{time}")),
            account_id: Some("111122223333".to_owned()),
        };
        let change = |time: i64, effect| TrailChange {
            trail: "main".to_owned(),
            by: by(time),
            region: None,
            principal: None,
            effect,
            error_code: None,
        };
        if let Some(time) = time {
            let changes =
                [change(time, TrailEffect::ExcludesKms), change(time + DAY, TrailEffect::IncludesKms)];
            let place = |offset| RecordPlace::new("trails".into(), offset);
            world.facts.trails.extend(changes.into_iter().zip((0..).map(place)));
        }
        let findings = world.findings().list;
        findings.into_iter().find(|finding| finding.rule.id == "grant-stale").unwrap()
    };
    assert_eq!(status(None, KEY).status, FindingStatus::Open);
    assert_eq!(status(Some(-2 * DAY), KEY).status, FindingStatus::Open, "before the grant");
    let excluded = status(Some(5 * DAY), KEY);
    assert_eq!(excluded.status, FindingStatus::Undecidable);
    assert!(excluded.detail.contains("The trail main left KMS out"), "{}", excluded.detail);
    let elsewhere = status(None, &KEY.replace("us-west-2", "eu-west-1"));
    assert_eq!(elsewhere.status, FindingStatus::Undecidable);
    assert!(elsewhere.detail.contains("no records of 111122223333 eu-west-1"), "{}", elsewhere.detail);
}

/// Where options leave out calls, nothing is said to be unused.
/// The calls after the end may have had another encryption context than the grant allowed.
#[test]
fn constraints_of_a_grant_that_has_ended_matter() {
    let world = |constraints: Option<&str>| {
        let set = |terms: &mut GrantTerms| terms.constraints = constraints.map(str::to_owned);
        let end = KeyEffect::RevokesGrant { grant_id: Some("g".to_owned()) };
        let world =
            World::default().grant(0, "g", set).change(HOUR, end).call(2 * HOUR, "Decrypt", "Grantee");
        let findings = world.findings().list;
        findings.into_iter().find(|finding| finding.rule.id == "grant-used-after-end").unwrap()
    };
    assert_eq!(world(None).status, FindingStatus::Open);
    let limited = world(Some(r#"{"encryptionContextSubset":{"a":"1"}}"#));
    assert_eq!(limited.status, FindingStatus::Undecidable);
    assert!(limited.detail.contains("encryption contexts"), "{}", limited.detail);
    assert_eq!(world(Some(r#"{"sourceArn":"arn:aws:s3:::b"}"#)).status, FindingStatus::Open);
}

/// Whoever a grant to an account's root lets in, its IAM policies say.
#[test]
fn a_grant_to_an_account_is_not_stale_while_the_account_calls() {
    let set = |terms: &mut GrantTerms| terms.grantee = Some("arn:aws:iam::111122223333:root".to_owned());
    let world = World::default().grant(0, "g", set);
    let is_stale = |world: World| world.rules().contains(&"grant-stale");
    assert!(!is_stale(world.call(2 * HOUR, "Decrypt", "Any").call(40 * DAY, "ListKeys", "Any")));
    let world = World::default().grant(0, "g", set);
    assert!(is_stale(world.call(2 * HOUR, "Sign", "Any").call(40 * DAY, "ListKeys", "Any")));
}

#[test]
fn narrowed_calls_decide_nothing() {
    let mut world = World::default().grant(0, "a", |_| {}).call(40 * DAY, "DescribeKey", "Other");
    world.narrowing = vec!["--principal".to_owned()];
    let statuses: Vec<_> = world.findings().list.iter().map(|f| (f.rule.id, f.status)).collect();
    assert_eq!(statuses, [("grant-stale", FindingStatus::Undecidable)]);
    assert!(world.findings().list[0].detail.ends_with("--principal leaves out calls that may have used it."));
}

#[test]
fn lives_of_keys() {
    let used = || World::default().call(0, "Decrypt", "Batch");
    let schedule = |world: World| world.call(80 * DAY, "ScheduleKeyDeletion", "Owner");
    assert_eq!(schedule(used()).rules(), ["key-pending-deletion-used"]);
    assert_eq!(schedule(World::default()).rules(), [] as [&str; 0]);
    assert_eq!(used().call(91 * DAY, "ScheduleKeyDeletion", "Owner").rules(), [] as [&str; 0]);
    let asked = World::default().call(0, "ScheduleKeyDeletion", "Owner");
    assert_eq!(asked.failing([DAY].into_iter(), Outcome::KeyState).rules(), ["key-pending-deletion-used"]);
    // What failed scheduled nothing, and what was cancelled is no longer scheduled.
    let failed =
        KmsEvent { outcome: Outcome::Denied, ..call(80 * DAY, "ScheduleKeyDeletion", &role("Owner")) };
    assert_eq!(used().event(failed).rules(), [] as [&str; 0]);
    // A cancelled deletion leaves the key disabled.
    let cancelled = || schedule(used()).call(81 * DAY, "CancelKeyDeletion", "Owner");
    assert_eq!(cancelled().rules(), ["key-disabled-used"]);
    assert_eq!(cancelled().call(82 * DAY, "EnableKey", "Owner").rules(), [] as [&str; 0]);
    assert_eq!(schedule(used()).call(87 * DAY, "DeleteKey", "AWS").rules(), ["key-deleted-used"]);
    assert_eq!(used().call(DAY, "DisableKey", "Owner").rules(), ["key-disabled-used"]);
    let enabled = used().call(DAY, "DisableKey", "Owner").call(2 * DAY, "EnableKey", "Owner");
    assert_eq!(enabled.rules(), [] as [&str; 0]);

    let sequence = |gap, who| {
        World::default().call(0, "DisableKey", "Owner").call(gap, "ScheduleKeyDeletion", who).rules()
    };
    assert_eq!(sequence(HOUR, "Owner"), ["disable-then-delete"]);
    assert_eq!(sequence(HOUR + 1, "Owner"), [] as [&str; 0]);
    assert_eq!(sequence(HOUR, "Another"), [] as [&str; 0]);

    let fails = |n, gap, outcome| World::default().failing((0..n).map(|n| n * gap), outcome).rules();
    assert_eq!(fails(10, HOUR / 9, Outcome::KeyState), ["dead-key-asked-for"]);
    assert_eq!(fails(9, HOUR, Outcome::KeyState), [] as [&str; 0]);
    assert_eq!(fails(10, HOUR / 10, Outcome::KeyState), [] as [&str; 0]);
    assert_eq!(fails(10, HOUR, Outcome::NotFound), ["dead-key-asked-for"]);
    assert_eq!(fails(10, HOUR, Outcome::Denied), ["refused-repeatedly"]);
    assert_eq!(fails(10, HOUR, Outcome::Throttled), [] as [&str; 0]);

    let on = || World::default().call(0, "EnableKeyRotation", "Owner");
    assert_eq!(on().rules(), ["rotation-enabled"]);
    assert_eq!(on().call(DAY, "DisableKeyRotation", "Owner").rules(), ["rotation-disabled"]);
}

#[test]
fn parameters_of_administration() {
    let with = |name, details: &'static str, outcome| {
        let event = call(0, name, &role("Owner"));
        World::default().event(KmsEvent { request_details: Some(details.into()), outcome, ..event }).rules()
    };
    let bypass = r#"{"bypassPolicyLockoutSafetyCheck":true}"#;
    assert_eq!(with("PutKeyPolicy", bypass, Outcome::Success), ["lockout-check-bypassed"]);
    assert_eq!(with("PutKeyPolicy", bypass, Outcome::Denied), [] as [&str; 0]);
    assert_eq!(with("PutKeyPolicy", r#"{"policyName":"default"}"#, Outcome::Success), [] as [&str; 0]);
    let days = |details| with("ScheduleKeyDeletion", details, Outcome::Success);
    assert_eq!(days(r#"{"pendingWindowInDays":7}"#), ["deletion-window-shortest"]);
    assert_eq!(days(r#"{"pendingWindowInDays":30}"#), [] as [&str; 0]);
    assert_eq!(days("null"), [] as [&str; 0]);
}

#[test]
fn users() {
    let both = |who| World::default().call(0, "PutKeyPolicy", "Admin").call(DAY, "Decrypt", who).rules();
    assert_eq!(both("Admin"), ["admin-who-uses"]);
    assert_eq!(both("User"), [] as [&str; 0]);

    let known = |until| World::default().call(0, "Decrypt", "App").call(until, "Decrypt", "App");
    let new = |world: World, time| world.call(time, "Decrypt", "Intern");
    assert_eq!(new(known(30 * DAY), 31 * DAY).rules(), ["new-principal"]);
    assert_eq!(new(known(29 * DAY), 31 * DAY).rules(), [] as [&str; 0]);
    let old = new(known(30 * DAY), 31 * DAY).call(39 * DAY, "DescribeKey", "App");
    assert_eq!(old.rules(), [] as [&str; 0]);

    let partner = call(31 * DAY, "Decrypt", "arn:aws:iam::444455556666:role/Partner");
    assert_eq!(known(30 * DAY).event(partner).rules(), ["new-account", "new-principal"]);
    let elsewhere = KmsEvent { region: "eu-west-1".into(), ..call(31 * DAY, "DescribeKey", &role("App")) };
    assert_eq!(known(30 * DAY).event(elsewhere).rules(), ["new-region"]);
    let address = |n: u8| KmsEvent {
        source_ip: Some(format!("198.51.100.{n}").into()),
        ..call(31 * DAY + i64::from(n), "DescribeKey", &role("App"))
    };
    assert_eq!(known(30 * DAY).event(address(1)).rules(), ["new-address"]);
    let many = (1..=5).fold(known(30 * DAY), |world, n| world.event(address(n)));
    assert_eq!(many.rules(), [] as [&str; 0]);
}

#[test]
fn trails() {
    let change = |time, effect, error: Option<&str>| TrailChange {
        trail: "main".to_owned(),
        by: Provenance {
            time: EventTime(time),
            event_name: "X".to_owned(),
            event_id: Some(format!("{time}")),
            account_id: Some("111122223333".to_owned()),
        },
        region: None,
        principal: Some(role("Intruder")),
        effect,
        error_code: error.map(str::to_owned),
    };
    let of = |changes: Vec<TrailChange>| {
        let mut world = World::default().call(0, "DescribeKey", "App");
        let place = |offset| RecordPlace::new("trails".into(), offset);
        world.facts.trails.extend(changes.into_iter().zip((0..).map(place)));
        world
    };
    let stopped =
        of(vec![change(1, TrailEffect::StopsLogging, None), change(3, TrailEffect::StartsLogging, None)]);
    assert_eq!(stopped.rules(), ["trail-stopped"]);
    let finding = stopped.findings().list.remove(0);
    let places: Vec<_> = finding.evidence.iter().map(|r| (r.archive.as_deref(), r.offset)).collect();
    assert_eq!(finding.evidence_count, 2);
    assert_eq!(places, [(Some("trails"), Some(0)), (Some("trails"), Some(1))]);
    assert_eq!(of(vec![change(1, TrailEffect::ExcludesKms, None)]).rules(), ["trail-excludes-kms"]);
    let failed = of(vec![change(1, TrailEffect::StopsLogging, Some("AccessDenied"))]);
    assert_eq!(failed.rules(), [] as [&str; 0]);
}

/// An id outlives times and counts, and tells apart what differs.
#[test]
fn ids_stay_the_same_in_a_longer_input() {
    let world = |days: i64| {
        let world = World::default().grant(0, "a", |_| {}).grant(0, "b", |_| {});
        let world = world.failing((0..10 + days).map(|n| n * HOUR), Outcome::KeyState);
        world.call(days * DAY, "DescribeKey", "Other")
    };
    let ids = |world: &World| {
        let list = world.findings().list;
        list.into_iter().map(|finding| finding.id).collect::<std::collections::BTreeSet<_>>()
    };
    let (short, long) = (ids(&world(40)), ids(&world(90)));
    assert_eq!(short.len(), 3);
    assert_eq!(short, long);
    // Grants whose id is not known do not become one.
    let nameless = World::default().grant(0, "a", |t| t.grant_id = None).grant(1, "b", |t| t.grant_id = None);
    let nameless = nameless.call(40 * DAY, "DescribeKey", "Other");
    let open = nameless.findings().list.len();
    assert_eq!(ids(&nameless).len(), open);
}

/// Evidence is bounded, and so are findings: many keys and principals are no way to fill memory.
#[test]
fn many_findings_are_bounded_and_counted() {
    let mut world = World::default();
    for key in 0..FINDINGS_PER_RULE as i64 + 5 {
        for (time, name) in [(0, "Decrypt"), (DAY, "DisableKey")] {
            let mut event = call(time, name, &role("Owner"));
            event.key.arn = Some(format!("{KEY}{key}").into());
            event.event_id = Some(format!("{name} {key}").into());
            world.calls.push(event);
        }
    }
    let findings = world.findings();
    for rule in ["key-disabled-used", "admin-who-uses"] {
        let kept = findings.list.iter().filter(|finding| finding.rule.id == rule).count();
        assert_eq!((kept, findings.left_out[rule]), (FINDINGS_PER_RULE, 5), "{rule}");
    }
    let mut backwards = World::default();
    backwards.calls.extend(world.calls.iter().rev().cloned());
    let ids = |findings: &Findings| -> Vec<String> { findings.list.iter().map(|f| f.id.clone()).collect() };
    assert_eq!(ids(&backwards.findings()), ids(&findings));

    let crowd = (0..40).fold(World::default(), |world, n| world.call(0, "Decrypt", &format!("R{n}")));
    let finding = crowd.call(DAY, "DisableKey", "Owner").findings().list.remove(0);
    assert_eq!((finding.evidence.len(), finding.evidence_count), (20, 41));
}

#[test]
fn mutes_last_until_their_day_is_over() {
    let file = format!(
        "[[mute]]\nrule='grant-stale'\nkey='{KEY}'\nprincipal='Grantee'\nreason='why'\nowner='o'\nexpiry='1970-03-01'\n"
    );
    let mutes = Mutes::read("m.toml", &file, |id| finding_rule(id).is_some()).unwrap();
    let world = World::default().grant(0, "a", |_| {}).call(40 * DAY, "DescribeKey", "Other");
    let of = |now| {
        let mut findings = world.findings();
        mutes.apply(&mut findings, EventTime(now));
        (
            findings.list[0].status,
            findings.list[0].mute.clone().unwrap(),
            findings.open(FindingSeverity::Info),
        )
    };
    let last = 60 * DAY - 1;
    assert_eq!(of(last), (FindingStatus::Muted, "why (o, until 1970-03-01)".to_owned(), 0));
    assert_eq!(of(last + 1), (FindingStatus::Open, "mute by o expired on 1970-03-01".to_owned(), 1));
}
