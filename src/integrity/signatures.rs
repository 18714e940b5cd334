//! Signatures of digests that are not in the input: the metadata of their objects.

use serde_json::{Map, Value};
use thiserror::Error;

use super::name::stem;
use crate::model::RecordedPlace;

/// Why a file of a signature cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SignatureFileError {
    /// It is not JSON.
    #[error("it is not the output of `aws s3api head-object`")]
    Form(#[source] serde_json::Error),
    /// It is JSON without a signature.
    #[error("it has no `Metadata` with a `signature`: it is not the output of `head-object` for a digest")]
    NoSignature,
}

/// A signature that the user gives.
#[derive(Debug)]
struct Given {
    /// The file's name without extensions.
    name: String,
    /// Hexadecimal.
    signature: String,
}

/// Signatures of digests, from the metadata of their objects.
#[derive(Debug, Default)]
pub struct Signatures {
    given: Vec<Given>,
}

/// Signatures that are tried for a digest if none is named like it.
const TRIED: usize = 256;

impl Signatures {
    /// Adds the signature in a file: the output of `aws s3api head-object` for a digest. If `name`,
    /// the name of the file, has the name of the digest in it, the signature is tried with that
    /// digest only.
    ///
    /// # Errors
    /// When there is no signature in it.
    pub fn add(&mut self, json: &[u8], name: &str) -> Result<(), SignatureFileError> {
        let json: Map<String, Value> = serde_json::from_slice(json).map_err(SignatureFileError::Form)?;
        let metadata = json.get("Metadata").or(json.get("metadata")).and_then(Value::as_object);
        let signature = metadata.unwrap_or(&json).get("signature").and_then(Value::as_str);
        let signature = signature.ok_or(SignatureFileError::NoSignature)?.to_owned();
        self.given.push(Given { name: stem(name).to_owned(), signature });
        Ok(())
    }

    /// The signatures that are named like the digest at `place`.
    pub(super) fn named(&self, place: &RecordedPlace) -> impl Iterator<Item = &str> {
        let name = stem(&place.object);
        self.given.iter().filter(move |given| given.name == name).map(|given| given.signature.as_str())
    }

    /// Those that may be of any digest.
    pub(super) fn others(&self) -> impl Iterator<Item = &str> {
        let is_named = |given: &&Given| given.name.contains("_CloudTrail-Digest_");
        self.given
            .iter()
            .filter(move |given| !is_named(given))
            .take(TRIED)
            .map(|given| given.signature.as_str())
    }
}
