//! The sentences that keep a reader from taking a number for more than it is.
//!
//! Each has an id that scripts can match on; only those that apply to a run are given.

use std::collections::{BTreeMap, BTreeSet};

use crate::aggregate::{Counts, Coverage, InputTotals, Observations, UsageRow};
use crate::knowledge::Facts;
use crate::model::{TrailChange, multi_region_id};

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
    /// What the inputs have taught.
    pub lessons: &'a Facts,
    /// They were read for what they teach.
    pub learn: bool,
    /// The groups of selected events.
    pub usage: &'a [UsageRow],
    /// Every delivered copy was counted.
    pub keep_duplicates: bool,
    /// Folders of S3 were chosen by their names.
    pub chose_folders: bool,
}

/// The caveats that apply.
pub fn caveats(of: &Circumstances<'_>) -> Vec<Caveat> {
    let Circumstances {
        counts,
        inputs,
        observations: seen,
        coverage,
        usage,
        lessons,
        learn,
        keep_duplicates,
        chose_folders,
    } = *of;
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
            "Set at some time to leave kms.amazonaws.com out, or what only reads (Decrypt and GenerateDataKey do): {}{more}. From then on such a trail's archives say nothing about KMS use.",
            trails.join(", ")
        ),
    );
    let ended = |change: &&TrailChange| change.by.event_name != "StartLogging";
    let stopped: BTreeSet<&str> =
        lessons.trails.iter().filter(ended).map(|change| change.trail.as_str()).collect();
    let some: Vec<&str> = stopped.iter().copied().take(2).collect();
    let more = if stopped.len() > some.len() {
        format!(" and {} more", stopped.len() - some.len())
    } else {
        String::new()
    };
    say(
        !some.is_empty(),
        "logging_stopped",
        format!(
            "Trails stopped or deleted at some time: {}{more}. Calls made while no trail was logging are not in any archive; when that was, \
             is in coverage.trails_stopped_or_started of run.json.",
            some.join(", ")
        ),
    );
    say(
        !learn,
        "nothing_learned",
        "The input was read once (--no-learn): settings, jobs and sessions that other records tell of were not used to attribute events, aliases \
         alone were not resolved, corrections did not replace what they correct, and stopped trails were not looked for."
            .to_owned(),
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
        inputs.hidden > 0,
        "skipped_unread",
        format!(
            "Skipped inputs that may hold records: {}. inputs.parquet says why: decompress or unpack them, save them as UTF-8, or look at what \
             precedes the first record, and run again. Nothing of them is counted.",
            inputs.hidden
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
        coverage.unattributed > 0,
        "unattributed_bucket_keys",
        format!(
            "Further records that name a bucket but no object, and show no particular workload by anything else: {}. They were not selected, and any \
             of the workloads asked for may be behind them.",
            coverage.unattributed
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
    let (keys, principals) =
        (shared(usage, |g| g.0.key_arn.as_deref()), shared(usage, |g| Some(&g.0.principal)));
    say(
        keys + principals > 0,
        "shared_by_workloads",
        format!(
            "Used for more than one workload: keys {keys}, principals {principals}. What one of these did by other calls need not belong to \
             the workload that it was seen with."
        ),
    );
    say(
        seen.by_service > 0,
        "service_calls",
        format!(
            "Calls of AWS services under their own identity: {}. Their records name no role, and not whose job they served.",
            seen.by_service
        ),
    );
    say(
        seen.through_s3 > 0,
        "through_s3",
        format!(
            "Calls that S3 made with a caller's session: {}. invoked_by is S3 then, and not the service that asked S3 for an object.",
            seen.through_s3
        ),
    );
    say(
        seen.log_delivery > 0,
        "log_delivery",
        format!(
            "Calls of CloudTrail's own log delivery (aws:cloudtrail:arn in the encryption context), to which no rule on S3 paths is \
             applied: {}.",
            seen.log_delivery
        ),
    );
    say(
        seen.omitted > 0,
        "omitted_fields",
        format!(
            "Events of which CloudTrail left out something as too large (omitted_fields): {}. What their columns do not say is not known \
             rather than absent.",
            seen.omitted
        ),
    );
    let elsewhere = not_covered(usage, coverage);
    let names: Vec<&str> = elsewhere.iter().copied().take(LISTED).collect();
    let more = match elsewhere.len() - names.len() {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    say(
        !elsewhere.is_empty(),
        "accounts_not_covered",
        format!(
            "Accounts of keys or callers, of which the input has no archive: {}{more}. What else they did with these keys is not in it.",
            names.join(", ")
        ),
    );
    let families: BTreeSet<&str> =
        usage.iter().filter_map(|(group, _)| multi_region_id(group.key_id.as_deref()?)).collect();
    say(
        !families.is_empty(),
        "multi_region_keys",
        format!(
            "Multi-Region keys used: {}. Use of their replicas is recorded in the replicas' regions, under other ARNs (key_family is the \
             same).",
            families.len()
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
    say(
        chose_folders,
        "folders_chosen",
        "In S3, only the folders of the accounts, regions and delivery days asked for were listed (--account, --region, --since, and --until with \
         --delivery-slack). What lies in others is in no count, and has taught nothing: not even a record that was delivered there late. \
         --no-prune reads them, too."
            .to_owned(),
    );
    list
}

/// So many accounts are named in a sentence.
const LISTED: usize = 5;

/// How many keys, or principals, were used for more than one workload. Labels that say no more than that nothing is known do not count.
fn shared<'u>(usage: &'u [UsageRow], name: impl Fn(&'u UsageRow) -> Option<&'u str>) -> usize {
    let mut workloads: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for row in usage {
        let labels = row.0.workload.split('+');
        let known = labels.filter(|label| !["other", "unknown", "s3-unattributed"].contains(label));
        if let Some(name) = name(row) {
            workloads.entry(name).or_default().extend(known);
        }
    }
    workloads.values().filter(|labels| labels.len() > 1).count()
}

/// Accounts that own keys or called, but of which the input has neither archives nor records of their own.
fn not_covered<'u>(usage: &'u [UsageRow], coverage: &Coverage) -> BTreeSet<&'u str> {
    let accounts = usage.iter().flat_map(|(group, _)| [&group.key_account_id, &group.principal_account_id]);
    accounts.flatten().map(|account| &**account).filter(|a| !coverage.scopes.contains_key(*a)).collect()
}
