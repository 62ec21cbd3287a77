//! From a server and a client to a call: one flow that a program makes.

use super::certificate::Issuer;
use super::hello::{Alpn, Terms};
use super::random::{Random, seconds};
use super::script::{Close, Protocol, Script, Server, Turn};
use super::segments::RECORD;
use super::stack::Stack;
use crate::time::Span;
use std::net::Ipv4Addr;

/// A flow that a program makes.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// How long after the program acts.
    pub after: Span,
    /// Whether DNS is asked for the name.
    pub looked_up: bool,
    /// The flow.
    pub script: Script,
}

/// A number that is a name's own.
fn mark(name: &str) -> Random {
    Random::of(0, name)
}

/// The server of this name, somewhere on the Internet: an address of 198.18.0.0/15 (RFC 2544) and
/// a round trip of 8 to 90 ms, both the name's own.
pub fn server(name: &str) -> Server {
    let mut mark = mark(name);
    let bits = mark.below(1 << 17) as u32;
    Server {
        name: name.into(),
        addr: Ipv4Addr::from(0xc612_0000 | bits),
        port: 443,
        rtt: seconds(mark.log_uniform(0.008, 0.09)),
        issuer: Issuer::Authority,
    }
}

/// A server of somebody who is up to something: 203.0.113.0/24 (RFC 5737).
pub fn hostile(name: &str) -> Server {
    let low = mark(name).between(1, 254) as u8;
    Server {
        addr: Ipv4Addr::new(203, 0, 113, low),
        ..server(name)
    }
}

/// A server of the site itself.
pub fn internal(name: &str) -> Server {
    let mut mark = mark(name);
    Server {
        addr: Ipv4Addr::new(10, 9, mark.below(256) as u8, mark.between(1, 254) as u8),
        rtt: seconds(mark.log_uniform(0.0003, 0.002)),
        ..server(name)
    }
}

impl Call {
    /// TLS 1.3 with HTTP/1.1; ends as curl does.
    pub fn new(server: Server, stack: Stack) -> Call {
        let terms = Terms {
            stack,
            tls13: true,
            alpn: Alpn::Http11,
            resumed: false,
        };
        Call {
            after: Span::ZERO,
            looked_up: true,
            script: Script {
                server,
                protocol: Protocol::Tls(terms),
                turns: Vec::new(),
                close: Close::Notify,
                byte_nanos: 160,
                record_bytes: RECORD,
            },
        }
    }

    /// HTTP in clear.
    pub fn clear(mut server: Server, agent: &'static str, path: &'static str) -> Call {
        server.port = 80;
        let mut call = Call::new(server, Stack::Curl);
        call.script.protocol = Protocol::Http { agent, path };
        call.script.close = Close::Read;
        call
    }

    fn terms(mut self, change: impl FnOnce(&mut Terms)) -> Call {
        if let Protocol::Tls(terms) = &mut self.script.protocol {
            change(terms);
        }
        self
    }

    /// HTTP/2.
    pub fn h2(self) -> Call {
        self.terms(|terms| terms.alpn = Alpn::H2)
    }

    /// No ALPN.
    pub fn bare(self) -> Call {
        self.terms(|terms| terms.alpn = Alpn::None)
    }

    /// TLS 1.2.
    pub fn tls12(self) -> Call {
        self.terms(|terms| terms.tls13 = false)
    }

    /// So long after the program acts.
    pub fn after(mut self, s: f64) -> Call {
        self.after = seconds(s);
        self
    }

    /// A request at once, with its answer.
    pub fn ask(self, ask: u64, think_s: f64, answer: u64) -> Call {
        self.turn(Turn::ask(Span::ZERO, ask, seconds(think_s), answer))
    }

    /// A turn.
    pub fn turn(mut self, turn: Turn) -> Call {
        self.script.turns.push(turn);
        self
    }

    /// Turns.
    pub fn turns(mut self, turns: impl IntoIterator<Item = Turn>) -> Call {
        self.script.turns.extend(turns);
        self
    }

    /// Silence, with a TCP keep-alive at its end.
    pub fn idle(self, s: f64) -> Call {
        self.turn(Turn::ask(seconds(s), 0, Span::ZERO, 0))
    }

    /// How it ends.
    pub fn close(mut self, close: Close) -> Call {
        self.script.close = close;
        self
    }

    /// To another port.
    pub fn port(mut self, port: u16) -> Call {
        self.script.server.port = port;
        self
    }

    /// At this rate, in megabits a second.
    pub fn megabits(mut self, rate: f64) -> Call {
        self.script.byte_nanos = (8000.0 / rate.max(0.01)) as u32;
        self
    }

    /// Writers that make records of so many bytes, where a message is not long.
    pub fn records_of(mut self, bytes: u64) -> Call {
        self.script.record_bytes = bytes.clamp(1, RECORD);
        self
    }

    /// The server shows a certificate of its own making.
    pub fn self_signed(mut self) -> Call {
        self.script.server.issuer = Issuer::Own;
        self
    }

    /// The address is known without DNS.
    pub fn by_address(mut self) -> Call {
        self.looked_up = false;
        self
    }
}
