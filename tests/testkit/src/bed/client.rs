//! Requests to the server, past the proxy and without the client under test: signed by hand, each
//! on a connection of its own.

use std::io::BufReader;
use std::net::{SocketAddr, TcpStream};

use chrono::Utc;
use sha2::{Digest, Sha256};

use super::http::{Message, encode};
use super::{ACCESS_KEY, REGION, SECRET_KEY};

/// A request for `key` of `bucket`; for the bucket, if the key is empty.
pub struct Request<'a> {
    pub method: &'a str,
    pub bucket: &'a str,
    pub key: &'a str,
    pub query: &'a [(&'a str, &'a str)],
    pub headers: &'a [(&'a str, &'a str)],
    pub body: &'a [u8],
}

impl Request<'_> {
    /// Sends it and gives the answer.
    pub fn send(&self, server: SocketAddr) -> Message {
        let stream = TcpStream::connect(server).unwrap();
        self.signed(server).write(&stream, None).unwrap();
        Message::read(&mut BufReader::new(&stream), Some(self.method)).unwrap().expect("an answer")
    }

    /// Signed as AWS says in "Signature calculations for the Authorization header: transferring
    /// payload in a single chunk (AWS signature version 4)", with an unsigned payload.
    pub fn signed(&self, server: SocketAddr) -> Message {
        let Self { method, bucket, key, query, headers, body } = self;
        let now = Utc::now();
        let (date, time) = (now.format("%Y%m%d").to_string(), now.format("%Y%m%dT%H%M%SZ").to_string());
        let path = format!("/{}", encode(&format!("{bucket}/{key}"), true));
        let path = if key.is_empty() { path.trim_end_matches('/').to_owned() } else { path };
        let mut query: Vec<String> = query
            .iter()
            .map(|(name, value)| format!("{}={}", encode(name, false), encode(value, false)))
            .collect();
        query.sort();
        let query = query.join("&");

        let mut all = vec![
            ("host".to_owned(), server.to_string()),
            ("x-amz-content-sha256".to_owned(), "UNSIGNED-PAYLOAD".to_owned()),
            ("x-amz-date".to_owned(), time.clone()),
        ];
        all.extend(headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), (*value).to_owned())));
        all.sort();
        let canonical: String = all.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let signed = all.iter().map(|(name, _)| &**name).collect::<Vec<_>>().join(";");
        let scope = format!("{date}/{REGION}/s3/aws4_request");
        let canonical = format!("{method}\n{path}\n{query}\n{canonical}\n{signed}\nUNSIGNED-PAYLOAD");
        let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex(&Sha256::digest(canonical)));
        let signing_key = [&*date, REGION, "s3", "aws4_request"]
            .iter()
            .fold(format!("AWS4{SECRET_KEY}").into_bytes(), |key, part| hmac(&key, part.as_bytes()));
        let signature = hex(&hmac(&signing_key, to_sign.as_bytes()));
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/{scope}, SignedHeaders={signed}, Signature={signature}"
        );
        all.push(("authorization".to_owned(), authorization));

        let target = if query.is_empty() { path } else { format!("{path}?{query}") };
        Message { start: format!("{method} {target} HTTP/1.1"), headers: all, body: body.to_vec() }
    }
}

fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key); // our keys are shorter than a block
    let inner = Sha256::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(text).finalize();
    Sha256::new().chain_update(block.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize().to_vec()
}

/// The bytes in hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The texts of all elements of this name, in a document without attributes on them.
pub fn elements(xml: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let mut found = Vec::new();
    let mut rest = xml;
    while let Some((_, after)) = rest.split_once(&open) {
        let (text, after) = after.split_once(&close).expect("elements are closed");
        rest = after;
        let mut text = text.to_owned();
        for (entity, character) in
            [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")]
        {
            text = text.replace(entity, character);
        }
        found.push(text);
    }
    found
}
