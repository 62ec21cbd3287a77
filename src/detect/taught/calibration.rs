//! From trials on hosts that taught, each judged by what the others taught, to how often a naming
//! is right.
//!
//! Trials are binned by what was compared and by the program's share of the votes. Where more was
//! compared, or the votes agree more, a naming is right at least as often: so trials of the bins
//! below may be counted in, which bounds the share from below all the more. Of what is counted
//! together the posterior under Jeffreys' prior is told. A program that one host alone has is
//! judged wrongly or not at all there, so what was never taught counts as often as it comes.

use crate::detect::beta::Count;
use crate::endpoint::attribution::Level;
use std::collections::BTreeMap;

/// Shares of the votes where a bin begins, beside 0.
const EDGES: [f64; 4] = [0.5, 0.7, 0.8, 0.9];
/// Bins of a level.
const BINS: usize = EDGES.len() + 1;
/// The bound on the share of right ones is too high with this probability.
const DOUBT: f64 = 0.05;
/// Trials are weighed in parts of this.
const WHOLE: u64 = 1000;

/// One trial: a host's flows of one program that are alike.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// Whose flows.
    pub host: u32,
    /// What was compared.
    pub level: Level,
    /// The named program's share of the votes.
    pub share: f64,
    /// Whether it was the program.
    pub right: bool,
}

/// By level and bin: the posterior mean of the share of right ones, and a bound that it is above
/// with probability 0.95.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Calibration(BTreeMap<Level, [[f64; 2]; BINS]>);

/// Trials by level and bin.
type Tallies = BTreeMap<Level, [Tally; BINS]>;

/// Right ones and all, in parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    right: u64,
    all: u64,
}

impl Tally {
    fn add(&mut self, other: Tally) {
        self.right += other.right;
        self.all += other.all;
    }

    fn count(self) -> Count {
        Count::new(self.right / WHOLE, self.all / WHOLE)
    }
}

fn bin(share: f64) -> usize {
    EDGES.iter().filter(|edge| share >= **edge).count()
}

impl Calibration {
    /// What the trials tell.
    pub fn of(outcomes: &[Outcome]) -> Calibration {
        let mut tallies = Tallies::new();
        let mut by_level: BTreeMap<Level, BTreeMap<u32, u64>> = BTreeMap::new();
        for outcome in outcomes {
            let of_host = by_level.entry(outcome.level).or_default();
            *of_host.entry(outcome.host).or_default() += 1;
        }
        let medians = by_level.iter().map(|(level, of)| (*level, median(of)));
        let medians: BTreeMap<Level, u64> = medians.collect();
        for outcome in outcomes {
            let of_hosts = by_level.get(&outcome.level);
            let own = of_hosts.and_then(|of_hosts| of_hosts.get(&outcome.host));
            let both = own.zip(medians.get(&outcome.level));
            let weight = both.map_or(0, |(own, median)| weight(*own, *median));
            let bins = tallies.entry(outcome.level).or_default();
            if let Some(tally) = bins.get_mut(bin(outcome.share)) {
                let right = if outcome.right { weight } else { 0 };
                tally.add(Tally { right, all: weight });
            }
        }
        let told = |level| std::array::from_fn(|bin| told(&tallies, level, bin));
        Calibration(Level::ALL.map(|level| (level, told(level))).into())
    }

    /// How often a naming on `level` with such a `share` of the votes is right: what is likely, and
    /// what it is at least.
    pub fn of_share(&self, level: Level, share: f64) -> [f64; 2] {
        let bins = self.0.get(&level);
        let told = bins.and_then(|bins| bins.get(bin(share)));
        told.copied().unwrap_or_else(unknown)
    }
}

/// What is told without a trial.
fn unknown() -> [f64; 2] {
    let nothing = Count::new(0, 0);
    [nothing.mean(), nothing.quantile(DOUBT)]
}

/// The trials of the median host.
fn median(of_hosts: &BTreeMap<u32, u64>) -> u64 {
    let mut counts: Vec<u64> = of_hosts.values().copied().collect();
    counts.sort_unstable();
    counts.get(counts.len() / 2).copied().unwrap_or_default()
}

/// A host's trials weigh together no more than twice those of the median host: one that lies, or
/// does a thousand things, must not outweigh the others.
fn weight(own: u64, median: u64) -> u64 {
    (2 * median * WHOLE / own.max(1)).min(WHOLE)
}

/// What namings on `level` in `bin` are right at least: of the sets that reach from there down to
/// some level and bin, the one with the highest bound.
fn told(tallies: &Tallies, level: Level, bin: usize) -> [f64; 2] {
    let mut best = unknown();
    let (mut levels, top) = (vec![Tally::default(); BINS], bin);
    // What had only begun is judged by what had only begun.
    let below = tallies.range(level..);
    for (_, bins) in below.filter(|(other, _)| (**other == Level::Begun) == (level == Level::Begun))
    {
        let sums = levels.iter_mut().zip(bins);
        sums.for_each(|(sum, tally)| sum.add(*tally));
        let mut pooled = Tally::default();
        for tally in levels.iter().take(top + 1).rev() {
            pooled.add(*tally);
            let count = pooled.count();
            let least = count.quantile(DOUBT);
            if least > best[1] {
                best = [count.mean(), least];
            }
        }
    }
    best
}
