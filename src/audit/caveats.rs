//! The sentences that keep a reader from taking a number for more than it is.
//!
//! Each has an id that scripts can match on; only those that apply to a run are given.

use crate::aggregate::{Counts, Coverage, InputTotals, Observations};

/// One sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caveat {
    /// Short stable name.
    pub id: &'static str,
    /// What it says.
    pub text: String,
}

/// What the caveats are judged by.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances<'a> {
    /// The accounting.
    pub counts: &'a Counts,
    /// The inputs.
    pub inputs: &'a InputTotals,
    /// The selected events.
    pub observations: &'a Observations,
    /// Accounts, regions, days.
    pub coverage: &'a Coverage,
    /// Every delivered copy was counted.
    pub keep_duplicates: bool,
}

/// The caveats that apply.
pub fn caveats(of: &Circumstances<'_>) -> Vec<Caveat> {
    let Circumstances { counts, inputs, observations: seen, coverage, keep_duplicates } = *of;
    let mut list = Vec::new();
    let mut say = |applies: bool, id: &'static str, text: String| {
        if applies {
            list.push(Caveat { id, text });
        }
    };
    say(
        counts.selected == 0,
        "zero_events",
        "No event was selected. Zero events is not zero use: the trail may exclude KMS, the calls may lie outside this input, and \
         use of AWS owned keys is never recorded in a customer's trail."
            .to_owned(),
    );
    let trails: Vec<&str> = coverage.kms_excluded_by.iter().map(String::as_str).take(2).collect();
    let more = match coverage.kms_excluded_by.len() - trails.len() {
        0 => String::new(),
        n => format!(" and {n} more (coverage in run.json)"),
    };
    say(
        !trails.is_empty(),
        "trail_excludes_kms",
        format!(
            "Set at some time to leave kms.amazonaws.com out: {}{more}. From then on such a trail's archives say nothing about KMS use.",
            trails.join(", ")
        ),
    );
    say(
        !inputs.read_whole(),
        "not_all_read",
        format!(
            "Not everything could be read: rejects.parquet has {} rows, and inputs.parquet names the inputs \
             concerned. Counts are lower bounds.",
            counts.rejected
        ),
    );
    say(
        inputs.misnamed > 0,
        "misnamed_inputs",
        format!(
            "Inputs named as CloudTrail logs that hold no CloudTrail records: {}; see inputs.parquet.",
            inputs.misnamed
        ),
    );
    say(
        inputs.lossy > 0,
        "lossy_inputs",
        format!(
            "Inputs with records put together from the columns a query printed: {}; see shape in inputs.parquet. What was not selected or \
             cannot be told apart is missing there, so that callers, keys and workloads may be, too.",
            inputs.lossy
        ),
    );
    say(
        !super::missing_days(coverage).is_empty(),
        "missing_days",
        "Some delivery days between the first and the last have no archive. CloudTrail writes none when nothing happens, so this may be \
         quiet or loss; see coverage in run.json."
            .to_owned(),
    );
    say(
        true,
        "refusals_at_caller",
        "Calls refused for lack of access are recorded in the caller's account only: an archive of the key owner's account cannot show who \
         in another account was denied."
            .to_owned(),
    );
    say(
        true,
        "aws_owned_keys",
        "Use of AWS owned keys (the default of geospatial jobs and of the online feature store) never appears in a customer's trail, and a \
         data key may serve many operations after one recorded call."
            .to_owned(),
    );
    say(
        seen.bucket_only > 0,
        "bucket_keys",
        format!(
            "Events that name a bucket but no object: {}. S3 Bucket Keys hide which objects, and make far fewer calls than there \
             were reads and writes.",
            seen.bucket_only
        ),
    );
    say(
        seen.by_name > 0,
        "named_by_anyone",
        format!(
            "Events attributed by names of roles, sessions or paths: {}. Anyone who may use those names matches the same \
             rules.",
            seen.by_name
        ),
    );
    say(
        seen.ambiguous > 0,
        "ambiguous_workload",
        format!(
            "Events with equally strong evidence for more than one workload, whose labels are joined with +: {}.",
            seen.ambiguous
        ),
    );
    say(
        seen.assumed_key > 0,
        "assumed_key",
        format!(
            "Events that give a bare key id, whose account and region are assumed to be the record's (key_origin = assumed): {}.",
            seen.assumed_key
        ),
    );
    say(
        seen.without_key > 0,
        "no_key",
        format!("Events that do not say which key they used (key_arn is null): {}.", seen.without_key),
    );
    say(
        seen.owner_copy_only > 0,
        "owner_copy_only",
        format!(
            "Cross-account calls known from the key owner's copy alone, which may name the caller's account but not its role: {}.",
            seen.owner_copy_only
        ),
    );
    say(
        counts.conflicts > 0,
        "conflicts",
        format!(
            "Events that share eventID and account with another event but differ from it, all of them counted: {}.",
            counts.conflicts
        ),
    );
    say(
        seen.without_event_id > 0,
        "no_event_id",
        format!(
            "Events without an eventID, of which copies cannot be recognised: {}.",
            seen.without_event_id
        ),
    );
    say(
        keep_duplicates,
        "duplicates_kept",
        "Every delivered copy was counted (--keep-duplicates): counts are deliveries, not calls.".to_owned(),
    );
    list
}
