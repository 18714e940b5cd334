//! JSON bytes → where a value ends; sans-I/O.
//!
//! A [`ValueScanner`] starts at the first byte of a JSON value and is fed the bytes as they come, cut anywhere. It knows only
//! quotes, escapes and depth: look-alike records inside strings or nested values cannot mislead it, and nothing is
//! validated here (the parser is strict on the records that matter). Deliberately absent: containers and their keys, which are
//! [`crate::format::container`]'s business.

mod error;
mod needle;
mod nested;
#[allow(
    unsafe_code,
    reason = "vector instructions: each block argues its case, and tests hold it to safe code"
)]
mod simd;

use memchr::memchr2;

pub use error::BackendError;
use nested::Nested;
pub use simd::Backend;

/// Finds the end of one JSON value, resumable at every byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueScanner {
    kind: Kind,
    backend: Backend,
    /// How many times bytes have been given.
    pieces: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Inside an object or array.
    Nested(Nested),
    /// Inside a top-level string.
    Quoted(Quoted),
    /// A number, `true`, `false`, `null`, or whatever stands in their place.
    Bare,
}

/// Inside a string: whether the previous byte was an unescaped backslash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Quoted {
    escaped: bool,
}

impl Quoted {
    /// Runs to the closing quote; returns the number of bytes up to and including it.
    fn close(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        if self.escaped && !bytes.is_empty() {
            self.escaped = false;
            at = 1;
        }
        loop {
            at += memchr2(b'"', b'\\', bytes.get(at..)?)?;
            if bytes[at] == b'"' {
                return Some(at + 1);
            }
            if at + 1 == bytes.len() {
                self.escaped = true;
                return None;
            }
            at += 2;
        }
    }
}

impl ValueScanner {
    /// A scanner for the value that begins with `first`; feed it `first` and what follows.
    pub fn new(first: u8) -> Self {
        Self::with_backend(Backend::selected(), first)
    }

    /// [`Self::new`] with a back end of the caller's choice; none changes what is found.
    pub fn with_backend(backend: Backend, first: u8) -> Self {
        let kind = match first {
            b'{' | b'[' => Kind::Nested(Nested::new()),
            b'"' => Kind::Quoted(Quoted { escaped: true }), // the opening quote itself closes nothing
            _ => Kind::Bare,
        };
        Self { kind, backend, pieces: 0 }
    }

    /// Takes the next bytes of the value. `Some(n)`: the value ends after `n` of them. `None`: they all belong to it.
    ///
    /// A bare value ends before the first white space, comma, colon, quote or bracket; at the end of the input it ends there,
    /// which only the caller can know.
    pub fn advance(&mut self, bytes: &[u8]) -> Option<usize> {
        self.pieces = self.pieces.saturating_add(1);
        match &mut self.kind {
            Kind::Nested(nested) => self.backend.scan(nested, bytes),
            Kind::Quoted(quoted) => quoted.close(bytes),
            Kind::Bare => bytes.iter().position(|b| ends_bare(*b)),
        }
    }

    /// Whether the value that has ended contains `kms.amazonaws.com`, or an escape that could spell one of its characters: seen on the
    /// way, where an object or array came in one piece. `None`: not known.
    pub fn may_match(&self) -> Option<bool> {
        match &self.kind {
            Kind::Nested(nested) if nested.named => Some(true),
            Kind::Nested(_) if self.pieces == 1 => Some(false),
            _ => None,
        }
    }

    /// Whether the next byte belongs to a string.
    pub fn is_in_string(&self) -> bool {
        match self.kind {
            Kind::Quoted(_) => true,
            Kind::Nested(nested) => nested.is_in_string(),
            Kind::Bare => false,
        }
    }

    /// Whether the value may end where the input ends.
    pub fn may_end_here(&self) -> bool {
        self.kind == Kind::Bare
    }
}

fn ends_bare(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b',' | b':' | b'"' | b'{' | b'}' | b'[' | b']')
}

#[cfg(test)]
mod tests;
