//! Records that take the place of others.

use super::*;
use testkit::oracle;

/// What became of a call and of records that correct it: the source addresses of the selected
/// events, and how many were duplicates and corrected.
fn corrected(
    files: &[(&str, Vec<Value>)],
    args: &[&str],
    options: &oracle::Options,
) -> (Vec<String>, [u64; 2]) {
    let report = analyze(files, args, options);
    let mut addresses: Vec<String> =
        report.events().iter().map(|event| event["source_ip"].as_str().unwrap().to_owned()).collect();
    addresses.sort();
    let totals = &report.run_json()["totals"];
    (addresses, ["duplicate", "corrected"].map(|class| totals[class].as_u64().unwrap()))
}

/// The call from another address, as a correction says now.
pub fn correction(id: &str, address: &str) -> Value {
    let addendum =
        json!({"reason": "UPDATED_DATA", "updatedFields": "sourceIPAddress", "originalEventID": "original"});
    let record = with(original(), "addendum", addendum);
    with(with(record, "sourceIPAddress", address), "eventID", id)
}

pub fn original() -> Value {
    with(decrypt(session("Jane", "work"), json!({})), "eventID", "original")
}

#[test]
fn a_correction_takes_the_place_of_its_original() {
    let addresses = |list: &[&str]| -> Vec<String> { list.iter().map(|&text| text.to_owned()).collect() };
    let (first, second) = (correction("c1", "198.51.100.1"), correction("c2", "198.51.100.2"));
    let once = (addresses(&["198.51.100.1"]), [1, 1]);
    let file = |records: &[&Value]| records.iter().map(|record| (*record).clone()).collect::<Vec<_>>();
    let late = [("a.json", file(&[&original()])), ("b.json", file(&[&first]))];
    let early = [("a.json", file(&[&first])), ("b.json", file(&[&original()]))];
    let both = (addresses(&["198.51.100.1", "203.0.113.7"]), [0, 0]);
    for files in [&late, &early] {
        assert_eq!(corrected(files, &[], &any()), once);
        let kept = oracle::Options { keep_duplicates: true, ..any() };
        assert_eq!(corrected(files, &["--keep-duplicates"], &kept), both);
        assert_eq!(corrected(files, &["--no-learn"], &oracle::Options { learn: false, ..any() }), both);
    }
    // Of several, the last by event time, then by id.
    let all = [("a.json", file(&[&second, &original(), &first]))];
    assert_eq!(corrected(&all, &[], &any()), (addresses(&["198.51.100.2"]), [2, 2]));
    let later = at(1, first.clone());
    let all = [("a.json", file(&[&later])), ("b.json", file(&[&original(), &second]))];
    assert_eq!(corrected(&all, &[], &any()), (addresses(&["198.51.100.1"]), [2, 2]));
    // A correction of a correction.
    let mut again = second.clone();
    again["addendum"]["originalEventID"] = "c1".into();
    let chain = [("a.json", file(&[&again, &first, &original()]))];
    assert_eq!(corrected(&chain, &[], &any()), (addresses(&["198.51.100.2"]), [2, 2]));
    // The other account's records, other reasons, and originals that are not there.
    let elsewhere = with(first.clone(), "recipientAccountId", "444455556666");
    let mut delayed = first.clone();
    delayed["addendum"]["reason"] = "DELIVERY_DELAY".into();
    for other in [&elsewhere, &delayed] {
        let files = [("a.json", file(&[&original(), other]))];
        assert_eq!(corrected(&files, &[], &any()), both);
    }
    assert_eq!(corrected(&[("a.json", file(&[&first]))], &[], &any()), (once.0.clone(), [0, 0]));
}

/// Repeated deliveries of what has been corrected; and one that has the id of its original, which
/// nothing tells from a conflict.
#[test]
fn corrections_and_copies() {
    let first = correction("c1", "198.51.100.1");
    let twice = [("a.json", vec![original(), first.clone()]), ("b.json", vec![original(), first])];
    let (addresses, [duplicates, _]) = corrected(&twice, &[], &any());
    assert_eq!((addresses, duplicates), (vec!["198.51.100.1".to_owned()], 3));
    let own_id = correction("original", "198.51.100.1");
    let files = [("a.json", vec![original(), own_id])];
    let both = ["198.51.100.1", "203.0.113.7"].map(str::to_owned).to_vec();
    assert_eq!(corrected(&files, &[], &any()), (both, [0, 0]));
}
