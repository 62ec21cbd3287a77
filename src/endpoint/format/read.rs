//! From what one line says to its reports, in the form that all agents share.
//!
//! Knows no agent's format. Leaves out a flow that nothing on the wire can be matched with, or
//! whose process is not named. At most [`REPORTS_MAX`] reports.

use super::archive;
use super::json::{Json, NAME_BYTES_MAX, TEXT_BYTES_MAX, clip};
use super::moment;
use super::refused::Refused;
use super::{Source, address};
use crate::endpoint::report::{
    Archive, ArchiveBasis, Deed, FileActivity, FileReport, FlowReport, Format, Inventory, Method,
    Place, Process, ProcessActivity, ProcessReport, Report, Window,
};
use crate::net::{Mac, Transport};
use std::net::IpAddr;

/// Reports in a line. With what they share this is below 30 MB.
pub(super) const REPORTS_MAX: usize = 4096;
/// Addresses, and hardware addresses, of a host.
const ADDRS_MAX: usize = 1024;

/// A line that is being read: where it comes from, and its reports so far.
pub(super) struct Reading<'a> {
    pub format: Format,
    source: &'a Source<'a>,
    reports: Vec<Report>,
}

/// What the reports of one event share.
#[derive(Clone)]
pub(super) struct Stamp {
    pub agent: Box<str>,
    pub window: Window,
    pub method: Method,
    pub sequence: Option<u64>,
    pub boot: Option<Box<str>>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(format: Format, source: &'a Source<'a>) -> Reading<'a> {
        Reading {
            format,
            source,
            reports: Vec::new(),
        }
    }

    pub(super) fn finish(self) -> Vec<Report> {
        self.reports
    }

    /// The moment at which the sensor was given the line.
    pub(super) fn received(&self) -> Window {
        moment::exactly(self.source.received_at)
    }

    /// Who sends it: the authenticated name, else the first of these.
    pub(super) fn agent(&self, names: &[Json<'_>]) -> Result<Box<str>, Refused> {
        let named = self
            .source
            .agent
            .map(|name| clip(name, NAME_BYTES_MAX).into());
        let own = || names.iter().find_map(|name| name.name());
        named.or_else(own).ok_or(Refused::Nameless {
            format: self.format,
        })
    }

    /// What `field` says, which must be there.
    pub(super) fn need<T>(&self, field: &'static str, value: Option<T>) -> Result<T, Refused> {
        value.ok_or(Refused::Field {
            format: self.format,
            field,
        })
    }

    /// The stamp of an event of this agent in this window.
    pub(super) fn event(&self, agent: Box<str>, window: Window) -> Stamp {
        Stamp {
            agent,
            window,
            method: Method::Event,
            sequence: None,
            boot: None,
        }
    }

    pub(super) fn push(&mut self, stamp: &Stamp, deed: Deed) -> Result<(), Refused> {
        if self.reports.len() >= REPORTS_MAX {
            return Err(Refused::TooMany);
        }
        self.reports.push(Report {
            agent: stamp.agent.clone(),
            received_at: self.source.received_at,
            window: stamp.window,
            method: stamp.method,
            format: self.format,
            sequence: stamp.sequence,
            boot: stamp.boot.clone(),
            deed,
        });
        Ok(())
    }

    /// A flow, unless nothing could come of it.
    pub(super) fn flow(&mut self, stamp: &Stamp, mut flow: FlowReport) -> Result<(), Refused> {
        flow.local = address::place(flow.local.addr, flow.local.port);
        flow.remote = address::place(flow.remote.addr, flow.remote.port);
        let called =
            flow.remote.addr.is_some() && (flow.remote.port.is_some() || flow.local.port.is_some());
        // A UDP socket that is connected to nobody has only its own end.
        let unconnected = flow.transport == Some(Transport::Udp) && flow.local.port.is_some();
        if !(called || unconnected) || flow.process == Process::default() {
            return Ok(());
        }
        self.push(stamp, Deed::Flow(Box::new(flow)))
    }

    /// A process that began in the folder `cwd`, and the archive that its arguments make.
    pub(super) fn start(
        &mut self,
        stamp: &Stamp,
        process: Process,
        cwd: Option<&str>,
    ) -> Result<(), Refused> {
        let made = process
            .command_line
            .as_deref()
            .and_then(archive::of_command);
        if let Some(made) = made {
            let file = FileReport {
                activity: FileActivity::Create,
                path: within(cwd, &made.path),
                size: None,
                archive: Some(Archive {
                    kind: made.kind.into(),
                    basis: ArchiveBasis::Arguments,
                }),
                process: Some(process.clone()),
            };
            self.process(stamp, ProcessActivity::Start, process)?;
            return self.push(stamp, Deed::File(Box::new(file)));
        }
        self.process(stamp, ProcessActivity::Start, process)
    }

    /// A process that began or ended, where it is named.
    pub(super) fn process(
        &mut self,
        stamp: &Stamp,
        activity: ProcessActivity,
        process: Process,
    ) -> Result<(), Refused> {
        if process == Process::default() {
            return Ok(());
        }
        let report = ProcessReport { activity, process };
        self.push(stamp, Deed::Process(Box::new(report)))
    }

    /// What was done to a file; its name says whether it is an archive, if nothing better does.
    pub(super) fn file(&mut self, stamp: &Stamp, mut file: FileReport) -> Result<(), Refused> {
        let written = matches!(
            file.activity,
            FileActivity::Create | FileActivity::Update | FileActivity::Rename
        );
        if written && file.archive.is_none() {
            file.archive = archive::of_name(&file.path).map(|kind| Archive {
                kind: kind.into(),
                basis: ArchiveBasis::Extension,
            });
        }
        file.process = file
            .process
            .filter(|process| *process != Process::default());
        self.push(stamp, Deed::File(Box::new(file)))
    }

    /// What a host is, unless no address is told.
    pub(super) fn inventory(&mut self, stamp: &Stamp, inventory: Inventory) -> Result<(), Refused> {
        if inventory.addrs.is_empty() && inventory.macs.is_empty() {
            return Ok(());
        }
        self.push(stamp, Deed::Inventory(Box::new(inventory)))
    }
}

/// The path of a file that was named within the folder `cwd`.
pub(super) fn within(cwd: Option<&str>, path: &str) -> Box<str> {
    let alone = path == "-" || path.starts_with(['/', '\\']) || path.get(1..2) == Some(":");
    let cwd = cwd.filter(|cwd| !alone && !cwd.is_empty());
    let joined = cwd.map(|cwd| {
        let between = if cwd.contains('\\') { '\\' } else { '/' };
        format!("{}{between}{path}", cwd.trim_end_matches(between))
    });
    clip(joined.as_deref().unwrap_or(path), TEXT_BYTES_MAX).into()
}

/// Both ends of a flow.
pub(super) fn ends(local: [Json<'_>; 2], remote: [Json<'_>; 2]) -> [Place; 2] {
    [local, remote].map(|[addr, port]| address::place(addr.addr(), port.port()))
}

/// The transport that an agent names, and whether a flow with it can be matched at all; what is
/// missing is not known.
pub(super) fn transport(json: Json<'_>) -> Option<Option<Transport>> {
    match json.name() {
        Some(name) => address::transport(&name),
        None => Some(None),
    }
}

/// A host's addresses without loopback, each once, in the order of the agent.
pub(super) fn addrs<'a>(all: impl Iterator<Item = Json<'a>>) -> Vec<IpAddr> {
    let mut addrs = Vec::new();
    for addr in all.filter_map(Json::addr).take(ADDRS_MAX) {
        if !addr.is_loopback() && !addrs.contains(&addr) {
            addrs.push(addr);
        }
    }
    addrs
}

/// A host's hardware addresses, each once, in the order of the agent.
pub(super) fn macs<'a>(all: impl Iterator<Item = Json<'a>>) -> Vec<Mac> {
    let mut macs = Vec::new();
    for mac in all
        .filter_map(|mac| address::mac(mac.text()?))
        .take(ADDRS_MAX)
    {
        if !macs.contains(&mac) {
            macs.push(mac);
        }
    }
    macs
}
