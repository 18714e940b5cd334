//! Why a text is no key policy.

use thiserror::Error;

use super::condition::ConditionError;

/// Why a text is no key policy.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// It is not JSON.
    #[error("it is not valid JSON")]
    Json(#[source] serde_json::Error),
    /// It is JSON, but no object.
    #[error("it is not a JSON object")]
    NotAnObject,
    /// It is longer than a policy can be.
    #[error("it has {0} bytes, more than a policy can have")]
    TooLong(usize),
    /// It has no `Statement`.
    #[error("it has no Statement")]
    NoStatement,
    /// It has far more statements than a policy can have.
    #[error("it has {0} statements, more than fit into a policy")]
    TooManyStatements(usize),
    /// Its `Version` is none that there is.
    #[error("its Version is {0}, not \"2012-10-17\" or \"2008-10-17\"")]
    Version(String),
    /// A member of a statement is missing or has a wrong form. Statement 0 is the policy itself.
    #[error("{}{member} is {found}", place(*.statement))]
    Member {
        /// Which statement, counted from 1.
        statement: usize,
        /// The member.
        member: &'static str,
        /// What stands there.
        found: String,
    },
    /// A member of `Principal` that there is not.
    #[error("statement {statement}: Principal has {found:?}, which is no kind of principal")]
    PrincipalKind {
        /// Which statement, counted from 1.
        statement: usize,
        /// The name that stands there.
        found: String,
    },
    /// A condition cannot be read.
    #[error("statement {statement}: Condition")]
    Condition {
        /// Which statement, counted from 1.
        statement: usize,
        /// Why.
        #[source]
        source: ConditionError,
    },
}

fn place(statement: usize) -> String {
    if statement == 0 { String::new() } else { format!("statement {statement}: ") }
}
