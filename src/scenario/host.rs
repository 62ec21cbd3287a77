//! From a number to a host of the site: its role, system, addresses, and what it remembers.
//!
//! Ten hosts are three Macs, two Windows and one Linux desk, two servers, a build runner and an
//! appliance; the next ten are the same again.

use super::hello::Terms;
use super::random::Random;
use super::script::Server;
use super::stack::Stack;
use super::system::System;
use super::wire::End;
use crate::time::{Span, Timestamp};
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

/// What a host is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)] // The names say it.
pub enum Role {
    Macs,
    WindowsDesks,
    LinuxDesks,
    Servers,
    BuildRunners,
    Appliances,
}

impl Role {
    /// Every role: its name, its kind in the configuration, the third octet of its network 10.x/16.
    pub const ALL: [(Role, &'static str, &'static str, u8); 6] = [
        (Role::Macs, "macs", "workstation", 30),
        (Role::WindowsDesks, "windows-desks", "workstation", 31),
        (Role::LinuxDesks, "linux-desks", "workstation", 32),
        (Role::Servers, "servers", "server", 20),
        (Role::BuildRunners, "build-runners", "server", 21),
        (Role::Appliances, "appliances", "appliance", 40),
    ];

    /// The role of the host with this number.
    pub fn of(number: usize) -> Role {
        match number % 10 {
            0 | 4 | 8 => Role::Macs,
            1 | 6 => Role::WindowsDesks,
            5 => Role::LinuxDesks,
            2 | 7 => Role::Servers,
            3 => Role::BuildRunners,
            _ => Role::Appliances,
        }
    }

    /// Whether somebody sits at it.
    pub fn is_desk(self) -> bool {
        matches!(self, Role::Macs | Role::WindowsDesks | Role::LinuxDesks)
    }

    fn network(self) -> u8 {
        let found = Role::ALL.iter().find(|(role, ..)| *role == self);
        found.map_or(0, |(.., network)| *network)
    }
}

/// A host of the site.
#[derive(Clone, Debug)]
pub struct Host {
    /// Its place among the hosts.
    pub number: usize,
    /// What it is for.
    pub role: Role,
    /// What it runs.
    pub system: System,
    /// Its address.
    pub addr: Ipv4Addr,
    /// The browser of its user.
    pub browser: Stack,
    port: u16,
    looked_up: BTreeMap<Arc<str>, Timestamp>,
    sessions: BTreeMap<(Stack, Arc<str>), Timestamp>,
}

/// The site's router, behind which every server is.
const ROUTER: [u8; 6] = [2, 0, 0, 0, 0, 1];
/// The resolver.
const RESOLVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 53);
/// How long a host keeps an answer of DNS, and a browser a session.
const ANSWER_KEPT: Span = Span::from_secs(300);
const SESSION_KEPT: Span = Span::from_secs(7200);

impl Host {
    /// The host with this number.
    pub fn new(number: usize, random: &mut Random) -> Host {
        let role = Role::of(number);
        let system = match role {
            Role::Macs => System::Apple,
            Role::WindowsDesks => System::Windows,
            _ => System::Linux,
        };
        let browser = match (system, random.below(10)) {
            (System::Apple, 0..=4) => Stack::Apple,
            (_, 0..=7) => Stack::Chromium,
            _ => Stack::Firefox,
        };
        let [high, low] = (number as u16 + 1).to_be_bytes();
        Host {
            number,
            role,
            system,
            addr: Ipv4Addr::new(10, role.network(), high, low),
            browser,
            port: random.below(1 << 14) as u16,
            looked_up: BTreeMap::new(),
            sessions: BTreeMap::new(),
        }
    }

    /// An end of a new flow of this host.
    pub fn end(&mut self) -> End {
        self.port = (self.port + 1) % (1 << 14);
        End {
            mac: [2, 0, 1, 0, (self.number >> 8) as u8, self.number as u8],
            addr: self.addr,
            port: 49_152 + self.port,
            ttl: self.system.ttl(),
        }
    }

    /// Whether it asks DNS for `name` at `at`; it knows from then on.
    pub fn asks_for(&mut self, name: &Arc<str>, at: Timestamp) -> bool {
        let fresh = self.looked_up.get(name);
        let asks = fresh.is_none_or(|before| at - *before > ANSWER_KEPT);
        if asks {
            self.looked_up.insert(Arc::clone(name), at);
        }
        asks
    }

    /// Whether a session with `name` is resumed at `at`.
    pub fn resumes(&mut self, terms: Terms, name: &Arc<str>, at: Timestamp) -> bool {
        if !matches!(
            terms.stack,
            Stack::Chromium | Stack::Apple | Stack::Electron | Stack::Schannel
        ) {
            return false;
        }
        let before = self.sessions.insert((terms.stack, Arc::clone(name)), at);
        before.is_some_and(|before| at - before < SESSION_KEPT && terms.tls13)
    }
}

/// The far end of a flow to `server`.
pub fn far(server: &Server) -> End {
    // As many hops as its address says, between 8 and 15.
    let hops = 8 + server.addr.octets()[3] % 8;
    End {
        mac: ROUTER,
        addr: server.addr,
        port: server.port,
        ttl: if server.addr.octets()[0] == 10 {
            63
        } else {
            64 - hops
        },
    }
}

/// The resolver's end.
pub fn resolver() -> End {
    End {
        mac: ROUTER,
        addr: RESOLVER,
        port: 53,
        ttl: 63,
    }
}
