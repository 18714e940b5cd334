//! `rejects.parquet`: what could not be read.

use crate::model::Rejection;
use crate::report::cell::Cell;
use crate::report::table::table;

/// Part of an archive that could not be read.
#[derive(Debug, Clone, Copy)]
pub struct RejectRow<'a> {
    /// URI of the archive.
    pub archive: &'a str,
    /// Where it is, and why it could not be read.
    pub rejection: &'a Rejection,
}

table! {
    /// `rejects.parquet`: what could not be read, in input order.
    REJECTS: RejectsTable("rejects") of RejectRow<'a>;

    "archive": Text,
        "URI of the archive.",
        |row| Cell::text(row.archive);
    "record_offset": Int or null,
        "Offset of the record in the decompressed archive, in bytes. Null: the damage is not \
        inside a record.",
        |row| row.rejection.offset.map_or(Cell::Null, Cell::count);
    "record_index": Int or null,
        "Zero-based position among the archive's records. Null as above.",
        |row| row.rejection.index.map_or(Cell::Null, Cell::count);
    "reason": Text,
        "One of the list below.",
        |row| Cell::text(row.rejection.reason.as_str());
    "detail": Text,
        "What was found, in words.",
        |row| Cell::text(&row.rejection.detail);
}
