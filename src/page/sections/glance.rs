//! At a glance: what the report is of, and its first numbers.

use crate::model::number;
use crate::page::content::{Block, Counter, Item, Section};
use crate::page::keys::SEVERITIES;
use crate::page::overview::Overview;
use crate::page::source::{Source, field};
use crate::report::{FindingsTable, UsageTable};

pub(crate) fn glance(source: &Source<'_>, overview: &Overview) -> Section {
    let t = source.texts;
    let mut section = Section::new("glance", t.glance);
    let mut facts = vec![(t.inputs.to_owned(), source.report.inputs().join(", "))];
    let window = match source.report.window() {
        Some((first, last)) => format!("{} – {} UTC", seconds(first), seconds(last)),
        None => t.no_records.to_owned(),
    };
    facts.push((t.window.to_owned(), window));
    let run = source.run(&[]);
    facts.push((
        t.made.to_owned(),
        format!("{} UTC, keytrail {}", seconds(&field(run, "ended")), field(run, "keytrail_version")),
    ));
    let filters = source.report.filters();
    if !filters.is_empty() {
        facts.push((t.filters.to_owned(), filters.join(" ")));
    }
    section.add(Block::Facts(facts));

    if source.has::<UsageTable>() {
        let sum = |condition: &str| {
            format!("select coalesce(sum(event_count), 0)::bigint from 'usage.parquet' where {condition}")
        };
        let [success, denied, failed] = overview.results;
        let count = |label: &str, value, query: String, link, filter: &str, class| Counter {
            label: label.to_owned(),
            value,
            query,
            link,
            filter: filter.to_owned(),
            class,
        };
        let named = overview.keys.totals.iter().filter(|(key, totals)| key.is_some() && totals.events() > 0);
        section.add(Block::Counters(vec![
            count(t.calls_succeeded, success, sum("outcome = 'success'"), "uses", "", "success"),
            count(t.calls_refused, denied, sum("outcome = 'denied'"), "refusals", "outcome=denied", "denied"),
            count(
                t.calls_failed,
                failed,
                sum("outcome not in ('success', 'denied')"),
                "refusals",
                "",
                "failed",
            ),
            count(
                t.keys_used,
                named.count() as u64,
                "select count(distinct key_arn) from 'usage.parquet'".to_owned(),
                "keys",
                "",
                "",
            ),
            count(
                t.principals,
                overview.principals(),
                "select count(distinct principal) from 'usage.parquet'".to_owned(),
                "uses",
                "",
                "",
            ),
        ]));
        if overview.results == [0; 3] {
            section.text(t.nothing_selected);
        }
    }
    if source.has::<FindingsTable>() {
        let counter = |severity: &'static str| Counter {
            label: t.severity(severity).to_owned(),
            value: overview.findings.get(severity).copied().unwrap_or_default(),
            query: format!(
                "select count(*) from 'findings.parquet' where status = 'open' and severity = '{severity}'"
            ),
            link: "findings",
            filter: format!("severity={severity} status=open"),
            class: severity,
        };
        section.add(Block::Heading(t.open_findings.to_owned()));
        let mut counters: Vec<Counter> = SEVERITIES.into_iter().map(counter).collect();
        if overview.undecidable > 0 {
            counters.push(Counter {
                label: t.undecidable.to_owned(),
                value: overview.undecidable,
                query: "select count(*) from 'findings.parquet' where status = 'undecidable'".to_owned(),
                link: "findings",
                filter: "status=undecidable".to_owned(),
                class: "",
            });
        }
        section.add(Block::Counters(counters));
        let left_out = super::findings::left_out(source);
        if left_out > 0 {
            section.text(format!("{}: {}.", t.findings_left_out, number(left_out)));
        }
    }
    integrity(source, overview, &mut section);
    section
}

/// What digests say of the logs behind the numbers.
fn integrity(source: &Source<'_>, overview: &Overview, section: &mut Section) {
    let t = source.texts;
    let summary = field(source.run(&["integrity"]), "summary");
    if summary.is_empty() {
        section.text(t.no_digests);
        return;
    }
    let mut text = t.integrity.to_owned();
    if let Some(verified) = overview.verified {
        text.push_str(&format!(". {}: {}", t.verified_events, number(verified)));
    }
    section.add(Block::Items(vec![Item { text, details: vec![summary], link: None }]));
}

/// `2024-01-31 08:00:00` of `2024-01-31T08:00:00.000Z`.
pub(super) fn seconds(time: &str) -> String {
    time.replace('T', " ").replace(".000Z", "").replace('Z', "")
}
