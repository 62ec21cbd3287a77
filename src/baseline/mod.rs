//! From what hosts do to what is usual for a role.
//!
//! Decides nothing: how many bits a rarity is worth is `detect`'s business. What spans hosts is
//! read as of the last closed epoch (one hour of capture time) and merged in any order; what is
//! known of one host alone is immediate. Every table keeps the bound it is given and counts whom it
//! sent away.

pub mod bounded;
pub mod ech;
pub mod names;
pub mod prevalence;
pub mod volume;

pub use bounded::Bounded;
pub use ech::{EchConfigs, EchVerdict};
pub use names::Names;
pub use prevalence::{Mark, Prevalence, Subject};
pub use volume::{Range, Volumes};

#[cfg(test)]
mod tests;
