//! From features of two classes to weights: logistic regression, for tuning seeds.

/// Weight of the squares of the weights: features are between −1 and about 7.
const RIDGE: f64 = 1e-4;
const STEPS: usize = 60_000;
const RATE: f64 = 0.3;

/// A logistic model.
#[derive(Clone, Copy, Debug)]
pub struct Model<const N: usize> {
    pub weights: [f64; N],
    pub bias: f64,
}

impl<const N: usize> Model<N> {
    /// The logarithm of the odds.
    pub fn log_odds(&self, features: &[f64; N]) -> f64 {
        let weighed = self.weights.iter().zip(features).map(|(w, x)| w * x);
        weighed.sum::<f64>() + self.bias
    }
}

/// The model that fits. The classes weigh as one to two, whatever their numbers.
pub fn logistic<const N: usize>(positives: &[[f64; N]], negatives: &[[f64; N]]) -> Model<N> {
    let (weights, bias) = ([0.0; N], 0.0);
    let mut model = Model { weights, bias };
    let parts = [(positives, 1.0, 1.0 / 3.0), (negatives, 0.0, 2.0 / 3.0)];
    for _ in 0..STEPS {
        let (mut slopes, mut slope) = (model.weights.map(|weight| -RIDGE * weight), 0.0);
        for (samples, truth, share) in parts {
            for features in samples {
                let p = 1.0 / (1.0 + libm::exp(-model.log_odds(features)));
                let off = share * (truth - p) / samples.len() as f64;
                slope += off;
                for (slope, x) in slopes.iter_mut().zip(features) {
                    *slope += off * x;
                }
            }
        }
        model.bias += RATE * slope;
        for (weight, slope) in model.weights.iter_mut().zip(slopes) {
            *weight += RATE * slope;
        }
    }
    model
}
