//! The container reader: any content gives the same steps in any windows, the bytes to keep are
//! bounded, and the reader ends.
#![no_main]

use std::ops::Range;

use keytrail::format::container::{
    ContainerReader, Envelope, Extracted, MayMatch, Step, Window, extract_record, json_error,
};
use keytrail::parse;
use keytrail_fuzz::{Cuts, Input};
use libfuzzer_sys::fuzz_target;

/// How many bytes may be kept beyond the longest record: white space before and after one.
const SLACK: u64 = (16 << 10) + 64;

struct Case<'c> {
    content: &'c [u8],
    max_record: u64,
    /// Whether to look inside values that are not valid JSON, as a run does.
    resync: bool,
}

/// Everything that the reader reports.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    steps: Vec<Step>,
    shape: &'static str,
    recognised: bool,
    skip: Option<&'static str>,
}

impl Case<'_> {
    fn run(&self, sizes: impl Iterator<Item = usize>) -> Outcome {
        let mut reader = ContainerReader::new(self.max_record);
        let mut sizes = sizes.fuse();
        let (mut start, mut end) = (0, 0);
        let (mut steps, mut floor, mut turns) = (Vec::new(), 0, 0);
        loop {
            let window = Window {
                bytes: &self.content[start..end],
                start: start as u64,
                last: end == self.content.len(),
            };
            turns += 1;
            assert!(turns <= 4 * self.content.len() + 64, "the reader does not end");
            match reader.step(window) {
                Step::NeedMore { keep_from } => {
                    assert!(
                        (start as u64..=end as u64).contains(&keep_from),
                        "{keep_from} is not in {start}..{end}"
                    );
                    let kept = end as u64 - keep_from;
                    assert!(kept <= self.max_record + SLACK, "{kept} bytes are kept");
                    start = keep_from as usize;
                    // The reader may only be called again with more input.
                    let size = sizes.by_ref().find(|size| *size > 0).unwrap_or(self.content.len());
                    end = self.content.len().min(end.saturating_add(size));
                    assert!(!window.last, "requests input after the end");
                    turns -= 1;
                }
                Step::End => break,
                Step::NotJson => {
                    steps.push(Step::NotJson);
                    break;
                }
                Step::Value { range, envelope, may_match } => {
                    self.check(&range, window, floor);
                    floor = if self.resync { range.start + 1 } else { range.end };
                    if self.resync && json_error(window.slice(&range)).is_some() {
                        reader.resync_within(&range, window);
                    }
                    let answer = parse::may_match(window.slice(&range));
                    match may_match {
                        MayMatch::Yes => assert!(answer),
                        MayMatch::IfSourceIsMissing => {
                            assert_eq!(answer, parse::may_lack_source(window.slice(&range)));
                        }
                        MayMatch::Unknown => {}
                    }
                    let mut buffer = Vec::new();
                    let value = window.slice(&range);
                    // A rebuilt row may be longer than its columns.
                    if let Extracted::Record { json, offset, .. } =
                        extract_record(value, envelope, &mut buffer)
                        && envelope != Envelope::LakeRow
                    {
                        assert!(offset + json.len() <= value.len(), "{envelope:?}: {json:?} at {offset}");
                        assert!(
                            !parse::may_match(json) || parse::may_match_inside(value),
                            "a match inside the envelope is found from outside"
                        );
                    }
                    steps.push(Step::Value { range, envelope, may_match: MayMatch::Unknown });
                }
                Step::Beside { range } => {
                    self.check(&range, window, floor);
                    floor = range.end;
                    steps.push(Step::Beside { range });
                }
                Step::Message { range } => {
                    assert!(range.start >= floor && range.end <= self.content.len() as u64, "{range:?}");
                    let len = range.end - range.start;
                    assert_eq!(window.slice(&range).len() as u64, len, "the window holds the message");
                    floor = range.end;
                    steps.push(Step::Message { range });
                }
                step @ Step::Damage { .. } => {
                    if let Step::Damage { offset: Some(offset), .. } = step {
                        assert!(offset <= self.content.len() as u64, "damage at {offset}, after the content");
                    }
                    steps.push(step);
                }
            }
        }
        let recognised = reader.is_recognised();
        let skip = (!recognised).then(|| reader.skip_reason().as_str());
        Outcome { steps, shape: reader.shape().as_str(), recognised, skip }
    }

    fn check(&self, range: &Range<u64>, window: Window<'_>, floor: u64) {
        assert!(range.start >= floor, "{range:?} begins before {floor}");
        assert!(range.end > range.start && range.end <= self.content.len() as u64, "{range:?}");
        assert!(range.end - range.start <= self.max_record, "{range:?} is longer than the limit");
        assert_eq!(window.slice(range).len() as u64, range.end - range.start, "the window holds the value");
    }
}

fn check(case: &Case<'_>, cuts: &Cuts, scale: usize) {
    // One window, as for an archive that was decoded with one call.
    let whole = case.run(std::iter::once(case.content.len()));
    assert_eq!(case.run(cuts.sizes().map(|size| size * scale)), whole, "{cuts:?} by {scale}");
}

/// Replaces two control characters by repeated bytes: some limits of the reader are longer than any
/// input. The result has at most `max_len` bytes.
fn expand(content: &[u8], repeats: [(u8, usize); 2], max_len: usize) -> Vec<u8> {
    let mut expanded = Vec::new();
    for byte in content {
        let (filler, len) = match byte {
            0x0E => repeats[0],
            0x0F => repeats[1],
            byte => (*byte, 1),
        };
        if expanded.len() + len <= max_len {
            expanded.extend(std::iter::repeat_n(filler, len));
        }
    }
    expanded
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let choice = input.byte();
    let max_record = [4 << 20, 1000, 300, 64, 16, 300 << 10, 4 << 10, 2][usize::from(choice >> 1) % 8];
    let cuts = input.cuts();
    let (content, scale) = if choice & 0x10 == 0 {
        // White space as far as the reader looks ahead and back.
        (expand(input.rest(), [(b' ', 1023), (b' ', 4095)], 10 << 10), 1)
    } else {
        // Longer than any CloudTrail record.
        (expand(input.rest(), [(b'x', 50 << 10), (b' ', 120 << 10)], 700 << 10), 8191)
    };
    check(&Case { content: &content, max_record, resync: choice & 1 == 0 }, &cuts, scale);
});
