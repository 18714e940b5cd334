//! Every condition key of KMS and of all services, and what a record says of its value.
//!
//! On which actions a key is present is data, `kms-condition-keys.txt`. On others it is absent: a
//! statement that asks for it there allows nothing.

mod attestation;
mod global;
mod key;
mod kms;
mod known_key;
mod parameter;

use std::collections::BTreeMap;
use std::sync::LazyLock;

pub use self::known_key::{How, KnownKey};
use super::context::ContextValue;
use super::request::Request;

const ACTIONS: &str = include_str!("../kms-condition-keys.txt");

/// All condition keys that keytrail knows.
pub fn condition_keys() -> impl Iterator<Item = &'static KnownKey> {
    kms::KEYS.iter().chain(attestation::KEYS).chain(global::KEYS)
}

/// The actions of each key in the data, by the key's name in lower case without placeholder.
static PRESENT_ON: LazyLock<BTreeMap<String, Vec<&'static str>>> = LazyLock::new(|| {
    let lines = ACTIONS.lines().filter(|line| !line.starts_with('#'));
    let rows = lines.filter_map(|line| {
        let mut cells = line.split('\t');
        let name = cells.next()?.split("${").next()?;
        Some((name.to_ascii_lowercase(), cells.nth(1)?.split(' ').collect()))
    });
    rows.collect()
});

/// Whether a key, by its name in the data, is in the context of requests for an action. Keys of all
/// services are.
fn is_present(key: &str, wanted: &str) -> bool {
    let on_key = || !super::request::is_without_key(wanted);
    PRESENT_ON.get(key).is_none_or(|actions| {
        actions.iter().any(|action| *action == wanted || (*action == "key" && on_key()))
    })
}

/// A condition key that is known, what follows its name, and its name in the data.
fn known_key(condition_key: &str) -> Option<(&'static KnownKey, &str, String)> {
    let lower = condition_key.to_ascii_lowercase();
    let rest = |known: &KnownKey| match known.name.ends_with([':', '/']) {
        true => lower.starts_with(&known.name.to_ascii_lowercase()).then_some(known.name.len()),
        false => lower.eq_ignore_ascii_case(known.name).then_some(known.name.len()),
    };
    let (known, rest) =
        condition_keys().find_map(|known| Some((known, condition_key.get(rest(known)?..)?)))?;
    let is_whole = rest.is_empty() || PRESENT_ON.contains_key(&*lower);
    let data_name = if is_whole { lower } else { lower.get(..known.name.len())?.to_owned() };
    Some((known, rest, data_name))
}

/// Whether requests for an action never have a condition key. Those of other keys may.
pub(super) fn is_never_on(condition_key: &str, action: &str) -> bool {
    known_key(condition_key).is_some_and(|(_, _, data_name)| !is_present(&data_name, action))
}

/// Values of condition keys that are kept for one request.
const KEPT_VALUES: usize = 16;

impl<'e> Request<'e> {
    /// Whether the call can have an encryption context: those of other actions, and those with
    /// asymmetric keys, have none.
    pub(super) fn can_have_context(&self) -> bool {
        let is_asymmetric = || match self.action {
            "Encrypt" | "Decrypt" | "ReEncryptFrom" | "ReEncryptTo" => {
                let algorithm = self.value("kms:EncryptionAlgorithm");
                matches!(algorithm, ContextValue::One(name) if name != "SYMMETRIC_DEFAULT")
            }
            _ => false,
        };
        is_present("kms:encryptioncontext:", self.action) && !is_asymmetric()
    }

    /// The value of a condition key in the context of this request. The case of the key's name does
    /// not matter.
    pub fn value(&self, condition_key: &str) -> ContextValue<'e> {
        // Many statements ask for the same few keys.
        let known = self.values.borrow().iter().find(|(key, _)| key == condition_key).cloned();
        if let Some((_, value)) = known {
            return value;
        }
        let value = self.find_value(condition_key);
        let mut values = self.values.borrow_mut();
        if values.len() < KEPT_VALUES {
            values.push((condition_key.to_owned(), value.clone()));
        }
        value
    }

    fn find_value(&self, condition_key: &str) -> ContextValue<'e> {
        match known_key(condition_key) {
            Some((known, rest, data_name)) if is_present(&data_name, self.action) => {
                (known.value)(self, rest)
            }
            Some(_) => ContextValue::Absent,
            None => ContextValue::Unknown(
                format!("keytrail does not know the condition key {condition_key}").into(),
            ),
        }
    }
}

#[cfg(test)]
mod tests;
