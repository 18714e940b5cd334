//! The container shapes: which values in decompressed content are records, or hold one.
//!
//! A [`ContainerReader`] is sans-I/O. The caller passes it a [`Window`] of the content and gets a
//! [`Step`]: a value in the place of a record, damage, or a request for more input. Values are
//!
//! * the elements of the array that makes a document a container, such as `Records` or `Events`,
//! * the elements of a top-level array,
//! * top-level objects that are not containers: a single record, NDJSON, concatenated objects, and
//!   the messages of log lines.
//!
//! What else a document holds beside its array is passed to the caller, too, if it may hold
//! records.
//!
//! A value is a record or wraps one in an [`Envelope`]; [`extract_record`] finds the record inside.
//! If it is neither, a [`RecordSearch`] finds the records in it, in one of the places where tools
//! put them. What is nested in a record is never taken for one. The reader itself deals with whole
//! values only: damage costs the value, and the reader looks for the next one after it.
//!
//! Deliberately absent: what a record says (`parse`), and input and output (`engine`).
//!
//! ```
//! use keytrail::format::container::{ContainerReader, JsonShape, Step, Window};
//!
//! let content = br#"{"Records":[{"eventName":"Decrypt"},{"eventName":"Encrypt"}]}"#;
//! let mut reader = ContainerReader::new(4 << 20);
//! let window = Window { bytes: content, start: 0, last: true };
//! let mut values = Vec::new();
//! loop {
//!     match reader.step(window) {
//!         Step::Value { range, .. } => values.push(window.slice(&range)),
//!         Step::End => break,
//!         other => panic!("{other:?}"),
//!     }
//! }
//! assert_eq!(values[1], br#"{"eventName":"Encrypt"}"#);
//! assert_eq!(reader.shape(), JsonShape::Records);
//! ```

mod beside;
mod container_kind;
mod document;
mod element;
mod encoded;
mod envelope;
mod extract;
mod json_error;
mod line_prefix;
mod log_lines;
mod log_timestamp;
mod members;
mod needles;
mod places;
mod reader;
mod record_keys;
mod recovery;
mod resync;
mod search;
mod shape;
mod shape_counter;
mod state;
mod step;
mod summary;
mod tables;
mod unread;
mod watch;
mod window;

pub use crate::format::json::MayMatch;
pub use envelope::{Envelope, has_record_key};
pub use extract::{Extracted, begins_like_record, extract_record, is_other_event};
pub use json_error::json_error;
pub use reader::ContainerReader;
pub use search::RecordSearch;
pub use shape::JsonShape;
pub use step::Step;
pub use summary::SearchSummary;
pub use unread::{may_hold_records_inside, unread_form};
pub use watch::{NameWatch, Watched};
pub use window::Window;

#[cfg(test)]
mod tests;
