//! From the analytics' techniques to the programs that show them.
//!
//! One host in five of those that qualify has one, with a variant each in turn; its parameters are
//! drawn unless the sweep sets them, and told in the truth.

mod beacon;
mod oneway;
mod session;
mod upload;
mod webcall;

pub use beacon::{beacon_sessions, beacons};
pub use oneway::{an1601, close_matrix, close_runs};
pub use session::an0146;
pub use upload::an1415;
pub use webcall::{an1190, an1191};

use super::cast::Cast;
use super::host::Role;
use super::random::Random;

/// Parameters that are set for a sweep; what is not set is drawn.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sweep {
    /// Seconds between check-ins.
    pub sleep_s: Option<f64>,
    /// Which share of the sleep varies, 0 to 0.9.
    pub jitter: Option<f64>,
    /// Probability that a check-in does not happen, 0 to 0.9.
    pub miss: Option<f64>,
    /// Check-ins in working hours alone.
    pub working_hours: Option<bool>,
    /// The host's user visits the same destination with a browser.
    pub browsing: Option<bool>,
    /// Hours that a session lasts.
    pub session_hours: Option<f64>,
    /// Megabytes to upload.
    pub upload_mb: Option<f64>,
    /// This variant alone.
    pub variant: Option<String>,
}

/// Hosts of a role that get a hostile program, and each one's turn.
fn infected(cast: &mut Cast<'_>, wanted: impl Fn(Role) -> bool) -> Vec<(usize, usize)> {
    let mut hosts = cast.of_role(wanted);
    cast.random.shuffle(&mut hosts);
    let count = match cast.options.infected {
        Some(count) => count as usize,
        None => hosts.len().div_ceil(5),
    };
    hosts.truncate(count);
    let first = cast.random.below(64) as usize;
    let turns = first..first + hosts.len();
    hosts.into_iter().zip(turns).collect()
}

/// The variant whose turn it is, or the one that the sweep asks for.
fn variant<'a, T>(
    cast: &mut Cast<'_>,
    turn: usize,
    all: &'a [(&'static str, T)],
) -> &'a (&'static str, T) {
    cast.variants.extend(all.iter().map(|(name, _)| *name));
    let asked = cast.options.sweep.variant.as_deref();
    let found = all.iter().find(|(name, _)| asked == Some(name));
    found.unwrap_or(&all[turn % all.len()])
}

/// A label of somebody's own, below a reserved name.
fn invented(random: &mut Random) -> String {
    const SYLLABLES: &[&str] = &[
        "ka", "ro", "mi", "ten", "sol", "vi", "dar", "pex", "lu", "nor",
    ];
    let mut name = String::new();
    for _ in 0..random.between(3, 4) {
        name.push_str(random.pick(SYLLABLES));
    }
    format!("{name}.example")
}
