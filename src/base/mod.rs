//! The ground floor: the clock, locks, hashes, temporary files and folders, a task queue, and how
//! memory is shared out.
//!
//! Nothing here knows about CloudTrail or KMS. This room imports only `std` and crates, so every
//! other room may use it.

mod catch_panic;
mod clock;
mod files;
mod hash;
mod locks;
mod memory;
mod spill;
mod tasks;
mod temporary;

pub use catch_panic::catch_panic;
pub use clock::{now_micros, now_millis, unix_micros};
pub use files::{SMALL_FILE, lock_file, open_regular, read_small};
pub use hash::{keyed_hash, stable_hash, stable_hasher, table_hash};
pub use locks::{into_inner, lock, wait_timeout};
pub use memory::MemoryBudget;
pub use spill::SpillFile;
pub use tasks::{Task, TaskQueue};
pub use temporary::{TemporaryFolder, remove_temporary_folders};
