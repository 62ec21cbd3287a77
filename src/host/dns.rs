//! From names in DNS, multicast DNS, LLMNR and NetBIOS to hosts' names, services and clues.
//!
//! A host is believed about itself only: a name counts for an address where that address said it.

use super::{Hosts, Now, clue};
use crate::observe::{DnsTransaction, FlowId};
use bstr::{BStr, BString, ByteSlice};

/// Ports of the NetBIOS name service, multicast DNS and LLMNR.
const NETBIOS: u16 = 137;
const MULTICAST_DNS: u16 = 5353;
const LLMNR: u16 = 5355;

/// The operation code of a NetBIOS name registration (RFC 1002, 4.2.1.1).
const REGISTRATION: u8 = 5;

impl Hosts {
    pub(super) fn handle_dns(&mut self, now: &Now<'_>, flow: &FlowId, dns: &DnsTransaction) {
        let speaker = flow.originator.addr;
        match flow.responder.port {
            MULTICAST_DNS => {
                // Other addresses of the same host are announced with it; that they are its own
                // only its word says, so they count only where they are the speaker's.
                for (name, addr) in &dns.announced {
                    if *addr == speaker {
                        self.note_name(now, speaker, name);
                    }
                }
                // Only an answer announces, and it has a response code.
                if dns.rcode.is_some() {
                    for service in services(dns) {
                        self.note_of(now, speaker, |profile| profile.add_service(&service));
                    }
                }
            }
            LLMNR => {
                let ends = [flow.originator.addr, flow.responder.addr];
                let own = dns.addresses.iter().map(|(addr, _)| *addr);
                if let Some(name) = &dns.query {
                    for addr in own.filter(|addr| ends.contains(addr)) {
                        self.note_name(now, addr, name);
                    }
                }
            }
            NETBIOS if dns.opcode == REGISTRATION => {
                if let Some(name) = dns.query.as_ref().filter(|name| is_host_name(name)) {
                    self.note_name(now, speaker, name);
                }
            }
            53 => {
                let name = dns.query.as_ref();
                self.note_clue(now, flow, name.and_then(|name| clue::of_contact(name)));
            }
            _ => {}
        }
    }
}

/// Whether a NetBIOS name can be a host's: the master browsers' begins with a control byte.
fn is_host_name(name: &BString) -> bool {
    name.iter().all(u8::is_ascii_graphic)
}

/// The service types (`_ssh._tcp`) among the names of an answer.
fn services(dns: &DnsTransaction) -> Vec<BString> {
    let answers = dns.answers.iter().flatten();
    let names = dns.query.iter().chain(answers);
    names.filter_map(|name| service(BStr::new(name))).collect()
}

/// The service type at the end of a name: two labels that begin with an underscore, then `local`.
fn service(name: &BStr) -> Option<BString> {
    let name = name.strip_suffix(b".local")?;
    let transport = name.rfind(".")?;
    let kind = name.get(..transport)?.rfind(".").map_or(0, |dot| dot + 1);
    let service = name.get(kind..)?;
    let is_type = matches!(name.get(transport..)?, b"._tcp" | b"._udp");
    let whole = service.starts_with(b"_") && service != b"_dns-sd._udp";
    (is_type && whole).then(|| service.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_type_is_what_stands_before_local() {
        for (name, want) in [
            ("_airplay._tcp.local", Some("_airplay._tcp")),
            ("Living Room._airplay._tcp.local", Some("_airplay._tcp")),
            ("_universal._sub._ipp._tcp.local", Some("_ipp._tcp")),
            ("_services._dns-sd._udp.local", None),
            ("laptop.local", None),
            ("_tcp.local", None),
            ("_x._tcp.example", None),
        ] {
            let got = service(BStr::new(name));
            assert_eq!(got, want.map(BString::from), "{name}");
        }
    }
}
