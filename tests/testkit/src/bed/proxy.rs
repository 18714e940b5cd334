//! Stands between keytrail and the server: notes what is asked, takes its time, and lets requests
//! fail. The `Host` header passes as it is, since it is signed.

use std::collections::HashMap;
use std::io::{self, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use tokio::runtime::Handle;

use super::client::elements;
use super::faults::Fault;
use super::http::{Message, decode};

/// What S3 is asked to do (Amazon S3 API Reference, "Actions").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    GetObject,
    HeadObject,
    HeadBucket,
    ListObjects,
    PutObject,
    CreateMultipartUpload,
    UploadPart,
    CompleteMultipartUpload,
    AbortMultipartUpload,
    DeleteObject,
    DeleteObjects,
    Other,
}

/// One request.
#[derive(Debug, Clone)]
pub struct Asked {
    pub operation: Operation,
    pub bucket: String,
    /// Empty for what concerns the bucket.
    pub key: String,
    /// Those that `DeleteObjects` names.
    pub keys: Vec<String>,
    pub query: Vec<(String, String)>,
    /// The `Range` header.
    pub range: Option<String>,
    pub method: String,
    /// Path and query as sent.
    pub target: String,
    pub headers: Vec<(String, String)>,
    /// How often the very same was asked before.
    pub attempt: usize,
    /// The status of the answer, if there was one; a fault behind it does not show.
    pub status: Option<u16>,
    /// Whether it was let fail.
    pub failed: bool,
}

impl Asked {
    fn of(request: &Message) -> Self {
        let mut start = request.start.split(' ');
        let (method, target) = (start.next().unwrap_or_default(), start.next().unwrap_or_default());
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let (bucket, key) =
            path.trim_start_matches('/').split_once('/').unwrap_or((path.trim_start_matches('/'), ""));
        let query: Vec<(String, String)> = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(name, value)| (decode(name, true), decode(value, true)))
            .collect();
        let has = |name: &str| query.iter().any(|(other, _)| other == name);
        let operation = match (method, key.is_empty()) {
            ("GET", true) if has("list-type") => Operation::ListObjects,
            ("GET", false) if query.iter().all(|(name, _)| name == "x-id") => Operation::GetObject,
            ("HEAD", true) => Operation::HeadBucket,
            ("HEAD", false) => Operation::HeadObject,
            ("PUT", false) if has("partNumber") => Operation::UploadPart,
            ("PUT", false) => Operation::PutObject,
            ("POST", false) if has("uploads") => Operation::CreateMultipartUpload,
            ("POST", false) if has("uploadId") => Operation::CompleteMultipartUpload,
            ("DELETE", false) if has("uploadId") => Operation::AbortMultipartUpload,
            ("DELETE", false) => Operation::DeleteObject,
            ("POST", true) if has("delete") => Operation::DeleteObjects,
            _ => Operation::Other,
        };
        let keys = match operation {
            Operation::DeleteObjects => elements(&String::from_utf8_lossy(&request.body), "Key"),
            _ => Vec::new(),
        };
        Self {
            operation,
            bucket: decode(bucket, false),
            key: decode(key, false),
            keys,
            query,
            range: request.header("range").map(str::to_owned),
            method: method.to_owned(),
            target: target.to_owned(),
            headers: request.headers.clone(),
            attempt: 0,
            status: None,
            failed: false,
        }
    }

    /// What the query says of this.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(other, _)| other == name).map(|(_, value)| &**value)
    }

    /// The header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }
}

type Meddler = Arc<dyn Fn(&Asked) -> Option<Fault> + Send + Sync>;

/// The way to the server. Ends when it is dropped; requests under way are left to themselves.
pub struct Proxy {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    server: SocketAddr,
    runtime: Handle,
    meddler: Mutex<Option<Meddler>>,
    latency_ms: AtomicU64,
    asked: Mutex<Vec<Asked>>,
    attempts: Mutex<HashMap<String, usize>>,
    /// Answers that are given again without asking the server.
    kept: Option<Mutex<HashMap<String, Arc<Message>>>>,
    under_way: AtomicUsize,
    most_under_way: AtomicUsize,
    ended: AtomicBool,
}

impl Proxy {
    /// A way to this server. If it `keeps` answers, each reading request reaches the server once:
    /// for measuring, where the server's work would disturb. `runtime` is one that runs.
    pub fn start(server: SocketAddr, runtime: Handle, keeps: bool) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            server,
            runtime,
            meddler: Mutex::default(),
            latency_ms: AtomicU64::new(0),
            asked: Mutex::default(),
            attempts: Mutex::default(),
            kept: keeps.then(Mutex::default),
            under_way: AtomicUsize::new(0),
            most_under_way: AtomicUsize::new(0),
            ended: AtomicBool::new(false),
        });
        let ours = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if ours.ended.load(Ordering::Relaxed) {
                    return;
                }
                let shared = Arc::clone(&ours);
                thread::spawn(move || stream.and_then(|stream| shared.serve(stream)));
            }
        });
        Self { address, shared }
    }

    /// Every request is shown to `meddler` from now on, which may let it fail. It may also do
    /// something of its own before the request goes on.
    pub fn meddle(&self, meddler: impl Fn(&Asked) -> Option<Fault> + Send + Sync + 'static) {
        *self.shared.meddler.lock().unwrap() = Some(Arc::new(meddler));
    }

    /// No more meddling.
    pub fn leave_alone(&self) {
        *self.shared.meddler.lock().unwrap() = None;
    }

    /// Lets each request wait so long.
    pub fn delay(&self, latency: Duration) {
        self.shared.latency_ms.store(latency.as_millis().try_into().unwrap(), Ordering::Relaxed);
    }

    /// What was asked so far, in the order in which the requests came.
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().unwrap().clone()
    }

    /// Forgets what was asked, and how many requests were under way.
    pub fn forget(&self) {
        self.shared.asked.lock().unwrap().clear();
        self.shared.attempts.lock().unwrap().clear();
        self.shared.most_under_way.store(0, Ordering::Relaxed);
    }

    /// How many requests were under way at once, at most.
    pub fn most_under_way(&self) -> usize {
        self.shared.most_under_way.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address); // wakes the listener
    }
}

/// How a connection goes on after a request.
enum Next {
    Keep,
    Close,
    Reset,
}

impl Shared {
    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(&stream);
        let mut server = None;
        while let Some(request) = Message::read(&mut reader, None)? {
            let now = self.under_way.fetch_add(1, Ordering::Relaxed) + 1;
            self.most_under_way.fetch_max(now, Ordering::Relaxed);
            let next = self.answer(&request, &stream, &mut server);
            self.under_way.fetch_sub(1, Ordering::Relaxed);
            match next? {
                Next::Keep => {}
                Next::Close => return Ok(()),
                Next::Reset => return self.reset(stream),
            }
        }
        Ok(())
    }

    fn answer(
        &self,
        request: &Message,
        client: &TcpStream,
        server: &mut Option<TcpStream>,
    ) -> io::Result<Next> {
        let mut asked = Asked::of(request);
        let same =
            format!("{} {} {}", asked.method, asked.target, asked.range.as_deref().unwrap_or_default());
        let seen = {
            let mut attempts = self.attempts.lock().unwrap();
            let times = attempts.entry(same.clone()).or_default();
            asked.attempt = *times;
            *times += 1;
            let mut all = self.asked.lock().unwrap();
            all.push(asked.clone());
            all.len() - 1
        };
        let meddler = self.meddler.lock().unwrap().clone();
        let fault = meddler.and_then(|meddler| meddler(&asked));
        self.note(seen, |asked| asked.failed = fault.is_some());
        thread::sleep(Duration::from_millis(self.latency_ms.load(Ordering::Relaxed)));
        let answer = match &fault {
            Some(Fault::Reset) => return Ok(Next::Reset),
            Some(Fault::Stall) => return self.stall(client),
            Some(Fault::Answer(answer)) => Arc::new(answer.clone()),
            _ => self.ask(request, &asked.method, same, server)?,
        };
        self.note(seen, |asked| asked.status = Some(answer.status()));
        let cut = match fault {
            None | Some(Fault::Answer(_)) => {
                answer.write(client, Some(&asked.method))?;
                return Ok(Next::Keep);
            }
            Some(Fault::Lost) => return Ok(Next::Reset),
            Some(cut) => cut,
        };
        // An answer without a body is cut in its head.
        let mut bytes = answer.head(Some(&asked.method)).into_bytes();
        let length =
            if answer.body.is_empty() { bytes.len() / 2 } else { bytes.len() + answer.body.len() / 2 };
        bytes.extend_from_slice(&answer.body);
        { client }.write_all(&bytes[..length])?;
        match cut {
            Fault::StallInBody => self.stall(client),
            Fault::ResetInBody => {
                // A reset discards what the client has not taken yet.
                thread::sleep(Duration::from_millis(20));
                Ok(Next::Reset)
            }
            _ => Ok(Next::Close),
        }
    }

    /// Adds to what is known of a request, unless it has been forgotten.
    fn note(&self, seen: usize, change: impl FnOnce(&mut Asked)) {
        if let Some(asked) = self.asked.lock().unwrap().get_mut(seen) {
            change(asked);
        }
    }

    fn ask(
        &self,
        request: &Message,
        method: &str,
        same: String,
        server: &mut Option<TcpStream>,
    ) -> io::Result<Arc<Message>> {
        let kept = self.kept.as_ref().filter(|_| method == "GET");
        if let Some(answer) = kept.and_then(|kept| kept.lock().unwrap().get(&same).cloned()) {
            return Ok(answer);
        }
        let stream = match server.take() {
            Some(stream) => stream,
            None => TcpStream::connect(self.server)?,
        };
        stream.set_nodelay(true)?;
        request.write(&stream, None)?;
        let answer = Message::read(&mut BufReader::new(&stream), Some(method))?
            .ok_or_else(|| io::Error::other("the server has closed the connection"))?;
        if !answer.is_last() {
            *server = Some(stream);
        }
        let answer = Arc::new(answer);
        if let Some(kept) = kept.filter(|_| (200..300).contains(&answer.status())) {
            kept.lock().unwrap().insert(same, Arc::clone(&answer));
        }
        Ok(answer)
    }

    /// Holds the connection until the client has closed it.
    fn stall(&self, client: &TcpStream) -> io::Result<Next> {
        client.set_read_timeout(Some(Duration::from_millis(50)))?;
        while !self.ended.load(Ordering::Relaxed) {
            match client.peek(&mut [0]) {
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                }
                _ => break,
            }
        }
        Ok(Next::Close)
    }

    /// Ends a connection without the usual farewell.
    fn reset(&self, stream: TcpStream) -> io::Result<()> {
        let _runtime = self.runtime.enter();
        stream.set_nonblocking(true)?;
        tokio::net::TcpStream::from_std(stream)?.set_zero_linger()
    }
}
