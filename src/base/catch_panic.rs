//! Turns panics of readers from other crates into errors. Such a reader trusts what a file says
//! about itself, so a damaged file can make it panic instead of returning an error.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    /// Whether [`catch_panic`] is active on this thread.
    static CATCHING: Cell<bool> = const { Cell::new(false) };
}

/// Runs `read` and returns the message of a panic as an error.
///
/// The caller must drop the reader after an error, since a panic may leave it in any state. The
/// panic message is not printed.
///
/// # Errors
/// When `read` panics.
pub fn catch_panic<T>(read: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let default_hook = take_hook();
        set_hook(Box::new(move |panic| {
            if !CATCHING.get() {
                default_hook(panic);
            }
        }));
    });
    let outer = CATCHING.replace(true);
    let result = catch_unwind(AssertUnwindSafe(read));
    CATCHING.set(outer);
    result.map_err(|panic| {
        let message = panic.downcast_ref::<String>().map(String::as_str);
        message.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("damaged").to_owned()
    })
}
