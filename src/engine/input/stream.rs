//! The content of an input as a stream: decoded when it is asked for, or ahead of that on a thread
//! of its own.
//!
//! A large archive is decoded piece by piece, which takes longer than all that follows. With a
//! second thread both happen at once. An ordinary archive is decoded whole: other archives keep the
//! other threads busy.

use std::io::Read;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

use serde::{Deserialize, Serialize};

use crate::format::decode::{DecodeError, Decoder, Encoding};
use crate::source::Archive;

/// Bytes decoded at a time.
const CHUNK: usize = 256 << 10;
/// Decoded chunks that may wait to be read.
const AHEAD: usize = 4;

/// How far a stream has been read. A decoder that runs ahead is further: that must not show.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct StreamPosition {
    /// Stored bytes read.
    pub(super) compressed_bytes: u64,
    /// Bytes of content.
    pub(super) content_bytes: u64,
    /// gzip members read so far.
    pub(super) members: u64,
}

impl StreamPosition {
    pub(super) fn of<R: Read>(content: &Decoder<R>) -> Self {
        Self {
            compressed_bytes: content.compressed_bytes(),
            content_bytes: content.content_bytes(),
            members: content.gzip_members(),
        }
    }
}

/// Decoded bytes, and the decoder's position behind them.
struct Chunk {
    bytes: Result<Vec<u8>, DecodeError>,
    end: StreamPosition,
}

/// Where the content of an input comes from.
pub(super) struct Origin<'a, R: Read> {
    /// The listed archive; `None` for a member of a container.
    pub(super) archive: Option<&'a Archive>,
    /// How its stream is decoded: as it is, or ahead.
    pub(super) decode: fn(DecodeStream<R>) -> DecodeStream<R>,
}

/// The content of one input.
pub(super) struct DecodeStream<R: Read> {
    from: Source<R>,
    format: Encoding,
}

enum Source<R: Read> {
    Here(Decoder<R>),
    Ahead {
        chunks: Receiver<Chunk>,
        /// Returns chunks to the decoder, to be filled again.
        spare: Sender<Vec<u8>>,
        decoder: JoinHandle<Decoder<R>>,
        chunk: Vec<u8>,
        taken: usize,
        position: StreamPosition,
    },
}

impl<R: Read + Send + 'static> DecodeStream<R> {
    /// Decodes ahead from now on, unless the content has been decoded whole.
    pub(super) fn decode_ahead(self) -> Self {
        let Source::Here(content) = self.from else { return self };
        if content.is_whole() {
            return Self { from: Source::Here(content), ..self };
        }
        let position = StreamPosition::of(&content);
        let (filled, chunks) = sync_channel(AHEAD);
        let (spare, empty) = channel();
        let decoder = std::thread::spawn(move || decode(content, &filled, &empty));
        Self { from: Source::Ahead { chunks, spare, decoder, chunk: Vec::new(), taken: 0, position }, ..self }
    }
}

impl<R: Read> DecodeStream<R> {
    /// Content that is decoded when asked for.
    pub(super) fn new(content: Decoder<R>) -> Self {
        let format = content.encoding();
        Self { from: Source::Here(content), format }
    }

    /// The content, if it was decoded whole.
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

    /// How far it has been read.
    pub(super) fn position(&self) -> StreamPosition {
        match &self.from {
            Source::Here(content) => StreamPosition::of(content),
            Source::Ahead { position, .. } => *position,
        }
    }

    /// Fills part of `buffer`; 0 at the end.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, DecodeError> {
        match &mut self.from {
            Source::Here(content) => content.read(buffer),
            Source::Ahead { chunks, spare, chunk, taken, position, .. } => {
                if *taken == chunk.len() {
                    // A decoder that has stopped sends nothing more.
                    let Ok(next) = chunks.recv() else { return Ok(0) };
                    *position = next.end;
                    *taken = 0;
                    // A decoder that is done takes none back.
                    let _ = spare.send(std::mem::take(chunk));
                    *chunk = next.bytes?;
                }
                let n = buffer.len().min(chunk.len() - *taken);
                buffer[..n].copy_from_slice(&chunk[*taken..*taken + n]);
                *taken += n;
                Ok(n)
            }
        }
    }

    /// Stops decoding and returns the decoder.
    pub(super) fn into_content(self) -> Decoder<R> {
        match self.from {
            Source::Here(content) => content,
            Source::Ahead { chunks, decoder, .. } => {
                drop(chunks); // the rest is not read
                decoder.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            }
        }
    }
}

fn decode<R: Read>(
    mut content: Decoder<R>,
    filled: &SyncSender<Chunk>,
    empty: &Receiver<Vec<u8>>,
) -> Decoder<R> {
    loop {
        let mut bytes = empty.try_recv().unwrap_or_default();
        bytes.resize(CHUNK, 0);
        // A read ends with its gzip member. Members can be of one byte, chunks should not.
        let (mut len, mut last) = (0, Ok(1));
        while len < CHUNK && matches!(last, Ok(1..)) {
            last = content.read(&mut bytes[len..]);
            len += last.as_ref().copied().unwrap_or_default();
        }
        bytes.truncate(len);
        let end = StreamPosition::of(&content);
        // The end comes with a chunk in any case: it has the last position.
        let send = |bytes| filled.send(Chunk { bytes, end }).is_ok();
        let goes_on = match last {
            Ok(n) => send(Ok(bytes)) && n > 0,
            Err(error) => {
                let _ = (len == 0 || send(Ok(bytes))) && send(Err(error)); // nobody may ask for it
                false
            }
        };
        if !goes_on {
            return content;
        }
    }
}
