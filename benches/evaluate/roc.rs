//! From scores of two classes to how well the scores part them.

/// The probability that a positive scores above a negative; a tie counts half.
pub fn auc(positives: &[f64], negatives: &[f64]) -> f64 {
    let mut sorted = negatives.to_vec();
    sorted.sort_by(f64::total_cmp);
    let of = |score: f64| {
        let below = sorted.partition_point(|negative| *negative < score);
        let until = sorted.partition_point(|negative| *negative <= score);
        (below + until) as f64 / 2.0
    };
    let sum: f64 = positives.iter().map(|score| of(*score)).sum();
    sum / (positives.len() * negatives.len()).max(1) as f64
}

/// The lowest score that at most this share of the negatives exceeds.
pub fn threshold(negatives: &[f64], share: f64) -> f64 {
    let mut sorted = negatives.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    // The epsilon: 0.001 times 22,000 is a hair below 22.
    let exceed = (share * sorted.len() as f64 + 1e-9) as usize;
    sorted.get(exceed).copied().unwrap_or(f64::NEG_INFINITY)
}

/// The share of scores above a threshold.
pub fn above(scores: &[f64], threshold: f64) -> f64 {
    let above = scores.iter().filter(|score| **score > threshold).count();
    above as f64 / scores.len().max(1) as f64
}

/// The curve: share of negatives and of positives above each threshold, from the strictest on.
pub fn curve(positives: &[f64], negatives: &[f64]) -> Vec<(f64, f64)> {
    let least = 1.0 / negatives.len().max(1) as f64;
    let steps = 60;
    let shares = (0..=steps).map(|step| least.powf(1.0 - f64::from(step) / f64::from(steps)));
    let point = |share: f64| {
        let threshold = threshold(negatives, share);
        (share, above(positives, threshold))
    };
    shares.map(point).collect()
}

/// The value that half of them do not exceed; none where that half has no value.
pub fn median(values: &[Option<f64>]) -> Option<f64> {
    let mut sorted: Vec<f64> = values.iter().map(|v| v.unwrap_or(f64::INFINITY)).collect();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.get(sorted.len().saturating_sub(1) / 2);
    middle.copied().filter(|value| value.is_finite())
}
