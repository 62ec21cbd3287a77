//! From what endpoint agents report to the process behind a flow.
//!
//! A report is a claim of one agent about its own host. It names; it never suppresses. Judges
//! nothing and reads no clock: a report counts as of the moment the sensor was given it.

pub mod attribution;
mod clock;
pub mod coverage;
pub mod files;
pub mod format;
mod join;
mod naming;
mod processes;
pub mod report;
pub mod silence;
mod tenancy;

pub use attribution::{Attribution, Status};
pub use join::{Heard, Join};

#[cfg(test)]
mod tests;
