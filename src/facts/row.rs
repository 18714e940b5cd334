//! One event as bytes, for a temporary file of the same run: an event that waits for another copy
//! of its call.

use super::fields::{Fixed, ORIGINS, OUTCOMES, TEXTS, code, denials, join, split};
use crate::model::{EventTime, KmsEvent};

/// Appends `event` to `to`.
pub fn encode_event(event: &KmsEvent<'_>, to: &mut Vec<u8>) {
    let (texts, fixed) = split(event);
    to.extend_from_slice(&fixed.time.0.to_le_bytes());
    to.push(code(OUTCOMES, &fixed.outcome));
    to.push(code(ORIGINS, &fixed.key_origin));
    to.push(fixed.denied_by.map_or(u8::MAX, |by| code(denials(), &by)));
    to.push(u8::from(fixed.log_delivery));
    to.push(fixed.read_only.map_or(u8::MAX, u8::from));
    to.push(fixed.mfa.map_or(u8::MAX, u8::from));
    for text in texts {
        // 0 is no text; a text has its length plus one.
        let len = text.map_or(0, |text| text.len() as u64 + 1);
        to.extend_from_slice(&len.to_le_bytes());
        to.extend_from_slice(text.unwrap_or_default().as_bytes());
    }
}

/// The event in bytes that [`encode_event`] made, borrowing its texts; `None` when they are
/// something else.
pub fn decode_event(bytes: &[u8]) -> Option<KmsEvent<'_>> {
    let (time, rest) = bytes.split_first_chunk()?;
    let ([outcome, origin, denied, delivery, read_only, mfa], mut rest) = rest.split_first_chunk()?;
    let fixed = Fixed {
        time: EventTime(i64::from_le_bytes(*time)),
        outcome: *OUTCOMES.get(usize::from(*outcome))?,
        key_origin: *ORIGINS.get(usize::from(*origin))?,
        denied_by: denials().nth(usize::from(*denied)),
        log_delivery: *delivery == 1,
        read_only: (*read_only != u8::MAX).then_some(*read_only == 1),
        mfa: (*mfa != u8::MAX).then_some(*mfa == 1),
    };
    let mut texts = [None; TEXTS];
    for text in &mut texts {
        let (len, after) = rest.split_first_chunk()?;
        rest = after;
        if let Some(len) = u64::from_le_bytes(*len).checked_sub(1) {
            let (value, after) = rest.split_at_checked(usize::try_from(len).ok()?)?;
            *text = Some(std::str::from_utf8(value).ok()?);
            rest = after;
        }
    }
    rest.is_empty().then(|| join(texts, fixed))
}
