//! Finds the grants of a key for a caller, without looking at each grant of the key.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashMap;

use super::constraints::Holds;
use super::grant::Grant;
use super::kind::{Asked, GrantLines, Kind, KindName};
use super::time_line::{InForce, TimeLine};
use crate::model::{EventTime, Grantee, Principal};

/// How many kinds of grants of one key one grantee may have for the calls to be compared with each.
const MOST_KINDS: usize = 100;

/// Grants by key and by what the grantee's calls show.
#[derive(Debug, Clone, Default)]
pub(super) struct GrantIndex {
    by_key: HashMap<String, HashMap<String, Vec<usize>>>,
    kinds: Vec<Kind>,
    lines: Vec<TimeLine>,
    /// On which lines each grant is.
    lines_of: Vec<GrantLines>,
}

/// A span of a time line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Span {
    pub(super) line: u32,
    pub(super) span: u32,
}

impl GrantIndex {
    pub(super) fn new(grants: &[Grant]) -> Self {
        let mut members: BTreeMap<(&str, KindName), Vec<(usize, &Grant)>> = BTreeMap::new();
        for (n, grant) in grants.iter().enumerate() {
            let (Some(key), Some(name)) = (grant.key.as_deref(), KindName::of(grant)) else { continue };
            members.entry((key, name)).or_default().push((n, grant));
        }
        let mut index = Self { lines_of: vec![GrantLines::default(); grants.len()], ..Self::default() };
        for ((key, name), grants) in members {
            let kind = Kind::new(name, &grants, &mut index.lines, &mut index.lines_of);
            let of_key = index.by_key.entry(key.to_owned()).or_default();
            for sign in kind.grantee.signs() {
                of_key.entry(sign.to_owned()).or_default().push(index.kinds.len());
            }
            index.kinds.push(kind);
        }
        index
    }

    /// Kinds of grants of the key that may be for this caller, each once, and their places.
    pub(super) fn of_caller(
        &self,
        key: &str,
        principal: &Principal<'_>,
    ) -> impl Iterator<Item = (usize, &Kind)> {
        let of_key = self.by_key.get(key);
        let lists = Grantee::signs_of(principal).filter_map(|sign| of_key?.get(sign));
        let found: BTreeSet<usize> =
            lists.filter(|list| list.len() <= MOST_KINDS).flatten().copied().collect();
        found.into_iter().map(|place| (place, &self.kinds[place]))
    }

    /// The time lines of a kind whose terms an operation of a call satisfies, or may: the span of
    /// the time, and what is in force in it.
    pub(super) fn fitting(
        &self,
        kind: &Kind,
        call: &Asked<'_, '_>,
    ) -> impl Iterator<Item = (Span, InForce, Holds)> {
        kind.fitting(call).into_iter().filter_map(|(line, holds)| {
            let (span, in_force) = self.at(line, call.event.time)?;
            Some((span, in_force, holds))
        })
    }

    fn at(&self, line: usize, time: EventTime) -> Option<(Span, InForce)> {
        let (span, in_force) = self.lines[line].at(time.0)?;
        Some((Span { line: u32::try_from(line).ok()?, span }, in_force))
    }

    /// The spans in which a grant is in force, of each time line it is on.
    pub(super) fn spans_of<'g>(
        &'g self,
        place: usize,
        grant: &Grant,
    ) -> impl Iterator<Item = (Span, Span)> + use<'g> {
        let times = grant.times().unwrap_or(0..0);
        self.lines_of[place].lines.iter().filter_map(move |line| {
            let spans = self.lines[*line].spans(&times);
            let line = u32::try_from(*line).ok()?;
            Some((Span { line, span: spans.start }, Span { line, span: spans.end }))
        })
    }

    /// The place of the only grant by which the creator of a grant may have created it: no two
    /// grants add up.
    pub(super) fn parent_of(&self, place: usize, child: &Grant) -> Option<usize> {
        let created = child.created.as_ref()?;
        let of_key = self.by_key.get(child.key.as_ref()?)?;
        let kinds = of_key.get(&created.principal).filter(|list| list.len() <= MOST_KINDS)?;
        let mut parents = InForce::default();
        for kind in kinds.iter().map(|kind| &self.kinds[*kind]) {
            if !kind.grantee.is_named(&created.principal) || !kind.allows("CreateGrant") {
                continue;
            }
            for line in kind.as_wide_as(child.operations(), &child.constraints) {
                let Some((_, found)) = self.at(line, created.time) else { continue };
                parents.count += found.count;
                parents.sum = parents.sum.wrapping_add(found.sum);
                if self.lines_of[place].lines.contains(&line) {
                    parents.count -= 1;
                    parents.sum = parents.sum.wrapping_sub(place);
                }
            }
        }
        (parents.count == 1).then_some(parents.sum)
    }

    /// Whether so many kinds of grants of the key are for this grantee, or so many constraints are
    /// like these, that calls are not compared with them.
    pub(super) fn is_crowded(&self, place: usize, grant: &Grant) -> bool {
        let (Some(key), Some(grantee)) = (&grant.key, &grant.grantee) else { return false };
        let Some(of_key) = self.by_key.get(key) else { return false };
        self.lines_of[place].is_crowded
            || grantee.signs().any(|sign| of_key.get(sign).is_some_and(|list| list.len() > MOST_KINDS))
    }
}
