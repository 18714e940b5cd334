//! What goes into a batch comes out of it, in every form.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::aggregate::{Coverage, InputStatus, InputSummary};
use crate::format::container::{ContainerReader, Step, Window};
use crate::format::decode::{Buffers, DecodeOptions, Decoder};
use crate::model::{
    CanvasKey, DeniedBy, Digest, EventTime, Fact, GrantTerms, InputContent, Invitation, KeyChange, KeyEffect,
    KeyOrigin, KeyProperties, KmsEvent, LearnedCondition, LearnedRule, ListedLog, Outcome, PolicyText,
    PreviousDigest, PropertyChange, Provenance, RecordedPlace, RejectReason, Rejection, RoleSession, Sha256,
    ShareCall, ShareEffect, ShareTerms, SharedResource, TrailChange, TrailEffect,
};
use crate::parse::{self, RecordKind};

/// A batch after it has been outside of memory.
fn again(batch: &Batch) -> Batch {
    Batch::decode(&batch.encode().unwrap()).unwrap()
}

fn check(events: &[KmsEvent<'_>]) {
    let mut builder = BatchBuilder::default();
    builder.begin(&"a".into());
    for (event, n) in events.iter().zip(0..) {
        builder.event(event, n);
    }
    let batch = builder.finish();
    let stored = again(&batch);
    assert_eq!(stored.stretches, batch.stretches);
    for (n, event) in events.iter().enumerate() {
        assert_eq!(batch.events.event(n), *event);
        assert_eq!(stored.events.event(n), *event);
        assert_eq!((stored.events.offset(n), batch.events.offset(n)), (n as u64, n as u64));
        let mut row = Vec::new();
        encode_event(event, &mut row);
        assert_eq!(decode_event(&row).as_ref(), Some(event));
        assert_eq!(decode_event(&row[..row.len() - 1]), None);
    }
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

#[test]
fn every_event_of_the_samples_comes_back() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    ["sample-logs", "tests/data"].iter().for_each(|folder| files(&root.join(folder), &mut paths));
    let mut all = 0;
    for path in paths {
        let stored = fs::read(&path).unwrap();
        let options = DecodeOptions { limit: 1 << 30, ..DecodeOptions::default() };
        let mut decoder = Decoder::new(&stored[..], options, &mut Buffers::default()).unwrap();
        let (mut content, mut some) = (Vec::new(), [0; 4096]);
        while let Ok(n @ 1..) = decoder.read(&mut some) {
            content.extend_from_slice(&some[..n]);
        }
        let mut walk = ContainerReader::new(4 << 20);
        let window = Window { bytes: &content, start: 0, last: true };
        let mut records = Vec::new();
        loop {
            match walk.step(window) {
                Step::Value { range, .. } => records.push(window.slice(&range)),
                Step::End | Step::NotJson | Step::NeedMore { .. } => break,
                _ => {}
            }
        }
        let events: Vec<KmsEvent<'_>> = records
            .iter()
            .filter_map(|record| match parse::parse(record).ok()?.kind {
                RecordKind::Event(event) => Some(*event),
                _ => None,
            })
            .collect();
        all += events.len();
        check(&events);
    }
    assert!(all > 500, "{all}");
}

/// Codes are places in lists: every value is in its list.
#[test]
fn lists_of_codes_are_complete() {
    use super::fields::{ORIGINS, OUTCOMES, denials};
    assert!(OUTCOMES.iter().enumerate().all(|(at, outcome)| *outcome as usize == at));
    assert!(ORIGINS.iter().enumerate().all(|(at, origin)| *origin as usize == at));
    assert_eq!(Outcome::Unknown as usize, OUTCOMES.len() - 1);
    assert_eq!(KeyOrigin::None as usize, ORIGINS.len() - 1);
    assert_eq!(denials().count(), 15);
    assert!(denials().any(|by| by == DeniedBy::MissingOrNotAllowed));
}

fn text() -> impl Strategy<Value = Option<String>> {
    prop::option::of("[a-zé:/ ]{0,12}")
}

proptest! {
    #[test]
    fn events_come_back_whatever_they_hold(
        rows in prop::collection::vec((text(), text(), text(), any::<i64>(), 0usize..15, any::<Option<bool>>()), 0..20)
    ) {
        let cow = |text: &Option<String>| text.clone().map(std::borrow::Cow::Owned);
        let events: Vec<KmsEvent<'static>> = rows
            .iter()
            .map(|(a, b, c, time, denial, read_only)| KmsEvent {
                time: EventTime(*time),
                event_id: cow(a),
                encryption_context: cow(b),
                omitted_fields: cow(c),
                name: a.clone().unwrap_or_default().into(),
                denied_by: super::fields::denials().nth(*denial).filter(|_| a.is_some()),
                outcome: super::fields::OUTCOMES[denial % 8],
                log_delivery: b.is_some(),
                read_only: *read_only,
                ..KmsEvent::example()
            })
            .collect();
        check(&events);
    }
}

fn digest() -> Digest {
    let place = |object: &str| RecordedPlace { bucket: "b".to_owned(), object: object.to_owned() };
    Digest {
        place: place("d"),
        end_text: "2023-04-01T01:00:00Z".to_owned(),
        start: EventTime(1),
        end: EventTime(2),
        account_id: None,
        fingerprint: "f".to_owned(),
        other_algorithm: Some("none".to_owned()),
        previous: Some(PreviousDigest { place: Some(place("p")), sha256: None, signature: "00".to_owned() }),
        sha256: Sha256([1; 32]),
        has_more_members: false,
        signature: Some("11".to_owned()),
        logs: vec![ListedLog { place: place("l"), sha256: Some(Sha256([2; 32])) }],
    }
}

fn summary(uri: &Arc<str>) -> InputSummary {
    InputSummary {
        archive: uri.clone(),
        container: Some("c".into()),
        status: InputStatus::Partial,
        reason: None,
        shape: "records".into(),
        is_container: false,
        compressed_bytes: 1,
        content_bytes: 2,
        content_sha256: Some("x".to_owned()),
        gzip_members: 1,
        account_id: None,
        region: None,
        delivered: Some(EventTime(5)),
        etag: None,
        modified: None,
        counts: crate::aggregate::Counts::default(),
        integrity: None,
    }
}

#[test]
fn everything_else_comes_back_with_its_input() {
    let provenance = || Provenance {
        time: EventTime(7),
        event_name: "CreateDomain".to_owned(),
        event_id: Some("id".to_owned()),
        account_id: None,
    };
    let share_call = |effect| {
        Fact::Share(Box::new(ShareCall {
            by: provenance(),
            region: Some("r".to_owned()),
            principal: "p".to_owned(),
            caller_account: None,
            shared_event_id: Some("s".to_owned()),
            outcome: Outcome::Denied,
            error_code: Some("AccessDenied".to_owned()),
            effect,
        }))
    };
    let facts = || {
        [
            Fact::Rule(LearnedRule::CanvasRole, LearnedCondition::Role("r".into()), provenance()),
            Fact::Rule(
                LearnedRule::ForecastRoleAndKey,
                LearnedCondition::RoleAndKey("r".into(), "k".into()),
                provenance(),
            ),
            Fact::Rule(LearnedRule::OnlineStoreKey, LearnedCondition::Key("k".into()), provenance()),
            Fact::Rule(LearnedRule::CanvasPath, LearnedCondition::Path("b".into(), "".into()), provenance()),
            Fact::Rule(
                LearnedRule::CanvasPath,
                LearnedCondition::CanvasFolder("b".into(), "p/q".into()),
                provenance(),
            ),
            Fact::Rule(
                LearnedRule::OfflineStorePath,
                LearnedCondition::OfflineStoreFolder("b".into(), "p".into()),
                provenance(),
            ),
            Fact::Rule(LearnedRule::OfflineStoreBucket, LearnedCondition::Bucket("b".into()), provenance()),
            Fact::Rule(LearnedRule::CanvasSession, LearnedCondition::SessionOn("r".into()), provenance()),
            Fact::Session(
                LearnedRule::GeospatialSession,
                RoleSession { access_key_id: None, principal_id: Some("p".into()) },
            ),
            Fact::Alias { alias: "a".into(), key: None, time: EventTime(-1) },
            Fact::Correction {
                original: "o".into(),
                by: "b".into(),
                account_id: Some("1".into()),
                time: EventTime(2),
                event_name: "Decrypt".into(),
                original_request_id: Some("r".into()),
                request_id: None,
            },
            Fact::Trail(TrailChange {
                trail: "t".to_owned(),
                by: provenance(),
                region: None,
                principal: Some("p".to_owned()),
                effect: TrailEffect::ExcludesKms,
                error_code: Some("AccessDenied".to_owned()),
            }),
            Fact::Key(Box::new(KeyChange {
                by: provenance(),
                key: Some("k".to_owned()),
                principal: "p".to_owned(),
                service: None,
                effect: KeyEffect::CreatesGrant(GrantTerms {
                    grant_id: Some("g".to_owned()),
                    constraints: Some(r#"{"sourceArn":"a"}"#.to_owned()),
                    ..GrantTerms::default()
                }),
            })),
            Fact::Digest(Box::new(digest())),
            Fact::Content(InputContent {
                sha256: Some(Sha256([7; 32])),
                is_damaged: false,
                has_more_members: true,
            }),
            Fact::CanvasKey(Box::new(CanvasKey {
                by: provenance(),
                bucket: "b".to_owned(),
                path: String::new(),
                key: "k".to_owned(),
            })),
            Fact::Key(Box::new(KeyChange {
                by: provenance(),
                key: Some("k".to_owned()),
                principal: "p".to_owned(),
                service: None,
                effect: KeyEffect::ShowsProperties(PropertyChange::Created {
                    properties: KeyProperties { spec: "RSA_2048".to_owned(), ..KeyProperties::default() },
                    tags: Some([("a".to_owned(), "b".to_owned())].into()),
                }),
            })),
            Fact::Key(Box::new(KeyChange {
                by: provenance(),
                key: None,
                principal: "p".to_owned(),
                service: Some("s".to_owned()),
                effect: KeyEffect::Disables,
            })),
            share_call(ShareEffect::CreatesShare(ShareTerms {
                share: Some("s".to_owned()),
                principals: vec!["111122223333".to_owned()],
                external: vec![("111122223333".to_owned(), true)],
                is_cut: true,
                ..ShareTerms::default()
            })),
            share_call(ShareEffect::EnablesOrganization),
            share_call(ShareEffect::PutsPolicy {
                resource: SharedResource { arn: "a".to_owned() },
                text: PolicyText::Unknown,
            }),
            share_call(ShareEffect::AcceptsInvitation(Invitation::default())),
        ]
    };
    let mut coverage = Coverage::default();
    coverage.region_mut(Some("1"), None).delivery_days.insert(3);
    let mut builder = BatchBuilder::default();
    for (name, n) in [("a", 0), ("b", 2), ("c", 1)] {
        let uri: Arc<str> = name.into();
        builder.begin(&uri);
        for at in 0..n {
            builder.event(&KmsEvent::example(), at);
            facts().into_iter().for_each(|fact| builder.learn(at, fact));
            builder.reject(Rejection {
                offset: Some(at),
                index: None,
                reason: RejectReason::JsonSyntax,
                detail: name.to_owned(),
            });
        }
        if n > 0 {
            builder.end(summary(&uri), coverage.clone());
        }
    }
    let batch = builder.finish();
    assert_eq!(batch.stretches[1].learned.len(), 44);
    assert_eq!(again(&batch).stretches, batch.stretches);
    assert!(builder.is_empty() && builder.bytes() == 0);
}

#[test]
fn what_is_taken_back_leaves_no_trace() {
    let mut builder = BatchBuilder::default();
    let event = |id: &'static str| KmsEvent { event_id: Some(id.into()), ..KmsEvent::example() };
    builder.begin(&"a".into());
    builder.event(&event("1"), 1);
    builder.begin(&"b".into());
    builder.event(&KmsEvent { tls_version: Some("x".into()), ..event("2") }, 2);
    builder.discard();
    builder.event(&event("3"), 3);
    let batch = builder.finish();
    assert_eq!(batch.stretches[1].events, 1..2);
    assert_eq!((batch.events.event(0), batch.events.event(1)), (event("1"), event("3")));
}

#[test]
fn damage_is_an_error() {
    let mut builder = BatchBuilder::default();
    builder.begin(&"a".into());
    builder.event(&KmsEvent::example(), 0);
    let bytes = builder.finish().encode().unwrap();
    for cut in [0, 1, 8, bytes.len() / 2] {
        assert!(Batch::decode(&bytes[..cut]).is_err(), "{cut}");
    }
}
