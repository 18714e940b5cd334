//! Text of bytes: base64 and hexadecimal digits.

use super::encoding::{Encoding, sniff};

/// How bytes are written as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TextLayer {
    /// base64, in either alphabet.
    Base64,
    /// Hexadecimal digits, perhaps after `0x` or `\\x`.
    Hex,
}

/// How certain it is that a text encodes something that may hold records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// By two bytes that any other data may begin with, too.
    Weak,
    /// By more than that.
    Strong,
}

/// How base64 of something that may hold records begins: gzip, zstd, JSON with or without white
/// space, and base64 of gzip, of zstd and of JSON.
const BASE64_OPENINGS: [&[u8]; 11] =
    [b"H4sI", b"KLUv", b"eyJ", b"ewo", b"eyAi", b"W3s", b"Wwo", b"ew0K", b"SDRz", b"S0xV", b"ZXlK"];
const BOM: &[u8] = b"\xEF\xBB\xBF";
/// Number of characters that are looked at, and number of those that must be there if the text has
/// none of the openings.
const DETECT_CHARS: usize = 64;
const MIN_CHARS: usize = 40;
/// How many texts may be inside one another.
const MAX_LAYERS: u32 = 3;

impl TextLayer {
    /// The layer of a text that begins like this; `None` when it encodes nothing that may hold
    /// records, as far as its beginning shows.
    pub fn detect(text: &[u8]) -> Option<(Self, Certainty)> {
        Self::detect_inside(text, MAX_LAYERS)
    }

    fn detect_inside(text: &[u8], layers: u32) -> Option<(Self, Certainty)> {
        let text = text.strip_prefix(BOM).unwrap_or(text).trim_ascii_start();
        let head = &text[..text.len().min(DETECT_CHARS)];
        let is_base64 = |b: &u8| b.is_ascii_alphanumeric() || b"+/-_= \r\n".contains(b);
        if BASE64_OPENINGS.iter().any(|opening| head.starts_with(opening)) && head.iter().all(is_base64) {
            return Some((Self::Base64, Certainty::Strong));
        }
        if head.len() < MIN_CHARS || head.contains(&b' ') {
            return None;
        }
        let layer = if without_hex_prefix(head).iter().all(u8::is_ascii_hexdigit) {
            Self::Hex
        } else if head.iter().all(is_base64) {
            Self::Base64
        } else {
            return None;
        };
        let mut bytes = head.to_vec();
        let len = TextDecoder::new(layer).decode_in_place(&mut bytes)?;
        opening(&bytes[..len], layers.checked_sub(1)?).map(|certainty| (layer, certainty))
    }
}

/// Whether the text may be base64 or hexadecimal digits of something that holds records.
pub fn may_be_encoded(text: &[u8]) -> bool {
    TextLayer::detect(text).is_some()
}

/// Whether bytes that begin like this may hold records.
fn opening(bytes: &[u8], layers: u32) -> Option<Certainty> {
    match sniff(bytes) {
        Encoding::Gzip if bytes.get(2) == Some(&8) => return Some(Certainty::Strong),
        Encoding::Zstd => return Some(Certainty::Strong),
        Encoding::Zlib => return Some(Certainty::Weak),
        Encoding::Unsupported(_)
            if [&b"BZh"[..], b"\xFD7zXZ", b"\x04\x22\x4D\x18"].iter().any(|m| bytes.starts_with(m)) =>
        {
            return Some(Certainty::Strong);
        }
        _ => {}
    }
    let text = bytes.trim_ascii_start();
    let is_json = match text.split_first() {
        Some((b'{', rest)) => rest.trim_ascii_start().starts_with(b"\""),
        Some((b'[', rest)) => matches!(rest.trim_ascii_start().first(), Some(b'{' | b'[' | b'"')),
        _ => false,
    };
    if is_json && !text.iter().any(|b| b.is_ascii_control() && !b.is_ascii_whitespace()) {
        return Some(Certainty::Strong);
    }
    TextLayer::detect_inside(bytes, layers).map(|(_, certainty)| certainty)
}

fn without_hex_prefix(text: &[u8]) -> &[u8] {
    [&b"0x"[..], b"\\x"].iter().find_map(|prefix| text.strip_prefix(*prefix)).unwrap_or(text)
}

/// Turns the text of bytes into them. The text may come in pieces.
#[derive(Debug)]
#[non_exhaustive]
pub enum TextDecoder {
    /// See [`TextLayer::Base64`].
    Base64(Base64),
    /// See [`TextLayer::Hex`].
    Hex(Hex),
}

impl TextDecoder {
    /// A decoder at the beginning of a text.
    pub fn new(layer: TextLayer) -> Self {
        match layer {
            TextLayer::Base64 => Self::Base64(Base64::default()),
            TextLayer::Hex => Self::Hex(Hex::default()),
        }
    }

    /// Replaces text by the bytes that it encodes, and returns their number; `None` when it is
    /// another text.
    pub fn decode_in_place(&mut self, text: &mut [u8]) -> Option<usize> {
        match self {
            Self::Base64(base64) => base64.decode_in_place(text),
            Self::Hex(hex) => hex.decode_in_place(text),
        }
    }
}

/// A decoder of hexadecimal digits. White space is ignored.
#[derive(Debug, Default)]
pub struct Hex {
    /// The first digit of a byte whose second one is still to come.
    high: Option<u8>,
    /// Number of characters so far: a prefix may be before the first digits.
    count: u64,
}

impl Hex {
    fn decode_in_place(&mut self, text: &mut [u8]) -> Option<usize> {
        let mut len = 0;
        for at in 0..text.len() {
            let byte = text[at];
            match byte {
                b'\r' | b'\n' | b' ' | b'\t' | 0xEF | 0xBB | 0xBF if self.count == 0 || byte < 0x80 => {
                    continue;
                }
                b'\\' if self.count == 0 => {}
                b'x' if self.count == 1 => self.high = None, // the 0 before it is no digit
                _ => {
                    let digit = u8::try_from(char::from(byte).to_digit(16)?).ok()?;
                    match self.high.take() {
                        Some(high) => {
                            text[len] = high << 4 | digit;
                            len += 1;
                        }
                        None => self.high = Some(digit),
                    }
                }
            }
            self.count += 1;
        }
        Some(len)
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
    fn hexadecimal_digits_are_decoded_in_any_pieces() {
        for pieces in [&["7b7d"][..], &["0x7B", "7d\n"], &["\\x", "7", "b7D"], &["\u{feff}7b\r\n7d"]] {
            let (mut hex, mut bytes) = (Hex::default(), Vec::new());
            for piece in pieces {
                let mut text = piece.as_bytes().to_vec();
                let len = hex.decode_in_place(&mut text).unwrap();
                bytes.extend_from_slice(&text[..len]);
            }
            assert_eq!(bytes, b"{}", "{pieces:?}");
        }
        assert_eq!(Hex::default().decode_in_place(&mut b"7g".to_vec()), None);
    }

    #[test]
    fn what_may_hold_records_is_detected() {
        use Certainty::{Strong, Weak};
        use TextLayer::{Base64, Hex};
        for (text, expected) in [
            ("eyJSZWNvcmRzIjpb", Some((Base64, Strong))),
            // base64 of base64 of base64 of JSON.
            ("WlhsS1UxcFhUblpqYlZKNlNXcHZaMWN6YzJsYVdGcHNZbTVT", Some((Base64, Strong))),
            ("eJztVG1vmzAQ/isVn0cwJG0Sf2NJJqE2bZVk76omF44UBQyz", Some((Base64, Weak))),
            ("QlpoOTFBWSZTWVbYh6kAADTfgAASYAX/8CQCAAo/79/gYAE", Some((Base64, Strong))),
            ("7b225265636f726473223a205b7b226576656e7456657273", Some((Hex, Strong))),
            ("\\x7b225265636f726473223a205b7b226576656e74566572", Some((Hex, Strong))),
            ("789ced546d6f9b3010fe2b559f473024ed12ff63492610000000", Some((Hex, Weak))),
            ("5c1e2d3c4b5a49788796a5b4c3d2e1f00f1e2d3c4b5a4978", None),
            ("c0ffee00-0000-4000-8000-000000000001-and-more-of-it", None),
            ("plain text that is long enough to be looked at, and is not", None),
            ("eJ", None),
            ("", None),
        ] {
            assert_eq!(TextLayer::detect(text.as_bytes()), expected, "{text}");
        }
    }
}
