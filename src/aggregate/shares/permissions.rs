//! The permissions of a share, as they come and go.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::resource::{default_permission, kind_of_permission};
use super::scope::{SCOPES, Scope, Templates, gaps, merged, span};
use crate::model::EventTime;

/// The permissions of a share, and those that it had.
#[derive(Debug, Default)]
pub(super) struct Permissions {
    now: BTreeMap<String, Held>,
    past: Vec<(String, EventTime, EventTime)>,
}

/// A permission that the share has.
#[derive(Debug)]
struct Held {
    version: Option<String>,
    since: EventTime,
}

impl Permissions {
    /// Names and versions of those that it has.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&String, &Option<String>)> {
        self.now.iter().map(|(name, held)| (name, &held.version))
    }

    /// It has a permission from now on.
    pub(super) fn put(&mut self, name: &str, version: Option<String>, time: EventTime) {
        let held = self.now.entry(name.to_owned()).or_insert_with(|| Held { version: None, since: time });
        held.version = version;
    }

    /// It has no longer those that are not to be kept.
    pub(super) fn retain(&mut self, is_kept: impl Fn(&str) -> bool, time: EventTime) {
        let past = &mut self.past;
        self.now.retain(|name, held| {
            let is_kept = is_kept(name);
            if !is_kept {
                past.push((name.clone(), held.since, time));
            }
            is_kept
        });
    }

    /// Whether it had a permission that another one takes the place of.
    pub(super) fn replace(&mut self, old: &str, new: &str, time: EventTime) -> bool {
        if !self.now.contains_key(old) {
            return false;
        }
        self.retain(|name| name != old, time);
        self.put(new, None, time);
        true
    }

    /// What it allowed with one kind of resource, and when. `is_created`: the call that made the
    /// share is known.
    pub(super) fn scopes(
        &self,
        kind: &str,
        has_one_kind: bool,
        is_created: bool,
        templates: &Templates,
    ) -> Arc<[Scope]> {
        // Of a permission of the customer's, nothing says for which kind it is.
        let is_of_kind = |name: &str| kind_of_permission(name).is_none_or(|of| of == kind);
        let is_certain = |name: &str| kind_of_permission(name).is_some() || has_one_kind;
        let now = self.now.iter().map(|(name, held)| (name, held.since, None));
        let all = self.past.iter().map(|(name, since, until)| (name, *since, Some(*until))).chain(now);
        let of_kind: Vec<_> = all.filter(|(name, ..)| is_of_kind(name)).take(SCOPES).collect();
        if of_kind.len() == SCOPES {
            return Arc::new([Scope::unknown()]);
        }
        let named = of_kind.iter().filter(|(name, ..)| is_certain(name));
        let named = named.map(|(_, since, until)| (since.0, until.map_or(i64::MAX, |until| until.0)));
        // While no permission is named, it has the default one.
        let default = default_permission(kind).filter(|_| is_created).unwrap_or_default();
        let default = gaps(&merged(named.collect()), i64::MIN).into_iter().map(|(from, until)| Scope {
            span: span(
                Some(EventTime(from.saturating_sub(1))),
                (until < i64::MAX).then_some(EventTime(until)),
            ),
            allows: templates.allows(default),
        });
        let of_kind = of_kind.iter().map(|(name, since, until)| Scope {
            span: span(Some(*since), *until),
            allows: templates.allows(name),
        });
        default.chain(of_kind).collect()
    }
}
