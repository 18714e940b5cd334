//! Ctrl-C and termination signals.
//!
//! The run is asked to stop. If it cannot (a read that never returns), the process ends after a
//! short time anyway, and the unfinished report is removed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::exit::ExitStatus;
use super::reporter::ExitReporter;
use keytrail::base::{lock, remove_temporary_folders};
use keytrail::checkpoint::Journal;
use keytrail::report::UnfinishedReport;

/// How long a run may take to stop by itself.
const GRACE_PERIOD: Duration = Duration::from_millis(700);

/// The state that the signal handler shares with the run.
#[derive(Clone, Default)]
pub(super) struct Interrupt {
    cancel: Arc<AtomicBool>,
    unfinished: Arc<Mutex<Option<UnfinishedReport>>>,
    journal: Arc<Mutex<Option<Journal>>>,
}

impl Interrupt {
    /// Installs the signal handler. If that fails, a signal ends the process at once, and an
    /// unfinished report may stay on disk.
    pub(super) fn listen(reporter: &ExitReporter) -> Self {
        let interrupt = Self::default();
        let (listener, reporter) = (interrupt.clone(), reporter.clone());
        let _ = ctrlc::set_handler(move || listener.stop(&reporter));
        interrupt
    }

    /// The flag that asks a run to stop.
    pub(super) fn cancel_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.cancel)
    }

    /// Sets what to remove if the process must end before the run can remove it.
    pub(super) fn remove_if_killed(&self, unfinished: Option<UnfinishedReport>) {
        *lock(&self.unfinished) = unfinished;
    }

    /// Sets the journal in which a signal must blame no archive.
    pub(super) fn close_if_killed(&self, journal: Journal) {
        *lock(&self.journal) = Some(journal);
    }

    /// Asks the run to stop. Its journal blames no archive from now on.
    pub(super) fn ask_to_stop(&self) {
        self.cancel.store(true, Ordering::Relaxed);
        if let Some(journal) = &*lock(&self.journal) {
            journal.close();
        }
    }

    /// Removes the report of a run that does not stop.
    pub(super) fn remove_unfinished(&self) {
        if let Some(unfinished) = &*lock(&self.unfinished) {
            unfinished.remove();
        }
    }

    fn stop(&self, reporter: &ExitReporter) {
        self.ask_to_stop();
        thread::sleep(GRACE_PERIOD);
        self.remove_unfinished();
        remove_temporary_folders();
        reporter.interrupted();
        std::process::exit(ExitStatus::Interrupted.code().into());
    }
}
