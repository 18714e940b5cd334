//! Compression inside compression, and text of it: what some delivery services and scripts make
//! of a log file.

use std::io::{self, Cursor, Read};

use super::decoder::{DecodeOptions, Decoder};
use super::encoding::{Encoding, sniff};
use super::one_shot::Buffers;
use super::progress::OuterProgress;
use super::text_layer::{TextDecoder, TextLayer};

/// What decoded content is encoded in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layer {
    /// gzip, zstd or zlib.
    Compressed,
    /// Text of bytes.
    Text(TextLayer),
}

/// Number of bytes that [`Layer::detect`] looks at.
const DETECT_BYTES: usize = 64;

impl Layer {
    /// The layer that content with these first bytes has; `None` when the content is content.
    fn detect(first: &[u8]) -> Option<Self> {
        match sniff(first) {
            Encoding::Gzip | Encoding::Zstd | Encoding::Zlib => Some(Self::Compressed),
            _ => TextLayer::detect(first).map(|(layer, _)| Self::Text(layer)),
        }
    }
}

impl<R: Read> Decoder<R> {
    /// Whether the content is compressed again, or base64 or hexadecimal text. Call this before the
    /// first [`Self::read`].
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
    text: Option<TextDecoder>,
}

impl<R: Read> LayerReader<R> {
    fn new(mut decoder: Decoder<R>, layer: Layer, progress: OuterProgress) -> Self {
        let whole = decoder.take_whole().map(Cursor::new);
        let text = match layer {
            Layer::Compressed => None,
            Layer::Text(layer) => Some(TextDecoder::new(layer)),
        };
        Self { decoder, whole, progress, text }
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
        let Some(mut text) = self.text.take() else { return self.read_content(buffer) };
        let decoded = loop {
            // The bytes are fewer than the characters, so they fit where the text is.
            let read = self.read_content(buffer);
            match read {
                Ok(0) | Err(_) => break read,
                Ok(n) => match text.decode_in_place(&mut buffer[..n]) {
                    Some(0) => {}
                    Some(n) => break Ok(n),
                    None => break Err(io::Error::new(io::ErrorKind::InvalidData, "not the text of bytes")),
                },
            }
        };
        self.text = Some(text);
        decoded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_detected() {
        for text in [&b"H4sIAAAA"[..], b"\n H4sIAAAA", b"\xEF\xBB\xBFH4sIAAAA", b"ZXlKaElqb3hmUT09"] {
            assert_eq!(Layer::detect(text), Some(Layer::Text(TextLayer::Base64)));
        }
        assert_eq!(Layer::detect(&[0x1F, 0x8B, 8, 0]), Some(Layer::Compressed));
        assert_eq!(Layer::detect(&[0x78, 0x9C, 8, 0]), Some(Layer::Compressed));
        let hex = b"7b225265636f726473223a205b7b226576656e7456657273696f6e223a20";
        assert_eq!(Layer::detect(hex), Some(Layer::Text(TextLayer::Hex)));
        for content in [&b"{\"Records\":[]}"[..], b"", b"H4sI\x00", b"text"] {
            assert_eq!(Layer::detect(content), None);
        }
    }
}
