//! From `[intake]` to the listener's settings.

use super::source::Source;
use super::{ConfigError, unwritten};
use crate::intake;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::PathBuf;
use toml::Spanned;

/// `[intake]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)] // deploy/tapir.toml documents every key.
pub struct IntakeTable {
    pub listen: Option<SocketAddr>,
    pub dir: Option<PathBuf>,
    pub names: Vec<String>,
    pub require_certificate: bool,
    pub gateways: Vec<String>,
    pub connections_max: Spanned<u64>,
    pub body_bytes_max: Spanned<u64>,
    pub inflated_bytes_max: Spanned<u64>,
    pub agent_lines_per_s: Spanned<u64>,
    pub lines_per_s: Spanned<u64>,
    pub journal_bytes_max: Spanned<u64>,
}

impl Default for IntakeTable {
    fn default() -> Self {
        let shipped = intake::Settings::new(PathBuf::new());
        IntakeTable {
            listen: shipped.listen,
            dir: None,
            names: shipped.names,
            require_certificate: shipped.require_certificate,
            gateways: Vec::new(),
            connections_max: unwritten(shipped.connections_max as u64),
            body_bytes_max: unwritten(shipped.body_bytes_max as u64),
            inflated_bytes_max: unwritten(shipped.inflated_bytes_max as u64),
            agent_lines_per_s: unwritten(shipped.agent_lines_per_s as u64),
            lines_per_s: unwritten(shipped.lines_per_s as u64),
            journal_bytes_max: unwritten(shipped.journal_bytes_max),
        }
    }
}

impl IntakeTable {
    /// What the listener is asked for, with its folder in `dir` where none is named.
    pub(super) fn resolve(
        &self,
        dir: PathBuf,
        source: &Source,
    ) -> Result<intake::Settings, ConfigError> {
        let at_least_one = |key: &str, value: &Spanned<u64>| match value.get_ref() {
            0 => Err(source.invalid(Some(value.span()), format!("{key} must be at least 1"))),
            count => Ok(*count),
        };
        let count = |key, value| at_least_one(key, value).map(|count| count as usize);
        let rate = |key, value| at_least_one(key, value).map(|rate| rate as f64);
        Ok(intake::Settings {
            listen: self.listen,
            dir: self.dir.clone().unwrap_or(dir),
            names: self.names.clone(),
            require_certificate: self.require_certificate,
            gateways: intake::Gateways::new(self.gateways.iter().cloned()),
            connections_max: count("connections_max", &self.connections_max)?,
            body_bytes_max: count("body_bytes_max", &self.body_bytes_max)?,
            inflated_bytes_max: count("inflated_bytes_max", &self.inflated_bytes_max)?,
            agent_lines_per_s: rate("agent_lines_per_s", &self.agent_lines_per_s)?,
            lines_per_s: rate("lines_per_s", &self.lines_per_s)?,
            journal_bytes_max: at_least_one("journal_bytes_max", &self.journal_bytes_max)?,
        })
    }
}
