//! From single findings to a sum of bits, a score and a tier.
//!
//! Knows no analytic. Bits are kept in hundredths, so sums are exact and print the same everywhere.
//! One group of evidence never alerts alone: an [`Evidence`] cannot be made without two.

use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::iter::Sum;
use std::ops::Add;

/// Evidence in bits: log2 of how far a finding favours the analytic's behaviour over the usual.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bits(i32);

impl Bits {
    /// No evidence.
    pub const ZERO: Bits = Bits(0);

    /// Whole bits.
    pub const fn whole(bits: i32) -> Bits {
        Bits(bits.saturating_mul(100))
    }

    /// `bits`, rounded to hundredths; what is no number is no evidence.
    pub fn new(bits: f64) -> Bits {
        // `as` saturates, and turns NaN into 0.
        Bits((bits * 100.0).round() as i32)
    }

    /// The rarity of what `k` of `n` others show: −log2[(k + 1)/(n + 2)]. With nobody to compare
    /// with, 1 bit.
    pub fn rarity(k: u64, n: u64) -> Bits {
        Bits::new(-((k as f64 + 1.0) / (n as f64 + 2.0)).log2())
    }

    /// [`Bits::rarity`], or two bits against where most of three others or more do it: what a role
    /// does is no sign of one program. By design.
    pub fn rarity_or_custom(k: u64, n: u64) -> Bits {
        match n >= 3 && k.saturating_mul(2) > n {
            true => Bits::whole(-2),
            false => Bits::rarity(k, n),
        }
    }

    /// A p-value of a matching baseline by the calibrator e = ½·p^(−½), that is −1 − ½·log2 p: e is
    /// a valid e-value, whatever the distribution. A p of ¼ or more is no evidence.
    pub fn calibrated(p: f64) -> Bits {
        let p = if p > 0.0 {
            p.min(1.0)
        } else {
            f64::MIN_POSITIVE
        };
        Bits::new(-1.0 - 0.5 * libm::log2(p))
    }

    /// These bits times `weight`.
    pub fn scaled(self, weight: f64) -> Bits {
        Bits::new(self.as_f64() * weight)
    }

    /// Hundredths of a bit.
    pub fn hundredths(self) -> i32 {
        self.0
    }

    /// So many hundredths of a bit.
    pub fn from_hundredths(hundredths: i32) -> Bits {
        Bits(hundredths)
    }

    /// For formulas and JSON.
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / 100.0
    }
}

impl Add for Bits {
    type Output = Bits;
    fn add(self, other: Bits) -> Bits {
        Bits(self.0.saturating_add(other.0))
    }
}

impl Sum for Bits {
    fn sum<I: Iterator<Item = Bits>>(bits: I) -> Bits {
        bits.fold(Bits::ZERO, Add::add)
    }
}

impl Serialize for Bits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.as_f64())
    }
}

/// A kind of evidence that is independent of the others; within one only the strongest finding
/// counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// Periodicity, automation.
    Timing,
    /// Unread or constant replies, inverted exchanges, upload against download.
    Direction,
    /// Unusual volume.
    Volume,
    /// First use, prevalence, age of the destination.
    DestinationRarity,
    /// Class, rarity and identity of the client's fingerprint.
    ClientFingerprint,
    /// The hour of the week.
    Schedule,
    /// Role, port, certificate, DNS path.
    Context,
    /// What the operator agreed to.
    Agreement,
    /// What an agent reports.
    Endpoint,
    /// Lists of the operator.
    ThreatIntelligence,
}

impl Group {
    /// Every group.
    pub const ALL: [Group; 10] = [
        Group::Timing,
        Group::Direction,
        Group::Volume,
        Group::DestinationRarity,
        Group::ClientFingerprint,
        Group::Schedule,
        Group::Context,
        Group::Agreement,
        Group::Endpoint,
        Group::ThreatIntelligence,
    ];

    /// The most that the group can add. By design, not fitted.
    pub const fn cap(self) -> Bits {
        Bits::whole(match self {
            Group::Timing | Group::Endpoint => 12,
            Group::Direction | Group::Volume | Group::Agreement => 10,
            Group::ThreatIntelligence => 8,
            Group::DestinationRarity | Group::ClientFingerprint | Group::Schedule => 6,
            Group::Context => 4,
        })
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Item {
    /// Stable and documented, such as `role.service_rarity`.
    pub id: Cow<'static, str>,
    /// The group it competes in.
    pub group: Group,
    /// What it is worth, at most `cap`.
    pub bits: Bits,
    /// The most it can be worth.
    pub cap: Bits,
    /// What it would be worth without a cap.
    #[serde(skip)]
    pub uncapped: Bits,
    /// What was seen, as numbers from which `bits` can be computed.
    pub observed: Value,
    /// What is usual.
    pub expected: String,
    /// Samples behind `expected`.
    pub baseline_n: u64,
    /// The finding in a sentence.
    pub why: String,
}

impl Item {
    /// A finding of `group` worth `bits`, or the group's cap if that is less.
    pub fn new(id: impl Into<Cow<'static, str>>, group: Group, bits: Bits) -> Item {
        let cap = group.cap();
        let expected = String::new();
        let observed = Value::Null;
        let why = String::new();
        Item {
            id: id.into(),
            group,
            bits: bits.min(cap),
            cap,
            uncapped: bits,
            observed,
            expected,
            baseline_n: 0,
            why,
        }
    }

    /// Worth at most `cap`, where that is less than the group's.
    pub fn capped(mut self, cap: Bits) -> Item {
        self.cap = self.cap.min(cap);
        self.bits = self.bits.min(self.cap);
        self
    }

    /// Found `times` times, each time anew: e-values of independent findings multiply.
    pub fn times(mut self, times: usize) -> Item {
        self.uncapped = self.uncapped.scaled(times as f64);
        self.bits = self.uncapped.min(self.cap);
        self
    }

    /// With what was seen.
    pub fn observed(mut self, observed: Value) -> Item {
        self.observed = observed;
        self
    }

    /// With what is usual, and from how many samples that is known.
    pub fn expected(mut self, expected: impl Into<String>, baseline_n: u64) -> Item {
        self.expected = expected.into();
        self.baseline_n = baseline_n;
        self
    }

    /// With the finding in a sentence.
    pub fn why(mut self, why: impl Into<String>) -> Item {
        self.why = why.into();
        self
    }
}

/// Findings of at least two groups, strongest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    first: Item,
    rest: Vec<Item>,
}

impl Evidence {
    /// The evidence that `items` make; none where fewer than two groups speak for the analytic.
    pub fn weigh(mut items: Vec<Item>) -> Option<Evidence> {
        if groups_positive(&items) < 2 {
            return None;
        }
        let rank = |item: &Item| (Reverse(item.bits.0.unsigned_abs()), item.id.clone());
        items.sort_by_key(rank);
        let mut items = items.into_iter();
        Some(Evidence {
            first: items.next()?,
            rest: items.collect(),
        })
    }

    /// The strongest finding.
    pub fn first(&self) -> &Item {
        &self.first
    }

    /// Every finding, strongest first.
    pub fn items(&self) -> impl Iterator<Item = &Item> + Clone {
        std::iter::once(&self.first).chain(&self.rest)
    }

    /// The sum over groups.
    pub fn total(&self) -> Bits {
        total(self.items())
    }

    /// The sum without the finding `id`: what else its group found takes its place.
    pub fn total_without(&self, id: &str) -> Bits {
        total(self.items().filter(|item| item.id != id))
    }

    /// How many groups speak for the analytic once the finding `id` is left out.
    pub fn groups_without(&self, id: &str) -> usize {
        groups_positive(self.items().filter(|item| item.id != id))
    }

    /// How many groups speak for the analytic.
    pub fn groups(&self) -> usize {
        groups_positive(self.items())
    }
}

impl Serialize for Evidence {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.items())
    }
}

fn groups_positive<'a>(items: impl IntoIterator<Item = &'a Item>) -> usize {
    let positive = items.into_iter().filter(|item| item.bits > Bits::ZERO);
    positive
        .map(|item| item.group)
        .collect::<BTreeSet<_>>()
        .len()
}

/// Sums the groups: of each its strongest finding up to the cap; negative bits only where nothing
/// speaks for the analytic. What an agent says adds up, from −6 bits to the group's cap: it is
/// about different things.
fn total<'a>(items: impl Iterator<Item = &'a Item> + Clone) -> Bits {
    let group_bits = |group: Group| {
        let bits = items
            .clone()
            .filter(move |item| item.group == group)
            .map(|item| item.bits);
        if group == Group::Endpoint {
            let sum: Bits = bits.sum();
            return sum.clamp(Bits::whole(-6), group.cap());
        }
        match bits.clone().max() {
            Some(most) if most > Bits::ZERO => most.min(group.cap()),
            _ => bits.min().unwrap_or(Bits::ZERO),
        }
    };
    Group::ALL.into_iter().map(group_bits).sum()
}

/// How loud an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// To be looked at when there is time.
    Low,
    /// To be looked at today.
    Medium,
    /// To be looked at now.
    High,
}

impl Tier {
    /// As in the alert.
    pub fn name(self) -> &'static str {
        match self {
            Tier::Low => "low",
            Tier::Medium => "medium",
            Tier::High => "high",
        }
    }
}

/// From how many bits on an alert has which tier, and where the score is 50.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Tiers {
    /// Bits of a low alert.
    pub low: Bits,
    /// Bits of a medium alert.
    pub medium: Bits,
    /// Bits of a high alert.
    pub high: Bits,
    /// Bits at which the score is 50 (B0).
    pub even: Bits,
}

impl Tiers {
    /// The shipped tiers: design values, not fitted.
    pub const DEFAULT: Tiers = Tiers {
        low: Bits::whole(10),
        medium: Bits::whole(16),
        high: Bits::whole(22),
        even: Bits::whole(12),
    };

    /// The tier of `total` bits from `groups` groups; high asks for a third group where no endpoint
    /// speaks.
    pub fn tier(&self, total: Bits, groups: usize, endpoint: bool) -> Option<Tier> {
        let groups_high = if endpoint { 2 } else { 3 };
        if groups < 2 || total < self.low {
            None
        } else if total >= self.high && groups >= groups_high {
            Some(Tier::High)
        } else if total >= self.medium {
            Some(Tier::Medium)
        } else {
            Some(Tier::Low)
        }
    }

    /// 100 / (1 + 2^(−(Σ − B0)/3)), to the nearest integer.
    pub fn score(&self, total: Bits) -> u8 {
        let above = total.as_f64() - self.even.as_f64();
        (100.0 / (1.0 + (-above / 3.0).exp2())).round() as u8
    }
}
