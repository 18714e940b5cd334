//! A file of extracts. Written from its beginning to its end, each extract behind a header that is completed last: what a killed run leaves
//! behind is good up to the last extract that it finished.

use std::cmp::Reverse;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::blocks::{Blocks, Effort, Packer, damaged};
use crate::base::lock;
use crate::model::shared_text;
use crate::source::Version;

/// Raised whenever another program would find other records worth keeping, or another form of them.
const FORM: u32 = 3;
const MAGIC: &[u8; 8] = b"keytrail";
/// Before each extract: whether it is finished (1) and stands for its archive from now on (2), and how many bytes it has.
const HEADER: usize = 1 + 8 + 4;
/// A name and what tells states apart take no more.
const LONGEST_NAME: usize = 1 << 20;

/// What extracts depend on beside their archives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// `--max-archive-bytes`.
    pub archive_bytes: u64,
    /// `--max-record-bytes`.
    pub record_bytes: u64,
    /// `--hash`.
    pub hash: bool,
}

/// Why a file is no segment that can be used.
#[derive(Debug, Error)]
pub enum SegmentError {
    /// It cannot be read, or is damaged.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It was made by another version of keytrail.
    #[error("it was made by another version of keytrail")]
    OtherForm,
    /// It was made with other limits.
    #[error("it was made with other values of --max-archive-bytes, --max-record-bytes or --hash ({0:?})")]
    OtherSettings(Settings),
}

#[derive(Serialize, Deserialize)]
struct Preface {
    form: u32,
    settings: Settings,
}

#[derive(Serialize, Deserialize)]
struct Name {
    #[serde(with = "shared_text")]
    uri: Arc<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(default, skip_serializing_if = "Version::is_unknown")]
    version: Version,
}

/// A segment being written.
pub struct Writer {
    out: BufWriter<File>,
    packer: Packer,
    at: u64,
    /// Where the extract being written begins, and how many bytes of blocks it has so far.
    entry: Option<(u64, u64)>,
    last: Option<Arc<str>>,
}

impl Writer {
    /// Begins a segment in an empty file, which is to last for years or for this run.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn new(file: File, settings: &Settings, lasting: bool) -> io::Result<Self> {
        let mut out = BufWriter::with_capacity(1 << 16, file);
        let preface = serde_json::to_vec(&Preface { form: FORM, settings: settings.clone() })?;
        out.write_all(MAGIC)?;
        out.write_all(&(preface.len() as u64).to_le_bytes())?;
        out.write_all(&preface)?;
        let at = (MAGIC.len() + 8 + preface.len()) as u64;
        Ok(Self {
            out,
            packer: Packer::new(if lasting { Effort::Some } else { Effort::Little })?,
            at,
            entry: None,
            last: None,
        })
    }

    /// Whether an archive of this name can come next: extracts stand in the order of their URIs.
    pub fn takes(&self, uri: &str) -> bool {
        self.last.as_deref().is_none_or(|last| last < uri)
    }

    /// Bytes so far.
    pub fn len(&self) -> u64 {
        self.at
    }

    /// Whether there is no extract in it yet.
    pub fn is_empty(&self) -> bool {
        self.last.is_none()
    }

    /// Begins the extract of an archive.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn begin(&mut self, uri: &Arc<str>, size: Option<u64>, version: &Version) -> io::Result<()> {
        let name = serde_json::to_vec(&Name { uri: uri.clone(), size, version: version.clone() })?;
        self.out.write_all(&[0; HEADER - 4])?;
        self.out.write_all(&(name.len() as u32).to_le_bytes())?;
        self.out.write_all(&name)?;
        self.entry = Some((self.at, 0));
        self.at += (HEADER + name.len()) as u64;
        self.last = Some(uri.clone());
        Ok(())
    }

    /// Adds to the extract.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = self.packer.push(bytes, &mut self.out)?;
        self.grow(written);
        Ok(())
    }

    fn grow(&mut self, written: u64) {
        self.at += written;
        if let Some((_, len)) = &mut self.entry {
            *len += written;
        }
    }

    /// Ends the extract; `stands`: it need not be made again on a later day.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn end(&mut self, stands: bool) -> io::Result<()> {
        let written = self.packer.flush(&mut self.out)?;
        self.grow(written);
        let Some((start, len)) = self.entry.take() else { return Ok(()) };
        let mut header = [0; HEADER - 4];
        header[0] = if stands { 2 } else { 1 };
        header[1..].copy_from_slice(&len.to_le_bytes());
        self.out.seek(SeekFrom::Start(start))?;
        self.out.write_all(&header)?;
        self.out.seek(SeekFrom::Start(self.at))?;
        Ok(())
    }

    /// Adds an extract as it is stored elsewhere.
    fn copy(&mut self, entry: &Entry) -> io::Result<()> {
        self.begin(&entry.uri, entry.size, &entry.version)?;
        let copied = io::copy(&mut entry.stored(), &mut self.out)?;
        self.grow(copied);
        self.end(entry.stands)
    }

    /// Adds all extracts of others that stand, in order.
    ///
    /// # Errors
    /// When they cannot be read or written.
    pub fn take_in(&mut self, segments: &[Arc<Segment>]) -> io::Result<()> {
        for entry in Merged::new(segments) {
            let entry = entry?;
            if entry.stands {
                self.copy(&entry)?;
            }
        }
        Ok(())
    }

    /// Ends the segment, without an extract that was not ended; with `durable`, only when the disk has it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(self, durable: bool) -> io::Result<File> {
        let file = self.out.into_inner().map_err(io::IntoInnerError::into_error)?;
        if let Some((start, _)) = self.entry {
            file.set_len(start)?;
        }
        if durable {
            file.sync_all()?;
        }
        Ok(file)
    }
}

/// A segment that is read. Any number of threads may do so.
#[derive(Debug)]
pub struct Segment {
    file: Mutex<File>,
    begin: u64,
    end: u64,
    /// Made in this run: what does not stand is for this run.
    fresh: bool,
    /// Its name, for people.
    name: String,
}

impl Segment {
    /// Opens a segment; `fresh`: it was made in this run. Of others, only extracts that stand are given.
    ///
    /// # Errors
    /// When it is none, or was made in another form or with other settings.
    pub fn open(mut file: File, settings: &Settings, fresh: bool, name: &str) -> Result<Self, SegmentError> {
        let end = file.seek(SeekFrom::End(0))?;
        file.rewind()?;
        let mut head = [0; 16];
        file.read_exact(&mut head)?;
        let (magic, len) = head.split_at(8);
        let len = u64::from_le_bytes(len.try_into().unwrap_or_default()); // it is eight bytes
        if magic != MAGIC || len > LONGEST_NAME as u64 {
            return Err(damaged("it is no file of extracts").into());
        }
        let mut preface = vec![0; len as usize];
        file.read_exact(&mut preface)?;
        let preface: Preface = serde_json::from_slice(&preface).map_err(|_| SegmentError::OtherForm)?;
        if preface.form != FORM {
            return Err(SegmentError::OtherForm);
        }
        if preface.settings != *settings {
            return Err(SegmentError::OtherSettings(preface.settings));
        }
        Ok(Self { file: Mutex::new(file), begin: 16 + len, end, fresh, name: name.to_owned() })
    }

    /// Leaves out all from the first extract on that is not finished or cannot be read back; how many there are.
    ///
    /// # Errors
    /// When the file cannot be cut.
    pub fn recover(&mut self) -> io::Result<u64> {
        let mut good = (self.begin, 0);
        let (file, name) = (Mutex::new(self.lock().try_clone()?), self.name.clone());
        let whole = Arc::new(Self { file, name, fresh: true, ..*self });
        for entry in Entries::new(&whole) {
            let Ok(entry) = entry else { break };
            if entry.open().and_then(|mut bytes| io::copy(&mut bytes, &mut io::sink())).is_err() {
                break;
            }
            good = (entry.start + entry.len, good.1 + 1);
        }
        self.end = good.0;
        let file = self.lock();
        file.set_len(good.0)?;
        file.sync_all()?;
        drop(file);
        Ok(good.1)
    }

    /// Bytes of extracts.
    pub(super) fn len(&self) -> u64 {
        self.end - self.begin
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, File> {
        lock(&self.file) // each reader seeks before it reads
    }
}

/// A stretch of a segment.
struct Stretch {
    segment: Arc<Segment>,
    at: u64,
    end: u64,
}

impl Read for Stretch {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = usize::try_from(self.end - self.at).unwrap_or(usize::MAX).min(buffer.len());
        let mut file = self.segment.lock();
        file.seek(SeekFrom::Start(self.at))?;
        let n = file.read(&mut buffer[..n])?;
        self.at += n as u64;
        Ok(n)
    }
}

/// The extract of an archive.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The archive.
    pub uri: Arc<str>,
    /// Its stored bytes, where known.
    pub size: Option<u64>,
    /// Which state of it.
    pub version: Version,
    /// It need not be made again.
    pub stands: bool,
    segment: Arc<Segment>,
    start: u64,
    len: u64,
}

impl Entry {
    /// The segment it is in, for people.
    pub fn segment(&self) -> &str {
        &self.segment.name
    }

    /// Reads it.
    ///
    /// # Errors
    /// When there is no memory for decompressing it.
    pub fn open(&self) -> io::Result<Blocks<impl Read + Send + use<>>> {
        Blocks::new(self.stored())
    }

    fn stored(&self) -> impl Read + Send + use<> {
        let (at, end) = (self.start, self.start + self.len);
        BufReader::with_capacity(
            (self.len.clamp(16, 64 << 10)) as usize,
            Stretch { segment: self.segment.clone(), at, end },
        )
    }
}

/// The extracts of a segment.
struct Entries {
    segment: Arc<Segment>,
    from: BufReader<Stretch>,
    at: u64,
}

impl Entries {
    fn new(segment: &Arc<Segment>) -> Self {
        let (at, end) = (segment.begin, segment.end);
        let from = BufReader::with_capacity(4 << 10, Stretch { segment: segment.clone(), at, end });
        Self { segment: segment.clone(), from, at }
    }

    fn read(&mut self) -> io::Result<Entry> {
        let mut header = [0; HEADER];
        self.from.read_exact(&mut header)?;
        let [state, a, b, c, d, e, f, g, h, i, j, k, l] = header;
        let len = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        let name_len = u32::from_le_bytes([i, j, k, l]) as usize;
        let start = self.at + (HEADER + name_len) as u64;
        let end = start.checked_add(len).filter(|end| *end <= self.segment.end);
        let (1 | 2, true, Some(end)) = (state, name_len <= LONGEST_NAME, end) else {
            return Err(damaged("an extract was not finished"));
        };
        let mut name = vec![0; name_len];
        self.from.read_exact(&mut name)?;
        let Name { uri, size, version } = serde_json::from_slice(&name)?;
        self.from.seek_relative(i64::try_from(len).map_err(io::Error::other)?)?;
        self.at = end;
        Ok(Entry { uri, size, version, stands: state == 2, segment: self.segment.clone(), start, len })
    }
}

impl Seek for Stretch {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        if let SeekFrom::Current(by) = to {
            self.at = self.at.saturating_add_signed(by).min(self.end);
        }
        Ok(self.at)
    }
}

impl Iterator for Entries {
    type Item = io::Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.at < self.segment.end {
            let read = self.read().map_err(|e| {
                self.at = self.segment.end;
                io::Error::new(e.kind(), format!("{}: {e}", self.segment.name))
            });
            if self.segment.fresh || read.as_ref().map_or(true, |entry| entry.stands) {
                return Some(read);
            }
        }
        None
    }
}

/// The extracts of several segments in the order of their archives. Of an archive that several have, the one of the last segment.
pub struct Merged {
    heads: Vec<Head>,
}

/// The extract that comes next in a segment, and those behind it.
struct Head {
    next: Option<io::Result<Entry>>,
    rest: Entries,
}

impl Head {
    fn new(segment: &Arc<Segment>) -> Self {
        let mut rest = Entries::new(segment);
        Self { next: rest.next(), rest }
    }

    fn uri(&self) -> Option<&Arc<str>> {
        self.next.as_ref()?.as_ref().ok().map(|entry| &entry.uri)
    }

    fn take(&mut self) -> Option<io::Result<Entry>> {
        std::mem::replace(&mut self.next, self.rest.next())
    }
}

impl Merged {
    /// Of these segments, of which later ones are newer.
    pub fn new(segments: &[Arc<Segment>]) -> Self {
        Self { heads: segments.iter().map(Head::new).collect() }
    }

    /// Whether there is another extract, or one that cannot be read.
    pub fn has_next(&self) -> bool {
        self.first().is_some()
    }

    /// The URI of the extract that comes next; `None` also if it cannot be read.
    pub fn peek(&self) -> Option<&Arc<str>> {
        self.heads.get(self.first()?)?.uri()
    }

    /// The place of the segment whose extract comes next; what cannot be read comes at once.
    fn first(&self) -> Option<usize> {
        let next =
            |(at, head): (usize, &Head)| head.next.is_some().then(|| (head.uri().cloned(), Reverse(at)));
        self.heads.iter().enumerate().filter_map(next).min().map(|(_, Reverse(at))| at)
    }
}

impl Iterator for Merged {
    type Item = io::Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        let at = self.first()?;
        let next = self.heads[at].take()?;
        if let Ok(entry) = &next {
            for head in &mut self.heads[..at] {
                if head.uri() == Some(&entry.uri) {
                    head.take();
                }
            }
        }
        Some(next)
    }
}

#[cfg(test)]
mod tests;
