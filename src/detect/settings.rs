//! From what the operator decided to what the detector asks for.
//!
//! Reads no file: `config` builds it. Everything is set; what the operator left out has its
//! documented default by then.

use super::allow::Allow;
use super::an1191::An1191;
use super::an1415::An1415;
use super::catalogue::Catalogue;
use super::client::Clients;
use super::evidence::{Bits, Tiers};
use super::identity;
use super::inventory::Approved;
use super::schedules::Schedules;
use crate::profile::cadence::Templates;
use crate::time::Span;
use ipnet::IpNet;
use prefix_trie::joint::JointPrefixMap;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::sync::Arc;

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

/// Rules of analytic AN0146.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct An0146 {
    /// SessionDuration: which sessions are long.
    pub session_duration: SessionDuration,
    /// Exchanges below which a session is not judged, keep-alives left out.
    pub exchanges_min: u32,
}

/// Which sessions are long.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SessionDuration {
    /// No shorter one is.
    pub min: Span,
    /// The largest share of sessions that may last as long.
    pub p_max: f64,
    /// Sessions of the host that must be known; with fewer its role's are asked.
    pub samples_min: u64,
}

impl An0146 {
    /// Ten minutes, and one session in twenty: design values.
    pub fn shipped() -> An0146 {
        An0146 {
            session_duration: SessionDuration {
                min: Span::from_secs(600),
                p_max: 0.05,
                samples_min: 20,
            },
            exchanges_min: 8,
        }
    }
}

/// Rules of analytic AN1601.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct An1601 {
    /// UserContext: users whose calls out are unexpected. Only an endpoint agent can tell a user,
    /// so without one they are named in the alert as what to look for.
    pub user_context: Vec<Box<str>>,
    /// EntropyScore: bits of entropy a character from which a clear-text URI looks random.
    pub entropy_score: Bits,
    /// Requests below which a host's use of a destination is not judged.
    pub exchanges_min: u32,
    /// Flows below which it is not.
    pub flows_min: u32,
}

impl An1601 {
    /// Five requests over two flows, 4.5 bits a character: design values.
    pub fn shipped() -> An1601 {
        let users = ["root", "_www", "nobody", "daemon"];
        An1601 {
            user_context: users.map(Box::from).to_vec(),
            entropy_score: Bits::new(4.5),
            exchanges_min: 5,
            flows_min: 2,
        }
    }
}

/// The rules of every analytic.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rules {
    /// Tools and scripts that call popular web services out of place.
    pub an1190: An1190,
    /// Unexpected applications that hold long sessions.
    pub an0146: An0146,
    /// Programs that handle no replies.
    pub an1601: An1601,
    /// Calls that nobody agreed to, or at other hours.
    pub an1191: An1191,
    /// Unusual encrypted uploads.
    pub an1415: An1415,
    /// What was agreed.
    pub schedules: Schedules,
}

impl Rules {
    /// The shipped rules.
    pub fn shipped() -> Rules {
        Rules {
            an1190: An1190::shipped(),
            an0146: An0146::shipped(),
            an1601: An1601::shipped(),
            an1191: An1191::SHIPPED,
            an1415: An1415::shipped(),
            schedules: Schedules::default(),
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
    rules: Rules,
    tiers: Tiers,
    allow: Vec<Allow>,
    approved: Vec<Approved>,
    config_hash: Box<str>,
    seed: u64,
    attribution_lag: Option<Span>,
    infers: bool,
    alerts_a_day_max: Option<u32>,
    /// Built once, the first time that one is needed, and shared by every copy.
    templates: Arc<Templates>,
}

impl Settings {
    /// Settings of these parts. Of two roles with the same network the first has it.
    pub fn new(roles: Vec<Role>, catalogue: Catalogue, rules: Rules, tiers: Tiers) -> Settings {
        let mut role_by_network = JointPrefixMap::new();
        for (index, role) in roles.iter().enumerate().rev() {
            for network in &role.networks {
                role_by_network.insert(network.trunc(), index);
            }
        }
        let clients = Clients::shipped();
        let parts = (&roles, &catalogue, &clients, &rules, &tiers);
        let parts = postcard::to_stdvec(&parts).expect("plain values serialise into memory");
        let config_hash = identity::digest([parts.as_slice()]);
        Settings {
            roles,
            role_by_network,
            catalogue,
            clients,
            rules,
            tiers,
            allow: Vec::new(),
            approved: Vec::new(),
            config_hash,
            seed: 0,
            attribution_lag: None,
            infers: true,
            alerts_a_day_max: None,
            templates: Arc::default(),
        }
    }

    /// With what the operator allows.
    pub fn with_allow(mut self, allow: Vec<Allow>) -> Settings {
        if !allow.is_empty() {
            let entries = postcard::to_stdvec(&allow).expect("plain values serialise into memory");
            self.config_hash = identity::digest([self.config_hash.as_bytes(), &entries]);
        }
        Settings { allow, ..self }
    }

    /// With the programs that the operator approves.
    pub fn with_approved(mut self, approved: Vec<Approved>) -> Settings {
        if !approved.is_empty() {
            let entries =
                postcard::to_stdvec(&approved).expect("plain values serialise into memory");
            self.config_hash = identity::digest([self.config_hash.as_bytes(), &entries]);
        }
        Settings { approved, ..self }
    }

    /// With as many alerts as are accepted in a day; any number where none is given.
    pub fn with_budget(mut self, alerts_a_day_max: Option<u32>) -> Settings {
        if let Some(max) = alerts_a_day_max {
            let max = format!("at most {max} alerts a day");
            self.config_hash = identity::digest([self.config_hash.as_bytes(), max.as_bytes()]);
        }
        Settings {
            alerts_a_day_max,
            ..self
        }
    }

    /// See [`Settings::with_budget`].
    pub fn alerts_a_day_max(&self) -> Option<u32> {
        self.alerts_a_day_max
    }

    /// With a seed for the sketches of how often keys come, so that nobody outside can tell which
    /// keys collide. No alert names it.
    pub fn with_seed(self, seed: u64) -> Settings {
        Settings { seed, ..self }
    }

    /// With reports of endpoint agents, which may come until `lag` after a flow's beginning before
    /// it counts as not reported.
    pub fn with_reports(self, lag: Span) -> Settings {
        Settings {
            attribution_lag: Some(lag),
            ..self
        }
    }

    /// Whether agents teach what programs of hosts without one look like; unless it is said, they
    /// do.
    pub fn with_taught(mut self, infers: bool) -> Settings {
        if !infers {
            self.config_hash = identity::digest([self.config_hash.as_bytes(), b"untaught"]);
        }
        Settings { infers, ..self }
    }

    /// See [`Settings::with_taught`]; only where reports are expected.
    pub fn infers(&self) -> bool {
        self.infers && self.attribution_lag.is_some()
    }

    /// See [`Settings::with_reports`]; none where no reports are expected.
    pub fn attribution_lag(&self) -> Option<Span> {
        self.attribution_lag
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

    /// What the operator allows.
    pub fn allow(&self) -> &[Allow] {
        &self.allow
    }

    /// The programs that the operator approves.
    pub fn approved(&self) -> &[Approved] {
        &self.approved
    }

    /// The rules of the analytics.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// See [`Settings::with_seed`].
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// What gaps look like with a timer and without.
    pub fn templates(&self) -> &Templates {
        &self.templates
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
