//! From what endpoint agents report to the process behind a flow.
//!
//! A report is a claim of one agent about its own host. It names; it never suppresses. Judges
//! nothing and reads no clock: a report counts as of the moment the sensor was given it.

pub mod format;
pub mod report;
