//! From the `ech` parameter of an HTTPS record to the configurations it offers (RFC 9849, section
//! 4).
//!
//! Reads what tells a client's real offer from a made-up one, and no key. Keeps at most
//! [`CONFIGS_MAX`].

use super::wire::Reader;
use crate::observe::EchConfig;

/// Configurations kept of one record; sites offer one, or two while they change keys.
const CONFIGS_MAX: usize = 8;

/// The version of a configuration, which is the extension's number.
const VERSION: u16 = 0xfe0d;

/// The configurations of a list; what is cut short ends it, and unknown versions are passed over.
pub(super) fn configs(list: &[u8]) -> Vec<EchConfig> {
    let mut reader = Reader::new(list);
    let mut configs = Vec::new();
    let Some(()) = reader.u16().map(drop) else {
        return configs;
    };
    while configs.len() < CONFIGS_MAX {
        let (Some(version), Some(len)) = (reader.u16(), reader.u16()) else {
            break;
        };
        let Some(contents) = reader.take(usize::from(len)) else {
            break;
        };
        if version == VERSION {
            configs.extend(config(contents));
        }
    }
    configs
}

fn config(contents: &[u8]) -> Option<EchConfig> {
    let mut reader = Reader::new(contents);
    let config_id = *reader.take(1)?.first()?;
    reader.u16()?; // KEM
    let key_len = reader.u16()?;
    reader.take(usize::from(key_len))?;
    let suites_len = reader.u16()?;
    reader.take(usize::from(suites_len))?;
    reader.take(1)?; // maximum name length
    let public_name = reader.string()?;
    Some(EchConfig {
        config_id,
        public_name: public_name.to_ascii_lowercase().into(),
    })
}
