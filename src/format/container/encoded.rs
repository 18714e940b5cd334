//! Text that is base64, of JSON or of something compressed: `awslogs.data`, records of Kinesis and
//! Firehose.

use crate::format::decode::{Base64, Budget, Buffers, DecodeOptions, Decoder, Encoding, may_be_base64};

/// How many layers of compression and of further base64 are taken off.
const MAX_LAYERS: u32 = 4;

/// Most bytes that one text may decode to: it is held in memory as a whole.
const MAX_DECODED: u64 = 64 << 20;

/// What the text encodes, decompressed; `None` when it is not base64 or decompression fails, or
/// comes to more than is left of the budget.
pub(super) fn decode(text: &[u8], budget: &Budget) -> Option<Vec<u8>> {
    let mut bytes = from_base64(text.to_vec(), budget)?;
    for _ in 0..MAX_LAYERS {
        if may_be_base64(&bytes) {
            bytes = from_base64(bytes, budget)?;
            continue;
        }
        let options =
            DecodeOptions { limit: MAX_DECODED, budget: budget.clone(), ..DecodeOptions::default() };
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
        bytes = content;
    }
    None
}

fn from_base64(mut text: Vec<u8>, budget: &Budget) -> Option<Vec<u8>> {
    let len = Base64::default().decode_in_place(&mut text)?;
    text.truncate(len);
    budget.take(len as u64).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_is_kept() {
        let budget = Budget::new(100);
        assert_eq!(decode(b"eyJhIjoxfQ==", &budget).as_deref(), Some(&b"{\"a\":1}"[..]));
        assert_eq!(budget.left(), 93);
        assert_eq!(decode(b"eyJhIjoxfQ==", &Budget::new(3)), None);
        assert_eq!(decode(b"ZXlKaElqb3hmUT09", &Budget::new(100)).as_deref(), Some(&b"{\"a\":1}"[..]));
    }
}
