//! From a TOML file to [`Settings`].
//!
//! Part of the shell: it reads one file and nothing else of the machine. Every key may be left out;
//! its default is the one that `deploy/tapir.toml` shows. A key that is not known is an error, and
//! an error names the file, the line and what to do.
#![allow(clippy::disallowed_methods)] // The shell reads the file that was named.

mod allow;
mod analytics;
mod approved;
mod intake;
mod limits;
mod schedules;
mod source;
mod tiers;

#[cfg(test)]
mod tests;

pub use allow::{AllowTable, ClassName};
pub use analytics::{An0146Table, An1190Table, An1601Table};
pub use analytics::{HostnamePatternTable, RequestFrequencyTable, SessionDurationTable};
pub use approved::ApprovedTable;
pub use intake::IntakeTable;
pub use limits::LimitsTable;
pub use schedules::{An1191Table, An1415Table, ScheduleTable};
pub use tiers::TiersTable;

use crate::detect;
use crate::detect::settings::{Role, RoleKind};
use crate::packet::tunnel::TunnelPorts;
use crate::sensor::settings::{Dedup, Settings};
use crate::time::Span;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use source::Source;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use toml::Spanned;

/// The role of local hosts that no other role holds.
pub const UNASSIGNED: &str = "unassigned";

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: cannot be read ({error}); name a file that can with --config", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// What it says cannot be taken.
    #[error("{place}: {message}")]
    Invalid {
        /// File and line.
        place: String,
        /// What is wrong and what to do.
        message: String,
    },
}

/// A configuration file as it is written, with the defaults where it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct File {
    /// `[sensor]`
    pub sensor: SensorTable,
    /// `[network]`
    pub network: NetworkTable,
    /// `[intake]`
    pub intake: IntakeTable,
    /// `[attribution]`
    pub attribution: AttributionTable,
    /// `[tunnels]`
    pub tunnels: TunnelsTable,
    /// `[[role]]`
    pub role: Vec<RoleTable>,
    /// `[an1190]`
    pub an1190: An1190Table,
    /// `[an0146]`
    pub an0146: An0146Table,
    /// `[an1601]`
    pub an1601: An1601Table,
    /// `[[schedule]]`
    pub schedule: Vec<ScheduleTable>,
    /// `[an1191]`
    pub an1191: An1191Table,
    /// `[an1415]`
    pub an1415: An1415Table,
    /// `[[allow]]`
    pub allow: Vec<AllowTable>,
    /// `[[approved]]`
    pub approved: Vec<ApprovedTable>,
    /// `[tiers]`
    pub tiers: TiersTable,
    /// `[limits]`
    pub limits: LimitsTable,
    #[serde(skip)]
    source: Source,
}

/// `[sensor]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)] // deploy/tapir.toml documents every key.
pub struct SensorTable {
    pub seed: u64,
    pub community_id_seed: u16,
    pub ignore_checksums: bool,
    pub dedup: Dedup,
    pub state_dir: Option<PathBuf>,
}

/// `[network]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)] // deploy/tapir.toml documents every key.
pub struct NetworkTable {
    pub local_networks: Vec<Spanned<IpNet>>,
}

/// `[attribution]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)] // deploy/tapir.toml documents every key.
pub struct AttributionTable {
    pub taught: bool,
}

impl Default for AttributionTable {
    fn default() -> Self {
        AttributionTable { taught: true }
    }
}

/// `[tunnels]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)] // deploy/tapir.toml documents every key.
pub struct TunnelsTable {
    pub ports: TunnelPorts,
}

/// `[[role]]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // deploy/tapir.toml documents every key.
pub struct RoleTable {
    pub name: Spanned<String>,
    #[serde(default = "kind_default")]
    pub kind: RoleKind,
    pub networks: Vec<Spanned<IpNet>>,
}

fn kind_default() -> RoleKind {
    RoleKind::Unspecified
}

/// A default, which no file holds.
fn unwritten<T>(value: T) -> Spanned<T> {
    Spanned::new(0..0, value)
}

impl Default for NetworkTable {
    /// Addresses that are not routed: RFC 1918, 6598 (carrier-grade NAT), 3927 and 4291
    /// (link-local), 4193.
    fn default() -> Self {
        let networks = [
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "100.64.0.0/10",
            "169.254.0.0/16",
            "fc00::/7",
            "fe80::/10",
        ];
        let parse = |text: &str| unwritten(text.parse().expect("these are networks"));
        NetworkTable {
            local_networks: networks.map(parse).to_vec(),
        }
    }
}

impl File {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// When it cannot be read, is no TOML, or has a key or a value that is not known.
    pub fn load(path: &Path) -> Result<File, ConfigError> {
        let read = std::fs::read_to_string(path);
        let text = read.map_err(|error| ConfigError::Read {
            path: path.to_owned(),
            error,
        })?;
        File::from_text(path, text)
    }

    /// What `text` says, which errors call `path`.
    ///
    /// # Errors
    /// When it is no TOML, or has a key or a value that is not known.
    pub fn from_text(path: &Path, text: String) -> Result<File, ConfigError> {
        let source = Source::new(path, text);
        match toml::from_str::<File>(source.text()) {
            Ok(file) => Ok(File { source, ..file }),
            Err(error) => {
                let message = error.message();
                let message =
                    format!("{message}; deploy/tapir.toml shows every key and its values");
                Err(source.invalid(error.span(), message))
            }
        }
    }

    /// What the file means.
    ///
    /// # Errors
    /// When values contradict each other or are out of range.
    pub fn resolve(self) -> Result<Settings, ConfigError> {
        let local_networks = self.networks(&self.network.local_networks)?;
        let roles = self.roles(&local_networks)?;
        let allow = allow::resolve(&self.allow, &self.source, &roles)?;
        let approved = approved::resolve(&self.approved, &self.source, &roles)?;
        let detect = detect::Settings::new(
            roles,
            self.catalogue()?,
            self.rules()?,
            self.tiers.resolve(&self.source)?,
        )
        .with_allow(allow)
        .with_approved(approved)
        .with_taught(self.attribution.taught)
        .with_budget(self.tiers.alerts_a_day_max)
        .with_seed(self.sensor.seed);
        Ok(Settings {
            seed: self.sensor.seed,
            community_id_seed: self.sensor.community_id_seed,
            ignore_checksums: self.sensor.ignore_checksums,
            dedup: self.sensor.dedup,
            tunnel_ports: self.tunnels.ports,
            local_networks,
            limits: self.limits.resolve(&self.source)?,
            detect,
        })
    }

    /// What is asked of the listener for agents; its folder is the one that the file names, else
    /// one in the state's, else `dir`.
    ///
    /// # Errors
    /// When a bound is out of range.
    pub fn intake(&self, dir: &Path) -> Result<crate::intake::Settings, ConfigError> {
        let dir = self.sensor.state_dir.as_deref().unwrap_or(dir);
        self.intake.resolve(dir.join("intake"), &self.source)
    }

    fn networks(&self, networks: &[Spanned<IpNet>]) -> Result<Vec<IpNet>, ConfigError> {
        let check = |network: &Spanned<IpNet>| {
            let (written, meant) = (*network.get_ref(), network.get_ref().trunc());
            if written == meant {
                return Ok(written);
            }
            let message = format!("{written} has bits beyond its prefix: write {meant}");
            Err(self.source.invalid(Some(network.span()), message))
        };
        networks.iter().map(check).collect()
    }

    /// The roles of the file, and one for local hosts that no role holds.
    fn roles(&self, local_networks: &[IpNet]) -> Result<Vec<Role>, ConfigError> {
        let mut names = BTreeSet::from([UNASSIGNED]);
        let mut owners = BTreeMap::new();
        let mut roles = Vec::new();
        for table in &self.role {
            let name = table.name.get_ref();
            if name.is_empty() || !names.insert(name) {
                let message = format!("role `{name}` is there twice or has no name of its own");
                return Err(self.source.invalid(Some(table.name.span()), message));
            }
            let networks = self.networks(&table.networks)?;
            for (network, written) in networks.iter().zip(&table.networks) {
                if let Some(owner) = owners.insert(*network, name) {
                    let message = format!("{network} is in role `{owner}` too: leave one out");
                    return Err(self.source.invalid(Some(written.span()), message));
                }
            }
            roles.push(Role {
                name: name.as_str().into(),
                kind: table.kind,
                networks,
            });
        }
        let networks = local_networks.to_vec();
        roles.push(Role {
            name: UNASSIGNED.into(),
            kind: RoleKind::Unspecified,
            networks,
        });
        Ok(roles)
    }
}

/// The longest span that a setting can have: a year.
const SPAN_MAX: Span = Span::from_secs(365 * 86_400);
