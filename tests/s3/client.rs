//! The room that talks to S3, against a real server: pages, conditions, parts, and what it does
//! when answers do not come.
//!
//! It takes credentials and endpoint from the environment, which a process has only one of: so each
//! test runs itself again, in the environment of its bed, and there does what a client would.

use std::io::{Read, Seek};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use keytrail::s3::{Bucket, Buckets, ObjectContent, S3Error, WriteCondition};
use testkit::bed::{self, Asked, Bed, Fault, Operation, faults};

/// Runs `client` in the environment of a bed that `prepare` has seen first, and gives the bed when
/// it has passed; `None` in the process that is the client.
fn on_a_bed(test: &str, prepare: impl FnOnce(&Bed), client: impl FnOnce(&Bucket)) -> Option<Bed> {
    as_client(&format!("client::{test}"), prepare, client)
}

/// The same for a test of any module.
pub(crate) fn as_client(test: &str, prepare: impl FnOnce(&Bed), client: impl FnOnce(&Bucket)) -> Option<Bed> {
    if let Ok(bucket) = std::env::var("TEST_BUCKET") {
        client(&Buckets::default().open(&bucket).unwrap());
        return None;
    }
    let bed = Bed::start();
    prepare(&bed);
    let mut command = bed.around(Command::new(std::env::current_exe().unwrap()));
    let output = command.args(["--exact", test]).env("TEST_BUCKET", &bed.bucket).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    Some(bed)
}

/// Lets the first requests of this kind fail, each in the next of these ways.
fn first(operation: Operation, faults: Vec<Fault>) -> impl Fn(&Asked) -> Option<Fault> {
    let seen = AtomicUsize::new(0);
    move |asked| {
        let is_one = asked.operation == operation;
        is_one.then(|| faults.get(seen.fetch_add(1, Ordering::SeqCst)).cloned()).flatten()
    }
}

fn count(bed: &Bed, operation: Operation) -> usize {
    bed.proxy.asked().iter().filter(|asked| asked.operation == operation).count()
}

/// Bytes in which no part looks like another.
fn bytes(length: usize) -> Vec<u8> {
    (0..length as u64 / 8 + 1)
        .flat_map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes())
        .take(length)
        .collect()
}

#[test]
fn all_pages_are_listed() {
    let key = |n: usize| format!("many/{n:04}");
    let bed = on_a_bed(
        "all_pages_are_listed",
        |bed| {
            (0..2100).for_each(|n| bed.put(&key(n), &vec![b'x'; n % 10]));
            bed.put("other", b"x");
        },
        |store| {
            let listed = store.list("many/").unwrap();
            assert_eq!(listed.len(), 2100);
            for (n, object) in listed.iter().enumerate() {
                assert_eq!((&*object.key, object.size), (&*key(n), n as u64 % 10));
                let etag = object.etag.as_deref().unwrap();
                assert!(etag.starts_with('"') && etag.len() > 30, "{etag}");
                assert!(object.modified.is_some());
            }
        },
    );
    assert!(bed.is_none_or(|bed| count(&bed, Operation::ListObjects) == 3));
}

#[test]
fn an_object_is_read_or_not_there() {
    on_a_bed(
        "an_object_is_read_or_not_there",
        |bed| {
            bed.put("a/b", b"bytes");
            bed.put("empty", b"");
        },
        |store| {
            let ObjectContent { bytes, etag } = store.read("a/b").unwrap().unwrap();
            assert_eq!(bytes, b"bytes");
            assert_eq!(etag, store.list("a/b").unwrap()[0].etag);
            assert_eq!(store.read("empty").unwrap().unwrap().bytes, b"");
            assert_eq!(store.read("a").unwrap(), None);
        },
    );
}

/// However often the answer breaks off, the file is the object.
#[test]
fn a_download_goes_on_where_it_broke_off() {
    const LENGTH: usize = 3 << 20;
    let bed = on_a_bed(
        "a_download_goes_on_where_it_broke_off",
        |bed| {
            bed.put("large", &bytes(LENGTH));
            let kinds = vec![
                Fault::Truncated,
                Fault::ResetInBody,
                faults::slow_down(),
                Fault::Reset,
                Fault::Truncated,
            ];
            bed.proxy.meddle(first(Operation::GetObject, kinds));
        },
        |store| {
            let mut file = tempfile::tempfile().unwrap();
            store.download("large", &mut file).unwrap();
            let mut held = Vec::new();
            file.rewind().unwrap();
            file.read_to_end(&mut held).unwrap();
            assert!(held == bytes(LENGTH));
        },
    );
    if let Some(bed) = bed {
        let asked = bed.proxy.asked();
        assert_eq!(asked.len(), 6);
        assert_eq!(asked[0].range, None);
        assert!(asked[5].range.is_some() && asked[5].header("if-match").is_some(), "{:?}", asked[5]);
    }
}

#[test]
fn conditions_decide_on_writes() {
    on_a_bed(
        "conditions_decide_on_writes",
        |_| {},
        |store| {
            let write = |bytes: &[u8], condition| store.write("dir/run.json", bytes.to_vec(), condition);
            let first = write(b"one", WriteCondition::IfAbsent).unwrap().unwrap();
            assert!(matches!(write(b"two", WriteCondition::IfAbsent), Err(S3Error::Precondition { .. })));
            let second = write(b"two", WriteCondition::IfMatch(first.clone())).unwrap().unwrap();
            assert!(matches!(
                write(b"three", WriteCondition::IfMatch(first)),
                Err(S3Error::Precondition { .. })
            ));
            assert_eq!(
                store.read("dir/run.json").unwrap(),
                Some(ObjectContent { bytes: b"two".to_vec(), etag: Some(second) })
            );
            write(b"four", WriteCondition::Always).unwrap();
            assert_eq!(store.read("dir/run.json").unwrap().unwrap().bytes, b"four");
            let gone = store.write("gone", b"x".to_vec(), WriteCondition::IfMatch("\"0\"".to_owned()));
            assert!(matches!(gone, Err(S3Error::Precondition { .. })), "{gone:?}");
        },
    );
}

/// Of many that would create one object at once, one does, and the others know that they did not.
#[test]
fn one_writer_wins() {
    on_a_bed(
        "one_writer_wins",
        |_| {},
        |store| {
            let outcomes: Vec<_> = std::thread::scope(|scope| {
                let write = |n: u8| store.write("lock", vec![n; 10_000], WriteCondition::IfAbsent);
                let writers: Vec<_> = (0..12).map(|n| scope.spawn(move || write(n))).collect();
                writers.into_iter().map(|writer| writer.join().unwrap()).collect()
            });
            let winners: Vec<usize> = (0..12).filter(|n| outcomes[*n].is_ok()).collect();
            assert_eq!(winners.len(), 1, "{outcomes:?}");
            let lost = |outcome: &Result<_, _>| matches!(outcome, Err(S3Error::Precondition { .. }));
            assert_eq!(outcomes.iter().filter(|outcome| lost(outcome)).count(), 11, "{outcomes:?}");
            assert_eq!(
                store.read("lock").unwrap().unwrap().bytes,
                vec![u8::try_from(winners[0]).unwrap(); 10_000]
            );
        },
    );
}

/// A write whose answer is lost has happened. Its condition does not hold any more when it is tried
/// again, which must not look as if somebody else had written.
#[test]
fn a_lost_answer_is_no_refusal() {
    on_a_bed(
        "a_lost_answer_is_no_refusal",
        |bed| {
            let faults = vec![faults::slow_down(), Fault::Lost, Fault::Lost];
            bed.proxy.meddle(first(Operation::PutObject, faults));
        },
        |store| {
            assert!(store.write("lock", b"mine".to_vec(), WriteCondition::IfAbsent).unwrap().is_some());
            let again = store.write("lock", b"other".to_vec(), WriteCondition::IfAbsent);
            assert!(matches!(again, Err(S3Error::Precondition { .. })), "{again:?}");
        },
    );
}

/// A large file goes up in parts, and is there when all of it is, whatever goes wrong in between.
#[test]
fn a_large_file_is_uploaded_in_parts() {
    const LENGTH: usize = 36 << 20;
    let bed = on_a_bed(
        "a_large_file_is_uploaded_in_parts",
        |bed| {
            let of = |operation| {
                first(operation, vec![faults::slow_down(), Fault::Lost, faults::internal_error()])
            };
            let (part, create, complete) = (
                of(Operation::UploadPart),
                of(Operation::CreateMultipartUpload),
                first(Operation::CompleteMultipartUpload, vec![faults::slow_down()]),
            );
            bed.proxy.meddle(move |asked| part(asked).or_else(|| create(asked)).or_else(|| complete(asked)));
        },
        |store| {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("events.parquet");
            std::fs::write(&path, bytes(LENGTH)).unwrap();
            store.upload("report/events.parquet", &path).unwrap();
        },
    );
    if let Some(bed) = bed {
        assert!(bed.get("report/events.parquet").unwrap() == bytes(LENGTH));
        assert!(count(&bed, Operation::UploadPart) >= 4);
        assert_eq!(count(&bed, Operation::PutObject), 0);
    }
}

/// The answer to the last step of an upload is lost: the object is there, and the caller is not
/// told otherwise.
#[test]
fn an_upload_survives_a_lost_completion() {
    const LENGTH: usize = 17 << 20;
    let bed = on_a_bed(
        "an_upload_survives_a_lost_completion",
        |bed| bed.proxy.meddle(first(Operation::CompleteMultipartUpload, vec![Fault::Lost])),
        |store| {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            std::io::Write::write_all(&mut file, &bytes(LENGTH)).unwrap();
            store.upload("events.parquet", file.path()).unwrap();
        },
    );
    assert!(bed.is_none_or(|bed| bed.get("events.parquet").unwrap() == bytes(LENGTH)));
}

/// An upload that fails takes its parts away: they would cost, and nobody sees them.
#[test]
fn an_upload_that_fails_leaves_nothing() {
    let bed = on_a_bed(
        "an_upload_that_fails_leaves_nothing",
        |bed| {
            bed.proxy.meddle(|asked| {
                let second =
                    asked.operation == Operation::UploadPart && asked.parameter("partNumber") == Some("2");
                second.then(faults::access_denied)
            });
        },
        |store| {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            std::io::Write::write_all(&mut file, &bytes(20 << 20)).unwrap();
            let error = store.upload("events.parquet", file.path()).unwrap_err();
            assert!(error.to_string().contains("s3:PutObject"), "{error}");
        },
    );
    if let Some(bed) = bed {
        assert_eq!(bed.keys(""), Vec::<String>::new());
        let aborted: Vec<String> = (bed.proxy.asked().iter())
            .filter(|asked| asked.operation == Operation::AbortMultipartUpload)
            .map(|asked| asked.parameter("uploadId").unwrap().to_owned())
            .collect();
        let [upload] = &aborted[..] else { panic!("aborted {aborted:?}") };
        // s3s-fs does not list uploads. An upload that is still open could be completed.
        let part = "<Part><PartNumber>1</PartNumber><ETag>0</ETag></Part>";
        let complete = format!("<CompleteMultipartUpload>{part}</CompleteMultipartUpload>");
        let query = [("uploadId", &**upload)];
        let refused = bed.request("POST", "events.parquet", &query, &[], complete.as_bytes());
        let refused = String::from_utf8(refused.body).unwrap();
        assert_eq!(bed::elements(&refused, "Code"), ["NoSuchUpload"], "{refused}");
    }
}

/// More than one request can name, some of them not there, and a fault in between.
#[test]
fn many_objects_are_deleted() {
    let key = |n: u32| format!("old/{n:04}");
    let bed = on_a_bed(
        "many_objects_are_deleted",
        |bed| {
            (0..1050).for_each(|n| bed.put(&key(n), b"x"));
            bed.put("new/0000", b"x");
            bed.proxy.meddle(first(Operation::DeleteObjects, vec![faults::slow_down(), Fault::Lost]));
        },
        |store| store.delete((0..1200).map(key).collect()).unwrap(),
    );
    assert!(bed.is_none_or(|bed| bed.keys("") == ["new/0000"]));
}
