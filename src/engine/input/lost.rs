//! Inputs that hold no records but should: what to say of them.

use super::closed::closed_form;
use crate::aggregate::{InputStatus, StatusReason, UnreadReason};
use crate::format::container::{NameWatch, Watched};
use crate::format::decode::{may_be_encoded, may_hold_compressed, may_hold_encoded};
use crate::model::SkipReason;
use crate::report::PAGE_MARK;
use crate::source::{Family, NameFields};

/// Bytes at the beginning of an input that show what was saved instead of a log.
pub(super) const HEAD_BYTES: usize = 4096;

/// An input in which no record was found.
pub(super) struct NoRecords<'a> {
    /// Why it would be skipped.
    pub(super) reason: SkipReason,
    pub(super) uri: &'a str,
    /// What its name says.
    pub(super) fields: &'a NameFields,
    pub(super) watch: &'a NameWatch,
    /// Its first bytes.
    pub(super) head: &'a [u8],
}

/// The status of the input, and why. It is skipped, unless it may hold records, or is named like a
/// log file.
pub(super) fn status(input: &NoRecords<'_>) -> (InputStatus, StatusReason) {
    let is_message = input.reason == SkipReason::NotJson && is_validation_message(input.head);
    let reason = if is_message { SkipReason::Notification } else { input.reason };
    match unread(reason, input) {
        Some(unread) => (InputStatus::Unreadable, unread),
        None => (InputStatus::Skipped, StatusReason::Skipped(reason)),
    }
}

/// What a skipped input holds, if its reason alone does not say that.
pub(super) fn description(reason: &StatusReason, head: &[u8]) -> Option<String> {
    match reason {
        StatusReason::Skipped(SkipReason::Notification) => {
            Some("a notification, which only names log files, and no records".to_owned())
        }
        StatusReason::Skipped(_) => what_it_is(head),
        _ => None,
    }
}

/// Whether it is the page of a report: it names records, and has none. No log has such a name.
fn is_page_of_report(uri: &str, head: &[u8]) -> bool {
    uri.ends_with(".html") && memchr::memmem::find(head, PAGE_MARK.as_bytes()).is_some()
}

/// Why an input that would be skipped is unreadable instead, if it is.
fn unread(reason: SkipReason, input: &NoRecords<'_>) -> Option<StatusReason> {
    let NoRecords { uri, fields, watch, head, .. } = *input;
    if is_page_of_report(uri, head) {
        return None;
    }
    // It may hold records, and nobody can say that it does not.
    let detail = match reason {
        SkipReason::UnsupportedCompression => Some(
            "it is compressed with bzip2, xz or another method that keytrail does not read: decompress it",
        ),
        SkipReason::UnsupportedFile => Some(
            "it is an ORC, Arrow, Avro or SQLite file, which keytrail does not read: export it as Parquet or JSON",
        ),
        SkipReason::NotJson | SkipReason::BrokenStart => closed_form(uri, head),
        SkipReason::Utf16 => Some("it is UTF-16 text, which keytrail does not read: convert it to UTF-8"),
        _ => None,
    };
    if let Some(detail) = detail {
        let detail = detail.to_owned();
        return Some(StatusReason::Unread { reason: UnreadReason::UnknownEnvelope, detail });
    }
    let watched = match reason {
        SkipReason::OtherJson => Some(Watched::Json),
        SkipReason::Notification => Some(Watched::Notification),
        SkipReason::NotJson | SkipReason::BrokenStart | SkipReason::Parquet => Some(Watched::Unknown),
        _ => None,
    };
    let is_log = fields.family == Some(Family::CloudTrail) && fields.delivered.is_some();
    // What says in prose why there is no log may name KMS.
    let watched = if what_it_is(head).is_some() { watched.map(|_| Watched::Prose) } else { watched };
    if watched.is_some_and(|watched| watch.may_hold_records(watched)) {
        let detail = format!("it {watch}, in a form that keytrail does not read");
        return Some(StatusReason::Unread { reason: UnreadReason::UnknownEnvelope, detail });
    }
    let is_encoded = may_be_encoded(head) || may_hold_compressed(head);
    // In JSON that was read whole, every text was looked at.
    let is_whole = reason != SkipReason::NotJson;
    if watched.is_some() && (is_encoded || !is_whole && may_hold_encoded(head)) {
        let detail =
            "it looks like compressed or encoded data that keytrail cannot decode: damaged, encrypted, \
                      cut off, or more than four layers of compression"
                .to_owned();
        return Some(StatusReason::Unread { reason: UnreadReason::UnknownEnvelope, detail });
    }
    if !is_log || reason == SkipReason::Digest {
        return None;
    }
    let what = what_it_is(head).unwrap_or_else(|| match reason {
        SkipReason::Empty => "no bytes".to_owned(),
        SkipReason::OtherJson => "JSON without records".to_owned(),
        SkipReason::BrokenStart => "JSON whose beginning is missing".to_owned(),
        SkipReason::NotJson => "something else than JSON".to_owned(),
        other => format!("something else ({})", other.in_words()),
    });
    let detail = format!("a log file by its name, but it holds {what}");
    Some(StatusReason::Unread { reason: UnreadReason::LostLog, detail })
}

/// What was saved instead of a file; `None` when it is nothing of that kind.
fn what_it_is(head: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(&head[..head.len().min(HEAD_BYTES)]);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let lower = text.get(..text.len().min(64)).unwrap_or_default().to_ascii_lowercase();
    let element = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        rest.split_once(&format!("</{name}>")).map(|(inner, _)| inner.trim())
    };
    if text.starts_with("version https://git-lfs.github.com/") {
        return Some("a Git LFS pointer: the content was not fetched (git lfs pull)".to_owned());
    }
    if lower.starts_with("<!doctype html") || lower.starts_with("<html") {
        let title = element("title").map_or(String::new(), |title| format!(" ({title})"));
        return Some(format!("a web page{title}"));
    }
    if (lower.starts_with("<?xml") || lower.starts_with("<error>")) && text.contains("<Error>") {
        let code = element("Code").unwrap_or("no code");
        let message = element("Message").map_or(String::new(), |message| format!(": {message}"));
        return Some(format!("the refusal of its download by S3: {code}{message}"));
    }
    None
}

/// Whether the text is the file or message with which CloudTrail checks that it may deliver.
fn is_validation_message(head: &[u8]) -> bool {
    head.trim_ascii_start().starts_with(b"CloudTrail validation message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_saved_instead_is_told() {
        let xml =
            b"<?xml version=\"1.0\"?>\n<Error><Code>AccessDenied</Code><Message>not you</Message></Error>";
        for (head, what) in [
            (&xml[..], Some("the refusal of its download by S3: AccessDenied: not you")),
            (b"<Error><Code>NoSuchKey</Code></Error>", Some("the refusal of its download by S3: NoSuchKey")),
            (b"<!DOCTYPE html><html><title>Sign in</title>", Some("a web page (Sign in)")),
            (b"<HTML>", Some("a web page")),
            (
                b"version https://git-lfs.github.com/spec/v1\n",
                Some("a Git LFS pointer: the content was not fetched (git lfs pull)"),
            ),
            (b"{\"Records\":[]}", None),
            (b"", None),
        ] {
            assert_eq!(what_it_is(head).as_deref(), what, "{}", String::from_utf8_lossy(head));
        }
    }
}
