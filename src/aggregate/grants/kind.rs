//! Grants of one key that are for the same grantee and allow the same operations.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashMap;

use super::constraints::{Constraints, Context, Holds, context_of, has_context, pair_hash};
use super::grant::Grant;
use super::time_line::TimeLine;
use crate::model::{Grantee, KmsEvent};

/// How many different constraints may have the same pair of an encryption context for calls to be
/// compared with them. Each is found by the rarest of its pairs: constraints of jobs and volumes
/// differ in it.
const MOST_ALIKE: usize = 16;

/// Grants of one key that are for the same grantee and allow the same operations.
#[derive(Debug, Clone)]
pub(super) struct Kind {
    pub(super) grantee: Grantee,
    operations: BTreeSet<String>,
    has_source: bool,
    /// The text of the constraints is not that of constraints.
    is_unknown: bool,
    /// The places of time lines: of all its grants, those that no encryption context limits, and
    /// the others.
    all: usize,
    free: usize,
    limited: usize,
    /// The constraints that limit grants, each once.
    limits: Vec<Limit>,
    /// They by the hash of one of their pairs.
    by_pair: HashMap<u64, Vec<usize>>,
}

/// Constraints, and the time line of the grants that have them.
#[derive(Debug, Clone)]
struct Limit {
    constraints: Constraints,
    line: usize,
}

/// What a kind is told apart by, beside the key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct KindName {
    grantee: String,
    operations: BTreeSet<String>,
    has_source: bool,
    is_unknown: bool,
}

impl KindName {
    /// Of a grant; `None`: its grantee is not known.
    pub(super) fn of(grant: &Grant) -> Option<Self> {
        Some(Self {
            grantee: grant.terms.grantee.clone().filter(|_| grant.grantee.is_some())?,
            operations: grant.operations().map(str::to_owned).collect(),
            has_source: grant.constraints.has_source,
            is_unknown: grant.constraints.is_unknown,
        })
    }
}

/// The time lines on which grants of a kind are.
#[derive(Debug, Clone, Default)]
pub(super) struct GrantLines {
    /// On which calls are counted that fit the grant.
    pub(super) lines: Vec<usize>,
    /// Too many constraints are like its own: not all calls are found.
    pub(super) is_crowded: bool,
}

impl Kind {
    /// Of grants by their places in the ledger. Adds their time lines, and says on which each is.
    pub(super) fn new(
        name: KindName,
        grants: &[(usize, &Grant)],
        lines: &mut Vec<TimeLine>,
        lines_of: &mut [GrantLines],
    ) -> Self {
        let mut by_limit: BTreeMap<&Constraints, Vec<(usize, &Grant)>> = BTreeMap::new();
        for (n, grant) in grants {
            by_limit.entry(&grant.constraints).or_default().push((*n, grant));
        }
        let mut add = |grants: &mut dyn Iterator<Item = (usize, &Grant)>| {
            let line = lines.len();
            let timed = grants.filter_map(|(n, grant)| {
                lines_of[n].lines.push(line);
                Some((n, grant.times()?))
            });
            lines.push(TimeLine::new(timed));
            line
        };
        let is_free = |grant: &Grant| !grant.constraints.have_context();
        let all = add(&mut grants.iter().copied());
        let free = add(&mut grants.iter().copied().filter(|(_, grant)| is_free(grant)));
        let limited = add(&mut grants.iter().copied().filter(|(_, grant)| !is_free(grant)));
        let mut limits = Vec::new();
        let mut members = Vec::new();
        for (constraints, grants) in by_limit.into_iter().filter(|(limit, _)| limit.have_context()) {
            let line = add(&mut grants.iter().copied());
            limits.push(Limit { constraints: constraints.clone(), line });
            members.push(grants);
        }
        let mut by_pair = by_rarest_pair(&limits);
        by_pair.retain(|_, alike| {
            let is_crowded = alike.len() > MOST_ALIKE;
            if is_crowded {
                let grants = alike.iter().flat_map(|limit| &members[*limit]);
                grants.for_each(|(n, _)| lines_of[*n].is_crowded = true);
            }
            !is_crowded
        });
        let KindName { grantee, operations, has_source, is_unknown } = name;
        let grantee = Grantee::new(&grantee);
        Self { grantee, operations, has_source, is_unknown, all, free, limited, limits, by_pair }
    }

    /// Whether it allows an operation.
    pub(super) fn allows(&self, operation: &str) -> bool {
        self.operations.contains(operation)
    }

    /// The time lines of the grants whose terms an operation of a call satisfies, or may.
    pub(super) fn fitting(&self, call: &Asked<'_, '_>) -> Vec<(usize, Holds)> {
        if self.is_unknown {
            return vec![(self.all, Holds::Undecidable)];
        }
        if call.operation == "CreateGrant" {
            return self.creating(call.event);
        }
        // No record shows for which resource a service calls.
        let is_service = call.event.principal.kind == "AWSService";
        let at_most = match self.has_source && call.operation != "RetireGrant" && is_service {
            true => Holds::Undecidable,
            false => Holds::Yes,
        };
        if !has_context(call.operation) {
            return vec![(self.all, at_most)];
        }
        let mut found = vec![(self.free, at_most)];
        if self.limits.is_empty() {
            return found;
        }
        let Some(context) = call.context() else {
            found.push((self.limited, Holds::Undecidable));
            return found;
        };
        for limit in self.candidates(context.iter()) {
            match limit.constraints.hold(context) {
                Holds::No => {}
                Holds::Yes => found.push((limit.line, at_most)),
                Holds::Undecidable => found.push((limit.line, Holds::Undecidable)),
            }
        }
        found
    }

    /// Those by which a CreateGrant call may have succeeded: a grant passes on no more than it
    /// allows itself.
    fn creating(&self, event: &KmsEvent<'_>) -> Vec<(usize, Holds)> {
        let child = Constraints::new(event.grant_constraints.as_deref());
        let Some(operations) = event.grant_operations.as_deref() else {
            return vec![(self.all, Holds::Undecidable)];
        };
        let operations = operations.split(',').filter(|name| !name.is_empty());
        if child.is_unknown && operations.clone().all(|name| self.allows(name)) {
            return vec![(self.all, Holds::Undecidable)];
        }
        self.as_wide_as(operations, &child).into_iter().map(|line| (line, Holds::Yes)).collect()
    }

    /// The time lines of the grants that allow all that another allows.
    pub(super) fn as_wide_as<'o>(
        &self,
        mut operations: impl Iterator<Item = &'o str>,
        constraints: &Constraints,
    ) -> Vec<usize> {
        let is_known = !self.is_unknown && !constraints.is_unknown;
        if !is_known
            || self.has_source && !constraints.has_source
            || !operations.all(|name| self.allows(name))
        {
            return Vec::new();
        }
        let limits = self.candidates(constraints.pairs());
        let limits = limits.filter(|limit| constraints.are_as_strict_as(&limit.constraints));
        let mut found: Vec<usize> = limits.map(|limit| limit.line).collect();
        found.sort_unstable();
        found.dedup();
        found.push(self.free);
        found
    }

    /// The constraints that these pairs may satisfy.
    fn candidates<'k>(
        &'k self,
        pairs: impl Iterator<Item = (&'k String, &'k String)>,
    ) -> impl Iterator<Item = &'k Limit> {
        let hashes: BTreeSet<u64> = match self.by_pair.is_empty() {
            true => BTreeSet::new(),
            false => pairs.map(|(name, value)| pair_hash(name, value)).collect(),
        };
        let places = hashes.into_iter().filter_map(|hash| self.by_pair.get(&hash)).flatten();
        places.map(|place| &self.limits[*place])
    }
}

/// A call, and one of the operations that it needs.
pub(super) struct Asked<'c, 'e> {
    pub(super) event: &'c KmsEvent<'e>,
    pub(super) operation: &'static str,
    /// Read when first asked for.
    context: OnceCell<Option<Context>>,
}

impl<'c, 'e> Asked<'c, 'e> {
    pub(super) fn new(event: &'c KmsEvent<'e>, operation: &'static str) -> Self {
        Self { event, operation, context: OnceCell::new() }
    }

    /// The encryption context; `None`: the record does not show it.
    fn context(&self) -> Option<&Context> {
        self.context.get_or_init(|| context_of(self.event, self.operation)).as_ref()
    }
}

/// The places of constraints by the pair of each that the fewest have.
fn by_rarest_pair(limits: &[Limit]) -> HashMap<u64, Vec<usize>> {
    let hashes = |limit: &Limit| limit.constraints.pair_hashes();
    let mut counts: HashMap<u64, usize> = HashMap::new();
    for hash in limits.iter().flat_map(hashes) {
        *counts.entry(hash).or_default() += 1;
    }
    let mut by_pair: HashMap<u64, Vec<usize>> = HashMap::new();
    for (place, limit) in limits.iter().enumerate() {
        // Of equal ones, the first in the order of pairs: hashes differ from run to run.
        let rarest = hashes(limit).into_iter().min_by_key(|hash| counts.get(hash).copied());
        if let Some(hash) = rarest {
            by_pair.entry(hash).or_default().push(place);
        }
    }
    by_pair
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::grants::lifecycle::GrantState;
    use crate::model::GrantTerms;

    fn holds(constraints: &str, context: Option<&str>, operation: &'static str) -> Holds {
        let mut event = KmsEvent::example();
        event.encryption_context = context.map(|text| text.to_owned().into());
        holds_for(constraints, &event, operation)
    }

    /// Of a grant with these constraints among grants with others.
    fn holds_for(constraints: &str, event: &KmsEvent<'_>, operation: &'static str) -> Holds {
        let others = [r#"{"encryptionContextSubset":{"a":"8"}}"#, r#"{"encryptionContextEquals":{"b":"2"}}"#];
        let grants: Vec<Grant> = [constraints].into_iter().chain(others).map(grant).collect();
        let grants: Vec<(usize, &Grant)> = grants.iter().enumerate().collect();
        let mut lines_of = vec![GrantLines::default(); grants.len()];
        let Some(name) = KindName::of(grants[0].1) else { panic!("{constraints}") };
        let same: Vec<(usize, &Grant)> =
            grants.into_iter().filter(|(_, grant)| KindName::of(grant).as_ref() == Some(&name)).collect();
        let kind = Kind::new(name, &same, &mut Vec::new(), &mut lines_of);
        let found = kind.fitting(&Asked::new(event, operation));
        let of_first = found.iter().find(|(line, _)| lines_of[0].lines.contains(line));
        of_first.map_or(Holds::No, |(_, holds)| *holds)
    }

    fn grant(constraints: &str) -> Grant {
        let grantee = "arn:aws:iam::111122223333:role/R";
        Grant {
            key: None,
            terms: GrantTerms { grantee: Some(grantee.to_owned()), ..GrantTerms::default() },
            created: None,
            repeated: 0,
            ended: None,
            state: GrantState::Open,
            unusable_since: None,
            parent: None,
            is_counted: true,
            orphaned_since: None,
            grantee: Some(Grantee::new(grantee)),
            constraints: Constraints::new(Some(constraints)),
        }
    }

    #[test]
    fn contexts_are_compared_as_kms_does() {
        use Holds::{No, Undecidable, Yes};
        let equals = r#"{"encryptionContextEquals":{"a":"1","b":"2"}}"#;
        let subset = r#"{"encryptionContextSubset":{"a":"1"}}"#;
        for (constraints, context, operation, expected) in [
            (equals, Some(r#"{"a":"1","b":"2"}"#), "Decrypt", Yes),
            (equals, Some(r#"{"a":"1"}"#), "Decrypt", No),
            (equals, Some(r#"{"a":"1","b":"2","c":"3"}"#), "Decrypt", No),
            (equals, Some(r#"{"A":"1","b":"2"}"#), "Decrypt", Undecidable),
            (equals, Some(r#"{"A":"9","b":"2"}"#), "Decrypt", No),
            (equals, None, "Decrypt", No),
            (subset, Some(r#"{"a":"1","b":"2"}"#), "GenerateDataKey", Yes),
            (subset, Some(r#"{"a":"x","b":"2"}"#), "GenerateDataKey", No),
            (subset, Some(r#"{"A":"1"}"#), "GenerateDataKey", Undecidable),
            (subset, None, "Encrypt", No),
            // They do not limit calls without a context.
            (subset, None, "DescribeKey", Yes),
            (subset, None, "RetireGrant", Yes),
            (subset, None, "Sign", Yes),
            // The context is the source's, and the destination has none.
            (subset, Some(r#"{"a":"1"}"#), "ReEncryptFrom", Yes),
            (subset, Some(r#"{"a":"1"}"#), "ReEncryptTo", No),
            ("{}", None, "Decrypt", Yes),
            (r#"{"encryptionContextSubset":{}}"#, None, "Decrypt", Yes),
            (r#"{"sourceArn":"arn:aws:s3:::b"}"#, None, "Decrypt", Yes),
            ("?", None, "Decrypt", Undecidable),
        ] {
            assert_eq!(
                holds(constraints, context, operation),
                expected,
                "{constraints} {context:?} {operation}"
            );
        }
        let mut event = KmsEvent::example();
        event.encryption_context = Some(r#"{"a":"9"}"#.into());
        event.request_details = Some(r#"{"destinationEncryptionContext":{"a":"1"}}"#.into());
        assert_eq!(holds_for(subset, &event, "ReEncryptTo"), Yes);
        assert_eq!(holds_for(subset, &event, "ReEncryptFrom"), No);
        let mut event = KmsEvent::example();
        event.principal.kind = "AWSService".into();
        let source = r#"{"sourceArn":"arn:aws:s3:::b"}"#;
        assert_eq!(holds_for(source, &event, "Decrypt"), Undecidable);
        assert_eq!(holds_for(source, &event, "RetireGrant"), Yes);
        let both = r#"{"sourceArn":"arn:aws:s3:::b","encryptionContextSubset":{"a":"1"}}"#;
        assert_eq!(holds_for(both, &event, "Decrypt"), No, "the context is another");
        event.principal.kind = "AssumedRole".into();
        event.omitted_fields = Some("requestParameters".into());
        assert_eq!(holds_for(subset, &event, "Decrypt"), Undecidable);
    }
}
