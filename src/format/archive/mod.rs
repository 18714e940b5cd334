//! tar and zip archives → their members, one after the other in the order of the archive.
//!
//! [`walk`] reads an archive as a stream and passes each member's content to a visitor, which may
//! read it. [`walk_zip_file`] reads a zip file by the directory at its end. Nothing is extracted to
//! disk and no path is followed: a member's name is only a name. Memory is bounded by a few small
//! buffers, whatever the size of the archive or of a member. Damage costs only what is damaged:
//! members before it are complete, and the walk continues after it where possible.
//!
//! Deliberately absent: what the members contain, and how the archive itself is compressed
//! (`format::decode`).
//!
//! ```
//! use std::ops::ControlFlow;
//!
//! use keytrail::format::archive::{ArchiveFormat, ArchiveItem, walk};
//!
//! let mut builder = tar::Builder::new(Vec::new());
//! let mut header = tar::Header::new_ustar();
//! header.set_size(2);
//! builder.append_data(&mut header, "a.json", &b"{}"[..])?;
//! let bytes = builder.into_inner()?;
//!
//! let format = ArchiveFormat::detect(&bytes[..ArchiveFormat::DETECT_BYTES]).unwrap();
//! let mut names = Vec::new();
//! walk(format, bytes.as_slice(), &mut |item| {
//!     if let ArchiveItem::Member { name, .. } = item {
//!         names.push(name.to_vec());
//!     }
//!     ControlFlow::Continue(())
//! })?;
//! assert_eq!(names, [b"a.json"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod item;
mod member;
mod tar;
mod zip;
mod zip_directory;
mod zip_member;

use std::io::Read;

use crate::format::decode::PeekReader;
pub use error::WalkError;
pub use item::{ArchiveItem, DamageKind, Visitor};
pub use zip_directory::walk_zip_file;

/// The format of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ArchiveFormat {
    /// tar: POSIX (ustar, pax), GNU and older.
    Tar,
    /// zip, with the zip64 extension for large files.
    Zip,
}

impl ArchiveFormat {
    /// Number of bytes that [`Self::detect`] needs.
    pub const DETECT_BYTES: usize = tar::BLOCK;

    /// Detects the format from the first bytes of an input.
    pub fn detect(first: &[u8]) -> Option<Self> {
        if zip::is_zip(first) {
            return Some(Self::Zip);
        }
        tar::is_tar(first).then_some(Self::Tar)
    }

    /// The name used in messages and in the `shape` column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tar => "tar",
            Self::Zip => "zip",
        }
    }
}

/// Walks an archive from its first byte to its last.
///
/// # Errors
/// When the visitor cancels the walk or reading fails. Damage is not an error: the visitor receives
/// it as an item.
pub fn walk(format: ArchiveFormat, reader: impl Read, visitor: Visitor<'_>) -> Result<(), WalkError> {
    let mut input = PeekReader::new(reader, Vec::new());
    match format {
        ArchiveFormat::Tar => tar::walk(&mut input, visitor),
        ArchiveFormat::Zip => zip::walk(&mut input, visitor),
    }
}

#[cfg(test)]
mod tests;
