//! From what happens to when to look at the sockets next.
//!
//! Looks at nothing itself. Constant.

use std::time::{Duration, Instant};

/// Between two looks while something happens: short enough that flows of 50 ms are seen.
pub(super) const FAST: Duration = Duration::from_millis(20);
/// How long something counts as happening.
const ACTIVE: Duration = Duration::from_secs(2);
/// A look is followed by a pause of at least so many times what it took of a core: however many
/// sockets and processes there are, looking takes a quarter of one core at most.
const PAUSE: u32 = 3;

/// When to look next.
#[derive(Debug)]
pub(super) struct Pace {
    interval: Duration,
    looked_at: Instant,
    pause: Duration,
    active_until: Instant,
}

impl Pace {
    /// Looks at once, and every `interval` while nothing happens.
    pub fn new(interval: Duration, now: Instant) -> Pace {
        Pace {
            interval,
            looked_at: now,
            pause: Duration::ZERO,
            active_until: now,
        }
    }

    /// Something happened.
    pub fn stir(&mut self, now: Instant) {
        self.active_until = now + ACTIVE;
    }

    /// A look ended, and took so much of a core.
    pub fn looked(&mut self, ended: Instant, took: Duration) {
        self.looked_at = ended;
        self.pause = FAST.max(took * PAUSE);
    }

    /// When to look next.
    pub fn due(&self) -> Instant {
        let soon = self.looked_at + self.pause;
        match self.pause.is_zero() || soon < self.active_until {
            true => soon,
            false => soon.max(self.looked_at + self.interval),
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    #[test]
    fn looks_are_close_together_while_something_happens_and_never_take_it_all() {
        let begin = Instant::now();
        let ms = Duration::from_millis;
        let at = |millis| begin + ms(millis);
        let mut pace = Pace::new(Duration::from_secs(1), begin);
        assert_eq!(pace.due(), begin);
        pace.looked(at(1), ms(1));
        assert_eq!(pace.due(), at(1001));
        pace.stir(at(300));
        assert!(pace.due() <= at(300));
        pace.looked(at(301), ms(1));
        assert_eq!(pace.due(), at(301) + FAST);
        pace.looked(at(500), ms(100));
        assert_eq!(pace.due(), at(800));
        pace.looked(at(2991), ms(1));
        assert_eq!(pace.due(), at(3991));
    }
}
