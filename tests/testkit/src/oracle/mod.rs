//! The oracle: what `analyze` must say, worked out the slow, obvious way.
//!
//! Written from the contract and the domain reference alone, sharing neither code nor ideas with
//! the product: whole inputs in memory, its own parser and splitter, one `serde_json::Value` per
//! row. Where it and the product disagree, one of them misreads the contract. A `--rules` file, an
//! `--aliases` file, the grant ledger and the rebuilding of a query's columns are absent.

pub mod archive;
mod count;
mod input;
pub mod json;
pub mod key;
pub mod knowledge;
pub mod names;
pub mod outcome;
pub mod record;
pub mod search;
mod served;
pub mod sharing;
pub mod workload;
mod wrapped;

use count::Placed;
use knowledge::Knowledge;
use record::{Event, Record};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The SELECT options. A `None` list is `any`; an empty list of the others is `all`.
#[derive(Clone, Debug)]
pub struct Options {
    pub workloads: Option<Vec<String>>,
    pub events: Option<Vec<String>>,
    /// Epoch milliseconds, half open.
    pub since: Option<i64>,
    pub until: Option<i64>,
    pub accounts: Vec<String>,
    pub regions: Vec<String>,
    /// Globs.
    pub keys: Vec<String>,
    pub principals: Vec<String>,
    pub keep_duplicates: bool,
    /// Use the facts of the input?
    pub learn: bool,
    pub max_record_bytes: usize,
}

impl Default for Options {
    fn default() -> Options {
        let workloads =
            "geospatial canvas canvas-forecast forecast feature-store-offline feature-store-online";
        let events = "CreateGrant GenerateDataKey Decrypt GenerateDataKeyWithoutPlaintext";
        let list = |names: &str| Some(names.split_whitespace().map(str::to_owned).collect());
        Options {
            workloads: list(workloads),
            events: list(events),
            since: None,
            until: None,
            accounts: Vec::new(),
            regions: Vec::new(),
            keys: Vec::new(),
            principals: Vec::new(),
            keep_duplicates: false,
            learn: true,
            max_record_bytes: 4 << 20,
        }
    }
}

/// Rows are objects whose members are exactly the columns of the file; times are
/// `YYYY-MM-DDTHH:MM:SS.mmmZ`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// `records`, the nine classes it is the sum of, `conflicts` and `corrected`.
    pub totals: BTreeMap<String, u64>,
    pub usage: Vec<Value>,
    pub daily: Vec<Value>,
    pub events: Vec<Value>,
    /// `archive`, `record_offset`, `reason`; by archive, then offset, those without one last.
    pub rejects: Vec<Value>,
    /// `archive`, `status`, `shape`, `records` and the nine classes.
    pub inputs: Vec<Value>,
    /// Without the rows of keys, and without `note` and `evidence`.
    pub shares: Vec<Value>,
    /// Without calls of KMS.
    pub share_use: Vec<Value>,
}

const CLASSES: [&str; 9] = [
    "selected",
    "duplicate",
    "other_copy",
    "other_source",
    "other_event",
    "other_workload",
    "filtered",
    "not_usage",
    "rejected",
];

/// Analyses inputs given as (URI, bytes as on disk), in any order.
///
/// Runs on a thread with a large stack: the parser recurses, and records may be nested as deep as
/// they like.
pub fn analyze(inputs: &[(String, Vec<u8>)], options: &Options) -> Report {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(512 << 20);
        let worker = thread.spawn_scoped(scope, || analyze_here(inputs, options)).expect("a thread");
        worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Records of each class, one map per input.
type Counts = BTreeMap<&'static str, u64>;

fn analyze_here(inputs: &[(String, Vec<u8>)], options: &Options) -> Report {
    let mut in_order: Vec<&(String, Vec<u8>)> = inputs.iter().collect();
    in_order.sort_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
    let mut report = Report::default();
    let mut candidates: Vec<Placed> = Vec::new();
    let mut input_of: Vec<usize> = Vec::new();
    let mut counts: Vec<Counts> = Vec::new();
    let opened: Vec<(&String, input::Contents)> =
        in_order.into_iter().map(|(uri, raw)| (uri, input::open(raw))).collect();
    let knowledge =
        if options.learn { Knowledge::of(readable(&opened, options)) } else { Knowledge::default() };
    if options.learn {
        (report.shares, report.share_use) = sharing::tell(readable(&opened, options));
    }
    let mut uses = count::Uses::new();
    for (uri, contents) in opened {
        for found in contents.records.iter().filter(|found| found.value_len <= options.max_record_bytes) {
            if let Record::Event(event) = record::read(&found.text, &Knowledge::default()) {
                count::note_use(&mut uses, &event);
            }
        }
        let mut count = Counts::new();
        let mut rejects = contents.rejects.clone();
        *count.entry("other_source").or_default() += contents.foreign;
        for found in &contents.records {
            let start = found.offset;
            match class(&found.text, found.value_len, &knowledge, options) {
                Class::Candidate(event) => {
                    candidates.push(Placed { event: *event, archive: uri.clone(), offset: start });
                    input_of.push(counts.len());
                }
                Class::Rejected(reason) => rejects.push((Some(start), reason)),
                Class::Other(class) => *count.entry(class).or_default() += 1,
            }
        }
        rejects.sort_by_key(|(offset, _)| offset.unwrap_or(usize::MAX));
        *count.entry("rejected").or_default() += rejects.len() as u64;
        report.inputs.push(json!({
            "archive": uri, "shape": contents.shape, "status": status(&contents, rejects.len()),
        }));
        let reject = |(offset, reason)| json!({"archive": uri, "record_offset": offset, "reason": reason});
        report.rejects.extend(rejects.into_iter().map(reject));
        counts.push(count);
    }
    let superseded = match options.keep_duplicates {
        true => BTreeSet::new(),
        false => (0..candidates.len()).filter(|at| knowledge.is_superseded(&candidates[*at].event)).collect(),
    };
    let (classes, conflicts) = classes_of_candidates(&mut candidates, &superseded, options.keep_duplicates);
    for (class, input) in classes.iter().zip(input_of) {
        *counts[input].entry(class).or_default() += 1;
    }
    let selected = candidates.iter().zip(&classes).filter(|(_, class)| **class == "selected");
    report.events = selected.map(|(placed, _)| Value::Object(placed.row())).collect();
    report.usage = count::usage(&report.events, &uses);
    report.daily = count::daily(&report.events);
    total(&mut report, &counts);
    report.totals.insert("conflicts".to_owned(), conflicts);
    report.totals.insert("corrected".to_owned(), superseded.len() as u64);
    report
}

/// Every record that is not too long to be read.
fn readable<'a>(
    opened: &'a [(&String, input::Contents)],
    options: &Options,
) -> impl Iterator<Item = &'a [u8]> {
    let records = opened.iter().flat_map(|(_, contents)| &contents.records);
    records.filter(|found| found.value_len <= options.max_record_bytes).map(|found| found.text.as_ref())
}

fn status(contents: &input::Contents, rejects: usize) -> &'static str {
    match (contents.recognised, rejects) {
        (true, 0) => "complete",
        (true, _) => "partial",
        (false, 0) if !contents.names_records => "skipped",
        (false, _) => "unreadable",
    }
}

/// Fills in the counts of every input and their sums.
fn total(report: &mut Report, counts: &[Counts]) {
    for (input, count) in report.inputs.iter_mut().zip(counts) {
        let of_class = |class: &str| count.get(class).copied().unwrap_or_default();
        let records: u64 = CLASSES.into_iter().map(of_class).sum();
        for (name, number) in
            CLASSES.map(|class| (class, of_class(class))).into_iter().chain([("records", records)])
        {
            input[name] = json!(number);
            *report.totals.entry(name.to_owned()).or_default() += number;
        }
    }
    for name in CLASSES.into_iter().chain(["records"]) {
        report.totals.entry(name.to_owned()).or_default();
    }
}

/// What one record is before it is compared with others.
enum Class {
    Candidate(Box<Event>),
    Rejected(&'static str),
    Other(&'static str),
}

/// In the contract's order: rejected, other_source, not_usage, other_event, filtered,
/// other_workload.
fn class(bytes: &[u8], value_len: usize, knowledge: &Knowledge, options: &Options) -> Class {
    if value_len > options.max_record_bytes {
        return Class::Rejected("record_too_large");
    }
    match record::read(bytes, knowledge) {
        Record::Rejected(reason) => Class::Rejected(reason),
        Record::OtherSource => Class::Other("other_source"),
        Record::NotUsage => Class::Other("not_usage"),
        Record::Event(event) if !is_wanted_event(&event, options) => Class::Other("other_event"),
        Record::Event(event) if !passes_filters(&event, options) => Class::Other("filtered"),
        Record::Event(event) if !is_wanted_workload(&event, options) => Class::Other("other_workload"),
        Record::Event(event) => Class::Candidate(event),
    }
}

fn column(event: &Event, name: &str) -> Option<String> {
    event.columns.get(name)?.as_str().map(str::to_owned)
}

fn is_wanted_event(event: &Event, options: &Options) -> bool {
    let name = column(event, "event_name").unwrap_or_default();
    options.events.as_ref().is_none_or(|wanted| wanted.contains(&name))
}

/// An event with tied labels is selected if any of them is.
fn is_wanted_workload(event: &Event, options: &Options) -> bool {
    options.workloads.as_ref().is_none_or(|wanted| wanted.iter().any(|label| event.labels.contains(label)))
}

fn passes_filters(event: &Event, options: &Options) -> bool {
    let in_time = options.since.is_none_or(|since| event.millis >= since)
        && options.until.is_none_or(|until| event.millis < until);
    let account = column(event, "recipient_account_id").or(column(event, "principal_account_id"));
    let key = &event.key;
    let key_names = [&key.arn, &key.id, &key.alias, &key.destination].map(Clone::clone);
    let exactly = |wanted: &[String], value: Option<String>| {
        wanted.is_empty() || value.is_some_and(|value| wanted.contains(&value))
    };
    let like = |globs: &[String], values: &[Option<String>]| {
        let fits = |value: &String| globs.iter().any(|pattern| names::glob(pattern, value));
        globs.is_empty() || values.iter().flatten().any(fits)
    };
    in_time
        && exactly(&options.accounts, account)
        && exactly(&options.regions, column(event, "region"))
        && like(&options.keys, &key_names)
        && like(&options.principals, &[column(event, "principal")])
}

/// `selected`, `duplicate` or `other_copy` for each event that passed; and the number of conflicts.
fn classes_of_candidates(
    events: &mut [Placed],
    superseded: &BTreeSet<usize>,
    keep_duplicates: bool,
) -> (Vec<&'static str>, u64) {
    let current: Vec<usize> = (0..events.len()).filter(|index| !superseded.contains(index)).collect();
    let (duplicates, conflicts) = count::duplicates(events, &current);
    if keep_duplicates {
        return (vec!["selected"; events.len()], conflicts);
    }
    let distinct: Vec<usize> = current.into_iter().filter(|index| !duplicates.contains(index)).collect();
    let others = count::other_copies(events, &distinct);
    let is_repeated = |index: &usize| duplicates.contains(index) || superseded.contains(index);
    let class = |index: usize| match (is_repeated(&index), others.contains(&index)) {
        (true, _) => "duplicate",
        (_, true) => "other_copy",
        _ => "selected",
    };
    ((0..events.len()).map(class).collect(), conflicts)
}
