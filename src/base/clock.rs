//! The time of this machine. Its clock may be wrong, even before 1970: that is no reason to panic.

use std::time::{SystemTime, UNIX_EPOCH};

/// Microseconds from 1970 to `time`, negative before; rounded towards 1970.
pub fn unix_micros(time: SystemTime) -> i64 {
    let micros = |span: std::time::Duration| i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => micros(since),
        Err(before) => -micros(before.duration()),
    }
}

/// The time now in microseconds since 1970, negative before.
pub fn now_micros() -> i64 {
    unix_micros(SystemTime::now())
}

/// The time now in milliseconds since 1970, negative before.
pub fn now_millis() -> i64 {
    now_micros() / 1000
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_before_1970_are_negative() {
        let hour = Duration::from_hours(1);
        assert_eq!(unix_micros(UNIX_EPOCH - hour), -3_600_000_000);
        assert_eq!(unix_micros(UNIX_EPOCH + hour), 3_600_000_000);
        assert!(now_millis() > 1_700_000_000_000);
    }
}
