//! From what hosts do to what is usual for a role.
//!
//! Decides nothing: how many bits a rarity is worth is `detect`'s business. What spans hosts is
//! read as of the last closed epoch (one hour of capture time) and merged in any order; what is
//! known of one host alone is immediate. Every table keeps the bound it is given and counts whom it
//! sent away.

pub mod admission;
pub mod age;
pub mod bounded;
pub mod conformal;
pub mod crowd;
pub mod daily;
pub mod drift;
pub mod ech;
pub mod maturity;
pub mod names;
pub mod pairs;
pub mod prevalence;
pub mod schedule;
pub mod sketch;
pub mod slots;
pub mod volume;
pub mod windows;

pub use admission::{Admitted, Frequencies};
pub use age::Age;
pub use bounded::Bounded;
pub use conformal::{Conformal, Unusual};
pub use drift::{Drift, Restart};
pub use ech::{EchConfigs, EchVerdict};
pub use maturity::{Baseline, Learning, Maturity};
pub use names::Names;
pub use pairs::{Caller, Pairs, Standing};
pub use prevalence::{Mark, Prevalence, Subject};
pub use schedule::{Rhythm, Rhythms, Slot, Surprise, Week};
pub use volume::{Range, Volumes};
pub use windows::{Activity, Occasions};

#[cfg(test)]
mod tests;
