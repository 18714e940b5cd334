//! An archive read again from what was kept of it: to the rest of the engine the same as reading the archive itself.

use std::io::{self, Read};

use serde::de::DeserializeOwned;
use tracing::info;

use super::archive::Reading;
use super::condense::{END, End, GIVEN, Given, HEAD, Head, LESSON, RECORD, REJECTS};
use super::input::{Give, Purpose, Run, Subject, last, say_unreadable};
use crate::aggregate::{Coverage, Status, StatusReason};
use crate::extract::Entry;
use crate::source::NameFields;

/// Reads an extract.
///
/// # Errors
/// When it cannot be read back.
pub(super) fn replay(run: Run<'_>, entry: &Entry, give: Give<'_>) -> io::Result<()> {
    let named = |e: io::Error| io::Error::new(e.kind(), format!("{} in {}: {e}", entry.uri, entry.segment()));
    replay_unnamed(run, entry, give).map_err(named)
}

fn replay_unnamed(run: Run<'_>, entry: &Entry, give: Give<'_>) -> io::Result<()> {
    let mut bytes = entry.open()?;
    let mut reading: Option<Reading<'_>> = None;
    let mut chunk = Vec::new();
    let mut ended = false;
    while let Some(kind) = next(&mut bytes, &mut chunk)? {
        if run.plan.is_cancelled() {
            return Ok(());
        }
        match (kind, &mut reading) {
            (HEAD, _) => reading = Some(Reading::new(run, subject(from_json(&chunk)?))),
            (RECORD | LESSON, Some(reading)) => {
                let Some((offset, record)) = chunk.split_first_chunk() else { return Err(unlike()) };
                // What does not teach is not asked again whether it does.
                if kind == LESSON || matches!(run.purpose, Purpose::Count(_)) {
                    let may_count = (kind == RECORD).then_some(true);
                    reading.record(record, u64::from_le_bytes(*offset), may_count);
                }
                if reading.is_full() && !reading.hand_on(give) {
                    return Ok(());
                }
            }
            (REJECTS, Some(reading)) => {
                reading.again(from_json(&chunk)?, 0);
                if reading.is_full() && !reading.hand_on(give) {
                    return Ok(());
                }
            }
            (END, _) => {
                ended = true;
                let End { foreign, reached, sha256, shape, skip } = from_json(&chunk)?;
                let Some(mut reading) = reading.take() else { return Err(unlike()) };
                reading.again(Vec::new(), foreign);
                reading.finish(reached, sha256, shape, skip, give);
            }
            (GIVEN, _) => {
                ended = true;
                let Given { input, rejects } = from_json(&chunk)?;
                if let (Status::Unreadable, Some(StatusReason::Error(error))) = (input.status, &input.reason)
                {
                    say_unreadable(&input.archive, error);
                }
                for rejection in &rejects {
                    info!(archive = %input.archive, %rejection, "rejected");
                }
                let mut part = last(input, Coverage::default());
                part.rejects = rejects;
                if !give(part) {
                    return Ok(());
                }
            }
            _ => return Err(unlike()),
        }
    }
    // Whatever was listed has a row, so there is no extract without an end.
    if reading.is_none() && ended { Ok(()) } else { Err(unlike()) }
}

fn subject(head: Head) -> Subject {
    let Head { uri, container, version } = head;
    // The grammar of names is that of the member, not of the container it is in.
    let name = container.as_deref().and_then(|container| uri.strip_prefix(container)?.strip_prefix("!/"));
    let facts = NameFields::read(name.unwrap_or(&uri));
    let depth = usize::from(container.is_some());
    Subject { uri, size: None, facts, version, container, depth }
}

/// Reads the next chunk; its kind, or none at the end.
fn next(bytes: &mut impl Read, chunk: &mut Vec<u8>) -> io::Result<Option<u8>> {
    let mut kind = [0];
    if bytes.read(&mut kind)? == 0 {
        return Ok(None);
    }
    let mut len = [0; 8];
    bytes.read_exact(&mut len)?;
    let len = u64::from_le_bytes(len);
    chunk.clear();
    if bytes.take(len).read_to_end(chunk)? as u64 != len {
        return Err(unlike());
    }
    Ok(Some(kind[0]))
}

fn from_json<T: DeserializeOwned>(chunk: &[u8]) -> io::Result<T> {
    serde_json::from_slice(chunk).map_err(io::Error::from)
}

fn unlike() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "an extract is not what was kept")
}
