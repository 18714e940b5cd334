//! Decodes an ordinary archive with one call. CloudTrail's objects are a single gzip member of a
//! few megabytes; for those, libdeflate is half as fast again as the streaming decoder
//! (docs/performance.md).
//!
//! Only such an input is decoded here. Anything else (several members, damage, a trailer with a
//! wrong size) is left to the streaming decoder, which can say what is wrong.

use libdeflater::Decompressor;
use memchr::memmem;

/// Largest stored input decoded with one call, in bytes.
pub(super) const MAX_STORED: usize = 24 << 20;
/// Largest content decoded with one call, in bytes.
const MAX_CONTENT: usize = 64 << 20;
/// Offset of the flags in a gzip header.
const FLAGS_OFFSET: usize = 3;
/// The flag for a checksum of the header (FHCRC in RFC 1952).
const HEADER_CHECKSUM: u8 = 2;
/// Upper bound of deflate's compression ratio.
const MAX_RATIO: usize = 1032;

/// Memory that is reused from one input to the next.
#[derive(Default)]
pub struct Buffers {
    pub(super) stored: Vec<u8>,
    content: Vec<u8>,
    decompressor: Option<Decompressor>,
}

impl Buffers {
    /// Takes back the memory that [`Decoder::take_whole`](super::Decoder::take_whole) returned.
    pub fn recycle(&mut self, content: Vec<u8>) {
        self.content = content;
    }

    /// The content of `stored`, if `stored` is exactly one intact gzip member and its content is at
    /// most `limit` bytes long.
    pub(super) fn gunzip(&mut self, stored: &[u8], limit: u64) -> Option<Vec<u8>> {
        // libdeflate does not verify the optional header checksum; the streaming decoder does.
        if stored.get(FLAGS_OFFSET).is_none_or(|flags| flags & HEADER_CHECKSUM != 0) {
            return None;
        }
        let size = claimed_size(stored).filter(|n| *n <= MAX_CONTENT && *n as u64 <= limit)?;
        if size / MAX_RATIO > stored.len() {
            return None;
        }
        let mut content = std::mem::take(&mut self.content);
        if content.len() < size {
            content.resize(size, 0);
        }
        let decompressor = self.decompressor.get_or_insert_with(Decompressor::new);
        let result = decompressor.gzip_decompress(stored, &mut content[..size]);
        if result == Ok(size) && is_single_member(stored, &content[..size]) {
            content.truncate(size);
            return Some(content);
        }
        self.content = content;
        None
    }
}

/// The content size stated in the last four bytes, which end the trailer of the last member.
fn claimed_size(stored: &[u8]) -> Option<usize> {
    let bytes = stored.last_chunk::<4>()?;
    usize::try_from(u32::from_le_bytes(*bytes)).ok()
}

/// Whether nothing follows the member that was decoded to `content`.
///
/// libdeflate does not say where the member ended, but it found the checksum and size of `content`
/// there. So `stored` contains the size at least once: in the member's trailer. If the only
/// occurrence is at the very end, the member ends there. The four bytes also occur by chance (in
/// one ordinary archive of ten thousand, and in very small ones). In that case the checksum is
/// searched as well, which costs a pass over the content.
fn is_single_member(stored: &[u8], content: &[u8]) -> bool {
    let mut trailer = [0; 8];
    let (checksum, size) = trailer.split_at_mut(4);
    let Ok(len) = u32::try_from(content.len()) else { return false };
    size.copy_from_slice(&len.to_le_bytes());
    if occurs_only_at_end(stored, size) {
        return true;
    }
    checksum.copy_from_slice(&libdeflater::crc32(content).to_le_bytes());
    occurs_only_at_end(stored, &trailer)
}

fn occurs_only_at_end(stored: &[u8], bytes: &[u8]) -> bool {
    stored.len().checked_sub(bytes.len()).is_some_and(|end| memmem::find(stored, bytes) == Some(end))
}
