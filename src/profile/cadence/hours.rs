//! From gaps to the gaps of all hours, and of the quiet ones.
//!
//! An hour is quiet where it had at most as many gaps as the median hour that had any; which those
//! are is known only afterwards. So hours with about the same number of gaps share a histogram, and
//! the median falls between histograms. Histograms hold at most [`HISTOGRAM_BYTES_MAX`] bytes:
//! beyond, the two neighbours that differ least are merged. Of synthetic beacons beside a person
//! (180 days, 60 s to 32 min, 20 to 50 % jitter) the quiet hours so found show all but two or
//! three percent that the exact ones show.

use super::gaps::{GAPS_BYTES_MAX, Gaps};
use serde::{Deserialize, Serialize};

/// Classes of hours that are told apart.
const CLASSES_MAX: usize = 7;
/// Bytes of their histograms; one histogram alone always fits.
const HISTOGRAM_BYTES_MAX: usize = 348;
/// The most that [`Hours::heap_bytes`] gives.
pub const HEAP_BYTES_MAX: usize =
    (CLASSES_MAX + 1) * size_of::<Class>() + HISTOGRAM_BYTES_MAX + GAPS_BYTES_MAX;

/// Gaps by the hour in which they ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hours {
    /// The number of the hour at hand.
    hour: i64,
    open: Gaps,
    /// By number of gaps, ascending.
    classes: Vec<Class>,
}

/// Hours with about the same number of gaps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Class {
    /// The fewest and the most gaps that one of the hours had.
    range: [u16; 2],
    hours: u16,
    gaps: Gaps,
}

impl Hours {
    /// Counts a gap of bin `b` that ended in `hour`; gives how many gaps the hour had that this
    /// closed, and which it was.
    pub fn add(&mut self, b: u8, hour: i64) -> Option<(u32, i64)> {
        let over = hour != self.hour && !self.open.is_empty();
        let closed = over.then(|| (self.close(), self.hour));
        self.hour = hour;
        self.open.add(b);
        closed
    }

    /// The gaps of all hours.
    pub fn all(&self) -> Gaps {
        let mut all = self.open.clone();
        self.classes
            .iter()
            .for_each(|class| all.add_all(&class.gaps));
        all
    }

    /// The gaps of the hours with at most as many as the median hour.
    pub fn quiet(&self) -> Gaps {
        let mut whole = self.clone();
        whole.close();
        let mut quiet = Gaps::default();
        let until = whole
            .median_class()
            .map_or(0, |(index, within)| index + usize::from(within));
        for class in whole.classes.iter().take(until) {
            quiet.add_all(&class.gaps);
        }
        quiet
    }

    /// Halves every count.
    pub fn halve(&mut self) {
        self.open.halve();
        for class in &mut self.classes {
            class.gaps.halve();
            class.hours = class.hours.div_ceil(2);
        }
        self.classes.retain(|class| !class.gaps.is_empty());
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.open.heap_bytes()
            + self.classes.capacity() * size_of::<Class>()
            + self.histogram_bytes()
    }

    fn histogram_bytes(&self) -> usize {
        self.classes
            .iter()
            .map(|class| class.gaps.heap_bytes())
            .sum()
    }

    /// Puts the hour at hand to its class; gives the number of its gaps.
    fn close(&mut self) -> u32 {
        let gaps = std::mem::take(&mut self.open);
        let n = gaps.n();
        if n == 0 {
            return 0;
        }
        let count = u16::try_from(n).unwrap_or(u16::MAX);
        let at = self.classes.partition_point(|class| class.range[1] < count);
        match self.classes.get_mut(at) {
            Some(class) if class.range[0] <= count => {
                class.hours = class.hours.saturating_add(1);
                class.gaps.add_all(&gaps);
            }
            _ => {
                self.classes.reserve_exact(1);
                let range = [count; 2];
                self.classes.insert(
                    at,
                    Class {
                        range,
                        hours: 1,
                        gaps,
                    },
                );
            }
        }
        while self.classes.len() > 1
            && (self.classes.len() > CLASSES_MAX || self.histogram_bytes() > HISTOGRAM_BYTES_MAX)
        {
            self.merge_closest();
        }
        n
    }

    /// The class that holds the median hour, and whether most of its hours are at or below it.
    fn median_class(&self) -> Option<(usize, bool)> {
        let hours: u32 = self
            .classes
            .iter()
            .map(|class| u32::from(class.hours))
            .sum();
        let rank = hours.div_ceil(2);
        let mut before = 0;
        for (index, class) in self.classes.iter().enumerate() {
            let own = u32::from(class.hours);
            if before + own >= rank {
                let [least, most] = class.range;
                let tight = u32::from(most) <= 2 * u32::from(least);
                return Some((index, tight || 2 * (rank - before) > own));
            }
            before += own;
        }
        None
    }

    /// Merges the neighbours whose hours differ least in their number of gaps, not across the
    /// median while there are others.
    fn merge_closest(&mut self) {
        let median = self.median_class().map(|(index, _)| index);
        let ratio = |pair: &[Class]| match pair {
            [few, many] => f64::from(many.range[1]) / f64::from(few.range[0].max(1)),
            _ => f64::INFINITY,
        };
        let pairs = self.classes.windows(2).enumerate();
        let costs = pairs.map(|(index, pair)| (median == Some(index), ratio(pair), index));
        let closest = costs.min_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let Some((_, _, at)) = closest else {
            return;
        };
        let many = self.classes.remove(at + 1);
        if let Some(few) = self.classes.get_mut(at) {
            few.range[1] = many.range[1];
            few.hours = few.hours.saturating_add(many.hours);
            few.gaps.add_all(&many.gaps);
        }
    }
}
