//! Finds a bucket's region, and with it the endpoint.

use object_store::client::{HttpRequest, HttpRequestBody};
use tokio::time::timeout;

use super::config::AwsConfig;
use super::connection::{OPEN_TIMEOUT, READ_TIMEOUT, http_client};
use super::endpoint::{Addressing, Endpoint, EndpointVariant, check_url, shown_url};
use super::refusal::{TransferError, region_header};
use crate::s3::error::Cause;
use crate::s3::{Access, S3Error};

/// The region whose endpoint is asked for a bucket's region if none is configured: any region in
/// the same partition knows.
const DEFAULT_REGION: &str = "us-east-1";
/// How often to ask.
const ATTEMPTS: u32 = 2;

/// Finds the endpoint for a bucket.
pub(super) async fn find_endpoint(
    bucket: &str,
    config: &AwsConfig,
    access: &Access,
) -> Result<Endpoint, S3Error> {
    let region = config.region.as_deref().unwrap_or(DEFAULT_REGION);
    if let Some(url) = &config.endpoint_url {
        check_url(url).map_err(|error| S3Error::Unreachable {
            endpoint: shown_url(url).to_owned(),
            source: error.into(),
        })?;
        return Ok(Endpoint::custom(url, bucket, region));
    }
    let addressing = if access.path_style { Addressing::Path } else { Addressing::VirtualHost };
    let variant = EndpointVariant { fips: config.fips, dual_stack: config.dual_stack, addressing };
    let endpoint = Endpoint::aws(bucket, region, variant);
    let head = timeout(OPEN_TIMEOUT, head_bucket(&endpoint))
        .await
        .unwrap_or_else(|_| Err(TransferError::Timeout.into()))
        .map_err(|source| S3Error::Unreachable { endpoint: endpoint.host.clone(), source })?;
    if head.status == 404 {
        return Err(S3Error::NoSuchBucket { bucket: bucket.to_owned(), endpoint: endpoint.host });
    }
    Ok(match head.region {
        Some(region) => Endpoint::aws(bucket, &region, variant),
        None => endpoint,
    })
}

/// What the response to HeadBucket says.
struct BucketHead {
    status: u16,
    region: Option<String>,
}

/// Asks without a signature: AWS sends the region in the header of any response, even an error.
async fn head_bucket(endpoint: &Endpoint) -> Result<BucketHead, Cause> {
    let client = http_client(READ_TIMEOUT)?;
    let mut attempt = 1;
    loop {
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.method_mut() = "HEAD".parse()?;
        *request.uri_mut() = endpoint.bucket_url.parse()?;
        match client.execute(request).await {
            Ok(response) => {
                let status = response.status().as_u16();
                return Ok(BucketHead { status, region: region_header(&response) });
            }
            Err(error) if attempt == ATTEMPTS => return Err(error.into()),
            Err(_) => attempt += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;

    use super::super::connection::runtime;
    use super::*;

    /// What a server that sends this one response says.
    fn head(response: &'static str) -> BucketHead {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let endpoint =
            Endpoint::custom(&format!("http://{}", listener.local_addr().unwrap()), "b", "us-east-1");
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 4096];
            let n = stream.read(&mut request).unwrap();
            stream.write_all(response.as_bytes()).unwrap();
            String::from_utf8_lossy(&request[..n]).into_owned()
        });
        let head = runtime().unwrap().block_on(head_bucket(&endpoint)).unwrap();
        let request = server.join().unwrap().to_lowercase();
        assert!(request.starts_with("head /b http/1.1") && !request.contains("authorization"), "{request}");
        head
    }

    #[test]
    fn any_response_names_the_region() {
        for status in ["200 OK", "301 Moved Permanently", "403 Forbidden", "400 Bad Request"] {
            let response =
                format!("HTTP/1.1 {status}\r\nx-amz-bucket-region: eu-west-1\r\nConnection: close\r\n\r\n");
            assert_eq!(head(response.leak()).region.as_deref(), Some("eu-west-1"), "{status}");
        }
        assert_eq!(head("HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n").status, 404);
    }
}
