//! From observations to alerts that explain themselves.
//!
//! Reads no packet. A flow is judged when it is over, and a long one at its check-points. What is
//! known of the host itself counts at once; what spans hosts is read as of the last closed epoch,
//! so no verdict depends on which host spoke first. Every table is bounded by
//! [`Limits`](crate::limits::Limits); [`Engine::evictions`] counts who had to leave.

mod account;
pub mod alert;
pub mod allow;
pub mod an0146;
pub mod an1190;
pub mod an1191;
pub mod an1415;
pub mod an1601;
pub mod answers;
pub mod attack;
mod behind;
pub mod beta;
pub mod budget;
pub mod called;
pub mod calls;
pub mod catalogue;
pub mod client;
pub mod clockwork;
mod counterfactual;
pub mod durations;
mod engine;
pub mod evictions;
pub mod evidence;
pub mod expectations;
mod explain;
pub mod finding;
pub mod habit;
mod hours;
mod identity;
pub mod inventory;
mod judging;
mod kept;
pub mod note;
mod once;
mod packed;
mod presence;
pub mod programs;
pub mod rarity;
mod registry;
pub mod replies;
mod request;
pub(crate) mod rfc3339;
pub mod schedules;
pub mod settings;
mod site;
pub mod taught;
pub mod timing;
pub mod track;
pub mod transfers;
pub mod usage;
pub mod via;

#[cfg(test)]
mod tests;

pub use alert::Alert;
pub use engine::Engine;
pub use evictions::Evictions;
pub use judging::CoveredHour;
pub use settings::Settings;
