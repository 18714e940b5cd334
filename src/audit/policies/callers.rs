//! Calls that no statement explains, and refused ones.

use std::borrow::Cow;

use super::compared::Compared;
use super::line::{PolicyLine, PolicyStatus};
use crate::aggregate::{CallerUse, Records};
use crate::model::{DeniedBy, PolicyType};

/// Adds the lines about what callers did without a statement that allows it.
pub(super) fn lines<'a>(compared: &Compared<'a>, lines: &mut Vec<PolicyLine<'a>>) {
    for (name, caller) in &compared.uses.callers {
        for ((version, permission), found) in &caller.uses {
            // What no policy is known for is told with the first that is.
            if version.unwrap_or(0) != compared.place {
                continue;
            }
            let mut add = |status, records: &Records, why: String| {
                if records.count > 0 {
                    lines.push(PolicyLine {
                        principal: Some(Cow::Borrowed(name.as_str())),
                        permission: Some(Cow::Borrowed(permission)),
                        detail: Some(why),
                        records: records.clone(),
                        ..compared.line(status)
                    });
                }
            };
            let status = match found.unexplained_with_grant == found.unexplained.count {
                true => PolicyStatus::CannotBeKnown,
                false => PolicyStatus::UsedNotAllowed,
            };
            add(status, &found.unexplained, unexplained(found));
            add(
                PolicyStatus::UsedNotAllowed,
                &found.denied,
                "A statement denies these calls, and they succeeded: another policy was in force, or what the \
                 statement tests was different."
                    .to_owned(),
            );
            add(
                PolicyStatus::CannotBeKnown,
                &found.by_account,
                "No statement names the caller itself. The policy lets the account's IAM policies decide; a grant may \
                 have allowed it, too."
                    .to_owned(),
            );
            let reason = found.reason.as_deref().unwrap_or("the record does not show enough");
            add(
                PolicyStatus::CannotBeKnown,
                &found.undecided,
                format!("It depends on what is not known: {reason}."),
            );
            add(
                PolicyStatus::CannotBeKnown,
                &found.policy_unknown,
                "The policy of that time is not known.".to_owned(),
            );
            add(PolicyStatus::Refused, &found.refused, refused(found));
        }
    }
}

fn unexplained(found: &CallerUse) -> String {
    let all = found.unexplained.count;
    match found.unexplained_with_grant {
        0 => "No statement allows these calls, and no grant that the input shows: a grant created before it begins, \
              or another policy, did."
            .to_owned(),
        with if with == all => "No statement allows these calls; they are consistent with a grant.".to_owned(),
        with => format!("No statement allows these calls; {with} of {all} are consistent with a grant."),
    }
}

/// Which policy refused, and what to change.
fn refused(found: &CallerUse) -> String {
    let mut sentences: Vec<String> = found.refused_by.iter().map(|by| advice(*by)).collect();
    if found.refused_by.is_empty() {
        sentences.push("The records do not say which policy refused.".to_owned());
    }
    if found.refused_though_allowed > 0 {
        let (count, all) = (found.refused_though_allowed, found.refused.count);
        sentences.push(format!("This policy allows {count} of {all}: another policy refused them."));
    }
    sentences.join(" ")
}

fn advice(by: DeniedBy) -> String {
    use PolicyType::{Identity, PermissionsBoundary, Resource, ServiceControl, Session, VpcEndpoint};
    let text = match by {
        DeniedBy::Implicit(Resource) => {
            "The key policy neither names the caller nor lets its account decide: add a statement for it."
        }
        DeniedBy::Implicit(Identity) => {
            "The key policy lets the account decide, and no IAM policy of the caller allows it: allow it there, or \
             name the caller in the key policy."
        }
        DeniedBy::Implicit(Session) => {
            "The session's own policy does not allow it: widen it when the role is assumed."
        }
        DeniedBy::Implicit(PermissionsBoundary) => "The caller's permissions boundary does not allow it.",
        DeniedBy::Implicit(VpcEndpoint) => "The policy of the VPC endpoint does not allow it.",
        DeniedBy::Implicit(ServiceControl) => "No service control policy of the organization allows it.",
        DeniedBy::Explicit(Resource) => {
            "A statement of the key policy denies it: find the Deny, and leave the caller out."
        }
        DeniedBy::Explicit(Identity) => "An IAM policy of the caller denies it.",
        DeniedBy::Explicit(ServiceControl) => "A service control policy of the organization denies it.",
        DeniedBy::Explicit(VpcEndpoint) => "The policy of the VPC endpoint denies it.",
        DeniedBy::Explicit(Session) => "The session's own policy denies it.",
        DeniedBy::Explicit(PermissionsBoundary) => "The caller's permissions boundary denies it.",
        DeniedBy::MissingOrNotAllowed => {
            "The key is not in that Region, or its policy does not allow the call or denies it; KMS does not say which."
        }
        DeniedBy::Implicit(_) => "No resource control policy of the organization allows it.",
        DeniedBy::Explicit(_) => "A resource control policy of the organization denies it.",
    };
    text.to_owned()
}
