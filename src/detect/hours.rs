//! From when a host calls something to whether that is one of its usual hours.
//!
//! Knows no analytic. A host that has just woken may do what it slept through.

use super::evidence::{Bits, Group, Item};
use super::finding::Missing;
use super::habit::{AmongThem, Habit};
use super::presence::{Awake, Presence};
use crate::baseline::{Baseline, Rhythm};
use crate::time::Timestamp;
use serde_json::json;

/// A call's moment, and what is known of such moments.
#[derive(Clone, Copy, Debug)]
pub struct Hours {
    /// When.
    pub at: Timestamp,
    /// What it is among the calls before it.
    pub among: AmongThem,
    /// When the host was awake.
    pub awake: Option<Awake>,
    /// Hours by which the host's clock is later than usual.
    pub shift: i8,
}

impl Hours {
    /// The hours of a host that was seen as `presence` and calls as `habit`; its role's `rhythm`
    /// stands in where it still learns.
    pub fn of(
        at: Timestamp,
        habit: &Habit,
        presence: Option<&Presence>,
        rhythm: Option<&Rhythm>,
    ) -> Hours {
        let shift = presence.map_or(0, Presence::shift);
        Hours {
            at,
            among: habit.among(at, shift, rhythm),
            awake: presence.and_then(Presence::awake),
            shift,
        }
    }

    /// Whether the host has only just woken.
    pub fn is_excused(&self) -> bool {
        self.awake.is_some_and(|awake| awake.is_fresh(self.at))
    }

    /// Whether these are other hours than were learnt.
    pub fn are_unusual(&self) -> bool {
        let known = self.among.surprise.ready();
        let unusual = known.is_some_and(|surprise| Bits::calibrated(surprise.p) > Bits::ZERO);
        unusual && self.among.window.is_none() && !self.is_excused()
    }

    /// `schedule.surprise`: −1 − ½·log2 p of the hour of the week, for calls of `object`.
    pub fn surprise(&self, object: &str) -> Option<Item> {
        let surprise = self.among.surprise.ready()?;
        let round = |x: f64| (x * 10_000.0).round() / 10_000.0;
        let (p, share) = (round(surprise.p), round(surprise.share));
        let whose = if surprise.by_peers {
            "of the role"
        } else {
            "of the host"
        };
        let bits = Bits::calibrated(surprise.p);
        let item = Item::new("schedule.surprise", Group::Schedule, bits)
            .observed(json!({"p": p, "share": share, "shift_h": self.shift}))
            .expected(
                format!(
                    "an hour of the week with p of at least 0.25; {} windows learnt",
                    self.among.windows
                ),
                u64::from(surprise.n),
            )
            .why(format!("calls {whose} to {object} come at other hours"));
        self.are_unusual().then_some(item)
    }

    /// What is missing while the hours are still learnt, for evidence of at most `cap`.
    pub fn missing(&self, cap: u8) -> Option<Missing> {
        let Baseline::Learning(so_far) = self.among.surprise else {
            return None;
        };
        Some(Missing::new(
            format!("usual hours: {} of 20 samples seen", so_far.samples.min(20)),
            format!("could add up to {cap} bits"),
        ))
    }
}
