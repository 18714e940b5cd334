//! A whole run over one archive: the same with one thread and with two, compressed and plain; the
//! accounting holds (or the run fails).
#![no_main]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use keytrail::engine::{self, EventNames, Plan, Progress, Selection};
use keytrail::format::archive::ArchiveFormat;
use keytrail::format::decode::{Encoding, sniff};
use keytrail::model::{Rejection, WorkloadSet};
use keytrail::report::{Cell, EncodedRow, EventStep, INPUTS, Sink, SinkError};
use keytrail::source::Input as Source;
use keytrail_fuzz::Input;
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

/// All that a run gives out.
#[derive(Debug, Default, PartialEq)]
struct Given {
    /// Day and row, in order or not; what is said of rows to come.
    steps: Vec<(i32, String)>,
    events: u64,
    rejects: Vec<Rejection>,
    inputs: Vec<BTreeMap<&'static str, Cell<'static>>>,
    /// Accounting, groups and days.
    result: String,
}

impl Sink for Given {
    fn event(&mut self, day: i32, step: EventStep<'_>) -> Result<(), SinkError> {
        let text = match step {
            EventStep::Row(row, order) => format!("{order:?} {:?}", row.cells().collect::<Vec<_>>()),
            EventStep::Expected | EventStep::NotExpected => format!("{step:?}"),
        };
        self.events += u64::from(matches!(step, EventStep::Row(..)));
        self.steps.push((day, text));
        Ok(())
    }
    fn reject(&mut self, _: &str, rejection: &Rejection) -> Result<(), SinkError> {
        self.rejects.push(rejection.clone());
        Ok(())
    }
    fn input(&mut self, row: EncodedRow<'_>) -> Result<(), SinkError> {
        let cells = row.cells().map(|cell| match cell {
            Cell::Text(text) => Cell::Text(text.into_owned().into()),
            Cell::Null => Cell::Null,
            Cell::Int(n) => Cell::Int(n),
            Cell::Time(time) => Cell::Time(time),
            Cell::Bool(value) => Cell::Bool(value),
            Cell::Date(day) => Cell::Date(day),
            // `Cell` may get more variants, and the row must outlive its bytes.
            other => panic!("copy {other:?} here, too"),
        });
        self.inputs.push(INPUTS.iter().map(|column| column.name).zip(cells).collect());
        Ok(())
    }
    fn finish_rows(&mut self, _: &dyn Fn() -> bool) -> Result<(), SinkError> {
        Ok(())
    }
}

fn run(plan: &mut Plan, threads: usize) -> Given {
    plan.threads = threads;
    let mut given = Given::default();
    let run = engine::run(plan, &mut given, &Progress::default()).expect("a run over any input ends well");
    run.counts.check().expect("every record is in one class");
    assert_eq!(run.counts.rejected, given.rejects.len() as u64);
    assert_eq!(run.counts.selected, given.events);
    assert_eq!(run.usage.iter().map(|row| row.stats.event_count).sum::<u64>(), run.counts.selected);
    given.result = format!("{:?} {:?} {:?} {:?}", run.counts, run.usage, run.daily, run.observations);
    given
}

/// What must not depend on how the content is stored.
fn without_storage(mut given: Given) -> Given {
    for input in &mut given.inputs {
        input.remove("compressed_bytes");
        input.remove("gzip_members");
        input.remove("modified_time");
        if input["status"] == Cell::Text("skipped".into()) {
            input.remove("content_bytes"); // the search for a wrong checksum reads on
        }
    }
    given
}

thread_local! {
    /// Making the rules takes longer than a run. The folder is below TMPDIR, which run.sh sets to
    /// one in memory and removes.
    static PLAN: RefCell<(Plan, TempDir)> = {
        let folder = tempfile::tempdir().expect("a temporary folder");
        // The same name for all archives: it is in the results.
        let input = Source::Path(folder.path().join("archive.json.gz"));
        let mut plan = Plan::new(vec![input]).expect("the rules are sound");
        plan.hash = true;
        RefCell::new((plan, folder))
    };
}

fn check(plan: &mut Plan, path: &Path, bits: u8, bytes: &[u8]) {
    plan.keep_duplicates = bits & 1 != 0;
    plan.selection = Selection::default();
    if bits & 2 == 0 {
        (plan.selection.workloads, plan.selection.events) = (WorkloadSet::ANY, EventNames::Any);
    }
    plan.limits.record_bytes = [4 << 20, 1000, 300, 64][usize::from(bits >> 2) % 4];

    fs::write(path, bytes).expect("a file can be written");
    let given = run(plan, 1);
    assert_eq!(run(plan, 2), given, "two threads, one thread");

    // What is no JSON by its first stored bytes is told by them, so only plain content can be
    // compared; and a zip file is read by its directory only where it lies in the open.
    let container = ArchiveFormat::detect(&bytes[..bytes.len().min(ArchiveFormat::DETECT_BYTES)]).is_some();
    if sniff(&bytes[..bytes.len().min(6)]) != Encoding::Plain || container {
        return;
    }
    let mut stored = GzEncoder::new(Vec::new(), Compression::fast());
    stored.write_all(bytes).expect("a vector takes all");
    fs::write(path, stored.finish().expect("a vector takes all")).expect("a file can be written");
    let compressed = run(plan, 1);
    assert_eq!(without_storage(compressed), without_storage(given), "compressed, plain");
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let bits = input.byte();
    PLAN.with_borrow_mut(|(plan, folder)| {
        check(plan, &folder.path().join("archive.json.gz"), bits, input.rest())
    });
});
