//! What a checkpoint needs of the place where its files are: one suite for a directory and for S3.

use std::io::Write;

use keytrail::checkpoint::{BucketStore, CheckpointError, LocalStore, SegmentFile, SegmentStore};
use keytrail::s3::S3Error;
use testkit::bed::Bed;

use crate::client::as_client;

type Store = Box<dyn SegmentStore>;

const NAME: &str = "segment-0123456789abcdef.arrows";

/// Bytes in which no place looks like another.
fn content() -> Vec<u8> {
    (0..400_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect()
}

fn read(file: &SegmentFile, offset: u64, length: u64) -> Vec<u8> {
    let mut bytes = vec![b'x'];
    file.read(offset, length, &mut bytes).unwrap();
    assert_eq!(bytes.remove(0), b'x', "what is there stays");
    bytes
}

/// The names of segments and their sizes.
fn listed(store: &Store) -> Vec<(String, Option<u64>)> {
    let files = store.list().unwrap().into_iter().filter(|file| file.name.starts_with("segment-"));
    files.map(|file| (file.name, file.bytes)).collect()
}

/// The suite. `open` opens the place again, as the next run does.
fn conforms(open: &dyn Fn() -> Result<Store, CheckpointError>) {
    let store = open().unwrap();
    assert_eq!(store.read_manifest().unwrap(), None);
    assert_eq!(listed(&store), []);
    assert!(store.address(NAME).ends_with(NAME));

    // A file that is not committed leaves nothing behind.
    let mut new = store.create(NAME).unwrap();
    new.file().write_all(b"half").unwrap();
    drop(new);
    assert_eq!(listed(&store), []);

    // One that is committed can be read from anywhere, at once and in the next run.
    let content = content();
    new = store.create(NAME).unwrap();
    new.file().write_all(&content).unwrap();
    let check = |file: &SegmentFile| {
        assert_eq!(read(file, 0, u64::MAX), content);
        assert_eq!(read(file, 7, 9), content[7..16]);
        let near_end = content.len() as u64 - 3;
        assert_eq!(read(file, near_end, 1 << 62), content[content.len() - 3..]);
        assert_eq!(read(file, 1 << 40, 5), b"");
    };
    check(&store.commit(NAME, new).unwrap());
    assert_eq!(listed(&store), [(NAME.to_owned(), Some(content.len() as u64))]);
    store.write_manifest(b"{\"first\": true}").unwrap();
    store.write_manifest(b"{\"second\": true}").unwrap();
    drop(store);

    let store = open().unwrap();
    assert_eq!(store.read_manifest().unwrap().as_deref(), Some(&b"{\"second\": true}"[..]));
    let other = "segment-fedcba9876543210.arrows";
    let new = store.create(other).unwrap();
    new.file().write_all(b"other").unwrap();
    store.commit(other, new).unwrap();
    let (first, second) = (store.fetch(NAME).unwrap(), store.fetch(other).unwrap());
    check(&first);
    assert_eq!(read(&second, 0, 100), b"other", "segments do not run into each other");
    assert_eq!(read(&second, 2, 1), b"h");

    // Two runs do not both write: the second one is told, at once or when it writes.
    let told = open().and_then(|second| {
        second.read_manifest()?;
        store.write_manifest(b"{\"third\": true}")?;
        second.write_manifest(b"{\"lost\": true}")
    });
    assert!(
        matches!(told, Err(CheckpointError::Busy { .. } | CheckpointError::S3(S3Error::Precondition { .. }))),
        "{told:?}"
    );
    assert!(!store.read_manifest().unwrap().unwrap().starts_with(b"{\"lost"));

    store.remove(&[NAME.to_owned(), "segment-0000000000000000.arrows".to_owned()]).unwrap();
    assert_eq!(listed(&store), [(other.to_owned(), Some(5))]);
}

#[test]
fn a_directory_conforms() {
    let dir = tempfile::tempdir().unwrap();
    conforms(&|| Ok(Box::new(LocalStore::open(&dir.path().join("report"))?)));
}

#[test]
fn a_folder_in_s3_conforms() {
    let nothing = |_: &Bed| {};
    as_client("segment_stores::a_folder_in_s3_conforms", nothing, |bucket| {
        conforms(&|| Ok(Box::new(BucketStore::open(bucket, "some/report/"))));
    });
}
