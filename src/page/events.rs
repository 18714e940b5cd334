//! What one reading of the events gives: names that the other tables only count.

use std::collections::BTreeMap;

use super::aliases::Aliases;
use super::below::Below;
use super::error::PageError;
use super::rows::{Row, at};
use super::source::Source;
use crate::report::EVENTS;

/// The columns that are read.
const COLUMNS: [usize; 11] =
    [KEY, ALIAS, NAME, TIME, PRINCIPAL, TYPE, USER[0], USER[1], USER[2], USER[3], USER[4]];
const KEY: usize = at!(EVENTS, "key_arn");
const ALIAS: usize = at!(EVENTS, "key_alias");
const NAME: usize = at!(EVENTS, "event_name");
const TIME: usize = at!(EVENTS, "event_time");
const PRINCIPAL: usize = at!(EVENTS, "principal");
const TYPE: usize = at!(EVENTS, "principal_type");
const USER: [usize; 5] = [
    at!(EVENTS, "source_identity"),
    at!(EVENTS, "on_behalf_of"),
    at!(EVENTS, "user_name"),
    at!(EVENTS, "web_identity"),
    at!(EVENTS, "session_name"),
];

/// Names in the events.
#[derive(Debug, Default)]
pub(super) struct Events {
    /// Whether the report has events.
    pub(super) are_there: bool,
    pub(super) aliases: Aliases,
    /// Of the keys that get a part of the page.
    pub(super) below: Below,
}

impl Events {
    /// Reads the events. `parts` has the keys whose users are wanted.
    pub(super) fn read(source: &Source<'_>, parts: &BTreeMap<String, String>) -> Result<Self, PageError> {
        let mut events = Self { are_there: source.has_events(), ..Self::default() };
        if events.are_there {
            source.report.read_event_columns(&COLUMNS, |row| events.event(&Row::new(row), parts))?;
        }
        Ok(events)
    }

    fn event(&mut self, event: &Row<'_>, parts: &BTreeMap<String, String>) {
        let key = event.text(KEY);
        if let Some(alias) = event.text(ALIAS) {
            self.aliases.add(alias, key.filter(|_| event.text(NAME) != Some("DeleteAlias")));
        }
        // An IAM user is a user: nobody is below it.
        if event.text(TYPE) == Some("IAMUser") {
            return;
        }
        let part = key.filter(|key| parts.contains_key(*key));
        if let (Some(key), Some(principal), Some(time)) = (part, event.text(PRINCIPAL), event.time(TIME)) {
            self.below.add(key, principal, USER.map(|place| event.text(place)), time);
        }
    }
}
