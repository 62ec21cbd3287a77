//! From what the operator decided to what the detector asks for.
//!
//! Reads no file: `config` builds it. Everything is set; what the operator left out has its
//! documented default by then.

use super::an1191::An1191;
use super::an1415::An1415;
use super::catalogue::Catalogue;
use super::client::Clients;
use super::evidence::Tiers;
use super::identity;
use super::schedules::Schedules;
use crate::time::Span;
use ipnet::IpNet;
use prefix_trie::joint::JointPrefixMap;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// What the members of a role are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoleKind {
    /// Nobody works at it: every call out is a program's.
    Server,
    /// People work at it.
    Workstation,
    /// It does one thing: a printer, a camera, a door.
    Appliance,
    /// Not said.
    Unspecified,
}

/// Hosts that are alike, and are compared with each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Role {
    /// Its name in alerts.
    pub name: Box<str>,
    /// What its members are.
    pub kind: RoleKind,
    /// Where they live. A host belongs to the role with the longest prefix that holds its address.
    pub networks: Vec<IpNet>,
}

/// Rules of analytic AN1190, by ATT&CK's mutable elements. Its HostnamePattern is the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct An1190 {
    /// ParentProcess: parents that make a call out unusual. Only an endpoint agent can tell a
    /// parent, so without one they are named in the alert as what to look for.
    pub parent_process: Vec<Box<str>>,
    /// RequestFrequency: how much a host must have asked of a service before it is judged.
    pub request_frequency: RequestFrequency,
}

/// How much a host must have asked of a service before it is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct RequestFrequency {
    /// Exchanges within `window`, over all flows.
    pub exchanges_min: u32,
    /// How far back they are counted.
    pub window: Span,
    /// Or: a single exchange with at least this many bytes of upload.
    pub upload_bytes_min: u64,
}

impl An1190 {
    /// Two exchanges a day, or one of 100 kB: design values.
    pub fn shipped() -> An1190 {
        let parents = [
            "bash",
            "sh",
            "dash",
            "zsh",
            "cron",
            "crond",
            "systemd",
            "containerd-shim",
        ];
        An1190 {
            parent_process: parents.map(Box::from).to_vec(),
            request_frequency: RequestFrequency {
                exchanges_min: 2,
                window: Span::from_secs(86_400),
                upload_bytes_min: 100_000,
            },
        }
    }
}

/// What was agreed, and the rules of the analytics that ask for it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rules {
    /// What was agreed.
    pub schedules: Schedules,
    /// The rules of AN1191.
    pub an1191: An1191,
    /// The rules of AN1415.
    pub an1415: An1415,
}

impl Rules {
    /// The shipped ones; nothing was agreed.
    pub fn shipped() -> Rules {
        Rules {
            schedules: Schedules::default(),
            an1191: An1191::SHIPPED,
            an1415: An1415::shipped(),
        }
    }
}

/// Everything the detector asks for.
#[derive(Clone, Debug)]
pub struct Settings {
    roles: Vec<Role>,
    role_by_network: JointPrefixMap<IpNet, usize>,
    catalogue: Catalogue,
    clients: Clients,
    an1190: An1190,
    tiers: Tiers,
    rules: Rules,
    config_hash: Box<str>,
}

impl Settings {
    /// Settings of these parts. Of two roles with the same network the first has it.
    pub fn new(roles: Vec<Role>, catalogue: Catalogue, an1190: An1190, tiers: Tiers) -> Settings {
        let mut role_by_network = JointPrefixMap::new();
        for (index, role) in roles.iter().enumerate().rev() {
            for network in &role.networks {
                role_by_network.insert(network.trunc(), index);
            }
        }
        let clients = Clients::shipped();
        let parts = (&roles, &catalogue, &clients, &an1190, &tiers);
        let parts = postcard::to_stdvec(&parts).expect("plain values serialise into memory");
        let config_hash = identity::digest([parts.as_slice()]);
        Settings {
            roles,
            role_by_network,
            catalogue,
            clients,
            an1190,
            tiers,
            rules: Rules::shipped(),
            config_hash,
        }
    }

    /// The same with `rules` of the operator.
    pub fn with_rules(mut self, rules: Rules) -> Settings {
        if rules != self.rules {
            let bytes = postcard::to_stdvec(&rules).expect("plain values serialise into memory");
            self.config_hash = identity::digest([self.config_hash.as_bytes(), &bytes]);
            self.rules = rules;
        }
        self
    }

    /// The role of the host at `addr`; none for hosts that are not the site's.
    pub fn role_of(&self, addr: IpAddr) -> Option<&Role> {
        let (_, index) = self.role_by_network.get_lpm(&IpNet::from(addr))?;
        self.roles.get(*index)
    }

    /// The roles.
    pub fn roles(&self) -> &[Role] {
        &self.roles
    }

    /// The services.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// The recorded fingerprints.
    pub fn clients(&self) -> &Clients {
        &self.clients
    }

    /// The rules of AN1190.
    pub fn an1190(&self) -> &An1190 {
        &self.an1190
    }

    /// What was agreed, and the rules that ask for it.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The tiers.
    pub fn tiers(&self) -> &Tiers {
        &self.tiers
    }

    /// A hash of everything above: two alerts with the same one were judged by the same settings.
    pub fn config_hash(&self) -> &str {
        &self.config_hash
    }
}
