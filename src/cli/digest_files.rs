//! `--digest-keys` and `--digest-signatures`: files → what digests are verified with.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::CliError;
use super::options::DigestFiles;
use super::plan;
use keytrail::engine::DigestOptions;
use keytrail::integrity::{PublicKeys, Signatures};
use keytrail::model::error_chain;

/// Reads the files that the options name. Every input is hashed if there are any.
pub(super) fn digest_options(files: &DigestFiles) -> Result<DigestOptions, CliError> {
    let hash_all = !files.digest_keys.is_empty() || !files.digest_signatures.is_empty();
    let (keys, signatures) = (keys(&files.digest_keys)?, signatures(&files.digest_signatures)?);
    Ok(DigestOptions { keys, signatures, hash_all, only_selected_time: false })
}

fn keys(files: &[PathBuf]) -> Result<PublicKeys, CliError> {
    let mut keys = PublicKeys::default();
    for path in files {
        let (name, text) = plan::read(path)?;
        let refused = |error| {
            CliError::Usage(format!("--digest-keys {name} has no public keys: {}", error_chain(&error)))
        };
        keys.add(text.as_bytes(), &name).map_err(refused)?;
    }
    Ok(keys)
}

fn signatures(named: &[PathBuf]) -> Result<Signatures, CliError> {
    let mut signatures = Signatures::default();
    for path in named {
        for file in files_in(path)? {
            let (name, text) = plan::read(&file)?;
            let refused = |error| {
                CliError::Usage(format!(
                    "--digest-signatures {name} has no signature: {}",
                    error_chain(&error)
                ))
            };
            signatures.add(text.as_bytes(), &name).map_err(refused)?;
        }
    }
    Ok(signatures)
}

/// The files of a directory, or the one file.
fn files_in(path: &Path) -> Result<Vec<PathBuf>, CliError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let failed = |error| CliError::Read { path: path.display().to_string(), error };
    let entries = fs::read_dir(path).map_err(failed)?;
    let mut files = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<PathBuf>, _>>()
        .map_err(failed)?;
    files.retain(|file| file.is_file());
    files.sort();
    Ok(files)
}
