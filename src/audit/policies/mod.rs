//! Compares key policies with calls: which permissions of which statements were used, which were
//! not, and which calls no statement explains.

mod callers;
mod compared;
mod line;
mod required;
mod statements;
mod suggest;

pub use line::{PolicyLine, PolicyStatus};
pub use suggest::{Suggestion, suggest_policy};

use compared::Compared;

use crate::aggregate::{KeyPolicyUses, PolicyUses};
use crate::model::counted;
use crate::policy::PolicyBook;

/// The comparison of all known policies with all calls: by key, policy in the order of time,
/// statement, principal, permission and status.
pub fn policy_lines<'a>(book: &'a PolicyBook, uses: &'a PolicyUses) -> Vec<PolicyLine<'a>> {
    static NONE: KeyPolicyUses = KeyPolicyUses::NONE;
    // A policy that is for every key is compared with those that were called.
    let mut keys: Vec<&str> = book.keys().map(|(key, _)| key).collect();
    keys.extend(uses.keys().map(|(key, _)| key).filter(|key| !book.has_own(key)));
    keys.sort_unstable();
    keys.dedup();
    let mut lines = Vec::new();
    for key in keys {
        let uses = uses.of_key(key).unwrap_or(&NONE);
        for (place, version) in book.versions(key).iter().enumerate() {
            let compared = Compared { key, place, version, uses };
            match &version.policy {
                Ok(policy) => {
                    let mut of_policy = Vec::new();
                    statements::lines(&compared, policy, &mut of_policy);
                    callers::lines(&compared, &mut of_policy);
                    required::lines(&compared, policy, &mut of_policy);
                    add_some(&compared, of_policy, &mut lines);
                }
                Err(why) => lines.push(PolicyLine {
                    detail: Some(format!("The policy is not known: {why}.")),
                    ..compared.line(PolicyStatus::CannotBeKnown)
                }),
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
