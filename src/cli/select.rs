//! The SELECT options, resolved: names checked, times made absolute, files read.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use chrono::{NaiveDate, Utc};
use tracing::warn;

use super::CliError;
use super::args::{Common, Folders, S3, Select, Span};
use keytrail::classify::{Classifier, RuleFile};
use keytrail::engine::{EventNames, Limits, Pattern, Plan, Selection};
use keytrail::knowledge::Aliases;
use keytrail::model::{EventTime, Workload, WorkloadSet, error_chain};
use keytrail::parse::{ListedAlias, parse_alias_list};
use keytrail::report::RunOptions;
use keytrail::s3::{Access, Buckets};
use keytrail::source::{Input, PruneFilter};

/// The plan for these options, and the options as `run.json` tells them.
pub(super) fn plan(
    (select, folders, s3): (&Select, &Folders, &S3),
    common: &Common,
    exclude: Option<&Path>,
    cancel: Arc<AtomicBool>,
) -> Result<(Plan, RunOptions), CliError> {
    refuse_empty(select)?;
    let now = Utc::now().timestamp_millis();
    let time = |option: &str, text: &Option<String>| -> Result<Option<EventTime>, CliError> {
        text.as_deref().map(|t| moment(t, now).ok_or_else(|| bad_time(option, t))).transpose()
    };
    let (since, until) = (time("--since", &select.since)?, time("--until", &select.until)?);
    if let (Some(since), Some(until)) = (since, until)
        && since >= until
    {
        let text = format!("--since {} is not before --until {}", since.to_rfc3339(), until.to_rfc3339());
        return Err(CliError::Usage(text));
    }
    let patterns = |list: &[String]| -> Result<Vec<Pattern>, CliError> {
        list.iter().map(|p| Pattern::new(p).map_err(|e| CliError::Usage(e.to_string()))).collect()
    };
    let selection = Selection {
        workloads: workloads(&select.workload)?,
        events: events(&select.event)?,
        since,
        until,
        accounts: select.account.clone(),
        regions: select.region.clone(),
        keys: patterns(&select.key)?,
        principals: patterns(&select.principal)?,
    };
    let prune = if folders.no_prune {
        PruneFilter::default()
    } else {
        PruneFilter::new(&select.account, &select.region, since, until, folders.delivery_slack)
    };
    let plan = Plan {
        inputs: inputs(&select.inputs)?,
        exclude: exclude.map(Path::to_owned),
        selection,
        classifier: classifier(select.rules.as_deref())?,
        limits: Limits { archive_bytes: select.max_archive_bytes, record_bytes: select.max_record_bytes },
        keep_duplicates: select.keep_duplicates,
        learn: !select.no_learn,
        aliases: aliases(select.aliases.as_deref())?,
        hash: select.hash,
        extracts: None,
        threads: usize::from(common.threads),
        prune,
        buckets: buckets(s3),
        cancel,
    };
    check_buckets(&plan)?;
    let options = RunOptions {
        inputs: select.inputs.iter().map(|path| path.to_string_lossy().into_owned()).collect(),
        workload: select.workload.clone(),
        event: select.event.clone(),
        since: since.map(EventTime::to_rfc3339),
        until: until.map(EventTime::to_rfc3339),
        account: select.account.clone(),
        region: select.region.clone(),
        key: select.key.clone(),
        principal: select.principal.clone(),
        rules: select.rules.as_ref().map(|path| path.to_string_lossy().into_owned()),
        aliases: select.aliases.as_ref().map(|path| path.to_string_lossy().into_owned()),
        learn: !select.no_learn,
        keep_duplicates: select.keep_duplicates,
        hash: select.hash,
        max_archive_bytes: select.max_archive_bytes,
        max_record_bytes: select.max_record_bytes,
        delivery_slack_days: (!folders.no_prune).then_some(folders.delivery_slack),
    };
    Ok((plan, options))
}

pub(super) fn inputs(named: &[PathBuf]) -> Result<Vec<Input>, CliError> {
    named.iter().map(|name| input(name)).collect()
}

pub(super) fn input(name: &Path) -> Result<Input, CliError> {
    Input::parse(name).map_err(|e| CliError::Usage(error_chain(&e)))
}

pub(super) fn buckets(s3: &S3) -> Buckets {
    let mut access = Access::default();
    access.requester_pays = s3.requester_pays;
    access.path_style = s3.path_style;
    access.fips = s3.fips;
    access.dual_stack = s3.dual_stack;
    Buckets::new(access)
}

/// Asks for every address in S3 once before a run begins: what is wrong with all of it must not look like a run that could not read something.
pub(super) fn check_buckets(plan: &Plan) -> Result<(), CliError> {
    for input in &plan.inputs {
        if let Input::S3(address) = input {
            plan.buckets.open(&address.bucket)?.check(&address.key)?;
        }
    }
    Ok(())
}

pub(super) fn classifier(rules: Option<&Path>) -> Result<Classifier, CliError> {
    let Some(path) = rules else { return Ok(Classifier::new(None)?) };
    let name = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|error| CliError::Read { path: name.clone(), error })?;
    Ok(Classifier::new(Some(RuleFile { name: &name, text: &text }))?)
}

/// What the user's list of aliases says. An alias without a date is taken to have pointed there always.
fn aliases(list: Option<&Path>) -> Result<Aliases, CliError> {
    let mut aliases = Aliases::default();
    let Some(path) = list else { return Ok(aliases) };
    let name = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|error| CliError::Read { path: name.clone(), error })?;
    let list = parse_alias_list(&text)
        .map_err(|error| CliError::Usage(format!("--aliases {name}: {}", error_chain(&error))))?;
    for ListedAlias { alias, key, since, .. } in list {
        aliases.insert(alias, since.unwrap_or(EventTime(i64::MIN)), key);
    }
    Ok(aliases)
}

/// An empty item is a mistake, such as a shell variable that is not set: taken at its word it would select nothing, or everything.
fn refuse_empty(select: &Select) -> Result<(), CliError> {
    let lists = [
        ("--workload", &select.workload),
        ("--event", &select.event),
        ("--account", &select.account),
        ("--region", &select.region),
        ("--key", &select.key),
        ("--principal", &select.principal),
    ];
    match lists.iter().find(|(_, list)| list.iter().any(String::is_empty)) {
        Some((option, _)) => {
            let text = format!(
                "{option} has an empty item; leave the option (or its environment variable) out to select all"
            );
            Err(CliError::Usage(text))
        }
        None => Ok(()),
    }
}

fn workloads(names: &[String]) -> Result<WorkloadSet, CliError> {
    let mut set = WorkloadSet::default();
    for name in names {
        match name.as_str() {
            "any" => set = WorkloadSet::ANY,
            "sagemaker" => Workload::ALL
                .into_iter()
                .filter(|w| !matches!(w, Workload::Other | Workload::Unknown | Workload::S3Unattributed))
                .for_each(|w| set.insert(w)),
            _ => set.insert(Workload::parse(name).ok_or_else(|| {
                let known: Vec<&str> = Workload::ALL.iter().map(|w| w.as_str()).collect();
                CliError::Usage(format!(
                    "--workload {name:?} is not known; use any, sagemaker, or some of {}",
                    known.join(", ")
                ))
            })?),
        }
    }
    Ok(set)
}

fn events(names: &[String]) -> Result<EventNames, CliError> {
    if names.iter().any(|name| name == "any") {
        return Ok(EventNames::Any);
    }
    if let Some(odd) = names.iter().find(|name| !name.bytes().all(|b| b.is_ascii_alphanumeric())) {
        return Err(CliError::Usage(format!("--event {odd:?} is not the name of an API, such as Decrypt")));
    }
    for name in names.iter().filter(|name| !KMS_APIS.contains(&name.as_str())) {
        match KMS_APIS.iter().find(|known| known.eq_ignore_ascii_case(name)) {
            Some(known) => {
                let text = format!("--event {name:?}: names are compared exactly; the API is called {known}");
                return Err(CliError::Usage(text));
            }
            None => warn!("--event {name:?} is not an API of KMS that this version knows"),
        }
    }
    Ok(EventNames::Only(names.iter().cloned().collect::<BTreeSet<String>>()))
}

/// What CloudTrail records of `kms.amazonaws.com` may be called: API names and KMS's own events. A new one is no error.
const KMS_APIS: [&str; 58] = [
    "CancelKeyDeletion",
    "ConnectCustomKeyStore",
    "CreateAlias",
    "CreateCustomKeyStore",
    "CreateGrant",
    "CreateKey",
    "Decrypt",
    "DeleteAlias",
    "DeleteCustomKeyStore",
    "DeleteExpiredKeyMaterial",
    "DeleteImportedKeyMaterial",
    "DeleteKey",
    "DeriveSharedSecret",
    "DescribeCustomKeyStores",
    "DescribeKey",
    "DisableKey",
    "DisableKeyRotation",
    "DisconnectCustomKeyStore",
    "EnableKey",
    "EnableKeyRotation",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateMac",
    "GenerateRandom",
    "GetKeyLastUsage",
    "GetKeyPolicy",
    "GetKeyRotationStatus",
    "GetParametersForImport",
    "GetPublicKey",
    "ImportKeyMaterial",
    "ListAliases",
    "ListGrants",
    "ListKeyPolicies",
    "ListKeyRotations",
    "ListKeys",
    "ListResourceTags",
    "ListRetirableGrants",
    "PutKeyPolicy",
    "ReEncrypt",
    "ReplicateKey",
    "RetireGrant",
    "RevokeGrant",
    "RotateKey",
    "RotateKeyOnDemand",
    "ScheduleKeyDeletion",
    "Sign",
    "SynchronizeMultiRegionKey",
    "TagResource",
    "UntagResource",
    "UpdateAlias",
    "UpdateCustomKeyStore",
    "UpdateKeyDescription",
    "UpdatePrimaryRegion",
    "Verify",
    "VerifyMac",
];

fn bad_time(option: &str, text: &str) -> CliError {
    CliError::Usage(format!(
        "{option} {text:?} is not a time; write 2023-03-17T18:00:00Z, 2023-03-17, or a span back from now such as 30d or 12h"
    ))
}

/// A moment: RFC 3339, a date, or a span before `now` (milliseconds since the epoch).
fn moment(text: &str, now: i64) -> Option<EventTime> {
    if let Some(time) = EventTime::parse(text) {
        return Some(time);
    }
    if let Ok(date) = text.parse::<NaiveDate>() {
        return Some(EventTime::midnight(date));
    }
    let Span(span) = Span::parse(text).ok()?;
    now.checked_sub(span).map(EventTime)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_in_three_forms() {
        let now = 1_000_000_000_000;
        assert_eq!(moment("30d", now), Some(EventTime(now - 30 * 86_400_000)));
        assert_eq!(moment("12h", now), Some(EventTime(now - 12 * 3_600_000)));
        assert_eq!(moment("2023-03-17", now), EventTime::parse("2023-03-17T00:00:00Z"));
        assert_eq!(moment("2023-03-17T20:00:00+02:00", now), EventTime::parse("2023-03-17T18:00:00Z"));
        for bad in ["", "d", "-1d", "1y", "yesterday", "2023-13-01", "+3h", "é"] {
            assert_eq!(moment(bad, now), None, "{bad}");
        }
    }
}
