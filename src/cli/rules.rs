//! `keytrail rules`: the rules in force, and where each comes from.

use std::io::{self, BufWriter, IsTerminal, Write};

use super::args::{LogFormat, Rules};
use super::ending::Ending;
use super::interrupt::Interrupt;
use super::progress::AboveBar;
use super::{CliError, Status, log, progress, select};
use keytrail::aggregate::InputTotals;
use keytrail::classify::Rule;
use keytrail::engine::{self, Plan};
use keytrail::knowledge::Facts;
use keytrail::model::LearnedRuleInfo;
use keytrail::report::{EncodedRow, RULES, RowStream, RuleRow, encode_row, unread_inputs};

/// Columns for the terminal.
const TELLING: &[&str] = &["rule", "workload", "strength", "origin", "about", "particular"];

pub(super) fn run(args: &Rules, interrupt: &Interrupt, ending: &Ending) -> Result<Status, CliError> {
    let bar = progress::bar(&args.common);
    log::start(&args.common, &bar);
    let terminal = io::stdout().is_terminal();
    let format = super::format(args.format, terminal)?;
    let plan = Plan {
        classifier: select::classifier(args.rules.as_deref())?,
        threads: usize::from(args.common.threads),
        buckets: select::buckets(&args.s3),
        cancel: interrupt.flag(),
        ..Plan::new(select::inputs(&args.inputs)?)?
    };
    select::check_buckets(&plan)?;
    let (lessons, inputs) = if args.inputs.is_empty() {
        <(Facts, InputTotals)>::default()
    } else {
        progress::while_shown(&bar, &plan, 1, |progress| engine::learn(&plan, progress))?
    };
    let width = terminal.then(super::analyze::width).flatten();
    let out = BufWriter::new(AboveBar::new(&bar, io::stdout()));
    let mut stream = RowStream::new(RULES, TELLING, format, out, width)?;
    let mut bytes = Vec::new();
    let mut push = |facts: &RuleRow<'_>| {
        bytes.clear();
        encode_row(RULES, facts, &mut bytes);
        stream.push(EncodedRow::new(&bytes))
    };
    let file = args.rules.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
    for rule in plan.classifier.rules() {
        push(&of_file(rule, &file))?;
    }
    for ((rule, condition), support) in &lessons.rules {
        let LearnedRuleInfo { id, workload, strength, about, source, .. } = rule.info();
        let particular = condition.to_string();
        let particular = Some(particular.as_str());
        let (origin, support) = ("learned", Some(support));
        push(&RuleRow { rule: id, workload, strength, origin, about, particular, source, support })?;
    }
    stream.finish()?;
    if !args.common.quiet && args.common.log_format == LogFormat::Text {
        let _ = io::stderr().write_all(unread_inputs(&inputs).as_bytes()); // the rules are out all the same
    }
    Ok(ending.learned(&inputs))
}

fn of_file<'a>(rule: &'a Rule, own: &'a str) -> RuleRow<'a> {
    RuleRow {
        rule: &rule.id,
        workload: rule.workload,
        strength: rule.strength,
        origin: rule.origin.as_str(),
        about: &rule.about,
        particular: None,
        source: if rule.source.is_empty() { own } else { &rule.source },
        support: None,
    }
}
