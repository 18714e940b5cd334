//! Locks that ignore poisoning.
//!
//! A lock is poisoned when a thread panics while it holds the lock. In this program a panic in one
//! thread ends the whole run, so the data behind a poisoned lock is never used for a result.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Locks `mutex`, poisoned or not.
pub fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The value in `mutex`, poisoned or not.
pub fn into_inner<T>(mutex: Mutex<T>) -> T {
    mutex.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until `condvar` is notified, or for `limit`. As with every condition variable, it may also
/// return early: check the condition again.
pub fn wait_timeout<'g, T>(
    condvar: &Condvar,
    guard: MutexGuard<'g, T>,
    limit: Duration,
) -> MutexGuard<'g, T> {
    condvar.wait_timeout(guard, limit).unwrap_or_else(PoisonError::into_inner).0
}
