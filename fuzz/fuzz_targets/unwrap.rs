//! The walk over containers: any content, cut anywhere, gives the same steps; what it asks to keep stays small; it ends.
#![no_main]

use std::ops::Range;

use keytrail::parse;
use keytrail::format::container::{Extracted, Step, ContainerReader, Window, Envelope, json_error, extract_record};
use keytrail_fuzz::{Cuts, Input};
use libfuzzer_sys::fuzz_target;

/// What the walk may keep beyond the longest record: blanks before and behind one.
const SLACK: u64 = 8 << 10;

struct Walk<'c> {
    content: &'c [u8],
    max_record: u64,
    /// As the engine does: a value that is not JSON is looked at again.
    reconsider: bool,
}

/// All that is seen from outside.
#[derive(Debug, PartialEq, Eq)]
struct SeenSet {
    steps: Vec<Step>,
    shape: &'static str,
    recognised: bool,
    skip: Option<&'static str>,
}

impl Walk<'_> {
    fn run(&self, sizes: impl Iterator<Item = usize>) -> SeenSet {
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
            assert!(turns <= 4 * self.content.len() + 64, "the walk goes on and on");
            match reader.step(window) {
                Step::NeedMore { keep_from: keep } => {
                    assert!((start as u64..=end as u64).contains(&keep), "{keep} is not in {start}..{end}");
                    let held = end as u64 - keep;
                    assert!(held <= self.max_record + SLACK, "{held} bytes are kept");
                    start = keep as usize;
                    // An empty piece is no news, and the walk is not asked again without any.
                    let size = sizes.by_ref().find(|size| *size > 0).unwrap_or(self.content.len());
                    end = self.content.len().min(end.saturating_add(size));
                    assert!(!window.last, "wants more behind the end");
                    turns -= 1;
                }
                Step::End => break,
                Step::NotJson => {
                    steps.push(Step::NotJson);
                    break;
                }
                Step::Value { range, envelope, may_match } => {
                    self.check(&range, window, floor);
                    floor = if self.reconsider { range.start + 1 } else { range.end };
                    if self.reconsider && json_error(window.slice(&range)).is_some() {
                        reader.resync_within(&range, window);
                    }
                    // An answer is given where a record came in one piece only; but then the right one.
                    if let Some(answer) = may_match {
                        assert_eq!(answer, parse::may_match(window.slice(&range)));
                    }
                    let mut buffer = Vec::new();
                    let value = window.slice(&range);
                    // A row is put together anew, and may be longer than it was printed.
                    if let Extracted::Record { json: text, offset: at, .. } = extract_record(value, envelope, &mut buffer)
                        && envelope != Envelope::LakeRow
                    {
                        assert!(at + text.len() <= value.len(), "{envelope:?}: {text:?} at {at}");
                        assert!(
                            !parse::may_match(text) || parse::may_match_inside(value),
                            "what is inside is seen from outside"
                        );
                    }
                    steps.push(Step::Value { range, envelope, may_match: None });
                }
                step @ Step::Message { offset } => {
                    assert!(offset >= floor && offset <= self.content.len() as u64, "a message at {offset}");
                    floor = offset;
                    steps.push(step);
                }
                step @ Step::Damage { .. } => {
                    if let Step::Damage { offset: Some(offset), .. } = step {
                        assert!(
                            offset <= self.content.len() as u64,
                            "damage at {offset}, behind the content"
                        );
                    }
                    steps.push(step);
                }
            }
        }
        let recognised = reader.is_recognised();
        let skip = (!recognised).then(|| reader.skip_reason().as_str());
        SeenSet { steps, shape: reader.shape().as_str(), recognised, skip }
    }

    fn check(&self, range: &Range<u64>, window: Window<'_>, floor: u64) {
        assert!(range.start >= floor, "{range:?} begins before {floor}");
        assert!(range.end > range.start && range.end <= self.content.len() as u64, "{range:?}");
        assert!(range.end - range.start <= self.max_record, "{range:?} is longer than allowed");
        assert_eq!(window.slice(range).len() as u64, range.end - range.start, "the window holds the value");
    }
}

fn check(walk: &Walk<'_>, cuts: &Cuts, scale: usize) {
    // Feeding all of it at once is what a whole archive gets.
    let whole = walk.run(std::iter::once(walk.content.len()));
    assert_eq!(walk.run(cuts.sizes().map(|size| size * scale)), whole, "{cuts:?} by {scale}");
}

/// Two control characters stand for stretches: some of the walk's limits are longer than any input. At most `longest` bytes.
fn expand(content: &[u8], stretches: [(u8, usize); 2], longest: usize) -> Vec<u8> {
    let mut expanded = Vec::new();
    for byte in content {
        let (filler, len) = match byte {
            0x0E => stretches[0],
            0x0F => stretches[1],
            byte => (*byte, 1),
        };
        if expanded.len() + len <= longest {
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
        // Blanks as far as the walk looks ahead, and back.
        (expand(input.rest(), [(b' ', 1023), (b' ', 4095)], 10 << 10), 1)
    } else {
        // Longer than any record of CloudTrail's.
        (expand(input.rest(), [(b'x', 50 << 10), (b' ', 120 << 10)], 700 << 10), 8191)
    };
    check(&Walk { content: &content, max_record, reconsider: choice & 1 == 0 }, &cuts, scale);
});
