//! Compression inside compression, and base64 of it: what some delivery services and scripts make
//! of a log file.

use std::io::{self, Cursor, Read};

use super::decoder::{DecodeOptions, Decoder};
use super::encoding::{Encoding, sniff};
use super::one_shot::Buffers;
use super::progress::OuterProgress;

/// What decoded content is encoded in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layer {
    /// gzip or zstd.
    Compressed,
    /// base64 text.
    Base64,
}

/// Number of bytes that [`Layer::detect`] looks at.
const DETECT_BYTES: usize = 64;

/// How base64 of something that may hold records begins: gzip, zstd, JSON with or without white
/// space, and base64 of gzip, of zstd and of JSON.
const BASE64_OPENINGS: [&[u8]; 11] =
    [b"H4sI", b"KLUv", b"eyJ", b"ewo", b"eyAi", b"W3s", b"Wwo", b"ew0K", b"SDRz", b"S0xV", b"ZXlK"];
const BOM: &[u8] = b"\xEF\xBB\xBF";

/// Whether the text may be base64 of something that holds records.
pub fn may_be_base64(text: &[u8]) -> bool {
    let text = text.strip_prefix(BOM).unwrap_or(text).trim_ascii_start();
    let is_base64 = |b: &u8| b.is_ascii_alphanumeric() || b"+/-_= \r\n".contains(b);
    BASE64_OPENINGS.iter().any(|opening| text.starts_with(opening))
        && text.iter().take(DETECT_BYTES).all(is_base64)
}

impl Layer {
    /// The layer that content with these first bytes has; `None` when the content is content.
    fn detect(first: &[u8]) -> Option<Self> {
        match sniff(first) {
            Encoding::Gzip | Encoding::Zstd => Some(Self::Compressed),
            _ if may_be_base64(first) => Some(Self::Base64),
            _ => None,
        }
    }
}

impl<R: Read> Decoder<R> {
    /// Whether the content is compressed again, or base64 text. Call this before the first
    /// [`Self::read`].
    pub fn has_layer(&mut self) -> bool {
        Layer::detect(self.peek(DETECT_BYTES)).is_some()
    }

    /// A decoder of the content, which [has another layer](Self::has_layer). It counts the stored
    /// bytes and the gzip members of the whole input.
    ///
    /// # Errors
    /// When the content cannot be read.
    pub fn into_layer<'r>(
        mut self,
        options: DecodeOptions,
        buffers: &mut Buffers,
    ) -> io::Result<Decoder<Box<dyn Read + 'r>>>
    where
        R: 'r,
    {
        let layer = Layer::detect(self.peek(DETECT_BYTES)).unwrap_or(Layer::Compressed);
        let progress = OuterProgress::default();
        let reader: Box<dyn Read + 'r> = Box::new(LayerReader::new(self, layer, progress.clone()));
        let options = DecodeOptions { stored_size: None, ..options };
        Ok(Decoder::new(reader, options, buffers)?.inside(progress))
    }
}

/// Content as a reader: the stored bytes of the layer inside it.
struct LayerReader<R: Read> {
    decoder: Decoder<R>,
    whole: Option<Cursor<Vec<u8>>>,
    progress: OuterProgress,
    base64: Option<Base64>,
}

impl<R: Read> LayerReader<R> {
    fn new(mut decoder: Decoder<R>, layer: Layer, progress: OuterProgress) -> Self {
        let whole = decoder.take_whole().map(Cursor::new);
        let base64 = (layer == Layer::Base64).then(Base64::default);
        Self { decoder, whole, progress, base64 }
    }

    fn read_content(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.whole {
            Some(whole) => whole.read(buffer)?,
            None => self.decoder.read(buffer)?,
        };
        self.progress.set(self.decoder.compressed_bytes(), self.decoder.gzip_members());
        Ok(read)
    }
}

impl<R: Read> Read for LayerReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(mut base64) = self.base64.take() else { return self.read_content(buffer) };
        let decoded = loop {
            // Three bytes come from four characters, so the text fits where its bytes will be.
            let read = self.read_content(buffer);
            match read {
                Ok(0) | Err(_) => break read,
                Ok(n) => match base64.decode_in_place(&mut buffer[..n]) {
                    Some(0) => {}
                    Some(n) => break Ok(n),
                    None => break Err(io::Error::new(io::ErrorKind::InvalidData, "not base64")),
                },
            }
        };
        self.base64 = Some(base64);
        decoded
    }
}

/// A decoder of base64, in the standard or the URL alphabet, with or without padding. White space
/// is ignored; after padding, another text may follow.
#[derive(Debug)]
pub struct Base64 {
    bits: u32,
    count: u32,
    /// Nothing has been decoded.
    is_at_start: bool,
}

impl Default for Base64 {
    fn default() -> Self {
        Self { bits: 0, count: 0, is_at_start: true }
    }
}

impl Base64 {
    /// Replaces text by the bytes that it encodes, and returns their number; `None` when it is not
    /// base64. The text may come in pieces.
    pub fn decode_in_place(&mut self, text: &mut [u8]) -> Option<usize> {
        let mut len = 0;
        for at in 0..text.len() {
            let value = match text[at] {
                byte @ b'A'..=b'Z' => byte - b'A',
                byte @ b'a'..=b'z' => byte - b'a' + 26,
                byte @ b'0'..=b'9' => byte - b'0' + 52,
                b'+' | b'-' => 62,
                b'/' | b'_' => 63,
                b'=' => {
                    (self.bits, self.count) = (0, 0);
                    continue;
                }
                b'\r' | b'\n' | b' ' | b'\t' => continue,
                // A byte order mark.
                0xEF | 0xBB | 0xBF if self.is_at_start => continue,
                _ => return None,
            };
            self.is_at_start = false;
            self.bits = self.bits << 6 | u32::from(value);
            self.count += 6;
            if self.count >= 8 {
                self.count -= 8;
                text[len] = (self.bits >> self.count).to_le_bytes()[0];
                len += 1;
                self.bits &= (1 << self.count) - 1;
            }
        }
        Some(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(pieces: &[&str]) -> Option<String> {
        let (mut base64, mut bytes) = (Base64::default(), Vec::new());
        for piece in pieces {
            let mut text = piece.as_bytes().to_vec();
            let len = base64.decode_in_place(&mut text)?;
            bytes.extend_from_slice(&text[..len]);
        }
        String::from_utf8(bytes).ok()
    }

    #[test]
    fn base64_is_decoded_in_any_pieces() {
        for (pieces, expected) in [
            (&[""][..], ""),
            (&["eyJh"], "{\"a"),
            (&["eyJhIjoxfQ=="], "{\"a\":1}"),
            (&["e", "yJhI", "jo\nxf", "Q"], "{\"a\":1}"),
            (&["e30=\ne30="], "{}{}"),
        ] {
            assert_eq!(decoded(pieces).as_deref(), Some(expected), "{pieces:?}");
        }
        assert_eq!(decoded(&["eyJ!"]), None);
        assert_eq!(decoded(&["\u{feff}eyJh"]).as_deref(), Some("{\"a"));
        assert_eq!(decoded(&["eyJh\u{feff}"]), None);
    }

    #[test]
    fn layers_are_detected() {
        for text in [&b"H4sIAAAA"[..], b"\n H4sIAAAA", b"\xEF\xBB\xBFH4sIAAAA", b"ZXlKaElqb3hmUT09"] {
            assert_eq!(Layer::detect(text), Some(Layer::Base64));
        }
        assert_eq!(Layer::detect(&[0x1F, 0x8B, 8, 0]), Some(Layer::Compressed));
        for content in [&b"{\"Records\":[]}"[..], b"", b"H4sI\x00", b"text"] {
            assert_eq!(Layer::detect(content), None);
        }
    }
}
