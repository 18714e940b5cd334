//! An entry of a listing as text, for another process that scans it.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::archive::{Archive, ListedInput, Location, Version};
use super::local::uri_of;
use super::name::NameFields;
use super::object::RemoteObject;
use crate::model::{SkipReason, error_chain};
use crate::s3::{Buckets, S3Error};

/// Why an entry of a listing has no text, or a text is no entry.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ListedTextError {
    /// Only this process has its standard input.
    #[error("standard input cannot be read by another process: name files or s3:// addresses")]
    Stdin,
    /// The text is not one that [`ListedInput::to_text`] makes.
    #[error("this text is not an entry of a listing")]
    Form(#[source] Option<serde_json::Error>),
    /// The bucket cannot be opened.
    #[error(transparent)]
    Bucket(#[from] S3Error),
}

/// What the text holds. It is JSON, so that it has no line break.
#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    uri: String,
    what: What,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum What {
    /// Without a path, it is the URI.
    File {
        path: Option<OsString>,
        size: Option<u64>,
        version: Version,
    },
    Object {
        bucket: String,
        key: String,
        size: u64,
        version: Version,
    },
    Skipped(String),
    Unreadable(String),
}

impl ListedInput {
    /// The entry as one line of text, from which another process makes it again. What a file is
    /// called must mean the same there.
    ///
    /// # Errors
    /// For standard input.
    pub fn to_text(&self) -> Result<String, ListedTextError> {
        let what = match self {
            Self::Archive(archive) => What::of(archive)?,
            Self::Skipped { reason, .. } => What::Skipped(reason.as_str().to_owned()),
            Self::Unreadable { error, .. } => What::Unreadable(error_chain(error)),
        };
        let entry = Entry { uri: self.uri().to_string(), what };
        serde_json::to_string(&entry).map_err(|error| ListedTextError::Form(Some(error)))
    }

    /// The entry that has this text. A read that waits for S3 ends when `cancel` is set.
    ///
    /// # Errors
    /// When the text is none, or its bucket cannot be opened.
    pub fn from_text(
        text: &str,
        buckets: &Buckets,
        cancel: &Arc<AtomicBool>,
    ) -> Result<Self, ListedTextError> {
        let Entry { uri, what } =
            serde_json::from_str(text).map_err(|error| ListedTextError::Form(Some(error)))?;
        let uri: Arc<str> = uri.into();
        let (size, version, name_fields, location) = match what {
            What::File { path, size, version } => {
                let path = path.unwrap_or_else(|| OsString::from(&*uri));
                (size, version, NameFields::from_key(&uri), Location::File(path.into()))
            }
            What::Object { bucket, key, size, version } => {
                let fields = NameFields::from_key(&key);
                let object = RemoteObject::new(buckets.open(&bucket)?, key, size, cancel.clone());
                (Some(size), version, fields, Location::S3(object))
            }
            What::Skipped(reason) => {
                let reason = SkipReason::parse(&reason).ok_or(ListedTextError::Form(None))?;
                return Ok(Self::Skipped { uri, reason });
            }
            What::Unreadable(error) => return Ok(Self::Unreadable { uri, error: io::Error::other(error) }),
        };
        Ok(Self::Archive(Archive { uri, size, name_fields, version, may_be_listed: false, location }))
    }
}

impl What {
    fn of(archive: &Archive) -> Result<Self, ListedTextError> {
        let version = archive.version.clone();
        Ok(match &archive.location {
            Location::Stdin => return Err(ListedTextError::Stdin),
            Location::File(path) => {
                let is_uri = *archive.uri == *uri_of(path) && Path::new(&*archive.uri) == path;
                let path = (!is_uri).then(|| path.clone().into_os_string());
                Self::File { path, size: archive.size, version }
            }
            Location::S3(object) => {
                let (bucket, key) = object.address();
                let size = archive.size.unwrap_or_default();
                Self::Object { bucket: bucket.to_owned(), key: key.to_owned(), size, version }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{Input, ListContext, Listing};

    fn listed(path: &Path) -> Vec<ListedInput> {
        Listing::new(&[Input::Path(path.to_owned())], None, &ListContext::default()).collect()
    }

    fn again(listed: &ListedInput) -> ListedInput {
        let text = listed.to_text().unwrap();
        assert!(!text.contains('\n'));
        ListedInput::from_text(&text, &Buckets::default(), &Arc::default()).unwrap()
    }

    #[cfg(unix)]
    #[test]
    fn entries_come_back_from_their_texts() {
        use std::os::unix::ffi::OsStrExt;
        let dir = tempfile::tempdir().unwrap();
        let odd = std::ffi::OsStr::from_bytes(b"odd-\xff\n.json");
        for name in [odd, "111122223333_CloudTrail_eu-west-1_20230401T0000Z_AbCdEfGhIjKlMnOp.json".as_ref()] {
            std::fs::write(dir.path().join(name), name.as_bytes()).unwrap();
        }
        std::os::unix::fs::symlink(dir.path(), dir.path().join("loop")).unwrap();
        std::os::unix::fs::symlink("nowhere", dir.path().join("gone")).unwrap();
        let entries = listed(dir.path());
        assert_eq!(entries.len(), 4);
        for entry in &entries {
            match (entry, again(entry)) {
                (ListedInput::Archive(one), ListedInput::Archive(other)) => {
                    assert_eq!((&one.uri, one.size, &one.version), (&other.uri, other.size, &other.version));
                    assert_eq!(one.name_fields, other.name_fields);
                    let read = |archive: &Archive| io::read_to_string(archive.open().unwrap()).ok();
                    assert_eq!(read(one), read(&other));
                }
                (ListedInput::Skipped { uri, reason }, ListedInput::Skipped { uri: other, reason: same }) => {
                    assert_eq!((uri, *reason), (&other, same));
                }
                (
                    ListedInput::Unreadable { uri, error },
                    ListedInput::Unreadable { uri: other, error: same },
                ) => {
                    assert_eq!((uri, error_chain(error)), (&other, error_chain(&same)));
                }
                (one, other) => panic!("{one:?} became {other:?}"),
            }
        }
    }

    #[test]
    fn what_is_no_entry_is_refused() {
        let stdin = Listing::new(&[Input::Stdin], None, &ListContext::default()).next().unwrap();
        assert!(matches!(stdin.to_text(), Err(ListedTextError::Stdin)));
        for text in ["", "{}", r#"{"uri":"a","what":{"skipped":"never"}}"#, r#"{"uri":"a","what":"file"}"#] {
            let entry = ListedInput::from_text(text, &Buckets::default(), &Arc::default());
            assert!(matches!(entry, Err(ListedTextError::Form(_))), "{text}");
        }
    }
}
