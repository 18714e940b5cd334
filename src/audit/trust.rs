//! Which accounts and organizations the user trusts.

use std::collections::BTreeSet;

use crate::model::Arn;

/// Who is not outside.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Trust {
    /// Trusted accounts; `None`: not given.
    pub accounts: Option<BTreeSet<String>>,
    /// Id of the own organization, `o-…`.
    pub organization: Option<String>,
}

impl Trust {
    /// Whether a consumer of this kind is outside; `None`: not known.
    pub fn is_outside(&self, consumer: &str, kind: &str, owner: &str) -> Option<bool> {
        let account = match kind {
            "account" => consumer,
            "role" | "user" => Arn::parse(consumer)?.account,
            "organization" | "ou" => {
                let own = self.organization.as_deref()?;
                return Some(!consumer.split(['/', ':']).any(|part| part == own));
            }
            "everyone" => return Some(true),
            _ => return None,
        };
        if account == owner {
            return Some(false);
        }
        self.accounts.as_ref().map(|accounts| !accounts.contains(account))
    }
}
