//! A trail with digests: log files, hour by hour, and digests that are signed with throw-away keys,
//! as CloudTrail would write them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, Duration, Utc};
use md5::{Digest as _, Md5};
use serde_json::{Value, json};

use crate::files::gzip;
use crate::records::{decrypt, document};

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn sha256(bytes: &[u8]) -> String {
    hex(digest(&SHA256, bytes).as_ref())
}

/// A throw-away key of 2,048 bits.
pub struct Signer(KeyPair);

impl Signer {
    pub fn new() -> Self {
        Self(KeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    /// One that all tests of a process share: to make one takes a while.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Signer> = OnceLock::new();
        SHARED.get_or_init(Self::new)
    }

    /// The public key as PKCS#1, as CloudTrail gives most of its keys.
    pub fn pkcs1(&self) -> Vec<u8> {
        self.0.public_key().as_ref().to_vec()
    }

    /// The public key as SubjectPublicKeyInfo.
    pub fn spki(&self) -> Vec<u8> {
        self.0.public_key().as_der().unwrap().as_ref().to_vec()
    }

    pub fn fingerprint(&self) -> String {
        fingerprint(&self.pkcs1())
    }

    /// A signature of `text` in hexadecimal digits.
    pub fn sign(&self, text: &str) -> String {
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).unwrap();
        hex(&signature)
    }
}

impl Default for Signer {
    fn default() -> Self {
        Self::new()
    }
}

pub fn fingerprint(der: &[u8]) -> String {
    hex(&Md5::digest(der))
}

/// The output of `aws cloudtrail list-public-keys` for keys in DER form.
pub fn key_list(keys: &[Vec<u8>], start: &str, end: &str) -> Value {
    let key = |der: &Vec<u8>| {
        json!({"Value": BASE64_STANDARD.encode(der), "Fingerprint": fingerprint(der),
            "ValidityStartTime": start, "ValidityEndTime": end})
    };
    json!({"PublicKeyList": keys.iter().map(key).collect::<Vec<_>>()})
}

/// A file that CloudTrail writes.
#[derive(Clone)]
pub struct Written {
    /// Its key in the bucket.
    pub object: String,
    /// Its content, not compressed.
    pub content: Vec<u8>,
}

impl Written {
    /// Where it is in a copy of the bucket.
    pub fn path(&self, copy: &Path) -> PathBuf {
        copy.join(&self.object)
    }

    /// Writes it into a copy of the bucket.
    pub fn write(&self, copy: &Path) {
        let path = self.path(copy);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, gzip(&self.content)).unwrap();
    }
}

/// What CloudTrail writes in an hour.
#[derive(Clone)]
pub struct Hour {
    pub logs: Vec<Written>,
    pub digest: Written,
    /// The signature in the metadata of the digest's object.
    pub signature: String,
}

/// A trail.
#[derive(Clone)]
pub struct Trail {
    pub bucket: String,
    pub prefix: String,
    pub account: String,
    pub region: String,
    pub name: String,
    pub home_region: String,
    /// Start of its first hour.
    pub start: DateTime<Utc>,
    pub logs_per_hour: u32,
}

impl Default for Trail {
    fn default() -> Self {
        Self {
            bucket: "example-bucket".to_owned(),
            prefix: String::new(),
            account: "111122223333".to_owned(),
            region: "us-west-2".to_owned(),
            name: "my_trail".to_owned(),
            home_region: "eu-west-1".to_owned(),
            start: "2023-03-31T22:00:00Z".parse().unwrap(),
            logs_per_hour: 2,
        }
    }
}

impl Trail {
    /// The first `count` hours.
    pub fn hours(&self, count: usize, signer: &Signer) -> Vec<Hour> {
        self.changed_hours(count, signer, |_, _| {})
    }

    /// The same, with digests that `change` changes before they are signed; it is given their
    /// numbers from 0.
    pub fn changed_hours(
        &self,
        count: usize,
        signer: &Signer,
        change: impl Fn(usize, &mut Value),
    ) -> Vec<Hour> {
        let mut hours: Vec<Hour> = Vec::new();
        for n in 0..count {
            let start = self.start + Duration::hours(i64::try_from(n).unwrap());
            let logs: Vec<Written> = (0..self.logs_per_hour).map(|m| self.log(start, m)).collect();
            let mut json = self.digest(start, &logs, hours.last(), signer);
            change(n, &mut json);
            hours.push(self.signed(&json, logs, signer));
        }
        hours
    }

    /// The hour with this digest.
    pub fn signed(&self, json: &Value, logs: Vec<Written>, signer: &Signer) -> Hour {
        let content = json.to_string().into_bytes();
        let text = |member: &str| json[member].as_str().unwrap_or("null").to_owned();
        let object = text("digestS3Object");
        let signed = format!(
            "{}\n{}/{object}\n{}\n{}",
            text("digestEndTime"),
            text("digestS3Bucket"),
            sha256(&content),
            text("previousDigestSignature")
        );
        Hour { logs, signature: signer.sign(&signed), digest: Written { object, content } }
    }

    /// A log file that was delivered in the hour from `start` on.
    pub fn log(&self, start: DateTime<Utc>, number: u32) -> Written {
        let delivered = start + Duration::minutes(i64::from(5 + 7 * number));
        let Self { prefix, account, region, .. } = self;
        let day = delivered.format("%Y/%m/%d");
        let time = delivered.format("%Y%m%dT%H%MZ");
        let unique = hex(digest(&SHA256, format!("{region}{time}{number}").as_bytes()).as_ref());
        let id = u32::try_from(start.timestamp() / 3600).unwrap() * 100 + number;
        let mut record = decrypt(id);
        record["eventTime"] = start.format("%Y-%m-%dT%H:%M:%SZ").to_string().into();
        Written {
            object: format!(
                "{prefix}AWSLogs/{account}/CloudTrail/{region}/{day}/{account}_CloudTrail_{region}_{time}_{}.json.gz",
                &unique[..16]
            ),
            content: document(&[record]).into_bytes(),
        }
    }

    /// The digest of the hour from `start` on.
    pub fn digest(
        &self,
        start: DateTime<Utc>,
        logs: &[Written],
        previous: Option<&Hour>,
        signer: &Signer,
    ) -> Value {
        let Self { prefix, account, region, name, home_region, bucket, .. } = self;
        let end = start + Duration::hours(1);
        let (day, time) = (end.format("%Y/%m/%d"), end.format("%Y%m%dT%H%M%SZ"));
        let object = format!(
            "{prefix}AWSLogs/{account}/CloudTrail-Digest/{region}/{day}/{account}_CloudTrail-Digest_{region}_{name}_{home_region}_{time}.json.gz"
        );
        let log = |log: &Written| {
            json!({"s3Bucket": bucket, "s3Object": log.object, "hashValue": sha256(&log.content),
                "hashAlgorithm": "SHA-256", "newestEventTime": start.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
                "oldestEventTime": start.format("%Y-%m-%dT%H:%M:%SZ").to_string()})
        };
        let previous_text = |text: fn(&Hour) -> String| previous.map(text);
        json!({
            "awsAccountId": account,
            "digestStartTime": start.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "digestEndTime": end.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "digestS3Bucket": bucket,
            "digestS3Object": object,
            "digestPublicKeyFingerprint": signer.fingerprint(),
            "digestSignatureAlgorithm": "SHA256withRSA",
            "newestEventTime": null,
            "oldestEventTime": null,
            "previousDigestS3Bucket": previous.map(|_| bucket),
            "previousDigestS3Object": previous_text(|hour| hour.digest.object.clone()),
            "previousDigestHashValue": previous_text(|hour| sha256(&hour.digest.content)),
            "previousDigestHashAlgorithm": previous.map(|_| "SHA-256"),
            "previousDigestSignature": previous_text(|hour| hour.signature.clone()),
            "logFiles": logs.iter().map(log).collect::<Vec<_>>(),
        })
    }
}

/// Writes all files of some hours into a copy of their bucket.
pub fn write_hours(copy: &Path, hours: &[Hour]) {
    for hour in hours {
        hour.digest.write(copy);
        hour.logs.iter().for_each(|log| log.write(copy));
    }
}

/// The output of `aws s3api head-object` for a digest.
pub fn head_object(hour: &Hour) -> Value {
    json!({"AcceptRanges": "bytes", "ContentType": "application/json", "ContentEncoding": "gzip",
        "Metadata": {"signature": hour.signature, "signature-algorithm": "SHA256withRSA"}})
}
