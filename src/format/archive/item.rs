//! What a walk over an archive finds.

use std::io::Read;
use std::ops::ControlFlow;

use super::error::WalkError;

/// What a walk finds: a member, or damage.
#[non_exhaustive]
pub enum ArchiveItem<'a> {
    /// A file.
    Member {
        /// The stored name.
        name: &'a [u8],
        /// Size of the content in bytes, as the archive states it.
        size: Option<u64>,
        /// Size inside the archive in bytes; 0 when it is known only after the content.
        stored_size: u64,
        /// The content. Damage appears as an error after all bytes before it;
        /// [`DecodeError::from_read`](crate::format::decode::DecodeError::from_read) unwraps it.
        content: &'a mut dyn Read,
    },
    /// A file that keytrail cannot read.
    Unsupported {
        /// The stored name.
        name: &'a [u8],
        /// The reason, for messages.
        reason: &'static str,
    },
    /// A link, pipe or device. Directories are skipped and not reported.
    NotAFile {
        /// The stored name.
        name: &'a [u8],
    },
    /// The archive itself is damaged.
    Damage {
        /// The kind of damage.
        kind: DamageKind,
        /// A description, for messages.
        detail: String,
    },
}

/// The kind of damage to an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DamageKind {
    /// The archive ends early.
    Truncated,
    /// A header or the directory cannot be read.
    Corrupt,
    /// Bytes follow the end of the archive.
    Trailing,
}

/// A callback that receives each item and decides whether the walk continues.
pub type Visitor<'v> = &'v mut dyn FnMut(ArchiveItem<'_>) -> ControlFlow<()>;

pub(super) fn emit(visitor: Visitor<'_>, item: ArchiveItem<'_>) -> Result<(), WalkError> {
    match visitor(item) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(WalkError::Cancelled),
    }
}

pub(super) fn emit_damage(visitor: Visitor<'_>, kind: DamageKind, detail: String) -> Result<(), WalkError> {
    emit(visitor, ArchiveItem::Damage { kind, detail })
}
