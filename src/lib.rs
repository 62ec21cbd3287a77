//! Tapir, a passive network sensor.
pub mod detect;
pub mod fingerprint;
pub mod flow;
pub mod inspect;
pub mod limits;
pub mod net;
pub mod observe;
pub mod record;
pub mod sink;
pub mod time;
pub mod weird;
