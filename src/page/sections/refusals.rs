//! Calls that did not succeed, by cause, with what to do.

use crate::page::budget::Budget;
use crate::page::content::{Block, Section};
use crate::page::overview::Overview;
use crate::page::source::Source;
use crate::page::table::{Field, Kind, Query, Table, row};
use crate::page::texts::Texts;
use crate::report::UsageTable;

pub(crate) fn refusals(source: &Source<'_>, overview: &Overview, budget: &mut Budget) -> Option<Section> {
    if !source.has::<UsageTable>() {
        return None;
    }
    let t = source.texts;
    let mut section = Section::new("refusals", t.refusals);
    if overview.failures.is_empty() {
        section.text(t.no_refusals);
        return Some(section);
    }
    let mut causes: Vec<_> = overview.failures.iter().collect();
    causes.sort_by(|a, b| b.1.events.cmp(&a.1.events).then_with(|| a.0.cmp(b.0)));
    let total = causes.len() as u64;
    let rows = causes.into_iter().map(|((outcome, by, action, code), failures)| {
        row([
            vec![
                Field::text("outcome", Kind::Word, Some(outcome)),
                Field::text("error_code", Kind::Note, code.as_deref()),
            ],
            vec![
                Field::text("denied_by", Kind::Text, by.as_deref()),
                Field::text("denied_action", Kind::Code, action.as_deref()),
            ],
            vec![Some(Field::count("events", failures.events))],
            vec![Some(Field::count("principals", failures.principals()))],
            vec![Some(Field::count("keys", failures.keys()))],
            vec![Field::time("last", failures.last)],
            vec![Some(Field::words(Kind::Text, remedy(outcome, by.as_deref(), t)))],
        ])
    });
    let heads = [
        (t.result, false),
        (t.cause, false),
        (t.events, true),
        (t.principals, true),
        (t.keys, true),
        (t.last, false),
        (t.remedy, false),
    ];
    let query = "select outcome, error_code, denied_by, denied_action, sum(event_count)::bigint as events, \
                 count(distinct principal) as principals, count(distinct key_arn) as keys, max(last_event_time) as last \
                 from 'usage.parquet' where outcome <> 'success' group by outcome, error_code, denied_by, denied_action \
                 order by events desc, outcome, denied_by nulls first, denied_action nulls first, error_code nulls first";
    let table = Table::new("refusals-table", t.refusals, &heads);
    section.add(Block::Table(Box::new(table.fill(budget.part(400_000), rows, total, Query::new(query)))));
    Some(section)
}

/// What to do about failed calls.
fn remedy(outcome: &str, denied_by: Option<&str>, t: &Texts) -> &'static str {
    let by = denied_by.unwrap_or_default();
    match outcome {
        "denied" if by.contains("identity") => t.remedy_identity,
        "denied" if by.contains("resource_control") => t.remedy_rcp,
        "denied" if by.contains("service_control") => t.remedy_scp,
        "denied" if by.contains("resource") => t.remedy_resource,
        "denied" if by.contains("session") => t.remedy_session,
        "denied" if by.contains("boundary") => t.remedy_boundary,
        "denied" if by.contains("endpoint") => t.remedy_endpoint,
        "denied" if by.contains("missing") => t.remedy_missing,
        "denied" => t.remedy_unknown_policy,
        "key_state" => t.remedy_key_state,
        "not_found" => t.remedy_not_found,
        "misuse" => t.remedy_misuse,
        "throttled" => t.remedy_throttled,
        "internal" => t.remedy_internal,
        _ => t.remedy_unknown,
    }
}
