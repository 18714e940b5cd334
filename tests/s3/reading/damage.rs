//! What goes wrong while a run reads: what passes leaves no trace in the report, what stays is
//! said, and the rest is counted.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use super::{analyze, archive, assert_only_reads, padded, with_sample};
use testkit::bed::{Asked, Bed, Fault, Operation, faults};
use testkit::{Report, bed, input, skip};

/// One request in five fails, by chance; the report does not show it.
fn shows_nothing(bed: &Bed, seed: u64, kinds: Vec<Fault>) {
    let report = || analyze(bed, &[&bed.uri("logs")]);
    let whole = report();
    bed.proxy.forget();
    bed.proxy.meddle(faults::some(seed, 0.2, kinds.clone()));
    let faulty = report();
    let asked = bed.proxy.asked();
    assert_only_reads(&asked);
    let failed = asked.iter().filter(|asked| asked.failed).count();
    assert!(failed > 0, "{kinds:?}: {failed} of {} requests failed", asked.len());
    assert_eq!(faulty.status, whole.status, "{kinds:?}: {}", faulty.stderr);
    for ((name, bytes), (_, expected)) in faulty.parquet_bytes().iter().zip(whole.parquet_bytes()) {
        assert!(*bytes == expected, "{kinds:?}: {name}");
    }
    assert_eq!(faulty.run_json()["totals"], whole.run_json()["totals"]);
}

/// On the sample, and an object that comes in ranges.
fn fails_and_shows_nothing(seed: u64, kinds: Vec<Fault>) {
    let bed = with_sample();
    bed.put("logs/large.ndjson", padded(12_000, "192.0.2.1").as_bytes());
    shows_nothing(&bed, seed, kinds);
}

#[test]
fn internal_errors_pass() {
    fails_and_shows_nothing(1, vec![faults::internal_error()]);
}

#[test]
fn being_asked_to_slow_down_passes() {
    fails_and_shows_nothing(2, vec![faults::slow_down()]);
}

#[test]
fn resets_pass() {
    fails_and_shows_nothing(3, vec![Fault::Reset, Fault::ResetInBody]);
}

/// An answer that breaks off is never taken for whole.
#[test]
fn truncated_answers_pass() {
    fails_and_shows_nothing(4, vec![Fault::Truncated]);
}

/// Nothing comes: after some seconds it is asked for again.
fn silence_passes() {
    let bed = Bed::start();
    for n in 0..24 {
        bed.put(&format!("logs/{n}.json"), &archive(n));
    }
    shows_nothing(&bed, 1, vec![Fault::Stall, Fault::StallInBody]);
}

#[test]
fn everything_at_once_passes() {
    let kinds = vec![
        faults::internal_error(),
        faults::slow_down(),
        Fault::Reset,
        Fault::ResetInBody,
        Fault::Truncated,
    ];
    fails_and_shows_nothing(6, kinds);
}

fn four_objects() -> Bed {
    let bed = Bed::start();
    for n in 0..4 {
        bed.put(&format!("logs/{n}.json"), &archive(n));
    }
    bed
}

/// One of four objects could not be read: it is said why, and the other three count.
fn one_is_unreadable(bed: &Bed, report: &Report, key: &str, why: &str) {
    assert_eq!(report.status, 1, "{}", report.stderr);
    let inputs = report.inputs();
    assert_eq!(inputs.len(), 4);
    let row = input(&inputs, &bed.uri(key));
    assert_eq!(row["status"], "unreadable", "{row}");
    assert!(row["reason"].as_str().unwrap().contains(why), "{row}");
    assert_eq!(inputs.iter().filter(|row| row["status"] == "complete").count(), 3);
    assert_eq!(report.run_json()["totals"]["selected"], 3);
}

/// A life-cycle rule removes objects while a run goes on.
#[test]
fn an_object_that_vanishes_is_unreadable() {
    let bed = four_objects();
    bed.proxy.meddle(|asked| (asked.key == "logs/1.json").then(faults::no_such_key));
    let report = analyze(&bed, &[&bed.uri("logs/")]);
    one_is_unreadable(&bed, &report, "logs/1.json", "");
    let tries = bed.proxy.asked().iter().filter(|asked| asked.key == "logs/1.json").count();
    assert_eq!(tries, 1, "what is gone stays gone");
}

#[test]
fn an_object_that_is_denied_is_unreadable() {
    let bed = four_objects();
    bed.proxy.meddle(|asked| (asked.key == "logs/2.json").then(faults::access_denied));
    let report = analyze(&bed, &[&bed.uri("logs/")]);
    one_is_unreadable(&bed, &report, "logs/2.json", "s3:GetObject");
}

/// Objects in an archive tier have to be restored first (Amazon S3 API Reference, GetObject:
/// InvalidObjectState).
#[test]
fn an_archived_object_is_unreadable() {
    let bed = four_objects();
    let archived = || {
        faults::error(403, "InvalidObjectState", "The operation is not valid for the object's storage class")
    };
    bed.proxy.meddle(move |asked| (asked.key == "logs/3.json").then(archived));
    let report = analyze(&bed, &[&bed.uri("logs/")]);
    one_is_unreadable(&bed, &report, "logs/3.json", "");
}

/// When it never gets better, a run gives up on the object and goes on.
fn an_object_that_never_comes_is_unreadable() {
    let bed = four_objects();
    bed.proxy.meddle(|asked| (asked.key == "logs/0.json").then_some(Fault::Truncated));
    let report = analyze(&bed, &[&bed.uri("logs/")]);
    one_is_unreadable(&bed, &report, "logs/0.json", "");
}

/// An object that is replaced while it is read in ranges is not read as half of one and half of the
/// other.
#[test]
fn an_object_that_changes_is_not_mixed() {
    let bed = Bed::start();
    let (old, new) = (padded(16_000, "192.0.2.1"), padded(16_000, "192.0.2.2"));
    assert_eq!(old.len(), new.len());
    bed.put("logs/large.ndjson", old.as_bytes());
    bed.put("logs/small.json", &archive(99_999));
    let (objects, new) = (bed.objects.clone(), new.into_bytes());
    let gets = AtomicUsize::new(0);
    bed.proxy.meddle(move |asked| {
        let large = asked.operation == Operation::GetObject && asked.key == "logs/large.ndjson";
        if large && gets.fetch_add(1, Ordering::SeqCst) == 1 {
            objects.put("logs/large.ndjson", &new);
        }
        None
    });
    let report = analyze(&bed, &[&bed.uri("logs/"), "--workload", "any"]);
    assert_eq!(report.status, 1, "{}", report.stderr);
    let events = report.events();
    let of = |ip: &str| events.iter().filter(|event| event["source_ip"] == ip).count();
    assert_eq!(of("192.0.2.2"), 0, "nothing of the new one after the old one");
    let inputs = report.inputs();
    let row = input(&inputs, &bed.uri("logs/large.ndjson"));
    assert!(["partial", "unreadable"].contains(&row["status"].as_str().unwrap()), "{row}");
    assert_eq!(input(&inputs, &bed.uri("logs/small.json"))["status"], "complete");
}

/// A listing that cannot be finished is no listing: what it would have named is not known, and the
/// run says so.
#[test]
fn a_listing_that_breaks_off_is_said() {
    let bed = Bed::start();
    for n in 0..1100 {
        bed.put(&format!("many/{n:05}.json"), &archive(n));
    }
    bed.proxy.meddle(|asked| asked.parameter("continuation-token").map(|_| faults::access_denied()));
    let report = analyze(&bed, &[&bed.uri("many/")]);
    assert_eq!(report.status, 1, "{}", report.stderr);
    let inputs = report.inputs();
    assert_eq!(inputs.len(), 1001);
    let lost: Vec<&Value> = inputs.iter().filter(|row| row["status"] == "unreadable").collect();
    let reason = lost[0]["reason"].as_str().unwrap();
    assert!(reason.contains("s3:ListBucket") && reason.contains(&bed.uri("many/")), "{reason}");
    // It is not said of an object that was read.
    assert_eq!(inputs.iter().filter(|row| row["archive"] == lost[0]["archive"]).count(), 1, "{}", lost[0]);
    assert_eq!(report.run_json()["totals"]["selected"], 1000);
}

/// What a server must not answer to a listing: the folder is unreadable, said so at once, and the
/// others are read.
#[test]
fn a_listing_without_end_is_given_up() {
    let page = |content: &str, token: Option<&str>| {
        let token = token.map_or(String::new(), |token| {
            format!("<IsTruncated>true</IsTruncated><NextContinuationToken>{token}</NextContinuationToken>")
        });
        faults::answer(&format!("<ListBucketResult>{token}{content}</ListBucketResult>"))
    };
    let object = |key: &str| format!("<Contents><Key>{key}</Key><Size>5</Size></Contents>");
    let folder = |name: &str| format!("<CommonPrefixes><Prefix>{name}</Prefix></CommonPrefixes>");
    let asked_pages = AtomicUsize::new(0);
    let count_up = move || asked_pages.fetch_add(1, Ordering::SeqCst).to_string();
    type Answer = Box<dyn Fn(&Asked) -> Fault + Send + Sync>;
    let cases: [(&str, Answer); 8] = [
        ("100 pages of the list of keys are empty", Box::new(move |_| page("", Some(&count_up())))),
        ("names itself as the next one", Box::new(move |_| page("", Some("again")))),
        (
            "goes back to",
            Box::new(move |asked| match asked.parameter("continuation-token") {
                Some("a") => page(&object("bad/x"), Some("b")),
                _ => page(&object("bad/x"), Some("a")),
            }),
        ),
        ("not in the folder", Box::new(move |_| page(&folder("bad/"), None))),
        ("not in the folder", Box::new(move |_| page(&folder("b"), None))),
        ("not in the folder", Box::new(move |_| page(&object("other/x"), None))),
        ("more than 16777216 bytes", Box::new(move |_| page(&" ".repeat(17 << 20), None))),
        ("name of 1104 bytes", Box::new(move |_| page(&object(&format!("bad/{}", "x".repeat(1100))), None))),
    ];
    for (expected, answer) in cases {
        let bed = Bed::start();
        bed.put("good/a.json", &archive(1));
        bed.proxy.meddle(move |asked| {
            let is_bad = asked.operation == Operation::ListObjects
                && asked.parameter("prefix").is_some_and(|prefix| prefix.starts_with("bad/"))
                && asked.parameter("max-keys").is_none();
            is_bad.then(|| answer(asked))
        });
        let report = analyze(&bed, &[&bed.uri("bad/"), &bed.uri("good/")]);
        assert_eq!(report.status, 1, "{expected}: {}", report.stderr);
        let inputs = report.inputs();
        let lost = input(&inputs, &bed.uri("bad/"));
        assert_eq!(lost["status"], "unreadable", "{expected}");
        let reason = lost["reason"].as_str().unwrap();
        assert!(reason.contains(expected), "{expected}: {reason}");
        assert_eq!(report.run_json()["totals"]["selected"], 1);
        assert!(bed.proxy.asked().len() < 120, "{expected}: {} requests", bed.proxy.asked().len());
    }
}

/// Faults that take their time. They are waited for side by side, since nothing else does.
#[test]
fn retries_have_an_end() {
    if bed::is_second() {
        return skip("the end of all retries", "the proxy is slow, not the server: once is enough");
    }
    std::thread::scope(|scope| {
        scope.spawn(silence_passes);
        scope.spawn(an_object_that_never_comes_is_unreadable);
    });
}
