//! Where a fact comes from, for facts that depend on it.

use std::sync::Arc;

use crate::knowledge::Facts;
use crate::model::Fact;
use crate::source::NameFields;

/// Adds a fact that the record at `offset` of the archive with this URI states.
pub(super) fn add_fact(facts: &mut Facts, uri: &Arc<str>, offset: u64, fact: Fact<'static>) {
    facts.add(fact, uri, offset, &|| NameFields::from_key(uri).account_id);
}
