//! Facts between scan and resolve: the first batches in memory, the others compressed in a spill
//! file.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use zstd::bulk::{Compressor, decompress};

use crate::base::{into_inner, lock};
use crate::facts::Batch;

/// zstd's level. Every input passes here: compression only has to keep the disk from filling.
const LEVEL: i32 = -5;

/// The batches of a run. Memory beside the batches: 64 bytes for each.
pub(super) struct BatchStore {
    /// Bytes of batches in memory; later ones go to the spill file.
    in_memory: usize,
    stored: Mutex<Vec<StoredBatch>>,
    bytes: AtomicUsize,
    file: Arc<Mutex<Option<Spill>>>,
}

struct Spill {
    file: File,
    end: u64,
}

/// A batch and its order: the number of its piece of work, and its number there.
pub(super) struct StoredBatch {
    order: (u64, usize),
    location: Location,
}

enum Location {
    Memory(Box<Batch>),
    File { file: Arc<Mutex<Option<Spill>>>, start: u64, len: usize, raw: usize },
}

impl BatchStore {
    /// An empty store with so many bytes of batches in memory.
    pub(super) fn new(in_memory: usize) -> Self {
        Self { in_memory, stored: Mutex::default(), bytes: AtomicUsize::new(0), file: Arc::default() }
    }

    /// Takes the next batch of a piece of work.
    pub(super) fn put(&self, order: (u64, usize), batch: Batch) -> io::Result<()> {
        let bytes = batch.bytes();
        let location = if self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes <= self.in_memory {
            Location::Memory(Box::new(batch))
        } else {
            self.bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.spill(&batch)?
        };
        lock(&self.stored).push(StoredBatch { order, location });
        Ok(())
    }

    fn spill(&self, batch: &Batch) -> io::Result<Location> {
        thread_local! {
            static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
        }
        let raw = batch.encode()?;
        let packed = COMPRESSOR.with_borrow_mut(|compressor| {
            let compressor = match compressor {
                Some(compressor) => compressor,
                none => none.insert(Compressor::new(LEVEL)?),
            };
            compressor.compress(&raw)
        })?;
        let mut spill = lock(&self.file);
        let spill = match &mut *spill {
            Some(spill) => spill,
            none => none.insert(Spill { file: tempfile::tempfile()?, end: 0 }),
        };
        let start = spill.end;
        spill.file.seek(SeekFrom::Start(start))?;
        spill.file.write_all(&packed)?;
        spill.end += packed.len() as u64;
        Ok(Location::File { file: self.file.clone(), start, len: packed.len(), raw: raw.len() })
    }

    /// All batches, in order.
    pub(super) fn into_ordered(self) -> Vec<StoredBatch> {
        let mut stored = into_inner(self.stored);
        stored.sort_unstable_by_key(|stored| stored.order);
        stored
    }
}

impl StoredBatch {
    /// The batch.
    pub(super) fn read(self) -> io::Result<Batch> {
        match self.location {
            Location::Memory(batch) => Ok(*batch),
            Location::File { file, start, len, raw } => read_spilled(&file, start, len, raw),
        }
    }

    /// The same; it stays where it is.
    pub(super) fn copy(&self) -> io::Result<Batch> {
        match &self.location {
            Location::Memory(batch) => Ok((**batch).clone()),
            Location::File { file, start, len, raw } => read_spilled(file, *start, *len, *raw),
        }
    }
}

fn read_spilled(file: &Mutex<Option<Spill>>, start: u64, len: usize, raw: usize) -> io::Result<Batch> {
    let mut packed = vec![0; len];
    {
        let mut spill = lock(file);
        let spill = spill.as_mut().ok_or(io::ErrorKind::NotFound)?;
        spill.file.seek(SeekFrom::Start(start))?;
        spill.file.read_exact(&mut packed)?;
    }
    Ok(Batch::decode(&decompress(&packed, raw)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::BatchBuilder;
    use crate::model::KmsEvent;

    fn batch(offset: u64) -> Batch {
        let mut builder = BatchBuilder::default();
        builder.begin(&"logs/a.json".into());
        builder.event(&KmsEvent::example(), offset);
        builder.finish()
    }

    #[test]
    fn batches_come_back_in_order_from_memory_and_from_the_file() {
        let store = BatchStore::new(64 << 20);
        store.put((2, 0), batch(2)).unwrap();
        store.bytes.store(64 << 20, Ordering::Relaxed); // from here on, memory is full
        store.put((3, 0), batch(3)).unwrap();
        store.put((1, 1), batch(1)).unwrap();
        store.put((1, 0), batch(0)).unwrap();
        let stored = store.into_ordered();
        let spilled = stored.iter().filter(|stored| matches!(stored.location, Location::File { .. })).count();
        assert_eq!(spilled, 3);
        for (expected, stored) in (0..).zip(stored) {
            let read = stored.read().unwrap();
            assert_eq!(read.events.offset(0), expected);
            assert_eq!(read.events.event(0), KmsEvent::example());
        }
    }
}
