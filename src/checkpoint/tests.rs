//! What is written comes back, in order; damage is an error and never a panic.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::manifest::{Manifest, hex};
use super::*;
use crate::aggregate::{Counts, Coverage, InputStatus, InputSummary};
use crate::facts::{Batch, BatchBuilder};
use crate::model::{Fact, KmsEvent, LearnedRule, RoleSession};

const SETTINGS: Settings = Settings { max_archive_bytes: 1, max_record_bytes: 2, hash: false };

fn options(limits: CommitLimits) -> CheckpointOptions {
    CheckpointOptions { settings: SETTINGS, earlier: Earlier::Continue, limits }
}

fn open(report: &Path) -> Result<Checkpoint, CheckpointError> {
    Checkpoint::in_directory(report, &options(CommitLimits::default()))
}

fn archive(uri: &str) -> ArchiveVersion {
    ArchiveVersion { uri: uri.into(), size: Some(1), etag: Some("e".into()), modified: None }
}

fn end(builder: &mut BatchBuilder, uri: &str) {
    let summary = InputSummary {
        archive: uri.into(),
        container: None,
        status: InputStatus::Complete,
        reason: None,
        shape: "records".into(),
        is_container: false,
        compressed_bytes: 1,
        content_bytes: 2,
        content_sha256: None,
        gzip_members: 1,
        account_id: None,
        region: None,
        delivered: None,
        etag: None,
        modified: None,
        counts: Counts::default(),
        integrity: None,
    };
    builder.end(summary, Coverage::default());
}

/// What a run does: for each archive its name, the ids of its events, and whether it is reusable. A
/// batch is emitted whenever `per_batch` events are in it.
fn write(checkpoint: &Checkpoint, archives: &[(&str, Vec<String>, bool)], per_batch: usize) {
    let mut writer = checkpoint.writer();
    let mut builder = BatchBuilder::default();
    let mut events = 0;
    for (uri, ids, reusable) in archives {
        if writer.is_due(uri) {
            writer.push(&builder.finish()).unwrap();
            writer.commit().unwrap();
        }
        writer.begin(archive(uri), builder.stretches());
        builder.begin(&(*uri).into());
        for (id, offset) in ids.iter().zip(0..) {
            builder.event(&KmsEvent { event_id: Some(id.into()), ..KmsEvent::example() }, offset);
            let session = RoleSession { access_key_id: Some(id.clone().into()), principal_id: None };
            builder.learn(offset, Fact::Session(LearnedRule::GeospatialSession, session));
            events += 1;
            if events % per_batch == 0 {
                writer.push(&builder.finish()).unwrap();
                builder.begin(&(*uri).into());
            }
        }
        end(&mut builder, uri);
        writer.end(*reusable);
    }
    writer.push(&builder.finish()).unwrap();
    writer.finish().unwrap();
}

fn ids(prefix: &str, n: usize) -> Vec<String> {
    (0..n).map(|n| format!("{prefix}-{n}")).collect()
}

/// The archives of some rows with the ids of their events, in order.
fn read(rows: Merged) -> Result<Vec<(String, Vec<String>)>, CheckpointError> {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    for run in rows {
        let run = run?;
        let mut learned = Vec::new();
        run.learned(&mut |_, _, fact| learned.push(fact))?;
        let Batch { stretches, events } = run.all_facts()?;
        assert_eq!(stretches.len(), run.len());
        let facts: Vec<Fact<'static>> =
            stretches.iter().flat_map(|s| s.learned.iter().map(|(_, fact)| fact.clone())).collect();
        assert_eq!(facts, learned);
        for (row, stretch) in stretches.iter().enumerate() {
            assert_eq!(*stretch.uri, *run.uri(row));
            let ids = stretch.events.clone().map(|row| events.event(row).event_id.unwrap().into_owned());
            match found.last_mut() {
                Some((uri, all)) if *uri == run.uri(row) => all.extend(ids),
                _ => found.push((run.uri(row).to_owned(), ids.collect())),
            }
        }
    }
    Ok(found)
}

fn expected(archives: &[(&str, Vec<String>)]) -> Vec<(String, Vec<String>)> {
    archives.iter().map(|(uri, ids)| ((*uri).to_owned(), ids.clone())).collect()
}

#[test]
fn the_newest_version_of_each_archive_comes_in_order() {
    for per_batch in [1, 2, 3, 5, 1000] {
        let dir = tempfile::tempdir().unwrap();
        let first = open(dir.path()).unwrap();
        let old = [("a", ids("a1", 3), true), ("b", vec![], true), ("d", ids("d1", 7), true)];
        write(&first, &old, per_batch);
        assert_eq!(read(first.known()).unwrap(), []);
        drop(first);
        let second = open(dir.path()).unwrap();
        let new = [
            ("a", ids("a2", 5), true),
            ("c", ids("c2", 2), false),
            ("d", ids("d2", 1), false),
            ("e", ids("e2", 4), true),
        ];
        write(&second, &new, per_batch);
        let all = [
            ("a", ids("a2", 5)),
            ("b", vec![]),
            ("c", ids("c2", 2)),
            ("d", ids("d2", 1)),
            ("e", ids("e2", 4)),
        ];
        assert_eq!(read(second.all()).unwrap(), expected(&all));
        drop(second);
        // What is not reusable counts in its own run only.
        let third = open(dir.path()).unwrap();
        let known = [("a", ids("a2", 5)), ("b", vec![]), ("d", ids("d1", 7)), ("e", ids("e2", 4))];
        assert_eq!(read(third.known()).unwrap(), expected(&known));
        drop(third);
        // Nor does it survive when segments are merged.
        let limits = CommitLimits { unmerged: 1, ..CommitLimits::default() };
        let merged = Checkpoint::in_directory(dir.path(), &options(limits)).unwrap();
        assert_eq!(read(merged.known()).unwrap(), expected(&known));
        assert_eq!(segments(dir.path()).len(), 1);
    }
}

#[test]
fn many_runs_come_to_the_newest_of_each() {
    let dir = tempfile::tempdir().unwrap();
    let limits = CommitLimits { bytes: 20_000, unmerged: 4, ..CommitLimits::default() };
    let mut all = BTreeMap::new();
    for night in 0..40usize {
        let checkpoint = Checkpoint::in_directory(dir.path(), &options(limits)).unwrap();
        let names: Vec<String> = (0..30).map(|n| format!("{:03}", (n * 7 + night * 11) % 200)).collect();
        let mut new: Vec<(&str, Vec<String>, bool)> = Vec::new();
        for name in names.iter().collect::<std::collections::BTreeSet<_>>() {
            new.push((name, ids(&format!("{name}/{night}"), night % 5), true));
        }
        write(&checkpoint, &new, 7);
        all.extend(new.iter().map(|(uri, ids, _)| ((*uri).to_owned(), ids.clone())));
        let read = read(checkpoint.all()).unwrap();
        assert_eq!(read, all.clone().into_iter().collect::<Vec<_>>(), "night {night}");
    }
    let left = segments(dir.path()).len();
    assert!((1..30).contains(&left), "{left}");
}

/// A killed run loses what is not committed, and nothing else.
#[test]
fn a_killed_run_loses_only_what_is_not_committed() {
    let dir = tempfile::tempdir().unwrap();
    let limits = CommitLimits { age: Duration::ZERO, ..CommitLimits::default() };
    let checkpoint = Checkpoint::in_directory(dir.path(), &options(limits)).unwrap();
    let mut writer = checkpoint.writer();
    let mut builder = BatchBuilder::default();
    for (n, uri) in ["a", "b", "c"].into_iter().enumerate() {
        // Each archive is committed when the next one begins.
        assert_eq!(writer.is_due(uri), n > 0);
        if n > 0 {
            writer.push(&builder.finish()).unwrap();
            writer.commit().unwrap();
        }
        writer.begin(archive(uri), builder.stretches());
        builder.begin(&uri.into());
        builder.event(&KmsEvent { event_id: Some(uri.into()), ..KmsEvent::example() }, 0);
        end(&mut builder, uri);
        writer.end(true);
    }
    std::mem::forget(writer); // killed
    // What a kill leaves of a segment that is being written.
    fs::write(dir.path().join("_keytrail/segment-00000000000000ff.arrows"), b"half").unwrap();
    drop(checkpoint);
    let next = open(dir.path()).unwrap();
    let own = |id: &str| vec![id.to_owned()];
    assert_eq!(read(next.known()).unwrap(), expected(&[("a", own("a")), ("b", own("b"))]));
    assert_eq!(segments(dir.path()).len(), 2, "what is not in the manifest is removed");
}

fn segments(report: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(report.join("_keytrail")).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|extension| extension == "arrows")).collect();
    found.sort();
    found
}

/// A small checkpoint: its directory, its manifest and its only segment.
fn sample() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let checkpoint = open(dir.path()).unwrap();
    write(&checkpoint, &[("a", ids("a", 3), true), ("b", ids("b", 2), true)], 2);
    drop(checkpoint);
    let (manifest, segment) = (dir.path().join("_keytrail/manifest.json"), segments(dir.path()).remove(0));
    (dir, manifest, segment)
}

#[test]
fn every_flipped_bit_of_a_segment_is_found() {
    let (dir, _, segment) = sample();
    let bytes = fs::read(&segment).unwrap();
    for at in (0..bytes.len()).step_by(bytes.len() / 300) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        fs::write(&segment, damaged).unwrap();
        let error = crate::model::error_chain(&open(dir.path()).unwrap_err());
        assert!(error.contains(segment.file_name().unwrap().to_str().unwrap()), "{error}");
        assert!(error.contains("; use --force to read all archives again: its SHA-256"), "{error}");
    }
    for length in [0, 1, bytes.len() - 1] {
        fs::write(&segment, &bytes[..length]).unwrap();
        assert!(matches!(
            open(dir.path()),
            Err(CheckpointError::Unusable { source: Unusable::Size { .. }, .. })
        ));
    }
    fs::remove_file(&segment).unwrap();
    let missing = open(dir.path());
    assert!(matches!(missing, Err(CheckpointError::Unusable { source: Unusable::Missing, .. })));
}

/// Whoever writes the segment may write the manifest, too: then the checksum is right, and what is
/// in the segment must still not end the process.
#[test]
fn damage_behind_a_right_checksum_is_an_error_or_harmless() {
    let (dir, manifest, segment) = sample();
    let bytes = fs::read(&segment).unwrap();
    let entries = Manifest::from_json(&fs::read(&manifest).unwrap()).unwrap().segments;
    let (mut wrong, mut state) = (0, 1u64);
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    let mut try_with = |damaged: &[u8], what: &str| {
        let mut entries = entries.clone();
        entries[0].bytes = damaged.len() as u64;
        entries[0].sha256 = hex(Sha256::new_with_prefix(damaged));
        fs::write(&segment, damaged).unwrap();
        fs::write(&manifest, Manifest::new(SETTINGS, Vec::new(), entries).to_json().unwrap()).unwrap();
        let outcome = std::panic::catch_unwind(|| read(open(dir.path()).unwrap().known()).is_err());
        wrong += u32::from(outcome.unwrap_or_else(|_| panic!("{what}")));
    };
    for round in 0..1500 {
        let mut damaged = bytes.clone();
        for _ in 0..1 + round % 3 {
            let at = random() % bytes.len();
            match random() % 3 {
                0 => damaged[at] ^= 1 << (random() % 8),
                1 => damaged[at] = [0, 0xff, 0x7f, 0x80][random() % 4],
                _ => {
                    // A length: of a message, a buffer, a list.
                    let at = at & !7;
                    let value: i64 = [i64::MAX, 1 << 62, -1, i64::MIN, 1 << 31, 1 << 40][random() % 6];
                    damaged[at..(at + 8).min(bytes.len())]
                        .copy_from_slice(&value.to_le_bytes()[..8.min(bytes.len() - at)]);
                }
            }
        }
        try_with(&damaged, &format!("round {round}"));
    }
    for length in (0..bytes.len()).step_by(61) {
        try_with(&bytes[..length], &format!("cut at {length}"));
    }
    assert!(wrong > 500, "{wrong}");
}

#[test]
fn what_is_not_a_checkpoint_is_told_apart() {
    let (dir, manifest, segment) = sample();
    let other = CheckpointOptions {
        settings: Settings { hash: true, ..SETTINGS },
        ..options(CommitLimits::default())
    };
    let refused = Checkpoint::in_directory(dir.path(), &other).unwrap_err();
    assert!(matches!(refused, CheckpointError::Unusable { source: Unusable::OtherSettings(SETTINGS), .. }));
    // Foreign files are left alone, and end no run.
    let folder = dir.path().join("_keytrail");
    fs::create_dir(folder.join("segment-0000000000000001.arrows")).unwrap();
    let foreign = ["18446744073709551615.extracts", "notes.txt", "segment-xyz.arrows", "00000001.parts"];
    foreign.iter().for_each(|name| fs::write(folder.join(name), b"mine").unwrap());
    drop(open(dir.path()).unwrap());
    foreign.iter().for_each(|name| assert_eq!(fs::read(folder.join(name)).unwrap(), b"mine"));
    // A lost manifest is not taken for the beginning.
    let json = fs::read(&manifest).unwrap();
    fs::remove_file(&manifest).unwrap();
    let lost = open(dir.path());
    assert!(matches!(lost, Err(CheckpointError::Unusable { source: Unusable::Missing, .. })), "{lost:?}");
    assert!(segment.exists());
    // Nor is what versions before the manifest left behind.
    fs::remove_file(&segment).unwrap();
    fs::write(folder.join("00000007.extracts"), b"keytrail").unwrap();
    let old = open(dir.path());
    assert!(matches!(old, Err(CheckpointError::Unusable { source: Unusable::OtherFormat, .. })), "{old:?}");
    // A pipe in the place of the manifest or the lock is not waited for.
    // Made without another process: one that is started holds the locks of all tests for a moment.
    #[cfg(target_os = "linux")]
    for name in ["manifest.json", "lock"] {
        let path = folder.join(name);
        let _ = fs::remove_file(&path);
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RWXU).unwrap();
        assert!(matches!(
            open(dir.path()),
            Err(CheckpointError::Unusable { source: Unusable::NotAFile, .. })
        ));
        fs::remove_file(&path).unwrap();
    }
    fs::write(&manifest, json).unwrap();
}

#[test]
fn a_rebuild_leaves_the_old_checkpoint_until_it_is_finished() {
    let (dir, manifest, segment) = sample();
    let before = (fs::read(&manifest).unwrap(), fs::read(&segment).unwrap());
    let rebuild = CheckpointOptions { earlier: Earlier::Rebuild, ..options(CommitLimits::default()) };
    let checkpoint = Checkpoint::in_directory(dir.path(), &rebuild).unwrap();
    assert_eq!(read(checkpoint.known()).unwrap(), []);
    write(&checkpoint, &[("x", ids("x", 1), true)], 10);
    assert_eq!((fs::read(&manifest).unwrap(), fs::read(&segment).unwrap()), before);
    drop(checkpoint); // killed
    let next = open(dir.path()).unwrap();
    assert_eq!(read(next.known()).unwrap().len(), 2);
    drop(next);
    let checkpoint = Checkpoint::in_directory(dir.path(), &rebuild).unwrap();
    write(&checkpoint, &[("x", ids("x", 1), true)], 10);
    checkpoint.finish().unwrap();
    drop(checkpoint);
    assert!(!segment.exists());
    assert_eq!(read(open(dir.path()).unwrap().known()).unwrap(), expected(&[("x", ids("x", 1))]));
}
