//! Containers of files: tar and zip, told by their content; one file after the other, in the container's order, each to be read on the way.
//!
//! Nothing is written and no name is followed: a member's name is only a name. What is read is bounded by a few small buffers, however large the
//! container or a member is. Damage costs what is damaged: the members before it are whole, and the walk goes on behind it where it can. Deliberately
//! absent: what the members are, and what a container is compressed with (`decode`).

mod directory;
mod member;
mod tar;
mod zip;

use std::io::{self, Read};
use std::ops::ControlFlow;

use crate::format::decode::Input;
pub use directory::walk_file;

/// What a container is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// tar: POSIX (ustar, pax), GNU and older.
    Tar,
    /// zip, with its extension for large files.
    Zip,
}

impl Kind {
    /// Bytes that [`Self::of`] looks at.
    pub const LOOKS_AT: usize = tar::BLOCK;

    /// Tells a container by its first bytes.
    pub fn of(first: &[u8]) -> Option<Self> {
        if zip::begins(first) { Some(Self::Zip) } else { tar::begins(first).then_some(Self::Tar) }
    }

    /// Its name, for people and for the `shape` column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tar => "tar",
            Self::Zip => "zip",
        }
    }
}

/// What a walk comes upon.
pub enum Found<'f> {
    /// A file.
    Member {
        /// Its name, as it is stored.
        name: &'f [u8],
        /// Bytes that reading it should give, as far as the container says.
        size: Option<u64>,
        /// Bytes that it takes in the container, if that is known before it has been read.
        stored: u64,
        /// Its bytes. Damage shows as an error that [`crate::format::decode::DecodeError::of_read`] understands, after all that came before it.
        content: &'f mut dyn Read,
    },
    /// A file that cannot be read.
    Closed {
        /// Its name.
        name: &'f [u8],
        /// Why, for people.
        why: &'static str,
    },
    /// A link, pipe or device; directories are passed over without a word.
    NotAFile {
        /// Its name.
        name: &'f [u8],
    },
    /// Something is wrong with the container itself.
    Damage {
        /// What.
        damage: Damage,
        /// For people.
        detail: String,
    },
}

/// What can be wrong with a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// It ends early.
    Cut,
    /// A header, or the directory, cannot be read.
    Corrupt,
    /// Something follows its end.
    Trailing,
}

/// Takes what is found; says whether to go on.
pub type Visit<'v> = &'v mut dyn FnMut(Found<'_>) -> ControlFlow<()>;

/// Why a walk ended before the container did.
#[derive(Debug)]
pub enum Stop {
    /// It was told to.
    Cancelled,
    /// The container could not be read on.
    Broken(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

/// Walks a container from its first byte to its last.
///
/// # Errors
/// When `visit` wants no more, or the container cannot be read on; its damage is no error.
pub fn walk(kind: Kind, from: impl Read, visit: Visit<'_>) -> Result<(), Stop> {
    let mut from = Input::new(from, Vec::new());
    match kind {
        Kind::Tar => tar::walk(&mut from, visit),
        Kind::Zip => zip::walk(&mut from, visit),
    }
}

fn tell(visit: Visit<'_>, found: Found<'_>) -> Result<(), Stop> {
    match visit(found) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Stop::Cancelled),
    }
}

fn damage(visit: Visit<'_>, damage: Damage, detail: String) -> Result<(), Stop> {
    tell(visit, Found::Damage { damage, detail })
}

#[cfg(test)]
mod tests;
