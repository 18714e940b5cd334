//! A top-level object, walked one level deep: is it a `Records` document, a record, or something else?
//!
//! The walk is tolerant on purpose: it only has to find keys and skip values. Whether an object that turns out to be a record is
//! valid JSON is the parser's question.

use super::Window;
use crate::split::Splitter;

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
    /// The last complete string: a key, if a colon follows. (Start, end.)
    string: Option<(u64, u64)>,
    /// The value now expected belongs to this key.
    key: Option<Key>,
    inside: Option<(u64, Splitter, bool)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    Records,
    Other,
}

impl Document {
    /// A document whose opening brace stands at `start`.
    pub(super) fn new(start: u64) -> Self {
        Self {
            start,
            whole: true,
            container: false,
            record_keys: false,
            digest_keys: false,
            string: None,
            key: None,
            inside: None,
        }
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

    /// The document behind the end of its `Records` array.
    pub(super) fn after_records(self) -> Self {
        Self { key: None, string: None, ..self }
    }

    /// First byte still needed when the walk has come to `at`.
    pub(super) fn keep(&self, at: u64) -> u64 {
        if self.whole {
            return self.start;
        }
        match (&self.inside, self.string) {
            (Some((start, _, true)), _) => *start, // inside a string that may be a key
            (_, Some((start, _))) => start,
            _ => at,
        }
    }

    pub(super) fn walk(&mut self, at: &mut u64, window: Window<'_>) -> Found {
        loop {
            if let Some((start, mut splitter, is_string)) = self.inside.take() {
                match splitter.advance(window.from(*at)) {
                    Some(n) => *at += n as u64,
                    None => {
                        *at = window.end();
                        self.inside = Some((start, splitter, is_string));
                        return Found::More;
                    }
                }
                self.string = is_string.then_some((start, *at));
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
                    self.key = Some(self.string.take().map_or(Key::Other, |s| self.read_key(s, window)));
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
                    self.inside = Some((next, Splitter::new(first), first == b'"' && self.key.is_none()));
                    if first != b'"' {
                        self.string = None;
                    }
                }
            }
        }
    }

    fn read_key(&mut self, (start, end): (u64, u64), window: Window<'_>) -> Key {
        let quoted = window.slice(&(start..end));
        let plain: String;
        let name = if quoted.contains(&b'\\') {
            plain = serde_json::from_slice(quoted).unwrap_or_default();
            plain.as_bytes()
        } else {
            quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default()
        };
        match name {
            b"Records" => return Key::Records,
            b"eventVersion" | b"eventSource" | b"eventName" => self.record_keys = true,
            b"digestS3Object" | b"digestStartTime" => self.digest_keys = true,
            _ => {}
        }
        Key::Other
    }
}
