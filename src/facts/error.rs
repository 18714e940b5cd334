//! Why facts cannot be written or read back.

use arrow_schema::ArrowError;
use thiserror::Error;

/// Facts that cannot be written or read back.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FactsError {
    /// The Arrow stream is damaged.
    #[error("the facts are no sound Arrow stream")]
    Arrow(#[from] ArrowError),
    /// A column is missing, has another type, or holds what no such column can hold.
    #[error("the column {0} does not hold facts")]
    Column(&'static str),
}

impl From<FactsError> for std::io::Error {
    fn from(error: FactsError) -> Self {
        Self::new(std::io::ErrorKind::InvalidData, error)
    }
}
