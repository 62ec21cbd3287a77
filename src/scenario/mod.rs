//! From a scenario's name and a seed to labelled frames: what an analytic must tell, among what it
//! must not.
//!
//! A pure generator: it reads no clock and no file, and the same options give the same bytes. What
//! has not happened yet is not in memory: one act of each program, the flows under way and a turn's
//! frames of each are, and the truths that nobody took out yet.
//!
//! It does not show networks as they are: nothing is retransmitted, servers are ideal, sealed bytes
//! are random. What it shows is timing, sizes, handshakes and endings.

mod attack;
mod benign;
mod call;
mod cast;
mod certificate;
mod farewell;
mod hello;
mod host;
mod impair;
mod lookup;
pub mod pcap;
mod play;
pub mod random;
mod script;
mod segments;
mod speech;
mod stack;
mod system;
mod talk;
mod truth;
mod when;
mod wire;

pub use attack::Sweep;
pub use cast::Analytic;
pub use host::Role;
pub use impair::Impairments;
pub use play::{Scenario, Unknown};
pub use script::Close;
pub use stack::Stack;
pub use truth::{FlowTruth, ProgramTruth, Truth};
pub use wire::Made;

use crate::time::{Span, Timestamp};

/// Scenarios that have no benign day beside them.
const WITHOUT_DAY: [&str; 4] = ["close-matrix", "close-runs", "lookalikes", "populations"];

/// What a scenario is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Everything that is drawn depends on it.
    pub seed: u64,
    /// Hosts of the site; ten have every role.
    pub hosts: u32,
    /// How long it lasts.
    pub duration: Span,
    /// When it begins; midnight UTC makes days begin where they do.
    pub start: Timestamp,
    /// Benign traffic at full rate, 2,000 flows and more for each host and day.
    pub full: bool,
    /// No benign traffic beside the hostile programs.
    pub alone: bool,
    /// When hostile programs begin, after the start; after a quarter of the duration by default.
    pub onset: Option<Span>,
    /// How many hosts have a hostile program; one in ten of those that qualify by default.
    pub infected: Option<u32>,
    /// What the mirror does to the frames.
    pub impairments: Impairments,
    /// Parameters that are set, not drawn.
    pub sweep: Sweep,
}

impl Default for Options {
    /// Ten hosts on Monday, 2 November 2026.
    fn default() -> Options {
        Options {
            seed: 0,
            hosts: 10,
            duration: Span::from_secs(86_400),
            start: Timestamp::from_parts(1_793_577_600, 0),
            full: false,
            alone: false,
            onset: None,
            infected: None,
            impairments: Impairments::default(),
            sweep: Sweep::default(),
        }
    }
}

impl Options {
    /// The moment at which it ends.
    pub fn end(&self) -> Timestamp {
        self.start + self.duration
    }
}

/// A scenario's name, what it is, and what plays it.
pub struct Named {
    /// Its name.
    pub name: &'static str,
    /// What it is, in a sentence.
    pub about: &'static str,
    cast: fn(&mut cast::Cast<'_>),
}

/// Every scenario.
pub const ALL: &[Named] = &[
    Named {
        name: "benign-day",
        about: "Every benign class on the hosts whose role has it; no analytic must fire.",
        cast: |_| {},
    },
    Named {
        name: "beacon",
        about: "Check-ins by sleep and jitter with a service that programs call, by a flow each.",
        cast: attack::beacons,
    },
    Named {
        name: "beacon-session",
        about: "Check-ins within one long HTTP/2 or WebSocket session.",
        cast: attack::beacon_sessions,
    },
    Named {
        name: "an1190",
        about: "Linux servers whose scripts post to Discord, Slack and the like (T1102).",
        cast: attack::an1190,
    },
    Named {
        name: "an1191",
        about: "Mac services that call a web API off schedule, for the first time, or not at all.",
        cast: attack::an1191,
    },
    Named {
        name: "an1601",
        about: "Macs that leave replies unread, get constant ones, or act on them (T1102.003).",
        cast: attack::an1601,
    },
    Named {
        name: "an0146",
        about: "Macs with a reverse shell, SOCKS tunnel, slow drip or WebSocket C2 in one session.",
        cast: attack::an0146,
    },
    Named {
        name: "an1415",
        about: "Macs that upload 60 MB and more to a new destination, in one flow or several.",
        cast: attack::an1415,
    },
    Named {
        name: "close-matrix",
        about: "Every way in which a client ends a flow, with TLS 1.3, TLS 1.2 and HTTP/2.",
        cast: attack::close_matrix,
    },
    Named {
        name: "close-runs",
        about: "Every way to end with sizes, records, round trips and clients that are drawn.",
        cast: attack::close_runs,
    },
    Named {
        name: "lookalikes",
        about: "Honest sessions of hours that look like an implant's: sync, telemetry, management.",
        cast: benign::lookalikes,
    },
    Named {
        name: "populations",
        about: "Timing alone: people, random processes and honest timers, a destination each.",
        cast: benign::populations,
    },
];

/// The configuration that fits: a role for each kind of host.
pub fn roles() -> String {
    let role = |(_, name, kind, network): &(Role, &str, &str, u8)| {
        format!(
            "[[role]]\nname = \"{name}\"\nkind = \"{kind}\"\nnetworks = [\"10.{network}.0.0/16\"]\n"
        )
    };
    let roles: Vec<String> = Role::ALL.iter().map(role).collect();
    roles.join("\n")
}
