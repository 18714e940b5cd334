//! Stands in for `network` in a build without the feature `s3`: no bucket can be opened.
//!
//! [`Bucket`] has no values, so its methods exist only for the compiler. `.ci/run` checks what a
//! build without S3 says.

use std::convert::Infallible;
use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::{Access, ListRequest, Object, ObjectBytes, ObjectContent, Page, S3Error, WriteCondition};

/// The buckets of a run; none can be opened in this build.
#[derive(Debug, Clone, Default)]
pub struct Buckets(());

/// A bucket; there is none in this build.
#[derive(Debug, Clone)]
pub struct Bucket(Infallible);

impl Buckets {
    /// Takes the options that a build with S3 would use.
    pub fn new(_access: Access) -> Self {
        Self(())
    }

    /// Fails.
    ///
    /// # Errors
    /// Always: [`S3Error::Unsupported`].
    pub fn open(&self, bucket: &str) -> Result<Bucket, S3Error> {
        Err(S3Error::Unsupported { bucket: bucket.to_owned() })
    }
}

#[allow(missing_docs, clippy::missing_errors_doc, reason = "cannot be called; `network` documents them")]
impl Bucket {
    pub fn name(&self) -> &str {
        match self.0 {}
    }

    pub fn check(&self, _prefix: &str) -> Result<bool, S3Error> {
        match self.0 {}
    }

    pub fn list(&self, _prefix: &str) -> Result<Vec<Object>, S3Error> {
        match self.0 {}
    }

    pub fn start_list_page(
        &self,
        _request: ListRequest,
        _on_done: impl FnOnce(Result<Page, S3Error>) + Send + 'static,
    ) -> Result<(), S3Error> {
        match self.0 {}
    }

    pub fn start_read(
        &self,
        _key: String,
        _etag: Option<Arc<str>>,
        _range: Range<u64>,
        _on_done: impl FnOnce(Result<ObjectBytes, S3Error>) + Send + 'static,
    ) -> Result<(), S3Error> {
        match self.0 {}
    }

    pub fn address(&self, _key: &str) -> String {
        match self.0 {}
    }

    pub fn slow_downs(&self) -> u64 {
        match self.0 {}
    }

    pub fn read(&self, _key: &str) -> Result<Option<ObjectContent>, S3Error> {
        match self.0 {}
    }

    pub fn download(&self, _key: &str, _to: &mut File) -> Result<(), S3Error> {
        match self.0 {}
    }

    pub fn write(
        &self,
        _key: &str,
        _bytes: Vec<u8>,
        _condition: WriteCondition,
    ) -> Result<Option<String>, S3Error> {
        match self.0 {}
    }

    pub fn write_within(
        &self,
        _limit: Duration,
        _key: &str,
        _bytes: Vec<u8>,
        _condition: WriteCondition,
    ) -> Result<Option<String>, S3Error> {
        match self.0 {}
    }

    pub fn upload(&self, _key: &str, _file: &Path) -> Result<(), S3Error> {
        match self.0 {}
    }

    pub fn delete(&self, _keys: Vec<String>) -> Result<(), S3Error> {
        match self.0 {}
    }

    pub fn delete_within(&self, _limit: Duration, _key: &str) -> Result<(), S3Error> {
        match self.0 {}
    }
}
