//! Text that is base64 or hexadecimal digits, of JSON or of something compressed: `awslogs.data`,
//! records of Kinesis and Firehose, columns of bytes.

use crate::format::decode::{Budget, Buffers, DecodeOptions, Decoder, Encoding, TextDecoder, TextLayer};

/// How many layers of compression and of further text are taken off.
const MAX_LAYERS: u32 = 5;

/// Most bytes that one text may decode to: it is held in memory as a whole.
const MAX_DECODED: u64 = 64 << 20;

/// What the bytes or the text of bytes encode, decompressed; `None` when they cannot be decoded or
/// decompressed, or come to more than is left of the budget.
pub(super) fn decode(encoded: &[u8], budget: &Budget) -> Option<Vec<u8>> {
    let mut bytes = encoded.to_vec();
    for _ in 0..MAX_LAYERS {
        if let Some((layer, _)) = TextLayer::detect(&bytes) {
            let len = TextDecoder::new(layer).decode_in_place(&mut bytes)?;
            bytes.truncate(len);
            if !budget.take(len as u64) {
                return None;
            }
            continue;
        }
        let options =
            DecodeOptions { limit: MAX_DECODED, budget: budget.clone(), ..DecodeOptions::default() };
        let mut decoder = Decoder::new(bytes.as_slice(), options, &mut Buffers::default()).ok()?;
        match decoder.encoding() {
            Encoding::Gzip | Encoding::Zstd | Encoding::Zlib => {}
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

/// Whether a text that cannot be decoded to its end is one of bytes whose content begins like JSON.
pub(super) fn begins_like_json(encoded: &[u8]) -> bool {
    const HEAD: usize = 4096;
    let mut bytes = encoded[..encoded.len().min(HEAD)].to_vec();
    let layer = TextLayer::detect(&bytes).map(|(layer, _)| layer);
    let Some(len) = layer.and_then(|layer| TextDecoder::new(layer).decode_in_place(&mut bytes)) else {
        return false;
    };
    bytes.truncate(len);
    let decoder = Decoder::new(bytes.as_slice(), DecodeOptions::default(), &mut Buffers::default());
    decoder.is_ok_and(|mut decoder| matches!(decoder.peek(64).trim_ascii_start().first(), Some(b'{' | b'[')))
}

/// The bytes of which a list has the numbers, if they begin like JSON or gzip: what Node.js and
/// journald write for bytes.
pub(super) fn bytes_of_list(list: &[u8]) -> Option<Vec<u8>> {
    const OPENINGS: [[u8; 2]; 6] = [*b"{\"", *b"{\n", *b"{ ", *b"[{", *b"[\n", [0x1F, 0x8B]];
    let mut numbers = list.get(1..)?.splitn(3, |b| *b == b',');
    let mut number = || std::str::from_utf8(numbers.next()?).ok()?.trim().parse::<u8>().ok();
    let first = [number()?, number()?];
    OPENINGS.contains(&first).then(|| serde_json::from_slice(list).ok())?
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

    #[test]
    fn lists_of_bytes_are_bytes() {
        assert_eq!(bytes_of_list(b"[123, 34, 97,34 ,58, 49,125]").as_deref(), Some(&b"{\"a\":1}"[..]));
        for list in ["[123]", "[123,34,256]", "[123,34,\"x\"]", "[1,2,3]", "[]", "[{}]", "["] {
            assert_eq!(bytes_of_list(list.as_bytes()), None, "{list}");
        }
    }
}
