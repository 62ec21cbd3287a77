//! From how many alerts came lately to the bits from which on a low alert is told, so that no more
//! come in a day than the operator looks at.
//!
//! Medium and high alerts are always told. Nothing is lost: what the budget withholds goes whole to
//! `suppressed.log`, and it is learnt from as if it had been told. The threshold moves as a day
//! (UTC) begins, to the lowest half bit at which the last [`DAYS_MAX`] days would have kept to the
//! budget; so it goes down again after quiet days, and the first day is told whole.

use super::allow::{Checked, Suppression};
use super::evidence::{Bits, Tier, Tiers};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// Days that are looked back on: a week has every day once.
pub const DAYS_MAX: usize = 7;
/// What withheld alerts name as what suppressed them.
pub const ID: &str = "alert-budget";
const SECONDS_A_DAY: i64 = 86_400;
/// Alerts that are told at any threshold.
const ALWAYS: i32 = i32::MAX;

/// How many alerts of how many bits came, and from how many bits on they are told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// Days since 1970.
    today: Option<i64>,
    /// Alerts by their half bits: of today last, before that of whole days.
    days: VecDeque<BTreeMap<i32, u32>>,
    /// Half bits from which on low alerts are told, where these are more than the tier's.
    low: Option<i32>,
}

/// The threshold moved.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Moved {
    /// Alerts that are accepted in a day.
    pub accepted: u32,
    /// Hundredths of a bit from which on low alerts are told.
    pub low_hundredths: i32,
    /// Alerts in a day on average, told or withheld.
    pub found: f64,
    /// Of these, those that have so many bits or more.
    pub told: f64,
}

impl Budget {
    /// Time goes on: as a day begins, the threshold for `accepted` alerts in a day, where it moved.
    pub fn advance(
        &mut self,
        accepted: Option<u32>,
        tiers: &Tiers,
        at: Timestamp,
    ) -> Option<Moved> {
        let accepted = accepted?;
        let today = at.as_nanos().div_euclid(SECONDS_A_DAY * 1_000_000_000);
        let before = *self.today.get_or_insert(today);
        if self.days.is_empty() {
            self.days.push_back(BTreeMap::new());
        }
        if today <= before {
            return None;
        }
        self.today = Some(today);
        for _ in 0..(today - before).min(DAYS_MAX as i64 + 1) {
            self.days.push_back(BTreeMap::new());
        }
        while self.days.len() > DAYS_MAX + 1 {
            self.days.pop_front();
        }
        let [lowest, highest] = [tiers.low, tiers.medium].map(half_bits);
        let keeps = |low: &i32| self.rate(*low) <= f64::from(accepted);
        let low = (lowest..highest).find(keeps).unwrap_or(highest);
        let low = (low > lowest).then_some(low);
        if low == self.low {
            return None;
        }
        self.low = low;
        let low = low.unwrap_or(lowest);
        Some(Moved {
            accepted,
            low_hundredths: low * 50,
            found: self.rate(i32::MIN),
            told: self.rate(low),
        })
    }

    /// Alerts of so many half bits or more in a whole day, on average.
    fn rate(&self, low: i32) -> f64 {
        let whole = self.days.len().saturating_sub(1);
        let alerts = self.days.iter().take(whole);
        let alerts: u64 = alerts
            .flat_map(|day| day.range(low..))
            .map(|(_, n)| u64::from(*n))
            .sum();
        alerts as f64 / whole.max(1) as f64
    }

    /// Counts an alert, told or withheld.
    pub fn count(&mut self, tier: Tier, bits: Bits) {
        let key = if tier == Tier::Low {
            half_bits(bits)
        } else {
            ALWAYS
        };
        if let Some(today) = self.days.back_mut() {
            let count = today.entry(key).or_default();
            *count = count.saturating_add(1);
        }
    }

    /// Withholds an alert for which there is no room, unless something else suppresses it.
    pub fn check(&self, tier: Tier, bits: Bits, checked: &mut Checked) {
        let Some(low) = self.low.filter(|low| half_bits(bits) < *low) else {
            return;
        };
        if tier != Tier::Low || checked.suppressed_by.is_some() {
            return;
        }
        checked.suppressed_by = Some(ID.into());
        checked.entries.push(Suppression {
            id: ID.into(),
            result: format!(
                "withholds: {:.2} bits are below {:.1}, from which on low alerts are told now",
                bits.as_f64(),
                f64::from(low) / 2.0
            ),
            owner: "operator".into(),
        });
    }
}

/// Half bits, rounded down.
fn half_bits(bits: Bits) -> i32 {
    bits.hundredths().div_euclid(50)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_parts(1_794_182_400 + seconds, 0)
    }

    fn is_withheld(budget: &Budget, tier: Tier, bits: i32) -> bool {
        let mut checked = Checked::default();
        budget.check(tier, Bits::whole(bits), &mut checked);
        checked.suppressed_by.as_deref() == Some(ID)
    }

    /// A budget of five a day after a day with eight alerts of 10 bits and four of 12.
    fn strained() -> (Budget, Option<Moved>) {
        let mut budget = Budget::default();
        assert_eq!(budget.advance(Some(5), &Tiers::DEFAULT, at(0)), None);
        (0..8).for_each(|_| budget.count(Tier::Low, Bits::whole(10)));
        (0..4).for_each(|_| budget.count(Tier::Low, Bits::whole(12)));
        assert_eq!(budget.advance(Some(5), &Tiers::DEFAULT, at(DAY - 1)), None);
        assert!(
            !is_withheld(&budget, Tier::Low, 10),
            "the first day is told whole"
        );
        let moved = budget.advance(Some(5), &Tiers::DEFAULT, at(DAY));
        (budget, moved)
    }

    #[test]
    fn the_threshold_goes_to_where_the_days_before_keep_to_the_budget() {
        let (budget, moved) = strained();
        let expected = Moved {
            accepted: 5,
            low_hundredths: 1050,
            found: 12.0,
            told: 4.0,
        };
        assert_eq!(moved, Some(expected));
        assert!(is_withheld(&budget, Tier::Low, 10));
        assert!(!is_withheld(&budget, Tier::Low, 11));
        assert!(
            !is_withheld(&budget, Tier::Medium, 10),
            "medium is always told"
        );
    }

    #[test]
    fn quiet_days_bring_it_down_again() {
        let (mut budget, _) = strained();
        // Twelve alerts in two days are six a day, in three days four.
        assert_eq!(budget.advance(Some(5), &Tiers::DEFAULT, at(2 * DAY)), None);
        let moved = budget
            .advance(Some(5), &Tiers::DEFAULT, at(3 * DAY))
            .unwrap();
        assert_eq!((moved.low_hundredths, moved.found), (1000, 4.0));
        assert!(!is_withheld(&budget, Tier::Low, 10));
    }

    #[test]
    fn medium_alerts_use_the_budget_up_and_no_low_one_is_left() {
        let mut budget = Budget::default();
        budget.advance(Some(5), &Tiers::DEFAULT, at(0));
        (0..6).for_each(|_| budget.count(Tier::Medium, Bits::whole(17)));
        let moved = budget.advance(Some(5), &Tiers::DEFAULT, at(DAY)).unwrap();
        assert_eq!(moved.low_hundredths, 1600);
        assert!(is_withheld(&budget, Tier::Low, 15));
    }

    #[test]
    fn an_entry_of_the_operator_comes_first() {
        let (budget, _) = strained();
        let mut checked = Checked {
            suppressed_by: Some("known".into()),
            ..Checked::default()
        };
        budget.check(Tier::Low, Bits::whole(10), &mut checked);
        assert_eq!(checked.suppressed_by.as_deref(), Some("known"));
        assert!(checked.entries.is_empty());
    }

    #[test]
    fn without_a_budget_nothing_is_withheld() {
        let mut budget = Budget::default();
        for day in 0..10 {
            assert_eq!(budget.advance(None, &Tiers::DEFAULT, at(day * DAY)), None);
            (0..1000).for_each(|_| budget.count(Tier::Low, Bits::whole(10)));
        }
        assert!(!is_withheld(&budget, Tier::Low, 10));
        assert!(budget.days.is_empty());
    }

    #[test]
    fn years_without_traffic_are_a_week_of_quiet_days() {
        let (mut budget, _) = strained();
        let moved = budget
            .advance(Some(5), &Tiers::DEFAULT, at(4000 * DAY))
            .unwrap();
        assert_eq!((moved.found, budget.days.len()), (0.0, DAYS_MAX + 1));
    }
}
