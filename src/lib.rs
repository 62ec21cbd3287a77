//! Tapir, a passive network sensor.
//!
//! It reads frames from a mirror port or a capture, follows their flows, reads what TLS and DNS say
//! in clear, writes Zeek's logs, weighs what it saw in analytics of MITRE ATT&CK, and explains its
//! alerts.
//!
//! # The path of a packet
//!
//! | module | from | to |
//! |---|---|---|
//! | [`capture`] | a file, standard input, an interface | a frame: bytes, moment, link type |
//! | [`sensor::steer`] | a frame | its number, its clock, its shard |
//! | [`packet`] | a frame | the innermost IP packet |
//! | [`flow`] | packets | flows, and streams in order |
//! | [`inspect`] | streams and datagrams | sessions |
//! | [`profile`] | moments and sizes | a flow's shape, a key's cadence |
//! | [`observe`] | all of these | observations: owned, small, in one order |
//! | [`host`] | observations | who a host is over time, and what |
//! | [`endpoint`] | lines of agents | which process has which flow |
//! | [`intake`] | agents on the network | lines in a journal, and their reports |
//! | [`detect`] | observations | evidence in bits, alerts |
//! | [`record`] | observations and alerts | rows |
//! | [`sink`] | rows | log files |
//! | [`store`] | a sensor's state | one file, and back |
//! | [`zeeklogs`] | Zeek's logs, in place of packets | observations |
//! | [`agent`] | a host's sockets and processes | lines that name processes behind flows |
//!
//! The core (everything but [`agent`], [`capture`], [`intake`], [`zeeklogs`], [`sink`], [`store`],
//! [`run`], [`config`] and [`cli`]) is one function of frames, ticks, reports, settings and the
//! state it began with. [`sensor::Sensor`] is that function on one thread; [`run`] also runs it on
//! several. What happens to a flow happens in one of 64 shards; what needs to see everything
//! happens in one detector, which reads what spans hosts as of the last closed hour.
//!
//! # Invariants
//!
//! 1. Nothing in the core knows what time it is. Time enters with a frame or a tick and never goes
//!    back; a timer acts as of its deadline, not of the moment it was noticed.
//! 2. No row depends on how many threads ran, or whether the run was live.
//! 3. Nothing a peer on the wire does makes the core fail, allocate without bound, or go
//!    quadratic. Every table has a bound in [`limits`], a rule for who leaves, and a counter for
//!    it.
//! 4. No fingerprint is made from a truncated hello, and no number is shown before there are
//!    samples for it.
//! 5. No alert depends on an agent being there.
//! 6. No evidence is hidden.
//! 7. No acknowledged input and no written row is lost by an orderly stop.
//! 8. No packet content is logged: metadata, sizes and times only, and what the protocols say in
//!    clear.

pub mod agent;
pub mod baseline;
pub mod capture;
pub mod cli;
pub mod config;
pub mod detect;
pub mod endpoint;
pub mod fingerprint;
pub mod flow;
pub mod host;
pub mod inspect;
pub mod intake;
pub mod limits;
pub mod net;
pub mod observe;
pub mod packet;
pub mod profile;
pub mod record;
pub mod run;
pub mod scenario;
pub mod sensor;
pub mod sink;
pub mod store;
pub mod time;
pub mod weird;
pub mod zeeklogs;
