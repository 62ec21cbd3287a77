//! From the histogram of a key's gaps to the timer that explains it best, and how well.
//!
//! The templates follow from constants, so nothing of them is saved: they are computed the first
//! time that one is asked for, about 12 MB. A fit looks at every template that could win, so what
//! it finds is what a scan of all of them finds.

use super::gaps::{BINS, Gaps, edge};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::sync::OnceLock;

/// Half-widths of the window that sleeps are drawn from, relative to its centre.
const WIDTHS: [f64; 5] = [0.01, 0.05, 0.12, 0.25, 0.40];
/// Shares of missed beats.
const MISSES: [f64; 3] = [0.02, 0.15, 0.35];
/// Shares of gaps that are none of the timer's.
const CONTAMINATIONS: [f64; 3] = [0.03, 0.15, 0.40];
/// Sleep centres: 8 s to 14,387 s in sixteenths of an octave.
const CENTRES: usize = 174;
/// Templates that share centre and width.
const GROUP: usize = MISSES.len() * CONTAMINATIONS.len();
const GROUPS: usize = CENTRES * WIDTHS.len();
/// Templates without a timer: exponential, lognormal, session mixtures, lattices.
const NULLS: usize = 69 + 276 + 960 + 168;
/// Periods of the lattice family, in seconds.
const LATTICE: [f64; 14] = [
    10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 180.0, 240.0, 300.0, 600.0, 900.0, 1200.0, 1800.0, 3600.0,
];

/// One probability for each bin.
type Bins = [f64; BINS];

/// The best explanation of a histogram.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// How much better the best timer explains the gaps than the best of everything else, in bits,
    /// less what the choice among timers is worth: `log2 n + 4`.
    pub bits: f64,
    /// Gaps behind it.
    pub n: u32,
    /// Centre of the window that sleeps are drawn from, in seconds.
    pub centre_s: f64,
    /// The window's half-width, relative to its centre.
    pub width: f64,
    /// Share of missed beats.
    pub missed: f64,
    /// Share of gaps that are none of the timer's.
    pub contamination: f64,
    /// Natural logarithm of the gaps' likelihood under the best timer, and under the best of
    /// everything else.
    pub log_likelihood: [f64; 2],
}

impl Fit {
    /// The sleep, in seconds, if jitter only ever shortens it.
    pub fn sleep_s(&self) -> f64 {
        self.centre_s * (1.0 + self.width)
    }

    /// The share by which jitter shortens the sleep.
    pub fn jitter(&self) -> f64 {
        2.0 * self.width / (1.0 + self.width)
    }
}

/// What gaps look like with a timer behind them, and without one.
#[derive(Clone, Debug, Default)]
pub struct Templates {
    tables: OnceLock<Box<Tables>>,
}

impl Serialize for Templates {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

impl<'de> Deserialize<'de> for Templates {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Templates, D::Error> {
        <()>::deserialize(deserializer).map(|()| Templates::default())
    }
}

/// Logarithms of every template, by bin first, so that one bin's are next to each other.
#[derive(Clone, Debug)]
struct Tables {
    /// [group][bin][template of the group].
    timers: Vec<[[f64; GROUP]; BINS]>,
    /// [bin][group]: the most that any template of the group says.
    bounds: Vec<[f64; GROUPS]>,
    /// [bin][null].
    nulls: Vec<[f64; NULLS]>,
}

impl Templates {
    /// The best explanation of `gaps`; none below three of them.
    pub fn fit(&self, gaps: &Gaps) -> Option<Fit> {
        let n = gaps.n();
        if n < 3 {
            return None;
        }
        let tables = self.tables.get_or_init(|| Box::new(Tables::new()));
        let cells: Vec<(usize, f64)> = gaps
            .cells()
            .map(|(b, count)| (usize::from(b), f64::from(count)))
            .collect();
        let (index, timer) = tables.best_timer(&cells);
        let null = tables.best_null(&cells);
        let penalty = libm::log2(f64::from(n)) + 4.0;
        let (group, member) = (index / GROUP, index % GROUP);
        Some(Fit {
            bits: (timer - null) / std::f64::consts::LN_2 - penalty,
            n,
            centre_s: centre(group / WIDTHS.len()),
            width: WIDTHS[group % WIDTHS.len()],
            missed: MISSES[member / CONTAMINATIONS.len()],
            contamination: CONTAMINATIONS[member % CONTAMINATIONS.len()],
            log_likelihood: [timer, null],
        })
    }
}

impl Tables {
    fn new() -> Tables {
        let mut timers = vec![[[0.0; GROUP]; BINS]; GROUPS];
        let mut bounds = vec![[0.0; GROUPS]; BINS];
        for (group, timer) in timers.iter_mut().enumerate() {
            let members = timer_group(centre(group / WIDTHS.len()), WIDTHS[group % WIDTHS.len()]);
            for (member, template) in members.iter().enumerate() {
                for (row, p) in timer.iter_mut().zip(template) {
                    row[member] = logarithm(*p);
                }
            }
            for (row, bound) in timer.iter().zip(&mut bounds) {
                bound[group] = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            }
        }
        let mut nulls = vec![[0.0; NULLS]; BINS];
        for (index, template) in null_templates().iter().enumerate() {
            for (row, p) in nulls.iter_mut().zip(template) {
                row[index] = logarithm(*p);
            }
        }
        Tables {
            timers,
            bounds,
            nulls,
        }
    }

    /// Index and log likelihood of the first timer than which none is better.
    ///
    /// A group whose bound is below the best so far cannot win: sums of the same terms in the same
    /// order stay in order under rounding.
    fn best_timer(&self, cells: &[(usize, f64)]) -> (usize, f64) {
        let bounds = weigh(&self.bounds, cells);
        let mut order: Vec<usize> = (0..GROUPS).collect();
        order.sort_unstable_by(|a, b| bounds[*b].total_cmp(&bounds[*a]).then(a.cmp(b)));
        let mut best = (usize::MAX, f64::NEG_INFINITY);
        for group in order {
            if bounds[group] < best.1 {
                break;
            }
            for (member, sum) in weigh(&self.timers[group], cells).into_iter().enumerate() {
                let index = group * GROUP + member;
                if sum > best.1 || sum == best.1 && index < best.0 {
                    best = (index, sum);
                }
            }
        }
        best
    }

    fn best_null(&self, cells: &[(usize, f64)]) -> f64 {
        let sums = weigh(&self.nulls, cells);
        sums.into_iter().fold(f64::NEG_INFINITY, f64::max)
    }
}

/// For each column the sum over `cells` of count times table entry.
fn weigh<const N: usize>(table: &[[f64; N]], cells: &[(usize, f64)]) -> [f64; N] {
    let mut sums = [0.0; N];
    for (b, count) in cells {
        if let Some(row) = table.get(*b) {
            for (sum, log) in sums.iter_mut().zip(row) {
                *sum += count * log;
            }
        }
    }
    sums
}

/// The logarithm as it is stored: no bin is impossible.
fn logarithm(p: f64) -> f64 {
    libm::log(p + 1e-9)
}

/// The sleep centre with number `index`, in seconds.
fn centre(index: usize) -> f64 {
    libm::exp2(3.0 + index as f64 / 16.0)
}

/// Φ, the cumulative standard normal distribution.
fn normal(x: f64) -> f64 {
    0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2)
}

/// What a cumulative distribution puts into each bin.
fn binned(distribution: impl Fn(f64) -> f64) -> Bins {
    let mut below = distribution(edge(0));
    std::array::from_fn(|b| {
        let upper = distribution(edge(b + 1));
        upper - std::mem::replace(&mut below, upper)
    })
}

fn normalised(mut bins: Bins) -> Bins {
    let sum: f64 = bins.iter().sum();
    if sum > 0.0 {
        bins.iter_mut().for_each(|p| *p /= sum);
    }
    bins
}

/// `share` of one and the rest of the other.
fn mixed(share: f64, one: &Bins, other: &Bins) -> Bins {
    std::array::from_fn(|b| share * one[b] + (1.0 - share) * other[b])
}

/// The lognormal with this median in seconds and this log standard deviation.
fn lognormal(median: f64, sigma: f64) -> Bins {
    let mean = libm::log(median);
    normalised(binned(|x| normal((libm::log(x) - mean) / sigma)))
}

/// The templates of one centre and width: by share of missed beats, then by contamination.
fn timer_group(centre: f64, width: f64) -> [Bins; GROUP] {
    let beats: [Bins; 5] = std::array::from_fn(|index| {
        let k = (index + 1) as f64;
        let spread = centre * width / 3f64.sqrt();
        let noise = 0.25 + 0.004 * k * centre;
        let s = (k * spread * spread + noise * noise).sqrt();
        let smooth = move |x: f64| normal((x - k * centre) / s);
        let (low, high) = (centre * (1.0 - width), 2.0 * width * centre);
        binned(|x| match index == 0 && width >= 0.05 {
            true => 0.7 * ((x - low) / high).clamp(0.0, 1.0) + 0.3 * smooth(x),
            false => smooth(x),
        })
    });
    let short = lognormal(3.0, 1.5);
    let stray: Bins = std::array::from_fn(|b| 0.5 / BINS as f64 + 0.5 * short[b]);
    let timers = MISSES.map(|missed| {
        normalised(std::array::from_fn(|b| {
            let mut weight = 1.0 - missed;
            let mut p = 0.0;
            for beat in &beats {
                p += weight * beat[b];
                weight *= missed;
            }
            p
        }))
    });
    std::array::from_fn(|member| {
        let timer = &timers[member / CONTAMINATIONS.len()];
        mixed(CONTAMINATIONS[member % CONTAMINATIONS.len()], &stray, timer)
    })
}

/// The templates without a timer, in the order of their families.
fn null_templates() -> Vec<Bins> {
    let every = |step| (0..BINS).step_by(step);
    let mut nulls = Vec::with_capacity(NULLS);
    for b in every(2) {
        nulls.push(normalised(binned(|x| 1.0 - libm::exp(-x / edge(b)))));
    }
    for b in every(2) {
        nulls.extend([0.9, 1.3, 1.8, 2.4].map(|sigma| lognormal(edge(b), sigma)));
    }
    for within in [0.35, 0.6, 0.8, 0.92] {
        for pause in [2.0, 5.0, 12.0, 30.0] {
            for short in [0.8, 1.4].map(|sigma| lognormal(pause, sigma)) {
                for b in every(8).skip(3) {
                    let long = [0.9, 1.4].map(|sigma| lognormal(edge(b), sigma));
                    nulls.extend(long.iter().map(|long| mixed(within, &short, long)));
                }
            }
        }
    }
    let idle = lognormal(1800.0, 1.8);
    for period in LATTICE {
        let beats: Vec<Bins> = (1..=59)
            .map(|k| binned(|x| normal((x - f64::from(k) * period) / 0.5)))
            .collect();
        for decay in [0.5, 0.7, 0.85, 0.95] {
            let lattice = lattice(&beats, decay);
            nulls.extend([0.5, 0.8, 1.0].map(|share| mixed(share, &lattice, &idle)));
        }
    }
    let floor = |p: f64| 0.97 * p + 0.03 / BINS as f64;
    nulls.iter().map(|bins| bins.map(floor)).collect()
}

/// Use that a timer with this period quantises: each beat is taken with probability `1 - decay`.
fn lattice(beats: &[Bins], decay: f64) -> Bins {
    normalised(std::array::from_fn(|b| {
        let mut weight = 1.0 - decay;
        let mut p = 0.0;
        for beat in beats {
            p += weight * beat[b];
            weight *= decay;
        }
        p
    }))
}

#[cfg(test)]
pub(super) mod oracle {
    //! What the tests compare with: single templates, and the scan that leaves nothing out.

    use super::*;

    /// The timer template with number `index`, as a probability for each bin.
    pub fn timer(index: usize) -> Bins {
        let (group, member) = (index / GROUP, index % GROUP);
        timer_group(centre(group / WIDTHS.len()), WIDTHS[group % WIDTHS.len()])[member]
    }

    /// The null template with number `index`.
    pub fn null(index: usize) -> Bins {
        null_templates()[index]
    }

    /// How many templates there are: timers and nulls.
    pub fn counts() -> [usize; 2] {
        [GROUPS * GROUP, null_templates().len()]
    }

    impl Templates {
        /// Index and log likelihood of the best timer, every one tried in turn.
        pub fn full_scan(&self, gaps: &Gaps) -> (usize, f64) {
            let tables = self.tables.get_or_init(|| Box::new(Tables::new()));
            let mut best = (0, f64::NEG_INFINITY);
            for index in 0..GROUPS * GROUP {
                let rows = &tables.timers[index / GROUP];
                let mut sum = 0.0;
                for (b, count) in gaps.cells() {
                    sum += f64::from(count) * rows[usize::from(b)][index % GROUP];
                }
                if sum > best.1 {
                    best = (index, sum);
                }
            }
            best
        }
    }
}
