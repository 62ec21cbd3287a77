//! From the bytes of a pcap file to frames: microseconds and nanoseconds, either byte order, and
//! the variants that say in their magic how they differ (Kuznetzov's 24-byte records, Ixia's lcap).
//!
//! Variants that share a magic with another format and can only be guessed (Nokia, Red Hat 6.1,
//! SuSE 6.3) are read as what their magic says. A record of more than 256 KiB is damage, as for
//! libpcap; link types that carry transfers and not packets may go up to 16 MiB.

use super::error::Fault;
use super::window::Window;
use crate::packet::frame::{Frame, LinkType};
use crate::time::Timestamp;

/// Bytes of a file header, the magic included.
const FILE_HEADER_BYTES: usize = 24;

/// Bytes that every record header begins with: seconds, fraction, captured and original length.
const RECORD_BYTES: usize = 16;

/// The longest record of a link type; libpcap's `MAXIMUM_SNAPLEN` where it has no larger one, and
/// at most 16 MiB where it has.
pub(super) fn caplen_max(link: LinkType) -> u32 {
    match link {
        LinkType::USB_LINUX
        | LinkType::USB_LINUX_MMAPPED
        | LinkType::USBPCAP
        | LinkType::DBUS
        | LinkType::EBHSCR => 16 << 20,
        _ => 262_144,
    }
}

/// Which of the two lengths of a record comes first; tcpdump changed its mind in version 2.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lengths {
    CapturedFirst,
    OriginalFirst,
    /// The smaller one is the captured one.
    Either,
}

/// How the records of a file are laid out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Classic {
    big_endian: bool,
    /// Nanoseconds in one unit of a record's fraction.
    fraction_nanos: u32,
    /// Bytes between the record's lengths and its data, of no use here.
    extra_bytes: usize,
    lengths: Lengths,
    link: LinkType,
    caplen_max: u32,
}

/// What a magic says: (nanoseconds in a fraction, extra bytes in a record header, extra in the
/// file's).
fn variant(magic: u32) -> Option<(u32, usize, usize)> {
    match magic {
        0xa1b2_c3d4 => Some((1_000, 0, 0)),
        0xa1b2_3c4d => Some((1, 0, 0)),
        // Kuznetzov: interface index, protocol, packet type.
        0xa1b2_cd34 => Some((1_000, 8, 0)),
        // Ixia lcap, by hardware and by software: the bytes of all records follow the file header.
        0x1c00_01ac => Some((1, 0, 4)),
        0x1c00_01ab => Some((1_000, 0, 4)),
        _ => None,
    }
}

impl Classic {
    /// Whether a stream that begins with these bytes is a pcap file.
    pub(super) fn begins(first: [u8; 4]) -> bool {
        variant(u32::from_be_bytes(first)).is_some() || variant(u32::from_le_bytes(first)).is_some()
    }

    /// Reads the file header; call it when [`Classic::begins`] said yes.
    pub(super) fn open(window: &mut Window) -> Result<Classic, Fault> {
        let short = "the pcap file header";
        if !window.has(FILE_HEADER_BYTES) {
            return Err(window.cut_short(0, short));
        }
        let header: [u8; FILE_HEADER_BYTES] = match window.bytes().first_chunk() {
            Some(header) => *header,
            None => return Err(window.cut_short(0, short)),
        };
        let big_endian = variant(u32_at(&header, 0, true)).is_some();
        let magic = u32_at(&header, 0, big_endian);
        let (fraction_nanos, extra_bytes, file_extra) = variant(magic).unwrap_or((1_000, 0, 0));
        if !window.skip((FILE_HEADER_BYTES + file_extra) as u64) {
            return Err(window.cut_short(0, short));
        }
        let version = u32_at(&header, 4, big_endian);
        let (major, minor) = match big_endian {
            true => (version >> 16, version & 0xffff),
            false => (version & 0xffff, version >> 16),
        };
        let lengths = match (major, minor) {
            // 543.0 is DG/UX.
            (2, 0..=2) | (543, 0) => Lengths::OriginalFirst,
            (2, 3) => Lengths::Either,
            _ => Lengths::CapturedFirst,
        };
        // The upper half says whether a frame check sequence follows the data, and a class of link
        // types.
        let link = LinkType(u32_at(&header, 20, big_endian) as u16);
        Ok(Classic {
            big_endian,
            fraction_nanos,
            extra_bytes,
            lengths,
            link,
            caplen_max: caplen_max(link),
        })
    }

    /// The next frame, or none where the file ends between two records.
    #[inline]
    pub(super) fn next<'w>(&self, window: &'w mut Window) -> Result<Option<Frame<'w>>, Fault> {
        if !window.has(RECORD_BYTES) {
            return match window.at_end() {
                true => Ok(None),
                false => Err(window.cut_short(window.offset(), "a record header")),
            };
        }
        let Some(header) = window.bytes().first_chunk::<RECORD_BYTES>() else {
            return Ok(None);
        };
        let seconds = u32_at(header, 0, self.big_endian);
        let fraction = u32_at(header, 4, self.big_endian);
        let mut captured = u32_at(header, 8, self.big_endian);
        let mut original = u32_at(header, 12, self.big_endian);
        if self.lengths != Lengths::CapturedFirst
            && (self.lengths == Lengths::OriginalFirst || captured > original)
        {
            std::mem::swap(&mut captured, &mut original);
        }
        if captured > self.caplen_max {
            return Err(self.too_long(window.offset(), captured));
        }
        let data_at = RECORD_BYTES + self.extra_bytes;
        let record_bytes = data_at + captured as usize;
        if !window.has(record_bytes) {
            return Err(window.cut_short(window.offset(), "a record"));
        }
        // Cannot leave 64 bits: 2^32 seconds are 2^62 ns.
        let nanos = i64::from(seconds) * 1_000_000_000
            + i64::from(fraction) * i64::from(self.fraction_nanos);
        Ok(Some(Frame {
            at: Timestamp::from_nanos(nanos),
            link: self.link,
            bytes: window.take(record_bytes).get(data_at..).unwrap_or_default(),
            wire_len: original,
        }))
    }

    #[cold]
    fn too_long(&self, offset: u64, captured: u32) -> Fault {
        Fault::Damaged {
            offset,
            what: format!(
                "a record claims {captured} captured bytes, more than the {} that are possible",
                self.caplen_max
            ),
        }
    }
}

/// The 32-bit number at `at`, 0 where the header ends before it.
#[inline(always)]
fn u32_at<const N: usize>(header: &[u8; N], at: usize, big_endian: bool) -> u32 {
    let bytes = match header.get(at..) {
        Some([a, b, c, d, ..]) => [*a, *b, *c, *d],
        _ => [0; 4],
    };
    match big_endian {
        true => u32::from_be_bytes(bytes),
        false => u32::from_le_bytes(bytes),
    }
}
