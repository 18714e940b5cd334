//! Text that is base64, of JSON or of something compressed: `awslogs.data`, records of Kinesis and
//! Firehose.

use crate::format::decode::{Base64, Buffers, DecodeOptions, Decoder, Encoding};

/// How many layers of compression are taken off.
const MAX_LAYERS: u32 = 4;

/// What the text encodes, decompressed; `None` when it is not base64 or decompression fails, or
/// comes to more than `budget` bytes, from which its size is taken.
pub(super) fn decode(text: &[u8], budget: &mut u64) -> Option<Vec<u8>> {
    let mut bytes = text.to_vec();
    let len = Base64::default().decode_in_place(&mut bytes)?;
    bytes.truncate(len);
    *budget = budget.checked_sub(bytes.len() as u64)?;
    for _ in 0..MAX_LAYERS {
        let options = DecodeOptions { limit: *budget, ..DecodeOptions::default() };
        let mut decoder = Decoder::new(bytes.as_slice(), options, &mut Buffers::default()).ok()?;
        match decoder.encoding() {
            Encoding::Gzip | Encoding::Zstd => {}
            Encoding::Plain => return Some(bytes),
            _ => return None,
        }
        let (mut content, mut chunk) = (Vec::new(), vec![0; 64 << 10]);
        loop {
            match decoder.read(&mut chunk).ok()? {
                0 => break,
                n => content.extend_from_slice(&chunk[..n]),
            }
        }
        *budget = budget.checked_sub(content.len() as u64)?;
        bytes = content;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_is_kept() {
        let mut budget = 100;
        assert_eq!(decode(b"eyJhIjoxfQ==", &mut budget).as_deref(), Some(&b"{\"a\":1}"[..]));
        assert_eq!(budget, 93);
        assert_eq!(decode(b"eyJhIjoxfQ==", &mut 3), None);
    }
}
