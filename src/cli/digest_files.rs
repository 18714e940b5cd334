//! `--digest-keys` and `--digest-signatures`: files → what digests are verified with.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::CliError;
use super::options::DigestFiles;
use super::plan;
use keytrail::engine::DigestOptions;
use keytrail::integrity::{PublicKeys, Signatures};
use keytrail::model::error_chain;
use keytrail::report::printable;
use tracing::warn;

/// Reads the files that the options name. Every input is hashed if there are any.
pub(super) fn digest_options(files: &DigestFiles) -> Result<DigestOptions, CliError> {
    let hash_all = !files.digest_keys.is_empty() || !files.digest_signatures.is_empty();
    let (keys, signatures) = (keys(&files.digest_keys)?, signatures(&files.digest_signatures)?);
    Ok(DigestOptions { keys, signatures, hash_all, ..DigestOptions::default() })
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
        if path.is_dir() {
            add_directory(path, &mut signatures)?;
            continue;
        }
        let (name, text) = plan::read(path)?;
        let refused = |error| {
            let why = error_chain(&error);
            CliError::Usage(format!("--digest-signatures {name} has no signature: {why}"))
        };
        signatures.add(text.as_bytes(), &name).map_err(refused)?;
    }
    Ok(signatures)
}

/// Adds the files of a directory. It may have others, too: those are named and passed over.
fn add_directory(path: &Path, signatures: &mut Signatures) -> Result<(), CliError> {
    let failed = |error| CliError::Read { path: path.display().to_string(), error };
    let entries = fs::read_dir(path).map_err(failed)?;
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<PathBuf>, _>>()
        .map_err(failed)?;
    paths.sort();
    let mut added = 0_u64;
    for path in paths {
        let name = path.display().to_string();
        if !path.is_file() {
            warn!(
                "--digest-signatures: {} is no file; files in folders below are not read",
                printable(&name)
            );
            continue;
        }
        let read = plan::read(&path).map_err(|error| error_chain(&error));
        let kept = read.and_then(|(name, text)| {
            signatures.add(text.as_bytes(), &name).map_err(|error| error_chain(&error))
        });
        match kept {
            Ok(()) => added += 1,
            Err(why) => {
                warn!("--digest-signatures: {} has no signature: {}", printable(&name), printable(&why))
            }
        }
    }
    if added == 0 {
        let name = path.display();
        return Err(CliError::Usage(format!("--digest-signatures {name} has no file with a signature")));
    }
    Ok(())
}
