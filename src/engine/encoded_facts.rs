//! Facts that other processes scanned.
//!
//! A scan is pure: the same bytes give the same facts, wherever and however often it runs. So an
//! engine such as Apache Spark can scan parts of the inputs on many machines, and hand all facts to
//! one run.

use std::sync::Mutex;

use crate::base::lock;

/// Facts that were scanned elsewhere: Arrow IPC streams of one batch each
/// ([`Batch::encode`](crate::facts::Batch::encode)), in the order of the inputs. They can be
/// taken once.
pub struct EncodedFacts(Mutex<(u64, Streams)>);

type Streams = Box<dyn Iterator<Item = Vec<u8>> + Send>;

impl EncodedFacts {
    /// The facts that an iterator gives.
    pub fn new(streams: impl Iterator<Item = Vec<u8>> + Send + 'static) -> Self {
        Self(Mutex::new((0, Box::new(streams))))
    }

    /// The next stream, with its number.
    pub(super) fn next(&self) -> Option<(u64, Vec<u8>)> {
        let mut guard = lock(&self.0);
        let (number, streams) = &mut *guard;
        *number += 1;
        Some((*number, streams.next()?))
    }
}

impl std::fmt::Debug for EncodedFacts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EncodedFacts")
    }
}
