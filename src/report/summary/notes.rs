//! Sentences about a run that `keytrail events` shows, too: what narrowed it, what could not be
//! read, and why nothing was selected.

use std::fmt::Write;

use crate::aggregate::{Counts, InputStatus, InputTotals};
use crate::model::{SkipReason, counted};
use crate::report::run::RunOptions;
use crate::report::text::{number, printable};

/// The inputs and records that could not be read, the inputs without archives, and those that were
/// skipped: the first few, and how many more there are. Empty when everything was read.
pub fn unread_inputs(inputs: &InputTotals) -> String {
    let mut text = String::new();
    for problem in &inputs.problems {
        let _ = writeln!(text, "not read: {}", printable(problem));
    }
    let all = inputs.rejects.values().sum::<u64>() + inputs.count(InputStatus::Unreadable);
    let shown = inputs.problems.len() as u64;
    if all > shown {
        let _ = writeln!(text, "not read: {} more", number(all - shown));
    }
    for uri in &inputs.empty {
        let _ = writeln!(text, "empty: no archive in {}", printable(uri));
    }
    let more = inputs.skipped_for(SkipReason::NoArchive) - inputs.empty.len() as u64;
    if more > 0 {
        let _ = writeln!(text, "empty: {} more", number(more));
    }
    if !inputs.named_skipped.is_empty() {
        let _ = writeln!(text, "skipped: {}", skipped_inputs(inputs));
    }
    text
}

/// The first few inputs that were skipped for a reason that is worth a name, and how many more
/// there are.
fn skipped_inputs(inputs: &InputTotals) -> String {
    let all: u64 = inputs.skipped.iter().filter(|(reason, _)| reason.is_worth_a_name()).map(|(_, n)| n).sum();
    let shown: Vec<String> = inputs
        .named_skipped
        .iter()
        .map(|(uri, reason)| format!("{} ({})", printable(uri), reason.in_words()))
        .collect();
    let more = match all.saturating_sub(shown.len() as u64) {
        0 => String::new(),
        n => format!(", and {} more", number(n)),
    };
    format!("{}{more}", shown.join(", "))
}

/// What narrows the run, beside workloads and APIs: the options, and how many folders of S3 were
/// not listed because of them.
pub fn scope(options: &RunOptions, unlisted_folders: u64) -> Option<String> {
    let lists = options.filters().into_iter().filter(|(_, values)| !values.is_empty());
    let mut parts: Vec<String> = lists.map(|(name, values)| format!("{name} {}", first_of(values))).collect();
    parts.extend(options.since.as_ref().map(|time| format!("since {time}")));
    parts.extend(options.until.as_ref().map(|time| format!("until {time}")));
    let unlisted = match unlisted_folders {
        0 => String::new(),
        n => format!(": {} not listed", counted(n, "folder")),
    };
    (!parts.is_empty()).then(|| printable(&format!("{}{unlisted}", parts.join(", "))))
}

/// The first few values of an option.
fn first_of(values: &[String]) -> String {
    const SHOWN: usize = 3;
    let more = match values.len().saturating_sub(SHOWN) {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    format!("{}{more}", values[..values.len().min(SHOWN)].join(","))
}

/// A run that selected nothing.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct ZeroResult<'a> {
    /// Its options.
    pub options: &'a RunOptions,
    /// Its accounting.
    pub counts: &'a Counts,
    /// Its inputs.
    pub inputs: &'a InputTotals,
    /// Trails that were set to leave KMS out.
    pub trails_without_kms: &'a [String],
    /// Values of options that match no KMS event at all.
    pub unmatched: usize,
    /// Folders of S3 that were not listed because of the options.
    pub unlisted_folders: u64,
}

/// What may explain that nothing was selected, the most likely cause first.
pub fn zero_result_causes(run: &ZeroResult<'_>) -> Vec<String> {
    let ZeroResult { options, counts, inputs, trails_without_kms, unmatched, unlisted_folders } = *run;
    // Other APIs or workloads cannot help where a value matches nothing.
    let may_widen = unmatched == 0;
    let kms = counts.records - counts.other_source - counts.rejected;
    let all = inputs.total();
    let empty = inputs.skipped_for(SkipReason::NoArchive);
    let unreadable = inputs.count(InputStatus::Unreadable);
    let causes = [
        (all == empty && unlisted_folders == 0, "there is no archive in the inputs named".to_owned()),
        (
            all == empty && unlisted_folders > 0,
            format!(
                "no folder that was listed has an archive; {} not listed because of {}: \
                 --no-prune lists all",
                match unlisted_folders {
                    1 => "1 folder was".to_owned(),
                    n => format!("{n} folders were"),
                },
                options.narrowing().join(" or ")
            ),
        ),
        (
            all > empty && all == inputs.count(InputStatus::Skipped),
            "none of the inputs is a CloudTrail archive".to_owned(),
        ),
        (unreadable > 0, format!("{} could not be read", counted(unreadable, "input"))),
        (
            counts.records > 0 && counts.records == counts.rejected,
            "nothing in the inputs could be read: rejects.parquet says where and why".to_owned(),
        ),
        (
            counts.records > counts.rejected && kms == 0,
            format!(
                "of {}, none is of kms.amazonaws.com: the trail may exclude KMS events (its event \
                 selectors say), or record data events only",
                counted(counts.records, "record")
            ),
        ),
        (
            counts.filtered > 0,
            format!("{} outside {}", counted(counts.filtered, "KMS event"), options.narrowing().join(" or ")),
        ),
        (
            counts.other_workload > 0 && may_widen,
            format!(
                "{} {} to other workloads: try --workload any",
                counted(counts.other_workload, "call"),
                if counts.other_workload == 1 { "belongs" } else { "belong" }
            ),
        ),
        (
            counts.other_event > 0 && may_widen,
            format!(
                "{} {} of other APIs: try --event any",
                counted(counts.other_event, "KMS event"),
                if counts.other_event == 1 { "is" } else { "are" }
            ),
        ),
        (
            counts.not_usage > 0,
            format!(
                "{} without use of a key (network activity, insights, dry runs)",
                counted(counts.not_usage, "KMS record")
            ),
        ),
        (
            !trails_without_kms.is_empty(),
            format!("these trails were set to leave KMS out: {}", trails_without_kms.join(", ")),
        ),
        (kms == 0, "use of AWS owned keys is never recorded in a customer's trail".to_owned()),
    ];
    let applying = causes.into_iter().filter(|(applies, _)| *applies);
    applying.map(|(_, text)| printable(&text)).collect()
}
