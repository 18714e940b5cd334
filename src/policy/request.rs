//! The permissions that a call needs.

use std::cell::{Cell, RefCell};

use serde_json::{Map, Value};

use super::action::{Permission, PermissionKind};
use super::context::ContextValue;
use super::keys::{KeyBook, KnownProperties};
use crate::model::{KMS_APIS, KmsEvent, Outcome};

/// KMS's own events, which need no permission.
const INTERNAL: [&str; 4] =
    ["DeleteExpiredKeyMaterial", "DeleteKey", "RotateKey", "SynchronizeMultiRegionKey"];

/// Whether an action is not on a key.
pub(super) fn is_without_key(action: &str) -> bool {
    Permission::named(action).is_some_and(|known| known.kind == PermissionKind::NoKey)
}

/// One permission that a call needs, and what policies may ask of the call.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Request<'e> {
    /// The call.
    pub event: &'e KmsEvent<'e>,
    /// The action without its prefix `kms:`.
    pub action: &'static str,
    /// The key on which the action is; `None` when the record does not name it, or the action is on
    /// no key.
    pub key_arn: Option<&'e str>,
    /// What other calls show of the key.
    pub(super) known_key: Option<&'e KnownProperties>,
    details: Details,
    /// Steps of comparing that conditions may still take.
    steps_left: Cell<usize>,
    /// The values of condition keys that were asked for.
    pub(super) values: RefCell<Vec<(String, ContextValue<'e>)>>,
}

/// Steps of comparing that the conditions of a policy may take for one request: some milliseconds.
/// A policy that people write takes far fewer; one that is made to be slow does not.
const STEPS: usize = 4 << 20;

/// The parameters that the event keeps as details.
#[derive(Debug, Clone)]
enum Details {
    Known(Map<String, Value>),
    /// Why none can be known.
    Missing(&'static str),
}

impl<'e> Request<'e> {
    /// The permissions that the call needs: none if KMS itself acted or the API is not known, two
    /// for a `ReEncrypt`.
    pub fn of(event: &'e KmsEvent<'e>) -> Vec<Self> {
        let Ok(at) = KMS_APIS.binary_search(&&*event.name) else { return Vec::new() };
        let name = KMS_APIS[at]; // just found
        let request = |action, key_arn| Self {
            event,
            action,
            key_arn,
            known_key: None,
            details: details(event),
            steps_left: Cell::new(STEPS),
            values: RefCell::default(),
        };
        let key = event.key.arn.as_deref();
        match name {
            "ReEncrypt" => vec![
                request("ReEncryptFrom", key),
                request("ReEncryptTo", event.destination_key_arn.as_deref()),
            ],
            name if INTERNAL.contains(&name) => Vec::new(),
            name => vec![request(name, key.filter(|_| !is_without_key(name)))],
        }
    }

    /// The same request, with what is known of its key.
    pub fn with_keys(self, keys: &'e KeyBook) -> Self {
        Self { known_key: self.key_arn.and_then(|arn| keys.of_key(arn)), ..self }
    }

    /// Takes steps of comparing; false: too few are left.
    pub(super) fn spend(&self, steps: usize) -> bool {
        let left = self.steps_left.get().checked_sub(steps);
        self.steps_left.set(left.unwrap_or_default());
        left.is_some()
    }

    /// A parameter that the event keeps as a detail.
    ///
    /// # Errors
    /// Why it cannot be known.
    pub(super) fn parameter(&self, name: &str) -> Result<Option<&Value>, &'static str> {
        match &self.details {
            Details::Known(members) => Ok(members.get(name)),
            Details::Missing(why) => Err(why),
        }
    }

    /// Whether AWS KMS carried out the call.
    pub(super) fn succeeded(&self) -> bool {
        self.event.outcome == Outcome::Success
    }

    /// Whether a member of the record was left out or is hidden.
    pub(super) fn is_omitted(&self, member: &str) -> bool {
        let omitted = self.event.omitted_fields.as_deref().unwrap_or_default();
        omitted.split(',').any(|name| name == member)
    }
}

fn details(event: &KmsEvent<'_>) -> Details {
    let omitted = event.omitted_fields.as_deref().unwrap_or_default();
    if omitted.split(',').any(|name| name == "requestParameters") {
        return Details::Missing("the record leaves out the request's parameters");
    }
    match event.request_details.as_deref() {
        None => Details::Known(Map::new()),
        Some("null") => Details::Missing("the record of the failed call shows no parameters"),
        Some(json) => serde_json::from_str(json)
            .map_or(Details::Missing("the request's details are damaged"), Details::Known),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_need_the_documented_permissions() {
        for (name, expected) in [
            ("Decrypt", &[("Decrypt", Some("a"))][..]),
            ("ReEncrypt", &[("ReEncryptFrom", Some("a")), ("ReEncryptTo", Some("b"))]),
            ("CreateKey", &[("CreateKey", None)]),
            ("RotateKey", &[]),
            ("DeleteKey", &[]),
            ("SynchronizeMultiRegionKey", &[]),
            ("Whatever", &[]),
        ] {
            let mut event = KmsEvent { name: name.into(), ..KmsEvent::example() };
            event.key.arn = Some("a".into());
            event.destination_key_arn = Some("b".into());
            let found: Vec<_> = Request::of(&event).iter().map(|r| (r.action, r.key_arn)).collect();
            assert_eq!(found, expected, "{name}");
        }
    }
}
