//! The sliding-window rate limit of network.md §3.2.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use super::RateLimit;

/// Keys remembered at most; beyond it those of past windows go, and then all.
const MAX_KEYS: usize = 1 << 16;

#[derive(Debug)]
pub(super) struct RateLimiter {
    limit: RateLimit,
    counts: Mutex<HashMap<String, Count>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    window: u64,
    current: u32,
    previous: u32,
}

/// What the limiter says about one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) refused: bool,
    pub(super) limit: u32,
    pub(super) remaining: u32,
    /// Unix seconds at which the window ends.
    pub(super) reset: u64,
    /// Length of the window in seconds.
    pub(super) window: u64,
}

impl RateLimiter {
    pub(super) fn new(limit: RateLimit) -> Self {
        Self { limit, counts: Mutex::default() }
    }

    /// Counts a request of `key` at `now_ms`; a refused one is not counted.
    pub(super) fn check(&self, key: &str, now_ms: u64) -> Verdict {
        let seconds = self.limit.window.as_secs().max(1);
        let length = seconds * 1000;
        let (window, elapsed) = (now_ms / length, now_ms % length);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= MAX_KEYS && !counts.contains_key(key) {
            counts.retain(|_, count| count.window + 1 >= window);
            if counts.len() >= MAX_KEYS {
                counts.clear();
            }
        }
        let count = counts.entry(key.to_owned()).or_default();
        if count.window != window {
            count.previous = if count.window + 1 == window { count.current } else { 0 };
            (count.window, count.current) = (window, 0);
        }
        // Rounded to the nearest whole request, a half upwards.
        let weighted = u64::from(count.previous) * (length - elapsed) + u64::from(count.current) * length;
        let rate = u32::try_from((2 * weighted + length) / (2 * length)).unwrap_or(u32::MAX - 1);
        let refused = rate + 1 > self.limit.requests;
        if !refused {
            count.current += 1;
        }
        Verdict {
            refused,
            limit: self.limit.requests,
            remaining: self.limit.requests.saturating_sub(rate + 1),
            reset: (window + 1) * seconds,
            window: seconds,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn limiter() -> RateLimiter {
        RateLimiter::new(RateLimit { requests: 5, window: Duration::from_secs(10) })
    }

    #[test]
    fn refuses_the_sixth_in_a_window() {
        let limiter = limiter();
        for remaining in [4, 3, 2, 1, 0] {
            let verdict = limiter.check("a", 1_000_000);
            assert_eq!((verdict.refused, verdict.remaining, verdict.reset), (false, remaining, 1010));
        }
        assert!(limiter.check("a", 1_009_999).refused);
        assert!(!limiter.check("b", 1_009_999).refused, "another key has its own count");
    }

    #[test]
    fn the_last_window_counts_for_its_share() {
        let limiter = limiter();
        for _ in 0..5 {
            limiter.check("a", 1_000_000);
        }
        assert!(limiter.check("a", 1_010_000).refused, "all of it at first");
        assert!(limiter.check("a", 1_010_999).refused, "4.5 rounds up");
        assert!(!limiter.check("a", 1_011_001).refused, "4.4995 rounds down");
        assert!(!limiter.check("a", 1_040_000).refused);
    }

    #[test]
    fn remembers_a_bounded_number_of_keys() {
        let limiter = limiter();
        for key in 0..MAX_KEYS + 10 {
            limiter.check(&key.to_string(), 1_000_000);
        }
        assert!(limiter.counts.lock().is_ok_and(|counts| counts.len() <= MAX_KEYS));
    }
}
