//! From the kernel's proc connector to events: a process was forked, became a program, ended.
//!
//! Leaves out threads. Tells numbers alone. The connector is in the host's own network namespace
//! only: from another one it is opened there, if the agent may, and where it sees the host's
//! processes. Constant.
#![allow(clippy::disallowed_methods)] // The shell waits by the clock.

use netlink_sys::protocols::NETLINK_CONNECTOR;
use netlink_sys::{Socket, SocketAddr};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, setns};
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::time::Instant;

/// The connector of processes: its index, its value, which is its multicast group too.
const INDEX: u32 = 1;
const VALUE: u32 = 1;
/// The request to be told.
const LISTEN: u32 = 1;
/// `struct nlmsghdr` and `struct cn_msg`.
const NETLINK_BYTES: usize = 16;
const CONNECTOR_BYTES: usize = 20;
/// A datagram is below 100 bytes.
const DATAGRAM_BYTES: usize = 1024;
/// What the kernel may hold until it is read, if it lets us.
const BACKLOG_BYTES: u32 = 4 << 20;
/// The kernel answers a request at once, or never: not in a namespace of processes.
const ANSWER_MS: u16 = 500;

/// The host's network namespace: that of the kernel's own process, which is number 2.
const HOST_NETWORK: &str = "/proc/2/ns/net";

/// What happened to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happened {
    /// It began as a copy of this one.
    Fork { parent: u32 },
    /// It became another program.
    Exec,
    /// It ended.
    Exit,
}

/// Something happened to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub pid: u32,
    pub happened: Happened,
    /// When, in nanoseconds of the system's monotonic clock.
    pub at: u64,
}

/// Hears of every process's begin and end.
pub(super) struct Events {
    socket: Socket,
}

/// What a datagram says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Event(Event),
    /// The answer to the request: 0, or an error of the system.
    Answer(u32),
    /// Something that is not needed.
    Other,
}

impl Events {
    /// # Errors
    /// The kernel does not tell, or not to this user, or not here.
    pub fn open() -> io::Result<Events> {
        let there = || {
            setns(File::open(HOST_NETWORK)?, CloneFlags::CLONE_NEWNET)?;
            Events::open_here()
        };
        match Events::open_here() {
            // A socket stays where it was opened, and only the thread that goes there is there.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                let opened = std::thread::spawn(there).join();
                opened.unwrap_or_else(|_| Err(io::Error::other("nobody opened it")))
            }
            result => result,
        }
    }

    fn open_here() -> io::Result<Events> {
        let mut socket = Socket::new(NETLINK_CONNECTOR)?;
        socket.bind(&SocketAddr::new(0, VALUE))?;
        // The system's own limit stands where this is above it.
        socket.set_rx_buf_sz(BACKLOG_BYTES)?;
        socket.send(&request(), 0)?;
        let events = Events { socket };
        let asked_at = Instant::now();
        while asked_at.elapsed().as_millis() < u128::from(ANSWER_MS) {
            let mut ready = [PollFd::new(events.socket.as_fd(), PollFlags::POLLIN)];
            poll(&mut ready, PollTimeout::from(ANSWER_MS))?;
            let all = ready.first().is_some_and(|fd| fd.any() == Some(true));
            match all.then(|| events.said()).transpose()? {
                Some(Said::Answer(0)) => return Ok(events),
                Some(Said::Answer(error)) => {
                    return Err(io::Error::from_raw_os_error(error.cast_signed()));
                }
                _ => {}
            }
        }
        Err(io::Error::other("the kernel does not answer"))
    }

    /// Waits for the next event.
    ///
    /// # Errors
    /// `ENOBUFS` where some were lost.
    pub fn next(&mut self) -> io::Result<Event> {
        loop {
            if let Said::Event(event) = self.said()? {
                return Ok(event);
            }
        }
    }

    fn said(&self) -> io::Result<Said> {
        let mut buffer = [0; DATAGRAM_BYTES];
        let length = self.socket.recv(&mut buffer.as_mut_slice(), 0)?;
        Ok(read(buffer.get(..length).unwrap_or_default()).unwrap_or(Said::Other))
    }
}

fn request() -> Vec<u8> {
    let length = (NETLINK_BYTES + CONNECTOR_BYTES + 4) as u32;
    // Length, type (NLMSG_DONE) and flags, sequence, port.
    let netlink = [length, 3, 0, 0];
    // Index, value, sequence, acknowledgement, length and flags.
    let connector = [INDEX, VALUE, 0, 0];
    let words = netlink.into_iter().chain(connector);
    let mut bytes: Vec<u8> = words.flat_map(u32::to_ne_bytes).collect();
    bytes.extend([4u16, 0].into_iter().flat_map(u16::to_ne_bytes));
    bytes.extend(LISTEN.to_ne_bytes());
    bytes
}

/// Reads `struct proc_event` behind its two headers.
fn read(datagram: &[u8]) -> Option<Said> {
    const ANSWER: u32 = 0;
    const FORK: u32 = 1;
    const EXEC: u32 = 2;
    const EXIT: u32 = 0x8000_0000;
    let event = datagram.get(NETLINK_BYTES + CONNECTOR_BYTES..)?;
    let word = |at: usize| Some(u32::from_ne_bytes(*event.get(at..)?.first_chunk()?));
    let at = u64::from_ne_bytes(*event.get(8..)?.first_chunk()?);
    // Thread and process; of a fork the parent's are before them.
    let of = |first: usize| Some((word(first)?, word(first + 4)?));
    let ((thread, pid), happened) = match word(0)? {
        ANSWER => return Some(Said::Answer(word(16)?)),
        FORK => (of(24)?, Happened::Fork { parent: word(20)? }),
        EXEC => (of(16)?, Happened::Exec),
        EXIT => (of(16)?, Happened::Exit),
        _ => return Some(Said::Other),
    };
    Some(match thread == pid {
        true => Said::Event(Event { pid, happened, at }),
        false => Said::Other,
    })
}

#[cfg(test)]
mod tests;
