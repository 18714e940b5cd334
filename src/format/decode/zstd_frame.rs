//! Decodes one zstd frame, block by block.

use std::io;

use zstd::stream::raw::{Decoder, Operation};

/// A zstd frame that is being decoded.
///
/// It allocates as much memory as the frame's window; libzstd refuses windows larger than 128 MiB.
pub(super) struct Frame {
    decoder: Decoder<'static>,
    /// Number of input bytes up to the end of the next block, or of its header.
    next_input: usize,
}

/// The result of one call of [`Frame::decode`].
pub(super) struct FrameProgress {
    pub(super) consumed: usize,
    pub(super) produced: usize,
    pub(super) frame_ended: bool,
}

/// Length of a block header. libzstd requests it together with the block before it.
const BLOCK_HEADER: usize = 3;
/// Length of the shortest frame header, magic number included.
const SHORTEST_HEADER: usize = 5;

impl Frame {
    pub(super) fn new() -> io::Result<Box<Self>> {
        Ok(Box::new(Self { decoder: Decoder::new()?, next_input: SHORTEST_HEADER }))
    }

    /// The same decoder, for the next frame.
    pub(super) fn renewed(mut self: Box<Self>) -> io::Result<Box<Self>> {
        self.decoder.reinit()?;
        self.next_input = SHORTEST_HEADER;
        Ok(self)
    }

    /// Decodes part of `input` into `target`.
    ///
    /// When libzstd finds damage, it does not return what it decoded earlier in the same call. So
    /// each call passes at most one block or header, and all blocks before the damage are returned.
    pub(super) fn decode(&mut self, input: &[u8], target: &mut [u8]) -> io::Result<FrameProgress> {
        let input = &input[..input.len().min(self.next_input)];
        let status = self.decoder.run_on_buffers(input, target)?;
        self.next_input = match status.remaining {
            hint @ ..=BLOCK_HEADER => hint.max(1),
            hint => hint - BLOCK_HEADER,
        };
        Ok(FrameProgress {
            consumed: status.bytes_read,
            produced: status.bytes_written,
            frame_ended: status.remaining == 0,
        })
    }
}
