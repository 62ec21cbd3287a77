//! From observations to alerts that explain themselves.
//!
//! Reads no packet and suppresses nothing. A flow is judged when it is over. What is known of the
//! host itself counts at once; what spans hosts is read as of the last closed epoch, so no verdict
//! depends on which host spoke first. Every table is bounded by [`Limits`]; [`Engine::evictions`]
//! counts who had to leave.

pub mod alert;
pub mod an1190;
pub mod an1191;
pub mod an1415;
pub mod attack;
pub mod calls;
pub mod catalogue;
pub mod client;
mod counterfactual;
mod engine;
pub mod evidence;
pub mod expectations;
mod explain;
mod identity;
pub mod schedules;
pub mod settings;
mod site;
pub mod transfers;
pub mod usage;

#[cfg(test)]
mod tests;

pub use alert::Alert;
pub use engine::{Engine, Evictions};
pub use settings::Settings;
