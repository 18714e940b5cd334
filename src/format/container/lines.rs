//! CloudWatch Logs exported to S3: each message behind its time and a space. (AWS: "Exporting log data to Amazon S3".)
//!
//! A message that is JSON is walked like any object at the top level. One that is not is passed over to the next line that begins with a
//! time: until there, its lines belong to it. It is no record, but it is told.

use memchr::memchr;

use super::document::Document;
use super::{ContainerReader, State, Step, Window};

/// The time that begins a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stamp {
    /// It is there, and the message begins behind so many bytes.
    Whole(usize),
    /// It may be there; the bytes end too early to tell.
    Cut,
    /// It is not there.
    No,
}

/// `2024-01-01T00:00:00`, of which a fraction and `Z␠` follow.
const SECONDS: &[u8] = b"0000-00-00T00:00:00";
/// Digits of a fraction of a second.
const FRACTION: usize = 9;
/// The longest time with the space behind it.
const LONGEST: usize = SECONDS.len() + 1 + FRACTION + 2;

/// Looks for a time at the start of `bytes`.
pub(super) fn stamp(bytes: &[u8]) -> Stamp {
    let fits = |(byte, model): (&u8, &u8)| match model {
        b'0' => byte.is_ascii_digit(),
        other => byte == other,
    };
    if !bytes.iter().zip(SECONDS).all(fits) {
        return Stamp::No;
    }
    let Some(rest) = bytes.get(SECONDS.len()..) else { return Stamp::Cut };
    let fraction = match rest.strip_prefix(b".") {
        Some(digits) => 1 + digits.iter().take(FRACTION).take_while(|byte| byte.is_ascii_digit()).count(),
        None => 0,
    };
    match rest[fraction..] {
        [b'Z', b' ' | b'\t', ..] => Stamp::Whole(SECONDS.len() + fraction + 2),
        [] | [b'Z'] => Stamp::Cut,
        _ => Stamp::No,
    }
}

/// Whether `before` ends with a time at the beginning of a line, and what stands behind it is its message.
pub(super) fn ends_with_stamp(before: &[u8]) -> bool {
    if !matches!(before, [.., b'Z', b' ' | b'\t']) {
        return false;
    }
    let near = &before[before.len().saturating_sub(LONGEST + 1)..];
    let line = near.iter().rposition(|byte| *byte == b'\n').map_or(near, |at| &near[at + 1..]);
    stamp(line) == Stamp::Whole(line.len())
}

impl ContainerReader {
    /// A digit stands at the top level: a log line, or nothing that may.
    pub(super) fn line(&mut self, window: Window<'_>) -> Option<Step> {
        match stamp(window.from(self.at)) {
            Stamp::Cut if !window.last => self.more(State::Between, self.at),
            Stamp::Cut | Stamp::No => self.stray(None, false, self.at),
            Stamp::Whole(len) => {
                let start = self.at + len as u64;
                match window.from(start).first() {
                    None if !window.last => self.more(State::Between, self.at),
                    Some(b'{') => {
                        self.stamped = true;
                        self.go(State::Document(Document::new(start, self.backend)), start + 1)
                    }
                    _ => {
                        self.census.message();
                        (self.state, self.at) = (State::Message, start);
                        Some(Step::Message { offset: start })
                    }
                }
            }
        }
    }

    /// Passes over the rest of a message, to the next line that begins with a time.
    pub(super) fn message(&mut self, window: Window<'_>) -> Option<Step> {
        loop {
            let rest = window.from(self.at);
            let Some(n) = memchr(b'\n', rest) else {
                self.at = window.end();
                return match window.last {
                    true => self.go(State::Between, self.at),
                    false => self.more(State::Message, self.at),
                };
            };
            match stamp(&rest[n + 1..]) {
                Stamp::Whole(_) => return self.go(State::Between, self.at + n as u64 + 1),
                Stamp::Cut if !window.last => {
                    self.at += n as u64;
                    return self.more(State::Message, self.at);
                }
                _ => self.at += n as u64 + 1,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_begin_lines() {
        for (text, found) in [
            ("2024-01-01T00:00:00.000Z {", Stamp::Whole(25)),
            ("2024-01-01T00:00:00Z {", Stamp::Whole(21)),
            ("2024-01-01T00:00:00.123456789Z x", Stamp::Whole(31)),
            ("2024-01-01T00:00:00.1234567890Z x", Stamp::No),
            ("2024-01-01 00:00:00Z x", Stamp::No),
            ("2024-01-01T00:00:00+00:00 x", Stamp::No),
            ("2024-01-01T00:00:00.000Z", Stamp::Cut),
            ("2024-01-01T00:00:00.00", Stamp::Cut),
            ("2024-01-", Stamp::Cut),
            ("", Stamp::Cut),
            ("7", Stamp::Cut),
            ("17,", Stamp::No),
        ] {
            assert_eq!(stamp(text.as_bytes()), found, "{text}");
        }
        for before in ["2024-01-01T00:00:00.000Z ", "x\n2024-01-01T00:00:00Z "] {
            assert!(ends_with_stamp(before.as_bytes()), "{before}");
        }
        for before in ["x 2024-01-01T00:00:00Z ", "2024-01-01T00:00:00Z", "Z ", "", "2024-01-01T00:00:00Z  "]
        {
            assert!(!ends_with_stamp(before.as_bytes()), "{before}");
        }
    }
}
