//! Findings, the most severe first, with the records that show them.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::model::number;
use crate::page::budget::Budget;
use crate::page::content::{Block, Item, Section};
use crate::page::error::PageError;
use crate::page::keys::SEVERITIES;
use crate::page::rows::{Row, Smallest, at};
use crate::page::source::Source;
use crate::page::table::{Field, Kind, Query, Table, TableRow, row};
use crate::report::{FINDINGS, FindingsTable};

/// Findings that are shown at most.
const SHOWN: usize = 3_000;
/// Bytes of the rows that they are made of.
const ROOM: usize = 32 << 20;
/// Records of a finding that are shown.
const RECORDS: usize = 3;
const STATUSES: [&str; 3] = ["open", "undecidable", "muted"];

pub(crate) fn findings(
    source: &Source<'_>,
    parts: &BTreeMap<String, String>,
    budget: &mut Budget,
) -> Result<Option<Section>, PageError> {
    if !source.has::<FindingsTable>() {
        return Ok(None);
    }
    let t = source.texts;
    let mut section = Section::new("findings", t.findings);
    let mut smallest = Smallest::new(SHOWN, ROOM);
    let columns = Vec::from_iter(0..FINDINGS.len());
    source.read::<FindingsTable>(&columns, |finding| {
        let place = |list: &[&str], position| {
            let text = finding.text(position);
            list.iter().position(|known| Some(*known) == text).unwrap_or(list.len())
        };
        let order = (
            place(&STATUSES, at!(FINDINGS, "status")),
            place(&SEVERITIES, at!(FINDINGS, "severity")),
            finding.owned(at!(FINDINGS, "rule_id")),
            finding.owned(at!(FINDINGS, "finding_id")),
        );
        smallest.push(order, finding.bytes(), || finding_row(&finding, parts, source));
    })?;
    let (rows, total) = smallest.finish();
    if total == 0 && left_out(source) == 0 {
        section.text(t.no_findings);
        return Ok(Some(section));
    }
    section.text(t.findings_intro);
    let rules = source.run(&["findings", "left_out"]).as_object().into_iter().flatten();
    let item = |(rule, n): (&String, &Value)| Item {
        text: format!("{rule}: {} {}", number(n.as_u64().unwrap_or_default()), t.findings_more),
        details: Vec::new(),
        link: None,
    };
    let items: Vec<Item> = rules.map(item).collect();
    if !items.is_empty() {
        section.text(t.findings_left_out);
        section.add(Block::Items(items));
    }
    let heads = [
        (t.severity_head, false),
        (t.finding, false),
        (t.about, false),
        (t.records, false),
        (t.remedy, false),
    ];
    let order = |name: &str, list: &[&str]| {
        let items: Vec<String> = list.iter().map(|item| format!("'{item}'")).collect();
        format!("list_position([{}], {name})", items.join(", "))
    };
    let query = format!(
        "select severity, status, title, detail, rule_id, coverage, mute, key_arn, principal, grant_id, resource_arn, \
         evidence_count, first_time, last_time, remediation, controls from 'findings.parquet' \
         order by {}, {}, rule_id, finding_id",
        order("status", &STATUSES),
        order("severity", &SEVERITIES)
    );
    let table = Table::new("findings-table", t.findings, &heads);
    section.add(Block::Table(Box::new(table.fill(budget.part(3_000_000), rows, total, Query::new(query)))));
    Ok(Some(section))
}

/// Findings that are not in the table, since a rule may have only so many.
pub(super) fn left_out(source: &Source<'_>) -> u64 {
    let rules = source.run(&["findings", "left_out"]).as_object().into_iter().flatten();
    rules.filter_map(|(_, n)| n.as_u64()).sum()
}

fn finding_row(finding: &Row<'_>, parts: &BTreeMap<String, String>, source: &Source<'_>) -> TableRow {
    let t = source.texts;
    let words = source.finding(finding.text(at!(FINDINGS, "rule_id")).unwrap_or_default());
    let shown_as = |field: Option<Field>, words: Option<&'static str>| match words {
        Some(words) => field.map(|field| field.shown_as(words)),
        None => field,
    };
    let english = |field: Option<Field>| field.map(Field::english);
    let text = |column, kind, position| Field::text(column, kind, finding.text(position));
    let key = finding.text(at!(FINDINGS, "key_arn"));
    let link = key.and_then(|key| parts.get(key)).map(|place| format!("#{place}"));
    let mut records = vec![
        Some(Field::count("evidence_count", finding.count(at!(FINDINGS, "evidence_count")))),
        Field::time("first_time", finding.time(at!(FINDINGS, "first_time"))),
        Field::time("last_time", finding.time(at!(FINDINGS, "last_time"))),
    ];
    records.extend(evidence(finding.text(at!(FINDINGS, "evidence")).unwrap_or_default()).map(Some));
    let mut cells = row([
        vec![
            text("severity", Kind::Word, at!(FINDINGS, "severity")).map(|field| {
                let words = t.severity(&field.value);
                field.shown_as(words)
            }),
            text("status", Kind::Word, at!(FINDINGS, "status")).map(|field| {
                let words = t.status(&field.value);
                field.shown_as(words)
            }),
        ],
        vec![
            shown_as(text("title", Kind::Text, at!(FINDINGS, "title")), words.map(|words| words.title)),
            english(text("detail", Kind::Note, at!(FINDINGS, "detail"))),
            text("rule_id", Kind::Code, at!(FINDINGS, "rule_id")),
            english(text("coverage", Kind::Note, at!(FINDINGS, "coverage"))),
            english(text("mute", Kind::Note, at!(FINDINGS, "mute"))),
        ],
        vec![
            Field::text("key_arn", Kind::Key, key).map(|field| field.linked(link)),
            text("principal", Kind::Code, at!(FINDINGS, "principal")),
            text("grant_id", Kind::Code, at!(FINDINGS, "grant_id")),
            text("resource_arn", Kind::Code, at!(FINDINGS, "resource_arn")),
        ],
        records,
        vec![
            shown_as(
                text("remediation", Kind::Text, at!(FINDINGS, "remediation")),
                words.map(|words| words.remediation),
            ),
            text("controls", Kind::Note, at!(FINDINGS, "controls")),
        ],
    ]);
    cells.id = finding.text(at!(FINDINGS, "finding_id")).map(|id| format!("finding-{}", place(id)));
    cells
}

/// The first of the records, each as `archive@offset` with its id.
fn evidence(json: &str) -> impl Iterator<Item = Field> {
    let items: Vec<Value> = serde_json::from_str(json).unwrap_or_default();
    items.into_iter().take(RECORDS).filter_map(|item| {
        let archive = item.get("archive").and_then(Value::as_str);
        let offset = item.get("offset").and_then(Value::as_u64);
        let id = item.get("event_id").and_then(Value::as_str).unwrap_or_default();
        let place = match (archive, offset) {
            (Some(archive), Some(offset)) => format!("{archive}@{offset} {id}"),
            (Some(archive), None) => format!("{archive} {id}"),
            (None, _) => id.to_owned(),
        };
        Some(Field::words(Kind::Code, place.trim_end())).filter(|field| !field.shown.is_empty())
    })
}

/// Letters, digits and hyphens of a text.
fn place(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(80).collect()
}
