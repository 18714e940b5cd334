//! One zstd frame at a time, block by block.

use std::io;

use zstd::stream::raw::{Decoder, Operation};

/// A frame being decoded. It asks for memory as large as the frame's window, which libzstd refuses to be more than 128 MiB.
pub(super) struct Frame {
    decoder: Decoder<'static>,
    /// Bytes that end where the next block does, or its header.
    wanted: usize,
}

/// What one step came to.
pub(super) struct Step {
    pub(super) consumed: usize,
    pub(super) produced: usize,
    pub(super) ended: bool,
}

/// Bytes of a block's header, which libzstd asks for together with the block before.
const BLOCK_HEADER: usize = 3;
/// A frame's shortest beginning.
const BEGINNING: usize = 5;

impl Frame {
    pub(super) fn new() -> io::Result<Box<Self>> {
        Ok(Box::new(Self { decoder: Decoder::new()?, wanted: BEGINNING }))
    }

    /// Decodes some of `input`. libzstd does not tell what it had decoded in a step before it met damage: so no step takes in more than
    /// a block or a header, and all blocks before the damage are given out.
    pub(super) fn decode(&mut self, input: &[u8], target: &mut [u8]) -> io::Result<Step> {
        let input = &input[..input.len().min(self.wanted)];
        let status = self.decoder.run_on_buffers(input, target)?;
        self.wanted = match status.remaining {
            asked @ ..=BLOCK_HEADER => asked.max(1),
            asked => asked - BLOCK_HEADER,
        };
        Ok(Step { consumed: status.bytes_read, produced: status.bytes_written, ended: status.remaining == 0 })
    }
}
