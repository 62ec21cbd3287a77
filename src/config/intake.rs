//! From `[intake]` to the listener's settings.

use super::source::Source;
use super::{ConfigError, unwritten};
use crate::intake;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
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
    pub agent_connections_max: Spanned<u64>,
    pub handshake_s: Spanned<f64>,
    pub idle_s: Spanned<f64>,
    pub body_s: Spanned<f64>,
    pub answer_s: Spanned<f64>,
    pub body_bytes_max: Spanned<u64>,
    pub inflated_bytes_max: Spanned<u64>,
    pub late_s: Spanned<f64>,
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
            agent_connections_max: unwritten(shipped.agent_connections_max as u64),
            handshake_s: unwritten(shipped.handshake_time_max.as_secs_f64()),
            idle_s: unwritten(shipped.idle_time_max.as_secs_f64()),
            body_s: unwritten(shipped.body_time_max.as_secs_f64()),
            answer_s: unwritten(shipped.answer_time_max.as_secs_f64()),
            body_bytes_max: unwritten(shipped.body_bytes_max as u64),
            inflated_bytes_max: unwritten(shipped.inflated_bytes_max as u64),
            late_s: unwritten(shipped.late_max.as_secs_f64()),
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
        let time = |value| {
            let span = source.seconds(value)?;
            Ok::<_, ConfigError>(Duration::from_secs_f64(span.as_secs_f64()))
        };
        Ok(intake::Settings {
            listen: self.listen,
            dir: self.dir.clone().unwrap_or(dir),
            names: self.names.clone(),
            require_certificate: self.require_certificate,
            gateways: intake::Gateways::new(self.gateways.iter().cloned()),
            connections_max: count("connections_max", &self.connections_max)?,
            agent_connections_max: count("agent_connections_max", &self.agent_connections_max)?,
            handshake_time_max: time(&self.handshake_s)?,
            idle_time_max: time(&self.idle_s)?,
            body_time_max: time(&self.body_s)?,
            answer_time_max: time(&self.answer_s)?,
            body_bytes_max: count("body_bytes_max", &self.body_bytes_max)?,
            inflated_bytes_max: count("inflated_bytes_max", &self.inflated_bytes_max)?,
            late_max: time(&self.late_s)?,
            agent_lines_per_s: rate("agent_lines_per_s", &self.agent_lines_per_s)?,
            lines_per_s: rate("lines_per_s", &self.lines_per_s)?,
            journal_bytes_max: at_least_one("journal_bytes_max", &self.journal_bytes_max)?,
        })
    }
}
