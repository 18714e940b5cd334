//! The caveats of `run.json`: sentences that keep a reader from taking a number for more than it
//! is.

use std::fmt::Write;

use super::details::{
    CaveatContext, NEXT_ITEM, accounts_not_covered, disagreeing_names, failed_trail_changes,
    keys_used_otherwise, log_readers, multi_region_keys, not_all_read, shared_by_workloads, stopped_trails,
    trails_excluding_kms, unverified_events,
};
use super::gaps::missing_days_in_words;
use crate::model::counted;

/// A caveat that applies to a run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Caveat {
    /// A short, stable name that scripts can match.
    pub id: &'static str,
    /// Whether it warns of this run, or holds for many runs.
    pub severity: Severity,
    /// The sentence.
    pub text: String,
    /// What the sentence lists, joined with `; `, and is easier to read on lines of its own.
    pub items: Vec<String>,
}

/// How much a caveat matters for a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Severity {
    /// Something about this run limits its numbers. The summary shows it.
    Warning,
    /// It holds for most runs.
    Notice,
}

impl Severity {
    /// The name, for the documentation.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Notice => "notice",
        }
    }
}

/// What stands between the items of [`Caveat::items`] in the sentence.
pub const ITEM_SEPARATOR: &str = "; ";

/// One row of [`CAVEATS`].
#[derive(Debug)]
#[non_exhaustive]
pub struct CaveatRule {
    /// A short, stable name.
    pub id: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// `None` when it does not apply to a run. Otherwise what replaces `{}` in `text`.
    applies: fn(&CaveatContext<'_>) -> Option<String>,
    /// The sentence in `run.json`.
    pub text: &'static str,
    /// When it applies, for the documentation.
    pub doc: &'static str,
}

impl CaveatRule {
    fn caveat(&self, context: &CaveatContext<'_>) -> Option<Caveat> {
        let value = (self.applies)(context)?;
        let items: Vec<String> = match value.contains(NEXT_ITEM) {
            true => value.split(NEXT_ITEM).filter(|item| !item.is_empty()).map(str::to_owned).collect(),
            false => Vec::new(),
        };
        let value = if items.is_empty() { value } else { items.join(ITEM_SEPARATOR) };
        let text = self.text.replacen("{}", &value, 1);
        Some(Caveat { id: self.id, severity: self.severity, text, items })
    }
}

/// The caveats that apply to a run, in the order of [`CAVEATS`].
pub fn caveats(context: &CaveatContext<'_>) -> Vec<Caveat> {
    CAVEATS.iter().filter_map(|rule| rule.caveat(context)).collect()
}

/// All caveats as a Markdown table, as in `docs/what-it-proves.md`.
pub fn caveats_markdown() -> String {
    let mut text = String::from("| id | severity | given when |\n|---|---|---|\n");
    for CaveatRule { id, severity, doc, .. } in CAVEATS {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| `{id}` | {} | {doc} |", severity.as_str());
    }
    text
}

/// For `applies`: no condition, and no `{}` in the text.
const ALWAYS: Option<String> = Some(String::new());

/// For `applies`: a condition, and no `{}` in the text.
fn when(condition: bool) -> Option<String> {
    condition.then(String::new)
}

/// For `applies`: a number that is not zero.
fn count(n: u64) -> Option<String> {
    (n > 0).then(|| n.to_string())
}

/// All caveats. A new caveat is one row here, and a case in the test of caveats.
pub static CAVEATS: &[CaveatRule] = &[
    CaveatRule {
        id: "zero_events",
        severity: Severity::Notice,
        applies: |c| when(c.counts.selected == 0),
        text: "No event was selected. That does not prove that no key was used: the trail may \
            exclude KMS, the calls may be outside this input, and CloudTrail never records \
            the use of AWS owned keys in a customer's trail.",
        doc: "nothing was selected",
    },
    CaveatRule {
        id: "trail_excludes_kms",
        severity: Severity::Warning,
        applies: trails_excluding_kms,
        text: "Trails or event data stores were set to leave out KMS calls: all of them, those \
            that only read (Decrypt, GenerateDataKey), those that do not (CreateGrant), or some \
            by name: {}. While this was set, their archives lack KMS use.",
        doc: "a record sets a trail or an event data store to leave out calls by which keys are used",
    },
    CaveatRule {
        id: "logging_stopped",
        severity: Severity::Warning,
        applies: stopped_trails,
        text: "Trails or event data stores that were stopped or deleted: {}. Calls made while no trail was logging are \
            not in any archive. coverage.trail_periods of run.json lists all periods.",
        doc: "a record stops or deletes a trail or an event data store",
    },
    CaveatRule {
        id: "trail_change_failed",
        severity: Severity::Warning,
        applies: failed_trail_changes,
        text: "Somebody tried to stop, delete or reconfigure a trail or an event data store. The calls failed and changed \
            nothing: {}.",
        doc: "a call that stops, deletes or reconfigures a trail or an event data store failed",
    },
    CaveatRule {
        id: "nothing_learned",
        severity: Severity::Warning,
        applies: |c| when(!c.learn),
        text: "Nothing was learned from the input (--no-learn): workloads that only other \
            records show are missing, calls that name only an alias have no key, corrected \
            events count beside their corrections, and stopped trails are not reported.",
        doc: "`--no-learn` was given",
    },
    CaveatRule {
        id: "not_all_read",
        severity: Severity::Warning,
        applies: not_all_read,
        text: "Not everything could be read, so the counts are lower bounds: {}inputs.parquet \
            names the inputs.",
        doc: "something could not be read: the counts are lower bounds",
    },
    CaveatRule {
        id: "skipped_unread",
        severity: Severity::Warning,
        applies: |c| count(c.inputs.hidden),
        text: "Skipped inputs that may hold records: {}. Nothing of them is counted, and \
            inputs.parquet says why. Decompress or unpack them, save them as UTF-8, or \
            look at what precedes the first record. Then run again.",
        doc: "a skipped input may hold records: it has an unsupported compression or encoding, is \
            nested too deep, or its beginning is lost",
    },
    CaveatRule {
        id: "unreadable_wrappings",
        severity: Severity::Warning,
        applies: |c| count(c.inputs.unknown_envelopes),
        text: "Inputs that name KMS or members of records, in a form that is not read: {}. Their \
            events are missing in this report. inputs.parquet names them (reason \
            unreadable_wrapping); docs/report-schema.md lists the forms that are read.",
        doc: "an input names KMS or members of records, in a form that is not read",
    },
    CaveatRule {
        id: "misnamed_inputs",
        severity: Severity::Warning,
        applies: |c| count(c.inputs.misnamed),
        text: "Inputs named as CloudTrail logs that hold no CloudTrail records: {}. See \
            inputs.parquet.",
        doc: "an input is named like a CloudTrail log, but holds no records",
    },
    CaveatRule {
        id: "lossy_inputs",
        severity: Severity::Warning,
        applies: |c| count(c.inputs.lossy),
        text: "Inputs whose records were rebuilt from what another tool wrote: {} (shape in \
            inputs.parquet). What the tool left out is not known: callers, keys and workloads \
            may be missing. Export whole records to have them all.",
        doc: "records were rebuilt from columns or texts that another tool wrote",
    },
    CaveatRule {
        id: "missing_days",
        severity: Severity::Warning,
        applies: |c| {
            let missing = missing_days_in_words(c.coverage);
            let list: String = missing.iter().map(|item| format!("{NEXT_ITEM}{item}")).collect();
            Some(list).filter(|list| !list.is_empty())
        },
        text: "Days between the first and the last delivery have no archive: {}. CloudTrail \
            writes none when nothing happens, so these may be quiet days or a loss. \
            coverage in run.json lists all of them.",
        doc: "a delivery day between the first and the last has no archive",
    },
    CaveatRule {
        id: "refusals_at_caller",
        severity: Severity::Notice,
        applies: |_| ALWAYS,
        text: "CloudTrail records a call that was refused for lack of access in the caller's \
            account only. To see who in another account was refused, read the archives of \
            that account.",
        doc: "always",
    },
    CaveatRule {
        id: "aws_owned_keys",
        severity: Severity::Notice,
        applies: |_| ALWAYS,
        text: "CloudTrail never records the use of AWS owned keys in a customer's trail. \
            Geospatial jobs and the online feature store use such keys by default. And one \
            recorded call for a data key may stand for many operations.",
        doc: "always",
    },
    CaveatRule {
        id: "bucket_keys",
        severity: Severity::Notice,
        applies: |c| count(c.observations.bucket_only),
        text: "Events that name a bucket but no object: {}. An S3 Bucket Key hides the \
            objects, and saves calls: there were far more reads and writes.",
        doc: "a selected event names a bucket but no object",
    },
    CaveatRule {
        id: "unattributed_bucket_keys",
        severity: Severity::Warning,
        applies: |c| (c.coverage.unattributed > 0).then(|| counted(c.coverage.unattributed, "call")),
        text: "{} for S3 buckets could not be given to a workload, because an S3 Bucket Key hides \
            the object. Such calls are not counted. Add `--workload any` to see them.",
        doc: "records that were not selected name a bucket but no object, and nothing else shows a \
            particular workload",
    },
    CaveatRule {
        id: "named_by_anyone",
        severity: Severity::Notice,
        applies: |c| count(c.observations.by_name),
        text: "Events attributed by names of roles, sessions or paths: {}. Anyone who may use \
            those names gets the same label.",
        doc: "a selected event is attributed by names or paths",
    },
    CaveatRule {
        id: "ambiguous_workload",
        severity: Severity::Warning,
        applies: |c| count(c.observations.ambiguous),
        text: "Events with equally strong evidence for more than one workload, whose labels are \
            joined with +: {}.",
        doc: "a selected event has two labels",
    },
    CaveatRule {
        id: "shared_by_workloads",
        severity: Severity::Notice,
        applies: shared_by_workloads,
        text: "Used for more than one workload: {}. The label of one call says nothing about \
            the other calls of that key or principal.",
        doc: "a key or a principal was used for more than one workload",
    },
    CaveatRule {
        id: "keys_used_otherwise",
        severity: Severity::Warning,
        applies: keys_used_otherwise,
        text: "Keys that were last used by a call outside the selection: {}. last_event_time \
            covers the selected calls only; key_last_used_time in usage.parquet covers all \
            calls that were read.",
        doc: "a key in `usage` was used later by a call that was not selected",
    },
    CaveatRule {
        id: "too_many_keys",
        severity: Severity::Warning,
        applies: |c| when(c.activity.has_forgotten_keys()),
        text: "The input has more than 100,000 keys, and keytrail keeps the last use of \
            100,000. An empty key_last_used_time may mean that it is not known. Run \
            keytrail for one account or region at a time.",
        doc: "the input has more keys than keytrail keeps the last use of",
    },
    CaveatRule {
        id: "log_readers",
        severity: Severity::Notice,
        applies: log_readers,
        text: "Callers that decrypted log files of CloudTrail (aws:cloudtrail:arn in the \
            encryption context), with the number of their calls, selected or not: {}. \
            CloudTrail's own delivery is not among them.",
        doc: "someone other than CloudTrail decrypted its log files",
    },
    CaveatRule {
        id: "service_calls",
        severity: Severity::Notice,
        applies: |c| count(c.observations.by_service),
        text: "Calls of AWS services under their own identity: {}. Their records name neither \
            a role nor whose job it was.",
        doc: "an AWS service made a selected call under its own identity, which names no role",
    },
    CaveatRule {
        id: "through_s3",
        severity: Severity::Notice,
        applies: |c| count(c.observations.through_s3),
        text: "Calls that S3 made with a caller's session: {}. For these, invoked_by is S3, \
            not the service that asked S3 for an object.",
        doc: "S3 made a selected call with the caller's session",
    },
    CaveatRule {
        id: "log_delivery",
        severity: Severity::Notice,
        applies: |c| count(c.observations.log_delivery),
        text: "Calls by which CloudTrail delivered its own logs (cloudtrail.amazonaws.com, \
            with aws:cloudtrail:arn in the encryption context): {}.",
        doc: "a selected event belongs to CloudTrail's own log delivery",
    },
    CaveatRule {
        id: "omitted_fields",
        severity: Severity::Warning,
        applies: |c| count(c.observations.omitted),
        text: "Events of which something was left out as too large, or hidden (omitted_fields): \
            {}. An empty column of such an event may mean that the value is not known.",
        doc: "something was left out of a selected event as too large, or hidden",
    },
    CaveatRule {
        id: "accounts_not_covered",
        severity: Severity::Notice,
        applies: accounts_not_covered,
        text: "Accounts of keys or callers, of which the input has no archive: {}. What else \
            they did with these keys is not known. Add their archives to see it.",
        doc: "a key or a caller belongs to an account of which the input holds nothing",
    },
    CaveatRule {
        id: "multi_region_keys",
        severity: Severity::Notice,
        applies: |c| count(multi_region_keys(c)),
        text: "Multi-Region keys used: {}. CloudTrail records the use of their replicas in \
            the replicas' regions, under other ARNs (key_family is the same).",
        doc: "a selected event uses a multi-Region key; calls to its replicas are recorded \
            elsewhere",
    },
    CaveatRule {
        id: "assumed_key",
        severity: Severity::Notice,
        applies: |c| count(c.observations.assumed_key),
        text: "Events that give a bare key id, so that keytrail assumes the account and \
            region of the record for the key (key_origin = assumed): {}.",
        doc: "a selected event gives a bare key id, whose account and region were assumed",
    },
    CaveatRule {
        id: "no_key",
        severity: Severity::Notice,
        applies: |c| count(c.observations.without_key),
        text: "Events that do not say which key they used (key_arn is null): {}.",
        doc: "a selected event does not name its key",
    },
    CaveatRule {
        id: "unknown_callers",
        severity: Severity::Warning,
        applies: |c| count(c.observations.unknown_caller),
        text: "Events that do not say who called, so that their principal is `unknown` or a mask \
            such as `***`, behind which several callers may be: {}. CloudTrail always says it: \
            another program left it out. Look at the archive itself.",
        doc: "a selected event does not say who called, or its caller is masked (`***`, `XXXX`, \
            `REDACTED`, `<account>`)",
    },
    CaveatRule {
        id: "owner_copy_only",
        severity: Severity::Warning,
        applies: |c| count(c.observations.owner_copy_only),
        text: "Cross-account calls of which the input has only the key owner's record, which \
            may name the caller's account but not its role: {}. Add the archives of the \
            caller's account to see who it was.",
        doc: "the input has only the key owner's record of a cross-account call",
    },
    CaveatRule {
        id: "conflicts",
        severity: Severity::Warning,
        applies: |c| count(c.counts.conflicts),
        text: "Events that share eventID and account with another event but differ from it, \
            all of them counted: {}. CloudTrail does not write such events: find out where \
            the archives come from.",
        doc: "events share `eventID` and account, but differ",
    },
    CaveatRule {
        id: "foreign_corrections",
        severity: Severity::Warning,
        applies: |c| count(c.observations.foreign_corrections),
        text: "Events that a correction replaced which is only in archives of another account, by \
            their names: {}. CloudTrail delivers a correction to the account of the event: find \
            out where these archives come from. superseded.parquet lists the events (class \
            corrected).",
        doc: "a correction that replaced a selected event is only in archives that are, by their \
            names, of another account",
    },
    CaveatRule {
        id: "disbelieved_corrections",
        severity: Severity::Warning,
        applies: |c| count(c.observations.disbelieved_corrections),
        text: "Corrections in archives that digests do not verify: {}. With --trust verified they \
            replaced nothing, so they count beside their originals.",
        doc: "with `--trust verified`: a correction is in an archive that is not `valid`",
    },
    CaveatRule {
        id: "disbelieved_copies",
        severity: Severity::Warning,
        applies: |c| count(c.observations.disbelieved_copies),
        text: "Selected events with a sharedEventID in archives that digests do not verify: {}. With \
            --trust verified they replaced no other account's record of the call, and none replaced \
            them: some calls may count twice.",
        doc: "with `--trust verified`: a selected event with a `sharedEventID` is in an archive that is not \
            `valid`",
    },
    CaveatRule {
        id: "disbelieved_facts",
        severity: Severity::Warning,
        applies: |c| count(c.observations.disbelieved_facts),
        text: "Statements about workloads, sessions, aliases and folders in archives that digests do \
            not verify: {}. With --trust verified nothing was learned from them.",
        doc: "with `--trust verified`: a record that says something about others is in an archive that is \
            not `valid`",
    },
    CaveatRule {
        id: "no_event_id",
        severity: Severity::Warning,
        applies: |c| count(c.observations.without_event_id),
        text: "Events without an eventID, of which copies cannot be recognised: {}. Each copy \
            counts.",
        doc: "a selected event has no `eventID`: its copies are not recognised",
    },
    CaveatRule {
        id: "duplicates_kept",
        severity: Severity::Warning,
        applies: |c| when(c.keep_duplicates),
        text: "Every delivered copy was counted (--keep-duplicates): counts are deliveries, not \
            calls.",
        doc: "`--keep-duplicates` was given",
    },
    CaveatRule {
        id: "events_gone",
        severity: Severity::Warning,
        applies: |c| count(c.events_gone),
        text: "KMS events that an earlier run had in its report, and that no archive has now: {}. \
            Archives were replaced, shortened or emptied since then (archives_replaced in \
            run.json), so these events have left the report. The next run does not say so \
            again.",
        doc: "in a run with `--incremental`: archives have changed, and events that earlier runs \
            found in them are in no archive any more",
    },
    CaveatRule {
        id: "integrity_broken",
        severity: Severity::Warning,
        applies: |c| (c.integrity.broken() > 0).then(|| c.integrity.sentence()),
        text: "Digests show that files were changed, removed or added: {}. integrity.parquet names \
            them. The events in such archives are counted (`integrity` in the tables).",
        doc: "a digest or a log file is `invalid`, `missing` or `unlisted` in `integrity.parquet`",
    },
    CaveatRule {
        id: "integrity_without_keys",
        severity: Severity::Notice,
        applies: |c| when(!c.integrity.is_empty() && !c.integrity.has_keys),
        text: "The input has digests, but no public keys were given, so no archive is verified. Save \
            the output of `aws cloudtrail list-public-keys` for this time and Region, and give it \
            with --digest-keys.",
        doc: "the input has digests, and `--digest-keys` was not given",
    },
    CaveatRule {
        id: "unverified_events",
        severity: Severity::Notice,
        applies: |c| unverified_events(c).map(|n| n.to_string()),
        text: "Selected events in archives that no digest verifies: {}. What digests say of the \
            public keys rests on whoever gave them (key_source in integrity.parquet).",
        doc: "the input has digests, and a selected event is in an archive that is not `valid`",
    },
    CaveatRule {
        id: "names_disagree",
        severity: Severity::Warning,
        applies: disagreeing_names,
        text: "Archives whose names say another account or region than the KMS records in \
            them: {}. The report uses the records. But folders in S3 are chosen, and \
            missing days are found, by names.",
        doc: "an archive's name says another account or region than a KMS record in it",
    },
    CaveatRule {
        id: "folders_chosen",
        severity: Severity::Notice,
        applies: |c| when(c.chose_folders),
        text: "In S3, keytrail listed only the folders of the accounts, regions and delivery \
            days that you asked for (--account, --region, --since, and --until with \
            --delivery-slack). Records in other folders are not counted, and nothing was \
            learned from them, even if they were delivered there late. A key may have been \
            used later than key_last_used_time says. Add --no-prune to read all folders.",
        doc: "the input is in S3, and `--account`, `--region`, `--since` or `--until` was given: \
            folders that cannot match were not listed ([s3.md](s3.md#which-folders-are-read)); \
            `--no-prune` lists them",
    },
];
