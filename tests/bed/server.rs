//! An S3 server in this process: s3s speaks the protocol and checks the signatures, s3s-fs keeps the objects in files. Where s3s-fs answers
//! otherwise than the Amazon S3 API Reference says, it is put right here, and nowhere else:
//!
//! - `ListObjectsV2` tells each object's ETag; s3s-fs leaves it out.
//! - `GetObject` in a bucket that does not exist is NoSuchBucket; s3s-fs says NoSuchKey.
//! - `PutObject` with `If-Match` for a key that does not exist is 404 NoSuchKey ("Add preconditions to S3 operations with conditional
//!   requests"); s3s-fs says 412.
//! - An upload that was completed or aborted is NoSuchUpload; s3s-fs says AccessDenied.
//! - A write is there as a whole or not at all, and its condition holds at that moment; s3s-fs looks first and writes later.
//! - A key is any text. Where a path is not (`a//b`, `folder/`, `./x`, `a` beside `a/b`), the file is named otherwise.

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
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::RwLock;

use super::http::{decode, encode};
use super::{ACCESS_KEY, SECRET_KEY};

/// Serves the folders of `root` as buckets until the runtime ends.
pub fn serve(runtime: &Handle, root: &Path) -> SocketAddr {
    let files = FileSystem::new(root).unwrap();
    let mut builder =
        S3ServiceBuilder::new(Bucket { files, root: root.to_owned(), writing: RwLock::new(()) });
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

struct Bucket {
    files: FileSystem,
    root: PathBuf,
    /// Held by writers alone, and by readers together.
    writing: RwLock<()>,
}

/// Stands before a part of a key that a path cannot have.
const ODD: char = '\u{e000}';
/// Ends the name of an object's file, so that a folder may have the same. It sorts before everything that a key may have there.
const END: char = '\u{1}';

/// The key as a path. A key that ends with `/` becomes a file, too.
fn path_of(key: &str) -> String {
    format!("{}{END}", folders_of(key))
}

/// Parts that are empty or dots get a mark.
fn folders_of(key: &str) -> String {
    let part = |part: &str| match part {
        "" | "." | ".." => format!("{ODD}{part}"),
        _ => part.to_owned(),
    };
    key.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// The beginning of such paths, its last part left as it is.
fn prefix_of(key: &str) -> String {
    key.rsplit_once('/').map_or(key.to_owned(), |(folders, rest)| format!("{}/{rest}", folders_of(folders)))
}

fn key_of(path: &str) -> String {
    path.replace([ODD, END], "")
}

impl Bucket {
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

    /// s3s-fs keeps a file for each upload that has begun.
    fn must_exist(&self, upload_id: &str) -> S3Result<()> {
        let exists = self.root.join(format!(".upload-{upload_id}.json")).exists();
        if exists { Ok(()) } else { Err(s3_error!(NoSuchUpload)) }
    }

    async fn head<T>(&self, request: &S3Request<T>, bucket: &str, path: &str) -> S3Result<HeadObjectOutput> {
        let input = HeadObjectInput { bucket: bucket.into(), key: path.into(), ..Default::default() };
        self.files.head_object(Self::also(request, input)).await.map(|answer| answer.output)
    }
}

#[async_trait]
impl S3 for Bucket {
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
        let _reading = self.writing.read().await;
        request.input.key = path_of(&request.input.key);
        // Tells a bucket that is not there from an object that is not.
        self.head(&request, &request.input.bucket, &request.input.key).await?;
        self.files.get_object(request).await
    }

    async fn head_object(
        &self,
        mut request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let _reading = self.writing.read().await;
        request.input.key = path_of(&request.input.key);
        self.files.head_object(request).await
    }

    async fn list_objects_v2(
        &self,
        mut request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let _reading = self.writing.read().await;
        let input = &mut request.input;
        let prefix = input.prefix.clone();
        input.prefix = prefix.as_deref().map(prefix_of);
        input.start_after = input.start_after.as_deref().map(path_of);
        input.continuation_token = input.continuation_token.as_deref().map(|token| decode(token, false));
        let again = Self::also(&request, ());
        let bucket = request.input.bucket.clone();
        let mut answer = self.files.list_objects_v2(request).await?;
        answer.output.prefix = prefix;
        // It holds a path, which not every XML document can.
        let token = &mut answer.output.next_continuation_token;
        *token = token.as_deref().map(|token| encode(token, false));
        for object in answer.output.contents.iter_mut().flatten() {
            let path = object.key.take().unwrap();
            object.e_tag = self.head(&again, &bucket, &path).await?.e_tag;
            object.key = Some(key_of(&path));
        }
        for common in answer.output.common_prefixes.iter_mut().flatten() {
            common.prefix = common.prefix.as_deref().map(key_of);
        }
        // The marks of odd keys sort otherwise than these do.
        answer.output.contents.iter_mut().for_each(|objects| objects.sort_by(|a, b| a.key.cmp(&b.key)));
        Ok(answer)
    }

    async fn put_object(
        &self,
        mut request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let _writing = self.writing.write().await;
        request.input.key = path_of(&request.input.key);
        if request.input.if_match.is_some() {
            self.head(&request, &request.input.bucket, &request.input.key).await?;
        }
        self.files.put_object(request).await
    }

    async fn delete_object(
        &self,
        mut request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        let _writing = self.writing.write().await;
        request.input.key = path_of(&request.input.key);
        self.files.delete_object(request).await
    }

    async fn delete_objects(
        &self,
        mut request: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let _writing = self.writing.write().await;
        for object in &mut request.input.delete.objects {
            object.key = path_of(&object.key);
        }
        let mut answer = self.files.delete_objects(request).await?;
        for deleted in answer.output.deleted.iter_mut().flatten() {
            deleted.key = deleted.key.as_deref().map(key_of);
        }
        Ok(answer)
    }

    async fn create_multipart_upload(
        &self,
        mut request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        request.input.key = path_of(&request.input.key);
        self.files.create_multipart_upload(request).await
    }

    async fn upload_part(
        &self,
        mut request: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        request.input.key = path_of(&request.input.key);
        self.must_exist(&request.input.upload_id)?;
        self.files.upload_part(request).await
    }

    async fn complete_multipart_upload(
        &self,
        mut request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let _writing = self.writing.write().await;
        request.input.key = path_of(&request.input.key);
        if request.input.if_match.is_some() {
            self.head(&request, &request.input.bucket, &request.input.key).await?;
        }
        self.must_exist(&request.input.upload_id)?;
        self.files.complete_multipart_upload(request).await
    }

    async fn abort_multipart_upload(
        &self,
        mut request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        request.input.key = path_of(&request.input.key);
        self.must_exist(&request.input.upload_id)?;
        self.files.abort_multipart_upload(request).await
    }
}
