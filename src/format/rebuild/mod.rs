//! Events in other forms → the record as CloudTrail writes it.
//!
//! Tables, search engines and scripts keep the members of a record under other names, as columns,
//! or as text. This room holds what all of these have in common, whatever the file format: which
//! name stands for which member ([`names_event`]), how nested members are printed (JSON, the output
//! of Presto, DuckDB and Python), and which form a time has. A member that cannot be read is left
//! out, never guessed; the result says whether it may lack something.
//!
//! Deliberately absent: where records stand in a file (`format::container`, `format::tabular`), and
//! what a record says (`parse`).

mod bare;
mod mapped;
mod names;
mod printed;
mod quoted;
mod record;
mod time;

pub use mapped::{OCSF_FIELDS, is_mapped, record_from_mapped, record_from_ocsf};
pub use names::{EventColumns, event_columns, lack_key, names_event};
pub use quoted::parse_quoted;
pub use record::{
    Fidelity, Rebuilt, may_have_quoted_texts, record_from_columns, record_from_members, restored_record,
};
