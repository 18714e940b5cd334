//! Fetches objects before they are opened, so that decoding does not wait for the network.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::archive::{Archive, ListedInput, Location};
use super::fetch::FetchPool;

/// How many items of the listing are read ahead.
const ITEMS_AHEAD: usize = 256;

/// An item that may be, or contain, an archive to read.
pub trait Prefetchable {
    /// The archive that will be read; `None` if there is none to fetch.
    fn archive_mut(&mut self) -> Option<&mut Archive>;
}

impl Prefetchable for ListedInput {
    fn archive_mut(&mut self) -> Option<&mut Archive> {
        match self {
            Self::Archive(archive) => Some(archive),
            Self::Skipped { .. } | Self::Unreadable { .. } => None,
        }
    }
}

/// Returns the items of a listing in their order, and fetches their objects ahead.
///
/// Small objects are fetched as a whole, large ones in ranges once they are opened; see the
/// constants in `fetch` and `object` for the limits.
pub struct Prefetcher<I: Iterator> {
    items: I,
    /// Items read ahead.
    queue: VecDeque<I::Item>,
    pool: Arc<FetchPool>,
    has_ended: bool,
}

impl<I: Iterator<Item: Prefetchable>> Prefetcher<I> {
    /// Every archive of `items` is fetched, so leave out those that will not be read. At most
    /// `held_bytes` of objects are being fetched or wait to be read; a single larger object is
    /// fetched all the same.
    pub fn new(items: I, held_bytes: u64, cancel: Arc<AtomicBool>) -> Self {
        let pool = Arc::new(FetchPool::new(held_bytes, cancel));
        Self { items, queue: VecDeque::new(), pool, has_ended: false }
    }

    fn read_ahead(&mut self) {
        let Some(mut item) = self.items.next() else {
            self.has_ended = true;
            return;
        };
        if let Some(Archive { version, location: Location::S3(object), .. }) = item.archive_mut() {
            object.prefetch(version.etag.as_deref(), &self.pool);
        }
        self.queue.push_back(item);
    }
}

impl<I: Iterator<Item: Prefetchable>> Iterator for Prefetcher<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        while !self.has_ended
            && self.queue.len() < ITEMS_AHEAD
            && (self.queue.is_empty() || self.pool.has_room())
        {
            self.read_ahead();
        }
        self.pool.start_queued();
        self.queue.pop_front()
    }
}
