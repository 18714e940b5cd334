//! The table of all keys.

use std::collections::BTreeMap;

use crate::model::Arn;
use crate::page::aliases::Aliases;
use crate::page::budget::Budget;
use crate::page::keys::SEVERITIES;
use crate::page::overview::Overview;
use crate::page::source::Source;
use crate::page::table::{Field, Kind, Query, Table, row};
use crate::report::{FindingsTable, GrantsTable, UsageTable};

/// Keys in the table at most.
const LISTED: usize = 2_000;

pub(super) fn list(
    source: &Source<'_>,
    overview: &Overview,
    places: &BTreeMap<String, String>,
    aliases: &Aliases,
    budget: &mut Budget,
) -> Table {
    let t = source.texts;
    let ordered = overview.keys.ordered();
    let total = ordered.len() as u64;
    let rows = ordered.into_iter().take(LISTED).map(|(key, totals)| {
        let link = key.as_ref().and_then(|key| places.get(key)).map(|place| format!("#{place}"));
        let name = Field::text("key_arn", Kind::Key, key.as_deref()).map(|field| field.linked(link));
        let account =
            key.as_deref().and_then(Arn::parse).map(|arn| format!("{} {}", arn.account, arn.region));
        let alias = key.as_deref().and_then(|key| aliases.of(key));
        row([
            vec![
                Some(name.unwrap_or_else(|| Field::words(Kind::Text, t.key_not_named))),
                alias.map(|alias| Field::words(Kind::Note, alias)),
                account.map(|account| Field::words(Kind::Note, &account)),
            ],
            vec![Some(Field::count("findings", totals.findings))],
            vec![Some(Field::count("succeeded", totals.succeeded))],
            vec![Some(Field::count("refused", totals.refused))],
            vec![Some(Field::count("failed", totals.failed))],
            vec![Some(Field::count("principals", totals.principals()))],
            vec![Some(Field::count("open_grants", totals.open_grants))],
            vec![Field::time("last", totals.last)],
        ])
    });
    let heads = [
        (t.key, false),
        (t.findings, true),
        (t.succeeded, true),
        (t.refused, true),
        (t.failed, true),
        (t.principals, true),
        (t.open_grants, true),
        (t.last, false),
    ];
    Table::new("keys-table", t.keys, &heads).fill(budget.part(600_000), rows, total, list_query(source))
}

fn list_query(source: &Source<'_>) -> Query {
    let mut known = vec!["select distinct key_arn from 'usage.parquet'"];
    let (mut grants, mut findings) =
        ("select null::varchar as key_arn, 0::bigint as n where false".to_owned(), String::new());
    if source.has::<GrantsTable>() {
        known.push("select key_arn from 'grants.parquet' where key_arn is not null");
        grants =
            "select key_arn, count(*) as n from 'grants.parquet' where state = 'open' group by 1".to_owned();
    }
    if source.has::<FindingsTable>() {
        known.push("select key_arn from 'findings.parquet' where key_arn is not null");
        let names: Vec<String> = SEVERITIES.iter().map(|name| format!("'{name}'")).collect();
        findings = format!(
            "select key_arn, count(*) as n, min(list_position([{}], severity)) as worst \
             from 'findings.parquet' where status = 'open' group by 1",
            names.join(", ")
        );
    }
    if findings.is_empty() {
        findings =
            "select null::varchar as key_arn, 0::bigint as n, 0::bigint as worst where false".to_owned();
    }
    if !source.has::<UsageTable>() {
        return Query::default();
    }
    let known = known.join(" union ");
    Query::new(format!(
        "with k as ({known}), u as (select key_arn, sum(event_count) filter (outcome = 'success') as s, \
         sum(event_count) filter (outcome = 'denied') as d, sum(event_count) as e, count(distinct principal) as p, \
         max(last_event_time) as last from 'usage.parquet' group by 1), g as ({grants}), f as ({findings}) \
         select k.key_arn, coalesce(f.n, 0)::bigint as findings, coalesce(s, 0)::bigint as succeeded, \
         coalesce(d, 0)::bigint as refused, (coalesce(e, 0) - coalesce(s, 0) - coalesce(d, 0))::bigint as failed, \
         coalesce(p, 0)::bigint as principals, coalesce(g.n, 0)::bigint as open_grants, u.last from k \
         left join u on k.key_arn is not distinct from u.key_arn left join g on k.key_arn = g.key_arn \
         left join f on k.key_arn = f.key_arn \
         order by coalesce(f.worst, 9), coalesce(e, 0) desc, k.key_arn nulls first"
    ))
}
