//! Compressed bytes → content: gzip, zstd and raw deflate, decoded within a size limit and hashed
//! on request.
//!
//! A [`Decoder`] detects the encoding by the magic bytes, never by the file name. It decodes gzip
//! members and zstd frames one after the other, so an error says which byte of the stored input is
//! damaged, and bytes that follow the last member are noticed. An ordinary archive (one gzip member
//! of a few megabytes) is decoded with a single call; everything else is streamed through a fixed
//! buffer.
//!
//! Deliberately absent: what the content means, and how archives hold files
//! (`format::archive`).
//!
//! ```
//! use std::io::Write;
//!
//! use keytrail::format::decode::{Buffers, DecodeOptions, Decoder, Encoding};
//!
//! let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
//! gzip.write_all(br#"{"Records":[]}"#)?;
//! let stored = gzip.finish()?;
//!
//! // Buffers are reused from one input to the next.
//! let mut buffers = Buffers::default();
//! let mut decoder = Decoder::new(stored.as_slice(), DecodeOptions::default(), &mut buffers)?;
//! assert_eq!(decoder.encoding(), Encoding::Gzip);
//!
//! let mut content = Vec::new();
//! let mut chunk = [0; 1024];
//! loop {
//!     match decoder.read(&mut chunk)? {
//!         0 => break,
//!         n => content.extend_from_slice(&chunk[..n]),
//!     }
//! }
//! decoder.finish(&mut buffers);
//! assert_eq!(content, br#"{"Records":[]}"#);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod budget;
mod decoder;
mod encoding;
mod error;
mod hash;
mod hidden;
mod layer;
mod one_shot;
mod peek;
mod progress;
mod text_layer;
mod zstd_frame;

pub use budget::Budget;
pub use decoder::{DecodeOptions, Decoder};
pub use encoding::{Encoding, sniff};
pub use error::DecodeError;
pub use hash::sha256_of;
pub use hidden::{inflated, may_hold_compressed, may_hold_encoded};
pub use one_shot::Buffers;
pub use peek::PeekReader;
pub use text_layer::{Certainty, TextDecoder, TextLayer, may_be_encoded};

#[cfg(test)]
mod tests;
