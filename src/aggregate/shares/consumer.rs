//! With whom something is shared.

use crate::model::Arn;

/// With whom something is shared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Consumer {
    /// As the share or the policy names it; of an account, only its id.
    pub name: String,
    /// What it is.
    pub kind: ConsumerKind,
}

/// What a consumer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ConsumerKind {
    /// An account.
    Account,
    /// An organization.
    Organization,
    /// An organizational unit.
    Ou,
    /// A role, or a session of one.
    Role,
    /// A user.
    User,
    /// An AWS service.
    Service,
    /// Everybody.
    Everyone,
    /// The share has no consumer yet.
    None,
    /// Not known.
    Unknown,
}

impl ConsumerKind {
    /// The value of the column `consumer_kind`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Organization => "organization",
            Self::Ou => "ou",
            Self::Role => "role",
            Self::User => "user",
            Self::Service => "service",
            Self::Everyone => "everyone",
            Self::None => "none",
            Self::Unknown => "unknown",
        }
    }
}

impl Consumer {
    /// Reads a principal of a share or a policy.
    ///
    /// Source: [AssociateResourceShare](https://docs.aws.amazon.com/ram/latest/APIReference/API_AssociateResourceShare.html).
    pub fn parse(text: &str) -> Self {
        let new = |name: &str, kind| Self { name: name.to_owned(), kind };
        // Ids of ten digits stand in AWS's own texts.
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return new(text, ConsumerKind::Account);
        }
        if text == "*" {
            return new(text, ConsumerKind::Everyone);
        }
        if let Some(arn) = Arn::parse(text) {
            let kind = arn.resource.split('/').next().unwrap_or_default();
            return match (arn.service, kind) {
                ("organizations", "organization") => new(text, ConsumerKind::Organization),
                ("organizations", "ou") => new(text, ConsumerKind::Ou),
                ("iam", "root") => new(arn.account, ConsumerKind::Account),
                ("iam", "role") | ("sts", "assumed-role") => new(text, ConsumerKind::Role),
                ("iam", "user") => new(text, ConsumerKind::User),
                _ => new(text, ConsumerKind::Unknown),
            };
        }
        let is_service = text.ends_with(".amazonaws.com") || text.ends_with(".amazonaws.com.cn");
        let is_organization = text.starts_with("o-") && !text.contains(['/', ':']);
        new(
            text,
            match () {
                () if is_service => ConsumerKind::Service,
                () if is_organization => ConsumerKind::Organization,
                () => ConsumerKind::Unknown,
            },
        )
    }

    /// A consumer of whom nothing is known, or none.
    pub(super) fn without_name(kind: ConsumerKind) -> Self {
        Self { name: kind.as_str().to_owned(), kind }
    }

    /// Its account; `None`: it is not of one account, or that is not known.
    pub fn account(&self) -> Option<&str> {
        match self.kind {
            ConsumerKind::Account => Some(&self.name),
            ConsumerKind::Role | ConsumerKind::User => Arn::parse(&self.name).map(|arn| arn.account),
            _ => None,
        }
    }

    /// Whether a call of this account and principal may be one of its. Which accounts belong to an
    /// organization is not known.
    pub(super) fn covers(&self, account: &str, principal: &str) -> bool {
        match self.kind {
            ConsumerKind::Account => self.name == account,
            ConsumerKind::Role | ConsumerKind::User => self.is_identity(principal),
            ConsumerKind::Organization | ConsumerKind::Ou | ConsumerKind::Everyone => true,
            // It is not known who it is: its calls may be any.
            ConsumerKind::Unknown => self.name == ConsumerKind::Unknown.as_str(),
            ConsumerKind::Service | ConsumerKind::None => false,
        }
    }

    /// Whether it is this role or user. The principal of a session may lack the role's path.
    fn is_identity(&self, principal: &str) -> bool {
        let last = |name: &str| name.rsplit('/').next().map(str::to_owned);
        self.name == principal
            || Arn::parse(principal).is_some_and(|arn| Some(arn.account) == self.account())
                && last(principal) == last(&self.name)
                && principal.contains(":role/")
    }
}
