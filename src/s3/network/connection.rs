//! HTTP settings, time limits, and the runtime that waits for the network.

use std::sync::Mutex;
use std::time::Duration;

use object_store::client::HttpClient;
use tokio::runtime::Runtime;

use crate::base::lock;
use crate::s3::S3Error;

/// To find credentials and the bucket's region. Together with [`CHECK_TIMEOUT`] it stays below ten
/// seconds.
pub(super) const OPEN_TIMEOUT: Duration = Duration::from_secs(5);
/// For the first request to a bucket, with all its attempts.
pub(super) const CHECK_TIMEOUT: Duration = Duration::from_secs(4);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// If nothing arrives for this long, a response is given up and requested again.
pub(super) const READ_TIMEOUT: Duration = Duration::from_secs(15);
/// The same for writing, where a part has to be sent before there can be a response.
pub(super) const WRITE_TIMEOUT: Duration = Duration::from_secs(120);

/// An HTTP client. There is no limit for a whole response: a large object takes as long as it
/// takes, as long as something arrives within `read_timeout`.
///
/// It follows no redirect: requests carry credentials, which no other host may get. S3 names the
/// right endpoint in its response instead (Amazon S3 User Guide: "Request redirection").
pub(super) fn http_client(read_timeout: Duration) -> Result<HttpClient, S3Error> {
    let client = reqwest::Client::builder()
        .user_agent(concat!("keytrail/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(read_timeout)
        .build()
        .map_err(|error| S3Error::failed("setting up requests to S3", error))?;
    Ok(HttpClient::new(client))
}

/// The runtime for all buckets. It has two threads: they decrypt and copy, and decoding archives
/// needs the processors more. A fork of the process does not have these threads, so it gets a
/// runtime of its own.
pub(super) fn runtime() -> Result<&'static Runtime, S3Error> {
    static RUNTIME: Mutex<Option<(u32, &'static Runtime)>> = Mutex::new(None);
    let mut known = lock(&RUNTIME);
    let process = std::process::id();
    if let Some((_, runtime)) = known.filter(|(owner, _)| *owner == process) {
        return Ok(runtime);
    }
    let built = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("network")
        .enable_all()
        .build()
        .map_err(|error| S3Error::failed("starting threads for S3", error))?;
    let runtime: &'static Runtime = Box::leak(Box::new(built)); // it is there until the process ends
    *known = Some((process, runtime));
    Ok(runtime)
}
