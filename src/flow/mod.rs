//! From packets to flows and streams.

pub mod stream;
