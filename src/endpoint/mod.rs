//! From what endpoint agents report to the process behind a flow.
//!
//! A report is a claim of one agent about its own host, or of a gateway about its clients. It
//! names; it never suppresses. Judges nothing and reads no clock: a report counts as of the moment
//! the sensor was given it.

pub mod attribution;
mod clock;
pub mod coverage;
pub mod files;
pub mod format;
pub mod gateways;
mod join;
#[cfg(test)]
mod made;
mod naming;
pub mod passage;
mod processes;
pub mod report;
mod seen;
pub mod silence;
mod tenancy;

pub use attribution::{Attribution, Status};
pub use gateways::{Gateways, Passed};
pub use join::{Heard, Join};

#[cfg(test)]
mod tests;
