//! From features of two classes to weights: logistic regression, for tuning seeds.

/// Weight of the squares of the weights: features are between −1 and about 7.
const RIDGE: f64 = 1e-3;
const STEPS: usize = 20_000;
const RATE: f64 = 0.3;

/// Weights and bias as text. Both classes weigh as one to two, whatever their numbers.
pub fn logistic<const N: usize>(positives: &[[f64; N]], negatives: &[[f64; N]]) -> String {
    let (mut weights, mut bias) = ([0.0; N], 0.0);
    let parts = [(positives, 1.0, 1.0 / 3.0), (negatives, 0.0, 2.0 / 3.0)];
    for _ in 0..STEPS {
        let (mut slopes, mut slope) = (weights.map(|weight| -RIDGE * weight), 0.0);
        for (samples, truth, share) in parts {
            for features in samples {
                let sum: f64 = weights.iter().zip(features).map(|(w, x)| w * x).sum();
                let p = 1.0 / (1.0 + (-sum - bias).exp());
                let off = share * (truth - p) / samples.len() as f64;
                slope += off;
                for (slope, x) in slopes.iter_mut().zip(features) {
                    *slope += off * x;
                }
            }
        }
        bias += RATE * slope;
        for (weight, slope) in weights.iter_mut().zip(slopes) {
            *weight += RATE * slope;
        }
    }
    format!("fitted weights {weights:.2?}, bias {bias:.2}")
}
