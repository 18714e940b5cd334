//! Opens buckets: credentials, endpoint, connection.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use super::bucket::Bucket;
use super::client::S3Client;
use super::config::AwsConfig;
use super::connection::{READ_TIMEOUT, WRITE_TIMEOUT, http_client, runtime};
use super::region;
use crate::base::{lock, now_micros};
use crate::s3::{Access, S3Error};

/// The buckets of a run, each opened once. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Buckets {
    access: Access,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    /// For all buckets: the sources of credentials are asked once.
    config: Option<AwsConfig>,
    open: HashMap<String, Bucket>,
}

impl Buckets {
    /// Opens no bucket yet.
    pub fn new(access: Access) -> Self {
        Self { access, shared: Arc::default() }
    }

    /// Returns the bucket of this name; finds credentials, endpoint and region if it is not open
    /// yet.
    ///
    /// The bucket's region need not be configured: AWS tells it to anybody (Amazon S3 API
    /// Reference: HeadBucket, `x-amz-bucket-region`).
    ///
    /// # Errors
    /// When there are no credentials, or the endpoint does not respond within some seconds.
    pub fn open(&self, name: &str) -> Result<Bucket, S3Error> {
        let mut shared = lock(&self.shared);
        if let Some(bucket) = shared.open.get(name) {
            return Ok(bucket.clone());
        }
        if now_micros() < 0 {
            // Requests cannot be signed, and the library would panic.
            let clock = "the clock of this machine shows a time before 1970: set it";
            return Err(S3Error::failed(format!("signing requests for s3://{name}"), clock));
        }
        let Shared { config, open } = &mut *shared;
        let runtime = runtime()?;
        let config = config.get_or_insert_with(|| runtime.block_on(AwsConfig::load(&self.access)));
        let bucket = runtime.block_on(connect(name, &self.access, config))?;
        open.insert(name.to_owned(), bucket.clone());
        Ok(bucket)
    }
}

async fn connect(name: &str, access: &Access, config: &AwsConfig) -> Result<Bucket, S3Error> {
    let (credentials, endpoint) =
        tokio::join!(config.credentials.get(), region::find_endpoint(name, config, access));
    credentials.map_err(|cause| S3Error::NoCredentials { bucket: name.to_owned(), source: cause.into() })?;
    let endpoint = endpoint?;
    let client = S3Client {
        reading: http_client(READ_TIMEOUT)?,
        writing: http_client(WRITE_TIMEOUT)?,
        endpoint,
        bucket: name.to_owned(),
        credentials: config.credentials.clone(),
        requester_pays: access.requester_pays,
        slow_downs: AtomicU64::default(),
    };
    Ok(Bucket::new(client))
}
