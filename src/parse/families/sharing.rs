//! What calls of AWS RAM and SageMaker say about what is shared, and who uses it from another
//! account.

use std::collections::HashSet;

use simd_json::prelude::{ValueAsScalar, ValueIntoString};

use super::family::Call;
use super::settings::at;
use crate::model::{
    Arn, Fact, Outcome, Provenance, ShareCall, ShareEffect, SharedResource, normalize_error_code,
    region_partition,
};
use crate::parse::call::Value;
use crate::parse::identity;
use crate::parse::record::{Identity, Record};

/// Most texts of one list, and most resources of one call, that are read. AWS takes fewer. A call
/// that lists more is marked as one of which not everything is known.
pub(super) const MOST: usize = 10_000;
/// About the most bytes of the facts of one call. Names as long as AWS allows do not come near it.
const MOST_BYTES: usize = 16 << 20;

/// The record of a call, without what it did.
pub(super) struct CallRecord<'a> {
    provenance: Provenance,
    head: Record<'a>,
}

impl<'a> CallRecord<'a> {
    /// Splits a call into its record and its text.
    pub(super) fn new(call: Call<'a>) -> (Self, &'a str) {
        (Self { provenance: call.provenance(), head: call.head }, call.text)
    }

    pub(super) fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    pub(super) fn head(&self) -> &Record<'a> {
        &self.head
    }

    /// The account of the caller; `None`: an AWS service, or not known.
    pub(super) fn caller_account(&self) -> Option<&str> {
        let Identity { account_id, session, arn, .. } = &self.head.identity;
        let of_arn = || arn.0.as_deref().and_then(Arn::parse).map(|arn| arn.account);
        let account = account_id.as_deref().or(session.issuer.account_id.as_deref()).or_else(of_arn);
        account.filter(|account| !account.is_empty())
    }

    /// The ARN of a resource of SageMaker in the caller's account, or in that of the record.
    pub(super) fn own_arn(&self, kind: &str, name: &str) -> Option<String> {
        let region = self.head.region.as_deref()?;
        let account = self.caller_account().or(self.provenance.account_id.as_deref())?;
        Some(format!("arn:{}:sagemaker:{region}:{account}:{kind}/{name}", region_partition(region)))
    }

    /// The pattern for resources of this kind in all accounts, in the Region of the record.
    pub(super) fn all_accounts(&self, service: &str, kind: &str) -> Option<SharedResource> {
        let region = self.head.region.as_deref()?;
        let partition = region_partition(region);
        Some(SharedResource { arn: format!("arn:{partition}:{service}:{region}:*:{kind}/*") })
    }

    /// The resource that the message of a refused call names. Such a call often has no parameters.
    pub(super) fn refused_resource(&self) -> Option<&str> {
        let (_, rest) = self.head.error_message.0.as_deref()?.split_once(" on resource: ")?;
        rest.split_whitespace().next()
    }

    /// The resources of other accounts among some texts and those that the record itself lists.
    pub(super) fn foreign<'t>(&'t self, texts: Vec<&'t str>) -> Vec<ShareEffect> {
        let Some(caller) = self.caller_account() else { return Vec::new() };
        let listed = self.head.resources.0.iter().filter_map(|resource| resource.arn.0.as_deref());
        let (mut found, mut seen) = (Vec::new(), HashSet::new());
        for text in texts.into_iter().chain(listed).chain(self.refused_resource()) {
            let Some(resource) = shared_resource(text.trim_end_matches('.'), caller) else { continue };
            if found.len() < MOST && seen.insert(resource.clone()) {
                found.push(resource);
            }
        }
        found.into_iter().map(ShareEffect::Uses).collect()
    }

    /// The facts of a call that had these effects.
    /// `has_done_nothing`: the answer says so.
    pub(super) fn into_facts(self, effects: Vec<ShareEffect>, has_done_nothing: bool) -> Vec<Fact<'static>> {
        if effects.is_empty() {
            return Vec::new();
        }
        let own = |text: Option<&str>| text.map(str::to_owned);
        let caller_account = own(self.caller_account());
        let Self { provenance: by, head } = self;
        let code = head.error_code.0.map(normalize_error_code);
        let outcome = match code.as_deref() {
            Some("ResourceNotFound" | "UnknownResource" | "RecordNotFound") => Outcome::NotFound,
            None if has_done_nothing => Outcome::Unknown,
            code => Outcome::from_error(code, head.error_message.0.as_deref()),
        };
        let call = ShareCall {
            by,
            region: own(head.region.as_deref()),
            caller_account,
            shared_event_id: own(head.shared_event_id.as_deref()),
            outcome,
            error_code: own(code.as_deref()),
            principal: identity::resolve(head.identity).name.into_owned(),
            effect: ShareEffect::EnablesOrganization,
        };
        // Each fact has the names of the call.
        let names = [&call.region, &call.caller_account, &call.shared_event_id, &call.error_code];
        let bytes = names.into_iter().flatten().map(String::len).sum::<usize>() + call.principal.len();
        let bytes = bytes + call.by.event_name.len() + call.by.event_id.as_ref().map_or(0, String::len);
        let most = (MOST_BYTES / (bytes + 1)).max(1);
        let with = |effect| Fact::Share(Box::new(ShareCall { effect, ..call.clone() }));
        effects.into_iter().take(most).map(with).collect()
    }
}

/// The resource that an ARN names, if it can be shared and belongs to another account than
/// `caller`.
fn shared_resource(text: &str, caller: &str) -> Option<SharedResource> {
    let arn = Arn::parse(text)?;
    // `aws` is the account of what AWS provides.
    let is_account = !arn.account.is_empty() && arn.account.bytes().all(|byte| byte.is_ascii_digit());
    if !is_account || arn.account == caller {
        return None;
    }
    if arn.service == "ram" {
        let is_share = arn.resource.starts_with("resource-share");
        return is_share.then(|| SharedResource { arn: text.to_owned() });
    }
    let (kind, name) = arn.resource.split_once('/').filter(|_| arn.service == "sagemaker")?;
    let mut parts = name.split('/');
    let first = parts.next().filter(|name| !name.is_empty())?;
    let has_version = parts.next().is_some();
    let kind = match kind {
        // `model-package/GROUP/VERSION`; a package without a group has no version.
        "model-package" if has_version => "model-package-group",
        "hub-content" => "hub",
        "pipeline"
        | "model-package"
        | "model-package-group"
        | "hub"
        | "model-card"
        | "endpoint"
        | "feature-group"
        | "lineage-group"
        | "sagemaker-catalog"
        | "mlflow-tracking-server" => kind,
        _ => return None,
    };
    let Arn { partition, service, region, account, .. } = arn;
    Some(SharedResource { arn: format!("arn:{partition}:{service}:{region}:{account}:{kind}/{first}") })
}

/// All texts in a value, up to [`MOST`]. The depth of the recursion is limited by the JSON readers.
pub(super) fn all_texts<'v>(value: Value<'v>, list: &mut Vec<&'v str>) {
    if list.len() >= MOST {
        return;
    }
    if let Some(object) = value.as_object() {
        object.values().for_each(|value| all_texts(value, list));
    } else if let Some(items) = value.as_array() {
        items.iter().for_each(|value| all_texts(value, list));
    } else {
        list.extend(value.into_string());
    }
}

/// Whether the list at the end of a path is longer than what is read of it.
pub(super) fn is_too_long(value: Value<'_>, path: &[&str]) -> bool {
    at(value, path).and_then(|list| list.as_array()).is_some_and(|items| items.len() > MOST)
}

/// The texts of the list at the end of a path of member names; one text is a list of one. A
/// number, as somebody may have written the id of an account, is its digits.
pub(super) fn list_at(value: Value<'_>, path: &[&str]) -> Vec<String> {
    let Some(found) = at(value, path) else { return Vec::new() };
    let texts: Vec<Option<String>> = match found.as_array() {
        Some(items) => items.iter().take(MOST).map(label).collect(),
        None => vec![label(found)],
    };
    texts.into_iter().flatten().filter(|text| !text.is_empty()).collect()
}

/// Whether a list holds something that [`list_at`] cannot read.
pub(super) fn has_unread(value: Value<'_>, path: &[&str]) -> bool {
    let items = at(value, path).and_then(|list| list.as_array());
    items.is_some_and(|items| items.iter().take(MOST).any(|item| label(item).is_none()))
}

/// The boolean at the end of a path of member names, also as text.
pub(super) fn flag_at(value: Value<'_>, path: &[&str]) -> Option<bool> {
    let found = at(value, path)?;
    found.as_bool().or_else(|| match found.into_string()? {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    })
}

/// The number or text at the end of a path of member names, as text.
pub(super) fn label_at(value: Value<'_>, path: &[&str]) -> Option<String> {
    label(at(value, path)?)
}

/// A number or text, as text.
fn label(value: Value<'_>) -> Option<String> {
    value.into_string().map(str::to_owned).or_else(|| value.as_u64().map(|number| number.to_string()))
}

/// Whether CloudTrail left the value out, because it is too large:
/// `{"reason":"requestParameters too large","omitted":true,"originalSize":119183}`.
pub(super) fn is_omitted(value: Value<'_>) -> bool {
    flag_at(value, &["omitted"]) == Some(true)
        || at(value, &["reason"])
            .and_then(ValueIntoString::into_string)
            .is_some_and(|reason| reason.ends_with("too large"))
}
