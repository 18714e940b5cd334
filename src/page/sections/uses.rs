//! Who used which key for what: over time, as a flow, and as a table.

use std::collections::BTreeMap;

use crate::page::budget::Budget;
use crate::page::charts::{Bars, Flow};
use crate::page::content::{Block, Section};
use crate::page::error::PageError;
use crate::page::overview::Overview;
use crate::page::rows::at;
use crate::page::source::Source;
use crate::page::table::{Query, Table};
use crate::report::{DAILY, DailyTable, UsageTable};

pub(crate) fn uses(
    source: &Source<'_>,
    overview: &mut Overview,
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
    let columns = [at!(DAILY, "day"), at!(DAILY, "workload"), at!(DAILY, "event_count")];
    source.read::<DailyTable>(&columns, |row| {
        let workload = row.text(at!(DAILY, "workload")).unwrap_or_default();
        if let Some(day) = row.day(at!(DAILY, "day")) {
            bars.add(day, workload, row.count(at!(DAILY, "event_count")), &source.kept);
        }
    })?;
    if !bars.is_empty() {
        let title = t.calls_over_time.to_owned();
        let drawing = bars.draw("uses-bars", title, None, 200, &overview.workloads, t);
        section.add_drawing(Some(drawing), budget, t);
    }

    let (links, (rows, total)) = std::mem::take(&mut overview.groups).finish(parts);
    let mut flow = Flow::default();
    links.into_iter().for_each(|(link, events)| flow.add(link, events));
    if !flow.is_empty() {
        section.add_drawing(Some(flow.draw(t, parts)), budget, t);
    }
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
