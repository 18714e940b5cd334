use super::*;

const SETTINGS: Settings = Settings { archive_bytes: 1, record_bytes: 2, hash: false };

fn writer() -> Writer {
    Writer::new(tempfile::tempfile().unwrap(), &SETTINGS, true).unwrap()
}

fn add(writer: &mut Writer, uri: &str, bytes: &[u8], stands: bool) {
    assert!(writer.takes(uri));
    writer.begin(&uri.into(), Some(1), &Version::default()).unwrap();
    bytes.chunks(70_000).for_each(|chunk| writer.push(chunk).unwrap());
    writer.end(stands).unwrap();
}

fn text(entry: &Entry) -> Vec<u8> {
    let mut bytes = Vec::new();
    entry.open().unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn the_newest_extract_of_each_archive_comes_in_order() {
    let large: Vec<u8> = (0..3_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let mut old = writer();
    for (uri, bytes) in [("a", &b"a1"[..]), ("b", b""), ("d", &large)] {
        add(&mut old, uri, bytes, true);
    }
    assert!(!old.takes("d") && !old.takes("c") && old.takes("e"));
    let mut new = writer();
    for (uri, bytes, stands) in [("a", &b"a2"[..], true), ("c", b"c", false), ("e", b"e", true)] {
        add(&mut new, uri, bytes, stands);
    }
    let [old, new] = [old, new].map(|w| w.finish(false).unwrap());
    let open = |file: &File, fresh: bool| {
        Arc::new(Segment::open(file.try_clone().unwrap(), &SETTINGS, fresh, "x").unwrap())
    };
    let all = |fresh| {
        Merged::new(&[open(&old, true), open(&new, fresh)])
            .map(|entry| entry.map(|entry| (entry.uri.to_string(), text(&entry))).unwrap())
            .collect::<Vec<_>>()
    };
    let expected = |with_c: bool| {
        [("a", &b"a2"[..]), ("b", b""), ("c", b"c"), ("d", &large), ("e", b"e")]
            .into_iter()
            .filter(|(uri, _)| with_c || *uri != "c")
            .map(|(uri, bytes)| (uri.to_owned(), bytes.to_owned()))
            .collect::<Vec<_>>()
    };
    assert_eq!(all(true), expected(true));
    assert_eq!(all(false), expected(false), "what does not stand is for its own run only");

    let mut together = writer();
    together.take_in(&[open(&old, false), open(&new, false)]).unwrap();
    let together = Segment::open(together.finish(true).unwrap(), &SETTINGS, false, "x").unwrap();
    let copied: Vec<_> = Merged::new(&[Arc::new(together)])
        .map(|entry| entry.map(|entry| (entry.uri.to_string(), text(&entry))).unwrap())
        .collect();
    assert_eq!(copied, expected(false));
}

#[test]
fn what_a_killed_run_finished_is_good() {
    let mut whole = writer();
    let bytes: Vec<u8> = (0..200_000u32).flat_map(|n| n.wrapping_mul(40_503).to_le_bytes()).collect();
    (0..5).for_each(|n| add(&mut whole, &format!("{n}"), &bytes[n * 1000..], true));
    let mut stored = Vec::new();
    let mut file = whole.finish(false).unwrap();
    file.rewind().unwrap();
    file.read_to_end(&mut stored).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for cut in (120..stored.len()).step_by(stored.len() / 41) {
        // Cut off, or full of zeros from there on, as after a loss of power.
        let good = [cut, stored.len()].map(|len| {
            let mut torn = tempfile::tempfile().unwrap();
            torn.write_all(&stored[..cut]).unwrap();
            torn.set_len(len as u64).unwrap();
            let opened = Segment::open(torn, &SETTINGS, false, "x");
            let mut segment = opened.unwrap_or_else(|e| panic!("{cut}: {e}"));
            let good = segment.recover().unwrap();
            let entries: Vec<Entry> = Merged::new(&[Arc::new(segment)]).collect::<io::Result<_>>().unwrap();
            assert_eq!(entries.len() as u64, good);
            assert!(entries.iter().enumerate().all(|(n, entry)| text(entry) == bytes[n * 1000..]));
            good
        });
        assert_eq!(good[0], good[1], "{cut}");
        seen.insert(good[0]);
    }
    assert!(seen.len() >= 5, "{seen:?}");
}

#[test]
fn other_forms_and_settings_are_refused() {
    let file = writer().finish(false).unwrap();
    let other = Settings { hash: true, ..SETTINGS };
    let opened = Segment::open(file.try_clone().unwrap(), &other, false, "x");
    assert!(matches!(opened, Err(SegmentError::OtherSettings(SETTINGS))));
    assert!(Segment::open(file, &SETTINGS, false, "x").is_ok());
    let mut foreign = tempfile::tempfile().unwrap();
    foreign.write_all(&[b'x'; 100]).unwrap();
    assert!(matches!(Segment::open(foreign, &SETTINGS, false, "x"), Err(SegmentError::Io(_))));
}
