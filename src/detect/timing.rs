//! From a key's cadence to evidence of a program that calls by itself.
//!
//! Periodic is not malicious: timing is one group of evidence, and never alerts alone. Without a
//! timer, automation persistence can stand in, and only beside a rare destination and a client that
//! is evidence itself.

use super::evidence::{Bits, Group, Item};
use super::finding::Missing;
use crate::profile::cadence::{Fit, Persistence, Reading};
use serde_json::json;

/// Bits of a timer below which it is no candidate (measured on synthetic negatives: none of 2,250
/// above it but timers with half of their beats).
const CANDIDATE: f64 = 20.0;
/// Bits of a timer for one bit of evidence. A design value, not fitted.
const BITS_A_BIT: f64 = 4.0;
/// Bits of rarity and of the client beside which persistence counts. A design value.
const BESIDE_MIN: Bits = Bits::whole(2);
/// Events that make the six gaps of a first look.
const EVENTS_MIN: u32 = 7;

/// How regularly a host calls an object, as of the last look.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Timing {
    /// Exchanges that the cadence is made of.
    pub events: u32,
    /// The best timer, once there was a look.
    pub reading: Option<Reading>,
    /// What tells a program where gaps do not.
    pub persistence: Option<Persistence>,
}

impl Timing {
    /// Bits for a timer, 0 without one.
    pub fn bits(&self) -> f64 {
        self.reading.map_or(0.0, |reading| reading.bits)
    }

    /// `timing.glr`: none below 20 bits, otherwise a quarter of them, at most `cap`.
    pub fn periodicity(&self, cap: Bits) -> Option<Item> {
        let reading = self.reading.filter(|reading| reading.bits >= CANDIDATE)?;
        let Reading { bits, view, fit } = reading;
        let (sleep, jitter) = (rounded(fit.sleep_s(), 10.0), rounded(fit.jitter(), 100.0));
        let view = format!("{view:?}").to_ascii_lowercase();
        let why = format!(
            "gaps fit a {sleep} s sleep with {:.0} % jitter far better than any usage model",
            jitter * 100.0
        );
        let item = Item::new("timing.glr", Group::Timing, Bits::new(bits / BITS_A_BIT))
            .capped(cap)
            .observed(json!({
                "beats": fit.n, "sleep_s": sleep, "jitter": jitter, "missed": fit.missed,
                "view": view, "llr_bits": rounded(bits, 10.0),
            }))
            .expected("not periodic: below 20 bits", u64::from(fit.n))
            .why(why);
        Some(item)
    }

    /// `timing.persistence`, where there is no timer, and `items` hold evidence of a rare
    /// destination and of the client.
    pub fn persistence(&self, items: &[Item]) -> Option<Item> {
        let speaks = |group| {
            let mut of = items.iter().filter(|item| item.group == group);
            of.any(|item| item.bits >= BESIDE_MIN)
        };
        let persistence = self.persistence?;
        let beside = speaks(Group::DestinationRarity) && speaks(Group::ClientFingerprint);
        let timer = items.iter().any(|item| item.group == Group::Timing);
        if !beside || timer {
            return None;
        }
        let bits = Bits::new(persistence.bits());
        let item = Item::new("timing.persistence", Group::Timing, bits)
            .capped(Bits::whole(6))
            .observed(json!({
                "hours": persistence.hours, "fano": rounded(persistence.fano, 100.0),
                "idle_share": rounded(persistence.idle_share, 100.0),
                "modal_size_share": rounded(persistence.modal_size_share, 100.0),
            }))
            .expected(
                "hours of a person: bursts, many sizes, none while the host is idle",
                u64::from(persistence.hours),
            )
            .why("it goes on at one pace, with one size, or while its host is idle");
        (item.bits > Bits::ZERO).then_some(item)
    }

    /// What could not be said of the cadence.
    pub fn missing(&self, cap: Bits) -> Option<Missing> {
        if self.reading.is_some() {
            return None;
        }
        let events = self.events;
        let component = format!("request cadence: {events} of {EVENTS_MIN} exchanges");
        let effect = format!("could add up to {} bits", cap.as_f64());
        Some(Missing::new(component, effect))
    }
}

/// A timer as an alert shows it: its period and the bits for it.
pub fn period(fit: &Fit) -> f64 {
    rounded(fit.sleep_s(), 10.0)
}

/// `value` to the nearest 1/`parts`, for an alert.
pub fn rounded(value: f64, parts: f64) -> f64 {
    (value * parts).round() / parts
}
