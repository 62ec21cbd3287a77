//! From options to lines, turn by turn: hear what was told, look at the sockets when it is time,
//! find who has the new ones, write.
//!
//! Each part knows its own business; this only brings them together. Bounded as they are.
#![allow(clippy::disallowed_methods, clippy::print_stderr)] // The shell reads clocks and files.

use super::clocks;
use super::events::{Event, Happened};
use super::files::Touched;
use super::inventory;
use super::lines::{Lines, Teller, Told};
use super::listening::{NOTES_MAX, Note, listen};
use super::owners::Owners;
use super::pace::Pace;
use super::processes::Processes;
use super::sending::Sending;
use super::sockets::{Dumps, Row};
use super::table::Table;
use super::{Options, Outcome};
use crate::endpoint::report::{
    Deed, FileReport, Inventory, Method, Process, ProcessActivity, ProcessReport, Window,
};
use crate::time::Timestamp;
use anyhow::Context;
use crossbeam_channel::Receiver;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// How often the inventory is told, changed or not, and how often it is read at most.
const INVENTORY_TOLD_EVERY: Duration = Duration::from_secs(60);
const INVENTORY_READ_EVERY: Duration = Duration::from_secs(1);

/// The agent, between two turns.
struct Agent {
    notes: Receiver<Note>,
    /// Those that were heard and not taken yet.
    waiting: VecDeque<Note>,
    dumps: Dumps,
    table: Table,
    owners: Owners,
    processes: Processes,
    /// The last process whose start was told.
    started: Option<Process>,
    inventory: Option<Inventory>,
    inventory_read_at: Option<Instant>,
    inventory_told_at: Option<Instant>,
    lines: Lines,
    pace: Pace,
    outcome: Outcome,
}

/// Runs the agent.
pub(super) fn run(options: &Options) -> anyhow::Result<Outcome> {
    let teller = Teller {
        agent: name(options.id.as_deref())?,
        boot: line_of("/proc/sys/kernel/random/boot_id"),
    };
    let sensor = options.sensor.as_ref();
    let sending = sensor.map(|sensor| Sending::begin(sensor, &teller.agent));
    let (sending, spool) = sending.transpose()?.unzip();
    let place = sensor.map_or(&options.output, |sensor| &sensor.spool);
    let unwritable = || format!("{} cannot be written", place.display());
    let lines = match spool {
        Some(spool) => Lines::to(Box::new(spool), teller),
        None => Lines::open(&options.output, teller).with_context(unwritable)?,
    };
    let mut agent = Agent {
        dumps: Dumps::open().context("the kernel does not show its sockets")?,
        notes: listen(&options.watch)?,
        waiting: VecDeque::new(),
        table: Table::new(options.loopback),
        owners: Owners::default(),
        processes: Processes::default(),
        started: None,
        inventory: None,
        inventory_read_at: None,
        inventory_told_at: None,
        lines,
        pace: Pace::new(options.interval, Instant::now()),
        outcome: Outcome::default(),
    };
    match agent.run() {
        // Nobody reads any more.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        result => result.with_context(unwritable)?,
    }
    let untold = agent.table.untold;
    let outcome = Outcome {
        reports: agent.lines.written(),
        unseen: untold.unseen,
        ownerless: untold.ownerless,
        too_many: untold.too_many,
        ..agent.outcome
    };
    // What it holds goes into the spool, and from there to the sensor.
    drop(agent.lines);
    Ok(match sending {
        Some(sending) => sending.finish(outcome),
        None => outcome,
    })
}

/// The agent's name: the one it was given, else the machine's number, else the host's name.
fn name(id: Option<&str>) -> anyhow::Result<Box<str>> {
    let given = id.map(Into::into);
    let name = given.or_else(|| line_of("/etc/machine-id"));
    let name = name.or_else(inventory::hostname);
    name.context("the machine has no name; give one with --id")
}

/// The only line of a file, if there is one.
fn line_of(path: &str) -> Option<Box<str>> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.trim();
    (!line.is_empty()).then(|| line.into())
}

/// Whether a process was there when it was looked at.
fn is_read(process: &Process) -> bool {
    process.path.is_some() || process.name.is_some()
}

impl Agent {
    /// Turns until the user wants no more.
    ///
    /// # Errors
    /// Lines cannot be written.
    fn run(&mut self) -> io::Result<()> {
        loop {
            if self.waiting.is_empty()
                && let Ok(note) = self.notes.recv_deadline(self.pace.due())
            {
                self.waiting.push_back(note);
            }
            self.take_ends()?;
            // What came meanwhile is older than the next look, which does not wait for all of it.
            while let Some(note) = self.waiting.pop_front() {
                if self.take(note)?.is_break() {
                    return self.lines.flush();
                }
                if Instant::now() >= self.pace.due() {
                    break;
                }
            }
            if Instant::now() >= self.pace.due() {
                self.look()?;
                self.tell_inventory()?;
            }
            self.lines.flush()?;
        }
    }

    /// Takes the ends of sockets, which is soon done; all else waits in its order.
    fn take_ends(&mut self) -> io::Result<()> {
        while self.waiting.len() < NOTES_MAX
            && let Ok(note) = self.notes.try_recv()
        {
            match note {
                Note::Ended(rows, at) => self.take_ended(rows, at)?,
                other => self.waiting.push_back(other),
            }
        }
        Ok(())
    }

    fn take(&mut self, note: Note) -> io::Result<ControlFlow<()>> {
        match note {
            Note::Process(event) => self.take_event(event)?,
            Note::Ended(rows, at) => self.take_ended(rows, at)?,
            Note::Touched(touched, at) => {
                for touched in touched {
                    self.take_touched(touched, at)?;
                }
            }
            Note::Lost => {
                self.outcome.lost += 1;
                self.processes.lost();
            }
            Note::Reopen => {
                if let Err(error) = self.lines.reopen() {
                    eprintln!("tapir: lines go where they went before: {error}");
                }
            }
            Note::Stop => return Ok(ControlFlow::Break(())),
        }
        Ok(ControlFlow::Continue(()))
    }

    fn take_event(&mut self, event: Event) -> io::Result<()> {
        let at = clocks::of_monotonic(event.at);
        let (process, activity) = match event.happened {
            Happened::Fork { parent } => {
                self.processes.fork(event.pid, parent, at);
                return Ok(());
            }
            Happened::Exec => {
                self.pace.stir(Instant::now());
                self.owners.expect(event.pid);
                let process = self.processes.exec(event.pid);
                // Of others the parent is remembered, for what is told of them later.
                let process = process.filter(|process| is_read(process));
                self.outcome.unread += u64::from(process.is_none());
                let is_told = self.is_told(process.as_deref());
                (process.filter(|_| !is_told), ProcessActivity::Start)
            }
            Happened::Exit => {
                self.owners.forget(event.pid);
                (self.processes.exit(event.pid), ProcessActivity::End)
            }
        };
        let Some(process) = process.as_deref() else {
            return Ok(());
        };
        let process = match activity {
            ProcessActivity::Start => process.clone(),
            // The rest was told when it began, or with its flow.
            ProcessActivity::End => Process {
                pid: process.pid,
                instance: process.instance.clone(),
                path: process.path.clone(),
                ..Process::default()
            },
        };
        self.lines.write(Told {
            window: Window { from: at, to: at },
            method: Method::Event,
            deed: Deed::Process(Box::new(ProcessReport { activity, process })),
        })
    }

    /// Whether the last start that was told is this one: of two programs in one moment (`env`, and
    /// what it becomes) only the second is there to be read, twice.
    fn is_told(&mut self, process: Option<&Process>) -> bool {
        let mark = process.map(|process| Process {
            started_at: None,
            parent: None,
            ..process.clone()
        });
        mark.is_some() && std::mem::replace(&mut self.started, mark.clone()) == mark
    }

    fn take_ended(&mut self, rows: Vec<Row>, at: Timestamp) -> io::Result<()> {
        for row in rows {
            if self.table.is_wanted(&row) {
                self.pace.stir(Instant::now());
            }
            if let Some(told) = self.table.ended(row, at) {
                self.lines.write(told)?;
            }
        }
        Ok(())
    }

    fn take_touched(&mut self, touched: Touched, at: Timestamp) -> io::Result<()> {
        let process = self.processes.of(touched.pid);
        let process = process.map_or_else(
            // It has ended; the sensor may have been told of it.
            || Process {
                pid: Some(touched.pid),
                ..Process::default()
            },
            |process| Process::clone(&process),
        );
        self.lines.write(Told {
            window: Window { from: at, to: at },
            method: Method::Event,
            deed: Deed::File(Box::new(FileReport {
                activity: touched.activity,
                path: touched.path,
                size: touched.size,
                archive: touched.archive,
                process: Some(process),
            })),
        })
    }

    /// Looks at the sockets, and for who has the new ones.
    fn look(&mut self) -> io::Result<()> {
        let (taken, from) = (clocks::taken(), clocks::now());
        let took = || clocks::taken().saturating_sub(taken);
        let Ok(rows) = self.dumps.all() else {
            self.outcome.refused += 1;
            // What is left of the answer would be taken for the next one's.
            self.dumps = Dumps::open()?;
            self.pace.looked(Instant::now(), took());
            return Ok(());
        };
        let (told, is_new) = self.table.look(rows, from, clocks::now());
        for told in told {
            self.lines.write(told)?;
        }
        self.find_owners()?;
        let now = Instant::now();
        if is_new {
            self.pace.stir(now);
        }
        self.pace.looked(now, took());
        Ok(())
    }

    /// Tells of the flows whose owner is found now.
    fn find_owners(&mut self) -> io::Result<()> {
        let ownerless = self.table.ownerless();
        if ownerless.is_empty() {
            return Ok(());
        }
        let owners = self.owners.of(&ownerless.keys().copied().collect());
        let pids: BTreeSet<u32> = owners.values().copied().collect();
        let read = |pid| (pid, self.processes.of(pid));
        let processes: BTreeMap<u32, _> = pids.into_iter().map(read).collect();
        for (inode, cookie) in ownerless {
            let owner = owners
                .get(&inode)
                .and_then(|pid| processes.get(pid)?.clone());
            if let Some(told) = self.table.found(cookie, owner) {
                self.lines.write(told)?;
            }
        }
        Ok(())
    }

    /// Tells what the host is where that has changed, and from time to time.
    fn tell_inventory(&mut self) -> io::Result<()> {
        let now = Instant::now();
        let since = |moment: Option<Instant>, span| moment.is_none_or(|at| now - at >= span);
        if !since(self.inventory_read_at, INVENTORY_READ_EVERY) {
            return Ok(());
        }
        self.inventory_read_at = Some(now);
        let Ok(inventory) = inventory::read() else {
            return Ok(());
        };
        let is_same = self.inventory.as_ref() == Some(&inventory);
        if is_same && !since(self.inventory_told_at, INVENTORY_TOLD_EVERY) {
            return Ok(());
        }
        self.inventory_told_at = Some(now);
        self.inventory = Some(inventory.clone());
        let at = clocks::now();
        self.lines.write(Told {
            window: Window { from: at, to: at },
            method: Method::Poll,
            deed: Deed::Inventory(Box::new(inventory)),
        })
    }
}
