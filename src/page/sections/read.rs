//! What was asked, read and left out.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde_json::Value;

use crate::model::number;
use crate::page::budget::Budget;
use crate::page::charts::{Scope, calendar};
use crate::page::content::{Block, Item, Section};
use crate::page::error::PageError;
use crate::page::rows::{Smallest, at};
use crate::page::source::{Source, count, field};
use crate::page::table::{Field, Kind, Query, Table, row};
use crate::page::texts::Texts;
use crate::report::{INPUTS, INTEGRITY, InputsTable, IntegrityTable, REJECTS, RejectsTable};

use super::glance::seconds;

/// Rejects that are shown.
const REJECTED: usize = 200;

pub(crate) fn read(source: &Source<'_>, budget: &mut Budget) -> Result<Section, PageError> {
    let t = source.texts;
    let mut section = Section::new("read", t.read);
    section.add(Block::Heading(t.asked.to_owned()));
    section.add(Block::Facts(options(source.run(&["options"]), t.not_given)));

    let totals = source.run(&["totals"]);
    section.add(Block::Heading(t.accounting.to_owned()));
    section.text(accounting(totals, t));
    let rows = LEFT_OUT.iter().map(|name| {
        let number = Field::count("records", count(totals, name));
        row([
            vec![Field::text("class", Kind::Code, Some(name))],
            vec![Some(number)],
            vec![Some(Field::words(Kind::Text, t.class_meaning(name)))],
        ])
    });
    let classes: Vec<String> = LEFT_OUT
        .iter()
        .map(|name| {
            format!("select '{name}' as class, totals.{name}::bigint as records from read_json('run.json')")
        })
        .collect();
    section.add(Block::Table(Box::new(
        Table::new("classes", t.classes, &[(t.class, false), (t.records, true), (t.meaning, false)]).fill(
            budget.part(100_000),
            rows,
            0,
            Query::new(classes.join(" union all ")),
        ),
    )));

    scopes(source, budget, &mut section);
    trails(source, &mut section);
    inputs(source, budget, &mut section)?;
    rejects(source, budget, &mut section)?;
    integrity(source, budget, &mut section)?;
    Ok(section)
}

/// The classes of records, in the order of the accounting.
const LEFT_OUT: [&str; 9] = [
    "selected",
    "duplicate",
    "other_copy",
    "other_source",
    "other_event",
    "other_workload",
    "filtered",
    "not_usage",
    "rejected",
];

fn accounting(totals: &Value, t: &Texts) -> String {
    let parts: Vec<String> =
        LEFT_OUT.iter().map(|name| format!("{} {name}", number(count(totals, name)))).collect();
    format!("{} {} = {}", number(count(totals, "records")), t.all_records, parts.join(" + "))
}

/// The options of the run in the order of their names, and those that were not given.
fn options(options: &Value, not_given: &str) -> Vec<(String, String)> {
    let shown = |value: &Value| match value {
        Value::Array(items) => {
            let texts =
                items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned));
            texts.collect::<Vec<_>>().join(", ")
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let is_given = |value: &Value| !value.is_null() && value.as_array().is_none_or(|items| !items.is_empty());
    let name = |name: &str| name.replace('_', "-");
    let options = options.as_object().into_iter().flatten();
    let (given, others): (Vec<_>, Vec<_>) = options.partition(|(_, value)| is_given(value));
    let mut list: Vec<_> = given.iter().map(|(n, value)| (name(n), shown(value))).collect();
    if !others.is_empty() {
        let names: Vec<String> = others.iter().map(|(n, _)| name(n)).collect();
        list.push((not_given.to_owned(), names.join(", ")));
    }
    list
}

fn scopes(source: &Source<'_>, budget: &mut Budget, section: &mut Section) {
    let t = source.texts;
    let mut missing: BTreeMap<(String, String), (BTreeSet<i32>, bool)> = BTreeMap::new();
    for item in source.list(&["coverage", "missing_days"]) {
        let days = item.get("days").and_then(Value::as_array).into_iter().flatten();
        let days: BTreeSet<i32> = days.filter_map(Value::as_str).filter_map(day).collect();
        let is_whole = days.len() as u64 == count(item, "count");
        missing.insert((field(item, "account_id"), field(item, "region")), (days, is_whole));
    }
    let list = source.list(&["coverage", "scopes"]);
    let scopes: Vec<Scope> = list
        .iter()
        .filter_map(|scope| {
            let place = (field(scope, "account_id"), field(scope, "region"));
            let name = format!("{} {}", place.0, place.1);
            let (missing, is_whole) = missing.remove(&place).unwrap_or((BTreeSet::new(), true));
            let known_until = missing.last().copied().filter(|_| !is_whole);
            let at = |name| day(scope.get(name)?.as_str()?);
            let (first, last) = (at("first_delivery_day")?, at("last_delivery_day")?);
            Some(Scope { name, first, last, missing, known_until })
        })
        .collect();
    section.add(Block::Heading(t.coverage.to_owned()));
    section.add_drawing(calendar(&scopes, t), budget, t);
    let rows = list.iter().map(|scope| {
        let text = |name| Field::text(name, Kind::Text, scope.get(name).and_then(Value::as_str));
        let total = |name| Some(Field::count(name, count(scope, name)));
        row([
            vec![text("account_id")],
            vec![text("region")],
            vec![total("archives")],
            vec![total("kms_records")],
            vec![text("first_delivery_day")],
            vec![text("last_delivery_day")],
        ])
    });
    let heads = [
        (t.account, false),
        (t.region, false),
        (t.archives, true),
        (t.kms_records, true),
        (t.first_day, false),
        (t.last_day, false),
    ];
    let query = "select s.account_id, s.region, s.archives::bigint as archives, s.kms_records::bigint as kms_records, \
                 s.first_delivery_day::varchar as first_delivery_day, s.last_delivery_day::varchar as last_delivery_day \
                 from (select unnest(coverage.scopes) as s from read_json('run.json'))";
    section.add(Block::Table(Box::new(Table::new("scopes", t.scopes, &heads).fill(
        budget.part(400_000),
        rows,
        list.len() as u64,
        if list.is_empty() { Query::default() } else { Query::new(query) },
    ))));
    let days = source.list(&["coverage", "missing_days"]);
    if !days.is_empty() {
        section.text(t.missing_days);
        section.add(Block::Items(
            days.iter()
                .take(200)
                .map(|item| Item {
                    text: format!(
                        "{} {}: {}",
                        field(item, "account_id"),
                        field(item, "region"),
                        number(count(item, "count"))
                    ),
                    details: vec![texts_of(item.get("days")).join(", ")],
                    link: None,
                })
                .collect(),
        ));
    }
}

/// The texts of a list of `run.json`; at most 60 of them.
fn texts_of(list: Option<&Value>) -> Vec<&str> {
    list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).take(60).collect()
}

/// A day of `run.json`, in days since the epoch.
fn day(text: &str) -> Option<i32> {
    text.parse::<NaiveDate>().ok().map(|day| day.to_epoch_days())
}

fn trails(source: &Source<'_>, section: &mut Section) {
    let t = source.texts;
    let periods = source.list(&["coverage", "trail_periods"]);
    if periods.is_empty() {
        return;
    }
    section.text(t.trails);
    let item = |period: &Value| {
        let until = match field(period, "until") {
            until if until.is_empty() => t.no_end.to_owned(),
            until => format!(
                "{} ({} {})",
                seconds(&until),
                field(period, "until_event_name"),
                field(period, "until_by")
            ),
        };
        Item {
            text: format!("{}: {}", field(period, "trail"), field(period, "state")),
            details: vec![format!(
                "{} ({} {}) – {until}",
                seconds(&field(period, "from")),
                field(period, "event_name"),
                field(period, "by")
            )],
            link: None,
        }
    };
    section.add(Block::Items(periods.iter().take(200).map(item).collect()));
}

fn inputs(source: &Source<'_>, budget: &mut Budget, section: &mut Section) -> Result<(), PageError> {
    let t = source.texts;
    let mut counts: BTreeMap<(String, Option<String>), (u64, u64)> = BTreeMap::new();
    let columns = [at!(INPUTS, "status"), at!(INPUTS, "reason"), at!(INPUTS, "compressed_bytes")];
    source.read::<InputsTable>(&columns, |input| {
        let status = input.owned(at!(INPUTS, "status")).unwrap_or_default();
        let counts = counts.entry((status, input.owned(at!(INPUTS, "reason"))));
        let counts = counts.or_insert_with(|| source.kept.made(input.bytes()));
        counts.0 += 1;
        counts.1 += input.count(at!(INPUTS, "compressed_bytes"));
    })?;
    let total = counts.len() as u64;
    let rows = counts.iter().map(|((status, reason), (inputs, bytes))| {
        row([
            vec![Field::text("status", Kind::Word, Some(status))],
            vec![Field::text("reason", Kind::Code, reason.as_deref())],
            vec![Some(Field::count("inputs", *inputs))],
            vec![Some(Field::count("bytes", *bytes))],
        ])
    });
    if total > 0 {
        let heads = [(t.status, false), (t.reason, false), (t.inputs, true), (t.bytes, true)];
        let query = "select status, reason, count(*) as inputs, coalesce(sum(compressed_bytes), 0)::bigint as bytes \
                     from 'inputs.parquet' group by all order by status, reason nulls first";
        let table = Table::new("inputs", t.inputs_by_status, &heads);
        section.add(Block::Table(Box::new(table.fill(budget.part(200_000), rows, total, Query::new(query)))));
    }
    Ok(())
}

fn rejects(source: &Source<'_>, budget: &mut Budget, section: &mut Section) -> Result<(), PageError> {
    let t = source.texts;
    let mut smallest = Smallest::new(REJECTED, 4 << 20);
    let mut n = 0_u64;
    let columns = [
        at!(REJECTS, "reason"),
        at!(REJECTS, "archive"),
        at!(REJECTS, "record_offset"),
        at!(REJECTS, "detail"),
    ];
    source.read::<RejectsTable>(&columns, |reject| {
        n += 1;
        smallest.push(n, reject.bytes(), || {
            row([
                vec![Field::text("reason", Kind::Word, reject.text(at!(REJECTS, "reason")))],
                vec![Field::text("archive", Kind::Code, reject.text(at!(REJECTS, "archive")))],
                vec![
                    reject
                        .optional_count(at!(REJECTS, "record_offset"))
                        .map(|n| Field::count("record_offset", n)),
                ],
                vec![
                    Field::text("detail", Kind::Text, reject.text(at!(REJECTS, "detail")))
                        .map(Field::english),
                ],
            ])
        });
    })?;
    let (rows, total) = smallest.finish();
    if total > 0 {
        let heads = [(t.reason, false), (t.archive, false), (t.offset, true), (t.detail, false)];
        let query = Query::new("select reason, archive, record_offset, detail from 'rejects.parquet'");
        let table = Table::new("rejects", t.rejects, &heads);
        section.add(Block::Table(Box::new(table.fill(budget.part(400_000), rows, total, query))));
    }
    Ok(())
}

fn integrity(source: &Source<'_>, budget: &mut Budget, section: &mut Section) -> Result<(), PageError> {
    let t = source.texts;
    let mut counts: BTreeMap<(String, String, Option<String>), u64> = BTreeMap::new();
    let columns = [at!(INTEGRITY, "kind"), at!(INTEGRITY, "status"), at!(INTEGRITY, "reason")];
    source.read::<IntegrityTable>(&columns, |file| {
        let text = |position| file.owned(position).unwrap_or_default();
        let place = (
            text(at!(INTEGRITY, "kind")),
            text(at!(INTEGRITY, "status")),
            file.owned(at!(INTEGRITY, "reason")),
        );
        *counts.entry(place).or_insert_with(|| source.kept.made(file.bytes())) += 1;
    })?;
    let total = counts.len() as u64;
    if total == 0 {
        return Ok(());
    }
    let rows = counts.iter().map(|((kind, status, reason), files)| {
        row([
            vec![Field::text("kind", Kind::Text, Some(kind))],
            vec![Field::text("status", Kind::Word, Some(status))],
            vec![Field::text("reason", Kind::Code, reason.as_deref())],
            vec![Some(Field::count("files", *files))],
        ])
    });
    let heads = [(t.kind, false), (t.status, false), (t.reason, false), (t.files, true)];
    let query = "select kind, status, reason, count(*) as files from 'integrity.parquet' \
                 group by all order by kind, status, reason nulls first";
    let table = Table::new("integrity", t.integrity_table, &heads);
    section.add(Block::Table(Box::new(table.fill(budget.part(100_000), rows, total, Query::new(query)))));
    Ok(())
}
