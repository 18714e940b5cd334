//! Who used which key for what: over time, as a flow, and as a table.

use std::collections::BTreeMap;

use crate::page::budget::Budget;
use crate::page::charts::{Bars, Flow, Link};
use crate::page::content::{Block, Section};
use crate::page::error::PageError;
use crate::page::overview::Overview;
use crate::page::rows::{Smallest, at};
use crate::page::source::Source;
use crate::page::table::{Field, Kind, Query, Table, row};
use crate::report::{DAILY, DailyTable, USAGE, UsageTable, printable};

/// Groups that are shown at most.
const SHOWN: usize = 1_000;
/// Combinations of workload, principal and key that the flow is drawn of; the largest ones.
const FLOWS: usize = 5_000;

pub(in crate::page) fn uses(
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
        let workload = printable(row.text(at!(DAILY, "workload")).unwrap_or_default());
        if let Some(day) = row.day(at!(DAILY, "day")) {
            bars.add(day, &workload, row.count(at!(DAILY, "event_count")));
        }
    })?;
    if !bars.is_empty() {
        let title = t.calls_over_time.to_owned();
        section.add_drawing(Some(bars.draw("uses-bars", title, None, &overview.workloads, t)));
    }

    let mut groups = Smallest::new(SHOWN);
    let mut flows = Smallest::new(FLOWS);
    source.read::<UsageTable>(|usage| {
        let key = usage.text(at!(USAGE, "key_arn"));
        let principal = usage.owned(at!(USAGE, "principal")).unwrap_or_default();
        let events = usage.count(at!(USAGE, "event_count"));
        let text = |column, kind, position| Field::text(column, kind, usage.text(position));
        let link = key.and_then(|key| parts.get(key)).map(|place| format!("#{place}"));
        let order = (
            u64::MAX - events,
            key.map(str::to_owned),
            principal.clone(),
            [
                usage.owned(at!(USAGE, "workload")),
                usage.owned(at!(USAGE, "event_name")),
                usage.owned(at!(USAGE, "outcome")),
                usage.owned(at!(USAGE, "error_code")),
                usage.owned(at!(USAGE, "region")),
                usage.owned(at!(USAGE, "recipient_account_id")),
                usage.owned(at!(USAGE, "invoked_by")),
                usage.owned(at!(USAGE, "denied_action")),
                usage.owned(at!(USAGE, "denied_by")),
            ],
        );
        let link_of_flow = Link {
            workload: printable(usage.text(at!(USAGE, "workload")).unwrap_or_default()),
            principal: printable(&principal),
            key: key.map_or_else(|| t.key_not_named.to_owned(), printable),
        };
        flows.push((u64::MAX - events, link_of_flow.clone()), (link_of_flow, events));
        let cells = row([
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
            vec![Some(Field::count("event_count", events))],
            vec![
                Field::time("first_event_time", usage.time(at!(USAGE, "first_event_time"))),
                Field::time("last_event_time", usage.time(at!(USAGE, "last_event_time"))),
            ],
        ]);
        groups.push(order, cells);
    })?;
    let mut flow = Flow::default();
    flows.finish().0.into_iter().for_each(|(link, events)| flow.add(link, events));
    if !flow.is_empty() {
        section.add_drawing(Some(flow.draw(t, parts)));
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
    let query = "select key_arn, key_account_id, key_region, principal, workload, resource, event_name, outcome, error_code, \
                 event_count, first_event_time, last_event_time from 'usage.parquet' \
                 order by event_count desc, key_arn nulls first, principal, workload, event_name, outcome, \
                 error_code nulls first, region, recipient_account_id nulls first, invoked_by nulls first, \
                 denied_action nulls first, denied_by nulls first";
    let table = Table::new("usage", t.usage_table, &heads);
    section.add(Block::Table(Box::new(table.fill(budget.part(1_200_000), rows, total, Query::new(query)))));
    Ok(Some(section))
}
