//! What scanning an input yields: a columnar batch of facts, and its Arrow form.
//!
//! A [`Batch`] holds stretches of one or more inputs in their order: KMS events as columns
//! ([`Events`]), facts about other records, rejects, and with an input's last stretch its summary.
//! In memory the columns are Arrow arrays; outside of memory a batch is an Arrow IPC stream of one
//! record batch with one row per stretch ([`schema`]).
//!
//! ```
//! use keytrail::facts::{BatchBuilder, Batch};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let record = br#"{"eventVersion":"1.08","eventTime":"2024-05-01T00:00:00Z","eventSource":"kms.amazonaws.com",
//!     "eventName":"Decrypt","awsRegion":"us-west-2","userIdentity":{"type":"AWSAccount"}}"#;
//! let keytrail::parse::RecordKind::Event(event) = keytrail::parse::parse(record)?.kind else { panic!() };
//! let mut builder = BatchBuilder::default();
//! builder.begin(&"logs/a.json.gz".into());
//! builder.event(&event, 12);
//! let batch = Batch::decode(&builder.finish().encode()?)?;
//! assert_eq!(batch.events.event(0), *event);
//! assert_eq!(batch.events.offset(0), 12);
//! # Ok(())
//! # }
//! ```
//!
//! Deliberately absent: reading records (`parse`), and what facts mean together (`knowledge`).

mod arrow;
mod batch;
mod columns;
mod error;
mod events;
mod fields;
mod learned;
mod row;
mod summary;

pub use arrow::{StoredFacts, StoredLearned, schema};
pub use batch::{Batch, BatchBuilder, InputEnd, Stretch};
pub use error::FactsError;
pub use events::{Events, EventsBuilder};
pub use row::{decode_event, encode_event};

#[cfg(test)]
mod tests;
