//! What an archive comes to once the records that cannot matter are left out: its *extract*, kept so that the archive need not be fetched
//! or copied whole to be read a second time, or on a later day.
//!
//! Extracts lie one behind the other in [segments](Segment), in the order of their archives' URIs. What an extract says is the
//! engine's business; here it is bytes. Deliberately absent: which archives are kept, and when.

mod blocks;
mod bucket;
mod folder;
mod segment;
mod state;

pub use blocks::Blocks;
pub use segment::{Entry, Merged, Segment, SegmentError, Settings, Writer};
pub use state::{FOLDER, Shelf, State, StateError};
