//! From the bytes of a pcapng file (draft-ietf-opsawg-pcapng) to frames: sections of either byte
//! order, interfaces with link types, snaplens and clocks of their own, all three packet blocks.
//!
//! Names, comments, statistics, secrets and blocks that it does not know are read past. A block
//! that it reads has at most 16 MiB, a packet what its link type may have in a pcap file, a section
//! 65,536 interfaces.

use super::classic::caplen_max;
use super::clock::Clock;
use super::error::Fault;
use super::window::Window;
use crate::packet::frame::{Frame, LinkType};
use crate::time::Timestamp;
use std::ops::Range;

/// The type of a section header block, the same in either byte order.
pub(super) const SECTION_MAGIC: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

/// Type and total length in front of a block's body.
const HEADER_BYTES: usize = 8;

/// Header and the total length again, after the body.
const FRAMING_BYTES: u32 = 12;

const BLOCK_BYTES_MAX: u32 = 16 << 20;
const INTERFACES_MAX: usize = 65_536;

#[derive(Clone, Copy, Debug)]
struct Interface {
    link: LinkType,
    /// 0 for no limit.
    snaplen: u32,
    clock: Clock,
}

/// What the section read so far says about the blocks to come.
#[derive(Debug)]
pub(super) struct Pcapng {
    big_endian: bool,
    interfaces: Vec<Interface>,
    /// The moment of the last packet that had one: simple packet blocks have none.
    last_at: Timestamp,
}

/// A packet block, as places in it.
struct Found {
    at: Timestamp,
    link: LinkType,
    data: Range<usize>,
    wire_len: u32,
}

/// A block's type and how many bytes it has on file, its framing included.
struct Header {
    kind: u32,
    total: u32,
    span: u32,
}

impl Pcapng {
    pub(super) fn new() -> Pcapng {
        Pcapng {
            big_endian: false,
            interfaces: Vec::new(),
            last_at: Timestamp::from_nanos(0),
        }
    }

    /// The next frame, or none where the file ends between two blocks.
    pub(super) fn next<'w>(&mut self, window: &'w mut Window) -> Result<Option<Frame<'w>>, Fault> {
        loop {
            let Some(header) = self.header(window)? else {
                return Ok(None);
            };
            let is_read = matches!(
                header.kind,
                SECTION | INTERFACE | OBSOLETE_PACKET | SIMPLE_PACKET | ENHANCED_PACKET
            );
            if !is_read {
                self.skip(window, &header)?;
                continue;
            }
            let Some(found) = self.block(window, &header)? else {
                window.take(header.span as usize);
                continue;
            };
            let block = window.take(header.span as usize);
            return Ok(Some(Frame {
                at: found.at,
                link: found.link,
                bytes: block.get(found.data).unwrap_or_default(),
                wire_len: found.wire_len,
            }));
        }
    }

    /// Looks at the header of the next block; none at the end of the file.
    fn header(&mut self, window: &mut Window) -> Result<Option<Header>, Fault> {
        if !window.has(HEADER_BYTES) {
            return match window.at_end() {
                true => Ok(None),
                false => Err(window.cut_short(window.offset(), "a block header")),
            };
        }
        if window.bytes().starts_with(&SECTION_MAGIC) {
            if !window.has(FRAMING_BYTES as usize) {
                return Err(window.cut_short(window.offset(), "a section header"));
            }
            self.big_endian = match window.bytes().get(8..12) {
                Some([0x1a, 0x2b, 0x3c, 0x4d]) => true,
                Some([0x4d, 0x3c, 0x2b, 0x1a]) => false,
                _ => {
                    return Err(damaged(
                        window,
                        "a section header without a byte order".into(),
                    ));
                }
            };
        }
        let kind = self.u32_at(window.bytes(), 0);
        let total = self.u32_at(window.bytes(), 4);
        if total < FRAMING_BYTES {
            let what = format!("a block of type {kind} claims {total} bytes, fewer than any has");
            return Err(damaged(window, what));
        }
        let Some(span) = total.checked_next_multiple_of(4) else {
            return Err(damaged(window, format!("a block claims {total} bytes")));
        };
        Ok(Some(Header { kind, total, span }))
    }

    /// Reads past a block, whatever its length.
    fn skip(&self, window: &mut Window, header: &Header) -> Result<(), Fault> {
        let offset = window.offset();
        if !window.skip(u64::from(header.span) - 4) || !window.has(4) {
            return Err(window.cut_short(offset, "a block"));
        }
        let trailer = self.u32_at(window.take(4), 0);
        self.check_trailer(header, trailer, offset)
    }

    /// Some writers do not round the length up to a multiple of four, though they do fill the block
    /// up; like Wireshark, this reads them. A length that differs from its repetition is damage to
    /// both.
    fn check_trailer(&self, header: &Header, trailer: u32, offset: u64) -> Result<(), Fault> {
        if trailer == header.total || trailer == header.span {
            return Ok(());
        }
        Err(Fault::Damaged {
            offset,
            what: format!(
                "a block of type {} claims {} bytes at its begin and {trailer} at its end",
                header.kind, header.total
            ),
        })
    }

    /// Reads the block at the front of the window, which it leaves there.
    fn block(&mut self, window: &mut Window, header: &Header) -> Result<Option<Found>, Fault> {
        if header.span > BLOCK_BYTES_MAX {
            let (kind, total) = (header.kind, header.total);
            let what = format!("a block of type {kind} claims {total} bytes, more than 16 MiB");
            return Err(damaged(window, what));
        }
        let span = header.span as usize;
        if !window.has(span) {
            return Err(window.cut_short(window.offset(), "a block"));
        }
        let block = window.bytes().get(..span).unwrap_or_default();
        self.check_trailer(header, self.u32_at(block, span - 4), window.offset())?;
        let body = block.get(..span - 4).unwrap_or_default();
        let outcome = match header.kind {
            SECTION => self.section(body).map(|()| None),
            INTERFACE => self.interface(body).map(|()| None),
            SIMPLE_PACKET => self.simple_packet(body).map(Some),
            kind => self.packet(body, kind == OBSOLETE_PACKET).map(Some),
        };
        outcome.map_err(|what| damaged(window, what))
    }

    /// Begins a section: nothing of the one before holds. `block` has the header, not the trailer;
    /// so below.
    fn section(&mut self, block: &[u8]) -> Result<(), String> {
        let (major, minor) = (self.u16_at(block, 12), self.u16_at(block, 14));
        if block.len() < 24 {
            return Err("a section header is too short".into());
        }
        if major != 1 {
            return Err(format!("a section is of pcapng version {major}.{minor}"));
        }
        self.interfaces.clear();
        Ok(())
    }

    fn interface(&mut self, block: &[u8]) -> Result<(), String> {
        let Some((_, mut options)) = block.split_at_checked(16) else {
            return Err("an interface description is too short".into());
        };
        if self.interfaces.len() >= INTERFACES_MAX {
            return Err(format!(
                "a section has more than {INTERFACES_MAX} interfaces"
            ));
        }
        let mut resolution = Clock::MICROSECONDS;
        let mut offset_seconds = 0;
        // Options that contradict themselves end the list: what they would say is not needed for
        // frames.
        while options.len() >= 4 {
            let code = self.u16_at(options, 0);
            let bytes = usize::from(self.u16_at(options, 2));
            let value = options.get(4..4 + bytes);
            match (code, value) {
                (0, _) | (_, None) => break,
                (9, Some([units, ..])) => resolution = *units,
                (14, Some(value)) => offset_seconds = self.u64_at(value, 0) as i64,
                _ => {}
            }
            let next = 4 + bytes.next_multiple_of(4);
            options = options.get(next..).unwrap_or_default();
        }
        self.interfaces.push(Interface {
            link: LinkType(self.u16_at(block, 8)),
            snaplen: self.u32_at(block, 12),
            clock: Clock::new(resolution, offset_seconds),
        });
        Ok(())
    }

    /// An enhanced packet block, or the obsolete one, which has two bytes of interface and two of
    /// drops.
    fn packet(&mut self, block: &[u8], obsolete: bool) -> Result<Found, String> {
        const DATA_AT: usize = 28;
        if block.len() < DATA_AT {
            return Err("a packet block is too short".into());
        }
        let index = match obsolete {
            true => u32::from(self.u16_at(block, 8)),
            false => self.u32_at(block, 8),
        };
        let interface = self.interface_at(index)?;
        let units = u64::from(self.u32_at(block, 12)) << 32 | u64::from(self.u32_at(block, 16));
        let captured = self.u32_at(block, 20);
        let data = data_range(block, DATA_AT, captured, interface.link)?;
        let at = interface.clock.at(units);
        let link = interface.link;
        self.last_at = at;
        Ok(Found {
            at,
            link,
            data,
            wire_len: self.u32_at(block, 24),
        })
    }

    /// A simple packet block: of the first interface, cut to its snaplen, without a time.
    fn simple_packet(&self, block: &[u8]) -> Result<Found, String> {
        const DATA_AT: usize = 12;
        if block.len() < DATA_AT {
            return Err("a packet block is too short".into());
        }
        let interface = self.interface_at(0)?;
        let wire_len = self.u32_at(block, 8);
        let captured = match interface.snaplen {
            0 => wire_len,
            snaplen => wire_len.min(snaplen),
        };
        Ok(Found {
            at: self.last_at,
            link: interface.link,
            data: data_range(block, DATA_AT, captured, interface.link)?,
            wire_len,
        })
    }

    fn interface_at(&self, index: u32) -> Result<&Interface, String> {
        self.interfaces.get(index as usize).ok_or_else(|| {
            let there = self.interfaces.len();
            format!("a packet is of interface {index}, but the section has described {there}")
        })
    }

    #[inline(always)]
    fn u16_at(&self, bytes: &[u8], at: usize) -> u16 {
        let number = bytes.get(at..).and_then(|rest| rest.first_chunk());
        let number = number.copied().unwrap_or_default();
        match self.big_endian {
            true => u16::from_be_bytes(number),
            false => u16::from_le_bytes(number),
        }
    }

    #[inline(always)]
    fn u32_at(&self, bytes: &[u8], at: usize) -> u32 {
        let number = bytes.get(at..).and_then(|rest| rest.first_chunk());
        let number = number.copied().unwrap_or_default();
        match self.big_endian {
            true => u32::from_be_bytes(number),
            false => u32::from_le_bytes(number),
        }
    }

    fn u64_at(&self, bytes: &[u8], at: usize) -> u64 {
        let number = bytes.get(at..).and_then(|rest| rest.first_chunk());
        let number = number.copied().unwrap_or_default();
        match self.big_endian {
            true => u64::from_be_bytes(number),
            false => u64::from_le_bytes(number),
        }
    }
}

/// Where in a block its packet is.
fn data_range(
    block: &[u8],
    from: usize,
    captured: u32,
    link: LinkType,
) -> Result<Range<usize>, String> {
    let most = caplen_max(link);
    if captured > most {
        return Err(format!(
            "a packet claims {captured} captured bytes, more than the {most} that are possible"
        ));
    }
    let until = from + captured as usize;
    if until > block.len() {
        let there = block.len() - from;
        return Err(format!(
            "a packet claims {captured} captured bytes, its block has {there}"
        ));
    }
    Ok(from..until)
}

/// Damage of the block at the front of the window.
fn damaged(window: &Window, what: String) -> Fault {
    Fault::Damaged {
        offset: window.offset(),
        what,
    }
}
