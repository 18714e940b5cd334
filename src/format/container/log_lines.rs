//! CloudWatch Logs exported to S3: lines of a timestamp and a message. (AWS: "Exporting log data to
//! Amazon S3".)
//!
//! Other programs write other things before each message: the output of `aws logs tail`, syslog.
//! There, a value may stand after anything on its line that has no quotes and braces.
//!
//! A message that is JSON is read like any top-level object. Any other message extends to the next
//! line that begins with a timestamp; it is reported and not a record.

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
                        (self.state, self.at) = (State::Message, start);
                        Some(Step::Message { offset: start })
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
        (self.state, self.at) = (State::OtherLine, start);
        Some(Step::Message { offset: start })
    }

    /// Skips the rest of a line.
    pub(super) fn skip_line(&mut self, window: Window<'_>) -> Option<Step> {
        match memchr(b'\n', window.from(self.at)) {
            Some(n) => self.enter(State::Between, self.at + n as u64 + 1),
            None if window.last => self.enter(State::Between, window.end()),
            None => {
                self.at = window.end();
                self.need_more(State::OtherLine, self.at)
            }
        }
    }

    /// Skips the rest of a message, up to the next line that begins with a timestamp.
    pub(super) fn skip_message(&mut self, window: Window<'_>) -> Option<Step> {
        loop {
            let rest = window.from(self.at);
            let Some(n) = memchr(b'\n', rest) else {
                self.at = window.end();
                return match window.last {
                    true => self.enter(State::Between, self.at),
                    false => self.need_more(State::Message, self.at),
                };
            };
            match parse_timestamp(&rest[n + 1..]) {
                Timestamp::Complete(_) => {
                    return self.enter(State::Between, self.at + n as u64 + 1);
                }
                Timestamp::Incomplete if !window.last => {
                    self.at += n as u64;
                    return self.need_more(State::Message, self.at);
                }
                _ => self.at += n as u64 + 1,
            }
        }
    }
}
