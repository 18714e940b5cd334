//! Keys: all in a table, and a part for each of those that matter most.

mod below;
mod list;
mod part;
mod tables;

use std::collections::BTreeMap;

use super::review;
use crate::model::{Arn, number};
use crate::page::budget::Budget;
use crate::page::content::{Block, KeyHead, Section};
use crate::page::error::PageError;
use crate::page::events::Events;
use crate::page::keys::KEY_PARTS;
use crate::page::overview::Overview;
use crate::page::source::Source;
use crate::page::table::short_key;

pub(crate) fn keys(
    source: &Source<'_>,
    overview: &Overview,
    places: &BTreeMap<String, String>,
    events: &mut Events,
    budget: &mut Budget,
) -> Result<Vec<Section>, PageError> {
    let t = source.texts;
    if overview.keys.totals.is_empty() {
        return Ok(Vec::new());
    }
    let mut section = Section::new("keys", t.keys);
    section.breaks = true;
    section.add(Block::Table(Box::new(list::list(source, overview, places, &events.aliases, budget))));
    let named = overview.keys.totals.keys().flatten().count();
    if named > KEY_PARTS {
        section.text(format!("{} {KEY_PARTS} / {named}.", t.key_parts));
    }
    if !events.are_there {
        section.text(t.no_events);
    }
    let mut sections = vec![section];
    let mut parts = part::read(source, places)?;
    let sheets = review::sheets(source, places)?;
    for (key, totals) in overview.keys.ordered() {
        let Some(key) = key else { continue };
        let Some(part) = parts.remove(key) else { continue };
        let mut section = Section::new(&part.id, "");
        section.breaks = true;
        let head = KeyHead {
            name: short_key(key),
            arn: key.clone(),
            alias: events.aliases.of(key).map(str::to_owned),
        };
        section.add(Block::Key(Box::new(head)));
        let arn = Arn::parse(key);
        let place = |stored: &Option<String>, of_arn: Option<&str>| {
            stored.as_deref().or(of_arn).filter(|text| !text.is_empty()).unwrap_or(t.not_known).to_owned()
        };
        let mut facts = vec![
            (t.account.to_owned(), place(&totals.account, arn.as_ref().map(|arn| arn.account))),
            (t.region.to_owned(), place(&totals.region, arn.as_ref().map(|arn| arn.region))),
            (t.events_selected.to_owned(), number(totals.events())),
        ];
        if let Some((time, who, call)) = &part.last_used {
            let time = super::glance::seconds(&time.to_rfc3339());
            facts.push((t.last_used.to_owned(), format!("{time} UTC, {call}, {who}")));
        }
        section.add(Block::Facts(facts));
        let id = part.id.clone();
        tables::add_part(&mut section, source, key, part, overview, budget);
        below::add(&mut section, source, key, events, budget);
        if let Some(rows) = sheets.get(key) {
            section.add(Block::Table(Box::new(review::sheet(&id, key, rows, budget, source))));
        }
        sections.push(section);
    }
    Ok(sections)
}
