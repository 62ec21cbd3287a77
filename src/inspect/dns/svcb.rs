//! From the data of an SVCB or HTTPS record (RFC 9460, 2.2) to what it offers.
//!
//! Keeps at most [`LIST_MAX`] entries of every list.

use super::domain::Names;
use super::fault::Fault;
use super::wire::{Reader, address_v4, address_v6};
use crate::observe::ServiceBinding;

/// Protocols or hints kept of one record; an offer of more than eight of either is rare.
const LIST_MAX: usize = 32;

/// Reads the record whose data lies at `start..end` of the message.
pub(super) fn read(
    names: &mut Names<'_>,
    start: usize,
    end: usize,
) -> Result<ServiceBinding, Fault> {
    let data = names.message().get(start..end).unwrap_or_default();
    let mut reader = Reader::new(data);
    let priority = reader.u16().ok_or(Fault::ServiceBinding)?;
    let target = names
        .read(start.saturating_add(2), end)
        .map_err(|_| Fault::ServiceBinding)?;
    let mut binding = ServiceBinding {
        priority,
        target: target.text_as_sent(),
        ..Default::default()
    };
    if binding.target.is_empty() {
        binding.target = ".".into();
    }
    let parameters = names.message().get(target.end..end).unwrap_or_default();
    read_parameters(&mut binding, parameters)?;
    Ok(binding)
}

/// Reads the parameters that follow the target (RFC 9460, 14.3.2 has their numbers).
fn read_parameters(binding: &mut ServiceBinding, parameters: &[u8]) -> Result<(), Fault> {
    let mut reader = Reader::new(parameters);
    while !reader.is_empty() {
        let key = reader.u16().ok_or(Fault::ServiceBinding)?;
        let value = reader
            .u16()
            .and_then(|length| reader.take(usize::from(length)));
        let value = value.ok_or(Fault::ServiceBinding)?;
        match key {
            1 => {
                let mut protocols = Reader::new(value);
                while let Some(protocol) = protocols.string() {
                    if binding.alpn.len() < LIST_MAX {
                        binding.alpn.push(protocol.into());
                    }
                }
                if !protocols.is_empty() {
                    return Err(Fault::ServiceBinding);
                }
            }
            4 | 6 => {
                let (size, address): (_, fn(&[u8]) -> _) = if key == 4 {
                    (4, address_v4)
                } else {
                    (16, address_v6)
                };
                if value.len() % size != 0 {
                    return Err(Fault::ServiceBinding);
                }
                let room = LIST_MAX.saturating_sub(binding.hints.len());
                binding
                    .hints
                    .extend(value.chunks_exact(size).filter_map(address).take(room));
            }
            5 => {
                binding.ech = true;
                binding.ech_configs = super::ech::configs(value);
            }
            _ => {}
        }
    }
    Ok(())
}
