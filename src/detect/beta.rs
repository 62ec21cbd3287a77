//! From counts of what happened and what did not to bounds on how often it happens.
//!
//! The posterior of a rate under Jeffreys' prior, Beta(½ + k, ½ + n − k). Decides nothing.

/// Steps of the continued fraction; it settles within tens for any counts.
const STEPS_MAX: usize = 300;
/// Halvings that find a quantile to nine digits.
const HALVINGS: usize = 32;

/// How often something happened: `k` of `n` times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// It happened.
    pub k: u64,
    /// It could have happened.
    pub n: u64,
}

impl Count {
    /// `k` of `n`; never more than all of them.
    pub fn new(k: u64, n: u64) -> Count {
        Count { k: k.min(n), n }
    }

    /// The same share of fewer: one in `times`.
    pub fn one_in(self, times: u64) -> Count {
        Count::new(self.k / times.max(1), self.n / times.max(1))
    }

    fn posterior(self) -> (f64, f64) {
        let misses = self.n.saturating_sub(self.k);
        (0.5 + self.k as f64, 0.5 + misses as f64)
    }

    /// The mean of the posterior.
    pub fn mean(self) -> f64 {
        (self.k as f64 + 0.5) / (self.n as f64 + 1.0)
    }

    /// The rate that the true one is below with probability `p`.
    pub fn quantile(self, p: f64) -> f64 {
        let (a, b) = self.posterior();
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..HALVINGS {
            let middle = (low + high) / 2.0;
            if regularized(middle, a, b) < p {
                low = middle;
            } else {
                high = middle;
            }
        }
        (low + high) / 2.0
    }

    /// log2 of the Bayes factor: an own rate, unknown, against the rate `usual`.
    pub fn bits_against(self, usual: f64) -> f64 {
        let (a, b) = self.posterior();
        let own = log_beta(a, b) - log_beta(0.5, 0.5);
        let (k, misses) = (self.k as f64, self.n.saturating_sub(self.k) as f64);
        let usual = usual.clamp(1e-9, 1.0 - 1e-9);
        let theirs = k * libm::log(usual) + misses * libm::log1p(-usual);
        (own - theirs) / std::f64::consts::LN_2
    }
}

fn log_beta(a: f64, b: f64) -> f64 {
    libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b)
}

/// The regularized incomplete beta function, by its continued fraction (Lentz; DLMF 8.17.22).
fn regularized(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    // The fraction settles fast below the mean; above it, the other tail's does.
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - regularized(1.0 - x, b, a);
    }
    let front = a * libm::log(x) + b * libm::log1p(-x) - log_beta(a, b) - libm::log(a);
    let tiny = 1e-300;
    let away = |value: f64| if value.abs() < tiny { tiny } else { value };
    let mut d = 1.0 / away(1.0 - (a + b) * x / (a + 1.0));
    let (mut c, mut fraction) = (1.0, d);
    for step in 1..=STEPS_MAX {
        let m = step as f64;
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / away(1.0 + even * d);
        c = away(1.0 + even / c);
        fraction *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / away(1.0 + odd * d);
        c = away(1.0 + odd / c);
        let change = d * c;
        fraction *= change;
        if (change - 1.0).abs() < 1e-12 {
            break;
        }
    }
    (libm::exp(front) * fraction).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_beta_distribution() {
        // Beta(5.5, 0.5), Beta(0.5, 25.5), Beta(10.5, 10.5), as SciPy 1.11 gives them.
        for (k, n, p, expected) in [
            (0, 0, 0.5, 0.5),
            (0, 0, 0.05, 0.006_155_8),
            (10, 20, 0.5, 0.5),
        ] {
            let found = Count::new(k, n).quantile(p);
            assert!((found - expected).abs() < 1e-6, "{k} of {n}: {found}");
        }
        for n in [1, 5, 40, 1000, 4_000_000] {
            let never = Count::new(0, n);
            let always = Count::new(n, n);
            assert!((never.quantile(0.95) + always.quantile(0.05) - 1.0).abs() < 1e-6);
            assert!(never.quantile(0.05) < never.quantile(0.95));
            // A rate's quantile is where the distribution reaches it.
            let (a, b) = never.posterior();
            assert!(
                (regularized(never.quantile(0.95), a, b) - 0.95).abs() < 1e-5,
                "{n}"
            );
        }
    }

    #[test]
    fn a_rate_unlike_the_usual_one_is_worth_bits_and_one_like_it_is_not() {
        // B(5.5, 0.5)/B(0.5, 0.5) is 63/256, and 1/50 to the fifth is usual.
        let bits = Count::new(5, 5).bits_against(0.02);
        assert!((bits - ((63.0f64 / 256.0).log2() + 5.0 * 50.0f64.log2())).abs() < 1e-9);
        assert!(Count::new(2, 100).bits_against(0.02) < 0.0);
        assert!(Count::new(9, 5).bits_against(0.0).is_finite());
    }
}
