//! Where a value ends: every back end, fed whole and in pieces, agrees with a scan byte by byte.
#![no_main]

use std::sync::LazyLock;

use keytrail::format::json::{Backend, MayMatch, ValueScanner};
use keytrail_fuzz::{Cuts, Input};
use libfuzzer_sys::fuzz_target;

/// The back ends that this processor supports.
static BACK_ENDS: LazyLock<Vec<Backend>> = LazyLock::new(Backend::available);

/// The result of a scan.
#[derive(Debug, PartialEq, Eq)]
enum Scan {
    /// The value ends after this number of bytes.
    End(usize),
    /// The bytes end before the value: whether they end inside a string, and whether the value may
    /// end with them.
    Open { in_string: bool, may_end: bool },
}

fn feed<'c>(mut scanner: ValueScanner, pieces: impl Iterator<Item = &'c [u8]>) -> Scan {
    let mut before = 0;
    for piece in pieces {
        match scanner.advance(piece) {
            Some(n) => {
                assert!(n <= piece.len(), "the end is in the piece");
                return Scan::End(before + n);
            }
            None => before += piece.len(),
        }
    }
    Scan::Open { in_string: scanner.is_in_string(), may_end: scanner.may_end_here() }
}

fn naive(bytes: &[u8]) -> Scan {
    if !b"{[\"".contains(&bytes[0]) {
        let end = bytes.iter().position(|byte| b" \t\n\r,:\"{}[]".contains(byte));
        return end.map_or(Scan::Open { in_string: false, may_end: true }, Scan::End);
    }
    let (mut depth, mut in_string, mut escaped) = (0_u64, false, false);
    for (at, byte) in bytes.iter().enumerate() {
        match (in_string, *byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_string = !in_string,
            (false, b'{' | b'[') => depth += 1,
            (false, b'}' | b']') => depth -= 1,
            _ => {}
        }
        if depth == 0 && !in_string {
            return Scan::End(at + 1);
        }
    }
    Scan::Open { in_string, may_end: false }
}

fn check(cuts: &Cuts, content: &[u8]) {
    let Some(first) = content.first() else { return };
    let expected = naive(content);
    for back_end in BACK_ENDS.iter().copied() {
        let mut whole = ValueScanner::with_backend(back_end, *first);
        if let Some(end) = whole.advance(content) {
            let parser = keytrail::parse::may_match(&content[..end]);
            match whole.may_match() {
                MayMatch::Yes => assert!(parser, "{back_end:?}: a match"),
                MayMatch::IfSourceIsMissing => {
                    assert_eq!(parser, keytrail::parse::may_lack_source(&content[..end]), "{back_end:?}");
                }
                MayMatch::Unknown => {}
            }
        }
        let new = || ValueScanner::with_backend(back_end, *first);
        assert_eq!(feed(new(), std::iter::once(content)), expected, "{back_end:?}, whole");
        assert_eq!(feed(new(), cuts.pieces(content)), expected, "{back_end:?}, {cuts:?}");
    }
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let cuts = input.cuts();
    let content = input.rest();
    // The alignment of the bytes must not matter either.
    for skip in [0, 1, 7] {
        check(&cuts, content.get(skip..).unwrap_or_default());
    }
});
