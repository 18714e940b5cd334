//! Where a bucket is.

use object_store::client::{HttpRequest, HttpRequestBody};
use tokio::time::timeout;

use super::client::Refusal;
use super::credentials::{Settings, chain_of};
use super::endpoint::{self, Endpoint, Variant, first_asked};
use super::{OPENING, S3Error, client};

/// Where a bucket is to be asked for.
pub(super) async fn endpoint_of(
    bucket: &str,
    settings: &Settings,
    variant: Variant,
) -> Result<Endpoint, S3Error> {
    let region = first_asked(settings.region.as_deref());
    if let Some(url) = &settings.endpoint {
        return match endpoint::fault_of(url) {
            None => Ok(Endpoint::given(url, bucket, region)),
            Some(why) => Err(S3Error::Unreachable { endpoint: url.clone(), why: why.to_owned() }),
        };
    }
    let asked = Endpoint::of_aws(bucket, region, variant);
    let unreachable = |why| S3Error::Unreachable { endpoint: asked.host.clone(), why };
    let told =
        timeout(OPENING, region_of(&asked)).await.unwrap_or_else(|_| Err("no answer in time".to_owned()));
    match told.map_err(unreachable)? {
        no if no.status == 404 => {
            Err(S3Error::NoSuchBucket { bucket: bucket.to_owned(), endpoint: asked.host })
        }
        no => Ok(match no.region {
            Some(region) => Endpoint::of_aws(bucket, &region, variant),
            None => asked,
        }),
    }
}

/// What AWS tells anybody of a bucket. Nothing is signed: it is the answer's header that counts, whatever the answer is.
async fn region_of(asked: &Endpoint) -> Result<Refusal, String> {
    let client = client(asked).map_err(|e| e.to_string())?;
    let mut left = 2;
    loop {
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.method_mut() = "HEAD".parse().map_err(|_| "HEAD is no method".to_owned())?;
        *request.uri_mut() =
            asked.bucket_url.parse().map_err(|_| "the bucket's name is not part of a URL".to_owned())?;
        left -= 1;
        match client.execute(request).await {
            Ok(response) => return Ok(Refusal::of(response).await),
            Err(error) if left == 0 => return Err(chain_of(&error)),
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// What is learned from a server that answers once, with this.
    fn learned(answer: &'static str) -> Refusal {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let asked = Endpoint::given(&format!("http://{}", listener.local_addr().unwrap()), "b", "us-east-1");
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 4096];
            let n = stream.read(&mut request).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8_lossy(&request[..n]).into_owned()
        });
        let learned = crate::s3::runtime().unwrap().block_on(region_of(&asked)).unwrap();
        let request = server.join().unwrap().to_lowercase();
        assert!(request.starts_with("head /b http/1.1") && !request.contains("authorization"), "{request}");
        learned
    }

    /// AWS tells the region to anybody, whatever it thinks of the request.
    #[test]
    fn the_region_is_in_any_answer() {
        for status in ["200 OK", "301 Moved Permanently", "403 Forbidden", "400 Bad Request"] {
            let answer =
                format!("HTTP/1.1 {status}\r\nx-amz-bucket-region: eu-west-1\r\nConnection: close\r\n\r\n");
            assert_eq!(learned(answer.leak()).region.as_deref(), Some("eu-west-1"), "{status}");
        }
        assert_eq!(learned("HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n").status, 404);
    }
}
