//! From the data of a resource record to what Zeek's `dns.log` says of it.
//!
//! The forms that `dns-parser` knows are its business, once [`Names`] has walked the names in them;
//! addresses, aliases and the types it does not know are read here. No text is longer than
//! [`TEXT_MAX`].

use super::domain::{Names, parsed_text};
use super::fault::Fault;
use super::svcb;
use super::wire::{Reader, address_v4, address_v6};
use crate::fingerprint::hex;
use crate::observe::ServiceBinding;
use bstr::BString;
use dns_parser::{Error, RData, Type};
use std::net::IpAddr;

/// Bytes of one answer's text; what a log keeps of a string.
pub(super) const TEXT_MAX: usize = 4096;

/// Where a record's data lies in its message, and what surrounds it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Data<'a> {
    /// Type of the record.
    pub(super) rtype: u16,
    /// Offset of the first byte.
    pub(super) start: usize,
    /// Offset after the last byte.
    pub(super) end: usize,
    /// The bytes between.
    pub(super) bytes: &'a [u8],
    /// Whether this is the NetBIOS name service, where types 32 and 33 mean something else.
    pub(super) netbios: bool,
}

/// What a record says.
#[derive(Debug, PartialEq)]
pub(super) enum Said {
    /// Zeek does not take it for an answer (HINFO, CAA, OPT, TSIG ...).
    Nothing,
    /// Zeek takes it for an answer, and prints none (WKS).
    Silence,
    /// An answer.
    Text(BString),
    /// An address.
    Address(IpAddr),
    /// An answer that is not printed but kept.
    Binding(ServiceBinding),
}

/// Reads a record's data. `owner` is asked for only where the text repeats it.
pub(super) fn read(
    names: &mut Names<'_>,
    data: Data<'_>,
    owner: impl Fn() -> BString,
) -> Result<Said, Fault> {
    match data.rtype {
        1 => address_v4(data.bytes)
            .map(Said::Address)
            .ok_or(Fault::DataForm),
        28 | 38 => address_v6(data.bytes)
            .map(Said::Address)
            .ok_or(Fault::DataForm),
        5 => Ok(Said::Text(names.read(data.start, data.end)?.text())),
        11 => Ok(Said::Silence),
        // NIMLOC is the NetBIOS general name service record to Zeek wherever it appears.
        13 | 32 | 41 | 249 | 250 | 257 => Ok(Said::Nothing),
        33 if data.netbios => Ok(Said::Nothing),
        64 | 65 => svcb::read(names, data.start, data.end).map(Said::Binding),
        // SPF has the form of TXT (RFC 4408, 3.1.1).
        99 => text_strings("SPF", Type::TXT, names, data),
        29 | 43 | 44 | 48 | 50 | 51 | 65534 => {
            fixed_form(data).map(Said::Text).ok_or(Fault::DataForm)
        }
        35 => naptr(names, data),
        46 => rrsig(names, data),
        47 => {
            let next = names.read(data.start, data.end)?.text();
            Ok(Said::Text(format_bytes(&[b"NSEC ", &owner(), b" ", &next])))
        }
        _ => match Type::parse(data.rtype) {
            Ok(Type::TXT) => text_strings("TXT", Type::TXT, names, data),
            Ok(kind @ (Type::NS | Type::PTR | Type::MX | Type::SOA | Type::SRV)) => {
                target(kind, names, data).map(Said::Text)
            }
            _ => Ok(Said::Text(format!("<unknown type={}>", data.rtype).into())),
        },
    }
}

/// The name that an NS, PTR, MX, SOA or SRV record is about.
fn target(kind: Type, names: &mut Names<'_>, data: Data<'_>) -> Result<BString, Fault> {
    let before = match kind {
        Type::MX => 2,
        Type::SRV => 6,
        _ => 0,
    };
    let name = names.read(data.start.saturating_add(before), data.end)?;
    if kind == Type::SOA {
        names.read(name.end, data.end)?;
    }
    match RData::parse(kind, data.bytes, names.message()) {
        Ok(_) if !name.is_plain() => Ok(name.text()),
        Ok(RData::NS(ns)) => Ok(parsed_text(&ns.0)),
        Ok(RData::PTR(ptr)) => Ok(parsed_text(&ptr.0)),
        Ok(RData::MX(mx)) => Ok(parsed_text(&mx.exchange)),
        Ok(RData::SOA(soa)) => Ok(parsed_text(&soa.primary_ns)),
        Ok(RData::SRV(srv)) => Ok(parsed_text(&srv.target)),
        Err(Error::LabelIsNotAscii | Error::UnknownLabelFormat) => Ok(name.text()),
        _ => Err(Fault::DataForm),
    }
}

/// The strings of a TXT or SPF record, each behind the type's name and its length.
fn text_strings(label: &str, kind: Type, names: &Names<'_>, data: Data<'_>) -> Result<Said, Fault> {
    let Ok(RData::TXT(strings)) = RData::parse(kind, data.bytes, names.message()) else {
        return Err(Fault::TextPastEnd);
    };
    let mut text = Vec::new();
    for string in strings.iter() {
        if text.len() > TEXT_MAX {
            break;
        }
        if !text.is_empty() {
            text.push(b' ');
        }
        text.extend_from_slice(format!("{label} {} ", string.len()).as_bytes());
        text.extend_from_slice(string);
    }
    text.truncate(TEXT_MAX);
    Ok(Said::Text(text.into()))
}

/// The text of records that begin with numbers at fixed places.
fn fixed_form(data: Data<'_>) -> Option<BString> {
    let mut reader = Reader::new(data.bytes);
    let text = match data.rtype {
        // LOC, RFC 1876, 2: version, size, precision twice, and three numbers of four bytes.
        29 => {
            (reader.len() >= 16).then_some(())?;
            let (_, size) = (reader.u8()?, reader.u8()?);
            format!("LOC:  {size} {} {}", reader.u8()?, reader.u8()?)
        }
        // DS, RFC 4034, 5.1: tag of the key, algorithm, digest.
        43 => {
            reader.u16()?;
            format!("DS {} {}", reader.u8()?, reader.u8()?)
        }
        // SSHFP, RFC 4255, 3.1: algorithm, kind, fingerprint.
        44 => {
            reader.u16()?;
            let digits = reader.take(reader.len().min(TEXT_MAX / 4))?;
            format!("SSHFP: {}", hex(digits))
        }
        // DNSKEY, RFC 4034, 2.1: flags, protocol, algorithm.
        48 => {
            reader.take(3)?;
            format!("DNSKEY {}", reader.u8()?)
        }
        // NSEC3 and NSEC3PARAM, RFC 5155, 3.2 and 4.2: algorithm, flags, iterations, salt.
        50 => reader.take(6).map(|_| "NSEC3".to_owned())?,
        51 => reader.take(5).map(|_| "NSEC3PARAM".to_owned())?,
        // BIND's private type: algorithm, key, removal and completion.
        65534 => reader.take(5).map(|_| "BIND9 signing signal".to_owned())?,
        _ => return None,
    };
    Some(text.into())
}

/// NAPTR, RFC 3403, 4.1.
fn naptr(names: &mut Names<'_>, data: Data<'_>) -> Result<Said, Fault> {
    let mut reader = Reader::new(data.bytes);
    let mut numbers = || reader.u16().zip(reader.u16());
    let (order, preference) = numbers().ok_or(Fault::DataForm)?;
    let flags = reader.string().ok_or(Fault::TextPastEnd)?;
    let service = reader.string().ok_or(Fault::TextPastEnd)?;
    let expression = reader.string().ok_or(Fault::TextPastEnd)?;
    let replacement = names
        .read(data.end.saturating_sub(reader.len()), data.end)?
        .text();
    let numbers = format!("NAPTR {order} {preference} ");
    let both = !expression.is_empty() && !replacement.is_empty();
    let gap: &[u8] = if both { b" " } else { b"" };
    Ok(Said::Text(format_bytes(&[
        numbers.as_bytes(),
        flags,
        b" ",
        service,
        b" ",
        expression,
        gap,
        &replacement,
    ])))
}

/// RRSIG, RFC 4034, 3.1: eighteen bytes of numbers before the signer's name.
fn rrsig(names: &mut Names<'_>, data: Data<'_>) -> Result<Said, Fault> {
    let covered = Reader::new(data.bytes).u16().ok_or(Fault::DataForm)?;
    let signer = names.read(data.start.saturating_add(18), data.end)?.text();
    let signer: &[u8] = if signer.is_empty() {
        b"<Root>"
    } else {
        &signer
    };
    let covered = format!("RRSIG {covered} ");
    Ok(Said::Text(format_bytes(&[covered.as_bytes(), signer])))
}

/// The parts in a row.
pub(super) fn format_bytes(parts: &[&[u8]]) -> BString {
    parts.concat().into()
}
