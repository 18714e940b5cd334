//! Segments of a checkpoint whose checksums are right: whoever can write the segment can write the
//! manifest. Reading one ends with facts or an error, never in a panic.
#![no_main]

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};

use keytrail::checkpoint::{
    Checkpoint, CheckpointOptions, CommitLimits, Earlier, FOLDER, Manifest, SegmentEntry, Settings,
};
use keytrail::engine::{self, Plan, Progress};
use keytrail::report::{Existing, ReportDirectory};
use keytrail::source::Input as Source;
use keytrail_fuzz::Input;
use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// A sound checkpoint, and what it was made with.
struct Sound {
    report: TempDir,
    segment: Vec<u8>,
    entry: SegmentEntry,
    settings: Settings,
}

impl Sound {
    fn new() -> Self {
        let report = tempfile::tempdir().expect("a temporary folder");
        let logs = tempfile::tempdir().expect("a temporary folder");
        fs::write(logs.path().join("a.json"), testkit::good(1)).expect("a file can be written");
        fs::write(logs.path().join("b.json"), b"{").expect("a file can be written");
        let mut plan = Plan::new(vec![Source::Path(logs.path().to_owned())]).expect("the rules are sound");
        let settings = Plan::settings(plan.limits, plan.hash);
        plan.checkpoint = Some(open(report.path(), settings).expect("a new checkpoint"));
        let target = logs.path().join("report");
        let mut sink = ReportDirectory::create(&target, Existing::Refuse).expect("a new report");
        engine::run(&plan, &mut sink, &Progress::default()).expect("a run over sound input");
        drop(plan);
        let json = fs::read(folder(&report).join("manifest.json")).expect("a manifest");
        let entry = Manifest::from_json(&json).expect("a sound manifest").segments.remove(0);
        let segment = fs::read(folder(&report).join(&entry.name)).expect("a segment");
        Self { report, segment, entry, settings }
    }
}

fn folder(report: &TempDir) -> PathBuf {
    report.path().join(FOLDER)
}

fn open(report: &Path, settings: Settings) -> Result<Checkpoint, keytrail::checkpoint::CheckpointError> {
    let options = CheckpointOptions { settings, earlier: Earlier::Continue, limits: CommitLimits::default() };
    Checkpoint::in_directory(report, &options)
}

thread_local! {
    static SOUND: RefCell<Sound> = RefCell::new(Sound::new());
}

fuzz_target!(|data: &[u8]| {
    SOUND.with_borrow(|sound| {
        let mut input = Input::new(data);
        // The sound segment with some bytes changed, or any bytes at all.
        let segment = if input.byte() % 8 == 7 {
            input.rest().to_owned()
        } else {
            let mut segment = sound.segment.clone();
            for _ in 0..input.byte() % 8 {
                let at = usize::from(input.word()) % segment.len();
                segment[at] = input.byte();
            }
            let length = segment.len() - usize::from(input.word()) % segment.len();
            segment.truncate(length);
            segment
        };
        let entry = SegmentEntry {
            bytes: segment.len() as u64,
            sha256: Sha256::digest(&segment).iter().map(|byte| format!("{byte:02x}")).collect(),
            ..sound.entry.clone()
        };
        let folder = folder(&sound.report);
        fs::write(folder.join(&entry.name), &segment).expect("a file can be written");
        let manifest = Manifest::new(sound.settings, Vec::new(), vec![entry]);
        fs::write(folder.join("manifest.json"), manifest.to_json().expect("JSON"))
            .expect("a file can be written");
        let Ok(checkpoint) = open(sound.report.path(), sound.settings) else { return };
        for run in checkpoint.known() {
            let Ok(run) = run else { return };
            let mut facts = 0;
            let learned = run.learned(&mut |_, _, _| facts += 1);
            if let (Ok(batch), Ok(())) = (run.all_facts(), learned) {
                assert_eq!(batch.stretches.len(), run.len());
                assert_eq!(batch.stretches.iter().map(|stretch| stretch.learned.len()).sum::<usize>(), facts);
                for row in batch.stretches.iter().flat_map(|stretch| stretch.events.clone()) {
                    let _ = batch.events.event(row);
                }
            }
        }
    });
});
