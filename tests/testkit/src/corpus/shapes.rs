//! The same seven records in every shape that exports and deliveries give them, each whole and cut
//! off in the middle.

use std::io;
use std::path::Path;

use flate2::Compression;

use super::archive::{gzip, write_file};
use super::damaged::{S3, event};
use super::wrap::{
    CHATTER, CONTROL, delivered, enveloped, lines, log_events, looked_up, other_envelopes, printed_rows,
    quoted, row, rows,
};

/// An input and what must come of it under the default selection.
pub struct Case {
    pub file: &'static str,
    pub about: &'static str,
    pub bytes: Vec<u8>,
    /// The `shape` in `inputs.parquet`.
    pub shape: &'static str,
    /// Of the first reject; empty when everything could be read.
    pub reason: &'static str,
    pub records: u64,
    pub selected: u64,
    pub rejected: u64,
}

/// A KMS event spelled so that an envelope has something to escape: quotes, backslashes, escapes,
/// and characters beyond ASCII.
pub fn spelled() -> String {
    let agent = "\"userAgent\":\"\\\"é\\\\\\/\\n\\ud83d\\ude00😀\u{2028}\",\"requestParameters\"";
    let spelled = event(4).replacen("\"kms.amazonaws.com\"", "\"\\u006bms.amazonaws.com\"", 1).replacen(
        "\"requestParameters\"",
        agent,
        1,
    );
    assert!(spelled.contains("é") && spelled.contains("u006b"), "the fourth event has both members");
    spelled
}

/// Five events of the default selection, a record of S3 and one that is no usage.
pub fn records() -> Vec<String> {
    let plain = |line: usize| event(line).to_owned();
    vec![plain(1), plain(2), S3.to_owned(), spelled(), plain(3), plain(19), plain(5)]
}

/// They begin `{"eventVersion":…`, one after the other.
pub fn plain() -> Vec<u8> {
    format!("{{\"Records\":[{}]}}", records().join(",")).into_bytes()
}

/// Cut off inside the fifth of the records, where its id stands last: in the record, not beside it.
fn cut(text: &str) -> Vec<u8> {
    let at = text.rfind("e0000003").expect("the record is there");
    text.as_bytes()[..at].to_vec()
}

/// Whole and cut off.
fn twins(
    [file, cut_file]: [&'static str; 2],
    [about, cut_about]: [&'static str; 2],
    shape: &'static str,
    text: &str,
    foreign: u64,
) -> [Case; 2] {
    let whole = Case {
        file,
        about,
        bytes: text.as_bytes().to_vec(),
        shape,
        reason: "",
        records: 7 + foreign,
        selected: 5,
        rejected: 0,
    };
    let cut = Case {
        file: cut_file,
        about: cut_about,
        bytes: cut(text),
        shape,
        reason: "json_truncated",
        records: 5 + foreign,
        selected: 3,
        rejected: 1,
    };
    [whole, cut]
}

pub fn cases() -> Vec<Case> {
    let all = records();
    let (first, second) = all.split_at(3);
    let envelopes: Vec<String> =
        other_envelopes().into_iter().chain(all.iter().map(|record| enveloped(record))).collect();
    let messages: Vec<String> = std::iter::once(CHATTER.to_owned()).chain(all.iter().cloned()).collect();
    let whole: Vec<String> = all.iter().map(|record| row(&[("eventJson", record.clone())])).collect();
    let mut cases = Vec::new();
    let mut add =
        |files, about, shape, text: &str, foreign| cases.extend(twins(files, about, shape, text, foreign));
    add(
        ["lookup-events-v1.json", "lookup-events-v1-cut.json"],
        [
            "two pages of `aws cloudtrail lookup-events`, version 1, back to back",
            "the same, cut off inside a record's text",
        ],
        "lookup_events",
        &(looked_up(first, 1, true) + &looked_up(second, 1, false)),
        0,
    );
    add(
        ["lookup-events-v2.json", "lookup-events-v2-cut.json"],
        ["`aws cloudtrail lookup-events`, version 2", "the same, cut off inside a record's text"],
        "lookup_events",
        &looked_up(&all, 2, false),
        0,
    );
    add(
        ["eventbridge.ndjson", "eventbridge-cut.ndjson"],
        ["events of EventBridge, one a line; two are not CloudTrail's", "the same, cut off inside `detail`"],
        "eventbridge",
        &envelopes.join("\n"),
        2,
    );
    add(
        ["eventbridge-back-to-back.json", "eventbridge-back-to-back-cut.json"],
        [
            "the same without anything between them, as Firehose writes them",
            "the same, cut off inside `detail`",
        ],
        "eventbridge",
        &envelopes.concat(),
        2,
    );
    add(
        ["eventbridge-array.json", "eventbridge-array-cut.json"],
        ["the same in an array", "the same, cut off inside `detail`"],
        "eventbridge",
        &format!("[{}]", envelopes.join(",")),
        2,
    );
    add(
        ["log-subscription.json", "log-subscription-cut.json"],
        [
            "a subscription of CloudWatch Logs: a control message, then two deliveries back to back; one message is not a record",
            "the same, cut off inside a message",
        ],
        "log_subscription",
        &[CONTROL, &delivered(&messages[..4]), &delivered(&messages[4..])].concat(),
        1,
    );
    add(
        ["filter-log-events.json", "filter-log-events-cut.json"],
        ["`aws logs filter-log-events`; one message is not a record", "the same, cut off inside a message"],
        "log_events",
        &format!("{{\"events\": [{}], \"searchedLogStreams\": []}}", log_events(&messages, "eventId")),
        1,
    );
    let in_logs: Vec<String> = all.iter().map(|record| enveloped(record)).collect();
    add(
        ["eventbridge-in-logs.json", "eventbridge-in-logs-cut.json"],
        [
            "events of EventBridge sent to a log group, then `get-log-events`",
            "the same, cut off inside a message",
        ],
        "log_events",
        &format!("{{\"events\": [{}], \"nextForwardToken\": \"f/3\"}}", log_events(&in_logs, "eventId")),
        0,
    );
    add(
        ["log-lines.txt", "log-lines-cut.txt"],
        [
            "CloudWatch Logs exported to S3: lines of a time and a message; one message is not a record and has two lines",
            "the same, cut off",
        ],
        "log_lines",
        &lines(&messages),
        1,
    );
    add(
        ["lake-rows.json", "lake-rows-cut.json"],
        [
            "`aws cloudtrail get-query-results` with the column `eventJson`",
            "the same, cut off inside a record's text",
        ],
        "lake_rows",
        &rows(&whole),
        0,
    );
    add(
        ["mixed.json", "mixed-cut.json"],
        [
            "a page of `lookup-events`, an event of EventBridge, a log file and records, one after the other",
            "the same, cut off",
        ],
        "mixed",
        &[
            looked_up(&all[..2], 2, false),
            enveloped(&all[2]),
            format!("{{\"Records\":[{}]}}", all[3]),
            format!("{}\n{}{}", all[4], all[5], all[6]),
        ]
        .concat(),
        0,
    );
    cases.extend(single_cases());
    cases
}

/// What has no twin.
fn single_cases() -> Vec<Case> {
    let all = records();
    let case = |file, about, shape, bytes: Vec<u8>, reason, [records, selected, rejected]: [u64; 3]| Case {
        file,
        about,
        bytes,
        shape,
        reason,
        records,
        selected,
        rejected,
    };
    // The text of a record that was cut before it was wrapped, another with its structure broken,
    // and a lost quote around a third.
    let cut = event(3).replace("e0000003", "e0000033");
    let short = &cut[..cut.len() / 2];
    let broken = cut.replacen("\"eventName\":", "\"eventName\":}", 1);
    let items = |records: &[String]| looked_up(records, 2, false);
    let inner = items(&[all[0].clone(), short.to_owned(), all[1].clone(), broken, all[4].clone()]);
    let outer = items(&[all[0].clone(), all[1].clone(), all[4].clone()]).replacen(
        "\"EventName\": \"GenerateDataKey\"",
        "\"EventName\": \"GenerateDataKey",
        1,
    );
    let mut no_text = items(&all[..2]);
    no_text = no_text.replacen("\"CloudTrailEvent\": \"", "\"CloudTrailEvent\": null, \"Was\": \"", 1);
    let look_alike = {
        let planted = enveloped(event(5)).replace("e0000005", "e0000055");
        let text = items(&[event(5).replace("e0000005", "e0000056")]);
        event(1).replacen(
            "\"requestParameters\":{",
            &format!("\"requestParameters\":{{\"detail-type\":\"AWS API Call via CloudTrail\",\"detail\":{planted},\"page\":{text},\"note\":{},", quoted(&planted)),
            1,
        )
    };
    let lake = || rows(&printed_rows());
    vec![
        case(
            "no-events.json",
            "`lookup-events` that found nothing",
            "lookup_events",
            b"{\n    \"Events\": []\n}\n".to_vec(),
            "",
            [0, 0, 0],
        ),
        case(
            "no-rows.json",
            "`get-query-results` that found nothing",
            "lake_rows",
            rows(&[]).into_bytes(),
            "",
            [0, 0, 0],
        ),
        case(
            "lookup-events-broken-texts.json",
            "two of five records broken inside their text: one cut off, one with a bracket too many",
            "lookup_events",
            inner.into_bytes(),
            "json_syntax",
            [5, 3, 2],
        ),
        case(
            "lookup-events-lost-quote.json",
            "a quote lost beside the text of the second of three records",
            "lookup_events",
            outer.into_bytes(),
            "json_syntax",
            [3, 2, 1],
        ),
        case(
            "lookup-events-without-text.json",
            "an event of `lookup-events` without its record: what it was is unknown",
            "lookup_events",
            no_text.into_bytes(),
            "missing_field",
            [2, 1, 1],
        ),
        case(
            "nested-look-alikes.json",
            "a record whose parameters contain an event of EventBridge and a page of `lookup-events`",
            "record",
            look_alike.into_bytes(),
            "",
            [1, 1, 0],
        ),
        case(
            "lake-rows-lossy.json",
            "`get-query-results` with columns instead",
            "lake_rows_lossy",
            lake().into_bytes(),
            "",
            [2, 1, 0],
        ),
        case(
            "lake-rows-lossy-cut.json",
            "the same, cut off in the second row",
            "lake_rows_lossy",
            lake().as_bytes()[..lake().find("config.amazonaws.com").expect("it is there")].to_vec(),
            "json_truncated",
            [2, 1, 1],
        ),
        case(
            "lake-rows-no-source.json",
            "rows without `eventSource`: their service is unknown",
            "lake_rows",
            lake().replace("eventsource", "es").into_bytes(),
            "missing_field",
            [2, 0, 2],
        ),
        case(
            "log-lines.gz",
            "an export of CloudWatch Logs as S3 stores it",
            "log_lines",
            gzip(lines(&all).as_bytes(), Compression::best()),
            "",
            [7, 5, 0],
        ),
    ]
}

/// Writes the files and a table of what they are.
pub fn write(out: &Path) -> io::Result<()> {
    let mut text = String::from(
        "# Shapes

`cargo run --release --example generate -- --shapes tests/data/shapes` makes these files: the same
seven records, five of which the default selection selects, in every shape that keytrail reads,
whole and cut off. `plain.json` has them as CloudTrail delivers them. `records` and `rejected` count
each row of `rejects.parquet` as one. `reason` is that of the first reject.

| file | shape | reason | records | selected | rejected | what it is |
|---|---|---|--:|--:|--:|---|
",
    );
    write_file(&out.join("plain.json"), &plain())?;
    for case in cases() {
        write_file(&out.join(case.file), &case.bytes)?;
        let Case { file, about, shape, reason, records, selected, rejected, .. } = case;
        let reason = if reason.is_empty() { "-" } else { reason };
        text += &format!("| {file} | {shape} | {reason} | {records} | {selected} | {rejected} | {about} |\n");
    }
    write_file(&out.join("README.md"), text.as_bytes())
}
