//! The test bed itself: what other tests rely on when they blame keytrail. Both servers have to
//! pass.

use std::collections::BTreeMap;
use std::io::{BufReader, ErrorKind};
use std::net::TcpStream;
use std::time::Duration;

use testkit::bed::{self, Asked, Bed, Fault, Message, Operation, faults};
use testkit::skip;

/// A request through the proxy. `Err`: no whole answer came.
fn through(bed: &Bed, method: &str, key: &str, range: Option<&str>) -> Result<Message, ErrorKind> {
    let range = range.map(|range| ("range", range));
    send(bed, &bed.signed(method, key, range.as_slice()))
}

fn send(bed: &Bed, request: &Message) -> Result<Message, ErrorKind> {
    let method = request.start.split(' ').next();
    let stream = TcpStream::connect(bed.proxy.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    request.write(&stream, None).unwrap();
    match Message::read(&mut BufReader::new(&stream), method) {
        Ok(answer) => answer.ok_or(ErrorKind::UnexpectedEof),
        Err(error) => Err(error.kind()),
    }
}

#[test]
fn objects_go_in_and_come_out() {
    let bed = Bed::start();
    assert_eq!(bed.keys(""), Vec::<String>::new());
    assert_eq!(bed.get("nothing"), None);
    bed.put("a/b", b"one");
    bed.put("a/b", b"other");
    assert_eq!(bed.get("a/b").as_deref(), Some(&b"other"[..]));
    bed.delete("a/b");
    assert_eq!(bed.get("a/b"), None);
}

/// Keys are any text, and come in the order of their bytes, however many pages they take.
#[test]
fn odd_keys_and_many_keys_are_listed() {
    let bed = Bed::start();
    let mut keys: Vec<String> =
        ["x y", "x+y", "x%41", "ü/ö", "a", "a/b", "a//b", "a/../b", "folder/", "<&\"'>", "=?#@:,;$!*()"]
            .map(str::to_owned)
            .to_vec();
    keys.push("long/".to_owned() + &"x".repeat(1019));
    keys.extend((0..1100).map(|n| format!("many/{n:04}")));
    for key in &keys {
        bed.put(key, key.as_bytes());
    }
    keys.sort();
    let listed = bed.keys("");
    assert_eq!(listed.len(), keys.len());
    assert_eq!(listed.iter().zip(&keys).find(|(listed, key)| listed != key), None);
    for key in keys.iter().filter(|key| !key.starts_with("many/")) {
        assert_eq!(bed.get(key).as_deref(), Some(key.as_bytes()), "{key}");
        let begins: Vec<&String> = keys.iter().filter(|other| other.starts_with(&**key)).collect();
        assert!(bed.keys(key).iter().eq(begins), "{key}");
    }
}

/// A condition decides; and of two writers at once that both say "only if it is not there", one
/// wins.
#[test]
fn conditional_writes_hold() {
    let bed = Bed::start();
    let put =
        |bytes: &[u8], header: &str, value: &str| bed.request("PUT", "lock", &[], &[(header, value)], bytes);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let both: Vec<_> = (0..8)
            .map(|n| scope.spawn(move || put(&vec![b'0' + n; 100_000], "If-None-Match", "*").status()))
            .collect();
        both.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [200, 409, 412].contains(status)), "{statuses:?}");

    let etag = bed.request("HEAD", "lock", &[], &[], b"").header("etag").unwrap().to_owned();
    let replaced = put(b"new", "If-Match", &etag);
    assert_eq!(replaced.status(), 200);
    assert_ne!(replaced.header("etag").unwrap(), etag);
    assert_eq!(put(b"newer", "If-Match", &etag).status(), 412);
    assert_eq!(bed.get("lock").as_deref(), Some(&b"new"[..]));
}

#[test]
fn large_objects_come_in_parts() {
    let bed = Bed::start();
    let created = bed.request("POST", "large", &[("uploads", "")], &[], b"");
    let upload = bed::elements(&String::from_utf8(created.body).unwrap(), "UploadId").remove(0);
    let mut complete = String::new();
    for (number, length) in [("1", 5 << 20), ("2", 1000)] {
        let part = vec![number.as_bytes()[0]; length];
        let query = [("partNumber", number), ("uploadId", &*upload)];
        let etag = bed.request("PUT", "large", &query, &[], &part).header("etag").unwrap().replace('"', "");
        complete += &format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>");
    }
    assert_eq!(bed.keys(""), Vec::<String>::new(), "nothing is there until all is");
    let complete = format!("<CompleteMultipartUpload>{complete}</CompleteMultipartUpload>");
    let done = bed.request("POST", "large", &[("uploadId", &upload)], &[], complete.as_bytes());
    assert_eq!(done.status(), 200, "{}", String::from_utf8_lossy(&done.body));
    let bytes = bed.get("large").unwrap();
    assert_eq!((bytes.len(), bytes[0], *bytes.last().unwrap()), ((5 << 20) + 1000, b'1', b'2'));

    // A client that lost the answer and asks again may hear that there is no such upload any more
    // (API Reference, CompleteMultipartUpload). moto gives the same answer once more.
    let again = bed.request("POST", "large", &[("uploadId", &upload)], &[], complete.as_bytes());
    let code = bed::elements(&String::from_utf8(again.body).unwrap(), "Code");
    let expected: &[&str] = if bed::is_second() { &[] } else { &["NoSuchUpload"] };
    assert_eq!(code, expected);

    let part = through(&bed, "GET", "large", Some("bytes=5242878-5242881")).unwrap();
    assert_eq!((part.status(), &part.body[..]), (206, &b"1122"[..]));
    let etag = part.header("etag").unwrap().trim_matches('"').to_owned();
    assert!(etag.ends_with("-2"), "{etag}");
    let listed = bed.request("GET", "", &[("list-type", "2")], &[], b"");
    let listed = String::from_utf8(listed.body).unwrap();
    assert_eq!(bed::elements(&listed, "ETag"), [format!("\"{etag}\"")], "{listed}");
}

/// The status and the code of an error.
fn code(answer: Message) -> (u16, String) {
    let text = String::from_utf8(answer.body.clone()).unwrap();
    (answer.status(), bed::elements(&text, "Code").pop().unwrap_or(text))
}

/// Errors have S3's status and code.
#[test]
fn refusals_are_those_of_s3() {
    let bed = Bed::start();
    let mut other = bed.objects.clone();
    other.bucket = "no-such-bucket".to_owned();
    assert_eq!(code(other.request("GET", "", &[("list-type", "2")], &[], b"")), (404, "NoSuchBucket".into()));
    assert_eq!(code(other.request("GET", "key", &[], &[], b"")), (404, "NoSuchBucket".into()));
    assert_eq!(code(bed.request("GET", "key", &[], &[], b"")), (404, "NoSuchKey".into()));
    let if_match = [("If-Match", "\"0\"")];
    assert_eq!(code(bed.request("PUT", "key", &[], &if_match, b"x")), (404, "NoSuchKey".into()));
}

#[test]
fn requests_need_the_right_signature() {
    if bed::is_second() {
        return skip("signatures", "moto accepts any signature");
    }
    let bed = Bed::start();
    bed.put("key", b"secret");
    let mut forged = bed.signed("GET", "key", &[]);
    let (name, signature) = forged.headers.pop().unwrap();
    assert_eq!(code(send(&bed, &forged).unwrap()), (403, "AccessDenied".into()), "not signed");
    forged.headers.push((name, signature[..signature.len() - 4].to_owned() + "0000"));
    assert_eq!(code(send(&bed, &forged).unwrap()), (403, "SignatureDoesNotMatch".into()));
}

/// Each fault is seen by the client as what it is, the next request passes, and all of them are
/// noted.
#[test]
fn the_proxy_does_what_it_is_told() {
    let bed = Bed::start();
    bed.put("key", &[b'x'; 1000]);
    let fault = |fault: Fault| bed.proxy.meddle(move |asked| (asked.attempt == 0).then(|| fault.clone()));
    let get = || through(&bed, "GET", "key", None);
    let answer = |message: Result<Message, ErrorKind>| {
        let message = message.unwrap();
        (message.status(), message.body.len())
    };
    for (told, seen) in [
        (Fault::Reset, ErrorKind::ConnectionReset),
        (Fault::Lost, ErrorKind::ConnectionReset),
        (Fault::ResetInBody, ErrorKind::ConnectionReset),
        (Fault::Truncated, ErrorKind::UnexpectedEof),
        (Fault::Stall, ErrorKind::WouldBlock),
        (Fault::StallInBody, ErrorKind::WouldBlock),
    ] {
        bed.proxy.forget();
        fault(told.clone());
        assert_eq!(get().unwrap_err(), seen, "{told:?}");
        assert_eq!(answer(get()), (200, 1000), "after {told:?}");
    }
    bed.proxy.forget();
    fault(faults::slow_down());
    let slow = get().unwrap();
    assert_eq!(
        (slow.status(), &*bed::elements(&String::from_utf8(slow.body).unwrap(), "Code")[0]),
        (503, "SlowDown")
    );
    assert_eq!(answer(get()), (200, 1000));
    assert_eq!(answer(through(&bed, "GET", "key", Some("bytes=0-9"))).0, 503, "another request");
    let seen: Vec<_> = bed
        .proxy
        .asked()
        .iter()
        .map(|asked| (asked.operation, asked.key.clone(), asked.attempt, asked.status))
        .collect();
    let get_object = |attempt, status| (Operation::GetObject, "key".to_owned(), attempt, Some(status));
    assert_eq!(seen, [get_object(0, 503), get_object(1, 200), get_object(0, 503)]);
    bed.proxy.leave_alone();
    assert_eq!(answer(through(&bed, "HEAD", "key", None)), (200, 0));
}

/// The share of requests that fail is what it should be, the same for the same seed, and of every
/// kind.
#[test]
fn a_share_of_requests_fails() {
    let bed = Bed::start();
    bed.put("key", b"x");
    bed.proxy.forget();
    through(&bed, "GET", "key", None).unwrap();
    let one = bed.proxy.asked().remove(0);
    let kinds = || vec![faults::internal_error(), Fault::Reset, Fault::Truncated];
    let drawn = |seed: u64| -> Vec<String> {
        let some = faults::some(seed, 0.2, kinds());
        (0..1000)
            .map(|n| some(&Asked { target: format!("/b/{n}"), ..one.clone() }))
            .map(|fault| format!("{fault:?}"))
            .collect()
    };
    let mut counts = BTreeMap::<String, u32>::new();
    for fault in drawn(1) {
        *counts.entry(fault).or_default() += 1;
    }
    assert_eq!(counts.len(), 4, "{counts:?}");
    assert!((750..850).contains(&counts["None"]), "{counts:?}");
    assert_eq!(drawn(1), drawn(1));
    assert_ne!(drawn(1), drawn(2));
}
