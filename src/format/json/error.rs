//! Errors of selecting a back end.

use thiserror::Error;

/// The environment variable names a back end that this processor cannot run or that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{variable}={value}: this processor has {}", .available.join(", "))]
#[non_exhaustive]
pub struct BackendError {
    /// Name of the environment variable.
    pub variable: &'static str,
    /// Its value.
    pub value: String,
    /// Names of the back ends that this processor can run.
    pub available: Vec<&'static str>,
}
