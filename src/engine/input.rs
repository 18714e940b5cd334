//! One entry of the listing: what it is, and who reads it. An archive is one input; a container is many, all in its place in the line.

use std::cell::RefCell;
use std::convert::identity;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::sync::Arc;

use tracing::warn;

use super::archive::Reading;
use super::container::{self, DEEPEST};
use super::scanner::{Again, Scanner};
use super::supply::{Reached, Supply};
use crate::aggregate::{Counts, InputStatus, InputSummary, StatusReason};
use crate::format::archive;
use crate::format::decode::{Buffers, DecodeError, DecodeOptions, Decoder, Encoding, sha256_of};
use crate::format::tabular::{CsvKind, OcsfReader, PARQUET_MAGIC};
use crate::model::{RejectReason, Rejection, SkipReason, error_chain};
use crate::source::{Archive, ListedInput, NameFields, Version, name_to_text};

/// Stored bytes from which an archive that is decoded in a stream is decoded ahead.
const LARGE: u64 = 4 << 20;

/// How many times content may be compressed again inside of itself.
const MAX_LAYERS: u32 = 4;

/// How to go on decoding an input's content: as before, or ahead.
pub(super) type GoOn<R> = fn(Supply<R>) -> Supply<R>;

/// What is known of an input before it is read.
pub(super) struct Subject {
    pub(super) uri: Arc<str>,
    /// Stored bytes, where known.
    pub(super) size: Option<u64>,
    pub(super) facts: NameFields,
    pub(super) version: Version,
    /// The container it is a member of, and how many there are around it.
    pub(super) container: Option<Arc<str>>,
    pub(super) depth: usize,
    /// How often its content was compressed again.
    pub(super) layers: u32,
}

impl Subject {
    /// Something that is not to be read, or cannot be.
    fn unread(uri: &Arc<str>) -> Self {
        let (facts, version) = (NameFields::default(), Version::default());
        Self { uri: uri.clone(), size: None, facts, version, container: None, depth: 0, layers: 0 }
    }

    /// A member of a container.
    pub(super) fn member_of(container: &Self, name: &[u8], size: Option<u64>) -> Self {
        let name = name_to_text(name);
        Self {
            uri: format!("{}!/{name}", container.uri).into(),
            size,
            facts: NameFields::from_key(&name),
            version: Version::default(),
            container: Some(container.uri.clone()),
            depth: container.depth + 1,
            layers: 0,
        }
    }

    /// Its row, still empty.
    pub(super) fn blank(&self) -> InputSummary {
        InputSummary {
            archive: self.uri.clone(),
            container: self.container.clone(),
            status: InputStatus::Complete,
            reason: None,
            shape: crate::format::container::JsonShape::Unknown.as_str().into(),
            is_container: false,
            compressed_bytes: 0,
            content_bytes: 0,
            content_sha256: None,
            gzip_members: 0,
            account_id: self.facts.account_id.clone(),
            region: self.facts.region.clone(),
            delivered: self.facts.delivered,
            etag: self.version.etag.clone(),
            modified: self.version.modified,
            counts: Counts::default(),
        }
    }

    /// The row of an input that is skipped.
    pub(super) fn skipped(&self, reason: SkipReason) -> InputSummary {
        let mut input = self.blank();
        (input.status, input.reason) = (InputStatus::Skipped, Some(StatusReason::Skipped(reason)));
        input
    }

    /// The row of an input of which not even the first bytes can be read, and what is rejected.
    fn failed(&self, error: io::Error) -> (InputSummary, Vec<Rejection>) {
        match DecodeError::from_read(0, error) {
            DecodeError::Read { source: error, .. } => (unreadable(self.blank(), &error), Vec::new()),
            // The container it is in is damaged here: records may be lost.
            error => {
                let (reason, detail) = (reason_of(&error), error.detail());
                let mut input = self.blank();
                (input.status, input.reason) = (InputStatus::Partial, Some(StatusReason::Rejected(reason)));
                (input.counts.records, input.counts.rejected) = (1, 1);
                (input, vec![Rejection { offset: None, index: None, reason, detail }])
            }
        }
    }
}

/// Scans some entries of the listing; whether scanning them again would give the same.
pub(super) fn scan_list(mut scanner: Scanner<'_>, list: Vec<ListedInput>) -> bool {
    for listed in list {
        scan(&mut scanner, listed);
        if scanner.is_over() {
            break;
        }
    }
    scanner.flush();
    scanner.reusable
}

/// Scans one entry of the listing.
fn scan(scanner: &mut Scanner<'_>, listed: ListedInput) {
    let archive = match listed {
        ListedInput::Archive(archive) => archive,
        ListedInput::Skipped { uri, reason } => {
            let input = Subject::unread(&uri).skipped(reason);
            return scanner.input(input, Vec::new(), Again::Never);
        }
        ListedInput::Unreadable { uri, error } => {
            let input = unreadable(Subject::unread(&uri).blank(), &error);
            return scanner.input(input, Vec::new(), Again::Maybe);
        }
    };
    let subject = Subject {
        uri: archive.uri.clone(),
        size: archive.size,
        facts: archive.name_fields.clone(),
        version: archive.version.clone(),
        container: None,
        depth: 0,
        layers: 0,
    };
    let large = archive.size.is_none_or(|size| size >= LARGE) && rayon::current_num_threads() > 1;
    BUFFERS.with_borrow_mut(|buffers| {
        let content = archive.open().and_then(|reader| {
            let options = DecodeOptions {
                stored_size: archive.size,
                limit: scanner.plan.limits.archive_bytes,
                hash: scanner.plan.hash,
            };
            Decoder::new(reader, options, buffers)
        });
        match content {
            Ok(content) => {
                let ahead = if large { Supply::go_ahead } else { identity };
                read(scanner, subject, content, (Some(&archive), ahead), buffers);
            }
            Err(error) => failed(scanner, &subject, error, Reached::default()),
        }
    });
}

thread_local! {
    /// Each worker's memory for stored bytes and content: an archive is too short to ask the system for it anew.
    static BUFFERS: RefCell<Buffers> = RefCell::default();
}

/// Reads an input of whatever kind; `archive`, if it is not a member of a container.
pub(super) fn read<R: Read>(
    scanner: &mut Scanner<'_>,
    mut subject: Subject,
    mut content: Decoder<R>,
    (archive, go_on): (Option<&Archive>, GoOn<R>),
    buffers: &mut Buffers,
) {
    if let Encoding::Unsupported(_) = content.encoding() {
        Reading::new(scanner, subject).run(Supply::new(content), buffers);
        return;
    }
    if subject.layers < MAX_LAYERS && content.has_layer() {
        subject.layers += 1;
        let limits = scanner.plan.limits;
        let options =
            DecodeOptions { stored_size: None, limit: limits.archive_bytes, hash: scanner.plan.hash };
        match content.into_layer(options, buffers) {
            Ok(content) => read(scanner, subject, content, (None, identity), buffers),
            Err(error) => failed(scanner, &subject, error, Reached::default()),
        }
        return;
    }
    let first = content.peek(archive::ArchiveFormat::DETECT_BYTES);
    if first.starts_with(PARQUET_MAGIC) {
        table(scanner, subject, archive, content, buffers);
        return;
    }
    match archive::ArchiveFormat::detect(first) {
        Some(_) if subject.depth >= DEEPEST => {
            scanner.input(subject.skipped(SkipReason::NestedTooDeep), Vec::new(), Again::Never);
        }
        Some(kind) => container::read(scanner, &subject, (kind, archive), content, go_on, buffers),
        None => match CsvKind::detect(content.peek(CsvKind::DETECT_BYTES)) {
            None => Reading::new(scanner, subject).run(go_on(Supply::new(content)), buffers),
            Some(kind) if kind != CsvKind::EventHistory => {
                Reading::new(scanner, subject).run_csv(kind, go_on(Supply::new(content)), buffers);
            }
            Some(_) => {
                warn!(
                    archive = %subject.uri,
                    "the event history in CSV does not say which account, key or caller it was: download it as JSON"
                );
                scanner.input(subject.skipped(SkipReason::EventHistoryCsv), Vec::new(), Again::Never);
            }
        },
    }
}

/// Reads a Parquet file. That begins at its end: so what comes in a stream goes into a temporary file first.
fn table<R: Read>(
    scanner: &mut Scanner<'_>,
    subject: Subject,
    archive: Option<&Archive>,
    mut content: Decoder<R>,
    buffers: &mut Buffers,
) {
    let file = match archive {
        Some(archive) if content.encoding() == Encoding::Plain => archive.open_file(),
        _ => Ok(None),
    };
    let opened = match file {
        Ok(Some(file)) => in_the_open(file, scanner.plan.hash),
        Ok(None) => put_aside(&mut content, buffers),
        Err(error) => Err(error),
    };
    let reached = Reached::of(&content);
    content.finish(buffers);
    let (file, reached, sha256) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            failed(scanner, &subject, error, reached);
            return;
        }
    };
    let longest = usize::try_from(scanner.plan.limits.record_bytes).unwrap_or(usize::MAX);
    match OcsfReader::open(file, longest) {
        Ok(Some(table)) => Reading::new(scanner, subject).run_table(table, reached, sha256),
        Ok(None) => {
            scanner.input(
                with_bytes(subject.skipped(SkipReason::Parquet), reached),
                Vec::new(),
                Again::Never,
            );
        }
        // It may have been anything, so it may have been one of those that are read.
        Err(error) => Reading::new(scanner, subject).unreadable_table(&error, reached),
    }
}

/// A Parquet file, how much was read for it, and the hash of its content, if asked for.
type Opened = (File, Reached, Option<String>);

/// A file that is read where it lies.
fn in_the_open(file: File, hash: bool) -> io::Result<Opened> {
    let size = file.metadata()?.len();
    let sha256 = hash.then(|| sha256_from_start(&file)).transpose()?;
    Ok((file, Reached { compressed_bytes: size, content_bytes: size, members: 0 }, sha256))
}

/// All of a content in a temporary file.
fn put_aside<R: Read>(content: &mut Decoder<R>, buffers: &mut Buffers) -> io::Result<Opened> {
    let mut file = tempfile::tempfile()?;
    if let Some(whole) = content.take_whole() {
        file.write_all(&whole)?;
        buffers.recycle(whole);
    } else {
        let mut buffer = vec![0; 256 << 10];
        loop {
            match content.read(&mut buffer)? {
                0 => break,
                n => file.write_all(&buffer[..n])?,
            }
        }
    }
    Ok((file, Reached::of(content), content.sha256()))
}

/// The row of an input that was read as far as this, and gave nothing.
fn with_bytes(mut input: InputSummary, reached: Reached) -> InputSummary {
    (input.compressed_bytes, input.content_bytes) = (reached.compressed_bytes, reached.content_bytes);
    input.gzip_members = reached.members;
    input
}

/// Of an input that was read as far as this, nothing can be used.
pub(super) fn failed(scanner: &mut Scanner<'_>, subject: &Subject, error: io::Error, reached: Reached) {
    let (input, rejects) = subject.failed(error);
    scanner.input(with_bytes(input, reached), rejects, Again::Maybe);
}

/// The hash of a whole file.
pub(super) fn sha256_from_start(mut file: &File) -> io::Result<String> {
    file.rewind()?;
    sha256_of(file)
}

/// The row of an input that cannot be read at all.
pub(super) fn unreadable(mut input: InputSummary, error: &io::Error) -> InputSummary {
    (input.status, input.reason) = (InputStatus::Unreadable, Some(StatusReason::Error(error_chain(error))));
    input
}

/// The reject that an error comes to.
pub(super) fn reason_of(error: &DecodeError) -> RejectReason {
    match error {
        DecodeError::Truncated { encoding: Encoding::Zstd, .. } => RejectReason::ZstdTruncated,
        DecodeError::Corrupt { encoding: Encoding::Zstd, .. } => RejectReason::ZstdCorrupt,
        DecodeError::Truncated { encoding: Encoding::Gzip, .. } => RejectReason::GzipTruncated,
        DecodeError::Corrupt { encoding: Encoding::Gzip, .. } => RejectReason::GzipCorrupt,
        // Only in containers is anything compressed in another way.
        DecodeError::Truncated { .. } | DecodeError::MemberTruncated { .. } => {
            RejectReason::ContainerTruncated
        }
        DecodeError::Corrupt { .. } | DecodeError::MemberCorrupt { .. } => RejectReason::ContainerCorrupt,
        DecodeError::Trailing { .. } => RejectReason::TrailingBytes,
        DecodeError::TooLarge { .. } => RejectReason::ArchiveTooLarge,
        DecodeError::Read { .. } => RejectReason::ReadError,
    }
}
