//! zip in a file: by the directory at its end, which says what belongs to it and what does not. `rawzip` reads it entry by entry, however many there
//! are, and drops none of those that share a name.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Seek};

use rawzip::{FileReader, RECOMMENDED_BUFFER_SIZE, ZipArchive};

use super::member::{ByteRange, Unusable};
use super::zip::{closed, hand_out};
use super::{Damage, Found, Kind, Stop, Visit, damage, tell, walk};

/// An entry of the directory can be so long.
const ENTRY: usize = 4 * (u16::MAX as usize);

/// Walks a zip file. If its directory cannot be trusted, the headers before the members tell what there is, and this is said.
///
/// # Errors
/// As for [`walk`].
pub fn walk_file(mut file: File, visit: Visit<'_>) -> Result<(), Stop> {
    let mut buffer = vec![0; ENTRY.max(RECOMMENDED_BUFFER_SIZE)];
    let opened = ZipArchive::from_file(file.try_clone()?, &mut buffer);
    let checked = opened.and_then(|archive| check(&archive, &mut buffer).map(|()| archive));
    let archive = match checked {
        Ok(archive) => archive,
        Err(error) => return by_headers(&mut file, &error.to_string(), visit),
    };
    let mut entries = archive.entries(&mut buffer);
    while let Some(entry) = entries.next_entry().map_err(io::Error::other)? {
        let path = entry.file_path();
        let name: &[u8] = path.as_ref();
        let (flags, method) = (entry.flags().bits(), entry.compression_method().as_u16());
        if entry.is_dir() && entry.uncompressed_size_hint() == 0 {
            continue;
        }
        if let Some(why) = closed(flags, method) {
            tell(visit, Found::Closed { name, why })?;
            continue;
        }
        let size = Some(entry.uncompressed_size_hint());
        match archive.get_entry(entry.wayfinder()) {
            Ok(place) => {
                let checksum = Cell::new(Some(entry.crc32()));
                let bytes = ByteRange { from: place.reader(), left: entry.compressed_size_hint() };
                hand_out(bytes, name, (size, entry.compressed_size_hint(), method), &checksum, visit)?;
            }
            Err(error) => {
                let mut content = Unusable(format!("its header cannot be read: {error}"));
                tell(visit, Found::Member { name, size: None, stored: 0, content: &mut content })?;
            }
        }
    }
    Ok(())
}

/// Whether the directory can be read to its end, has as many entries as it says, lists what the file begins with (if not, there is more than one
/// zip file in it), and none that overlap: those could come to any number of bytes.
fn check(archive: &ZipArchive<FileReader>, buffer: &mut [u8]) -> Result<(), rawzip::Error> {
    let (mut entries, mut count, mut stored, mut first) = (archive.entries(buffer), 0, 0u64, u64::MAX);
    while let Some(entry) = entries.next_entry()? {
        count += 1;
        stored = stored.saturating_add(entry.compressed_size_hint());
        first = first.min(entry.local_header_offset());
    }
    // Without the extension for large files, the number is kept in 16 bits.
    let all = count == archive.entries_hint() || count & 0xFFFF == archive.entries_hint();
    // Four bytes before the first member say that the file could have been several.
    let begins = first == 0 || first == 4 || archive.directory_offset() == 0;
    if all && begins && stored <= archive.directory_offset() {
        Ok(())
    } else {
        Err(io::Error::other("it does not fit the file").into())
    }
}

/// Reads from the beginning what the directory should have told.
fn by_headers(file: &mut File, error: &str, visit: Visit<'_>) -> Result<(), Stop> {
    file.rewind()?;
    let mut said = false;
    walk(Kind::Zip, &mut *file, &mut |found| {
        said |= matches!(found, Found::Damage { .. });
        visit(found)
    })?;
    if said {
        return Ok(()); // what cost the directory has been told
    }
    damage(visit, Damage::Corrupt, format!("the directory of the zip file cannot be used: {error}"))
}
