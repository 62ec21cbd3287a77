//! From `[an...]` to the rules of the analytics and the catalogue.

use super::{ConfigError, File, UNASSIGNED, schedules, unwritten};
use crate::detect::catalogue::{Catalogue, Category, HostRole, PatternError};
use crate::detect::evidence::Bits;
use crate::detect::schedules::Schedules;
use crate::detect::settings::{An0146, An1190, An1601, RequestFrequency, Rules, SessionDuration};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use toml::Spanned;

/// `[an1190]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)] // deploy/tapir.toml documents every key.
pub struct An1190Table {
    pub parent_process: Vec<Box<str>>,
    pub request_frequency: RequestFrequencyTable,
    pub hostname_pattern: Vec<HostnamePatternTable>,
}

/// `[an1190.request_frequency]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)] // deploy/tapir.toml documents every key.
pub struct RequestFrequencyTable {
    pub exchanges_min: u32,
    pub window_s: Spanned<f64>,
    pub upload_bytes_min: u64,
}

/// `[[an1190.hostname_pattern]]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // deploy/tapir.toml documents every key.
pub struct HostnamePatternTable {
    pub service: Spanned<String>,
    pub category: Category,
    #[serde(default)]
    pub roles: BTreeSet<HostRole>,
    pub patterns: Vec<Spanned<String>>,
}

/// `[an0146]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)] // deploy/tapir.toml documents every key.
pub struct An0146Table {
    pub session_duration: SessionDurationTable,
    pub exchanges_min: u32,
}

/// `[an0146.session_duration]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)] // deploy/tapir.toml documents every key.
pub struct SessionDurationTable {
    pub min_s: Spanned<f64>,
    pub p_max: Spanned<f64>,
    pub samples_min: u64,
}

/// `[an1601]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)] // deploy/tapir.toml documents every key.
pub struct An1601Table {
    pub user_context: Vec<Box<str>>,
    pub entropy_score: Spanned<f64>,
    pub exchanges_min: u32,
    pub flows_min: u32,
}

impl Default for An1190Table {
    fn default() -> Self {
        let An1190 { parent_process, .. } = An1190::shipped();
        let request_frequency = RequestFrequencyTable::default();
        An1190Table {
            parent_process,
            request_frequency,
            hostname_pattern: Vec::new(),
        }
    }
}

impl Default for RequestFrequencyTable {
    fn default() -> Self {
        let RequestFrequency {
            exchanges_min,
            window,
            upload_bytes_min,
        } = An1190::shipped().request_frequency;
        let window_s = unwritten(window.as_secs_f64());
        RequestFrequencyTable {
            exchanges_min,
            window_s,
            upload_bytes_min,
        }
    }
}

impl Default for An0146Table {
    fn default() -> Self {
        let An0146 { exchanges_min, .. } = An0146::shipped();
        let session_duration = SessionDurationTable::default();
        An0146Table {
            session_duration,
            exchanges_min,
        }
    }
}

impl Default for SessionDurationTable {
    fn default() -> Self {
        let SessionDuration {
            min,
            p_max,
            samples_min,
        } = An0146::shipped().session_duration;
        SessionDurationTable {
            min_s: unwritten(min.as_secs_f64()),
            p_max: unwritten(p_max),
            samples_min,
        }
    }
}

impl Default for An1601Table {
    fn default() -> Self {
        let An1601 {
            user_context,
            entropy_score,
            exchanges_min,
            flows_min,
        } = An1601::shipped();
        An1601Table {
            user_context,
            entropy_score: unwritten(entropy_score.as_f64()),
            exchanges_min,
            flows_min,
        }
    }
}

impl File {
    /// The rules of every analytic.
    pub(super) fn rules(&self) -> Result<Rules, ConfigError> {
        Ok(Rules {
            an1190: self.an1190()?,
            an0146: self.an0146()?,
            an1601: self.an1601()?,
            an1191: self.an1191.resolve(),
            an1415: self.an1415.resolve(&self.source)?,
            schedules: self.schedules()?,
        })
    }

    fn schedules(&self) -> Result<Schedules, ConfigError> {
        let names = self.role.iter().map(|role| role.name.get_ref().as_str());
        let roles: BTreeSet<&str> = names.chain([UNASSIGNED]).collect();
        schedules::resolve(&self.schedule, &roles, &self.source)
    }

    /// The shipped catalogue with the file's patterns.
    pub(super) fn catalogue(&self) -> Result<Catalogue, ConfigError> {
        let mut catalogue = Catalogue::shipped();
        for table in &self.an1190.hostname_pattern {
            let service = table.service.get_ref();
            let known = catalogue.category_of(service);
            if service.is_empty() || known.is_some_and(|known| known != table.category) {
                let known = known.map_or("its own name", Category::name);
                let message = format!("service `{service}` needs a name and one category: {known}");
                return Err(self.source.invalid(Some(table.service.span()), message));
            }
            for pattern in &table.patterns {
                let added = catalogue.add(service, table.category, &table.roles, pattern.get_ref());
                added.map_err(|error: PatternError| {
                    let message = format!("hostname pattern `{}` {error}", pattern.get_ref());
                    self.source.invalid(Some(pattern.span()), message)
                })?;
            }
        }
        Ok(catalogue)
    }

    fn an1190(&self) -> Result<An1190, ConfigError> {
        let table = &self.an1190.request_frequency;
        let request_frequency = RequestFrequency {
            exchanges_min: table.exchanges_min,
            window: self.source.seconds(&table.window_s)?,
            upload_bytes_min: table.upload_bytes_min,
        };
        Ok(An1190 {
            parent_process: self.an1190.parent_process.clone(),
            request_frequency,
        })
    }

    fn an0146(&self) -> Result<An0146, ConfigError> {
        let table = &self.an0146.session_duration;
        let p_max = *table.p_max.get_ref();
        if !(p_max > 0.0 && p_max <= 1.0) {
            let message = format!("{p_max} is no share: above 0 and at most 1");
            return Err(self.source.invalid(Some(table.p_max.span()), message));
        }
        let session_duration = SessionDuration {
            min: self.source.seconds(&table.min_s)?,
            p_max,
            samples_min: table.samples_min,
        };
        Ok(An0146 {
            session_duration,
            exchanges_min: self.an0146.exchanges_min,
        })
    }

    fn an1601(&self) -> Result<An1601, ConfigError> {
        let table = &self.an1601;
        let entropy = *table.entropy_score.get_ref();
        if !(0.0..=8.0).contains(&entropy) {
            let message = format!("{entropy} is no entropy of a byte: 0 to 8 bits");
            let span = table.entropy_score.span();
            return Err(self.source.invalid(Some(span), message));
        }
        Ok(An1601 {
            user_context: table.user_context.clone(),
            entropy_score: Bits::new(entropy),
            exchanges_min: table.exchanges_min,
            flows_min: table.flows_min,
        })
    }
}
