//! The progress bar: archives, bytes and events during a run. It is shown only if standard error is
//! a terminal.

use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::options::CommonOptions;
use super::values::LogFormat;
use keytrail::engine::{Plan, Progress};
use keytrail::model::counted;
use keytrail::source::{Input, ListedInput};

const TICK: Duration = Duration::from_millis(120);

/// The bar for a run with these options. It is hidden where nobody would see it.
pub(super) fn bar(common: &CommonOptions) -> ProgressBar {
    let shown = io::stderr().is_terminal()
        && !common.quiet
        && !common.no_progress
        && common.log_format == LogFormat::Text;
    let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    ProgressBar::with_draw_target(None, target)
}

/// Hides the bar while it writes to the same terminal.
pub(super) struct BarAwareWriter<W> {
    bar: ProgressBar,
    out: W,
}

impl<W: Write> BarAwareWriter<W> {
    pub(super) fn new(bar: &ProgressBar, out: W) -> Self {
        Self { bar: bar.clone(), out }
    }
}

impl<W: Write> Write for BarAwareWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bar.suspend(|| self.out.write_all(bytes).and_then(|()| self.out.flush()))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Runs `work` while the bar shows its progress.
pub(super) fn with_bar<T>(bar: &ProgressBar, plan: &Plan, work: impl FnOnce(&Progress) -> T) -> T {
    let progress = Progress::default();
    if bar.is_hidden() {
        return work(&progress);
    }
    bar.set_style(style("{spinner} {bytes} read · {msg}"));
    thread::scope(|scope| {
        let (end, ended) = mpsc::channel::<()>();
        let progress = &progress;
        scope.spawn(move || {
            // Listing twice is cheap compared to reading, and gives the total.
            if let Some(total) = total_bytes(plan, &ended) {
                bar.set_length(total);
                bar.set_style(style(
                    "{spinner} {bar:30} {bytes} of {total_bytes} · {bytes_per_sec} · {msg} · {eta} left",
                ));
            }
            while matches!(ended.recv_timeout(TICK), Err(RecvTimeoutError::Timeout)) {
                bar.set_position(progress.compressed_bytes());
                bar.set_message(message(progress));
                bar.tick();
            }
            bar.finish_and_clear();
        });
        let result = work(progress);
        drop(end);
        result
    })
}

fn message(progress: &Progress) -> String {
    if progress.is_scanning() {
        "scanning".to_owned()
    } else {
        format!("{} · {}", counted(progress.archives(), "archive"), counted(progress.selected(), "event"))
    }
}

fn style(template: &str) -> ProgressStyle {
    // The templates above are constants; if one is wrong, a default bar is better than none.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Compressed bytes of all archives. `None` if that is unknown, or if the run ends first. S3 is not
/// asked: listings cost money.
fn total_bytes(plan: &Plan, ended: &mpsc::Receiver<()>) -> Option<u64> {
    if plan.inputs.iter().any(|input| matches!(input, Input::Stdin | Input::S3(_))) {
        return None;
    }
    let mut total = 0;
    for (n, listed) in plan.listing().enumerate() {
        if n % 256 == 0 && !matches!(ended.try_recv(), Err(mpsc::TryRecvError::Empty)) {
            return None;
        }
        if let ListedInput::Archive(archive) = listed {
            total += archive.size?;
        }
    }
    Some(total)
}
