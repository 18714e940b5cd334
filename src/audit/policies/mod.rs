//! Compares key policies with calls: which permissions of which statements were used, which were
//! not, and which calls no statement explains.

mod callers;
mod compared;
mod line;
mod required;
mod statements;
mod suggest;

use std::collections::BTreeSet;

pub use line::{PolicyLine, PolicyStatus};
pub use suggest::{Suggestion, suggest_policy};

use compared::Compared;

use crate::aggregate::{KeyPolicyUses, PolicyUses};
use crate::model::counted;
use crate::policy::PolicyBook;

/// The id in the ARN of a key. What the user gives may name the key by it.
fn key_id(arn: &str) -> Option<&str> {
    arn.rsplit_once("key/").map(|(_, id)| id)
}

/// The comparison of all known policies with all calls: by key, policy in the order of time,
/// statement, principal, permission and status.
pub fn policy_lines<'a>(book: &'a PolicyBook, uses: &'a PolicyUses) -> Vec<PolicyLine<'a>> {
    static NONE: KeyPolicyUses = KeyPolicyUses::NONE;
    // The keys that were called, by their ARNs, and those of policies for which nobody did.
    let mut keys: BTreeSet<&str> = uses.keys().map(|(key, _)| key).collect();
    let called: BTreeSet<&str> = keys.iter().flat_map(|key| [Some(*key), key_id(key)]).flatten().collect();
    keys.extend(book.keys().filter(|key| !called.contains(key)));
    let mut lines = Vec::new();
    for key in keys {
        let uses = uses.of_key(key).unwrap_or(&NONE);
        let policies = book.of(key);
        for (place, version) in policies.versions.iter().enumerate() {
            let compared = Compared { key, place, version, uses, shared: policies.shared };
            match &version.policy {
                _ if lines.len() >= LINES => {
                    let line = compared.line(PolicyStatus::CannotBeKnown);
                    lines.push(line.because("The rows about this policy are left out: there are too many."));
                }
                Ok(policy) => {
                    let mut of_policy = Vec::new();
                    of_policy.extend(
                        compared
                            .unknown_part()
                            .map(|why| compared.line(PolicyStatus::CannotBeKnown).because(&why)),
                    );
                    statements::lines(&compared, policy, &mut of_policy);
                    callers::lines(&compared, &mut of_policy);
                    required::lines(&compared, policy, &mut of_policy);
                    add_some(&compared, of_policy, &mut lines);
                }
                Err(why) => {
                    let line = compared.line(PolicyStatus::CannotBeKnown);
                    let mut of_policy = vec![line.because(&format!("The policy is not known: {why}."))];
                    callers::lines(&compared, &mut of_policy);
                    add_some(&compared, of_policy, &mut lines);
                }
            }
        }
    }
    lines
}

/// Most lines about all policies; [`statements`] bounds those of one.
const LINES: usize = 200_000;

/// Adds the first lines about a policy, and says how many are left out.
fn add_some<'a>(
    compared: &Compared<'a>,
    mut of_policy: Vec<PolicyLine<'a>>,
    lines: &mut Vec<PolicyLine<'a>>,
) {
    let room = LINES.saturating_sub(lines.len());
    let left_out = of_policy.len().saturating_sub(room);
    of_policy.truncate(room);
    lines.append(&mut of_policy);
    if left_out > 0 {
        let line = compared.line(PolicyStatus::CannotBeKnown);
        lines.push(line.because(&format!("{} about this policy left out.", counted(left_out as u64, "row"))));
    }
}
