//! From findings to which of them are told, and as what.
//!
//! One alert for each analytic, host and object: told again when it is louder, or when it still
//! holds a day later. Bounded by `alerts_max`; who was told longest ago leaves, and would be told
//! anew.

use super::attack::Analytic;
use super::evidence::Tier;
use super::identity;
use crate::baseline::Bounded;
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::sync::Arc;

/// An alert that still holds is told again after this.
const RENEWAL: Span = Span::from_secs(86_400);

/// What an alert is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AlertKey {
    /// Which analytic.
    pub analytic: Analytic,
    /// Who.
    pub host: IpAddr,
    /// With what.
    pub object: Arc<str>,
}

/// Which alert it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// The same for every revision of one alert.
    pub alert_id: Box<str>,
    /// 0 for the first.
    pub revision: u32,
}

/// The alerts that were raised.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Registry {
    raised: Bounded<AlertKey, Raised>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Raised {
    identity: Identity,
    raised_at: Timestamp,
    tier: Tier,
    suppressed: bool,
}

impl Registry {
    /// Whether the alert was raised, told or suppressed.
    pub fn is_raised(&self, key: &AlertKey) -> bool {
        self.raised.get(key).is_some()
    }

    /// What a finding of `tier` at `at` is told as; none where it was told already. What was
    /// suppressed and no longer is, is told at once.
    pub fn raise(
        &mut self,
        key: AlertKey,
        at: Timestamp,
        tier: Tier,
        suppressed: bool,
        max: usize,
    ) -> Option<Identity> {
        let identity = match self.raised.get(&key) {
            Some(known) if tier > known.tier || known.suppressed && !suppressed => Identity {
                alert_id: known.identity.alert_id.clone(),
                revision: known.identity.revision.saturating_add(1),
            },
            Some(known) if at - known.raised_at < RENEWAL => return None,
            _ => Identity::first(&key, at),
        };
        let raised = Raised {
            identity: identity.clone(),
            raised_at: at,
            tier,
            suppressed,
        };
        self.raised.insert(key, at, raised, max);
        Some(identity)
    }

    /// What an alert that was raised is told as when more is known of it.
    pub fn amend(&mut self, key: &AlertKey, tier: Tier, suppressed: bool) -> Option<Identity> {
        let known = self.raised.get_mut(key)?;
        known.identity.revision = known.identity.revision.saturating_add(1);
        (known.tier, known.suppressed) = (tier, suppressed);
        Some(known.identity.clone())
    }

    /// Alerts that had to leave for others.
    pub fn evicted(&self) -> u64 {
        self.raised.evicted()
    }
}

impl Identity {
    /// The first revision of an alert; its identity is what it is about and since when.
    fn first(key: &AlertKey, raised_at: Timestamp) -> Identity {
        let (host, moment) = (key.host.to_string(), raised_at.as_nanos().to_string());
        let alert_id = identity::digest([
            key.analytic.name(),
            host.as_str(),
            &key.object,
            moment.as_str(),
        ]);
        Identity {
            alert_id,
            revision: 0,
        }
    }
}
