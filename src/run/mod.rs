//! From sources to sinks: the ways to run, each one loop over the same core.

pub mod agents;
pub mod engine;
pub mod from_logs;
pub mod live;
pub mod output;
pub mod progress;
pub mod replay;
pub mod reports;
pub mod saving;
pub mod scenario;
pub mod stats;
pub mod summary;
mod workers;
