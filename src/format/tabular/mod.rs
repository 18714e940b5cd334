//! Tables of events → records: Parquet files with the columns of OCSF, as Amazon Security Lake
//! stores CloudTrail events, and CSV files saved by CloudTrail Lake.
//!
//! [`OcsfReader`] turns each row back into the JSON text of the CloudTrail record that it was made
//! from, as far as the columns contain it (`ocsf_mapping`). So the stages after this one see
//! records, whatever their origin. The rows of any other Parquet file become objects, if the names
//! of its columns or the texts in its cells (`cells`) show that it may hold records. It reads row
//! group by row group, a few rows at a time, and only the columns that it needs. [`CsvReader`] only
//! splits CSV into fields: the columns of CloudTrail Lake are the same in JSON query results, and
//! `format::container` rebuilds records from both.
//!
//! Deliberately absent: what a record says (`parse`).
//!
//! ```
//! use keytrail::format::tabular::{CsvReader, CsvStep, RowState};
//!
//! let mut csv = CsvReader::new(1024);
//! let mut input: &[u8] = b"eventname,eventsource\nDecrypt,kms.amazonaws.com\n";
//! let mut rows = Vec::new();
//! while let CsvStep::Row { state: RowState::Complete, .. } = csv.step(&mut input, true) {
//!     rows.push(csv.fields().map(<[u8]>::to_vec).collect::<Vec<_>>());
//! }
//! assert_eq!(rows[1], [&b"Decrypt"[..], b"kms.amazonaws.com"]);
//! ```

mod cells;
mod columns;
mod csv;
mod csv_kind;
mod error;
mod ocsf_mapping;
mod ocsf_reader;
mod parquet_footer;
mod parquet_groups;
mod parquet_pages;
mod parquet_shapes;
mod parquet_table;
mod shape;
mod thrift;

pub use csv::{CsvReader, CsvStep, RowState};
pub use csv_kind::CsvKind;
pub use error::TableError;
pub use ocsf_reader::{OcsfReader, OcsfRecord};
pub use parquet_footer::PARQUET_MAGIC;
pub use parquet_table::{ParquetTable, TableRoom};
pub use shape::TableShape;
