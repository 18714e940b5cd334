//! A workload of one's own: the calls of a role count as SageMaker's.
//!
//! ```text
//! cargo run --example custom_rule -- sample-logs AthenaAnalysts
//! ```
//!
//! Rules are data. src/classify/rules/builtin.toml has the built-in rules in the same form, and
//! says what a rule may look at.

use std::collections::BTreeMap;
use std::error::Error;

use keytrail::classify::{Classifier, RuleFile};
use keytrail::engine::{self, EventNames, Plan, Progress};
use keytrail::model::WorkloadSet;
use keytrail::report::{EVENTS, OutputFormat, RowForm, RowStream};
use keytrail::source::Input;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let folder = arguments.next().ok_or("name a folder of archives")?;
    let role = arguments.next().and_then(|name| name.into_string().ok()).ok_or("name a role")?;
    let text = format!(
        r#"
[[rule]]
id = "own-role"
workload = "sagemaker-other"
strength = "strong"
about = "a role of our own list"
source = "https://wiki.example.com/roles"
[[rule.when]]
role_name = [{role:?}]
"#
    );
    let mut plan = Plan::new(vec![Input::parse(folder.as_ref())?])?;
    plan.classifier = Classifier::new(Some(RuleFile { name: "own", text: &text }))?;
    plan.selection.workloads = WorkloadSet::ANY;
    plan.selection.events = EventNames::Any;
    // A stream is a sink, too; nobody reads this one.
    let mut rows = RowStream::new(EVENTS, RowForm::of_file(OutputFormat::Csv), std::io::sink())?;
    let run = engine::run(&plan, &mut rows, &Progress::default())?;
    let mut calls: BTreeMap<&str, u64> = BTreeMap::new();
    for row in &run.usage {
        *calls.entry(&row.group.workload).or_default() += row.stats.event_count;
    }
    calls.iter().for_each(|(workload, count)| println!("{count:8}  {workload}"));
    Ok(())
}
