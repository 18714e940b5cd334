//! A key policy: its statements, read once.

use std::fmt;

use serde_json::Value;

use super::action::PermissionSet;
use super::condition::{Condition, Language};
use super::principal::PrincipalElement;

/// A key policy.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Policy {
    /// Its `Version`, which decides whether policy variables are read.
    pub language: Language,
    /// Its `Id`.
    pub id: Option<String>,
    /// Its statements, in order.
    pub statements: Vec<Statement>,
    /// What was noticed while it was read: members that mean nothing, and what was repaired.
    pub notes: Vec<String>,
}

/// A statement.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Statement {
    /// Its `Sid`.
    pub sid: Option<String>,
    /// Whether it allows or denies.
    pub effect: Effect,
    /// Whom it is about.
    pub principals: Principals,
    /// What it is about; `None`: it has neither `Action` nor `NotAction`, and has no effect.
    pub actions: Option<Actions>,
    /// Its `Resource`, or `NotResource`; `None`: it has neither, and has no effect.
    pub resources: Option<Resources>,
    /// Its conditions, which must all hold.
    pub conditions: Vec<Condition>,
    /// The statement as it stands in the document.
    pub json: Value,
}

/// What a statement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// `Allow`
    Allow,
    /// `Deny`
    Deny,
}

impl Effect {
    /// Its name in policies.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "Allow",
            Self::Deny => "Deny",
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whom a statement is about.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Principals {
    /// `Principal`: those listed.
    Listed(Vec<PrincipalElement>),
    /// `NotPrincipal`: everybody else.
    AllBut(Vec<PrincipalElement>),
}

impl Principals {
    /// The elements that are listed.
    pub fn elements(&self) -> &[PrincipalElement] {
        let (Self::Listed(elements) | Self::AllBut(elements)) = self;
        elements
    }
}

/// `Action`, or `NotAction`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Actions {
    /// The patterns, as they stand in the statement.
    pub patterns: Vec<String>,
    /// It is `NotAction`: all that the patterns do not match.
    pub is_negated: bool,
    /// The permissions of KMS that are meant.
    pub set: PermissionSet,
}

/// `Resource`, or `NotResource`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resources {
    /// The patterns, as they stand in the statement.
    pub patterns: Vec<String>,
    /// It is `NotResource`.
    pub is_negated: bool,
}

impl Policy {
    /// What a key has whose creator gave none: its account may do everything.
    ///
    /// Source: [default key
    /// policy](https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html).
    pub fn default_of(account: &str, partition: &str) -> Value {
        serde_json::json!({
            "Version": "2012-10-17",
            "Id": "key-default-1",
            "Statement": [{
                "Sid": "Enable IAM User Permissions",
                "Effect": "Allow",
                "Principal": {"AWS": format!("arn:{partition}:iam::{account}:root")},
                "Action": "kms:*",
                "Resource": "*"
            }]
        })
    }
}

impl Statement {
    /// Its `Sid`, or its place in the policy, counted from 1.
    pub fn name(&self, index: usize) -> String {
        self.sid.clone().unwrap_or_else(|| format!("statement {}", index + 1))
    }

    /// The permissions that it is about; none, if it has no effect.
    pub fn permissions(&self) -> PermissionSet {
        match (&self.actions, &self.resources) {
            (Some(actions), Some(_)) => actions.set,
            _ => PermissionSet::default(),
        }
    }
}
