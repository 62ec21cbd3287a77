//! From calls that come like clockwork, without anybody having agreed to them, to days without.
//!
//! What a host calls about as often on five days of a sort is expected on the next one; the end of
//! its hours, and an hour more, is when it is missed. A host that was not awake from the middle of
//! these hours to their last owes nothing. After three such days in a row it is no longer expected,
//! as the job was removed, nor after twenty days of whatever kind. Bounded by `max` callers.

use super::client::Kind;
use super::presence::Awake;
use super::rfc3339::rfc3339;
use crate::baseline::Bounded;
use crate::baseline::daily::Clockwork;
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::sync::Arc;

/// Days in a row without a call, after which none is expected any more.
const MISSES_MAX: u8 = 3;
/// So late a call may come. By design.
const LATE: Span = HOUR;
const HOUR: Span = Span::from_secs(3600);
/// Days without a call, slept through or not, after which none is expected.
const DAYS_MAX: u8 = 20;

/// Who calls what with which kind of client.
pub type Caller = (IpAddr, Arc<str>, Kind);

/// The calls that are expected, ranked by when they are due.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Regulars {
    watches: Bounded<Caller, Watch>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Watch {
    clockwork: Clockwork,
    misses: u8,
    days: u8,
}

/// A day without calls that come like clockwork.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Unheard {
    /// Who calls what, else.
    pub caller: Caller,
    /// How often, and from when to when it was expected.
    pub clockwork: Clockwork,
    /// The how-manieth day in a row.
    pub misses: u8,
}

impl Unheard {
    /// What a person reads.
    pub fn message(&self) -> String {
        let ((host, object, _), clockwork) = (&self.caller, &self.clockwork);
        let (from, to) = (rfc3339(clockwork.from), rfc3339(clockwork.to));
        format!(
            "{host} made no call of {object} between {from} and {to}, day {} in a row; on {} days \
             before there were {:.1} on average, about as many every day",
            self.misses, clockwork.days, clockwork.mean
        )
    }
}

impl Regulars {
    /// The caller called; none, or this, is expected next.
    pub fn handle_call(&mut self, caller: &Caller, next: Option<Clockwork>, max: usize) {
        self.watches.remove(caller);
        if let Some(clockwork) = next {
            let watch = Watch {
                clockwork,
                misses: 0,
                days: 0,
            };
            self.watch(caller.clone(), watch, max);
        }
    }

    fn watch(&mut self, caller: Caller, watch: Watch, max: usize) {
        let due = watch.clockwork.to + LATE;
        self.watches.insert(caller, due, watch, max);
    }

    /// When the next day is over.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.watches.first_moment()
    }

    /// The day that was over first without a call by `clock`.
    pub fn pop_due(
        &mut self,
        awake: impl Fn(IpAddr) -> Option<Awake>,
        clock: Timestamp,
        max: usize,
    ) -> Option<Unheard> {
        while self.deadline().is_some_and(|due| due <= clock) {
            let (_, caller, watch) = self.watches.pop_first()?;
            let clockwork = watch.clockwork;
            let missed = awake(caller.0).is_some_and(|awake| was_there(awake, clockwork));
            let next = Watch {
                clockwork: clockwork.next(),
                misses: watch.misses + u8::from(missed),
                days: watch.days + 1,
            };
            if next.misses < MISSES_MAX && next.days < DAYS_MAX {
                self.watch(caller.clone(), next, max);
            }
            if missed {
                return Some(Unheard {
                    caller,
                    clockwork,
                    misses: next.misses,
                });
            }
        }
        None
    }

    /// Callers of whom nothing is expected any more because others had to be watched.
    pub fn evicted(&self) -> u64 {
        self.watches.evicted()
    }
}

fn was_there(awake: Awake, Clockwork { from, to, .. }: Clockwork) -> bool {
    let half = Span::from_nanos((to - from).as_nanos() / 2);
    awake.woke_at <= from + half && awake.last_at + HOUR >= to
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i64) -> Timestamp {
        // From Monday, 2026-11-02, on.
        Timestamp::from_parts(1_793_577_600 + hour * 3600, 0)
    }

    const NONE: [u8; 0] = [];

    fn caller() -> Caller {
        ([10, 0, 0, 1].into(), "drive".into(), Kind::ToolOrLibrary)
    }

    /// Expects calls from nine to six on Thursday.
    fn expecting() -> Regulars {
        let mut regulars = Regulars::default();
        let clockwork = Clockwork {
            mean: 9.0,
            days: 5,
            from: at(81),
            to: at(90),
        };
        regulars.handle_call(&caller(), Some(clockwork), 10);
        regulars
    }

    /// The days that are missed up to `clock`, for a host that woke and was seen last then.
    fn missed(regulars: &mut Regulars, (woke, last): (i64, i64), clock: i64) -> Vec<u8> {
        let awake = Awake {
            woke_at: at(woke),
            last_at: at(last),
            slept_from: None,
        };
        let pop = || regulars.pop_due(|_| Some(awake), at(clock), 10);
        std::iter::from_fn(pop)
            .map(|unheard| unheard.misses)
            .collect()
    }

    #[test]
    fn a_day_without_a_call_is_told_an_hour_after_it_is_over() {
        let mut regulars = expecting();
        assert_eq!(missed(&mut regulars, (80, 90), 90), NONE);
        assert_eq!(missed(&mut regulars, (80, 90), 91), [1]);
        // Friday, and then Monday.
        assert_eq!(missed(&mut regulars, (80, 200), 91 + 24), [2]);
        assert_eq!(missed(&mut regulars, (80, 200), 91 + 72), NONE);
        assert_eq!(missed(&mut regulars, (80, 200), 91 + 96), [3]);
        assert_eq!(regulars.deadline(), None, "the job was removed");
    }

    #[test]
    fn a_host_that_slept_owes_nothing() {
        for (seen, expected) in [
            ((85, 90), vec![1]),
            ((86, 90), vec![]),
            ((80, 88), vec![]),
            ((80, 89), vec![1]),
        ] {
            assert_eq!(missed(&mut expecting(), seen, 91), expected, "{seen:?}");
        }
        let mut regulars = expecting();
        assert_eq!(missed(&mut regulars, (0, 1), 24 * 365), NONE);
        assert_eq!(regulars.deadline(), None, "forgotten after twenty days");
    }

    #[test]
    fn a_call_puts_off_what_is_expected() {
        let mut regulars = expecting();
        regulars.handle_call(&caller(), None, 10);
        assert_eq!(missed(&mut regulars, (80, 200), 200), NONE);
    }
}
