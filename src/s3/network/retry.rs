//! How often a request is repeated, and after which pause.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::client::S3Client;
use super::refusal::RequestError;

/// How long to keep trying.
#[derive(Debug, Clone, Copy)]
pub(super) struct RetryPolicy {
    /// How often a request is sent at most.
    attempts: u32,
    /// The longest pause between two attempts.
    longest_pause: Duration,
    /// After this long, no further attempt is made.
    period: Duration,
    /// The time limit of one attempt whose request and response are small.
    pub(super) attempt_timeout: Duration,
}

impl RetryPolicy {
    /// During a run: some minutes in total.
    pub(super) const DURING_RUN: Self = Self {
        attempts: 12,
        longest_pause: Duration::from_secs(20),
        period: Duration::from_secs(900),
        attempt_timeout: Duration::from_secs(60),
    };
    /// Before a run begins: some seconds in total.
    pub(super) const BEFORE_RUN: Self = Self {
        attempts: 4,
        longest_pause: Duration::from_millis(500),
        period: Duration::from_secs(10),
        attempt_timeout: Duration::from_millis(2500),
    };
    /// Writing. A run that cannot write has no other way to report it than to end.
    pub(super) const WRITING: Self = Self {
        attempts: 10,
        longest_pause: Duration::from_secs(5),
        period: Duration::from_secs(60),
        attempt_timeout: Duration::from_secs(120),
    };
}

const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// The attempts at one request: exponential backoff with decorrelated jitter (AWS Architecture
/// Blog: "Exponential Backoff And Jitter").
pub(super) struct Backoff {
    policy: RetryPolicy,
    attempts_left: u32,
    pause: Duration,
    started: Instant,
}

impl Backoff {
    pub(super) fn new(policy: RetryPolicy) -> Self {
        Self { policy, attempts_left: policy.attempts, pause: FIRST_PAUSE, started: Instant::now() }
    }

    /// Waits before the next attempt. Returns the error if another attempt would not help.
    pub(super) async fn pause_after(
        &mut self,
        client: &S3Client,
        error: RequestError,
    ) -> Result<(), RequestError> {
        let may_pass = match &error {
            RequestError::Refused(refusal) if refusal.is_expired_token() => {
                client.credentials.reject_current().await;
                self.attempts_left = self.attempts_left.min(2);
                true
            }
            RequestError::Refused(refusal) => {
                if refusal.is_slow_down() {
                    client.slow_downs.fetch_add(1, Ordering::Relaxed);
                }
                refusal.is_transient()
            }
            RequestError::NoResponse(error) => error.is_transient(),
            RequestError::NoCredentials(_) => false,
        };
        if may_pass && self.pause().await { Ok(()) } else { Err(error) }
    }

    /// Waits before the next attempt. Returns false, without waiting, if there is to be none.
    pub(super) async fn pause(&mut self) -> bool {
        self.attempts_left = self.attempts_left.saturating_sub(1);
        if self.attempts_left == 0 || self.started.elapsed() > self.policy.period {
            return false;
        }
        self.pause = random_between(FIRST_PAUSE, self.pause * 3).min(self.policy.longest_pause);
        tokio::time::sleep(self.pause).await;
        true
    }

    /// Allows all attempts again, because the last one made progress.
    pub(super) fn reset(&mut self) {
        *self = Self::new(self.policy);
    }
}

/// A random duration, so that many requests that failed together are not repeated together.
fn random_between(least: Duration, most: Duration) -> Duration {
    // The standard library's hashers have random keys; nothing here has to be unpredictable.
    let random = RandomState::new().build_hasher().finish();
    let spread = u64::try_from(most.saturating_sub(least).as_micros()).unwrap_or(u64::MAX);
    least + Duration::from_micros(random % spread.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_differ_and_stay_between_the_bounds() {
        let (least, most) = (Duration::from_millis(100), Duration::from_secs(3600));
        let some: Vec<Duration> = (0..8).map(|_| random_between(least, most)).collect();
        assert!(some.iter().all(|pause| (least..=most).contains(pause)));
        assert!(some.iter().any(|pause| *pause != some[0]), "{some:?}");
        assert_eq!(random_between(least, least), least);
    }
}
