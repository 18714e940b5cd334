//! A top-level object, walked one level deep: is it a `Records` document, a record, or something else?
//!
//! The walk is tolerant on purpose: it only has to find keys and skip values. Whether an object that turns out to be a record is
//! valid JSON is the parser's question.

use memchr::memchr;

use super::Window;
use crate::split::{Backend, Splitter};

/// What the walk met.
pub(super) enum Found {
    /// The array under `Records` begins at the walk's position.
    Records,
    /// The object is closed.
    End,
    /// The window ends.
    More,
    /// A value without a key in a document whose records have been read: the array was closed too early.
    Stray,
}

#[derive(Debug)]
pub(super) struct Document {
    start: u64,
    /// All bytes from `start` on are still kept: the object may be a record.
    whole: bool,
    container: bool,
    record_keys: bool,
    digest_keys: bool,
    /// It spans lines, as far as it has been walked.
    line_break: bool,
    /// The last complete string: a key, if a colon follows.
    string: Option<Key>,
    /// The value now expected belongs to this key.
    key: Option<Key>,
    inside: Option<Inside>,
    backend: Backend,
}

/// A value being passed over.
#[derive(Debug)]
struct Inside {
    start: u64,
    splitter: Splitter,
    may_be_key: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    /// The one whose array holds records.
    Records,
    /// One that only records have.
    OfRecord,
    /// One that only digests have.
    OfDigest,
    Other,
}

/// Longer strings are not looked at as keys.
const LONGEST_KEY: u64 = 256;

impl Document {
    /// A document whose opening brace stands at `start`.
    pub(super) fn new(start: u64, backend: Backend) -> Self {
        Self {
            start,
            whole: true,
            container: false,
            record_keys: false,
            digest_keys: false,
            line_break: false,
            string: None,
            key: None,
            inside: None,
            backend,
        }
    }

    /// A document whose `Records` array is open, where its beginning could not be read.
    pub(super) fn opened(start: u64, backend: Backend) -> Self {
        Self { container: true, whole: false, ..Self::new(start, backend) }
    }

    pub(super) fn start(&self) -> u64 {
        self.start
    }

    /// Where the object begins, as long as it may still be a record kept whole.
    pub(super) fn whole_from(&self) -> Option<u64> {
        self.whole.then_some(self.start)
    }

    /// The object is too large to be kept.
    pub(super) fn give_up_whole(&mut self) {
        self.whole = false;
    }

    pub(super) fn is_container(&self) -> bool {
        self.container
    }

    pub(super) fn has_record_keys(&self) -> bool {
        self.record_keys
    }

    pub(super) fn has_digest_keys(&self) -> bool {
        self.digest_keys
    }

    pub(super) fn spans_lines(&self) -> bool {
        self.line_break
    }

    /// The document behind the end of its `Records` array.
    pub(super) fn after_records(self) -> Self {
        Self { key: None, string: None, ..self }
    }

    /// First byte still needed when the walk has come to `at`.
    pub(super) fn keep(&self, at: u64) -> u64 {
        if self.whole {
            return self.start;
        }
        match &self.inside {
            Some(inside) if inside.may_be_key => inside.start,
            _ => at,
        }
    }

    pub(super) fn walk(&mut self, at: &mut u64, window: Window<'_>) -> Found {
        let from = *at;
        let found = self.pass(at, window);
        // How a container is laid out tells nothing.
        if !self.container && !self.line_break {
            self.line_break = memchr(b'\n', window.slice(&(from..*at))).is_some();
        }
        found
    }

    fn pass(&mut self, at: &mut u64, window: Window<'_>) -> Found {
        loop {
            if let Some(mut inside) = self.inside.take() {
                let end = inside.splitter.advance(window.from(*at)).map(|n| *at + n as u64);
                *at = end.unwrap_or_else(|| window.end());
                inside.may_be_key &= *at - inside.start <= LONGEST_KEY;
                if end.is_none() {
                    self.inside = Some(inside);
                    return Found::More;
                }
                self.string = inside.may_be_key.then(|| read_key(window.slice(&(inside.start..*at))));
                continue;
            }
            let (next, byte) = window.next_token(*at);
            *at = next;
            let Some(byte) = byte else { return Found::More };
            match byte {
                b'}' => {
                    *at += 1;
                    return Found::End;
                }
                b':' => {
                    let key = self.string.take().unwrap_or(Key::Other);
                    self.record_keys |= key == Key::OfRecord;
                    self.digest_keys |= key == Key::OfDigest;
                    self.key = Some(key);
                    *at += 1;
                }
                b',' => {
                    (self.key, self.string) = (None, None);
                    *at += 1;
                }
                b'[' if self.key == Some(Key::Records) => {
                    (self.container, self.whole) = (true, false);
                    *at += 1;
                    return Found::Records;
                }
                b'{' | b'[' | b']' if self.container && self.key.is_none() => return Found::Stray,
                b']' => *at += 1, // balanced or not, the strict parser will see it
                first => {
                    let may_be_key = first == b'"' && self.key.is_none();
                    let splitter = Splitter::with(self.backend, first);
                    self.inside = Some(Inside { start: next, splitter, may_be_key });
                    self.string = None;
                }
            }
        }
    }
}

fn read_key(quoted: &[u8]) -> Key {
    let plain: String;
    let name = if quoted.contains(&b'\\') {
        plain = serde_json::from_slice(quoted).unwrap_or_default();
        plain.as_bytes()
    } else {
        quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default()
    };
    match name {
        b"Records" => Key::Records,
        b"eventVersion" | b"eventSource" | b"eventName" => Key::OfRecord,
        b"digestS3Object" | b"digestStartTime" => Key::OfDigest,
        _ => Key::Other,
    }
}
