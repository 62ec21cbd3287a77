//! From a day's contacts to what Elastic's beaconing transform says: the most of four windows.

use super::{Contact, moments};

/// A window: 360 buckets of a minute.
const BUCKETS: usize = 360;
const BUCKET_S: f64 = 60.0;
/// More buckets than these are filled, over a span of at least so many.
const FILLED_MIN: usize = 6;
const SPAN_MIN: usize = 12;

/// What a window says.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Beaconing {
    /// 0 to 3.
    pub score: u8,
    /// The score, and up to .99 for how steady or periodic the counts are, so that equal scores are
    /// in an order.
    pub rank: f64,
}

impl Beaconing {
    /// Whether any of the conditions holds.
    #[allow(dead_code)] // For the vectors.
    pub fn is_flagged(self) -> bool {
        self.score > 0
    }
}

/// The window of a 24 h stream that says most.
pub fn beaconing(contacts: &[Contact]) -> Beaconing {
    let windows = (0..4).map(|number| {
        let start = f64::from(number) * BUCKETS as f64 * BUCKET_S;
        window(contacts, start)
    });
    let most = windows.reduce(|most, next| if next.rank > most.rank { next } else { most });
    most.unwrap_or_default()
}

#[derive(Clone, Copy, Default)]
struct Bucket {
    count: f64,
    up: f64,
    down: f64,
}

fn window(contacts: &[Contact], start: f64) -> Beaconing {
    let mut buckets = vec![Bucket::default(); BUCKETS];
    for contact in contacts {
        let place = (contact.at - start) / BUCKET_S;
        if place >= 0.0
            && let Some(bucket) = buckets.get_mut(place as usize)
        {
            bucket.count += 1.0;
            bucket.up += contact.up;
            bucket.down += contact.down;
        }
    }
    let filled = |bucket: &Bucket| bucket.count > 0.0;
    let (Some(first), Some(last)) = (
        buckets.iter().position(filled),
        buckets.iter().rposition(filled),
    ) else {
        return Beaconing::default();
    };
    let span = &buckets[first..=last];
    let full: Vec<Bucket> = span.iter().copied().filter(filled).collect();
    if full.len() <= FILLED_MIN || span.len() < SPAN_MIN {
        return Beaconing::default();
    }
    let counts: Vec<f64> = span.iter().map(|bucket| bucket.count).collect();
    let mut steadiness = 0.0;
    if 2 * full.len() > span.len() {
        steadiness = 1.0 - variation(&counts);
    }
    let periodic = periodicity(&counts);
    let up: Vec<f64> = full.iter().map(|bucket| bucket.up / bucket.count).collect();
    let down: Vec<f64> = full.iter().map(|b| b.down / b.count).collect();
    let count = steadiness >= 0.9 || periodic >= 0.7;
    let score = [count, variation(&up) <= 0.05, variation(&down) <= 0.05];
    let score = score.into_iter().map(u8::from).sum();
    let within = f64::max(steadiness, periodic).clamp(0.0, 1.0);
    let rank = match score {
        0 => 0.0,
        score => f64::from(score) + 0.99 * within,
    };
    Beaconing { score, rank }
}

/// Deviation over mean of the values between the 10 % and 80 % quantiles.
fn variation(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let [low, high] = [0.1, 0.8].map(|share| {
        let place = share * (sorted.len() - 1) as f64;
        let (below, part) = (place as usize, place.fract());
        let above = sorted[(below + 1).min(sorted.len() - 1)];
        sorted[below] * (1.0 - part) + above * part
    });
    sorted.retain(|value| (low..=high).contains(value));
    let (mean, deviation) = moments(&sorted);
    if mean > 0.0 { deviation / mean } else { 1.0 }
}

/// The largest autocovariance at a lag, over the geometric mean of both parts' sums of squares.
fn periodicity(counts: &[f64]) -> f64 {
    let (mean, _) = moments(counts);
    let off: Vec<f64> = counts.iter().map(|count| count - mean).collect();
    let at = |lag: usize| {
        let (head, tail) = (&off[..off.len() - lag], &off[lag..]);
        let sum = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let norm = (sum(head, head) * sum(tail, tail)).sqrt();
        if norm > 1e-9 {
            sum(head, tail) / norm
        } else {
            0.0
        }
    };
    (2..=counts.len() / 6).map(at).fold(0.0, f64::max)
}
