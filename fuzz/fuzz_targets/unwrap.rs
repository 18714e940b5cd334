//! The walk over containers: any content, cut anywhere, gives the same steps; what it asks to keep stays small; it ends.
#![no_main]

use std::ops::Range;

use keytrail::unwrap::{Step, Unwrapper, Window, json_error};
use keytrail_fuzz::{Cuts, Input};
use libfuzzer_sys::fuzz_target;

/// What the walk may keep beyond the longest record: blanks before and behind one.
const SLACK: u64 = 8 << 10;

struct Walk<'c> {
    content: &'c [u8],
    max_record: u64,
    /// As the pipeline does: a value that is not JSON is looked at again.
    reconsider: bool,
}

/// All that is seen from outside.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    steps: Vec<Step>,
    shape: &'static str,
    recognised: bool,
    skip: Option<&'static str>,
}

impl Walk<'_> {
    fn run(&self, sizes: impl Iterator<Item = usize>) -> Seen {
        let mut unwrapper = Unwrapper::new(self.max_record);
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
            match unwrapper.step(window) {
                Step::More { keep } => {
                    assert!((start as u64..=end as u64).contains(&keep), "{keep} is not in {start}..{end}");
                    let held = end as u64 - keep;
                    assert!(held <= self.max_record + SLACK, "{held} bytes are kept");
                    start = keep as usize;
                    // An empty piece is no news, and the walk is not asked again without any.
                    let size = sizes.by_ref().find(|size| *size > 0).unwrap_or(self.content.len());
                    end = self.content.len().min(end.saturating_add(size));
                    // Asking for more behind the end is only odd; asking for ever is caught above.
                    turns -= usize::from(!window.last);
                }
                Step::End => break,
                Step::NotJson => {
                    steps.push(Step::NotJson);
                    break;
                }
                Step::Value { range } => {
                    self.check(&range, window, floor);
                    floor = if self.reconsider { range.start + 1 } else { range.end };
                    if self.reconsider && json_error(window.slice(&range)).is_some() {
                        unwrapper.reconsider(&range, window);
                    }
                    steps.push(Step::Value { range });
                }
                mut step @ Step::Damage { .. } => {
                    // The words are for people, and tell how far the JSON parser had come when it was asked.
                    if let Step::Damage { detail, .. } = &mut step {
                        detail.clear();
                    }
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
        let recognised = unwrapper.recognised();
        let skip = (!recognised).then(|| unwrapper.skip_reason().as_str());
        Seen { steps, shape: unwrapper.shape().as_str(), recognised, skip }
    }

    fn check(&self, range: &Range<u64>, window: Window<'_>, floor: u64) {
        assert!(range.start >= floor, "{range:?} begins before {floor}");
        assert!(range.end > range.start && range.end <= self.content.len() as u64, "{range:?}");
        assert!(range.end - range.start <= self.max_record, "{range:?} is longer than allowed");
        assert_eq!(window.slice(range).len() as u64, range.end - range.start, "the window holds the value");
    }
}

fn check(walk: &Walk<'_>, cuts: &Cuts) {
    // Feeding all of it at once is what a whole archive gets.
    let whole = walk.run(std::iter::once(walk.content.len()));
    assert_eq!(walk.run(cuts.sizes()), whole, "{cuts:?}");
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let choice = input.byte();
    let max_record = [4 << 20, 1000, 300, 64, 16, 1 << 10, 4 << 10, 2][usize::from(choice >> 1) % 8];
    let cuts = input.cuts();
    check(&Walk { content: input.rest(), max_record, reconsider: choice & 1 == 0 }, &cuts);
});
