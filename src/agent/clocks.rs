//! From the system's clocks to moments of reports.
//!
//! Corrects nothing: the host's clock may be wrong. Constant.
#![allow(clippy::disallowed_methods)] // The shell reads the clock.

use crate::time::{Span, Timestamp};
use nix::time::{ClockId, clock_gettime};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Now, by the host's clock.
pub(super) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let nanos = since.map_or(0, |since| since.as_nanos());
    Timestamp::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX))
}

/// The moment that the monotonic clock of the system calls `nanos`.
pub(super) fn of_monotonic(nanos: u64) -> Timestamp {
    of(ClockId::CLOCK_MONOTONIC, nanos)
}

/// The moment `nanos` after boot, in which sleep counts.
pub(super) fn of_boot(nanos: u64) -> Timestamp {
    of(ClockId::CLOCK_BOOTTIME, nanos)
}

/// How much of a core this thread has taken.
pub(super) fn taken() -> Duration {
    // It is there since Linux 2.6.12.
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

fn of(clock: ClockId, nanos: u64) -> Timestamp {
    let now = now();
    // Both clocks are there since Linux 2.6.39.
    let Ok(read) = clock_gettime(clock) else {
        return now;
    };
    let read = Timestamp::from_parts(read.tv_sec(), read.tv_nsec() as u32);
    let ago = read - Timestamp::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX));
    now + Span::from_nanos(-ago.as_nanos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_all_clocks_agree() {
        let before = now();
        let read = clock_gettime(ClockId::CLOCK_MONOTONIC).unwrap();
        let nanos = read.tv_sec() as u64 * 1_000_000_000 + read.tv_nsec() as u64;
        let apart = of_monotonic(nanos) - before;
        assert!(apart.as_secs_f64().abs() < 60.0);
        assert!(of_boot(0) < before);
        assert!(taken() > Duration::ZERO);
    }
}
