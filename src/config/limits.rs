//! From `[limits]` to [`Limits`].

use super::source::Source;
use super::{ConfigError, unwritten};
use crate::limits::{Limits, SHARDS};
use crate::time::Span;
use serde::{Deserialize, Serialize};
use toml::Spanned;

macro_rules! limits_table {
    (counts { $($count:ident from $least:expr,)+ } spans { $($span:ident = $key:ident,)+ }) => {
        /// `[limits]`: every bound; times in seconds.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        #[allow(missing_docs)] // `Limits` and deploy/tapir.toml document every key.
        pub struct LimitsTable {
            $(pub $count: Spanned<usize>,)+
            $(pub $key: Spanned<f64>,)+
        }

        impl Default for LimitsTable {
            fn default() -> Self {
                let Limits { $($count,)+ $($span,)+ } = Limits::DEFAULT;
                LimitsTable {
                    $($count: unwritten($count),)+
                    $($key: unwritten(Span::as_secs_f64($span)),)+
                }
            }
        }

        impl LimitsTable {
            /// The bounds; each number must be at least what the core can work with.
            pub(super) fn resolve(&self, source: &Source) -> Result<Limits, ConfigError> {
                Ok(Limits {
                    $($count: at_least($least, stringify!($count), &self.$count, source)?,)+
                    $($span: source.seconds(&self.$key)?,)+
                })
            }
        }
    };
}

limits_table! {
    counts {
    flows_max from SHARDS,
    reassembly_flow_bytes_max from 1,
    reassembly_bytes_max from SHARDS,
    fragment_trains_max from 1,
    fragment_bytes_max from 1,
    tunnels_max from 1,
    inspect_bytes_max from SHARDS,
    dns_pending_max from 1,
    http_head_bytes_max from 1,
    http_pending_max from 1,
    tls_handshake_bytes_max from 1,
    dns_memory_max from 1,
    baseline_keys_max from 1,
    calls_max from 1,
    dhcp_pending_max from 1,
    hosts_max from 1,
    neighbours_max from SHARDS,
    known_max from 1,
    agents_max from 1,
    attributed_flows_max from 1,
    reports_max from 1,
    processes_max from 1,
    taught_max from 1,
    alerts_max from 1,
    }
    spans {
    fragment_timeout = fragment_timeout_s,
    reassembly_delay = reassembly_delay_s,
    tcp_inactivity = tcp_inactivity_s,
    tls_inactivity = tls_inactivity_s,
    udp_inactivity = udp_inactivity_s,
    icmp_inactivity = icmp_inactivity_s,
    tcp_attempt = tcp_attempt_s,
    tcp_close = tcp_close_s,
    tcp_reset = tcp_reset_s,
    tunnel_inactivity = tunnel_inactivity_s,
    }
}

fn at_least(
    least: usize,
    key: &str,
    value: &Spanned<usize>,
    source: &Source,
) -> Result<usize, ConfigError> {
    if *value.get_ref() >= least {
        return Ok(*value.get_ref());
    }
    Err(source.invalid(
        Some(value.span()),
        format!("{key} must be at least {least}"),
    ))
}
