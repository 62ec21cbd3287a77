//! From an analytic to its place in MITRE ATT&CK.
//!
//! Identifiers only; no text of ATT&CK is quoted here. "ATT&CK" is a registered trademark of The
//! MITRE Corporation; Tapir is not affiliated with or endorsed by MITRE.

use serde::{Deserialize, Serialize};

/// The release that the identifiers were read in.
pub const VERSION: &str = "18.1";
/// Where they were read: repository and commit.
pub const SOURCE: &str = "mitre/cti 421deacb";

/// An analytic that Tapir implements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Analytic {
    /// Command-line tools, agents or scripts calling popular web services in an unusual context.
    #[serde(rename = "AN1190")]
    An1190,
}

/// Where an analytic belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Mitre {
    /// The technique it detects.
    pub technique: &'static str,
    /// The technique's tactic.
    pub tactic: &'static str,
    /// The detection strategy that lists it.
    pub detection_strategy: &'static str,
    /// [`VERSION`].
    pub attack_version: &'static str,
    /// [`SOURCE`].
    pub source: &'static str,
}

impl Analytic {
    /// The analytic's identifier.
    pub fn name(self) -> &'static str {
        match self {
            Analytic::An1190 => "AN1190",
        }
    }

    /// The `note` in `notice.log`.
    pub fn note(self) -> &'static str {
        match self {
            Analytic::An1190 => "Tapir::AN1190",
        }
    }

    /// Where it belongs.
    pub fn mitre(self) -> Mitre {
        match self {
            Analytic::An1190 => Mitre {
                technique: "T1102",
                tactic: "command-and-control",
                detection_strategy: "DET0425",
                attack_version: VERSION,
                source: SOURCE,
            },
        }
    }
}
