//! From the kernel's `sock_diag` to rows: which TCP and UDP sockets there are, and which have gone.
//!
//! Knows no process, only the inode that `/proc` has too. Sees the sockets of its own network
//! namespace. Holds one dump, which is as long as the kernel's own table.

use crate::net::Transport;
use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP, IPPROTO_UDP};
use netlink_packet_sock_diag::inet::nlas::Nla;
use netlink_packet_sock_diag::inet::{
    ExtensionFlags, InetRequest, InetResponse, SocketId, StateFlags,
};
use netlink_packet_sock_diag::{SockDiagMessage, TCP_LISTEN};
use netlink_sys::Socket;
use netlink_sys::protocols::NETLINK_SOCK_DIAG;
use std::io;
use std::net::{IpAddr, SocketAddr};

/// The kernel fills a dump's datagrams up to this.
const DATAGRAM_BYTES: usize = 32 * 1024;
/// What the kernel may hold of destroyed sockets until they are read, if it lets us.
const BACKLOG_BYTES: u32 = 4 << 20;
/// The multicast groups of destroyed sockets: TCP and UDP over IPv4, then over IPv6.
const DESTROYED: [u32; 4] = [1, 2, 3, 4];
/// Where `struct tcp_info` has bytes received, bytes sent and bytes sent again.
const RECEIVED_AT: usize = 128;
const SENT_AT: usize = 200;
const SENT_AGAIN_AT: usize = 208;

/// A socket, as the kernel has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// Never given twice in one boot.
    pub cookie: u64,
    pub transport: Transport,
    /// It waits for callers.
    pub listens: bool,
    pub local: SocketAddr,
    /// Unspecified where it is connected to nobody.
    pub remote: SocketAddr,
    /// 0 before it was accepted, and after it was closed.
    pub inode: u32,
    /// Sent and received, where the kernel counts them.
    pub bytes: Option<[u64; 2]>,
}

/// Asks for all sockets, again and again.
pub(super) struct Dumps {
    socket: Socket,
    buffer: Vec<u8>,
    sequence: u32,
}

impl Dumps {
    /// # Errors
    /// The system has no `sock_diag`, or does not permit it.
    pub fn open() -> io::Result<Dumps> {
        let mut socket = Socket::new(NETLINK_SOCK_DIAG)?;
        socket.bind_auto()?;
        Ok(Dumps {
            socket,
            buffer: vec![0; DATAGRAM_BYTES],
            sequence: 0,
        })
    }

    /// Every socket that there is now, but those that only wait for stray packets (`TIME_WAIT`) and
    /// those that nobody has accepted yet (`SYN_RECV`).
    ///
    /// # Errors
    /// The kernel refuses, or says what it does not say.
    pub fn all(&mut self) -> io::Result<Vec<Row>> {
        let mut rows = Vec::new();
        for family in [AF_INET, AF_INET6] {
            for protocol in [IPPROTO_TCP, IPPROTO_UDP] {
                self.ask(family, protocol)?;
                self.read(protocol, &mut rows)?;
            }
        }
        Ok(rows)
    }

    fn ask(&mut self, family: u8, protocol: u8) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        let states = match protocol {
            IPPROTO_TCP => {
                StateFlags::all() - StateFlags::TIME_WAIT - StateFlags::SYN_RECV - StateFlags::CLOSE
            }
            _ => StateFlags::all(),
        };
        let request = InetRequest {
            family,
            protocol,
            extensions: ExtensionFlags::INFO,
            states,
            socket_id: match family {
                AF_INET => SocketId::new_v4(),
                _ => SocketId::new_v6(),
            },
        };
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | NLM_F_DUMP;
        header.sequence_number = self.sequence;
        let mut message = NetlinkMessage::new(header, SockDiagMessage::InetRequest(request).into());
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        self.socket.send(&bytes, 0).map(|_| ())
    }

    fn read(&mut self, protocol: u8, rows: &mut Vec<Row>) -> io::Result<()> {
        loop {
            let length = self.socket.recv(&mut self.buffer.as_mut_slice(), 0)?;
            let datagram = self.buffer.get(..length).unwrap_or_default();
            for message in messages(datagram) {
                if message.header.sequence_number != self.sequence {
                    continue;
                }
                match message.payload {
                    NetlinkPayload::Done(_) => return Ok(()),
                    NetlinkPayload::Error(error) => return Err(error.to_io()),
                    NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(socket)) => {
                        rows.push(row(&socket, protocol));
                    }
                    _ => {}
                }
            }
        }
    }
}

/// Hears of every socket's end.
pub(super) struct Ends {
    socket: Socket,
    buffer: Vec<u8>,
}

impl Ends {
    /// # Errors
    /// The kernel does not tell of sockets' ends, or not to this user.
    pub fn open() -> io::Result<Ends> {
        let mut socket = Socket::new(NETLINK_SOCK_DIAG)?;
        socket.bind_auto()?;
        // The system's own limit stands where this is above it.
        socket.set_rx_buf_sz(BACKLOG_BYTES)?;
        for group in DESTROYED {
            socket.add_membership(group)?;
        }
        Ok(Ends {
            socket,
            buffer: vec![0; DATAGRAM_BYTES],
        })
    }

    /// Waits for the next sockets that end.
    ///
    /// # Errors
    /// `ENOBUFS` where some were lost.
    pub fn next(&mut self) -> io::Result<Vec<Row>> {
        let length = self.socket.recv(&mut self.buffer.as_mut_slice(), 0)?;
        Ok(destroyed(self.buffer.get(..length).unwrap_or_default()))
    }
}

/// The sockets whose end this datagram tells.
fn destroyed(datagram: &[u8]) -> Vec<Row> {
    let sockets = messages(datagram).filter_map(|message| match message.payload {
        NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(socket)) => {
            let protocol = socket.nlas.iter().find_map(|nla| match nla {
                Nla::Protocol(protocol) => Some(*protocol),
                _ => None,
            });
            Some(row(&socket, protocol?))
        }
        _ => None,
    });
    sockets.collect()
}

/// The messages of a datagram, up to one that cannot be read.
fn messages(mut datagram: &[u8]) -> impl Iterator<Item = NetlinkMessage<SockDiagMessage>> + '_ {
    std::iter::from_fn(move || {
        let message = NetlinkMessage::deserialize(datagram).ok()?;
        // Each begins at a multiple of four.
        let length = (message.header.length as usize).next_multiple_of(4);
        datagram = datagram.get(length..).unwrap_or_default();
        Some(message)
    })
}

fn row(socket: &InetResponse, protocol: u8) -> Row {
    let id = &socket.header.socket_id;
    let place = |addr: IpAddr, port| SocketAddr::new(addr.to_canonical(), port);
    let transport = match protocol {
        IPPROTO_TCP => Transport::Tcp,
        IPPROTO_UDP => Transport::Udp,
        _ => Transport::Unknown,
    };
    Row {
        cookie: u64::from_ne_bytes(id.cookie),
        transport,
        listens: transport == Transport::Tcp && socket.header.state == TCP_LISTEN,
        local: place(id.source_address, id.source_port),
        remote: place(id.destination_address, id.destination_port),
        inode: socket.header.inode,
        bytes: socket.nlas.iter().find_map(|nla| match nla {
            Nla::TcpInfo(info) if transport == Transport::Tcp => bytes(info),
            _ => None,
        }),
    }
}

/// What was sent, each byte once, and received; none from kernels that do not count it.
fn bytes(info: &[u8]) -> Option<[u64; 2]> {
    let number = |at: usize| Some(u64::from_ne_bytes(*info.get(at..)?.first_chunk()?));
    let sent = number(SENT_AT)?.saturating_sub(number(SENT_AGAIN_AT)?);
    Some([sent, number(RECEIVED_AT)?])
}

#[cfg(test)]
mod tests;
