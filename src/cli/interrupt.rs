//! Ctrl-C and termination: the run is asked to stop, and when it cannot (a read that never returns), the process ends all the same, with nothing
//! half-written left behind.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::Status;
use super::ending::Ending;
use keytrail::base::lock;
use keytrail::report::UnfinishedReport;

/// How long a run may take to stop by itself.
const GRACE: Duration = Duration::from_millis(700);

/// Listens for the signals.
#[derive(Clone, Default)]
pub(super) struct Interrupt {
    flag: Arc<AtomicBool>,
    unfinished: Arc<Mutex<Option<UnfinishedReport>>>,
}

impl Interrupt {
    /// Listens from now on. Without a handler the signal ends the process at once: only tidiness is lost.
    pub(super) fn listen(ending: &Ending) -> Self {
        let interrupt = Self::default();
        let (listener, ending) = (interrupt.clone(), ending.clone());
        let _ = ctrlc::set_handler(move || listener.stop(&ending));
        interrupt
    }

    /// What the engine looks at.
    pub(super) fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.flag)
    }

    /// What to remove if the process has to end before the run can do so itself.
    pub(super) fn remove_if_killed(&self, unfinished: Option<UnfinishedReport>) {
        *lock(&self.unfinished) = unfinished;
    }

    fn stop(&self, ending: &Ending) {
        self.flag.store(true, Ordering::Relaxed);
        thread::sleep(GRACE);
        if let Some(unfinished) = &*lock(&self.unfinished) {
            unfinished.remove();
        }
        ending.stopped();
        std::process::exit(Status::Interrupted.code().into());
    }
}
