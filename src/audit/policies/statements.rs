//! What calls show about each permission of each statement.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::compared::Compared;
use super::line::{PolicyLine, PolicyStatus};
use crate::aggregate::{PartId, PartUse, Records};
use crate::model::Arn;
use crate::policy::{
    Actions, Condition, Effect, ElementTrait, Permission, PermissionKind, PermissionSet, Policy,
    PrincipalElement, Principals, Statement,
};

/// A statement of a policy, and one of the elements of its `Principal`.
#[derive(Clone, Copy)]
struct Part<'a, 'c> {
    compared: &'c Compared<'a>,
    /// The place of the statement, counted from 0.
    place: usize,
    statement: &'a Statement,
    /// `None`: it has `NotPrincipal`.
    element: Option<(usize, &'a PrincipalElement)>,
}

/// Lines about the statements of one policy, beyond which no further principal is looked at. A
/// policy of 32 KB that is made for it could have hundreds of thousands.
const MAX_LINES: usize = 20_000;

/// Adds the lines about the statements of a policy. Beyond some, more are not looked for.
pub(super) fn lines<'a>(compared: &Compared<'a>, policy: &'a Policy, lines: &mut Vec<PolicyLine<'a>>) {
    for (place, statement) in policy.statements.iter().enumerate() {
        let part = Part { compared, place, statement, element: None };
        if let Some(why) = without_effect(statement) {
            lines.push(part.line(PolicyStatus::NoEffect, None).because(why));
            continue;
        }
        let Some(actions) = &statement.actions else { continue };
        match &statement.principals {
            Principals::Listed(elements) => {
                for element in elements.iter().enumerate() {
                    if lines.len() > MAX_LINES {
                        let line = compared.line(PolicyStatus::CannotBeKnown);
                        return lines.push(line.because("Further rows about its statements are left out."));
                    }
                    Part { element: Some(element), ..part }.lines(actions, lines);
                }
            }
            Principals::AllBut(_) => part.lines(actions, lines),
        }
    }
}

/// Why a whole statement has no effect in a key policy.
fn without_effect(statement: &Statement) -> Option<&'static str> {
    if statement.actions.is_none() {
        return Some("It has no Action. KMS accepts such a statement, and it has no effect.");
    }
    if statement.resources.is_none() {
        return Some("It has no Resource. KMS accepts such a statement, and it has no effect.");
    }
    // Negations, and others that hold without a value, may hold.
    let asks_for_aliases = |one: &Condition| {
        one.key().eq_ignore_ascii_case("kms:ResourceAliases") && one.is_never_met_on("Decrypt")
    };
    if statement.effect == Effect::Allow && statement.conditions.iter().any(asks_for_aliases) {
        return Some("kms:ResourceAliases works in IAM policies only: in a key policy it never holds.");
    }
    None
}

impl<'a> Part<'a, '_> {
    fn line(&self, status: PolicyStatus, permission: Option<Cow<'a, str>>) -> PolicyLine<'a> {
        PolicyLine {
            statement: Some((self.place + 1, self.statement)),
            principal: self.element.map(|(_, element)| Cow::Borrowed(element.text.as_str())),
            permission,
            ..self.compared.line(status)
        }
    }

    fn use_of(&self, permission: &'static str) -> Option<&'a PartUse> {
        self.compared.uses.parts.get(&PartId {
            version: self.compared.place,
            statement: self.place,
            element: self.element.map(|(place, _)| place),
            permission,
        })
    }

    /// Whether calls are among what it is about.
    fn is_used(&self) -> bool {
        let element = self.element.map(|(place, _)| place);
        let mut parts = self.compared.uses.parts.keys();
        parts.any(|id| (id.version, id.statement, id.element) == (self.compared.place, self.place, element))
    }

    fn lines(&self, actions: &'a Actions, lines: &mut Vec<PolicyLine<'a>>) {
        if let Some((_, element)) = self.element {
            match element.nature() {
                ElementTrait::Nobody(why) => {
                    return lines.push(
                        self.line(PolicyStatus::NoEffect, None).because(&format!("It names nobody: {why}.")),
                    );
                }
                ElementTrait::Orphaned => {
                    lines.push(self.line(PolicyStatus::NoEffect, None).because(
                        "The role or user was deleted: KMS shows its unique id instead of its ARN. One that is created again under the same name is not meant. Remove it.",
                    ));
                    // What it did before is told; what it did not do, it cannot do any more.
                    if !self.is_used() {
                        return;
                    }
                }
                ElementTrait::Account(account) if self.is_own(account) => return self.delegation(lines),
                _ => {}
            }
            let callers = self.compared.uses.callers.keys();
            for name in
                callers.filter(|name| *name != &element.text && name.eq_ignore_ascii_case(&element.text))
            {
                lines.push(self.line(PolicyStatus::DiffersInCase, None).because(&format!(
                    "The caller {name} differs from it only in case, so it is not named. Names of roles depend on \
                     the case here."
                )));
            }
        }
        if actions.is_negated {
            let pattern = format!("not {}", actions.patterns.join(", "));
            return self.wildcard(pattern.into(), actions.set, lines);
        }
        let mut told = BTreeSet::new();
        for pattern in &actions.patterns {
            let set = PermissionSet::matching(pattern);
            match set.iter().next() {
                None => {
                    let is_other = !pattern.to_ascii_lowercase().starts_with("kms:");
                    let why = match is_other {
                        true => "A key policy gives permissions of KMS only.",
                        false => "KMS has no permission of this name that keytrail knows.",
                    };
                    lines.push(self.line(PolicyStatus::NoEffect, Some(pattern.into())).because(why));
                }
                Some(_) if pattern.contains(['*', '?']) => self.wildcard(pattern.into(), set, lines),
                Some(permission) if told.insert(permission.name) => self.permission(permission, lines),
                Some(_) => {}
            }
        }
    }

    /// Whether the account owns the key, or may.
    fn is_own(&self, account: &str) -> bool {
        Arn::parse(self.compared.key).is_none_or(|arn| arn.account == account)
    }

    /// The statement names the key's own account: its IAM policies decide.
    fn delegation(&self, lines: &mut Vec<PolicyLine<'a>>) {
        let Some((element, _)) = self.element else { return };
        let mut records = Records::default();
        let parts = self.compared.uses.parts.iter();
        let of_this = parts.filter(|(id, _)| {
            (id.version, id.statement, id.element) == (self.compared.place, self.place, Some(element))
        });
        for (_, found) in of_this {
            records += found.by_account.clone();
            records += found.applied.clone();
        }
        let (status, why) = match self.statement.effect {
            Effect::Allow => (
                PolicyStatus::CannotBeKnown,
                "It lets the account's IAM policies decide, which are not in the records. Without such a statement no \
                 IAM policy has an effect on the key.",
            ),
            Effect::Deny if records.count > 0 => {
                (PolicyStatus::Denies, "It denies all identities of the account.")
            }
            Effect::Deny => (PolicyStatus::DeniesNothingSeen, "It denies all identities of the account."),
        };
        lines.push(PolicyLine { records, ..self.line(status, None).because(why) });
    }

    /// A pattern, or `NotAction`: the permissions that were used, and one line for the others.
    fn wildcard(&self, pattern: Cow<'a, str>, set: PermissionSet, lines: &mut Vec<PolicyLine<'a>>) {
        let possible: Vec<&'static Permission> =
            set.iter().filter(|one| one.is_for_key_policies() && self.can_be_given(one)).collect();
        let possible: Vec<_> = possible.into_iter().filter(|one| self.never_met(one).is_none()).collect();
        let used: Vec<&&'static Permission> =
            possible.iter().filter(|one| self.use_of(one.name).is_some()).collect();
        used.iter().for_each(|permission| self.permission(permission, lines));
        let unused = possible.len() - used.len();
        if unused > 0 {
            let status = match self.statement.effect {
                Effect::Allow => PolicyStatus::AllowedNotUsed,
                Effect::Deny => PolicyStatus::DeniesNothingSeen,
            };
            let line = self.line(status, Some(pattern));
            lines.push(match used.is_empty() {
                true => line,
                false => line.because(&format!("{unused} of its {} permissions.", possible.len())),
            });
        }
    }

    /// Whether the permission can be given to the element's account.
    fn can_be_given(&self, permission: &Permission) -> bool {
        let owner = Arn::parse(self.compared.key).map(|arn| arn.account);
        let account = self.element.and_then(|(_, element)| element.account());
        permission.works_across_accounts || owner.is_none() || account.is_none() || owner == account
    }

    /// The condition key for which the statement asks, and which requests for a permission never
    /// have.
    fn never_met(&self, permission: &Permission) -> Option<&'a str> {
        let conditions = self.statement.conditions.iter();
        conditions.filter(|one| one.is_never_met_on(permission.name)).map(|one| one.key()).next()
    }

    fn permission(&self, permission: &'static Permission, lines: &mut Vec<PolicyLine<'a>>) {
        let name = Some(Cow::Borrowed(permission.name));
        let is_allow = self.statement.effect == Effect::Allow;
        let why: Option<Cow<'_, str>> = match permission.kind {
            PermissionKind::NoKey => Some("It concerns no single key: only IAM policies can give it.".into()),
            PermissionKind::NoEffect => {
                Some("Key policies do not control who may retire a grant: the grant does.".into())
            }
            _ if !self.can_be_given(permission) => {
                Some("It does not work across accounts: another account cannot be given it.".into())
            }
            _ => self.never_met(permission).map(|key| {
                let name = permission.name;
                format!("Requests for {name} never have {key}, for which the statement asks.").into()
            }),
        };
        if let Some(why) = why.filter(|_| is_allow) {
            return lines.push(self.line(PolicyStatus::NoEffect, name).because(&why));
        }
        let Some(found) = self.use_of(permission.name) else {
            let status =
                if is_allow { PolicyStatus::AllowedNotUsed } else { PolicyStatus::DeniesNothingSeen };
            return lines.push(self.line(status, name));
        };
        if found.applied.count > 0 {
            let status = if is_allow { PolicyStatus::Used } else { PolicyStatus::Denies };
            let (records, alone) = (found.applied.clone(), is_allow.then_some(found.alone));
            lines.push(PolicyLine { records, alone, ..self.line(status, name.clone()) });
        }
        if found.undecided.count > 0 {
            let reason = found.reason.as_deref().unwrap_or("the record does not show enough");
            let why = format!("Calls may be among what it is about: {reason}.");
            let records = found.undecided.clone();
            let line = self.line(PolicyStatus::CannotBeKnown, name.clone());
            lines.push(PolicyLine { records, ..line.because(&why) });
        }
        if found.by_account.count > 0 {
            let why = "The account's IAM policies decided, or a grant.";
            let records = found.by_account.clone();
            lines.push(PolicyLine { records, ..self.line(PolicyStatus::CannotBeKnown, name).because(why) });
        }
    }
}

impl PolicyLine<'_> {
    pub(super) fn because(mut self, why: &str) -> Self {
        self.detail = Some(why.to_owned());
        self
    }
}
