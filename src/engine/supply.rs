//! Content on its way to the window: decoded when it is asked for, or ahead of that on a thread of its own.
//!
//! A large archive is decoded in a stream, which takes longer than all that follows. With a second thread both happen at once; for
//! an ordinary archive, which is decoded whole, other archives keep the other threads busy.

use std::io::Read;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

use serde::{Deserialize, Serialize};

use crate::format::decode::{DecodeError, Decoder, Encoding};

/// Bytes decoded at a time.
const CHUNK: usize = 256 << 10;
/// Chunks that may wait to be taken.
const AHEAD: usize = 4;

/// How far decoding had come when a stretch was ready: what a decoder has done since then must not show.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Reached {
    /// Stored bytes read.
    pub(super) compressed_bytes: u64,
    /// Bytes of content.
    pub(super) content_bytes: u64,
    /// gzip members met.
    pub(super) members: u64,
}

impl Reached {
    pub(super) fn of<R: Read>(content: &Decoder<R>) -> Self {
        Self {
            compressed_bytes: content.compressed_bytes(),
            content_bytes: content.content_bytes(),
            members: content.gzip_members(),
        }
    }
}

type Chunk = (Result<Vec<u8>, DecodeError>, Reached);

/// The content of one input.
pub(super) struct Supply<R: Read> {
    from: Source<R>,
    format: Encoding,
}

enum Source<R: Read> {
    Here(Decoder<R>),
    Ahead {
        chunks: Receiver<Chunk>,
        /// Chunks go back to be filled again.
        spare: Sender<Vec<u8>>,
        decoder: JoinHandle<Decoder<R>>,
        chunk: Vec<u8>,
        taken: usize,
        reached: Reached,
    },
}

impl<R: Read + Send + 'static> Supply<R> {
    /// From now on decodes ahead, unless all has been decoded at once.
    pub(super) fn go_ahead(self) -> Self {
        let Source::Here(content) = self.from else { return self };
        if content.is_whole() {
            return Self { from: Source::Here(content), ..self };
        }
        let reached = Reached::of(&content);
        let (give, chunks) = sync_channel(AHEAD);
        let (spare, empty) = channel();
        let decoder = std::thread::spawn(move || decode(content, &give, &empty));
        Self { from: Source::Ahead { chunks, spare, decoder, chunk: Vec::new(), taken: 0, reached }, ..self }
    }
}

impl<R: Read> Supply<R> {
    /// Content that is decoded when asked for.
    pub(super) fn new(content: Decoder<R>) -> Self {
        let format = content.encoding();
        Self { from: Source::Here(content), format }
    }

    /// All of the content, if it was decoded at once.
    pub(super) fn take_whole(&mut self) -> Option<Vec<u8>> {
        match &mut self.from {
            Source::Here(content) => content.take_whole(),
            Source::Ahead { .. } => None,
        }
    }

    /// How the input is stored.
    pub(super) fn format(&self) -> Encoding {
        self.format
    }

    /// How far it has come with what has been given out.
    pub(super) fn reached(&self) -> Reached {
        match &self.from {
            Source::Here(content) => Reached::of(content),
            Source::Ahead { reached, .. } => *reached,
        }
    }

    /// Fills part of `buffer`; 0 at the end.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, DecodeError> {
        match &mut self.from {
            Source::Here(content) => content.read(buffer),
            Source::Ahead { chunks, spare, chunk, taken, reached, .. } => {
                if *taken == chunk.len() {
                    // A decoder that has stopped has nothing more to give.
                    let Ok((next, so_far)) = chunks.recv() else { return Ok(0) };
                    *reached = so_far;
                    *taken = 0;
                    // The decoder may be done already, and want none back.
                    let _ = spare.send(std::mem::take(chunk));
                    *chunk = next?;
                }
                let n = buffer.len().min(chunk.len() - *taken);
                buffer[..n].copy_from_slice(&chunk[*taken..*taken + n]);
                *taken += n;
                Ok(n)
            }
        }
    }

    /// The decoder, done with.
    pub(super) fn into_content(self) -> Decoder<R> {
        match self.from {
            Source::Here(content) => content,
            Source::Ahead { chunks, decoder, .. } => {
                drop(chunks); // nobody wants the rest
                decoder.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            }
        }
    }
}

fn decode<R: Read>(
    mut content: Decoder<R>,
    give: &SyncSender<Chunk>,
    empty: &Receiver<Vec<u8>>,
) -> Decoder<R> {
    loop {
        let mut bytes = empty.try_recv().unwrap_or_default();
        bytes.resize(CHUNK, 0);
        let read = content.read(&mut bytes);
        let last = !matches!(read, Ok(1..));
        let chunk = read.map(|n| {
            bytes.truncate(n);
            bytes
        });
        if give.send((chunk, Reached::of(&content))).is_err() || last {
            return content;
        }
    }
}
