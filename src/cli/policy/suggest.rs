//! `keytrail policy suggest`: the least key policy for what was observed.

use std::collections::BTreeSet;
use std::io::{self, Write};

use super::files::{given_policies, no_such_key};
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::inputs::{finished_report, needs_archives};
use crate::cli::interrupt::Interrupt;
use crate::cli::policy_args::SuggestArgs;
use crate::cli::reporter::ExitReporter;
use crate::cli::sinks::NoRows;
use crate::cli::values::LogFormat;
use crate::cli::{plan, progress, startup, terminal};
use keytrail::audit::suggest_policy;
use keytrail::engine::{self, KeyPattern, Plan, Run, Selection};
use keytrail::policy::{GivenPolicy, PastedPolicy, Policy, PolicyTarget};
use keytrail::report::{printable, printable_json, unread_inputs};

pub(super) fn run(
    args: &SuggestArgs,
    interrupt: &Interrupt,
    reporter: &ExitReporter,
) -> Result<ExitStatus, CliError> {
    let bar = startup::start(&args.common)?;
    let buckets = plan::buckets(&args.s3);
    if let Some(report) = finished_report(&args.inputs, &buckets)? {
        return Err(needs_archives(&report, "policy suggest", &format!("suggest --key {}", args.key)));
    }
    let given = given_policies(args.policy.as_slice())?;
    let keys = plan::patterns(std::slice::from_ref(&args.key), KeyPattern::new)?;
    // Calls of a key without a known policy are of interest, too.
    let target = PolicyTarget::KeysWithoutPolicy;
    let nothing = GivenPolicy { file: String::new(), target, pasted: PastedPolicy::default() };
    let policies = if given.is_empty() { vec![nothing] } else { given };
    let plan = Plan {
        threads: usize::from(args.common.threads),
        buckets,
        cancel: interrupt.cancel_flag(),
        selection: Selection { keys, ..Selection::default() },
        policies,
        ..Plan::new(plan::inputs(&args.inputs)?)?
    };
    plan::check_inputs(&plan)?;
    let run = progress::with_bar(&bar, &plan, |progress| engine::run(&plan, &mut NoRows, progress))?;

    let key = only_key(&run, &args.key, &plan.selection.keys)?;
    let present = present(&run, &key);
    let uses = run.policy_uses.of_key(&key).cloned().unwrap_or_default();
    let suggestion = suggest_policy(&key, &uses, present.as_ref());
    let json = format!("{}\n", suggestion.to_json());
    bar.suspend(|| terminal::write_stdout(printable_json(&json).as_bytes()))?;
    if !args.common.quiet && args.common.log_format == LogFormat::Text {
        let mut text = unread_inputs(&run.inputs);
        let notes = present.as_ref().map(|policy| policy.notes.as_slice()).unwrap_or_default();
        notes.iter().for_each(|note| text.push_str(&format!("present policy: {}\n", printable(note))));
        let last = run.policies.versions(&key).last();
        if run.policies.of(&key).shared.is_some() || last.is_some_and(|last| last.ram_from.is_some()) {
            text.push_str(
                "shared through AWS RAM: this is the policy \"default\"; AWS_RAM stays beside it\n",
            );
        }
        suggestion.left_out.iter().for_each(|one| text.push_str(&format!("left out: {}\n", printable(one))));
        text.push_str(
            "Records show what was done in the input, not what will be needed.\nRead the policy before you use it.\n",
        );
        // The policy is printed, with or without these notes.
        let _ = io::stderr().write_all(text.as_bytes());
    }
    Ok(reporter.rows_printed(&run.inputs))
}

/// The only key that is asked for.
fn only_key(run: &Run, wanted: &str, patterns: &[KeyPattern]) -> Result<String, CliError> {
    let mut found: BTreeSet<&str> = run.policy_uses.keys().map(|(key, _)| key).collect();
    // A policy of a file may name its key by the id.
    let is_known = |name: &str| {
        let is_it = |arn: &&str| *arn == name || arn.rsplit_once("key/").is_some_and(|(_, id)| id == name);
        found.iter().any(is_it)
    };
    let others: Vec<&str> = run.policies.keys().filter(|key| !is_known(key)).collect();
    found.extend(others);
    // A ReEncrypt has two keys, of which only one may be asked for. An alias names none of them.
    let is_named = |key: &&str| patterns.iter().any(|pattern| pattern.matches_key(key));
    let named: BTreeSet<&str> = found.iter().copied().filter(is_named).collect();
    let found = if named.is_empty() { found } else { named };
    let mut found = found.into_iter();
    match (found.next(), found.next()) {
        (None, _) => Err(no_such_key(wanted, "input")),
        (Some(key), None) => Ok(key.to_owned()),
        (Some(first), Some(second)) => Err(CliError::Usage(format!(
            "--key {} means several keys, such as {} and {}; name one of them",
            printable(wanted),
            printable(first),
            printable(second)
        ))),
    }
}

/// The policy of the key at the end of the input, if it is known; without that of AWS RAM.
fn present(run: &Run, key: &str) -> Option<Policy> {
    let last = run.policies.versions(key).last().filter(|last| !last.is_partial)?;
    let mut policy = last.policy.clone().ok()?;
    policy.statements.truncate(last.of_default().len());
    (!policy.statements.is_empty()).then_some(policy)
}
