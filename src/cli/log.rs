//! Messages on standard error, beside a progress bar if there is one.

use std::io::{self, Write};

use chrono::{SecondsFormat, Utc};
use indicatif::ProgressBar;
use keytrail::report::printable;
use serde_json::Value;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::args::{Common, LogFormat};
use super::progress::AboveBar;

/// Starts taking messages; they appear above `bar`.
pub(super) fn start(common: &Common, bar: &ProgressBar) {
    let level = match (common.quiet, common.verbose) {
        (true, _) => LevelFilter::ERROR,
        (false, 0) => LevelFilter::WARN,
        (false, 1) => LevelFilter::INFO,
        (false, _) => LevelFilter::DEBUG,
    };
    let bar = bar.clone();
    let builder = fmt()
        .with_max_level(level)
        .with_writer(move || Messages(AboveBar::new(&bar, io::stderr())))
        .with_ansi(false);
    // What libraries have to say of single requests, and of what they try in vain, is not for users: errors say what counts.
    let ours = Targets::new().with_target("keytrail", level);
    match common.log_format {
        LogFormat::Text => builder.without_time().with_target(false).finish().with(ours).init(),
        LogFormat::Json => {
            let builder = builder.json().flatten_event(true).with_current_span(false).with_target(false);
            builder.finish().with(ours).init();
        }
    }
}

/// One message a write. File names come from strangers: they must neither steer the terminal nor look like messages of their own.
struct Messages(AboveBar<io::Stderr>);

impl Write for Messages {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let line = printable(text.strip_suffix('\n').unwrap_or(&text));
        writeln!(self.0, "{line}")?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// A message that is no tracing event, as JSON: it comes whatever `--quiet` says, and has members inside members.
pub(super) fn line(level: &str, message: &str, mut facts: Value) {
    facts["timestamp"] = Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true).into();
    facts["level"] = level.into();
    facts["message"] = message.into();
    let _ = writeln!(io::stderr(), "{}", printable(&facts.to_string())); // nobody to tell if this fails
}
