//! The access review of a key: who used it, who may, and room for a reviewer's decision.

use std::collections::BTreeMap;

use crate::page::budget::Budget;
use crate::page::error::PageError;
use crate::page::source::Source;
use crate::page::table::{Field, Kind, Query, Table, literal, row};
use crate::report::{AccessTable, GrantsTable, PolicyStatementsTable, Review, ReviewRow};

/// Rows of a sheet at most.
const ROWS: usize = 100;

/// Sheets by key. None, if the report lacks a table that they are made of.
pub(super) fn sheets(
    source: &Source<'_>,
    places: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, Vec<ReviewRow>>, PageError> {
    let mut sheets: BTreeMap<String, Vec<ReviewRow>> = BTreeMap::new();
    if !(source.has::<AccessTable>() && source.has::<GrantsTable>() && source.has::<PolicyStatementsTable>())
    {
        return Ok(sheets);
    }
    let review = Review::of_report(source.report, |key| places.contains_key(key))?;
    for row in review.rows() {
        sheets.entry(row.key.clone()).or_default().push(row);
    }
    Ok(sheets)
}

/// The sheet of a key.
pub(super) fn sheet(
    id: &str,
    key: &str,
    rows: &[ReviewRow],
    budget: &mut Budget,
    source: &Source<'_>,
) -> Table {
    let key = literal(key);
    let t = source.texts;
    let cells = rows.iter().take(ROWS).map(|review| {
        let list =
            |column, text: &str| Field::text(column, Kind::Note, Some(text).filter(|text| !text.is_empty()));
        row([
            vec![Field::text("principal", Kind::Code, review.principal.as_deref())],
            vec![
                Some(Field::count("used", review.used)),
                Field::time("last", review.times.map(|times| times.1)),
            ],
            vec![Some(Field::count("refused", review.refused))],
            vec![Some(Field::count("open_grants", review.open_grants))],
            vec![list("allowed_not_used", &review.allowed_unused)],
            vec![],
            vec![],
        ])
    });
    let heads = [
        (t.principal, false),
        (t.used_last, true),
        (t.refused, true),
        (t.open_grants, true),
        (t.allowed_unused, false),
        (t.decision, false),
        (t.reviewer, false),
    ];
    let query = Query::new(format!(
        "with a as (select principal, coalesce(sum(record_count) filter (outcome = 'success'), 0)::bigint as used, \
             max(last_event_time) filter (outcome = 'success') as last, \
             coalesce(sum(record_count) filter (outcome = 'denied'), 0)::bigint as refused \
             from 'access.parquet' where key_arn = {key} group by 1), \
             g as (select grantee as principal, count(*) as open_grants from 'grants.parquet' \
             where key_arn = {key} and state = 'open' and grantee is not null group by 1), \
             p as (select principal, string_agg(distinct permission, ',' order by permission) as allowed_not_used \
             from 'policy_statements.parquet' where key_arn = {key} and status = 'allowed_not_used' \
             and policy_until is null and principal is not null and permission is not null group by 1) \
             select principal, coalesce(used, 0) as used, last, coalesce(refused, 0) as refused, \
             coalesce(open_grants, 0) as open_grants, allowed_not_used \
             from a full join g using (principal) full join p using (principal) order by principal"
    ));
    Table::new(format!("{id}-review"), t.review, &heads).fill(
        budget.part(120_000),
        cells,
        rows.len() as u64,
        query,
    )
}
