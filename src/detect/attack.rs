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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Analytic {
    /// Command-line tools, agents or scripts calling popular web services in an unusual context.
    #[serde(rename = "AN1190")]
    An1190,
    /// Unexpected applications holding long-lived HTTP(S) sessions with irregular traffic.
    #[serde(rename = "AN0146")]
    An0146,
    /// Programs that fetch from web services without handling any response.
    #[serde(rename = "AN1601")]
    An1601,
    /// Programs calling web services unscheduled or unauthorised.
    #[serde(rename = "AN1191")]
    An1191,
    /// Unusual encrypted uploads.
    #[serde(rename = "AN1415")]
    An1415,
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
            Analytic::An0146 => "AN0146",
            Analytic::An1601 => "AN1601",
            Analytic::An1191 => "AN1191",
            Analytic::An1415 => "AN1415",
        }
    }

    /// The `note` in `notice.log`.
    pub fn note(self) -> &'static str {
        match self {
            Analytic::An1190 => "Tapir::AN1190",
            Analytic::An0146 => "Tapir::AN0146",
            Analytic::An1601 => "Tapir::AN1601",
            Analytic::An1191 => "Tapir::AN1191",
            Analytic::An1415 => "Tapir::AN1415",
        }
    }

    /// The platform that ATT&CK wrote it for, as `host` names platforms. What it describes happens
    /// on others too, so another platform is told and weighs nothing.
    pub fn platform(self) -> &'static str {
        match self {
            Analytic::An1190 => "linux",
            _ => "macos",
        }
    }

    /// Where it belongs.
    pub fn mitre(self) -> Mitre {
        let (technique, detection_strategy) = match self {
            Analytic::An1190 | Analytic::An1191 => ("T1102", "DET0425"),
            Analytic::An0146 => ("T1001", "DET0053"),
            Analytic::An1601 => ("T1102.003", "DET0581"),
            Analytic::An1415 => ("T1048.002", "DET0512"),
        };
        let tactic = match self {
            Analytic::An1415 => "exfiltration",
            _ => "command-and-control",
        };
        Mitre {
            technique,
            tactic,
            detection_strategy,
            attack_version: VERSION,
            source: SOURCE,
        }
    }
}
