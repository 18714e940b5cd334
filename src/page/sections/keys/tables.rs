//! The pictures and tables of a key's part.

use std::collections::BTreeMap;

use super::part::{Caller, Calls, Part, ROWS};
use crate::model::EventTime;
use crate::page::budget::Budget;
use crate::page::charts::{Life, lifelines};
use crate::page::content::{Block, Item, Section};
use crate::page::overview::Overview;
use crate::page::source::Source;
use crate::page::table::{Field, Kind, Query, Table, TableRow, literal, row};

/// Bars in the picture of a key, about.
const BARS: i32 = 40;

pub(super) fn add_part(
    section: &mut Section,
    source: &Source<'_>,
    key: &str,
    part: Part,
    overview: &Overview,
    budget: &mut Budget,
) {
    let key = &literal(key);
    let t = source.texts;
    let id = part.id;
    let (findings, total) = part.findings.finish();
    if total > 0 {
        section.add(Block::Heading(format!("{} ({total})", t.findings)));
        let item = |(text, detail)| Item { text, details: vec![detail], link: Some("#findings".to_owned()) };
        section.add(Block::Items(findings.into_iter().map(item).collect()));
    }
    if !part.bars.is_empty() {
        let condition = format!("key_arn = {key}");
        let title = t.calls_over_time.to_owned();
        let name = format!("{id}-bars");
        let drawing = part.bars.draw(&name, title, Some(&condition), BARS, &overview.workloads, t);
        section.add_drawing(Some(drawing), budget, t);
    }
    if !part.callers.is_empty() {
        section.add(Block::Table(Box::new(callers(&id, key, part.callers, budget, source))));
    }
    let (grants, total) = part.grants.finish();
    if total > 0 {
        let (lives, rows): (Vec<Life>, Vec<TableRow>) = grants.into_iter().unzip();
        let window = overview.times.unwrap_or((EventTime(i64::MAX), EventTime(i64::MIN)));
        section.add_drawing(lifelines(&format!("{id}-lives"), &lives, window, t), budget, t);
        let heads = [
            (t.grantee, false),
            (t.operations, false),
            (t.state, false),
            (t.created_ended, false),
            (t.consistent_uses, true),
            (t.last, false),
            (t.not_seen, false),
        ];
        let query = Query::new(format!(
            "select grantee, grant_id, operations, constraints, state, created_time, ended_time, created_by, \
                 consistent_use_count, last_consistent_use, operations_not_seen from 'grants.parquet' \
                 where key_arn = {key} order by created_time nulls first, grant_id nulls first"
        ));
        let table = Table::new(format!("{id}-grants"), t.grants, &heads);
        section.add(Block::Table(Box::new(table.fill(budget.part(120_000), rows, total, query))));
        section.text(t.grants_note);
    }
    let (rows, total) = part.statements.finish();
    if total > 0 {
        let heads = [
            (t.status, false),
            (t.statement, false),
            (t.principal, false),
            (t.permission, false),
            (t.records, true),
            (t.detail, false),
        ];
        let query = Query::new(format!(
            "select status, statement, sid, effect, principal, permission, record_count, detail \
                 from 'policy_statements.parquet' where key_arn = {key}"
        ));
        let table = Table::new(format!("{id}-policy"), t.policy, &heads);
        section.add(Block::Table(Box::new(table.fill(budget.part(120_000), rows, total, query))));
    }
    let (rows, total) = part.access.finish();
    if total > 0 {
        let heads = [
            (t.principal, false),
            (t.call, false),
            (t.result, false),
            (t.records, true),
            (t.first_last, false),
        ];
        let query = Query::new(format!(
            "select principal, event_name, outcome, error_code, record_count, first_event_time, last_event_time \
                 from read_parquet('access.parquet', file_row_number = true) where key_arn = {key} \
                 order by record_count desc, file_row_number"
        ));
        let table = Table::new(format!("{id}-access"), t.access, &heads);
        section.add(Block::Table(Box::new(table.fill(budget.part(120_000), rows, total, query))));
    }
}

fn callers(
    id: &str,
    key: &str,
    callers: BTreeMap<Caller, Calls>,
    budget: &mut Budget,
    source: &Source<'_>,
) -> Table {
    let t = source.texts;
    let total = callers.len() as u64;
    let mut callers: Vec<_> = callers.into_iter().collect();
    callers.sort_by(|a, b| {
        let events = |calls: &Calls| calls.succeeded + calls.refused + calls.failed;
        events(&b.1).cmp(&events(&a.1)).then_with(|| a.0.cmp(&b.0))
    });
    let rows = callers.iter().take(ROWS).map(|((principal, workload, call), calls)| {
        row([
            vec![Field::text("principal", Kind::Code, Some(principal))],
            vec![Field::text("workload", Kind::Text, Some(workload))],
            vec![Field::text("event_name", Kind::Code, Some(call))],
            vec![Some(Field::count("succeeded", calls.succeeded))],
            vec![Some(Field::count("refused", calls.refused))],
            vec![Some(Field::count("failed", calls.failed))],
            vec![Some(Field::count("sessions", calls.sessions))],
            vec![Some(Field::count("users", calls.users))],
            vec![
                Field::time("first", calls.times.map(|(first, _)| first)),
                Field::time("last", calls.times.map(|(_, last)| last)),
            ],
        ])
    });
    let heads = [
        (t.principal, false),
        (t.workload, false),
        (t.call, false),
        (t.succeeded, true),
        (t.refused, true),
        (t.failed, true),
        (t.sessions, true),
        (t.users, true),
        (t.first_last, false),
    ];
    let query = Query::new(format!(
        "select principal, workload, event_name, \
             coalesce(sum(event_count) filter (outcome = 'success'), 0)::bigint as succeeded, \
             coalesce(sum(event_count) filter (outcome = 'denied'), 0)::bigint as refused, \
             coalesce(sum(event_count) filter (outcome not in ('success', 'denied')), 0)::bigint as failed, \
             max(session_count) as sessions, max(user_count) as users, min(first_event_time) as first, \
             max(last_event_time) as last from 'usage.parquet' where key_arn = {key} \
             group by principal, workload, event_name \
             order by sum(event_count) desc, principal, workload, event_name"
    ));
    Table::new(format!("{id}-callers"), t.callers, &heads).fill(budget.part(120_000), rows, total, query)
}
