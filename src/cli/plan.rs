//! Options → a [`Plan`]: names are checked, times become absolute, files are read.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use tracing::warn;

use super::args::AnalyzeArgs;
use super::error::{CliError, UnopenedInput};
use super::interrupt::Interrupt;
use super::options::{CommonOptions, PruneOptions, S3Options, SelectionOptions};
use super::similar::most_similar;
use super::times::{day_window, time_window};
use super::values::TrustedRecords;
use keytrail::base::{MemoryBudget, read_small};
use keytrail::classify::{Classifier, RuleFile};
use keytrail::engine::{
    DigestOptions, EventNames, KeyPattern, Limits, Pattern, PatternError, Plan, PrincipalPattern, Selection,
    account_id,
};
use keytrail::knowledge::Aliases;
use keytrail::model::{EventTime, KMS_APIS, Workload, WorkloadSet, error_chain, is_region};
use keytrail::parse::{ListedAlias, parse_alias_list};
use keytrail::report::RunOptions;
use keytrail::s3::{Access, Buckets};
use keytrail::source::{Input, PruneFilter};

/// The options that a plan is made from.
pub(super) struct PlanRequest<'a> {
    pub(super) selection: &'a SelectionOptions,
    pub(super) prune: &'a PruneOptions,
    pub(super) s3: &'a S3Options,
    pub(super) common: &'a CommonOptions,
    /// The output directory, which is never read.
    pub(super) output: Option<&'a Path>,
    /// Stops the run when it becomes true.
    pub(super) cancel: Arc<AtomicBool>,
}

impl<'a> PlanRequest<'a> {
    /// Of `analyze`.
    pub(super) fn of_report(args: &'a AnalyzeArgs, interrupt: &Interrupt) -> Self {
        Self {
            selection: &args.selection,
            prune: &args.prune,
            s3: &args.s3,
            common: &args.common,
            output: Some(&args.output),
            cancel: interrupt.cancel_flag(),
        }
    }
}

/// The plan for these options. Checks that every input on S3 can be reached.
pub(super) fn plan(request: &PlanRequest<'_>) -> Result<Plan, CliError> {
    let plan = unchecked(request)?;
    check_inputs(&plan)?;
    Ok(plan)
}

/// The same, without a look at the inputs.
pub(super) fn unchecked(request: &PlanRequest<'_>) -> Result<Plan, CliError> {
    let options = request.selection;
    let selection = selection(options)?;
    let prune = if request.prune.no_prune {
        PruneFilter::default()
    } else {
        PruneFilter::new(
            &selection.accounts,
            &selection.regions,
            selection.since,
            selection.until,
            request.prune.delivery_slack,
        )
    };
    Ok(Plan {
        inputs: inputs(&options.inputs)?,
        exclude: request.output.map(Path::to_owned),
        selection,
        classifier: classifier(options.rules.as_deref())?,
        limits: Limits {
            archive_bytes: options.max_archive_bytes,
            record_bytes: options.max_record_bytes,
            memory: MemoryBudget::new(options.memory),
        },
        keep_duplicates: options.keep_duplicates,
        learn: !options.no_learn,
        aliases: aliases(options.aliases.as_deref())?,
        policies: Vec::new(),
        // Only a report has a place for the hashes.
        hash: options.hash && request.output.is_some(),
        digests: DigestOptions::default(),
        checkpoint: None,
        scanned: None,
        names: None,
        threads: usize::from(request.common.threads),
        prune,
        buckets: buckets(request.s3),
        cancel: Arc::clone(&request.cancel),
        filter_log: OnceLock::new(),
        unlisted_folders: Arc::default(),
    })
}

/// The options as `run.json` records them, with the absolute times of `selection`.
pub(super) fn recorded_options(
    options: &SelectionOptions,
    prune: &PruneOptions,
    selection: &Selection,
) -> RunOptions {
    let text = |path: &PathBuf| path.to_string_lossy().into_owned();
    RunOptions {
        inputs: options.inputs.iter().map(text).collect(),
        workload: options.workload.clone(),
        event: options.event.clone(),
        since: selection.since.map(EventTime::to_rfc3339),
        until: selection.until.map(EventTime::to_rfc3339),
        account: options.account.clone(),
        region: options.region.clone(),
        key: options.key.clone(),
        principal: options.principal.clone(),
        rules: options.rules.as_ref().map(text),
        aliases: options.aliases.as_ref().map(text),
        learn: !options.no_learn,
        keep_duplicates: options.keep_duplicates,
        hash: options.hash,
        max_archive_bytes: options.max_archive_bytes,
        max_record_bytes: options.max_record_bytes,
        delivery_slack_days: (!prune.no_prune).then_some(prune.delivery_slack),
        user: options.user.clone(),
        resource: options.resource.clone(),
        digest_keys: Vec::new(),
        digest_signatures: Vec::new(),
        trust: TrustedRecords::All.as_str().to_owned(),
    }
}

/// What the options select.
pub(super) fn selection(options: &SelectionOptions) -> Result<Selection, CliError> {
    refuse_empty_items(&[
        ("--workload", &options.workload),
        ("--event", &options.event),
        ("--account", &options.account),
        ("--region", &options.region),
        ("--key", &options.key),
        ("--principal", &options.principal),
        ("--user", &options.user),
        ("--resource", &options.resource),
    ])?;
    let (since, until) = match &options.day {
        Some(day) => day_window(("--day", day))?,
        None => time_window(("--since", options.since.as_deref()), ("--until", options.until.as_deref()))?,
    };
    Ok(Selection {
        workloads: workloads(&options.workload)?,
        events: events(&options.event)?,
        since,
        until,
        accounts: options
            .account
            .iter()
            .map(|text| account_id(text).unwrap_or_else(|| text.clone()))
            .collect(),
        regions: options.region.iter().map(|text| region(text)).collect(),
        keys: patterns(&options.key, KeyPattern::new)?,
        principals: patterns(&options.principal, PrincipalPattern::new)?,
        users: patterns(&options.user, Pattern::new)?,
        resources: patterns(&options.resource, Pattern::new)?,
    })
}

/// A Region as records name it. A text that cannot be one is warned of: it would select nothing,
/// and no folder of S3 would be listed.
fn region(text: &str) -> String {
    let region = text.trim().to_ascii_lowercase();
    if !is_region(&region) {
        let digits = region.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        let dashed = format!("{}-{}", region[..digits].trim_end_matches('-'), &region[digits..]);
        let zone = region.trim_end_matches(|c: char| c.is_ascii_lowercase());
        let meant = [dashed.as_str(), zone].into_iter().find(|name| is_region(name));
        let offer = meant.map_or(String::new(), |name| format!("; did you mean {name}?"));
        warn!("--region {text} is not a name of a Region, such as us-east-1{offer}");
    }
    region
}

pub(super) fn patterns<P>(
    texts: &[String],
    new: impl Fn(&str) -> Result<P, PatternError>,
) -> Result<Vec<P>, CliError> {
    let pattern = |text: &String| new(text.trim()).map_err(|e| CliError::Usage(error_chain(&e)));
    texts.iter().map(pattern).collect()
}

pub(super) fn inputs(named: &[PathBuf]) -> Result<Vec<Input>, CliError> {
    named.iter().map(|name| input(name)).collect()
}

pub(super) fn input(name: &Path) -> Result<Input, CliError> {
    Input::parse(name).map_err(|e| CliError::Usage(error_chain(&e)))
}

pub(super) fn buckets(s3: &S3Options) -> Buckets {
    let mut access = Access::default();
    access.profile.clone_from(&s3.profile);
    access.region.clone_from(&s3.aws_region);
    access.endpoint_url.clone_from(&s3.endpoint_url);
    access.requester_pays = s3.requester_pays;
    access.path_style = s3.path_style;
    access.fips = s3.fips;
    access.dual_stack = s3.dual_stack;
    Buckets::new(access)
}

/// Checks before the run that at least one input can be opened, and every bucket be listed. A wrong
/// address or missing permission is then an error, not a run that could not read some input.
pub(super) fn check_inputs(plan: &Plan) -> Result<(), CliError> {
    let mut errors = Vec::new();
    for input in &plan.inputs {
        match input {
            Input::S3(address) => {
                let holds_keys = plan.buckets.open(&address.bucket)?.check(&address.key)?;
                if !holds_keys && address.names_object() {
                    errors.push(UnopenedInput::missing_object(address));
                }
            }
            Input::Path(path) => {
                errors.extend(input.check_opens().err().map(|error| UnopenedInput::file(path, error)));
            }
            _ => {}
        }
    }
    let is_all = !errors.is_empty() && errors.len() == plan.inputs.len();
    if is_all { Err(CliError::NoInput(errors)) } else { Ok(()) }
}

pub(super) fn classifier(rules: Option<&Path>) -> Result<Classifier, CliError> {
    let Some(path) = rules else { return Ok(Classifier::new(None)?) };
    let (name, text) = read(path)?;
    Ok(Classifier::new(Some(RuleFile { name: &name, text: &text }))?)
}

/// The aliases of the user's list. An alias without a date counts as never changed.
fn aliases(list: Option<&Path>) -> Result<Aliases, CliError> {
    let mut aliases = Aliases::default();
    let Some(path) = list else { return Ok(aliases) };
    let (name, text) = read(path)?;
    let list = parse_alias_list(&text)
        .map_err(|error| CliError::Usage(format!("--aliases {name}: {}", error_chain(&error))))?;
    for ListedAlias { alias, key, since, .. } in list {
        aliases.insert(alias, since, key);
    }
    Ok(aliases)
}

/// Name and content of a file that an option names.
pub(super) fn read(path: &Path) -> Result<(String, String), CliError> {
    let is_stdin = path == Path::new("-");
    let name = if is_stdin { "standard input".to_owned() } else { path.display().to_string() };
    let bytes = if is_stdin { read_small(io::stdin()) } else { File::open(path).and_then(read_small) };
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).map_err(io::Error::other));
    match text {
        Ok(text) => Ok((name, text)),
        Err(error) => Err(CliError::Read { path: name, error }),
    }
}

/// Refuses empty list items. They come from mistakes such as an unset shell variable, and would
/// select nothing, or everything.
pub(super) fn refuse_empty_items(lists: &[(&str, &Vec<String>)]) -> Result<(), CliError> {
    match lists.iter().find(|(_, list)| list.iter().any(String::is_empty)) {
        Some((option, _)) => {
            let text = format!(
                "{option} has an empty item; to select all, omit the option \
                 (or its environment variable)"
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
                    "--workload {name:?} is unknown; use any, sagemaker, or names from this list: {}",
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
    let api_of_action = |name: &String| {
        let action = name.split_once(':').filter(|(service, _)| service.eq_ignore_ascii_case("kms"))?.1;
        KMS_APIS.iter().find(|api| api.eq_ignore_ascii_case(action))
    };
    if let Some((name, api)) = names.iter().find_map(|name| Some((name, api_of_action(name)?))) {
        let text = format!("--event {name:?} is how policies name the API; write --event {api}");
        return Err(CliError::Usage(text));
    }
    let is_name = |name: &&String| name.bytes().all(|b| b.is_ascii_alphanumeric());
    if let Some(bad) = names.iter().find(|name| !is_name(name)) {
        let text = format!("--event {bad:?} is not the name of an API, such as Decrypt");
        return Err(CliError::Usage(text));
    }
    for name in names.iter().filter(|name| !KMS_APIS.contains(&name.as_str())) {
        match KMS_APIS.iter().find(|api| api.eq_ignore_ascii_case(name)) {
            Some(api) => {
                let text = format!("--event {name:?}: names are compared exactly; the API is called {api}");
                return Err(CliError::Usage(text));
            }
            None => match most_similar(name, KMS_APIS.iter().copied()) {
                Some(api) => warn!("--event {name:?} is not a known KMS API; did you mean {api}?"),
                None => warn!("--event {name:?} is not a KMS API that this version knows"),
            },
        }
    }
    Ok(EventNames::Only(names.iter().cloned().collect::<BTreeSet<String>>()))
}

/// Folders in S3 that can hold digests and log files of the selected time. The digest of the last
/// hour, and its signature, come up to two hours later.
pub(super) fn prune_for(selection: &Selection) -> PruneFilter {
    PruneFilter::new(&[], &[], selection.since, selection.until, 1)
}
