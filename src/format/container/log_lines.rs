//! CloudWatch Logs exported to S3: lines of a timestamp and a message. (AWS: "Exporting log data to
//! Amazon S3".)
//!
//! Other programs write other things before each message: the output of `aws logs tail`, syslog.
//! There, a value may stand after anything on its line that has no quotes and braces.
//!
//! A message that is JSON is read like any top-level object. Any other message extends to the next
//! line that begins with a timestamp; it is reported as text.

use memchr::memchr;

use super::document::Document;
use super::line_prefix::{MAX_PREFIX, value_in};
use super::log_timestamp::{Timestamp, parse_timestamp};
use super::reader::ContainerReader;
use super::state::{Scope, State};
use super::step::Step;
use super::window::Window;

impl ContainerReader {
    /// A digit at the top level: a log line, or a value that may not be there.
    pub(super) fn log_line(&mut self, window: Window<'_>) -> Option<Step> {
        match parse_timestamp(window.from(self.at)) {
            Timestamp::Incomplete if !window.last => self.need_more(State::Between, self.at),
            Timestamp::Incomplete | Timestamp::Invalid => self.resync_at_misplaced(Scope::TopLevel, self.at),
            Timestamp::Complete(len) => {
                let start = self.at + len as u64;
                match window.from(start).first() {
                    None if !window.last => self.need_more(State::Between, self.at),
                    Some(b'{') => {
                        self.in_log_line = true;
                        let document = Document::new(start, self.max_record, self.backend);
                        self.enter(State::Document(document), start + 1)
                    }
                    _ => {
                        self.counter.add_message();
                        self.enter(State::Message { start }, start)
                    }
                }
            }
        }
    }

    /// A line with something before its value, if it has one.
    pub(super) fn prefixed_line(&mut self, window: Window<'_>) -> Option<Step> {
        let rest = window.from(self.at);
        let head = &rest[..rest.len().min(MAX_PREFIX)];
        let line_end = memchr(b'\n', head);
        let line = &head[..line_end.unwrap_or(head.len())];
        if line_end.is_none() && !window.last && head.len() < MAX_PREFIX {
            return self.need_more(State::Between, self.at);
        }
        if let Some(n) = value_in(line) {
            self.in_log_line = true;
            let start = self.at + n as u64;
            return self
                .enter(State::Document(Document::new(start, self.max_record, self.backend)), start + 1);
        }
        let start = self.at;
        if let Some(n) = line_end {
            // The value may begin on the next line, after a line with its time.
            match rest.get(n + 1) {
                None if !window.last => return self.need_more(State::Between, self.at),
                Some(b'{') => {
                    self.in_log_line = true;
                    let start = start + n as u64 + 1;
                    return self.enter(
                        State::Document(Document::new(start, self.max_record, self.backend)),
                        start + 1,
                    );
                }
                _ => {}
            }
        }
        self.counter.add_message();
        self.enter(State::OtherLine { start }, start)
    }

    /// Reads to the end of a line.
    pub(super) fn other_line(&mut self, start: u64, window: Window<'_>) -> Option<Step> {
        let limit = self.message_limit(start);
        let part = window.until(limit);
        let found = memchr(b'\n', part.from(self.at)).map(|n| self.at + n as u64);
        self.at = found.unwrap_or_else(|| part.end());
        if found.is_none() && self.at == limit {
            return self.end_message(start, State::OtherLine { start: limit });
        }
        if found.is_some() || window.last {
            return self.end_message(start, State::Between);
        }
        self.need_more(State::OtherLine { start }, start)
    }

    /// Reads to the end of a message: the next line that begins with a timestamp.
    pub(super) fn message(&mut self, start: u64, window: Window<'_>) -> Option<Step> {
        let limit = self.message_limit(start);
        let part = window.until(limit);
        loop {
            let Some(n) = memchr(b'\n', part.from(self.at)) else {
                self.at = part.end();
                return if self.at == limit {
                    self.end_message(start, State::Message { start: limit })
                } else if window.last {
                    self.end_message(start, State::Between)
                } else {
                    self.need_more(State::Message { start }, start)
                };
            };
            let line_end = self.at + n as u64;
            match parse_timestamp(window.from(line_end + 1)) {
                Timestamp::Complete(_) => {
                    self.at = line_end;
                    return self.end_message(start, State::Between);
                }
                Timestamp::Incomplete if !window.last => {
                    self.at = line_end;
                    return self.need_more(State::Message { start }, start);
                }
                _ => self.at = line_end + 1,
            }
            if self.at >= limit {
                return self.end_message(start, State::Message { start: self.at });
            }
        }
    }

    /// Where a message is cut that is too long to keep: at a fixed place, however the content is
    /// cut into windows.
    fn message_limit(&self, start: u64) -> u64 {
        start.saturating_add(self.max_record.max(1))
    }

    /// Reports the message that ends at the current position.
    fn end_message(&mut self, start: u64, next: State) -> Option<Step> {
        self.state = next;
        Some(Step::Message { range: start..self.at })
    }
}
