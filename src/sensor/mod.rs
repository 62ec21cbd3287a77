//! From frames to records: the core assembled.

pub mod settings;
