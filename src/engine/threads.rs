//! Starts the threads of a run.

use super::error::RunError;

/// So many threads; 0: one per core.
pub(super) fn start_threads(threads: usize) -> Result<rayon::ThreadPool, RunError> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|n| format!("worker-{n}"))
        .build()
        .map_err(|error| RunError::Threads(error.into()))
}
