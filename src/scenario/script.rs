//! From what a program wants of a server to the script of one flow.
//!
//! Sizes and pauses only: nothing is random any more once a script is written, but the bytes that
//! the talk fills in.

use super::certificate::Issuer;
use super::hello::Terms;
use crate::net::Side;
use crate::time::Span;
use std::net::Ipv4Addr;
use std::sync::Arc;

/// Where a flow goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Its name, asked of DNS and told in SNI or Host.
    pub name: Arc<str>,
    /// Its address.
    pub addr: Ipv4Addr,
    /// Its port.
    pub port: u16,
    /// One round trip.
    pub rtt: Span,
    /// What its certificate looks like, where it is in clear.
    pub issuer: Issuer,
}

/// What is spoken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// TLS.
    Tls(Terms),
    /// HTTP in clear, with this User-Agent and path.
    Http {
        /// User-Agent.
        agent: &'static str,
        /// Path of the requests.
        path: &'static str,
    },
}

/// One side speaks and the other may answer. Both sizes 0: a TCP keep-alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Silence before it.
    pub pause: Span,
    /// Who speaks.
    pub by: Side,
    /// Application bytes.
    pub ask: u64,
    /// How long the other side thinks.
    pub think: Span,
    /// Application bytes of the answer; 0 is none.
    pub answer: u64,
}

macro_rules! closes {
    ($($variant:ident = $name:literal, $unread:literal, $doc:literal;)+) => {
        /// How a flow ends: the behaviours of clients as measured over loopback, and a few more.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Close { $(#[doc = $doc] $variant,)+ }

        impl Close {
            /// Every one.
            pub const ALL: &[Close] = &[$(Close::$variant,)+];

            /// The name in truth files.
            pub fn name(self) -> &'static str {
                match self { $(Close::$variant => $name,)+ }
            }

            /// Whether the wire shows that the last reply was not read, or not wholly.
            pub fn shows_unread(self) -> bool {
                match self { $(Close::$variant => $unread,)+ }
            }
        }
    };
}

closes! {
    Read = "read", false, "All was read, FIN without close_notify; RST when the server's lands.";
    Notify = "notify", false, "close_notify and FIN, as curl ends.";
    Unwrap = "unwrap", false, "Unread, but the TLS shutdown drained the socket.";
    Drained = "drained", false, "Unread by the program, drained by its library: as if read.";
    Exit = "exit", true, "The reply arrived and was not read: RST.";
    HeadOnly = "head_only", true, "The head of a large reply was read; a shut window, then RST.";
    Destroyed = "destroyed", true, "RST in the middle of a large reply.";
    Held = "held", true, "Nothing is read, the window shuts and stays so; RST in the end.";
    BeforeReply = "before_reply", true, "FIN before the reply, RST when it lands.";
    TicketsOnly = "tickets_only", true, "RST after the request, with tickets alone received.";
    MaxTime = "max_time", true, "close_notify and FIN after waiting, RST when the reply lands.";
    FireAndExit = "fire_and_exit", true, "FIN with the request, RST when the reply lands.";
    HalfClose = "half_close", false, "FIN before the reply, which is read then.";
    ServerFirst = "server_first", false, "The server closes an idle session.";
    IdleReset = "idle_reset", false, "RST long after all was read.";
    Abandoned = "abandoned", false, "Nothing was said: the loser of a race for an address.";
    StaysOpen = "stays_open", false, "It is still open when the scenario ends.";
}

impl Close {
    /// Whether the way it ends begins with the last turn.
    pub fn takes_last_turn(self) -> bool {
        self.shows_unread() || self == Close::HalfClose
    }
}

/// A flow before it happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// Where to.
    pub server: Server,
    /// What is spoken.
    pub protocol: Protocol,
    /// What is said.
    pub turns: Vec<Turn>,
    /// How it ends.
    pub close: Close,
    /// Nanoseconds a byte takes on the slowest link.
    pub byte_nanos: u32,
    /// Application bytes that a TLS record holds at most.
    pub record_bytes: u64,
}

impl Turn {
    /// The originator asks after `pause` and gets an answer.
    pub fn ask(pause: Span, ask: u64, think: Span, answer: u64) -> Turn {
        Turn {
            pause,
            by: Side::Originator,
            ask,
            think,
            answer,
        }
    }

    /// The responder speaks first.
    pub fn push(pause: Span, ask: u64, think: Span, answer: u64) -> Turn {
        Turn {
            by: Side::Responder,
            ..Turn::ask(pause, ask, think, answer)
        }
    }
}
