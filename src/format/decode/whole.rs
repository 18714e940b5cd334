//! An ordinary archive at once: CloudTrail's objects are one gzip member of a few megabytes, for which libdeflate is half as fast again
//! as the streaming decoder (docs/performance.md).
//!
//! Only what is exactly that is decoded here. Everything else (several members, damage, a trailer that lies about the size) is left to the
//! streaming decoder, which can say what is wrong.

use libdeflater::Decompressor;
use memchr::memmem;

/// Largest stored input taken at once, bytes.
pub(super) const STORED: usize = 24 << 20;
/// Largest content taken at once, bytes.
const CONTENT: usize = 64 << 20;
/// Where a gzip header's flags stand, and the one for a checksum of the header itself.
const FLAGS: usize = 3;
const HEADER_CHECKSUM: u8 = 2;
/// No deflate stream grows by more.
const RATIO: usize = 1032;

/// Memory that is used again for the next archive.
#[derive(Default)]
pub struct Buffers {
    pub(super) stored: Vec<u8>,
    content: Vec<u8>,
    decompressor: Option<Decompressor>,
}

impl Buffers {
    /// Takes back what [`super::Content::take_whole`] gave.
    pub fn give_back(&mut self, content: Vec<u8>) {
        self.content = content;
    }

    /// The content of `stored`, if that is one whole gzip member with at most `limit` bytes in it.
    pub(super) fn gunzip(&mut self, stored: &[u8], limit: u64) -> Option<Vec<u8>> {
        // libdeflate does not compare the header's checksum, if it has one; the streaming decoder does.
        if stored.get(FLAGS).is_none_or(|flags| flags & HEADER_CHECKSUM != 0) {
            return None;
        }
        let size = claimed_size(stored).filter(|n| *n <= CONTENT && *n as u64 <= limit)?;
        if size / RATIO > stored.len() {
            return None;
        }
        let mut content = std::mem::take(&mut self.content);
        if content.len() < size {
            content.resize(size, 0);
        }
        let decompressor = self.decompressor.get_or_insert_with(Decompressor::new);
        let result = decompressor.gzip_decompress(stored, &mut content[..size]);
        if result == Ok(size) && ends_with_its_only_trailer(stored, &content[..size]) {
            content.truncate(size);
            return Some(content);
        }
        self.content = content;
        None
    }
}

/// The size that the last trailer gives for the last member.
fn claimed_size(stored: &[u8]) -> Option<usize> {
    let bytes = stored.last_chunk::<4>()?;
    usize::try_from(u32::from_le_bytes(*bytes)).ok()
}

/// Whether nothing follows the member that has been decoded to `content`. The decoder does not say where a member ended, but it has found the
/// checksum and size of `content` there. So the stored bytes hold the size at least once, where the member ends; if they hold it once only,
/// at their own end, that is where. Four bytes can also occur by accident (in one ordinary archive of ten thousand, and in very small ones): then
/// the checksum, which costs a pass over the content, is asked for as well.
fn ends_with_its_only_trailer(stored: &[u8], content: &[u8]) -> bool {
    let mut trailer = [0; 8];
    let (checksum, size) = trailer.split_at_mut(4);
    let Ok(len) = u32::try_from(content.len()) else { return false };
    size.copy_from_slice(&len.to_le_bytes());
    if occurs_only_at_the_end(stored, size) {
        return true;
    }
    checksum.copy_from_slice(&libdeflater::crc32(content).to_le_bytes());
    occurs_only_at_the_end(stored, &trailer)
}

fn occurs_only_at_the_end(stored: &[u8], bytes: &[u8]) -> bool {
    stored.len().checked_sub(bytes.len()).is_some_and(|end| memmem::find(stored, bytes) == Some(end))
}
