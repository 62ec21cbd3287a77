//! From a TCP stream to whether it goes through a SOCKS proxy (versions 4, 4a and 5).
//!
//! It does not tell who was asked for; what follows the proxy's reply is the next inspector's.
//! Holds at most [`HELD_MAX`] bytes of each side.

use crate::flow::stream::StreamEvent;
use crate::inspect::{Context, Found, StreamInspector, Verdict};
use crate::net::{Side, TunnelKind};
use serde::{Deserialize, Serialize};

/// The longest greeting, password and request of version 5: 257, 513 and 262 bytes.
const HELD_MAX: usize = 1032;

/// The SOCKS inspector of one TCP flow.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SocksInspector {
    held: [Vec<u8>; 2],
    confirmed: bool,
}

impl SocksInspector {
    /// Whether `first`, with which `side` begins, looks like SOCKS: a whole greeting of version 5,
    /// or a request of version 4.
    pub fn probe(side: Side, first: &[u8]) -> bool {
        match first {
            _ if side == Side::Responder => false,
            [5, methods, rest @ ..] => *methods > 0 && rest.len() == usize::from(*methods),
            [4, 1 | 2, ..] => first.len() >= 9,
            _ => false,
        }
    }

    /// Whether the proxy has answered a request.
    pub fn is_confirmed(&self) -> bool {
        self.confirmed
    }
}

impl StreamInspector for SocksInspector {
    fn handle_stream(
        &mut self,
        _: Context<'_>,
        event: StreamEvent<'_>,
        found: &mut Vec<Found>,
    ) -> Verdict {
        let StreamEvent::Data { side, bytes } = event else {
            return Verdict::NotMine;
        };
        let held = &mut self.held[side.index()];
        let room = HELD_MAX.saturating_sub(held.len());
        held.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        let [client, server] = &self.held;
        let heard = match client.first() {
            Some(4) => version_4(client, server),
            Some(5) => version_5(client, server),
            _ => Some(false),
        };
        match heard {
            Some(true) => {
                self.confirmed = true;
                found.push(Found::Tunnel(TunnelKind::Socks));
                Verdict::Done
            }
            Some(false) => Verdict::NotMine,
            None if self.held.iter().any(|held| held.len() >= HELD_MAX) => Verdict::NotMine,
            None => Verdict::More,
        }
    }

    fn finish(&mut self, _: Context<'_>, _: &mut Vec<Found>) {}

    fn held_bytes(&self) -> usize {
        size_of_val(self) + self.held.iter().map(Vec::len).sum::<usize>()
    }
}

/// Whether the proxy answered; none while that is open. A reply is eight bytes that begin with 0
/// and a code of 90 to 93.
fn version_4(client: &[u8], server: &[u8]) -> Option<bool> {
    let reply = server.get(..2)?;
    let is_reply = reply[0] == 0 && (90..=93).contains(&reply[1]);
    Some(is_reply && client.len() >= 9)
}

/// Whether the proxy answered; none while that is open. RFC 1928 sections 3 to 6, and RFC 1929.
fn version_5(client: &[u8], server: &[u8]) -> Option<bool> {
    let greeting = 2 + usize::from(*client.get(1)?);
    let (request, reply) = match server.get(..2)? {
        [5, 0] => (greeting, 2),
        [5, 2] => {
            let name = usize::from(*client.get(greeting + 1)?);
            let password = usize::from(*client.get(greeting + 2 + name)?);
            (greeting + 3 + name + password, 4)
        }
        _ => return Some(false),
    };
    // Version, command, a zero, the kind of address.
    let asks = matches!(client.get(request..request + 4)?, [5, 1..=3, 0, 1 | 3 | 4]);
    let answers = *server.get(reply)? == 5 && *server.get(reply + 1)? <= 8;
    Some(asks && answers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::time::Timestamp;

    /// Whether the dialogue, in segments of at most `size` bytes, shows a proxy.
    fn told(dialogue: &[(Side, &[u8])], size: usize) -> bool {
        let context = Context {
            at: Timestamp::MIN,
            limits: &Limits::DEFAULT,
        };
        let mut socks = SocksInspector::default();
        let mut found = Vec::new();
        for (side, bytes) in dialogue {
            for bytes in bytes.chunks(size) {
                let event = StreamEvent::Data { side: *side, bytes };
                match socks.handle_stream(context, event, &mut found) {
                    Verdict::More => {}
                    _ => return matches!(found[..], [Found::Tunnel(TunnelKind::Socks)]),
                }
            }
        }
        false
    }

    #[test]
    fn a_proxy_that_answers_is_told_however_it_is_segmented() {
        use Side::{Originator as Client, Responder as Server};
        let request: (Side, &[u8]) = (Client, &[5, 1, 0, 1, 192, 0, 2, 1, 0, 80]);
        let reply: (Side, &[u8]) = (Server, &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        let password: (Side, &[u8]) = (Client, b"\x01\x05alice\x03abc");
        type Case<'a> = (&'a str, Vec<(Side, &'a [u8])>, bool);
        let cases: [Case<'_>; 6] = [
            (
                "plain",
                vec![(Client, &[5, 1, 0]), (Server, &[5, 0]), request, reply],
                true,
            ),
            (
                "password",
                vec![
                    (Client, &[5, 2, 0, 2]),
                    (Server, &[5, 2]),
                    password,
                    (Server, &[1, 0]),
                    request,
                    reply,
                ],
                true,
            ),
            (
                "version 4",
                vec![(Client, b"\x04\x01\0Pabcdme\0"), (Server, &[0, 90])],
                true,
            ),
            (
                "refused method",
                vec![(Client, &[5, 1, 0]), (Server, &[5, 255])],
                false,
            ),
            (
                "no request",
                vec![(Client, &[5, 1, 0]), (Server, &[5, 0])],
                false,
            ),
            (
                "another protocol",
                vec![(Client, &[5, 1, 0]), (Server, b"SSH-")],
                false,
            ),
        ];
        for (name, dialogue, expected) in cases {
            for size in [1, 2, 100] {
                assert_eq!(told(&dialogue, size), expected, "{name}, {size}");
            }
        }
    }

    #[test]
    fn a_greeting_is_told_from_other_beginnings() {
        assert!(SocksInspector::probe(Side::Originator, &[5, 2, 0, 2]));
        assert!(SocksInspector::probe(
            Side::Originator,
            b"\x04\x01\0Pabcd\0"
        ));
        assert!(!SocksInspector::probe(Side::Originator, &[5, 0, 0, 3]));
        assert!(!SocksInspector::probe(Side::Responder, &[5, 1, 0]));
    }
}
