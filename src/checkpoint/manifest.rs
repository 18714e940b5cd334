//! The manifest: which segments exist, and what they must hold.
//!
//! A file that the manifest does not name does not count, whatever its name is. The manifest is
//! replaced as a whole, so there is always one that is complete.

use std::fmt::Write;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::error::Unusable;
use super::settings::Settings;
use crate::model::KnownFolder;

/// The format of manifest and segments. It changes whenever another program would find other facts
/// in an archive, or write them in another form. Formats 1 and 2 had no manifest.
const FORMAT: u32 = 12;

/// The content of `manifest.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    format: u32,
    /// For people.
    keytrail_version: String,
    /// The options that the facts were made with.
    pub settings: Settings,
    /// The folders on this machine that archives were read from.
    pub folders: Vec<KnownFolder>,
    /// The segments, oldest first: of an archive in several segments, the last one counts.
    pub segments: Vec<SegmentEntry>,
    /// SHA-256 of this object as JSON without blanks and with this field empty. It tells damage; it
    /// does not stop anybody who can write the file.
    sha256: String,
}

/// One segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentEntry {
    /// The name of its file, in the folder of the manifest.
    pub name: String,
    /// Which run wrote it, counted from 1. The segments that a compaction writes get the number of
    /// the last run whose segments it replaces.
    pub generation: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// SHA-256 of the file, in lower-case hexadecimal.
    pub sha256: String,
    /// Archives in it.
    pub archives: u64,
    /// URI of its first archive; the others follow in bytewise order.
    pub first_archive: String,
    /// URI of its last archive.
    pub last_archive: String,
}

/// All that is read of a manifest in any format.
#[derive(Deserialize)]
struct AnyManifest {
    format: u32,
}

impl Manifest {
    /// A manifest of these segments, with archives from these folders.
    pub fn new(settings: Settings, folders: Vec<KnownFolder>, segments: Vec<SegmentEntry>) -> Self {
        let keytrail_version = env!("CARGO_PKG_VERSION").to_owned();
        Self { format: FORMAT, keytrail_version, settings, folders, segments, sha256: String::new() }
    }

    /// The file.
    ///
    /// # Errors
    /// Never: all fields can be written as JSON.
    pub fn to_json(&self) -> serde_json::Result<Vec<u8>> {
        let mut json = serde_json::to_vec_pretty(&Self { sha256: self.checksum()?, ..self.clone() })?;
        json.push(b'\n');
        Ok(json)
    }

    /// The manifest in a file.
    ///
    /// # Errors
    /// When it is damaged, or has another format.
    pub fn from_json(json: &[u8]) -> Result<Self, Unusable> {
        let AnyManifest { format } = serde_json::from_slice(json).map_err(Unusable::NotAManifest)?;
        if format != FORMAT {
            return Err(Unusable::OtherFormat);
        }
        let manifest: Self = serde_json::from_slice(json).map_err(Unusable::NotAManifest)?;
        match manifest.checksum() {
            Ok(checksum) if checksum == manifest.sha256 => Ok(manifest),
            Ok(_) => Err(Unusable::ManifestChecksum),
            Err(error) => Err(Unusable::NotAManifest(error)),
        }
    }

    fn checksum(&self) -> serde_json::Result<String> {
        let json = serde_json::to_vec(&Self { sha256: String::new(), ..self.clone() })?;
        Ok(hex(Sha256::new_with_prefix(json)))
    }
}

/// A SHA-256 in lower-case hexadecimal.
pub(super) fn hex(hash: Sha256) -> String {
    hash.finalize().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // writing to a String cannot fail
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_is_found() {
        let settings = Settings { max_archive_bytes: 8 << 30, max_record_bytes: 4 << 20, hash: false };
        let segment = SegmentEntry {
            name: "segment-00.arrows".to_owned(),
            generation: 1,
            bytes: 10,
            sha256: "ab".repeat(32),
            archives: 2,
            first_archive: "s3://b/\u{e9}\n\"".to_owned(),
            last_archive: "s3://b/z".to_owned(),
        };
        let folder = KnownFolder {
            name: "logs".to_owned(),
            path: "/data/logs".to_owned(),
            inode: Some(7),
            created: Some(1_700_000_000_123_456_789),
        };
        let manifest = Manifest::new(settings, vec![folder], vec![segment.clone(), segment]);
        let json = manifest.to_json().unwrap();
        let read = Manifest::from_json(&json).unwrap();
        assert_eq!(
            (&read.segments, &read.folders, read.settings),
            (&manifest.segments, &manifest.folders, settings)
        );
        for at in 0..json.len() - 1 {
            for bit in 0..8 {
                let mut damaged = json.clone();
                damaged[at] ^= 1 << bit;
                let text = String::from_utf8_lossy(&damaged);
                assert!(Manifest::from_json(&damaged).is_err(), "byte {at}, bit {bit}: {text}");
            }
            assert!(Manifest::from_json(&json[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn other_formats_are_told_apart() {
        let other = format!(r#"{{"format": {}, "whatever": []}}"#, FORMAT + 1);
        assert!(matches!(Manifest::from_json(other.as_bytes()), Err(Unusable::OtherFormat)));
        assert!(matches!(Manifest::from_json(b"{}"), Err(Unusable::NotAManifest(_))));
    }
}
