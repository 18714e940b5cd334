//! An object in S3, read as a whole or in ranges.
//!
//! An object that has been fetched as a whole is read from memory. Any other is fetched in ranges,
//! some ahead of the one being read: at most [`RANGES_AHEAD`] for each object.

use std::collections::VecDeque;
use std::io::{self, Cursor, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, OnceLock};

use super::fetch::{CANCEL_CHECK, Fetch, FetchPool, FetchRequest, cancelled};
use crate::s3::{Bucket, ObjectBytes, S3Error};

/// Objects up to this many bytes are fetched as a whole.
const WHOLE_BYTES: u64 = 16 << 20;
/// The size of a range, in bytes.
const RANGE_BYTES: u64 = 4 << 20;
/// How many ranges of an object are fetched at a time.
const RANGES_AHEAD: usize = 4;

/// An object in S3, and its fetch if one has been started.
#[derive(Debug, Clone)]
pub(super) struct RemoteObject {
    bucket: Bucket,
    key: Arc<str>,
    size: u64,
    cancel: Arc<AtomicBool>,
    fetch: Option<Arc<Fetch>>,
    signature: Signature,
}

impl RemoteObject {
    pub(super) fn new(bucket: Bucket, key: String, size: u64, cancel: Arc<AtomicBool>) -> Self {
        Self { bucket, key: key.into(), size, cancel, fetch: None, signature: Signature::default() }
    }

    /// Queues the fetch of the object if it is small enough to be fetched as a whole.
    pub(super) fn prefetch(&mut self, etag: Option<&str>, pool: &Arc<FetchPool>) {
        if self.size <= WHOLE_BYTES {
            self.fetch = Some(pool.enqueue(FetchRequest {
                bucket: self.bucket.clone(),
                key: self.key.clone(),
                etag: etag.map(Arc::from),
                size: self.size,
            }));
        }
    }

    /// Its bucket and its key.
    pub(super) fn address(&self) -> (&str, &str) {
        (self.bucket.name(), &self.key)
    }

    /// The signature in its metadata.
    pub(super) fn signature(&self) -> Signature {
        self.signature.clone()
    }

    /// Opens the object for reading from its first byte. `etag` is the one it had when it was
    /// listed.
    pub(super) fn open(&self, etag: Option<&str>) -> io::Result<Box<dyn Read + Send>> {
        if let Some(fetch) = &self.fetch
            && let Some(reader) = fetch.wait()?
        {
            self.signature.note(reader.signature.as_deref());
            return Ok(Box::new(reader));
        }
        let mut reader = RangeReader {
            object: Self { fetch: None, ..self.clone() },
            etag: etag.map(Arc::from),
            next_start: 0,
            in_flight: VecDeque::new(),
            current: Cursor::default(),
        };
        reader.start_ranges();
        Ok(Box::new(reader))
    }
}

/// The signature in the metadata of an object, which only the object's bytes come with: known once
/// some of them were read. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Signature(Arc<OnceLock<String>>);

impl Signature {
    fn note(&self, signature: Option<&str>) {
        if let Some(signature) = signature {
            self.0.get_or_init(|| signature.to_owned());
        }
    }

    /// The signature, if it is known.
    pub fn get(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }
}

/// Reads an object range by range.
struct RangeReader {
    object: RemoteObject,
    etag: Option<Arc<str>>,
    /// Where the next range to fetch starts.
    next_start: u64,
    /// Ranges being fetched, in order.
    in_flight: VecDeque<Receiver<Result<ObjectBytes, S3Error>>>,
    current: Cursor<Vec<u8>>,
}

impl RangeReader {
    fn start_ranges(&mut self) {
        while self.in_flight.len() < RANGES_AHEAD && self.next_start < self.object.size {
            let range = self.next_start..(self.next_start + RANGE_BYTES).min(self.object.size);
            self.next_start = range.end;
            let (sender, receiver) = channel();
            let error_sender = sender.clone();
            // If the reader is gone, the bytes are dropped.
            let on_done = move |bytes| drop(sender.send(bytes));
            let key = self.object.key.to_string();
            if let Err(error) = self.object.bucket.start_read(key, self.etag.clone(), range, on_done) {
                let _ = error_sender.send(Err(error)); // `receiver` still exists
            }
            self.in_flight.push_back(receiver);
        }
    }
}

impl Read for RangeReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let n = self.current.read(buffer)?;
            if n > 0 || buffer.is_empty() {
                return Ok(n);
            }
            let Some(first) = self.in_flight.front() else { return Ok(0) };
            let bytes = match first.recv_timeout(CANCEL_CHECK) {
                Ok(bytes) => {
                    let ObjectBytes { bytes, signature } = bytes?;
                    self.object.signature.note(signature.as_deref());
                    bytes
                }
                Err(RecvTimeoutError::Timeout) if self.object.cancel.load(Ordering::Relaxed) => {
                    return Err(cancelled());
                }
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(io::Error::other("the request was given up"));
                }
            };
            self.in_flight.pop_front();
            self.current = Cursor::new(bytes);
            self.start_ranges();
        }
    }
}
