//! From a day's contacts to the beacon score of RITA v5: the mean of four.
//!
//! Without its modifiers, which weigh prevalence, age and threat lists, not timing.

use super::{Contact, moments};

/// The score, and the four that it is the mean of.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Beacon {
    pub score: f64,
    pub timestamps: f64,
    pub sizes: f64,
    pub histogram: f64,
    pub duration: f64,
}

/// The native threshold of a medium finding.
pub const MEDIUM: f64 = 0.7;

/// Contacts of the 24 hours from `start` on, in order. No score below four distinct seconds.
pub fn beacon(contacts: &[Contact], start: f64) -> Beacon {
    let mut seconds: Vec<f64> = contacts.iter().map(|contact| contact.at.floor()).collect();
    seconds.sort_by(f64::total_cmp);
    seconds.dedup();
    let (Some(first), Some(last)) = (seconds.first(), seconds.last()) else {
        return Beacon::default();
    };
    if seconds.len() < 4 {
        return Beacon::default();
    }
    let gaps = seconds.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let sizes = contacts.iter().map(|contact| contact.up).collect();
    let mut hours = [0.0; 24];
    for contact in contacts {
        let hour = ((contact.at - start) / 3600.0).clamp(0.0, 23.0) as usize;
        hours[hour] += 1.0;
    }
    let timestamps = statistic(gaps, 1.0);
    let sizes = statistic(sizes, 0.0);
    let histogram = thousandths(histogram(&hours));
    let duration = thousandths(duration(&hours, (last - first) / 86_400.0));
    Beacon {
        score: thousandths((timestamps + sizes + histogram + duration) / 4.0),
        timestamps,
        sizes,
        histogram,
        duration,
    }
}

/// How evenly values spread around their median, and how little: 0 to 1.
pub fn statistic(mut values: Vec<f64>, default: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    let [low, middle, high] = [
        median(&values[..half]),
        median(&values),
        median(&values[values.len() - half..]),
    ];
    let flat = high - low < 10.0 || middle == low || middle == high;
    let skew = if flat {
        0.0
    } else {
        (low + high - 2.0 * middle) / (high - low)
    };
    let mut off: Vec<f64> = values.iter().map(|value| (value - middle).abs()).collect();
    off.sort_by(f64::total_cmp);
    let spread = match middle < 1.0 {
        true => default,
        false => ((middle - median(&off)) / middle).max(0.0),
    };
    thousandths((1.0 - skew.abs() + spread) / 2.0)
}

fn median(sorted: &[f64]) -> f64 {
    let half = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        n if n % 2 == 1 => sorted[half],
        _ => (sorted[half - 1] + sorted[half]) / 2.0,
    }
}

/// Steady counts, or counts of two kinds.
fn histogram(hours: &[f64; 24]) -> f64 {
    let (mean, deviation) = moments(hours);
    let variation = deviation / mean;
    let steady = if variation > 1.0 {
        0.0
    } else {
        1.0 - variation
    };
    let filled = hours.iter().filter(|count| **count > 0.0).count();
    if filled < 11 {
        return steady;
    }
    let most = hours.iter().copied().fold(0.0, f64::max);
    let width = (most * 0.05).ceil();
    let mut bins = [0.0_f64; 21];
    for count in hours.iter().filter(|count| **count > 0.0) {
        bins[((count / width) as usize).min(20)] += 1.0;
    }
    bins.sort_by(|a, b| b.total_cmp(a));
    let bimodal = (bins[0] + bins[1]) / (filled as f64 - 1.0).max(1.0);
    steady.max(bimodal.min(1.0))
}

/// How much of the day they cover, or how many hours in a row, midnight crossed.
fn duration(hours: &[f64; 24], covered: f64) -> f64 {
    if hours.iter().filter(|count| **count > 0.0).count() < 6 {
        return 0.0;
    }
    let (mut run, mut longest) = (0, 0);
    for count in hours.iter().chain(hours) {
        run = if *count > 0.0 { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    let consecutive = f64::from(longest.min(24)) / 12.0;
    covered.min(1.0).max(consecutive.min(1.0))
}

fn thousandths(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
