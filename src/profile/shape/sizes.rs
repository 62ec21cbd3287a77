//! From requests and their replies to the sizes that come most often.
//!
//! O(1) a request. Sizes are found as Space-Saving does (Metwally, Agrawal, El Abbadi 2005): with
//! more than [`TOP`] of them the rarest gives its place and its count to the next, so that counts
//! are never too low and the sum of all is the number of requests.

use serde::{Deserialize, Serialize};

/// Sizes that are told apart.
const TOP: usize = 4;

/// Sizes in bytes, each with how often it came.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sizes(Vec<(u32, u16)>);

impl Sizes {
    /// Counts a size.
    pub fn add(&mut self, bytes: u64) {
        let size = u32::try_from(bytes).unwrap_or(u32::MAX);
        if let Some((_, count)) = self.0.iter_mut().find(|(known, _)| *known == size) {
            *count = count.saturating_add(1);
        } else if self.0.len() < TOP {
            self.0.reserve_exact(1);
            self.0.push((size, 1));
        } else if let Some(rarest) = self.0.iter_mut().min_by_key(|(_, count)| *count) {
            *rarest = (size, rarest.1.saturating_add(1));
        }
    }

    /// The sizes and their counts, by size.
    pub fn told(&self) -> Vec<(u32, u16)> {
        let mut told = self.0.clone();
        told.sort_unstable();
        told
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.0.capacity() * size_of::<(u32, u16)>()
    }
}
