//! Reads a digest file.

use tracing::debug;

use crate::format::decode::sha256_of;
use crate::model::{Digest, Sha256};
use crate::parse;

/// Reads a digest, unless it lacks what a digest has.
pub(super) fn read_digest(content: &[u8]) -> Option<Digest> {
    let sha256 = sha256_of(content).ok().and_then(|hash| Sha256::from_hex(&hash))?;
    parse::digest(content, sha256).inspect_err(|error| debug!(%error, "no digest that can be used")).ok()
}
