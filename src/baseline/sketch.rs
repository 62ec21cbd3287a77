//! From sizes to their quantiles, in counts.
//!
//! Holds no value, only how many fell into each bin: sixteen bins to a doubling, so a quantile is
//! within 1/32 of the true one (its bin's middle; exact below 32). Where many flows of a role are
//! summed, `volume` keeps a dense histogram; this one is for many small cells and holds the bins
//! that are not empty, 8 bytes each, at most [`BINS_MAX`]. Merging adds counts, in any order.

use serde::{Deserialize, Serialize};

/// Bins that there are: values are read as at most 2^44 − 1 (16 TiB).
pub const BINS_MAX: usize = 41 * 16;
const VALUE_MAX: u64 = (1 << 44) - 1;

/// The bin of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Bin(u16);

impl Bin {
    /// The bin that holds `value`.
    pub fn of(value: u64) -> Bin {
        let value = value.min(VALUE_MAX);
        if value < 16 {
            return Bin(value as u16);
        }
        let octave = value.ilog2() - 4;
        let within = (value >> octave) as u16 - 16;
        Bin((octave as u16 + 1) * 16 + within)
    }

    /// The value in its middle.
    pub fn middle(self) -> u64 {
        if self.0 < 16 {
            return u64::from(self.0);
        }
        let octave = u64::from(self.0 / 16 - 1).min(40);
        let low = (16 + u64::from(self.0 % 16)) << octave;
        low + (1u64 << octave) / 2
    }
}

/// How many values fell into each bin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sketch {
    /// Ascending; none is empty.
    bins: Vec<(Bin, u32)>,
}

/// Where the middle of a sketch is, and how wide it is, in natural logarithms of 1 + value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The median.
    pub median: f64,
    /// The median absolute deviation from it.
    pub mad: f64,
}

impl Sketch {
    /// Counts a value.
    pub fn add(&mut self, value: u64) {
        self.add_bin(Bin::of(value), 1);
    }

    fn add_bin(&mut self, bin: Bin, n: u32) {
        match self.bins.binary_search_by_key(&bin, |known| known.0) {
            Ok(index) => {
                if let Some((_, count)) = self.bins.get_mut(index) {
                    *count = count.saturating_add(n);
                }
            }
            Err(index) => self.bins.insert(index, (bin, n)),
        }
    }

    /// Counts a value, but not beyond the bin of the quantile `share`: one flow cannot move what is
    /// usual further than others have.
    pub fn add_winsorised(&mut self, value: u64, share: f64) {
        let most = self.quantile_bin(share);
        let bin = Bin::of(value);
        self.add_bin(most.map_or(bin, |most| bin.min(most)), 1);
    }

    /// Adds what another one counted.
    pub fn merge(&mut self, other: &Sketch) {
        for (bin, count) in &other.bins {
            self.add_bin(*bin, *count);
        }
    }

    /// Halves every count. What does not divide is carried to the next bin, so that sparse counts
    /// keep their place as a whole.
    pub fn halve(&mut self) {
        let mut carry = 0;
        self.bins.retain_mut(|(_, count)| {
            let sum = u64::from(*count) + carry;
            carry = sum % 2;
            *count = (sum / 2) as u32;
            *count > 0
        });
    }

    /// How many values there are.
    pub fn n(&self) -> u64 {
        self.bins.iter().map(|(_, count)| u64::from(*count)).sum()
    }

    /// Bins that are not empty.
    pub fn filled(&self) -> usize {
        self.bins.len()
    }

    /// How many values are in the bin of `value` or above.
    pub fn at_least(&self, value: u64) -> u64 {
        let bin = Bin::of(value);
        let above = self.bins.iter().filter(|(other, _)| *other >= bin);
        above.map(|(_, count)| u64::from(*count)).sum()
    }

    /// The value below which `share` of the values lie, as its bin's middle.
    pub fn quantile(&self, share: f64) -> Option<u64> {
        self.quantile_bin(share).map(Bin::middle)
    }

    fn quantile_bin(&self, share: f64) -> Option<Bin> {
        let rank = (share.clamp(0.0, 1.0) * self.n() as f64).ceil().max(1.0) as u64;
        let mut below = 0;
        let reached = self.bins.iter().find(|(_, count)| {
            below += u64::from(*count);
            below >= rank
        });
        reached.or(self.bins.last()).map(|(bin, _)| *bin)
    }

    /// Its median and median absolute deviation in logarithms; none of nothing.
    pub fn spread(&self) -> Option<Spread> {
        let median = log(self.quantile(0.5)?);
        let mut apart: Vec<(f64, u32)> = self
            .bins
            .iter()
            .map(|(bin, n)| ((log(bin.middle()) - median).abs(), *n))
            .collect();
        apart.sort_by(|a, b| a.0.total_cmp(&b.0));
        let half = self.n().div_ceil(2);
        let mut below = 0;
        let mad = apart.iter().find(|(_, count)| {
            below += u64::from(*count);
            below >= half
        });
        let mad = mad.map_or(0.0, |found| found.0);
        Some(Spread { median, mad })
    }
}

/// ln(1 + value).
pub fn log(value: u64) -> f64 {
    libm::log1p(value as f64)
}
