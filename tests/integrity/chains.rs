use std::fs;

use serde_json::{Value, json};
use testkit::gzip;
use testkit::trail::{Signer, Trail, key_list, sha256};

use crate::{Copy, hours, remove, state};

#[test]
fn a_sound_copy_is_valid_up_to_its_newest_digest() {
    let hours = hours(4);
    let copy = Copy::of(&hours);
    let ran = copy.verify(&["-v"]);
    let text = String::from_utf8(ran.stdout).unwrap();
    assert_eq!(ran.status, 0, "{text}{}", ran.stderr);
    assert!(text.contains("3/4 digest files valid, 1/4 digest files unverifiable\n"), "{text}");
    assert!(text.contains("6/8 log files valid, 2/8 log files unverifiable\n"), "{text}");
    let sentence = "6 of 8 log files between 2023-03-31T22:00:00Z and 2023-04-01T02:00:00Z verified by 3 \
                    signed digests; 2 unverifiable, 1 digest unverifiable\n";
    assert!(text.ends_with(sentence), "{text}");
    let rows = copy.rows();
    assert_eq!(rows.len(), 12);
    for (n, hour) in hours.iter().enumerate() {
        let (status, reason) = state(&rows, &hour.digest.object);
        let expected = match n {
            0 => ("valid", Some("starts_chain")),
            3 => ("unverifiable", Some("no_signature")),
            _ => ("valid", None),
        };
        assert_eq!((status, reason), expected, "hour {n}");
        for log in &hour.logs {
            let unverifiable = ("unverifiable", Some("digest_unverifiable"));
            assert_eq!(state(&rows, &log.object), if n == 3 { unverifiable } else { ("valid", None) });
        }
    }
}

#[test]
fn what_is_changed_removed_or_added_is_told() {
    let hours = hours(6);
    let copy = Copy::of(&hours);
    let bucket = copy.bucket();
    // A changed log, one with something appended, a damaged one, a missing one.
    let log = |hour: usize, n: usize| &hours[hour].logs[n];
    fs::write(log(0, 0).path(&bucket), gzip(br#"{"Records":[]}"#)).unwrap();
    let mut appended = gzip(&log(0, 1).content);
    appended.extend(gzip(br#"{"Records":[]}"#));
    fs::write(log(0, 1).path(&bucket), appended).unwrap();
    let damaged = gzip(&log(1, 0).content);
    fs::write(log(1, 0).path(&bucket), &damaged[..damaged.len() - 9]).unwrap();
    remove(&log(1, 1).path(&bucket));
    // One that no digest lists, one behind the last digest, one of another Region.
    let trail = Trail::default();
    let hour = |n: i64| trail.start + chrono::Duration::hours(n);
    let added = trail.log(hour(2), 6);
    let later = trail.log(hour(6), 0);
    let other = Trail { region: "eu-west-3".to_owned(), ..trail.clone() }.log(hour(2), 0);
    [&added, &later, &other].into_iter().for_each(|log| log.write(&bucket));
    let ran = copy.verify(&["-q", "--format", "ndjson"]);
    assert_eq!(ran.status, 1);
    let rows = crate::rows_of(&ran);
    for (file, status, reason) in [
        (log(0, 0), "invalid", Some("hash_mismatch")),
        (log(0, 1), "invalid", Some("trailing_data")),
        (log(1, 0), "invalid", Some("damaged")),
        (log(1, 1), "missing", None),
        (log(2, 0), "valid", None),
        (&added, "unlisted", None),
        (&later, "not_yet_covered", None),
        (&other, "no_digest", Some("other_scope")),
    ] {
        assert_eq!(state(&rows, &file.object), (status, reason), "{}", file.object);
    }
    let missing = rows.iter().find(|row| row["status"] == "missing").unwrap();
    assert_eq!(missing["sha256"], sha256(&log(1, 1).content));
    assert_eq!(missing["digest"], format!("s3://example-bucket/{}", hours[1].digest.object));
    let lines = String::from_utf8(copy.verify(&[]).stdout).unwrap();
    let place = |object: &str| format!("s3://example-bucket/{object}");
    for line in [
        format!("Log file\t{}\tINVALID: hash value doesn't match\n", place(&log(0, 0).object)),
        format!(
            "Log file\t{}\tINVALID: unexpected data after end of compressed stream\n",
            place(&log(0, 1).object)
        ),
        format!("Log file\t{}\tINVALID: not found\n", place(&log(1, 1).object)),
    ] {
        assert!(lines.contains(&line), "{line}\n{lines}");
    }
}

#[test]
fn every_missing_digest_is_named() {
    let hours = hours(8);
    let copy = Copy::of(&hours);
    for missing in [2, 3, 4, 6] {
        remove(&hours[missing].digest.path(&copy.bucket()));
    }
    let rows = copy.rows();
    let digest = |n: usize| state(&rows, &hours[n].digest.object);
    assert_eq!(digest(4), ("missing", None));
    assert_eq!(digest(6), ("missing", None));
    assert_eq!(digest(3), ("missing", Some("name_derived")));
    assert_eq!(digest(2), ("missing", Some("name_derived")));
    // Their signatures were in the missing ones.
    assert_eq!(digest(1), ("unverifiable", Some("no_signature")));
    assert_eq!(digest(5), ("unverifiable", Some("no_signature")));
    for log in &hours[3].logs {
        assert_eq!(state(&rows, &log.object), ("no_digest", Some("digest_missing")));
    }
    assert_eq!(rows.iter().filter(|row| row["status"] == "missing").count(), 4);
}

#[test]
fn an_older_digest_than_the_input_has_is_missing_unless_a_start_is_given() {
    let hours = hours(5);
    let copy = Copy::of(&hours[2..]);
    let rows = copy.rows();
    assert_eq!(state(&rows, &hours[1].digest.object), ("missing", Some("before_input")));
    let ran = copy.verify(&["--start-time", "2023-04-01T00:00:00Z"]);
    assert_eq!(ran.status, 0, "{}", String::from_utf8_lossy(&ran.stdout));
    let ran =
        copy.verify(&["--start-time", "2023-04-01T01:00:00Z", "--end-time", "2023-04-01T02:00:00Z", "-v"]);
    let text = String::from_utf8(ran.stdout).unwrap();
    assert!(text.contains("1/1 digest files valid\n2/2 log files valid\n"), "{text}");
}

/// Each way to damage a digest: what its own status is then, and that of its logs.
#[test]
fn no_damaged_or_forged_digest_is_valid() {
    let signer = Signer::shared();
    let other = Signer::new();
    let trail = Trail::default();
    let sound = hours(4);
    type Change = Box<dyn Fn(&Copy)>;
    let write = |object: String, bytes: Vec<u8>| -> Change {
        Box::new(move |copy: &Copy| fs::write(copy.bucket().join(&object), &bytes).unwrap())
    };
    let object = &sound[1].digest.object;
    let json = |change: &dyn Fn(&mut Value)| {
        let mut json: Value = serde_json::from_slice(&sound[1].digest.content).unwrap();
        change(&mut json);
        json.to_string().into_bytes()
    };
    let forged = |change: &dyn Fn(&mut Value)| write(object.clone(), gzip(&json(change)));
    let mut appended = gzip(&sound[1].digest.content);
    appended.extend(gzip(b"{}"));
    let mut trailed = gzip(&sound[1].digest.content);
    trailed.extend(b"more");
    let truncated = gzip(&sound[1].digest.content);
    let truncated = truncated[..truncated.len() / 2].to_vec();
    let changed = forged(&|json| json["logFiles"][0]["hashValue"] = "00".repeat(32).into());
    for (what, change, status, reason) in [
        ("another hash in its list", changed, "invalid", "signature_mismatch"),
        (
            "a log left out",
            forged(&|json| drop(json["logFiles"].as_array_mut().unwrap().pop())),
            "invalid",
            "signature_mismatch",
        ),
        (
            "another end",
            forged(&|json| json["digestEndTime"] = "2023-04-01T00:00:01Z".into()),
            "invalid",
            "signature_mismatch",
        ),
        (
            "another hash of the previous one",
            forged(&|json| json["previousDigestHashValue"] = "11".repeat(32).into()),
            "invalid",
            "signature_mismatch",
        ),
        (
            "another fingerprint",
            forged(&|json| json["digestPublicKeyFingerprint"] = other.fingerprint().into()),
            "invalid",
            "previous_hash_mismatch",
        ),
        (
            "no fingerprint",
            forged(&|json| drop(json.as_object_mut().unwrap().remove("digestPublicKeyFingerprint"))),
            "invalid",
            "invalid_format",
        ),
        (
            "a time that is none",
            forged(&|json| json["digestEndTime"] = "soon".into()),
            "invalid",
            "invalid_format",
        ),
        ("lists that are none", forged(&|json| json["logFiles"] = json!("x")), "invalid", "invalid_format"),
        (
            "another algorithm",
            forged(&|json| json["digestSignatureAlgorithm"] = "SHA1withRSA".into()),
            "invalid",
            "previous_hash_mismatch",
        ),
        (
            "white space",
            write(object.clone(), gzip(&[&sound[1].digest.content[..], b"\n"].concat())),
            "invalid",
            "signature_mismatch",
        ),
        ("a second member", write(object.clone(), appended), "invalid", "trailing_data"),
        ("bytes behind it", write(object.clone(), trailed), "invalid", "trailing_data"),
        ("cut off", write(object.clone(), truncated), "invalid", "damaged"),
        ("empty", write(object.clone(), Vec::new()), "invalid", "invalid_format"),
        ("no JSON", write(object.clone(), gzip(b"hello")), "invalid", "invalid_format"),
        ("another object's", write(object.clone(), gzip(&sound[2].digest.content)), "invalid", "moved"),
    ] {
        let copy = Copy::of(&sound);
        change(&copy);
        let ran = copy.verify(&["-q", "--format", "ndjson"]);
        let rows = crate::rows_of(&ran);
        assert_eq!(ran.status, 1, "{what}");
        let row = rows.iter().find(|row| row["archive"].as_str().unwrap().ends_with(object)).unwrap();
        assert_eq!((&row["status"], &row["reason"]), (&json!(status), &json!(reason)), "{what}: {rows:#?}");
        // Where another digest took its place, it is missing.
        let missing = rows.iter().filter(|row| row["status"] == "missing").count();
        assert_eq!(missing, usize::from(reason == "moved"), "{what}: {rows:#?}");
    }
    // A digest of another key, signed with it: it is not in the list of keys.
    let copy = Copy::of(&trail.hours(3, &other));
    let ran = copy.verify(&["-q", "--format", "ndjson"]);
    let rows = crate::rows_of(&ran);
    assert_eq!(state(&rows, &sound[0].digest.object), ("unverifiable", Some("unknown_key")));
    assert_eq!(ran.status, 1, "nothing is verified");
    // A list in which the other key has this one's fingerprint is refused.
    let mut keys = key_list(&[other.pkcs1()], "2023-03-01T00:00:00Z", "2023-05-01T00:00:00Z");
    keys["PublicKeyList"][0]["Fingerprint"] = signer.fingerprint().into();
    copy.write_keys(&keys);
    let ran = copy.verify(&[]);
    assert!(ran.status == 2 && ran.stderr.contains("fingerprint"), "{}", ran.stderr);
}

#[test]
fn keys_have_forms_and_times() {
    let signer = Signer::shared();
    let hours = hours(2);
    let copy = Copy::of(&hours);
    let digest = |copy: &Copy| {
        let rows = copy.rows();
        let (status, reason) = state(&rows, &hours[0].digest.object);
        (status.to_owned(), reason.map(str::to_owned))
    };
    // Expired before the digest's end.
    copy.write_keys(&key_list(&[signer.pkcs1()], "2023-03-01T00:00:00Z", "2023-03-31T22:59:59Z"));
    assert_eq!(digest(&copy), ("unverifiable".to_owned(), Some("key_expired".to_owned())));
    // A digest that names the fingerprint of the SubjectPublicKeyInfo.
    let spki = testkit::trail::fingerprint(&signer.spki());
    let changed = Trail::default().changed_hours(2, signer, |_, json| {
        json["digestPublicKeyFingerprint"] = spki.as_str().into();
    });
    let copy = Copy::of(&changed);
    assert_eq!(digest(&copy), ("unverifiable".to_owned(), Some("unknown_key".to_owned())));
    copy.write_keys(&key_list(&[signer.spki()], "2023-03-01T00:00:00Z", "2023-05-01T00:00:00Z"));
    assert_eq!(digest(&copy), ("valid".to_owned(), Some("starts_chain".to_owned())));
    // A key of 1,024 bits: a modulus of 128 bytes.
    let mut weak = vec![0x30, 0x81, 0x89, 0x02, 0x81, 0x81, 0x00];
    weak.extend([0xC3; 128]);
    weak.extend([0x02, 0x03, 0x01, 0x00, 0x01]);
    let fingerprint = testkit::trail::fingerprint(&weak);
    let changed = Trail::default().changed_hours(2, signer, |_, json| {
        json["digestPublicKeyFingerprint"] = fingerprint.as_str().into();
    });
    let copy = Copy::of(&changed);
    copy.write_keys(&key_list(&[weak], "2023-03-01T00:00:00Z", "2023-05-01T00:00:00Z"));
    assert_eq!(digest(&copy), ("unverifiable".to_owned(), Some("unusable_key".to_owned())));
}

#[test]
fn several_trails_accounts_and_chains_stand_apart() {
    let signer = Signer::shared();
    let one = Trail::default();
    let other_trail = Trail { name: "other".to_owned(), logs_per_hour: 0, ..one.clone() };
    let other_account = Trail { account: "444455556666".to_owned(), ..one.clone() };
    let organization = Trail {
        prefix: "p/".to_owned(),
        account: "777788889999".to_owned(),
        region: "eu-central-1".to_owned(),
        ..one.clone()
    };
    // Stopped after three hours, and made again two hours later.
    let recreated = Trail { start: one.start + chrono::Duration::hours(5), ..one.clone() };
    let mut all = Vec::new();
    for trail in [&one, &other_trail, &other_account, &organization, &recreated] {
        all.extend(trail.hours(3, signer));
    }
    let copy = Copy::of(&all);
    let rows = copy.rows();
    let count = |status: &str, kind: &str| {
        rows.iter().filter(|row| row["status"] == status && row["kind"] == kind).count()
    };
    // The newest digest of each of the five chains is not signed in a copy.
    assert_eq!((count("valid", "digest"), count("unverifiable", "digest")), (10, 5));
    assert_eq!((count("valid", "log"), count("unverifiable", "log")), (16, 8));
    assert_eq!(rows.len(), 39);
    // A log of the two hours without a trail.
    let copy = Copy::of(&[one.hours(3, signer), recreated.hours(3, signer)].concat());
    let between = one.log(one.start + chrono::Duration::hours(4), 0);
    between.write(&copy.bucket());
    assert_eq!(state(&copy.rows(), &between.object), ("no_digest", Some("between_chains")));
}

#[test]
fn copies_may_be_flat_renamed_or_packed() {
    let hours = hours(3);
    let flat = tempfile::tempdir().unwrap();
    let log = &hours[0].logs[0];
    for hour in &hours {
        for written in hour.logs.iter().chain([&hour.digest]) {
            let name = written.object.rsplit('/').next().unwrap();
            // Not compressed any more.
            fs::write(flat.path().join(name.trim_end_matches(".gz")), &written.content).unwrap();
        }
    }
    let copy = Copy::of(&[]);
    fs::rename(flat.path(), copy.bucket()).unwrap();
    let rows = copy.rows();
    let name = |object: &str| object.rsplit('/').next().unwrap().to_owned();
    assert_eq!(state(&rows, &log.object), ("valid", Some("location_differs")));
    assert_eq!(state(&rows, &hours[1].digest.object), ("valid", Some("location_differs")));
    // Under another name.
    let path = copy.bucket().join(name(&log.object).trim_end_matches(".gz"));
    fs::rename(path, copy.bucket().join("renamed.json")).unwrap();
    let rows = copy.rows();
    assert_eq!(state(&rows, &log.object), ("valid", Some("location_differs")));
    assert!(rows.iter().all(|row| row["status"] != "missing"));
}

#[test]
fn a_log_in_two_digests_counts_once() {
    let signer = Signer::shared();
    let sound = hours(4);
    let again: Value = serde_json::from_slice(&sound[0].digest.content).unwrap();
    let again = again["logFiles"][0].clone();
    // The second digest lists it again, and then with another hash.
    for (hash, expected) in [(None, "valid"), (Some("22".repeat(32)), "valid")] {
        let changed = Trail::default().changed_hours(4, signer, |n, json| {
            if n == 1 {
                let mut again = again.clone();
                if let Some(hash) = &hash {
                    again["hashValue"] = hash.as_str().into();
                }
                json["logFiles"].as_array_mut().unwrap().push(again);
            }
        });
        let rows = Copy::of(&changed).rows();
        assert_eq!(state(&rows, &sound[0].logs[0].object).0, expected);
        assert!(rows.iter().all(|row| row["status"] != "missing"), "{rows:#?}");
    }
}

#[test]
fn without_keys_nothing_is_called_valid_and_changes_are_still_seen() {
    let hours = hours(3);
    let copy = Copy::of(&hours);
    let verify = || {
        let ran = testkit::run(
            testkit::keytrail()
                .current_dir(copy.dir.path())
                .args(["verify", "-q", "--format", "ndjson", "copy"]),
        );
        (ran.status, crate::rows_of(&ran))
    };
    let (status, rows) = verify();
    assert_eq!(status, 1);
    assert!(rows.iter().all(|row| row["status"] == "unverifiable"), "{rows:#?}");
    assert_eq!(state(&rows, &hours[1].digest.object), ("unverifiable", Some("no_keys")));
    let mut json: Value = serde_json::from_slice(&hours[1].digest.content).unwrap();
    json["logFiles"] = json!([]);
    fs::write(hours[1].digest.path(&copy.bucket()), gzip(json.to_string().as_bytes())).unwrap();
    let (_, rows) = verify();
    assert_eq!(state(&rows, &hours[1].digest.object), ("invalid", Some("previous_hash_mismatch")));
    assert_eq!(state(&rows, &hours[0].digest.object).0, "unverifiable");
}

#[test]
fn without_digests_nothing_is_verified() {
    let copy = Copy::of(&[]);
    hours(1)[0].logs[0].write(&copy.bucket());
    let ran = copy.verify(&[]);
    assert_eq!((ran.status, &*ran.stdout), (1, &b"No digests found\n"[..]));
}

/// A tar file in which a digest and a forged log file have one name, in either order.
#[test]
fn a_log_with_the_name_of_a_digest_is_no_digest() {
    let hours = hours(3);
    let name = &hours[0].digest.object;
    let forged = gzip(testkit::document(&[testkit::decrypt(77)]).as_bytes());
    for log_first in [true, false] {
        let copy = Copy::of(&hours);
        remove(&hours[0].digest.path(&copy.bucket()));
        let mut members = [gzip(&hours[0].digest.content), forged.clone()];
        if log_first {
            members.reverse();
        }
        let mut tar = tar::Builder::new(Vec::new());
        for member in &members {
            let mut header = tar::Header::new_gnu();
            header.set_size(member.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, name, &member[..]).unwrap();
        }
        fs::write(copy.bucket().join("all.tar"), tar.into_inner().unwrap()).unwrap();
        let ran = copy.verify(&["-q", "--format", "ndjson"]);
        let rows = crate::rows_of(&ran);
        let valid = rows.iter().filter(|row| row["kind"] == "digest" && row["status"] == "valid").count();
        assert_eq!(valid, 2, "{rows:#?}");
        assert!(rows.iter().any(|row| row["status"] == "invalid" && row["reason"] == "invalid_format"));
        assert_eq!(ran.status, 1);
        let report = testkit::analyze_in(copy.dir.path(), &["copy", "--digest-keys", "keys.json"]);
        let events = report.events();
        let planted =
            events.iter().find(|event| event["event_id"].as_str().unwrap().ends_with("077")).unwrap();
        assert_eq!(planted["integrity"], "invalid");
    }
}

#[test]
fn another_kind_of_file_in_the_place_of_a_log_is_invalid() {
    let hours = hours(2);
    let copy = Copy::of(&hours);
    let empty_zip = b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    fs::write(hours[0].logs[0].path(&copy.bucket()), empty_zip).unwrap();
    for args in [&[][..], &["-v"]] {
        assert_eq!(copy.verify(args).status, 1);
    }
    assert_eq!(state(&copy.rows(), &hours[0].logs[0].object), ("invalid", Some("hash_mismatch")));
}

/// Two trails in one account and Region: what one of them does not cover yet was not added.
#[test]
fn each_of_several_trails_must_miss_a_log() {
    let one = Trail::default();
    let other = Trail { name: "other".to_owned(), logs_per_hour: 0, ..one.clone() };
    let hours = [one.hours(3, Signer::shared()), other.hours(4, Signer::shared())].concat();
    let copy = Copy::of(&hours);
    let hour = |n: i64| one.start + chrono::Duration::hours(n);
    let (late, added) = (one.log(hour(3), 0), one.log(hour(1), 6));
    [&late, &added].into_iter().for_each(|log| log.write(&copy.bucket()));
    let rows = copy.rows();
    assert_eq!(state(&rows, &late.object), ("not_yet_covered", None));
    assert_eq!(state(&rows, &added.object), ("unlisted", None));
    // A digest without a signature, of a trail that nobody has, explains nothing.
    let forged = Trail { name: "forged".to_owned(), ..one.clone() }.hours(6, &Signer::new());
    forged[5].digest.write(&copy.bucket());
    assert_eq!(state(&copy.rows(), &added.object), ("unlisted", None));
}

/// Digests that nothing confirms can say anything of others.
#[test]
fn unsigned_digests_do_not_outvote_signed_ones() {
    let hours = hours(3);
    let copy = Copy::of(&hours);
    let log = &hours[0].logs[0];
    let mut junk: Value = serde_json::from_slice(&hours[1].digest.content).unwrap();
    let entry = json!({"s3Bucket": "b", "s3Object": log.object, "hashValue": "33".repeat(32), "hashAlgorithm": "SHA-256"});
    junk["logFiles"] = vec![entry; 16].into();
    junk["digestPublicKeyFingerprint"] = "00".into();
    for n in 0..8 {
        // They name the first digest as the one before them, with other signatures.
        junk["digestS3Object"] = format!("AWSLogs/000000000000/{n}").into();
        junk["previousDigestSignature"] = format!("{n:02}").repeat(256).into();
        fs::write(copy.bucket().join(format!("0{n}.json")), junk.to_string()).unwrap();
    }
    let rows = copy.rows();
    assert_eq!(state(&rows, &log.object), ("valid", None));
    assert_eq!(state(&rows, &hours[0].digest.object).0, "valid");
}
