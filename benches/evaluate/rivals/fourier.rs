//! From a day's contacts to how far the strongest frequency is above those of permutations, as
//! BAYWATCH does.

use super::Contact;
use tapir::scenario::random::Random;

/// Ten seconds each, a day.
const BINS: usize = 8640;
const BIN_S: f64 = 10.0;
const PERMUTATIONS: usize = 12;
/// The lowest frequencies say when people are awake.
const LOWEST: usize = 8;

/// A complex number.
type Complex = (f64, f64);

/// Roots of unity for transforms of [`BINS`] numbers.
pub struct Fourier(Vec<Complex>);

impl Default for Fourier {
    fn default() -> Fourier {
        let root = |k: usize| {
            let angle = -std::f64::consts::TAU * k as f64 / BINS as f64;
            (libm::cos(angle), libm::sin(angle))
        };
        Fourier((0..BINS).map(root).collect())
    }
}

impl Fourier {
    /// The strongest frequency's power over the strongest of twelve permutations.
    pub fn score(&self, contacts: &[Contact], random: &mut Random) -> f64 {
        let mut bins = vec![0.0; BINS];
        for contact in contacts {
            if let Some(bin) = bins.get_mut((contact.at / BIN_S) as usize) {
                *bin = 1.0;
            }
        }
        let mean = bins.iter().sum::<f64>() / BINS as f64;
        bins.iter_mut().for_each(|bin| *bin -= mean);
        let own = self.powers(&bins, &bins)[0];
        let mut other = bins.clone();
        let mut most = 0.0;
        for _ in 0..PERMUTATIONS / 2 {
            random.shuffle(&mut bins);
            random.shuffle(&mut other);
            most = self.powers(&bins, &other).into_iter().fold(most, f64::max);
        }
        if most > 0.0 { own / most } else { 0.0 }
    }

    /// The largest power of each of two real sequences: one transform serves both.
    fn powers(&self, a: &[f64], b: &[f64]) -> [f64; 2] {
        let mixed: Vec<Complex> = a.iter().copied().zip(b.iter().copied()).collect();
        let mut out = vec![(0.0, 0.0); BINS];
        self.transform(&mixed, 1, &mut out);
        let mut most = [0.0; 2];
        for k in LOWEST..=BINS / 2 {
            let (z, mirrored) = (out[k], out[BINS - k]);
            let even = ((z.0 + mirrored.0) / 2.0, (z.1 - mirrored.1) / 2.0);
            let odd = ((z.0 - mirrored.0) / 2.0, (z.1 + mirrored.1) / 2.0);
            for (most, part) in most.iter_mut().zip([even, odd]) {
                *most = f64::max(*most, part.0 * part.0 + part.1 * part.1);
            }
        }
        most
    }

    /// Decimation in time, by 4, 3 and 5: `out` becomes the transform of every `stride`th of `x`.
    fn transform(&self, x: &[Complex], stride: usize, out: &mut [Complex]) {
        let n = out.len();
        let Some(radix) = [4, 2, 3, 5]
            .into_iter()
            .find(|radix| n.is_multiple_of(*radix))
        else {
            out[0] = x[0];
            return;
        };
        let part = n / radix;
        for (j, out) in out.chunks_mut(part).enumerate() {
            self.transform(&x[j * stride..], stride * radix, out);
        }
        let root = |power: usize| self.0[power * stride % BINS];
        let mut terms = [(0.0, 0.0); 5];
        for k in 0..part {
            for (j, term) in terms.iter_mut().enumerate().take(radix) {
                *term = times(out[j * part + k], root(j * k));
            }
            for q in 0..radix {
                let turned = (0..radix).map(|j| times(terms[j], root(j * q * part)));
                out[q * part + k] = turned.fold((0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1));
            }
        }
    }
}

fn times(a: Complex, b: Complex) -> Complex {
    (a.0 * b.0 - a.1 * b.1, a.0 * b.1 + a.1 * b.0)
}
