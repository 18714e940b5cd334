//! What AWS's pages say that a workload needs, and the policy does not give.

use std::borrow::Cow;

use super::compared::Compared;
use super::line::{PolicyLine, PolicyStatus};
use crate::aggregate::KeyCaller;
use crate::model::Principal;
use crate::policy::{Effect, IsNamed, Place, Policy, Principals, REQUIREMENTS, Requirement};

/// Adds lines about what is missing.
pub(super) fn lines<'a>(compared: &Compared<'a>, policy: &'a Policy, lines: &mut Vec<PolicyLine<'a>>) {
    for (name, caller) in &compared.uses.callers {
        // Services call under their own identity by grants.
        if caller.kind == "AWSService"
            || !caller.uses.keys().any(|(version, _)| *version == Some(compared.place))
        {
            continue;
        }
        for requirement in REQUIREMENTS {
            if !requirement.is_for(caller.workloads, caller.uses.keys().map(|(_, permission)| *permission)) {
                continue;
            }
            for permission in requirement.permissions {
                let given = given(policy, name, caller, permission);
                // A policy that is not known may give it.
                let given =
                    if (Given::No..Given::Perhaps).contains(&given) && compared.unknown_part().is_some() {
                        Given::Perhaps
                    } else {
                        given
                    };
                let Some((status, why)) = missing(requirement, given) else { continue };
                lines.push(PolicyLine {
                    principal: Some(Cow::Borrowed(name.as_str())),
                    permission: Some(Cow::Borrowed(permission)),
                    detail: Some(why),
                    ..compared.line(status)
                });
            }
        }
    }
}

/// How a policy gives a permission to a caller, conditions aside.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Given {
    /// A statement denies it.
    Denied,
    No,
    ByAccount,
    Perhaps,
    Yes,
}

fn given(policy: &Policy, name: &str, caller: &KeyCaller, permission: &str) -> Given {
    let principal = caller.as_principal(name);
    let statements = policy
        .statements
        .iter()
        .filter(|one| one.effect == Effect::Allow && one.permissions().contains(permission));
    let by = statements.map(|statement| match &statement.principals {
        Principals::AllBut(_) => Given::Perhaps,
        Principals::Listed(elements) => {
            let named = elements.iter().map(|element| match element.names(&principal, "") {
                IsNamed::Yes => Given::Yes,
                IsNamed::Unknown(_) => Given::Perhaps,
                IsNamed::ByAccount => Given::ByAccount,
                IsNamed::No => Given::No,
            });
            named.max().unwrap_or(Given::No)
        }
    });
    let allowed = by.max().unwrap_or(Given::No);
    match denied(policy, &principal, permission) {
        Some(true) => Given::Denied,
        Some(false) if allowed > Given::ByAccount => Given::Perhaps,
        _ => allowed,
    }
}

/// Whether a statement denies the caller a permission; `Some(false)`: perhaps.
fn denied(policy: &Policy, principal: &Principal<'_>, permission: &str) -> Option<bool> {
    let statements = policy
        .statements
        .iter()
        .filter(|one| one.effect == Effect::Deny && one.permissions().contains(permission));
    let by = statements.filter_map(|statement| {
        let mut named = statement.principals.elements().iter().map(|element| element.names(principal, ""));
        let is_certain = match &statement.principals {
            // It may leave out the caller's sessions.
            Principals::AllBut(_) => named.all(|named| named == IsNamed::No),
            Principals::Listed(_) => {
                let named: Vec<IsNamed> = named.filter(|named| *named != IsNamed::No).collect();
                if named.is_empty() {
                    return None;
                }
                named.iter().any(|named| matches!(named, IsNamed::Yes | IsNamed::ByAccount))
            }
        };
        Some(is_certain && statement.conditions.is_empty())
    });
    by.max()
}

fn missing(requirement: &Requirement, given: Given) -> Option<(PolicyStatus, String)> {
    let need = format!("The {} needs it, says {}", requirement.about, requirement.source);
    match (requirement.place, given) {
        (_, Given::Yes) => None,
        (_, Given::Denied) => {
            Some((PolicyStatus::Missing, format!("{need}: a statement of the policy denies it to the role.")))
        }
        (Place::KeyPolicy, Given::Perhaps) | (_, Given::Perhaps) => {
            Some((PolicyStatus::CannotBeKnown, format!("{need}: records do not show whether it has it.")))
        }
        (Place::KeyPolicy, Given::ByAccount) => Some((
            PolicyStatus::Missing,
            format!("{need}, in the key policy, which only lets the account's IAM policies decide."),
        )),
        (Place::Either | Place::IamPolicy, Given::ByAccount) => {
            Some((PolicyStatus::CannotBeKnown, format!("{need}: the account's IAM policies decide.")))
        }
        (Place::KeyPolicy | Place::Either, Given::No) => {
            Some((PolicyStatus::Missing, format!("{need}: no statement gives it to the role.")))
        }
        (Place::IamPolicy, Given::No) => Some((
            PolicyStatus::Missing,
            format!("{need}: the key policy neither gives it nor lets the account's IAM policies decide."),
        )),
    }
}
