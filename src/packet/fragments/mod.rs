//! From the fragments of IP datagrams to whole datagrams (RFC 791, RFC 8200 section 4.5).
//!
//! It does not look at what a datagram carries, and an unfinished one gives nothing, as in Zeek.
//! Bytes are kept as they came and joined once, when the last hole is filled. Where fragments
//! claim the same bytes, the first to arrive keeps them in IPv4, as Zeek does; in IPv6 the
//! datagram is void (RFC 5722). Holds at most
//! [`fragment_bytes_max`](crate::limits::Limits::fragment_bytes_max) bytes, its own bookkeeping
//! counted in, of at most [`fragment_trains_max`](crate::limits::Limits::fragment_trains_max)
//! datagrams; beyond that the oldest leaves.

mod train;

use super::{Ip, Link, Network};
use crate::limits::Limits;
use crate::time::Timestamp;
use crate::weird::Weird;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::IpAddr;
use train::Train;

/// The longest datagram: its length fields have 16 bits.
const DATAGRAM_MAX: u32 = 65_535;

/// Below this total length a fragment that is not the last is odd: Zeek's bound.
const SMALL: u32 = 64;

/// A fragment's place in its frame and in its datagram. Lengths and offsets in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// What the link layer said.
    pub link: Link,
    /// How many tunnels and reassemblies stand around it.
    pub depth: u8,
    /// Source address.
    pub src: IpAddr,
    /// Destination address.
    pub dst: IpAddr,
    /// What the fragments of a datagram share.
    pub id: u32,
    /// Protocol of the datagram's payload.
    pub proto: u8,
    /// Offset within the datagram's payload.
    pub at: u32,
    /// Whether more fragments follow.
    pub more: bool,
    /// Whether fragmenting was forbidden.
    pub dont_fragment: bool,
    /// Where its IP header begins in the frame.
    pub start: u32,
    /// Length of what every fragment repeats: the IPv4 header, or the IPv6 header and the
    /// extensions before the fragment header.
    pub header_len: u32,
    /// Where in these, for IPv6, the field lies that names the fragment header.
    pub named_at: u32,
    /// Where its part of the payload begins in the frame.
    pub body_start: u32,
    /// How much of it was captured.
    pub body_captured: u32,
    /// How much of it was on the wire.
    pub body_len: u32,
}

impl Fragment {
    /// The fragment that `ip` is; what only a fragment has is still to be filled in, and where it
    /// was found is the caller's to say.
    pub(super) fn of(ip: &Ip) -> Fragment {
        Fragment {
            link: Link::default(),
            depth: 0,
            src: ip.src,
            dst: ip.dst,
            id: 0,
            proto: ip.proto,
            at: 0,
            more: false,
            dont_fragment: false,
            start: ip.header.start as u32,
            header_len: ip.header.len() as u32,
            named_at: 0,
            body_start: ip.body.start as u32,
            body_captured: ip.body.len() as u32,
            body_len: ip.body_len,
        }
    }

    /// The bytes of its IP header.
    pub fn header<'a>(&self, frame: &'a [u8]) -> &'a [u8] {
        let start = self.start as usize;
        let header = frame.get(start..start + self.header_len as usize);
        header.unwrap_or_default()
    }

    fn body<'a>(&self, frame: &'a [u8]) -> &'a [u8] {
        let start = self.body_start as usize;
        let body = frame.get(start..start + self.body_captured as usize);
        body.unwrap_or_default()
    }

    /// The length of a datagram that ends with this fragment, as its length field would say.
    fn datagram_len(&self) -> u32 {
        let fixed = if self.src.is_ipv4() { 0 } else { 40 };
        (self.header_len - fixed)
            .saturating_add(self.at)
            .saturating_add(self.body_len)
    }
}

/// A datagram that was whole on the wire before it was cut into fragments.
#[derive(Clone, Debug)]
pub struct Datagram {
    /// Its bytes, from the IP header on: up to the first one that was not captured.
    pub bytes: Vec<u8>,
    /// Bytes it had.
    pub wire_len: u32,
    /// Which IP header it begins with.
    pub network: Network,
}

/// What became of the fragments. Adding two accounts up is commutative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Fragments seen.
    pub seen: u64,
    /// Fragments of datagrams that became whole.
    pub joined: u64,
    /// Datagrams that became whole.
    pub datagrams: u64,
    /// Datagrams that did not become whole in time.
    pub expired: u64,
    /// Datagrams that left early because the bound was reached.
    pub evicted: u64,
    /// Bytes held, as of now.
    pub held_bytes: usize,
}

impl Tally {
    /// Adds another part's account.
    pub fn add(&mut self, other: &Tally) {
        self.seen += other.seen;
        self.joined += other.joined;
        self.datagrams += other.datagrams;
        self.expired += other.expired;
        self.evicted += other.evicted;
        self.held_bytes += other.held_bytes;
    }
}

/// What the fragments of a datagram share. In IPv6 the protocol is not part of it: only the first
/// fragment tells it (RFC 8200 section 4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Key {
    id: u32,
    proto: Option<u8>,
    src: IpAddr,
    dst: IpAddr,
    vlan: [Option<u16>; 2],
    depth: u8,
}

impl Key {
    fn of(fragment: &Fragment) -> Key {
        Key {
            id: fragment.id,
            proto: fragment.src.is_ipv4().then_some(fragment.proto),
            src: fragment.src,
            dst: fragment.dst,
            vlan: fragment.link.vlan,
            depth: fragment.depth,
        }
    }
}

/// The datagrams that wait for fragments.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Fragments {
    trains: BTreeMap<Key, Train>,
    /// The trains by their number, oldest first.
    by_age: BTreeMap<u64, Key>,
    opened: u64,
    /// What became of them.
    pub tally: Tally,
}

impl Fragments {
    /// Lets every datagram go whose time is up at `clock`: its reassembly began
    /// [`fragment_timeout`](Limits::fragment_timeout) ago.
    pub fn handle_clock(&mut self, limits: &Limits, clock: Timestamp) {
        while let Some((_, key)) = self.by_age.first_key_value() {
            let key = *key;
            let opened_at = self.trains.get(&key).map(|train| train.opened_at);
            if opened_at.is_some_and(|opened_at| opened_at + limits.fragment_timeout > clock) {
                return;
            }
            self.remove(&key);
            self.tally.expired += 1;
        }
    }

    /// Takes a fragment of `frame`; gives the datagram that it makes whole. What is odd about it
    /// goes to `weirds`.
    pub fn handle_fragment(
        &mut self,
        limits: &Limits,
        clock: Timestamp,
        fragment: &Fragment,
        frame: &[u8],
        weirds: &mut Vec<Weird>,
    ) -> Option<Datagram> {
        self.handle_clock(limits, clock);
        self.tally.seen += 1;
        let fragment = &vetted(*fragment, weirds)?;
        let key = Key::of(fragment);
        let train = match self.trains.entry(key) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                self.opened += 1;
                self.by_age.insert(self.opened, key);
                let train = Train::open(self.opened, clock, fragment);
                self.tally.held_bytes += train.cost();
                entry.insert(train)
            }
        };
        let before = train.cost();
        let is_whole = train.handle_fragment(fragment, frame, weirds);
        self.tally.held_bytes = self.tally.held_bytes + train.cost() - before;
        if is_whole {
            let train = self.remove(&key)?;
            self.tally.datagrams += 1;
            self.tally.joined += train.fragments;
            return Some(datagram(&train, fragment));
        }
        self.evict(limits);
        None
    }

    fn evict(&mut self, limits: &Limits) {
        while self.trains.len() > limits.fragment_trains_max
            || self.tally.held_bytes > limits.fragment_bytes_max
        {
            let Some((_, key)) = self.by_age.first_key_value() else {
                return;
            };
            let key = *key;
            self.remove(&key);
            self.tally.evicted += 1;
        }
    }

    fn remove(&mut self, key: &Key) -> Option<Train> {
        let train = self.trains.remove(key)?;
        self.by_age.remove(&train.number);
        self.tally.held_bytes -= train.cost();
        Some(train)
    }
}

/// The fragment as far as it can be used; what is odd about it alone goes to `weirds`.
fn vetted(mut fragment: Fragment, weirds: &mut Vec<Weird>) -> Option<Fragment> {
    if fragment.dont_fragment {
        // Linux does so for UDP whose path's MTU it is finding out.
        weirds.push(Weird::FragmentWithDf);
    }
    if fragment.datagram_len() > DATAGRAM_MAX {
        weirds.push(Weird::ExcessivelyLargeFragment);
        return None;
    }
    if fragment.more && fragment.header_len + fragment.body_len < SMALL {
        weirds.push(Weird::ExcessivelySmallFragment);
    }
    let excess = fragment.body_len % 8;
    if fragment.more && excess > 0 {
        weirds.push(Weird::FragmentSizeInconsistency);
        // IPv6 discards it (RFC 8200 section 4.5). IPv4 says nothing: what the next fragment
        // cannot claim exactly is left to it, as Linux does.
        if fragment.src.is_ipv6() {
            return None;
        }
        fragment.body_len -= excess;
        fragment.body_captured = fragment.body_captured.min(fragment.body_len);
    }
    (fragment.body_len > 0).then_some(fragment)
}

/// The datagram of a train that `last` made whole.
fn datagram(train: &Train, last: &Fragment) -> Datagram {
    let bytes = train.join();
    let network = match last.src {
        IpAddr::V4(_) => Network::Ipv4,
        IpAddr::V6(_) => Network::Ipv6,
    };
    Datagram {
        wire_len: train.wire_len(),
        bytes,
        network,
    }
}

#[cfg(test)]
mod tests;
