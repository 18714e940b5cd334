//! Who is below the principals that use a key.

use crate::page::below::User;
use crate::page::budget::Budget;
use crate::page::content::{Block, Section};
use crate::page::events::Events;
use crate::page::source::Source;
use crate::page::table::{Field, Kind, Query, Table, literal, row};

/// Names of a principal at most.
const NAMES: u64 = 20;
/// Rows in the table at most.
const ROWS: usize = 200;

/// Adds the table, if events name anybody.
pub(super) fn add(
    section: &mut Section,
    source: &Source<'_>,
    key: &str,
    events: &mut Events,
    budget: &mut Budget,
) {
    let t = source.texts;
    let all = query(key, "");
    if events.below.is_full() {
        section.text(format!("{} {all}", t.below_too_many));
        return;
    }
    let (users, total) = events.below.take(key, NAMES);
    if total == 0 {
        return;
    }
    let heads = [
        (t.principal, false),
        (t.user, false),
        (t.session, false),
        (t.events, true),
        (t.names_of_principal, true),
        (t.first_last, false),
    ];
    let query = Query::new(query(key, &format!(" where place <= {NAMES}"))).of_all(all);
    let rows = users.iter().take(ROWS).map(|user| {
        let User { principal, names, events, first, last, of_principal } = user;
        let [source_identity, on_behalf_of, user_name, web_identity, session_name] =
            names.each_ref().map(Option::as_deref);
        row([
            vec![Field::text("principal", Kind::Code, Some(principal))],
            vec![
                Field::text("source_identity", Kind::Code, source_identity),
                Field::text("on_behalf_of", Kind::Code, on_behalf_of),
                Field::text("user_name", Kind::Code, user_name),
                Field::text("web_identity", Kind::Code, web_identity),
            ],
            vec![Field::text("session_name", Kind::Code, session_name)],
            vec![Some(Field::count("events", *events))],
            vec![Some(Field::count("names", *of_principal))],
            vec![Field::time("first", Some(*first)), Field::time("last", Some(*last))],
        ])
    });
    let id = format!("{}-below", section.id);
    let table = Table::new(id, t.below, &heads).fill(budget.part(120_000), rows, total, query);
    section.add(Block::Table(Box::new(table)));
    section.text(t.below_note);
}

fn query(key: &str, which: &str) -> String {
    let key = literal(key);
    let users = "source_identity, on_behalf_of, user_name, web_identity";
    let order = ["source_identity", "on_behalf_of", "user_name", "web_identity", "session_name"]
        .map(|name| format!("{name} nulls first"))
        .join(", ");
    format!(
        "with e as (select principal, {users}, \
         case when coalesce({users}) is null then n.session_name end as session_name, \
         count(*) as events, min(event_time) as first, max(event_time) as last \
         from read_parquet('events/*/*.parquet') as n where key_arn = {key} and principal_type <> 'IAMUser' \
         and coalesce({users}, n.session_name) is not null group by all), \
         r as (select *, row_number() over (partition by principal order by events desc, {order}) as place, \
         count(*) over (partition by principal) as names, \
         sum(events) over (partition by principal) as of_principal from e) \
         select principal, {users}, session_name, events, names, first, last from r{which} \
         order by of_principal desc, principal, place"
    )
}
