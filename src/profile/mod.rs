//! From the moments and sizes of packets to their shape in time.
//!
//! Reads no payload and knows no protocol but the framing of TLS records. What is kept of a flow or
//! of a key is counts, so a profile's size does not grow with what it counted.

pub mod cadence;
pub mod shape;
