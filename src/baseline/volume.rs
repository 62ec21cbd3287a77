//! From the upload bytes of single flows to the range that is usual for a role and a service.
//!
//! Holds no value of a flow, only counts by size, to one significant digit. Read as of the last
//! closed epoch; counts halve every fourteen days of capture time. Bounded by `max` histograms of
//! at most 2.5 kB.

use super::bounded::keep_largest;
use hdrhistogram::Histogram;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;

/// Uploads above one tebibyte count as one tebibyte.
const BYTES_MAX: u64 = 1 << 40;
/// Epochs (hours) after which counts halve: fourteen days.
const HALVING_EPOCHS: i64 = 14 * 24;
/// Flows below which no range is told: the sample a mature cell needs.
pub const SAMPLES_MIN: u64 = 20;

/// The usual upload of one flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// 5 % of flows upload at most this many bytes.
    pub low: u64,
    /// 95 % of flows upload at most this many bytes.
    pub high: u64,
    /// Flows behind it.
    pub n: u64,
}

/// A histogram of upload bytes, saved as its non-empty cells.
#[derive(Clone, Debug, PartialEq)]
struct Uploads(Histogram<u32>);

impl Default for Uploads {
    fn default() -> Self {
        let histogram = Histogram::new_with_bounds(1, BYTES_MAX, 1);
        Uploads(histogram.expect("the bounds are constants that the crate accepts"))
    }
}

impl Serialize for Uploads {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let cells = self.0.iter_recorded();
        let cells = cells.map(|cell| (cell.value_iterated_to(), cell.count_at_value()));
        cells.collect::<Vec<(u64, u32)>>().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Uploads {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut uploads = Uploads::default();
        for (value, count) in Vec::<(u64, u32)>::deserialize(deserializer)? {
            uploads.0.saturating_record_n(value, count);
        }
        Ok(uploads)
    }
}

impl Uploads {
    /// Half of every count, rounded down.
    fn halved(&self) -> Uploads {
        let mut half = Uploads::default();
        for cell in self.0.iter_recorded() {
            half.0
                .saturating_record_n(cell.value_iterated_to(), cell.count_at_value() / 2);
        }
        half
    }
}

/// A role and a service.
type Key = (Box<str>, Box<str>);

/// Upload bytes per (role, service).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Volumes {
    closed: BTreeMap<Key, Uploads>,
    open: BTreeMap<Key, Uploads>,
    refused: u64,
}

impl Volumes {
    /// A flow of a host of `role` uploaded `bytes` to `service`; counts from the next epoch on.
    pub fn record(&mut self, role: &str, service: &str, bytes: u64, max: usize) {
        let key = (Box::from(role), Box::from(service));
        if !self.open.contains_key(&key) && self.open.len() >= max {
            self.refused = self.refused.saturating_add(1);
            return;
        }
        self.open
            .entry(key)
            .or_default()
            .0
            .saturating_record(bytes.max(1));
    }

    /// The usual upload of a flow to `service` in `role`; none before [`SAMPLES_MIN`] flows were
    /// seen.
    pub fn range(&self, role: &str, service: &str) -> Option<Range> {
        let uploads = self.closed.get(&(Box::from(role), Box::from(service)))?;
        let n = uploads.0.len();
        (n >= SAMPLES_MIN).then(|| Range {
            low: uploads.0.value_at_quantile(0.05),
            high: uploads.0.value_at_quantile(0.95),
            n,
        })
    }

    /// Closes the epoch before `epoch`: what was recorded in it counts from now on. Of more than
    /// `max` histograms the ones with the fewest flows leave.
    pub fn close_epoch(&mut self, before: i64, epoch: i64, max: usize) {
        let halvings = epoch.div_euclid(HALVING_EPOCHS) - before.div_euclid(HALVING_EPOCHS);
        for _ in 0..halvings.clamp(0, 32) {
            self.closed
                .values_mut()
                .for_each(|uploads| *uploads = uploads.halved());
        }
        for (key, uploads) in std::mem::take(&mut self.open) {
            let closed = self.closed.entry(key).or_default();
            let added = closed.0.add(&uploads.0);
            debug_assert!(added.is_ok(), "both histograms have the same bounds");
        }
        self.closed.retain(|_, uploads| !uploads.0.is_empty());
        let left = keep_largest(&mut self.closed, max, |uploads| uploads.0.len());
        self.refused = self.refused.saturating_add(left);
    }

    /// Histograms, or flows of one, that the bound had no room for.
    pub fn refused(&self) -> u64 {
        self.refused
    }
}
