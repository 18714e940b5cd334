//! A selected event, as every aggregate sees it.

use crate::model::{Evidence, IntegrityStatus, KmsEvent, Served};

/// An event that has passed all filters, with its evidence and its position in the input.
#[derive(Debug, Clone, Copy)]
pub struct Selected<'a> {
    /// The event.
    pub event: &'a KmsEvent<'a>,
    /// Which workload it belongs to, and which rules say so.
    pub evidence: &'a Evidence,
    /// URI of the archive.
    pub archive: &'a str,
    /// Byte offset of the record in the decompressed archive.
    pub offset: u64,
    /// What its call was for.
    pub served: &'a Served<'a>,
    /// What digests say of the archive; `None`: there are none.
    pub integrity: Option<IntegrityStatus>,
}
