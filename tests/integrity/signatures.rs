use std::fs;
use testkit::trail::head_object;

use crate::{Copy, hours, remove, state};

#[test]
fn the_newest_signature_can_be_given() {
    let hours = hours(3);
    let copy = Copy::of(&hours);
    let newest = hours.last().unwrap();
    let folder = copy.dir.path().join("heads");
    fs::create_dir(&folder).unwrap();
    let name = newest.digest.object.rsplit('/').next().unwrap();
    for (file, expected) in [("head.json", "valid"), (name, "valid")] {
        let path = folder.join(file);
        fs::write(&path, head_object(newest).to_string()).unwrap();
        for argument in ["heads", path.to_str().unwrap()] {
            let ran = copy.verify(&["-q", "--format", "ndjson", "--digest-signatures", argument]);
            assert_eq!(ran.status, 0, "{}", ran.stderr);
            assert_eq!(state(&crate::rows_of(&ran), &newest.digest.object), (expected, None));
        }
        remove(&path);
    }
    // One that is named like it and is another's.
    fs::write(folder.join(name), head_object(&hours[0]).to_string()).unwrap();
    let ran = copy.verify(&["-q", "--format", "ndjson", "--digest-signatures", "heads"]);
    let expected = ("invalid", Some("signature_mismatch"));
    assert_eq!((ran.status, state(&crate::rows_of(&ran), &newest.digest.object)), (1, expected));
}

/// A directory of signatures may have other files, which are named.
#[test]
fn other_files_among_signatures_are_named() {
    let hours = hours(2);
    let copy = Copy::of(&hours);
    let newest = hours.last().unwrap();
    let folder = copy.dir.path().join("heads");
    fs::create_dir_all(folder.join("below")).unwrap();
    fs::write(folder.join("notes.txt"), "not JSON").unwrap();
    fs::write(folder.join("binary"), [0xff, 0xfe, 0]).unwrap();
    let verify = || copy.verify(&["--format", "ndjson", "--digest-signatures", "heads"]);
    let ran = verify();
    assert!(ran.status == 2 && ran.stderr.contains("has no file with a signature"), "{}", ran.stderr);
    fs::write(folder.join("head.json"), head_object(newest).to_string()).unwrap();
    let ran = verify();
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert_eq!(state(&crate::rows_of(&ran), &newest.digest.object), ("valid", None));
    for name in ["notes.txt has no signature", "binary has no signature", "below is no file"] {
        assert!(ran.stderr.contains(name), "{name}: {}", ran.stderr);
    }
}
