//! Who used which key for what: over time, as a flow, and as a table.

use std::collections::BTreeMap;

use crate::page::budget::Budget;
use crate::page::charts::{Bars, Flow, Link};
use crate::page::content::{Block, Section};
use crate::page::error::PageError;
use crate::page::overview::Overview;
use crate::page::rows::{Row, Smallest, at};
use crate::page::source::Source;
use crate::page::table::{Field, Kind, Query, Table, TableRow, row};
use crate::report::{DAILY, DailyTable, USAGE, UsageTable};

/// Groups that are shown at most.
const SHOWN: usize = 1_000;
/// Combinations of workload, principal and key that the flow is drawn of; the largest ones.
const FLOWS: usize = 5_000;

pub(crate) fn uses(
    source: &Source<'_>,
    overview: &Overview,
    parts: &BTreeMap<String, String>,
    budget: &mut Budget,
) -> Result<Option<Section>, PageError> {
    if !source.has::<UsageTable>() {
        return Ok(None);
    }
    let t = source.texts;
    let mut section = Section::new("uses", t.uses);
    section.breaks = true;
    let mut bars = Bars::default();
    source.read::<DailyTable>(|row| {
        let workload = row.text(at!(DAILY, "workload")).unwrap_or_default();
        if let Some(day) = row.day(at!(DAILY, "day")) {
            bars.add(day, workload, row.count(at!(DAILY, "event_count")));
        }
    })?;
    if !bars.is_empty() {
        let title = t.calls_over_time.to_owned();
        let drawing = bars.draw("uses-bars", title, None, 200, &overview.workloads, t);
        section.add_drawing(Some(drawing), budget, t);
    }

    let mut groups = Smallest::new(SHOWN);
    let mut flows = Smallest::new(FLOWS);
    let mut place = 0_u64;
    source.read::<UsageTable>(|usage| {
        place += 1;
        let events = usage.count(at!(USAGE, "event_count"));
        // Of groups of one size, in the order of the file.
        let order = (u64::MAX - events, place);
        flows.push(order, || (link(&usage, t.key_not_named), events));
        groups.push(order, || group(&usage, parts));
    })?;
    let mut flow = Flow::default();
    flows.finish().0.into_iter().for_each(|(link, events)| flow.add(link, events));
    if !flow.is_empty() {
        section.add_drawing(Some(flow.draw(t, parts)), budget, t);
    }
    let (rows, total) = groups.finish();
    let heads = [
        (t.key, false),
        (t.principal, false),
        (t.workload, false),
        (t.call, false),
        (t.result, false),
        (t.events, true),
        (t.first_last, false),
    ];
    let query = "select key_arn, key_account_id, key_region, principal, workload, resource, event_name, outcome, \
                 error_code, event_count, first_event_time, last_event_time \
                 from read_parquet('usage.parquet', file_row_number = true) \
                 order by event_count desc, file_row_number";
    let table = Table::new("usage", t.usage_table, &heads);
    section.add(Block::Table(Box::new(table.fill(budget.part(1_200_000), rows, total, Query::new(query)))));
    Ok(Some(section))
}

fn link(usage: &Row<'_>, key_not_named: &str) -> Link {
    let text = |position| usage.owned(position).unwrap_or_default();
    Link {
        workload: text(at!(USAGE, "workload")),
        principal: text(at!(USAGE, "principal")),
        key: usage.owned(at!(USAGE, "key_arn")).unwrap_or_else(|| key_not_named.to_owned()),
    }
}

fn group(usage: &Row<'_>, parts: &BTreeMap<String, String>) -> TableRow {
    let key = usage.text(at!(USAGE, "key_arn"));
    let text = |column, kind, position| Field::text(column, kind, usage.text(position));
    let link = key.and_then(|key| parts.get(key)).map(|place| format!("#{place}"));
    row([
        vec![
            Field::text("key_arn", Kind::Key, key).map(|field| field.linked(link)),
            text("key_account_id", Kind::Note, at!(USAGE, "key_account_id")),
            text("key_region", Kind::Note, at!(USAGE, "key_region")),
        ],
        vec![text("principal", Kind::Code, at!(USAGE, "principal"))],
        vec![
            text("workload", Kind::Text, at!(USAGE, "workload")),
            text("resource", Kind::Note, at!(USAGE, "resource")),
        ],
        vec![text("event_name", Kind::Code, at!(USAGE, "event_name"))],
        vec![
            text("outcome", Kind::Word, at!(USAGE, "outcome")),
            text("error_code", Kind::Note, at!(USAGE, "error_code")),
        ],
        vec![Some(Field::count("event_count", usage.count(at!(USAGE, "event_count"))))],
        vec![
            Field::time("first_event_time", usage.time(at!(USAGE, "first_event_time"))),
            Field::time("last_event_time", usage.time(at!(USAGE, "last_event_time"))),
        ],
    ])
}
