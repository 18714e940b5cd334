//! Which policy made what is promoted: the one whose resource a call names together with the share,
//! or the only one that can have.

use super::policies::Policy;
use super::shares::Share;
use super::{Call, names};
use std::collections::BTreeMap;

fn scope(arn: &str) -> Option<(String, String)> {
    names::arn(arn).map(|arn| (arn.account, arn.region))
}

pub fn link<'c>(calls: &'c [Call], shares: &mut [Share<'c>], policies: &mut [Policy<'c>]) {
    let policies_of =
        |policies: &[Policy<'c>], arn: &str, fits: &dyn Fn(&Policy<'c>) -> bool| -> Vec<usize> {
            let is_it = |n: &usize| scope(&policies[*n].resource) == scope(arn) && fits(&policies[*n]);
            (0..policies.len()).filter(is_it).collect()
        };
    // By policy: shares, and whether they name its resource.
    let mut claims: BTreeMap<usize, Vec<(usize, bool)>> = BTreeMap::new();
    for (n, share) in shares.iter().enumerate() {
        let (promotion, answers) = (share.promotion(), share.answers());
        if share.first("CreateResourceShare").is_some() || promotion.is_none() && answers.is_empty() {
            continue;
        }
        let named = share.resources();
        if !named.is_empty() {
            let is_it = |of: &usize| {
                named.iter().any(|arn| arn.to_lowercase() == policies[*of].resource.to_lowercase())
            };
            let list: Vec<usize> = (0..policies.len()).filter(is_it).collect();
            if let ([only], 1) = (&*list, named.len()) {
                claims.entry(*only).or_default().push((n, true));
            }
            continue;
        }
        let fits = |policy: &Policy<'c>| {
            promotion.is_none_or(|call| policy.was_in_force(call.time, call.is_success()))
                && answers
                    .iter()
                    .all(|(account, call)| policy.was_in_force(call.time, false) && policy.lets_in(account))
        };
        if let [only] = *policies_of(policies, &share.arn, &fits) {
            claims.entry(only).or_default().push((n, false));
        }
    }
    let mut of_permission: BTreeMap<String, usize> = BTreeMap::new();
    for (policy, of_policy) in claims {
        let has_named = of_policy.iter().any(|(_, is_named)| *is_named);
        let best: Vec<usize> =
            of_policy.iter().filter(|(_, is_named)| *is_named == has_named).map(|(n, _)| *n).collect();
        let [only] = *best else { continue };
        policies[policy].take(&shares[only]);
        shares[only].is_of_policy =
            shares[only].principals().iter().all(|principal| policies[policy].lets_in(principal));
        of_permission.extend(shares[only].permissions().into_keys().map(|name| (name, policy)));
    }
    // By permission: the first success, else the last failure.
    let mut promotions: BTreeMap<String, &Call> = BTreeMap::new();
    for call in calls.iter().filter(|call| call.name == "PromotePermissionCreatedFromPolicy") {
        let Some(permission) = call.asked(&["permissionArn"]) else { continue };
        let known = promotions.entry(permission).or_insert(call);
        if !known.is_success() {
            *known = call;
        }
    }
    let mut in_order: Vec<(String, &Call)> = promotions.into_iter().collect();
    in_order.sort_by_key(|(_, call)| (call.time, call.id.clone()));
    for (permission, call) in in_order {
        let fits = |policy: &Policy<'c>| policy.was_in_force(call.time, call.is_success());
        let list = match of_permission.get(&permission) {
            Some(policy) => vec![*policy],
            None => policies_of(policies, &permission, &fits),
        };
        let [only] = *list else { continue };
        let policy = &mut policies[only];
        let is_settled = match policy.promotion.as_ref().map(|(promotion, _)| promotion.as_str()) {
            Some("permission_only") => !call.is_success(),
            Some(_) => policy.share.is_some(),
            None => false,
        };
        if !is_settled {
            let promotion = if call.is_success() { "permission_only" } else { "failed" };
            policy.promotion = Some((promotion.to_owned(), call.error.clone()));
        }
    }
}
