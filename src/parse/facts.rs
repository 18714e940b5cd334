//! The facts that a record contains about KMS calls of other records.
//!
//! [`FAMILIES`] says which records may contain any. Few do, so [`may_contain_facts`] searches the
//! raw bytes first; the remaining records are parsed, and read into general JSON. Names of
//! parameters are compared without regard to case, since CloudTrail's spelling varies. A call that
//! failed contains no facts, except that somebody tried to change a trail.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};
use memchr::memmem::Finder;

use super::error::NoFacts;
use super::families::{Call, FAMILIES, Interest, family_of};
use super::prefilter::{KMS, escaped_byte};
use super::{kms, read};
use crate::model::{EventTime, Fact, RejectReason};

/// The needles of all families. Any match would do, but `aho_corasick` uses vector instructions
/// only for leftmost matches.
static NEEDLE_SEARCH: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let needles: BTreeSet<&str> = FAMILIES.iter().flat_map(|family| family.needles).copied().collect();
    AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(needles).ok()
});
static ESCAPE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(r"\u00"));

/// Whether a record in these bytes may contain facts. `false` is certain: JSON escapes are taken
/// into account, also those of a JSON text within a string.
pub fn may_contain_facts(bytes: &[u8]) -> bool {
    let may_hide_needle =
        |at| escaped_byte(bytes, at).is_some_and(|b| b.is_ascii_alphanumeric() || b".-_\\".contains(&b));
    // If the searcher could not be built (it can be for so few needles), any record may match.
    NEEDLE_SEARCH.as_ref().is_none_or(|needles| needles.is_match(bytes))
        || ESCAPE.find_iter(bytes).any(may_hide_needle)
}

/// Reads the facts that a record contains.
///
/// # Errors
/// When the record is not a JSON object, or another tool rewrote it. A record with another defect
/// has no facts, and a call that failed has none but what it corrects, and what it would have done
/// to a trail.
pub fn facts(record: &[u8]) -> Result<Vec<Fact<'static>>, NoFacts> {
    read_facts(record, Texts::Refuse)
}

/// The facts of a record in which there is text in the place of objects, as far as they do not
/// depend on what the text says.
pub fn facts_without_texts(record: &[u8]) -> Vec<Fact<'static>> {
    read_facts(record, Texts::Ignore).unwrap_or_default()
}

/// What to do with a record that has text in the place of objects.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Texts {
    Refuse,
    Ignore,
}

fn read_facts(record: &[u8], texts: Texts) -> Result<Vec<Fact<'static>>, NoFacts> {
    // A record that cannot be counted has no facts either. Only invalid JSON is reported, because
    // the reader of the container must then find out where the record ends.
    let Ok(text) = read::utf8(record) else { return Ok(Vec::new()) };
    let mut head = match read::record(text) {
        Ok(head) => head,
        Err(error) if error.reason == RejectReason::JsonSyntax => return Err(NoFacts::InvalidJson),
        Err(_) => return Ok(Vec::new()),
    };
    let (Some(source), Some(name)) = (head.event_source.take(), head.event_name.0.clone()) else {
        return Ok(Vec::new());
    };
    let Some(family) = family_of(&source) else { return Ok(Vec::new()) };
    let is_readable = source == KMS || kms::is_known_version(head.event_version.as_deref());
    if !is_readable || matches!((family.interest)(&name), Interest::Never) {
        return Ok(Vec::new());
    }
    let Some(time) = head.event_time.as_deref() else { return Ok(Vec::new()) };
    let Some(time) =
        EventTime::parse(time).filter(|_| texts == Texts::Ignore || head.text_member().is_none())
    else {
        return Err(NoFacts::Rewritten);
    };
    (family.facts)(Call { source, name, time, head, text })
}

#[cfg(test)]
mod tests;
