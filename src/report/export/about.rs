//! What a report is of, from its `run.json`: inputs, window, options, version, totals.

use serde_json::Value;

use crate::report::read::FinishedReport;

/// What is said about the report under one heading.
pub(super) struct Part {
    pub(super) title: &'static str,
    pub(super) lines: Vec<(String, Said)>,
}

/// What is said. Texts may come from records, and are not yet fit to be shown.
pub(super) enum Said {
    Text(String),
    Count(u64),
}

/// All parts but the caveats.
pub(super) fn parts(report: &FinishedReport) -> Vec<Part> {
    let run = report.run();
    let text = |name: &str| run.get(name).map_or_else(|| "-".to_owned(), plain);
    let said = |label: &str, text: String| (label.to_owned(), Said::Text(text));
    let mut about = vec![
        said("Program", format!("keytrail {}", text("keytrail_version"))),
        said("Report schema", text("schema_version")),
        said("Run began", text("started")),
        said("Run ended", text("ended")),
    ];
    about.push(said("Times", "in UTC".to_owned()));
    match report.window() {
        Some((first, last)) => {
            about.push(said("First KMS record", first.to_owned()));
            about.push(said("Last KMS record", last.to_owned()));
        }
        None => about.push(said("KMS records", "none".to_owned())),
    }
    for input in report.inputs() {
        about.push(said("Input", input.to_owned()));
    }
    let integrity = run.get("integrity").and_then(|integrity| integrity.get("summary"));
    if let Some(sentence) = integrity.and_then(Value::as_str) {
        about.push(said("Integrity", sentence.to_owned()));
    }
    let options = entries(run, "options")
        .filter(|(name, _)| *name != "inputs")
        .filter_map(|(name, value)| Some((name.clone(), Said::Text(option(value)?))));
    vec![
        Part { title: "What the report is of", lines: about },
        Part { title: "Options", lines: options.collect() },
        Part { title: "Inputs, by what became of them", lines: counts(run, "inputs") },
        Part { title: "Records, by what became of them", lines: counts(run, "totals") },
    ]
}

/// What the numbers cannot prove: an id and a text each.
pub(super) fn caveats(report: &FinishedReport) -> Vec<(String, String)> {
    let caveats = report.run().get("caveats").and_then(Value::as_array).into_iter().flatten();
    let text = |caveat: &Value, name| caveat.get(name).map_or_else(String::new, plain);
    caveats.map(|caveat| (text(caveat, "id"), text(caveat, "text"))).collect()
}

/// The value of an option that was used.
fn option(value: &Value) -> Option<String> {
    match value {
        Value::Null | Value::Bool(false) => None,
        Value::Array(items) if items.is_empty() => None,
        Value::Array(items) => Some(items.iter().map(plain).collect::<Vec<_>>().join(", ")),
        other => Some(plain(other)),
    }
}

fn counts(run: &Value, name: &str) -> Vec<(String, Said)> {
    entries(run, name).filter_map(|(name, n)| Some((name.clone(), Said::Count(n.as_u64()?)))).collect()
}

fn entries<'v>(run: &'v Value, name: &str) -> impl Iterator<Item = (&'v String, &'v Value)> {
    run.get(name).and_then(Value::as_object).into_iter().flatten()
}

/// A value without quotes around a text.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
