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
    let addendum = json!({
        "reason": "UPDATED_DATA",
        "updatedFields": "sourceIPAddress",
        "originalRequestID": "r-original",
        "originalEventID": "original",
    });
    let record = with(original(), "addendum", addendum);
    with(with(with(record, "sourceIPAddress", address), "eventID", id), "requestID", format!("r-{id}"))
}

pub fn original() -> Value {
    let call = decrypt(session("Jane", "work"), json!({}));
    with(with(call, "eventID", "original"), "requestID", "r-original")
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
    // Of several, the last by id.
    let all = [("a.json", file(&[&second, &original(), &first]))];
    assert_eq!(corrected(&all, &[], &any()), (addresses(&["198.51.100.2"]), [2, 2]));
    // A correction of a correction.
    let mut again = second.clone();
    again["addendum"]["originalEventID"] = "c1".into();
    again["addendum"]["originalRequestID"] = "r-c1".into();
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

/// A correction has the API, the time and the request of its original. Without these, it counts
/// beside it.
#[test]
fn a_forged_correction_takes_no_place() {
    let both = ["198.51.100.1", "203.0.113.7"].map(str::to_owned).to_vec();
    let true_one = correction("c1", "198.51.100.1");
    let mut other_request = true_one.clone();
    other_request["addendum"]["originalRequestID"] = "r-another".into();
    let mut no_request = true_one.clone();
    no_request["addendum"].as_object_mut().unwrap().remove("originalRequestID");
    let other_api = with(true_one.clone(), "eventName", "Encrypt");
    for forged in [other_request, no_request, other_api, at(1, true_one.clone())] {
        let files = [("a.json", vec![original(), forged])];
        assert_eq!(corrected(&files, &[], &any()), (both.clone(), [0, 0]));
    }
}

/// What a correction replaces keeps a row; and one that is only in another account's archives is
/// told.
#[test]
fn what_was_corrected_keeps_a_row() {
    let own = "AWSLogs/111122223333/CloudTrail/us-west-2/2024/03/05/a.json";
    let other = "AWSLogs/444455556666/CloudTrail/us-west-2/2024/03/05/b.json";
    let first = correction("c1", "198.51.100.1");
    for (places, foreign) in [(vec![own], 0), (vec![other], 1), (vec![own, other], 0)] {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, records: &[Value]| {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, document(records)).unwrap();
        };
        write("original.json", &[original()]);
        places.iter().for_each(|place| write(place, std::slice::from_ref(&first)));
        let report = analyze_in(dir.path(), &[&["original.json", "AWSLogs"][..], &ANY].concat());
        let rows = report.superseded();
        assert_eq!(rows.len(), 1);
        assert_eq!((&rows[0]["class"], &rows[0]["superseded_by"]), (&json!("corrected"), &json!("c1")));
        assert_eq!(
            (&rows[0]["event_id"], &rows[0]["archive"]),
            (&json!("original"), &json!("original.json"))
        );
        let run = report.run_json();
        let caveats = run["caveats"].as_array().unwrap();
        let told = caveats.iter().filter(|caveat| caveat["id"] == "foreign_corrections").count();
        assert_eq!(told, foreign, "{places:?}");
    }
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
