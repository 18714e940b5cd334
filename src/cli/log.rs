//! Messages on standard error, printed above the progress bar if there is one.

use std::io::{self, Write};

use chrono::{DateTime, SecondsFormat};
use indicatif::ProgressBar;
use keytrail::base::now_micros;
use keytrail::report::printable;
use serde_json::Value;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::options::CommonOptions;
use super::progress::BarAwareWriter;
use super::terminal::say;
use super::values::LogFormat;

/// Starts printing messages above `bar`.
pub(super) fn start(common: &CommonOptions, bar: &ProgressBar) {
    let level = match (common.quiet, common.verbose) {
        (true, _) => LevelFilter::ERROR,
        (false, 0) => LevelFilter::WARN,
        (false, 1) => LevelFilter::INFO,
        (false, _) => LevelFilter::DEBUG,
    };
    let bar = bar.clone();
    let builder = fmt()
        .with_max_level(level)
        .with_writer(move || SanitizingWriter(BarAwareWriter::new(&bar, io::stderr())))
        .with_ansi(false);
    // Libraries log single requests and attempts. Users get the errors that result from them.
    let own_messages = Targets::new().with_target("keytrail", level);
    match common.log_format {
        LogFormat::Text => {
            builder.without_time().with_target(false).finish().with(own_messages).init();
        }
        LogFormat::Json => {
            let builder = builder.json().flatten_event(true);
            let builder = builder.with_current_span(false).with_target(false);
            builder.finish().with(own_messages).init();
        }
    }
}

/// Replaces control characters in each message. Messages contain file names, which anybody may have
/// chosen: they must not send escapes to the terminal or look like messages of their own.
///
/// Each call of `write` is one message.
struct SanitizingWriter(BarAwareWriter<io::Stderr>);

impl Write for SanitizingWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let line = printable(text.strip_suffix('\n').unwrap_or(&text));
        self.0.write_all(format!("{line}\n").as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The time now, to the microsecond.
fn timestamp() -> String {
    let now = DateTime::from_timestamp_micros(now_micros()).unwrap_or_default();
    now.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// Prints a JSON message directly. Unlike a tracing event it ignores `--quiet` and may hold nested
/// objects.
pub(super) fn line(level: &str, message: &str, mut fields: Value) {
    fields["timestamp"] = timestamp().into();
    fields["level"] = level.into();
    fields["message"] = message.into();
    say(&printable(&fields.to_string()));
}
