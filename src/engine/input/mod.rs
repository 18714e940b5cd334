//! Reads one entry of the listing. An archive is one input; a container is many, which take its
//! place in the order of the inputs.

mod closed;
mod container;
mod digest;
mod hash;
mod lost;
mod reader;
mod rows;
mod stream;
mod subject;
mod window;
mod wrapped;

use std::cell::RefCell;
use std::convert::identity;
use std::fs::File;
use std::io::{self, Read, Write};

use super::scanner::{Outcome, Scanner};
use crate::aggregate::{InputStatus, InputSummary, StatusReason, UnreadReason};
use crate::format::archive::ArchiveFormat;
use crate::format::container::may_hold_records_inside;
use crate::format::decode::{Budget, Buffers, Decoder, Encoding};
use crate::format::tabular::{CsvKind, OcsfReader, PARQUET_MAGIC};
use crate::model::SkipReason;
use crate::parse;
use crate::report::{
    ACCESS, Column, DAILY, EVENTS, FINDINGS, GRANTS, INPUTS, INTEGRITY, POLICY_STATEMENTS, REJECTS,
    SHARE_USE, SHARES, SUPERSEDED, Table, USAGE,
};
use crate::source::{Archive, ListedInput};
use container::sha256_from_start;
pub(super) use hash::hash_of_content;
use reader::InputReader;
use stream::{DecodeStream, Origin, StreamPosition};
use subject::{Subject, end_failed, unreadable, with_position};

/// Stored bytes from which an archive that is decoded in a stream is decoded ahead.
const LARGE: u64 = 4 << 20;
/// How many containers there may be around an archive.
const MAX_DEPTH: usize = 4;
/// How many layers of compression and base64 are decoded inside the first one.
const MAX_LAYERS: u32 = 4;

thread_local! {
    /// Each worker's memory for stored bytes and content: an archive is too short to allocate it
    /// each time.
    static BUFFERS: RefCell<Buffers> = RefCell::default();
}

/// Scans some entries of the listing, and emits what is left of the batch.
pub(super) fn scan_list(mut scanner: Scanner<'_>, list: impl IntoIterator<Item = ListedInput>) {
    for listed in list {
        scan(&mut scanner, listed);
        if scanner.is_over() {
            break;
        }
    }
    scanner.flush();
}

/// Scans one entry of the listing.
pub(super) fn scan(scanner: &mut Scanner<'_>, listed: ListedInput) {
    let archive = match listed {
        ListedInput::Archive(archive) => archive,
        ListedInput::Skipped { uri, reason } => {
            let input = Subject::unread(&uri).skipped(reason);
            return scanner.input(input, Vec::new(), Outcome::Permanent);
        }
        ListedInput::Unreadable { uri, error } => {
            let input = unreadable(Subject::unread(&uri).summary(), &error);
            return scanner.input(input, Vec::new(), Outcome::MayChange);
        }
    };
    let subject = Subject::of_archive(&archive, scanner.plan.limits);
    scanner.catch(subject.summary(), |scanner| scan_archive(scanner, &archive, subject));
}

/// Ends an archive that is not read, since runs died while they read it.
pub(super) fn refuse_killer(scanner: &mut Scanner<'_>, listed: &ListedInput) {
    let subject = match listed {
        ListedInput::Archive(archive) => Subject::of_archive(archive, scanner.plan.limits),
        ListedInput::Skipped { uri, .. } | ListedInput::Unreadable { uri, .. } => Subject::unread(uri),
    };
    let detail = "two runs were killed while they read it, so it is set aside: --force reads it again";
    let reason = StatusReason::Unread { reason: UnreadReason::KilledARun, detail: detail.to_owned() };
    let (status, reason) = (InputStatus::Unreadable, Some(reason));
    let input = InputSummary { status, reason, ..subject.summary() };
    // As long as the journal says so.
    scanner.input(input, Vec::new(), Outcome::MayChange);
}

/// The summary of an input of which nothing is known.
#[cfg(test)]
pub(super) fn summary_of(uri: &std::sync::Arc<str>) -> crate::aggregate::InputSummary {
    Subject::unread(uri).summary()
}

fn scan_archive(scanner: &mut Scanner<'_>, archive: &Archive, subject: Subject) {
    let is_large = archive.size.is_none_or(|size| size >= LARGE) && rayon::current_num_threads() > 1;
    BUFFERS.with_borrow_mut(|buffers| {
        let content = archive.open().and_then(|reader| {
            let mut options = subject.decode_options(scanner.plan, archive.size);
            // Its own content has its own limit: a budget is for what is inside.
            options.budget = Budget::default();
            Decoder::new(reader, options, buffers)
        });
        match content {
            Ok(content) => {
                let decode = if is_large { DecodeStream::decode_ahead } else { identity };
                let origin = Origin { archive: Some(archive), decode };
                read(scanner, subject, content, origin, buffers);
            }
            Err(error) => end_failed(scanner, &subject, error, StreamPosition::default()),
        }
    });
}

/// Reads an input of any kind.
fn read<R: Read>(
    scanner: &mut Scanner<'_>,
    mut subject: Subject,
    mut content: Decoder<R>,
    origin: Origin<'_, R>,
    buffers: &mut Buffers,
) {
    if let Encoding::Unsupported(_) = content.encoding() {
        InputReader::new(scanner, subject).run(DecodeStream::new(content), buffers);
        return;
    }
    if subject.layers < MAX_LAYERS && content.has_layer() {
        subject.layers += 1;
        let options = subject.decode_options(scanner.plan, None);
        match content.into_layer(options, buffers) {
            Ok(content) => {
                let origin = Origin { archive: None, decode: identity };
                read(scanner, subject, content, origin, buffers);
            }
            Err(error) => end_failed(scanner, &subject, error, StreamPosition::default()),
        }
        return;
    }
    subject.may_be_digest = parse::begins_digest(content.peek(parse::DIGEST_HEAD));
    let first = content.peek(ArchiveFormat::DETECT_BYTES);
    if first.starts_with(PARQUET_MAGIC) {
        read_parquet(scanner, subject, content, origin.archive, buffers);
        return;
    }
    match ArchiveFormat::detect(first) {
        Some(_) if subject.depth >= MAX_DEPTH => {
            let detail = "it is in more than four containers, one in another: extract some of them";
            scanner.input(subject.in_unknown_form(detail), Vec::new(), Outcome::Permanent);
        }
        Some(format) => {
            container::read(scanner, &subject, format, content, origin, read_member, buffers);
        }
        None => match CsvKind::detect(content.peek(CsvKind::DETECT_BYTES)) {
            None => {
                let stream = (origin.decode)(DecodeStream::new(content));
                InputReader::new(scanner, subject).run(stream, buffers);
            }
            Some(kind) if kind != CsvKind::EventHistory => {
                let stream = (origin.decode)(DecodeStream::new(content));
                InputReader::new(scanner, subject).run_csv(kind, stream, buffers);
            }
            Some(_) => {
                let detail = "it is the event history in CSV, which does not say which account, key or \
                              caller it was: download it as JSON";
                scanner.input(subject.in_unknown_form(detail), Vec::new(), Outcome::Permanent);
            }
        },
    }
}

/// Reads a member of a container.
fn read_member(
    scanner: &mut Scanner<'_>,
    member: Subject,
    content: Decoder<&mut dyn Read>,
    buffers: &mut Buffers,
) {
    read(scanner, member, content, Origin { archive: None, decode: identity }, buffers);
}

/// Reads a Parquet file; `archive`: the listed file, unless it is a member of a container. Parquet
/// is read from its end, so content that comes as a stream is written to a temporary file first.
fn read_parquet<R: Read>(
    scanner: &mut Scanner<'_>,
    subject: Subject,
    mut content: Decoder<R>,
    archive: Option<&Archive>,
    buffers: &mut Buffers,
) {
    let file = match archive {
        Some(archive) if content.encoding() == Encoding::Plain => archive.open_file(),
        _ => Ok(None),
    };
    let opened = match file {
        Ok(Some(file)) => open_in_place(file, subject.decode_options(scanner.plan, None).hash),
        Ok(None) => copy_to_temporary(&mut content, buffers),
        Err(error) => Err(error),
    };
    let position = StreamPosition::of(&content);
    content.finish(buffers);
    let RandomAccess { file, position, sha256 } = match opened {
        Ok(opened) => opened,
        Err(error) => {
            end_failed(scanner, &subject, error, position);
            return;
        }
    };
    let max_record = usize::try_from(scanner.plan.limits.record_bytes).unwrap_or(usize::MAX);
    let mut content = scanner.plan.limits.archive_bytes.min(subject.budget.left());
    let plan = scanner.plan;
    let may_hold_records = |cell: &[u8]| plan.is_cancelled() || may_hold_records_inside(cell);
    let before = content;
    let opened = OcsfReader::open(file, max_record, &mut content, may_hold_records);
    subject.budget.take(before - content);
    match opened {
        Ok(Some(table)) if !is_of_report(&table) => {
            InputReader::new(scanner, subject).run_table(table, position, sha256);
        }
        Ok(_) => {
            let input = with_position(subject.skipped(SkipReason::Parquet), position);
            scanner.input(input, Vec::new(), Outcome::Permanent);
        }
        // Any kind of Parquet file may be damaged so: also one of those that are read.
        Err(error) => InputReader::new(scanner, subject).unreadable_table(&error, position),
    }
}

/// Whether it is a table of a report, of this version or an earlier one: reports only gain columns,
/// at the end. Their columns are named like members of records, and they quote names of records.
fn is_of_report(table: &OcsfReader) -> bool {
    let names = table.column_names();
    begins(EVENTS, &names)
        || begins(ACCESS, &names)
        || begins(FINDINGS, &names)
        || begins(GRANTS, &names)
        || begins(POLICY_STATEMENTS, &names)
        || begins(SHARES, &names)
        || begins(SHARE_USE, &names)
        || begins(USAGE, &names)
        || begins(DAILY, &names)
        || begins(SUPERSEDED, &names)
        || begins(INPUTS, &names)
        || begins(INTEGRITY, &names)
        || begins(REJECTS, &names)
}

/// Whether the names, one in each line, are the first ones of a table's columns.
fn begins<T: Table>(columns: &[Column<T>], names: &str) -> bool {
    const LEAST: usize = 5;
    let mut known = columns.iter().map(|column| column.name);
    names.split('\n').count() >= LEAST && names.split('\n').all(|name| known.next() == Some(name))
}

/// Content that can be read from any offset.
struct RandomAccess {
    file: File,
    /// How much was read for it.
    position: StreamPosition,
    /// The hash of the content, if asked for.
    sha256: Option<String>,
}

/// A file that is read where it is.
fn open_in_place(file: File, hash: bool) -> io::Result<RandomAccess> {
    let size = file.metadata()?.len();
    let sha256 = hash.then(|| sha256_from_start(&file)).transpose()?;
    let position = StreamPosition { compressed_bytes: size, content_bytes: size, members: 0 };
    Ok(RandomAccess { file, position, sha256 })
}

/// The whole content in a temporary file.
fn copy_to_temporary<R: Read>(content: &mut Decoder<R>, buffers: &mut Buffers) -> io::Result<RandomAccess> {
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
    Ok(RandomAccess { file, position: StreamPosition::of(content), sha256: content.sha256() })
}
