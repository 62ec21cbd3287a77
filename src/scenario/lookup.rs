//! From a name and an address to a DNS query and its answer (RFC 1035).

/// A query for the address of `name`.
pub fn query(id: u16, name: &str) -> Vec<u8> {
    message(id, 0x0100, name, 0)
}

/// The answer: one address record of 300 s.
pub fn answer(id: u16, name: &str, addr: std::net::Ipv4Addr) -> Vec<u8> {
    let mut out = message(id, 0x8180, name, 1);
    // The name is that of the question, at byte 12; type A, class IN.
    out.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4]);
    out.extend(addr.octets());
    out
}

fn message(id: u16, flags: u16, name: &str, answers: u16) -> Vec<u8> {
    let mut out = Vec::with_capacity(32 + name.len());
    for word in [id, flags, 1, answers, 0, 0] {
        out.extend(word.to_be_bytes());
    }
    for label in name.split('.') {
        out.push(label.len() as u8);
        out.extend(label.bytes());
    }
    out.extend([0, 0, 1, 0, 1]);
    out
}
