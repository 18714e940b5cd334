//! Facts between scan and resolve: in memory as long as they are few, then compressed in a temporary file.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use zstd::bulk::{Compressor, decompress};

use crate::facts::Batch;

/// Bytes of batches in memory; those that come later go to the file.
const IN_MEMORY: usize = 64 << 20;
/// It is on the way of every input: compression only has to keep the disk from filling.
const LEVEL: i32 = -5;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic of another thread ends the run by itself.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The batches of a run. Memory beside the batches: 64 bytes for each.
#[derive(Default)]
pub(super) struct Store {
    held: Mutex<Vec<Held>>,
    bytes: AtomicUsize,
    file: Arc<Mutex<Option<Spill>>>,
}

struct Spill {
    file: File,
    end: u64,
}

/// A batch, and its place among all: the number of the work it came from, and its number there.
pub(super) struct Held {
    order: (u64, usize),
    place: Place,
}

enum Place {
    Memory(Box<Batch>),
    File { file: Arc<Mutex<Option<Spill>>>, start: u64, len: usize, raw: usize },
}

impl Store {
    /// Takes the next batch of a piece of work.
    pub(super) fn put(&self, order: (u64, usize), batch: Batch) -> io::Result<()> {
        let bytes = batch.bytes();
        let place = if self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes <= IN_MEMORY {
            Place::Memory(Box::new(batch))
        } else {
            self.bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.spill(&batch)?
        };
        lock(&self.held).push(Held { order, place });
        Ok(())
    }

    fn spill(&self, batch: &Batch) -> io::Result<Place> {
        thread_local! {
            static COMPRESSOR: std::cell::RefCell<Option<Compressor<'static>>> = const { std::cell::RefCell::new(None) };
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
        Ok(Place::File { file: self.file.clone(), start, len: packed.len(), raw: raw.len() })
    }

    /// All batches, in order.
    pub(super) fn into_ordered(self) -> Vec<Held> {
        let mut held = self.held.into_inner().unwrap_or_else(PoisonError::into_inner);
        held.sort_unstable_by_key(|held| held.order);
        held
    }
}

impl Held {
    /// The batch.
    pub(super) fn read(self) -> io::Result<Batch> {
        match self.place {
            Place::Memory(batch) => Ok(*batch),
            Place::File { file, start, len, raw } => {
                let mut packed = vec![0; len];
                {
                    let mut spill = lock(&file);
                    let spill = spill.as_mut().ok_or(io::ErrorKind::NotFound)?;
                    spill.file.seek(SeekFrom::Start(start))?;
                    spill.file.read_exact(&mut packed)?;
                }
                Ok(Batch::decode(&decompress(&packed, raw)?)?)
            }
        }
    }
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
        let store = Store::default();
        store.put((2, 0), batch(2)).unwrap();
        store.bytes.store(IN_MEMORY, Ordering::Relaxed); // from here on, memory is full
        store.put((3, 0), batch(3)).unwrap();
        store.put((1, 1), batch(1)).unwrap();
        store.put((1, 0), batch(0)).unwrap();
        let held = store.into_ordered();
        let spilled = held.iter().filter(|held| matches!(held.place, Place::File { .. })).count();
        assert_eq!(spilled, 3);
        for (expected, held) in (0..).zip(held) {
            let read = held.read().unwrap();
            assert_eq!(read.events.offset(0), expected);
            assert_eq!(read.events.event(0), KmsEvent::example());
        }
    }
}
