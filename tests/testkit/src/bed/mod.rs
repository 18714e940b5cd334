//! A bucket to test with: a real S3 server on a loopback port, started by the test itself, and a
//! proxy before it that notes what it is asked and lets requests fail.
//!
//! If `KEYTRAIL_S3_ENDPOINT` is set (`http://127.0.0.1:5000`), the bucket is made on the server
//! that listens there instead: the same tests run against an implementation that shares nothing
//! with the first. What one of the two cannot do is said in `docs/architecture.md`.

mod client;
pub mod faults;
mod http;
mod proxy;
mod server;

use std::net::SocketAddr;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use client::Request;
pub use client::elements;
pub use faults::Fault;
pub use http::Message;
pub use proxy::{Asked, Operation, Proxy};

pub const ACCESS_KEY: &str = "AKIAIOSFODNN7EXAMPLE";
pub const SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
pub const REGION: &str = "us-east-1";

/// An empty bucket behind a proxy, until it is dropped.
pub struct Bed {
    pub objects: Objects,
    pub proxy: Proxy,
    /// A home without profiles.
    home: tempfile::TempDir,
    _root: tempfile::TempDir,
    // Last: the server's tasks end with it.
    runtime: tokio::runtime::Runtime,
}

/// What is in the bucket, seen past the proxy and without the client under test.
#[derive(Clone)]
pub struct Objects {
    pub bucket: String,
    server: SocketAddr,
}

/// Whether tests run against the second server, the one that is started outside.
pub fn is_second() -> bool {
    std::env::var_os("KEYTRAIL_S3_ENDPOINT").is_some()
}

impl Bed {
    pub fn start() -> Self {
        Self::new(1000, false)
    }

    /// For measuring: see [`Proxy::start`] for what it keeps.
    pub fn keeping() -> Self {
        Self::new(1000, true)
    }

    /// With pages of so many keys, as S3 might do ("up to 1,000"); the second server has pages of
    /// its own.
    pub fn paging(keys: usize) -> Self {
        Self::new(keys, false)
    }

    fn new(page: usize, keeps: bool) -> Self {
        static BUCKETS: AtomicU32 = AtomicU32::new(0);
        let bucket = format!("logs-{}-{}", std::process::id(), BUCKETS.fetch_add(1, Ordering::Relaxed));
        let root = tempfile::tempdir().unwrap();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let server = match std::env::var("KEYTRAIL_S3_ENDPOINT") {
            Ok(endpoint) => {
                let address = endpoint.trim_start_matches("http://").trim_end_matches('/');
                address.parse().expect("KEYTRAIL_S3_ENDPOINT is http:// with an address and a port")
            }
            Err(_) => server::serve(runtime.handle(), root.path(), page),
        };
        let proxy = Proxy::start(server, runtime.handle().clone(), keeps);
        let objects = Objects { bucket, server };
        let created = objects.request("PUT", "", &[], &[], b"");
        assert_eq!(created.status(), 200, "{}", String::from_utf8_lossy(&created.body));
        Self { objects, proxy, home: tempfile::tempdir().unwrap(), _root: root, runtime }
    }

    /// Another server, which answers what it is told to, and everything else with 404: a metadata
    /// service, say.
    pub fn beside(&self, answers: impl Fn(&Asked) -> Option<Message> + Send + Sync + 'static) -> Proxy {
        let server = Proxy::start(self.objects.server, self.runtime.handle().clone(), false);
        server.meddle(move |asked| {
            let nothing = || Message { start: "HTTP/1.1 404 Not Found".to_owned(), ..Message::default() };
            Some(Fault::Answer(answers(asked).unwrap_or_else(nothing)))
        });
        server
    }

    /// `s3://` and the bucket, with a key or prefix.
    pub fn uri(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.bucket)
    }

    /// Where the proxy listens.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.proxy.address)
    }

    /// The command with this bed's credentials and endpoint, and nothing of the machine's own
    /// settings for AWS.
    pub fn around(&self, mut command: Command) -> Command {
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("AWS_") {
                command.env_remove(name);
            }
        }
        command.env("HOME", self.home.path());
        command.env("AWS_ENDPOINT_URL", self.endpoint());
        command.env("AWS_ACCESS_KEY_ID", ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
        command.env("AWS_REGION", REGION).env("AWS_EC2_METADATA_DISABLED", "true");
        command
    }

    /// A request to be sent through the proxy.
    pub fn signed(&self, method: &str, key: &str, headers: &[(&str, &str)]) -> Message {
        let request = Request { method, bucket: &self.bucket, key, query: &[], headers, body: b"" };
        request.signed(self.proxy.address)
    }
}

impl Deref for Bed {
    type Target = Objects;

    fn deref(&self) -> &Objects {
        &self.objects
    }
}

impl Objects {
    /// Asks the server.
    pub fn request(
        &self,
        method: &str,
        key: &str,
        query: &[(&str, &str)],
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Message {
        Request { method, bucket: &self.bucket, key, query, headers, body }.send(self.server)
    }

    /// Puts an object.
    pub fn put(&self, key: &str, bytes: &[u8]) {
        let answer = self.request("PUT", key, &[], &[], bytes);
        assert_eq!(answer.status(), 200, "{key}: {}", String::from_utf8_lossy(&answer.body));
    }

    /// Puts all files below a folder, named with this prefix and their paths in it.
    pub fn put_folder(&self, prefix: &str, folder: &Path) {
        let mut folders = vec![folder.to_owned()];
        while let Some(next) = folders.pop() {
            for entry in std::fs::read_dir(next).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(folder).unwrap().to_str().unwrap();
                    self.put(&format!("{prefix}{name}"), &std::fs::read(&path).unwrap());
                }
            }
        }
    }

    /// The bytes of an object, if it is there.
    pub fn get(&self, key: &str) -> Option<Vec<u8>> {
        let answer = self.request("GET", key, &[], &[], b"");
        assert!([200, 404].contains(&answer.status()), "{key}: {}", String::from_utf8_lossy(&answer.body));
        (answer.status() == 200).then_some(answer.body)
    }

    /// Removes an object.
    pub fn delete(&self, key: &str) {
        assert_eq!(self.request("DELETE", key, &[], &[], b"").status(), 204, "{key}");
    }

    /// The keys of all objects under a prefix, in the server's order.
    pub fn keys(&self, prefix: &str) -> Vec<String> {
        let mut keys = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let mut query = vec![("list-type", "2"), ("prefix", prefix)];
            if let Some(token) = &token {
                query.push(("continuation-token", token));
            }
            let answer = self.request("GET", "", &query, &[], b"");
            let text = String::from_utf8(answer.body.clone()).unwrap();
            assert_eq!(answer.status(), 200, "{text}");
            keys.extend(elements(&text, "Key"));
            token = elements(&text, "NextContinuationToken").pop();
            if token.is_none() {
                return keys;
            }
        }
    }

    /// Writes all objects under a prefix into a folder, and gives the folder: what was written to
    /// S3 as a report, say.
    pub fn fetch(&self, prefix: &str, into: &Path) -> PathBuf {
        for key in self.keys(prefix) {
            let path = into.join(key.strip_prefix(prefix).unwrap().trim_start_matches('/'));
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, self.get(&key).expect("what is listed is there")).unwrap();
        }
        into.to_owned()
    }
}
