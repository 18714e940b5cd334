//! As much of HTTP/1.1 as a client and a proxy on loopback need: messages read whole, from one side
//! to the other.

use std::io::{self, BufRead, Read, Write};
use std::net::TcpStream;

/// Start line and headers as they were sent, and the body freed of its transfer encoding.
#[derive(Debug, Clone, Default)]
pub struct Message {
    pub start: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Message {
    /// Reads one message. `None`: the other side has closed the connection instead of sending one.
    /// `answers` is the method of the request that this message answers, if it does: what has no
    /// body is told by it.
    pub fn read(from: &mut impl BufRead, answers: Option<&str>) -> io::Result<Option<Self>> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if from.read_line(&mut line)? == 0 {
                return if lines.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
            let line = line.trim_end_matches(['\r', '\n']);
            if line.is_empty() {
                break;
            }
            lines.push(line.to_owned());
        }
        if lines.is_empty() {
            return Err(io::Error::other("a message without a start line"));
        }
        let mut message = Self { start: lines.remove(0), ..Self::default() };
        for line in lines {
            let (name, value) = line.split_once(':').ok_or_else(|| io::Error::other(line.clone()))?;
            message.headers.push((name.to_owned(), value.trim().to_owned()));
        }
        message.read_body(from, answers)?;
        Ok(Some(message))
    }

    fn read_body(&mut self, from: &mut impl BufRead, answers: Option<&str>) -> io::Result<()> {
        let bodiless = answers == Some("HEAD") || matches!(self.status(), 204 | 304);
        if answers.is_some() && bodiless {
            return Ok(());
        }
        if self.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
            self.read_chunks(from)?;
        } else if let Some(length) = self.header("content-length") {
            let length = length.parse().map_err(io::Error::other)?;
            self.body = vec![0; length];
            from.read_exact(&mut self.body)?;
        } else if answers.is_some() {
            from.read_to_end(&mut self.body)?;
        }
        Ok(())
    }

    fn read_chunks(&mut self, from: &mut impl BufRead) -> io::Result<()> {
        loop {
            let mut line = String::new();
            from.read_line(&mut line)?;
            let digits = line.split(';').next().unwrap_or_default().trim();
            let length = u64::from_str_radix(digits, 16).map_err(io::Error::other)?;
            from.take(length).read_to_end(&mut self.body)?;
            line.clear();
            from.read_line(&mut line)?; // ends the chunk, or is the first trailer
            if length == 0 {
                while !line.trim().is_empty() {
                    line.clear();
                    from.read_line(&mut line)?;
                }
                return Ok(());
            }
        }
    }

    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    /// The status of an answer; 0 for a request.
    pub fn status(&self) -> u16 {
        self.start.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)?.parse().ok()).unwrap_or(0)
    }

    /// Whether the connection ends with this message.
    pub fn is_last(&self) -> bool {
        self.start.starts_with("HTTP/1.0")
            || self.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }

    /// Start line and headers, with the body's length instead of a transfer encoding. The answer to
    /// `HEAD` keeps the length it tells.
    pub fn head(&self, answers: Option<&str>) -> String {
        let mut head = format!("{}\r\n", self.start);
        let told = answers == Some("HEAD") || (answers.is_some() && matches!(self.status(), 204 | 304));
        for (name, value) in &self.headers {
            let hop = ["connection", "transfer-encoding"].iter().any(|hop| name.eq_ignore_ascii_case(hop));
            if !hop && (told || !name.eq_ignore_ascii_case("content-length")) {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        let needed = answers.is_some() || !self.body.is_empty() || !self.start.starts_with("GET");
        if !told && needed {
            head.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        head.push_str("\r\n");
        head
    }

    /// Sends it whole.
    pub fn write(&self, mut to: &TcpStream, answers: Option<&str>) -> io::Result<()> {
        to.write_all(self.head(answers).as_bytes())?;
        to.write_all(&self.body)
    }
}

/// `text` with `%HH` for everything that is not unreserved (RFC 3986), and for `/` unless it is
/// kept.
pub fn encode(text: &str, keep_slashes: bool) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(byte.into()),
            b'/' if keep_slashes => encoded.push('/'),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// The text that was encoded; in queries a `+` is a blank.
pub fn decode(text: &str, in_query: bool) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let hex = after.get(..2).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        rest = after;
        bytes.push(match (first, hex) {
            (b'%', Some(byte)) => {
                rest = &after[2..];
                byte
            }
            (b'+', _) if in_query => b' ',
            _ => *first,
        });
    }
    String::from_utf8(bytes).unwrap()
}
