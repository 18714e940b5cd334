//! An S3 server in this process: s3s speaks the protocol and checks the signatures, s3s-fs keeps
//! the objects in files. Where s3s-fs answers otherwise than the Amazon S3 API Reference says, it
//! is put right here, and nowhere else:
//!
//! - A key is any text of up to 1,024 bytes. s3s-fs takes it for a path (`a//b`, `folder/`, `a`
//!   beside `a/b`), and encodes it into the name of a file, which gets too long. So it gets a hash
//!   instead, and what keys there are, and their order, is known here.
//! - `ListObjectsV2` tells each object's ETag; s3s-fs leaves it out.
//! - What is asked of a bucket that does not exist is NoSuchBucket; s3s-fs says NoSuchKey.
//! - `If-Match` for a key that does not exist is 404 NoSuchKey ("Add preconditions to S3 operations
//!   with conditional requests"); s3s-fs says 412.
//! - An upload that was completed or aborted is NoSuchUpload; s3s-fs says AccessDenied.
//! - A write is there as a whole or not at all, and its condition holds at that moment; s3s-fs
//!   looks first and writes later.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::dto::*;
use s3s::service::S3ServiceBuilder;
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};
use s3s_fs::FileSystem;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::RwLock;

use super::client::hex;
use super::{ACCESS_KEY, SECRET_KEY};

/// Serves one bucket, kept in this folder, until the runtime ends. No page of a listing has more
/// keys than `page`.
pub fn serve(runtime: &Handle, root: &Path, page: usize) -> SocketAddr {
    let files = FileSystem::new(root).unwrap();
    let mut builder =
        S3ServiceBuilder::new(Server { files, root: root.to_owned(), page, objects: RwLock::default() });
    builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
    let service = builder.build();
    let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0))).unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service.clone();
            tokio::spawn(async move {
                let connections = Builder::new(TokioExecutor::new());
                // A client that goes away is its own affair.
                let _ = connections.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    address
}

struct Server {
    files: FileSystem,
    root: PathBuf,
    page: usize,
    /// What there is, as listings show it. Held by writers alone, and by readers together.
    objects: RwLock<BTreeMap<String, Object>>,
}

/// The name of an object's file.
fn name_of(key: &str) -> String {
    hex(&Sha256::digest(key))
}

/// Another operation in the name of whoever asks for this one.
fn also<T, U>(request: &S3Request<T>, input: U) -> S3Request<U> {
    S3Request {
        input,
        method: request.method.clone(),
        uri: request.uri.clone(),
        headers: request.headers.clone(),
        extensions: request.extensions.clone(),
        credentials: request.credentials.clone(),
        region: request.region.clone(),
        service: request.service.clone(),
        trailing_headers: None,
    }
}

impl Server {
    /// s3s-fs keeps a file for each upload that has begun.
    fn must_exist(&self, upload_id: &str) -> S3Result<()> {
        let exists = self.root.join(format!(".upload-{upload_id}.json")).exists();
        if exists { Ok(()) } else { Err(s3_error!(NoSuchUpload)) }
    }

    /// Tells a bucket that is not there from an object that is not.
    async fn head<T>(&self, request: &S3Request<T>, bucket: &str, key: &str) -> S3Result<HeadObjectOutput> {
        let input = HeadObjectInput { bucket: bucket.into(), key: name_of(key), ..Default::default() };
        self.files.head_object(also(request, input)).await.map(|answer| answer.output)
    }

    /// The entry of an object that was just written.
    async fn entry(&self, request: S3Request<()>, bucket: &str, key: &str) -> S3Result<Object> {
        let head = self.head(&request, bucket, key).await?;
        Ok(Object {
            key: Some(key.to_owned()),
            size: head.content_length,
            e_tag: head.e_tag,
            last_modified: head.last_modified,
            ..Default::default()
        })
    }
}

#[async_trait]
impl S3 for Server {
    async fn create_bucket(
        &self,
        request: S3Request<CreateBucketInput>,
    ) -> S3Result<S3Response<CreateBucketOutput>> {
        self.files.create_bucket(request).await
    }

    async fn head_bucket(
        &self,
        request: S3Request<HeadBucketInput>,
    ) -> S3Result<S3Response<HeadBucketOutput>> {
        self.files.head_bucket(request).await
    }

    async fn get_object(
        &self,
        mut request: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        let _objects = self.objects.read().await;
        self.head(&request, &request.input.bucket, &request.input.key).await?;
        request.input.key = name_of(&request.input.key);
        self.files.get_object(request).await
    }

    async fn head_object(
        &self,
        mut request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let _objects = self.objects.read().await;
        request.input.key = name_of(&request.input.key);
        self.files.head_object(request).await
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let objects = self.objects.read().await;
        let bucket = HeadBucketInput { bucket: request.input.bucket.clone(), ..Default::default() };
        self.files.head_bucket(also(&request, bucket)).await?;
        let input = request.input;
        let prefix = input.prefix.clone().unwrap_or_default();
        let most = usize::try_from(input.max_keys.unwrap_or(1000)).unwrap().min(self.page);
        // The token is the last name of the page before: an object's or a folder's, all of which is
        // behind us.
        let behind = input.continuation_token.clone().or(input.start_after.clone());
        let is_behind = |name: &str| behind.as_deref().is_some_and(|last| name <= last);
        let (mut contents, mut folders): (Vec<Object>, Vec<String>) = Default::default();
        let (mut last, mut is_truncated) = (None, false);
        for (key, object) in objects.range(prefix.clone()..).take_while(|(key, _)| key.starts_with(&prefix)) {
            let delimiter = input.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty());
            let end = delimiter.and_then(|delimiter| {
                Some(prefix.len() + key[prefix.len()..].find(delimiter)? + delimiter.len())
            });
            let name = end.map_or(&**key, |end| &key[..end]);
            if is_behind(name) || folders.last().is_some_and(|folder| folder == name) {
                continue;
            }
            if contents.len() + folders.len() == most {
                is_truncated = true;
                break;
            }
            last = Some(name.to_owned());
            match end {
                Some(_) => folders.push(name.to_owned()),
                None => contents.push(object.clone()),
            }
        }
        let folders = folders.into_iter().map(|prefix| CommonPrefix { prefix: Some(prefix) });
        Ok(S3Response::new(ListObjectsV2Output {
            key_count: Some(i32::try_from(contents.len() + folders.len()).unwrap()),
            max_keys: Some(i32::try_from(most).unwrap()),
            is_truncated: Some(is_truncated),
            contents: Some(contents),
            common_prefixes: Some(folders.collect()),
            next_continuation_token: last.filter(|_| is_truncated),
            continuation_token: input.continuation_token,
            delimiter: input.delimiter,
            name: Some(input.bucket),
            prefix: input.prefix,
            start_after: input.start_after,
            ..Default::default()
        }))
    }

    async fn put_object(
        &self,
        mut request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let mut objects = self.objects.write().await;
        let (bucket, key) = (request.input.bucket.clone(), request.input.key.clone());
        if request.input.if_match.is_some() {
            self.head(&request, &bucket, &key).await?;
        }
        request.input.key = name_of(&key);
        let again = also(&request, ());
        let answer = self.files.put_object(request).await?;
        objects.insert(key.clone(), self.entry(again, &bucket, &key).await?);
        Ok(answer)
    }

    async fn delete_object(
        &self,
        mut request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        let mut objects = self.objects.write().await;
        let key = request.input.key.clone();
        request.input.key = name_of(&key);
        let answer = self.files.delete_object(request).await?;
        objects.remove(&key);
        Ok(answer)
    }

    async fn delete_objects(
        &self,
        mut request: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let mut objects = self.objects.write().await;
        let mut keys = Vec::new();
        for object in &mut request.input.delete.objects {
            let name = name_of(&object.key);
            keys.push(std::mem::replace(&mut object.key, name));
        }
        let mut answer = self.files.delete_objects(request).await?;
        for (deleted, key) in answer.output.deleted.iter_mut().flatten().zip(keys) {
            objects.remove(&key);
            deleted.key = Some(key);
        }
        Ok(answer)
    }

    async fn create_multipart_upload(
        &self,
        mut request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let key = request.input.key.clone();
        request.input.key = name_of(&key);
        let mut answer = self.files.create_multipart_upload(request).await?;
        answer.output.key = Some(key);
        Ok(answer)
    }

    async fn upload_part(
        &self,
        mut request: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        self.must_exist(&request.input.upload_id)?;
        request.input.key = name_of(&request.input.key);
        self.files.upload_part(request).await
    }

    async fn complete_multipart_upload(
        &self,
        mut request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let mut objects = self.objects.write().await;
        self.must_exist(&request.input.upload_id)?;
        let (bucket, key) = (request.input.bucket.clone(), request.input.key.clone());
        if request.input.if_match.is_some() {
            self.head(&request, &bucket, &key).await?;
        }
        request.input.key = name_of(&key);
        let again = also(&request, ());
        let answer = self.files.complete_multipart_upload(request).await?;
        objects.insert(key.clone(), self.entry(again, &bucket, &key).await?);
        Ok(answer)
    }

    async fn abort_multipart_upload(
        &self,
        mut request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        self.must_exist(&request.input.upload_id)?;
        request.input.key = name_of(&request.input.key);
        self.files.abort_multipart_upload(request).await
    }
}
