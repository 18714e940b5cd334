//! Messages on standard error, beside a progress bar if there is one.

use std::io::{self, Write};

use indicatif::ProgressBar;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt;

use super::args::{Common, LogFormat};
use super::paint;

/// Starts taking messages; they appear above `bar`.
pub(super) fn start(common: &Common, bar: &ProgressBar) {
    let level = match (common.quiet, common.verbose) {
        (true, _) => LevelFilter::ERROR,
        (false, 0) => LevelFilter::WARN,
        (false, 1) => LevelFilter::INFO,
        (false, _) => LevelFilter::DEBUG,
    };
    let bar = bar.clone();
    let ansi = paint(common, io::IsTerminal::is_terminal(&io::stderr()));
    let builder = fmt().with_max_level(level).with_writer(move || AboveBar(bar.clone())).with_ansi(ansi);
    match common.log_format {
        LogFormat::Text => builder.without_time().with_target(false).init(),
        LogFormat::Json => {
            builder.json().flatten_event(true).with_current_span(false).with_target(false).init()
        }
    }
}

struct AboveBar(ProgressBar);

impl Write for AboveBar {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| io::stderr().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
