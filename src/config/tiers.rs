//! From `[tiers]` to the bits at which an alert is low, medium or high.

use super::source::Source;
use super::{ConfigError, unwritten};
use crate::detect::evidence::{Bits, Tiers};
use serde::{Deserialize, Serialize};
use toml::Spanned;

/// `[tiers]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)] // deploy/tapir.toml documents every key.
pub struct TiersTable {
    pub low: Spanned<f64>,
    pub medium: f64,
    pub high: f64,
    pub even: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alerts_a_day_max: Option<u32>,
}

impl Default for TiersTable {
    fn default() -> Self {
        let Tiers {
            low,
            medium,
            high,
            even,
        } = Tiers::DEFAULT;
        let low = unwritten(low.as_f64());
        let (medium, high, even) = (medium.as_f64(), high.as_f64(), even.as_f64());
        TiersTable {
            low,
            medium,
            high,
            even,
            alerts_a_day_max: None,
        }
    }
}

impl TiersTable {
    pub(super) fn resolve(&self, source: &Source) -> Result<Tiers, ConfigError> {
        let TiersTable {
            low,
            medium,
            high,
            even,
            ..
        } = self;
        let ascending = [*low.get_ref(), *medium, *high].is_sorted_by(|a, b| a < b);
        let finite = [*medium, *high, *even].iter().all(|bits| bits.is_finite());
        if !ascending || !finite || *low.get_ref() <= 0.0 {
            let message = "tiers must ascend: 0 < low < medium < high".into();
            return Err(source.invalid(Some(low.span()), message));
        }
        let bits = |bits: f64| Bits::new(bits);
        let (low, medium, high) = (bits(*low.get_ref()), bits(*medium), bits(*high));
        Ok(Tiers {
            low,
            medium,
            high,
            even: bits(*even),
        })
    }
}
