//! What a key policy says about a call: three-valued, since records do not show everything that
//! conditions ask for.
//!
//! Source: [policy evaluation
//! logic](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html)
//! and [key policies](https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html).

use std::borrow::Cow;

use super::action::{Permission, PermissionSet};
use super::document::{Effect, Policy, Principals, Resources, Statement};
use super::glob::{Case, glob};
use super::principal::{IsNamed, PrincipalElement, any_names, none_names};
use super::request::Request;
use super::truth::Truth;
use crate::model::Arn;

/// What a policy says about one permission that a call needs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It allows the call.
    Allows,
    /// It denies the call.
    Denies,
    /// It names the caller's account: the account's IAM policies decide.
    ByAccount,
    /// It does not allow the call. A grant may, unless a `Deny` refuses it that depends on what the
    /// record does not show.
    NotByThisPolicy,
    /// What it says depends on what the record does not show.
    Undecidable(Cow<'static, str>),
}

/// A statement that is about a call, or may be.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Applied {
    /// Its place in the policy, counted from 0.
    pub statement: usize,
    /// Its effect.
    pub effect: Effect,
    /// How far it applies.
    pub how: AppliedHow,
}

/// How far a statement applies to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AppliedHow {
    /// It applies. The place of the element that names the caller, counted from 0; `None`: the
    /// statement has `NotPrincipal`.
    Directly(Option<usize>),
    /// It names the caller's account, with this element.
    ByAccount(usize),
    /// It depends on what the record does not show.
    Perhaps {
        /// The place of the element that names the caller, or may.
        element: Option<usize>,
        /// If it applies, it names the caller's account only.
        is_by_account: bool,
        /// Why.
        why: Cow<'static, str>,
    },
}

/// A verdict and its reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Judgement {
    /// What the policy says.
    pub verdict: Verdict,
    /// The statements that apply, or may.
    pub applied: Vec<Applied>,
}

impl Policy {
    /// What the policy says about a permission that a call needs.
    pub fn judge(&self, request: &Request<'_>) -> Judgement {
        let mut applied = Vec::new();
        if let Some(permission) = Permission::named(request.action) {
            let wanted = PermissionSet::single(permission);
            let can_be_allowed = permission.is_for_key_policies()
                && (permission.works_across_accounts || !is_foreign(request));
            for (n, statement) in self.statements.iter().enumerate() {
                let concerns = statement.actions.as_ref().is_some_and(|one| one.set.intersects(wanted));
                if concerns
                    && (can_be_allowed || statement.effect == Effect::Deny)
                    && let Some(how) = self.apply(statement, request)
                {
                    applied.push(Applied { statement: n, effect: statement.effect, how });
                }
            }
        }
        Judgement { verdict: verdict(&applied), applied }
    }

    /// How a statement that is about the permission applies to a call; `None`: it does not.
    fn apply(&self, statement: &Statement, request: &Request<'_>) -> Option<AppliedHow> {
        if !concerns_key(statement.resources.as_ref()?, request) {
            return None;
        }
        let is_allow = statement.effect == Effect::Allow;
        let caller = &request.event.principal;
        let region = &request.event.region;
        let mut how = match &statement.principals {
            Principals::Listed(elements) => {
                let place_of = |elements: &[PrincipalElement], wanted: &IsNamed| {
                    elements.iter().position(|element| element.names(caller, region) == *wanted)
                };
                match any_names(elements, caller, region) {
                    IsNamed::No => return None,
                    IsNamed::Yes => AppliedHow::Directly(place_of(elements, &IsNamed::Yes)),
                    // A Deny that names an account denies all of its identities.
                    IsNamed::ByAccount if is_allow => {
                        AppliedHow::ByAccount(place_of(elements, &IsNamed::ByAccount)?)
                    }
                    IsNamed::ByAccount => AppliedHow::Directly(place_of(elements, &IsNamed::ByAccount)),
                    unknown @ IsNamed::Unknown(_) => {
                        let element = place_of(elements, &unknown);
                        let IsNamed::Unknown(why) = unknown else { return None };
                        AppliedHow::Perhaps { element, is_by_account: false, why }
                    }
                }
            }
            Principals::AllBut(elements) => match none_names(elements, caller, region) {
                Truth::No => return None,
                // KMS has accepted it once, and accepts it no longer.
                Truth::Yes if is_allow => {
                    let why = "Allow with NotPrincipal is not supported".into();
                    AppliedHow::Perhaps { element: None, is_by_account: false, why }
                }
                Truth::Yes => AppliedHow::Directly(None),
                Truth::Unknown(why) => AppliedHow::Perhaps { element: None, is_by_account: false, why },
            },
        };
        for condition in &statement.conditions {
            match condition.holds(request, self.language) {
                Truth::Yes => {}
                Truth::No => return None,
                Truth::Unknown(why) => {
                    how = match how {
                        AppliedHow::Directly(element) => {
                            AppliedHow::Perhaps { element, is_by_account: false, why }
                        }
                        AppliedHow::ByAccount(element) => {
                            AppliedHow::Perhaps { element: Some(element), is_by_account: true, why }
                        }
                        perhaps => perhaps,
                    };
                }
            }
        }
        Some(how)
    }
}

/// An explicit Deny wins, then what allows directly, then what may.
fn verdict(applied: &[Applied]) -> Verdict {
    let of = |effect: Effect| applied.iter().filter(move |one| one.effect == effect);
    let directly = |one: &Applied| matches!(one.how, AppliedHow::Directly(_));
    let perhaps = |one: &Applied| match &one.how {
        AppliedHow::Perhaps { why, is_by_account, .. } => Some((why.clone(), *is_by_account)),
        _ => None,
    };
    let directly_perhaps = |one: &Applied| perhaps(one).filter(|(_, by_account)| !by_account);
    if of(Effect::Deny).any(directly) {
        return Verdict::Denies;
    }
    let may_deny = of(Effect::Deny).find_map(perhaps);
    let allows = of(Effect::Allow).any(directly);
    let may_allow = of(Effect::Allow).find_map(directly_perhaps);
    let by_account = of(Effect::Allow).any(|one| matches!(one.how, AppliedHow::ByAccount(_)));
    match (may_deny, may_allow) {
        (Some((why, _)), _) if allows || by_account => Verdict::Undecidable(why),
        (None, _) if allows => Verdict::Allows,
        (_, Some((why, _))) => Verdict::Undecidable(why),
        _ if by_account => Verdict::ByAccount,
        _ => match of(Effect::Allow).find_map(perhaps) {
            Some((why, _)) => Verdict::Undecidable(why),
            None => Verdict::NotByThisPolicy,
        },
    }
}

/// Whether a statement's `Resource` is this key. In a key policy `*` is.
fn concerns_key(resources: &Resources, request: &Request<'_>) -> bool {
    let is_key = |pattern: &String| match request.key_arn {
        _ if pattern == "*" => true,
        Some(arn) => glob(pattern, arn, Case::Matters),
        None => false,
    };
    resources.patterns.iter().any(is_key) != resources.is_negated
}

/// Whether the caller's account is not that of the key.
fn is_foreign(request: &Request<'_>) -> bool {
    let owner = request.key_arn.and_then(Arn::parse).map(|arn| arn.account);
    match (owner, request.event.principal.account_id.as_deref()) {
        (Some(owner), Some(caller)) => owner != caller,
        _ => false,
    }
}
