//! The scanner for values of any type.

use memchr::memchr2;

use super::nested::NestedScanner;
use super::simd::Backend;

/// Finds the end of one JSON value. It can stop and resume at any byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueScanner {
    state: State,
    backend: Backend,
    /// Number of calls of [`Self::advance`].
    pieces: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Inside an object or array.
    Nested(NestedScanner),
    /// Inside a top-level string.
    String(StringScanner),
    /// Inside a number, `true`, `false`, `null`, or any invalid bytes in their place.
    Bare,
}

/// The state inside a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct StringScanner {
    /// Whether the next byte is escaped.
    escaped: bool,
}

impl StringScanner {
    /// The state before the opening quote, which must not end the string.
    const fn new() -> Self {
        Self { escaped: true }
    }

    /// Scans the next bytes; `Some(n)` if the closing quote is the last of `n` bytes.
    fn scan(&mut self, bytes: &[u8]) -> Option<usize> {
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

/// Whether a value may be a KMS call, by what was seen while it was scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MayMatch {
    /// It names KMS as an `eventSource` does, in any case, or contains an escape that could spell a
    /// character of `kms.amazonaws.com`, or the type of a key.
    Yes,
    /// It contains none of these: only a record without `eventSource` may be one.
    IfSourceIsMissing,
    /// Not known: only objects and arrays are examined, and a match may span two pieces.
    Unknown,
}

impl ValueScanner {
    /// A scanner for the value that begins with the byte `first`. The first call of
    /// [`Self::advance`] must include that byte.
    pub fn new(first: u8) -> Self {
        Self::with_backend(Backend::selected(), first)
    }

    /// Like [`Self::new`], with the given back end. The back end does not change the results.
    pub fn with_backend(backend: Backend, first: u8) -> Self {
        let state = match first {
            b'{' | b'[' => State::Nested(NestedScanner::new()),
            b'"' => State::String(StringScanner::new()),
            _ => State::Bare,
        };
        Self { state, backend, pieces: 0 }
    }

    /// Scans the next bytes. `Some(n)`: the value ends after `n` of them. `None`: the value
    /// continues.
    ///
    /// A bare value ends before the first white space, comma, colon, quote or bracket. It also ends
    /// at the end of the input, which only the caller knows ([`Self::may_end_here`]).
    pub fn advance(&mut self, bytes: &[u8]) -> Option<usize> {
        self.pieces = self.pieces.saturating_add(1);
        match &mut self.state {
            State::Nested(nested) => self.backend.scan(nested, bytes),
            State::String(string) => string.scan(bytes),
            State::Bare => bytes.iter().position(|b| ends_bare_value(*b)),
        }
    }

    /// What the value contains of KMS. Call this after the end was found.
    pub fn may_match(&self) -> MayMatch {
        match &self.state {
            State::Nested(nested) if nested.names_kms() => MayMatch::Yes,
            State::Nested(_) if self.pieces == 1 => MayMatch::IfSourceIsMissing,
            _ => MayMatch::Unknown,
        }
    }

    /// Whether the next byte is inside a string.
    pub fn is_in_string(&self) -> bool {
        match self.state {
            State::String(_) => true,
            State::Nested(nested) => nested.is_in_string(),
            State::Bare => false,
        }
    }

    /// Whether the value is complete if the input ends here.
    pub fn may_end_here(&self) -> bool {
        self.state == State::Bare
    }
}

fn ends_bare_value(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b',' | b':' | b'"' | b'{' | b'}' | b'[' | b']')
}
