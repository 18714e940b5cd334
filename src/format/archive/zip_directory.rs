//! Reads a zip file by the central directory at its end. The directory is authoritative: it says
//! which members belong to the file. `rawzip` reads it entry by entry, however many there are, and
//! keeps entries that share a name.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Seek};

use rawzip::{FileReader, RECOMMENDED_BUFFER_SIZE, ZipArchive};

use super::error::WalkError;
use super::item::{ArchiveItem, DamageKind, Visitor, emit, emit_damage};
use super::member::{FailingReader, SizedReader};
use super::zip;
use super::zip_member::{ZipMember, unsupported_reason};
use crate::format::decode::PeekReader;

/// Maximum length of a directory entry, rounded up: name, extra field and comment have 16-bit
/// lengths.
const MAX_ENTRY: usize = 4 * (u16::MAX as usize);

/// Walks a zip file by its directory.
///
/// If the directory cannot be trusted, the members are found by their headers instead, and the
/// damage is reported.
///
/// # Errors
/// As for [`walk`](super::walk).
pub fn walk_zip_file(mut file: File, visitor: Visitor<'_>) -> Result<(), WalkError> {
    let mut buffer = vec![0; MAX_ENTRY.max(RECOMMENDED_BUFFER_SIZE)];
    let opened = ZipArchive::from_file(file.try_clone()?, &mut buffer);
    let checked = opened.and_then(|archive| check(&archive, &mut buffer).map(|()| archive));
    let archive = match checked {
        Ok(archive) => archive,
        Err(error) => return walk_headers(&mut file, &error.to_string(), visitor),
    };
    let mut entries = archive.entries(&mut buffer);
    while let Some(entry) = entries.next_entry().map_err(io::Error::other)? {
        let path = entry.file_path();
        let name: &[u8] = path.as_ref();
        let (flags, method) = (entry.flags().bits(), entry.compression_method().as_u16());
        if entry.is_dir() && entry.uncompressed_size_hint() == 0 {
            continue;
        }
        if let Some(reason) = unsupported_reason(flags, method) {
            emit(visitor, ArchiveItem::Unsupported { name, reason })?;
            continue;
        }
        match archive.get_entry(entry.wayfinder()) {
            Ok(place) => {
                let checksum = Cell::new(Some(entry.crc32()));
                let stored_size = entry.compressed_size_hint();
                let member =
                    ZipMember { name, size: Some(entry.uncompressed_size_hint()), stored_size, method };
                let stored = SizedReader { reader: place.reader(), left: stored_size };
                member.emit(stored, &checksum, visitor)?;
            }
            Err(error) => {
                let mut content = FailingReader(format!("its header cannot be read: {error}"));
                let item = ArchiveItem::Member { name, size: None, stored_size: 0, content: &mut content };
                emit(visitor, item)?;
            }
        }
    }
    Ok(())
}

/// Checks that the directory is readable, has the stated number of entries, lists the first member
/// of the file (otherwise the file is several zip files in a row), and lists no overlapping members
/// (those could decode to any number of bytes).
fn check(archive: &ZipArchive<FileReader>, buffer: &mut [u8]) -> Result<(), rawzip::Error> {
    let mut entries = archive.entries(buffer);
    let (mut count, mut stored, mut first) = (0, 0u64, u64::MAX);
    while let Some(entry) = entries.next_entry()? {
        count += 1;
        stored = stored.saturating_add(entry.compressed_size_hint());
        first = first.min(entry.local_header_offset());
    }
    // Without zip64, the number of entries has 16 bits.
    let complete = count == archive.entries_hint() || count & 0xFFFF == archive.entries_hint();
    // A spanning marker of four bytes may precede the first member.
    let lists_first = first == 0 || first == 4 || archive.directory_offset() == 0;
    if complete && lists_first && stored <= archive.directory_offset() {
        Ok(())
    } else {
        Err(io::Error::other("it does not fit the file").into())
    }
}

/// Walks the file by its headers because the directory is unusable.
fn walk_headers(file: &mut File, error: &str, visitor: Visitor<'_>) -> Result<(), WalkError> {
    file.rewind()?;
    let mut damage_reported = false;
    zip::walk(&mut PeekReader::new(&mut *file, Vec::new()), &mut |item| {
        damage_reported |= matches!(item, ArchiveItem::Damage { .. });
        visitor(item)
    })?;
    if damage_reported {
        return Ok(()); // one cause, one report
    }
    let detail = format!("the directory of the zip file cannot be used: {error}");
    emit_damage(visitor, DamageKind::Corrupt, detail)
}
