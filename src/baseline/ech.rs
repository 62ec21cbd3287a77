//! From DNS answers to whether an encrypted client hello is real.
//!
//! Browsers send an `encrypted_client_hello` that means nothing to every server that offers no key
//! (GREASE ECH, RFC 9849, section 6.2), and by itself it looks like a real one. A real one names a
//! configuration out of an HTTPS record, and its outer server name is that configuration's. The
//! memory is everybody's, since a configuration is the site's and not a client's, and holds at most
//! [`CONFIGS_MAX`]; the one that expires first leaves. Where DNS is not seen, it says nothing.

use super::Bounded;
use crate::observe::{DnsTransaction, EchOffer};
use crate::time::{Span, Timestamp};
use bstr::{BStr, BString};
use serde::{Deserialize, Serialize};

/// Configurations remembered. A handful of operators offer any; each changes its keys every few
/// hours.
pub const CONFIGS_MAX: usize = 4096;

/// Keys are changed within hours, and caches outlive them: a configuration is believed for a day.
const LIFETIME: Span = Span::from_secs(86_400);

/// The configurations that were offered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EchConfigs {
    /// By outer name and identifier.
    offered: Bounded<(BString, u8), ()>,
}

/// What is behind an `encrypted_client_hello`, as far as one can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EchVerdict {
    /// It may be either.
    Offered,
    /// It names a configuration that DNS offered for the outer name: the server name is hidden.
    Likely,
    /// The client had asked DNS for the outer name itself: there is nothing behind it.
    Grease,
    /// The draft before ECH: the name is encrypted, and there is no outer one.
    Esni,
}

impl EchVerdict {
    /// The name in `ssl.log`.
    pub fn name(self) -> &'static str {
        match self {
            EchVerdict::Offered => "offered",
            EchVerdict::Likely => "likely",
            EchVerdict::Grease => "grease",
            EchVerdict::Esni => "esni",
        }
    }
}

impl EchConfigs {
    /// Takes in what HTTPS records of an answer offered.
    pub fn learn(&mut self, at: Timestamp, answer: &DnsTransaction) {
        let configs = answer
            .service_bindings
            .iter()
            .flat_map(|binding| &binding.ech_configs);
        for config in configs {
            self.offered.expire(at);
            let key = (config.public_name.clone(), config.config_id);
            self.offered.insert(key, at + LIFETIME, (), CONFIGS_MAX);
        }
    }

    /// Judges an offer beside the `outer` server name; `asked` is the name that the client had
    /// learnt the server's address for.
    pub fn judge(
        &self,
        at: Timestamp,
        offer: EchOffer,
        outer: Option<&BString>,
        asked: Option<&BStr>,
    ) -> EchVerdict {
        let EchOffer::Ech { config_id } = offer else {
            return EchVerdict::Esni;
        };
        let Some(outer) = outer.map(|name| BString::from(name.to_ascii_lowercase())) else {
            return EchVerdict::Offered;
        };
        let is_outer = asked.is_some_and(|asked| asked.eq_ignore_ascii_case(&outer));
        match self.offered.moment(&(outer, config_id)) {
            Some(until) if at <= until => EchVerdict::Likely,
            _ if is_outer => EchVerdict::Grease,
            _ => EchVerdict::Offered,
        }
    }
}
