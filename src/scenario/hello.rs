//! From a client's offer to the bytes of its hello, and from a server's choice to its answer.
//!
//! Key shares, randoms and tickets are random bytes: nobody decrypts what follows. A hello of TLS
//! 1.2 alone leaves out what TLS 1.3 needs.

use super::random::Random;
use super::stack::Stack;

/// What a session offers and agrees on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The client.
    pub stack: Stack,
    /// TLS 1.3, else TLS 1.2.
    pub tls13: bool,
    /// The protocol that the server chooses; both HTTP versions are offered where it is h2.
    pub alpn: Alpn,
    /// An earlier session is resumed.
    pub resumed: bool,
}

/// Application-layer protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // The names are the protocols'.
pub enum Alpn {
    H2,
    Http11,
    None,
}

/// Content types of records.
pub const HANDSHAKE: u8 = 22;

const X25519: u16 = 0x001d;
const ML_KEM: u16 = 0x11ec;

/// A GREASE value (RFC 8701).
fn grease(random: &mut Random) -> u16 {
    0x0a0a + 0x1010 * random.below(16) as u16
}

/// Appends what `put` writes, behind its length in so many bytes.
fn sized(out: &mut Vec<u8>, width: usize, put: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.resize(start + width, 0);
    put(out);
    let len = (out.len() - start - width).to_be_bytes();
    out[start..start + width].copy_from_slice(&len[len.len() - width..]);
}

fn words(out: &mut Vec<u8>, words: impl IntoIterator<Item = u16>) {
    words
        .into_iter()
        .for_each(|word| out.extend(word.to_be_bytes()));
}

/// The client's hello as a handshake record.
pub fn client_hello(terms: Terms, name: Option<&str>, random: &mut Random) -> Vec<u8> {
    let offer = terms.stack.offer();
    let greased = [grease(random), grease(random)];
    let mut record = vec![HANDSHAKE, 3, 1];
    sized(&mut record, 2, |out| {
        out.push(1);
        sized(out, 3, |out| {
            out.extend([3, 3]);
            out.extend(random.opaque(32));
            sized(out, 1, |out| {
                let id = if terms.tls13 || terms.resumed { 32 } else { 0 };
                out.extend(random.opaque(id));
            });
            sized(out, 2, |out| {
                words(out, offer.grease.then_some(greased[0]));
                let ciphers = offer.ciphers.iter().copied();
                words(out, ciphers.filter(|c| terms.tls13 || c >> 8 != 0x13));
            });
            out.extend([1, 0]);
            extensions(out, terms, name, greased, random);
        });
    });
    record
}

fn extensions(
    out: &mut Vec<u8>,
    terms: Terms,
    name: Option<&str>,
    [first, mut last]: [u16; 2],
    random: &mut Random,
) {
    let offer = terms.stack.offer();
    if first == last {
        // A hello has no extension twice: the other half of the sixteen values.
        last ^= 0x8080;
    }
    let of_tls13 = [43, 45, 49, 51];
    let mut kinds: Vec<u16> = offer.extensions.to_vec();
    kinds.retain(|kind| match kind {
        0 => name.is_some(),
        16 => terms.alpn != Alpn::None,
        21 => false,
        kind => terms.tls13 || !of_tls13.contains(kind),
    });
    if offer.shuffled {
        random.shuffle(&mut kinds);
    }
    if offer.grease {
        kinds.insert(0, first);
        kinds.push(last);
    }
    let head = out.len();
    sized(out, 2, |out| {
        for kind in kinds {
            out.extend(kind.to_be_bytes());
            sized(out, 2, |out| body(out, kind, terms, name, random));
        }
        let tail = usize::from(terms.tls13 && terms.resumed) * 4;
        // What the hello has without its padding: 38 bytes of message before the session id.
        let so_far = out.len() - head + tail + head - 5;
        if offer.padded && terms.tls13 && (256..508).contains(&so_far) {
            out.extend([0, 21]);
            sized(out, 2, |out| out.resize(out.len() + 508 - so_far, 0));
        }
        if terms.tls13 && terms.resumed {
            out.extend([0, 41]);
            sized(out, 2, |out| {
                sized(out, 2, |out| {
                    sized(out, 2, |out| out.extend(random.opaque(208)));
                    out.extend(random.opaque(4));
                });
                sized(out, 2, |out| {
                    sized(out, 1, |out| out.extend(random.opaque(32)));
                });
            });
        }
    });
}

fn body(out: &mut Vec<u8>, kind: u16, terms: Terms, name: Option<&str>, random: &mut Random) {
    let offer = terms.stack.offer();
    let greased = |random: &mut Random| offer.grease.then(|| grease(random));
    match kind {
        0 => sized(out, 2, |out| {
            out.push(0);
            sized(out, 2, |out| out.extend(name.unwrap_or_default().bytes()));
        }),
        5 => out.extend([1, 0, 0, 0, 0]),
        10 => sized(out, 2, |out| {
            words(out, greased(random));
            words(out, offer.groups.iter().copied());
        }),
        11 => sized(out, 1, |out| out.extend(offer.point_formats)),
        13 => sized(out, 2, |out| words(out, offer.signatures.iter().copied())),
        16 => sized(out, 2, |out| {
            if terms.alpn == Alpn::H2 {
                sized(out, 1, |out| out.extend(b"h2"));
            }
            sized(out, 1, |out| out.extend(b"http/1.1"));
        }),
        27 => out.extend([2, 0, 2]),
        28 => out.extend([0x40, 1]),
        34 => sized(out, 2, |out| words(out, [0x0403, 0x0503, 0x0603, 0x0203])),
        35 if terms.resumed && !terms.tls13 => out.extend(random.opaque(186)),
        43 => sized(out, 1, |out| {
            words(out, greased(random));
            words(out, offer.versions.iter().copied());
        }),
        45 => out.extend([1, 1]),
        51 => sized(out, 2, |out| {
            if let Some(group) = greased(random) {
                out.extend(group.to_be_bytes());
                out.extend([0, 1, 0]);
            }
            for group in offer.shares {
                out.extend(group.to_be_bytes());
                sized(out, 2, |out| out.extend(random.opaque(share_len(*group))));
            }
        }),
        17513 | 17613 => sized(out, 2, |out| sized(out, 1, |out| out.extend(b"h2"))),
        51764 => out.extend([0, 0]),
        // The outer form with filler, as clients send it that know of no configuration.
        65037 => {
            out.extend([0, 0, 1, 0, 1, random.word() as u8]);
            sized(out, 2, |out| out.extend(random.opaque(32)));
            let payload = 144 + 32 * random.below(4) as usize;
            sized(out, 2, |out| out.extend(random.opaque(payload)));
        }
        65281 => out.push(0),
        // Extensions that are empty, and GREASE.
        _ => {}
    }
}

fn share_len(group: u16) -> usize {
    match group {
        ML_KEM => 1216,
        0x0017 => 65,
        _ => 32,
    }
}

/// The server's hello as a handshake record; in TLS 1.2 without the messages that follow it.
pub fn server_hello(terms: Terms, cipher: u16, random: &mut Random) -> Vec<u8> {
    let mut record = vec![HANDSHAKE, 3, 3];
    sized(&mut record, 2, |out| {
        out.push(2);
        sized(out, 3, |out| {
            out.extend([3, 3]);
            out.extend(random.opaque(32));
            sized(out, 1, |out| {
                let id = if terms.tls13 || terms.resumed { 32 } else { 0 };
                out.extend(random.opaque(id));
            });
            out.extend(cipher.to_be_bytes());
            out.push(0);
            sized(out, 2, |out| match terms.tls13 {
                true => chosen13(out, terms, random),
                false => chosen12(out, terms),
            });
        });
    });
    record
}

fn chosen13(out: &mut Vec<u8>, terms: Terms, random: &mut Random) {
    words(out, [43, 2, 0x0304]);
    words(out, [51, 36, X25519, 32]);
    out.extend(random.opaque(32));
    if terms.resumed {
        words(out, [41, 2, 0]);
    }
}

fn chosen12(out: &mut Vec<u8>, terms: Terms) {
    let offered = |kind| terms.stack.offer().extensions.contains(&kind);
    if offered(65281) || terms.stack.offer().ciphers.contains(&0x00ff) {
        out.extend([0xff, 1, 0, 1, 0]);
    }
    out.extend([0, 11, 0, 2, 1, 0]);
    if offered(35) && !terms.resumed {
        out.extend([0, 35, 0, 0]);
    }
    if offered(23) {
        out.extend([0, 23, 0, 0]);
    }
    let protocol: &[u8] = match terms.alpn {
        Alpn::H2 => b"h2",
        Alpn::Http11 => b"http/1.1",
        Alpn::None => return,
    };
    out.extend([0, 16]);
    sized(out, 2, |out| {
        sized(out, 2, |out| sized(out, 1, |out| out.extend(protocol)));
    });
}

/// A handshake message in a record of its own.
pub fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut record = vec![HANDSHAKE, 3, 3];
    sized(&mut record, 2, |out| {
        out.push(kind);
        sized(out, 3, |out| out.extend(body));
    });
    record
}

/// The body of a TLS 1.2 certificate message with one certificate.
pub fn certificates(der: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    sized(&mut body, 3, |out| sized(out, 3, |out| out.extend(der)));
    body
}
