//! The ways KMS words a refusal, and what a reader can learn of the key from each (domain 4.3).

use super::cast::Key;
use super::kms::KeySeen;

/// What KMS said before it told who may not do what.
pub const BEFORE_2021: &str = "The ciphertext refers to a customer master key that does not exist, does not \
    exist in this region, or you are not allowed to access.";

const NOT_HERE: &str = "because the resource does not exist in this Region, no resource-based policies allow \
    access, or a resource-based policy explicitly denies access";

/// One message of each wording for a caller's ARN, the action and the key, with what it gives away
/// of the key.
pub fn wordings(caller: &str, action: &str, key: &Key) -> Vec<(String, KeySeen)> {
    let account = &key.account;
    let policy =
        format!("arn:aws:organizations::{account}:policy/o-a1b2c3d4e5/service_control_policy/p-0123abcd");
    let none = |what: &str| format!("because no {what} allows the kms:{action} action");
    let on_key =
        |reason: String| (format!(" on resource: {} {reason}", key.arn()), KeySeen::Key(key.clone()));
    let hidden = |rest: String| (rest, KeySeen::Nothing);
    let alias = format!(
        " on resource: arn:aws:kms:{}:{account}:alias/payroll {}",
        key.region,
        none("service control policy")
    );
    let rests = [
        on_key(none("identity-based policy")),
        on_key(none("resource-based policy")),
        on_key(NOT_HERE.into()),
        on_key(format!("with an explicit deny in a service control policy: {policy}")),
        on_key("with an explicit deny in a permissions boundary".into()),
        hidden(format!(" on the resource associated with this ciphertext {NOT_HERE}")),
        hidden(format!(" on this resource {}", none("VPC endpoint policy"))),
        hidden(format!(" {}", none("session policy"))),
        (alias, KeySeen::Alias { account: account.clone(), region: key.region.clone() }),
    ];
    let message = |rest: String| format!("User: {caller} is not authorized to perform: kms:{action}{rest}");
    let mut all: Vec<_> = rests.into_iter().map(|(rest, seen)| (message(rest), seen)).collect();
    all.push((BEFORE_2021.into(), KeySeen::Nothing));
    all
}

/// A message of 1 KB that ends in the middle of the key's ARN: half a key id is no key id.
pub fn cut_short(caller: &str, action: &str, key: &Key) -> String {
    let mut message = format!("User: {caller} is not authorized to perform: kms:{action} on resource: ");
    message.push_str(&"x".repeat(1024 - 61 - message.len()));
    message.push(' ');
    message.push_str(&key.arn());
    message.truncate(1024);
    message
}
