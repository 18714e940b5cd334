//! Facts in records of AWS RAM: shares, what is in them, for whom, and what became of invitations.
//!
//! Calls that failed count, too: why a promotion failed says whether a resource can be found.

use super::family::{Call, Family, Interest};
use super::settings::{at, text_at};
use super::sharing::{
    CallRecord, MOST, all_texts, flag_at, has_unread, is_omitted, is_too_long, label_at, list_at,
};
use crate::model::{Fact, Invitation, ShareEffect, ShareTerms};
use crate::parse::call::{ServiceCall, Value};
use crate::parse::error::NoFacts;

pub(super) const FAMILY: Family = Family {
    sources: &["ram.amazonaws.com"],
    needles: &["ram.amazonaws.com"],
    words: &[],
    texts: &[],
    interest: |_| Interest::Always,
    facts,
};

fn facts(call: Call<'_>) -> Result<Vec<Fact<'static>>, NoFacts> {
    let name = call.name.clone();
    let (record, text) = CallRecord::new(call);
    let read = |call: ServiceCall<'_>| {
        let has_done_nothing = flag_at(call.response, &["returnValue"]) == Some(false);
        (effects(&record, &name, call), has_done_nothing)
    };
    let (effects, has_done_nothing) = ServiceCall::read(text, read).ok_or(NoFacts::InvalidJson)?;
    Ok(record.into_facts(effects, has_done_nothing))
}

/// What a call of this name did.
///
/// Source: [RAM API](https://docs.aws.amazon.com/ram/latest/APIReference/API_Operations.html).
fn effects(record: &CallRecord<'_>, name: &str, call: ServiceCall<'_>) -> Vec<ShareEffect> {
    let effect = match name {
        "CreateResourceShare" => ShareEffect::CreatesShare(terms(call)),
        "AssociateResourceShare" => ShareEffect::Associates(terms(call)),
        "DisassociateResourceShare" => ShareEffect::Disassociates(terms(call)),
        "UpdateResourceShare" => ShareEffect::UpdatesShare(terms(call)),
        "DeleteResourceShare" => ShareEffect::DeletesShare(terms(call)),
        "AssociateResourceSharePermission" => ShareEffect::SetsPermission(terms(call)),
        "DisassociateResourceSharePermission" => ShareEffect::RemovesPermission(terms(call)),
        "PromoteResourceShareCreatedFromPolicy" => ShareEffect::PromotesShare(terms(call)),
        "AcceptResourceShareInvitation" => ShareEffect::AcceptsInvitation(invitation(call)),
        "RejectResourceShareInvitation" => ShareEffect::RejectsInvitation(invitation(call)),
        "EnableSharingWithAwsOrganization" => ShareEffect::EnablesOrganization,
        "PromotePermissionCreatedFromPolicy"
        | "CreatePermission"
        | "CreatePermissionVersion"
        | "SetDefaultPermissionVersion"
        | "ReplacePermissionAssociations"
        | "DeletePermission"
        | "DeletePermissionVersion" => changes_permission(call),
        // Invitations of all accounts.
        "GetResourceShareInvitations" if call.request.as_object().is_none_or(|object| object.is_empty()) => {
            return record
                .all_accounts("ram", "resource-share-invitation")
                .map(ShareEffect::Uses)
                .into_iter()
                .collect();
        }
        _ => {
            let mut texts = Vec::new();
            all_texts(call.request, &mut texts);
            return record.foreign(texts);
        }
    };
    vec![effect]
}

fn text(value: Value<'_>, path: &[&str]) -> Option<String> {
    text_at(value, path).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// The longest text of a permission that is read. AWS takes less.
const LONGEST_TEMPLATE: usize = 64 << 10;

/// The lists of a call about a share.
const LISTS: [&str; 4] = ["resourceArns", "principals", "sources", "permissionArns"];

/// The share that a call is about.
fn terms(ServiceCall { request, response }: ServiceCall<'_>) -> ShareTerms {
    let of_share = |name| text(response, &["resourceShare", name]);
    let mut external = Vec::new();
    let associations = at(response, &["resourceShareAssociations"]).and_then(|list| list.as_array());
    for item in associations.into_iter().flat_map(|list| list.iter()).take(MOST) {
        if let (Some(entity), Some(flag)) = (text(item, &["associatedEntity"]), flag_at(item, &["external"]))
            && text_at(item, &["associationType"]) == Some("PRINCIPAL")
        {
            external.push((entity, flag));
        }
    }
    let of_association = || {
        let mut items = associations.into_iter().flat_map(|list| list.iter());
        items.find_map(|item| text(item, &["resourceShareArn"]))
    };
    let mut permissions = list_at(request, &["permissionArns"]);
    permissions.extend(text(request, &["permissionArn"]));
    let allows_external = flag_at(request, &["allowExternalPrincipals"])
        .or_else(|| flag_at(response, &["resourceShare", "allowExternalPrincipals"]));
    ShareTerms {
        share: of_share("resourceShareArn")
            .or_else(|| text(request, &["resourceShareArn"]))
            .or_else(of_association),
        name: of_share("name").or_else(|| text(request, &["name"])),
        owner: of_share("owningAccountId"),
        allows_external,
        feature_set: of_share("featureSet"),
        resources: list_at(request, &["resourceArns"]),
        principals: list_at(request, &["principals"]),
        external,
        sources: list_at(request, &["sources"]),
        permissions,
        permission_version: label_at(request, &["permissionVersion"]),
        is_cut: is_omitted(request)
            || LISTS.iter().any(|name| is_too_long(request, &[name]) || has_unread(request, &[name])),
    }
}

fn invitation(ServiceCall { request, response }: ServiceCall<'_>) -> Invitation {
    let of_answer = |name| text(response, &["resourceShareInvitation", name]);
    Invitation {
        invitation: text(request, &["resourceShareInvitationArn"])
            .or_else(|| of_answer("resourceShareInvitationArn")),
        share: of_answer("resourceShareArn"),
        name: of_answer("resourceShareName"),
        sender: of_answer("senderAccountId"),
        receiver: of_answer("receiverAccountId"),
    }
}

fn changes_permission(ServiceCall { request, response }: ServiceCall<'_>) -> ShareEffect {
    ShareEffect::ChangesPermission {
        permission: text(request, &["toPermissionArn"])
            .or_else(|| text(request, &["permissionArn"]))
            .or_else(|| text(response, &["permission", "arn"])),
        replaces: text(request, &["fromPermissionArn"]),
        version: label_at(request, &["permissionVersion"])
            .or_else(|| label_at(response, &["permission", "version"])),
        template: text(request, &["policyTemplate"]).filter(|text| text.len() <= LONGEST_TEMPLATE),
    }
}
