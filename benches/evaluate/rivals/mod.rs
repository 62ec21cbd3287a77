//! What others compute of the same contacts: written anew from their published formulas.

pub mod elastic;
pub mod fourier;
pub mod rita;

/// Two ends spoke.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contact {
    /// Seconds after the day began.
    pub at: f64,
    /// Bytes up.
    pub up: f64,
    /// Bytes down.
    pub down: f64,
}

/// Mean and deviation of a population.
fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    let square = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n;
    (mean, square.sqrt())
}
