//! The progress bar: archives, bytes and events while a run goes on. Silent unless standard error is a terminal.

use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::args::{Common, LogFormat};
use keytrail::engine::{Plan, Progress};
use keytrail::source::{Input, ListedInput};

const TICK: Duration = Duration::from_millis(120);

/// The bar for a run with these options; it draws nothing where nobody looks.
pub(super) fn bar(common: &Common) -> ProgressBar {
    let shown = io::stderr().is_terminal()
        && !common.quiet
        && !common.no_progress
        && common.log_format == LogFormat::Text;
    let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    ProgressBar::with_draw_target(None, target)
}

/// Writes to a terminal that the bar may be on, too.
pub(super) struct AboveBar<W> {
    bar: ProgressBar,
    out: W,
}

impl<W: Write> AboveBar<W> {
    pub(super) fn new(bar: &ProgressBar, out: W) -> Self {
        Self { bar: bar.clone(), out }
    }
}

impl<W: Write> Write for AboveBar<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bar.suspend(|| self.out.write_all(bytes).and_then(|()| self.out.flush()))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Runs `work`, which reads all inputs so many times, while the bar shows how far it has come.
pub(super) fn while_shown<T>(
    bar: &ProgressBar,
    plan: &Plan,
    passes: u64,
    work: impl FnOnce(&Progress) -> T,
) -> T {
    let progress = Progress::default();
    if bar.is_hidden() {
        return work(&progress);
    }
    bar.set_style(style("{spinner} {bytes} read · {msg}"));
    thread::scope(|scope| {
        let (done, over) = mpsc::channel::<()>();
        let progress = &progress;
        scope.spawn(move || {
            // Listing twice costs little beside reading, and tells how much there is.
            let total = measure(plan, &over);
            if let Some(total) = total {
                bar.set_length(total * passes);
                bar.set_style(style(
                    "{spinner} {bar:30} {bytes} of {total_bytes} · {bytes_per_sec} · {msg} · {eta} left",
                ));
            }
            while matches!(over.recv_timeout(TICK), Err(RecvTimeoutError::Timeout)) {
                bar.set_position(progress.compressed_bytes());
                bar.set_message(if progress.is_scanning() {
                    "scanning".to_owned()
                } else {
                    format!("{} archives · {} events", progress.archives(), progress.selected())
                });
                bar.tick();
            }
            bar.finish_and_clear();
        });
        let result = work(progress);
        drop(done);
        result
    })
}

fn style(template: &str) -> ProgressStyle {
    // The templates above are constant; a default bar is better than none.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Stored bytes of all archives; `None` when that cannot be known, or the run ends first. Lists of S3 cost money, and are not asked for twice.
fn measure(plan: &Plan, over: &mpsc::Receiver<()>) -> Option<u64> {
    if plan.inputs.iter().any(|input| matches!(input, Input::Stdin | Input::S3(_))) {
        return None;
    }
    let mut total = 0;
    for (n, listed) in plan.listing().enumerate() {
        if n % 256 == 0 && !matches!(over.try_recv(), Err(mpsc::TryRecvError::Empty)) {
            return None;
        }
        if let ListedInput::Archive(archive) = listed {
            total += archive.size?;
        }
    }
    Some(total)
}
