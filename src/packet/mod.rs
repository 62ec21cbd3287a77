//! From frames to innermost packets.

pub mod frame;
