//! Ctrl-C and termination: the run is asked to stop, and when it cannot (a read that never returns), the process ends all the same, with nothing
//! half-written left behind.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use keytrail::report::Unfinished;

pub(super) const TEXT: &str = "stopped; no report was written";

/// How long a run may take to stop by itself.
const GRACE: Duration = Duration::from_millis(700);

/// Listens for the signals.
#[derive(Clone, Default)]
pub(super) struct Interrupt {
    flag: Arc<AtomicBool>,
    unfinished: Arc<Mutex<Option<Unfinished>>>,
}

impl Interrupt {
    /// Listens from now on. Without a handler the signal ends the process at once: only tidiness is lost.
    pub(super) fn listen() -> Self {
        let interrupt = Self::default();
        let listener = interrupt.clone();
        let _ = ctrlc::set_handler(move || listener.stop());
        interrupt
    }

    /// What the pipeline looks at.
    pub(super) fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.flag)
    }

    /// What to remove if the process has to end before the run can do so itself.
    pub(super) fn remove_if_killed(&self, unfinished: Option<Unfinished>) {
        *self.unfinished.lock().unwrap_or_else(PoisonError::into_inner) = unfinished;
    }

    fn stop(&self) {
        self.flag.store(true, Ordering::Relaxed);
        thread::sleep(GRACE);
        if let Some(unfinished) = &*self.unfinished.lock().unwrap_or_else(PoisonError::into_inner) {
            unfinished.remove();
        }
        let _ = writeln!(io::stderr(), "keytrail: {TEXT}"); // nobody to tell if this fails
        std::process::exit(130);
    }
}
