//! The packet views that the ja3 crate needs, under the path it looks for them.
pub mod packet {
    pub use pnet_packet::*;
}
