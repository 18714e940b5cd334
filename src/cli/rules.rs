//! `keytrail rules`: the rules in force, and where each comes from.

use std::io::{self, Write};

use super::args::RulesArgs;
use super::error::CliError;
use super::exit::ExitStatus;
use super::interrupt::Interrupt;
use super::reporter::ExitReporter;
use super::row_output::RowOutput;
use super::values::LogFormat;
use super::{plan, progress, startup};
use keytrail::aggregate::InputTotals;
use keytrail::classify::Rule;
use keytrail::engine::{self, Plan};
use keytrail::knowledge::Facts;
use keytrail::model::LearnedRuleInfo;
use keytrail::report::{EncodedRow, RULES, RuleRow, encode_row, unread_inputs};

/// The columns that a terminal shows.
const TERMINAL_COLUMNS: &[&str] = &["rule", "workload", "strength", "origin", "about", "particular"];

pub(super) fn run(
    args: &RulesArgs,
    interrupt: &Interrupt,
    reporter: &ExitReporter,
) -> Result<ExitStatus, CliError> {
    let bar = startup::start(&args.common)?;
    let mut output = RowOutput::open(&args.rows, &args.common, &bar)?;
    let plan = Plan {
        classifier: plan::classifier(args.rules.as_deref())?,
        threads: usize::from(args.common.threads),
        buckets: plan::buckets(&args.s3),
        cancel: interrupt.cancel_flag(),
        ..Plan::new(plan::inputs(&args.inputs)?)?
    };
    plan::check_inputs(&plan)?;
    let (facts, inputs) = if args.inputs.is_empty() {
        <(Facts, InputTotals)>::default()
    } else {
        progress::with_bar(&bar, &plan, |progress| engine::learn(&plan, progress))?
    };

    let mut stream = output.rows(RULES, TERMINAL_COLUMNS)?;
    let mut bytes = Vec::new();
    let mut push = |rule: &RuleRow<'_>| {
        bytes.clear();
        encode_row(RULES, rule, &mut bytes);
        stream.push(EncodedRow::new(&bytes))
    };
    let file = args.rules.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
    for rule in plan.classifier.rules() {
        push(&rule_from_file(rule, &file))?;
    }
    for ((rule, condition), support) in &facts.rules {
        let LearnedRuleInfo { id, workload, strength, about, source, .. } = rule.info();
        let particular = condition.to_string();
        push(&RuleRow {
            rule: id,
            workload,
            strength,
            origin: "learned",
            about,
            particular: Some(&particular),
            source,
            support: Some(support),
        })?;
    }
    stream.finish()?;
    output.finish()?;

    if !args.common.quiet && args.common.log_format == LogFormat::Text {
        // The rules are printed, with or without this note.
        let _ = io::stderr().write_all(unread_inputs(&inputs).as_bytes());
    }
    Ok(reporter.rows_printed(&inputs))
}

/// A built-in rule, or one of the user's `file`.
fn rule_from_file<'a>(rule: &'a Rule, file: &'a str) -> RuleRow<'a> {
    RuleRow {
        rule: &rule.id,
        workload: rule.workload,
        strength: rule.strength,
        origin: rule.origin.as_str(),
        about: &rule.about,
        particular: None,
        source: if rule.source.is_empty() { file } else { &rule.source },
        support: None,
    }
}
