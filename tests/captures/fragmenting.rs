//! Frames cut into IP fragments, as a router with a small MTU would.

use super::Owned;

/// What stands before the IP header of an Ethernet frame without tags.
const ETHERNET: usize = 14;

/// `frames`, every IP packet that is longer than `len` bytes of payload cut into fragments of that
/// (a multiple of 8), out of order as `seed` says, and some of them twice.
pub fn fragmented(frames: &[Owned], len: usize, seed: u64) -> Vec<Owned> {
    let mut random = Random(seed | 1);
    let mut cut = Vec::new();
    for (number, owned) in frames.iter().enumerate() {
        let mut pieces = pieces(owned, len, number as u32).unwrap_or_default();
        if pieces.len() < 2 {
            cut.push(owned.clone());
            continue;
        }
        while pieces.len() > 1 {
            let piece = pieces.swap_remove(random.below(pieces.len()));
            if random.below(4) == 0 {
                cut.push(piece.clone());
            }
            cut.push(piece);
        }
        // Not the last: its copy would begin a datagram of its own.
        cut.extend(pieces);
    }
    cut
}

/// The fragments of a whole IP packet; none where it is none, or was cut before.
fn pieces(owned: &Owned, len: usize, id: u32) -> Option<Vec<Owned>> {
    let bytes = &owned.bytes;
    let be16 = |at: usize| Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]));
    let ip = ETHERNET;
    let (header, total) = match be16(12)? {
        0x0800 if bytes.get(ip) == Some(&0x45) && be16(ip + 6)? & 0x3fff == 0 => {
            (20, usize::from(be16(ip + 2)?))
        }
        // Protocols whose header follows at once.
        0x86dd if matches!(bytes.get(ip + 6), Some(6 | 17 | 58)) => {
            (40, 40 + usize::from(be16(ip + 4)?))
        }
        _ => return None,
    };
    let body = bytes.get(ip + header..ip + total)?;
    let head = &bytes[..ip + header];
    let starts = (0..body.len()).step_by(len);
    let piece = |at: usize| {
        let part = &body[at..body.len().min(at + len)];
        let more = at + len < body.len();
        let bytes = match header {
            20 => v4(head, id as u16, at, more, part),
            _ => v6(head, id, at, more, part),
        };
        Owned {
            wire_len: bytes.len() as u32,
            bytes,
            ..owned.clone()
        }
    };
    Some(starts.map(piece).collect())
}

fn v4(head: &[u8], id: u16, at: usize, more: bool, part: &[u8]) -> Vec<u8> {
    let mut bytes = head.to_vec();
    let ip = &mut bytes[ETHERNET..];
    let was_sound = sum(ip) == 0xffff;
    ip[2..4].copy_from_slice(&(20 + part.len() as u16).to_be_bytes());
    ip[4..6].copy_from_slice(&id.to_be_bytes());
    ip[6..8].copy_from_slice(&((at as u16 / 8) | (u16::from(more) << 13)).to_be_bytes());
    ip[10..12].fill(0);
    let checksum = if was_sound { !sum(ip) } else { 0 };
    ip[10..12].copy_from_slice(&checksum.to_be_bytes());
    bytes.extend(part);
    bytes
}

fn v6(head: &[u8], id: u32, at: usize, more: bool, part: &[u8]) -> Vec<u8> {
    let mut bytes = head.to_vec();
    let ip = &mut bytes[ETHERNET..];
    ip[4..6].copy_from_slice(&(8 + part.len() as u16).to_be_bytes());
    let proto = std::mem::replace(&mut ip[6], 44);
    bytes.extend([proto, 0]);
    bytes.extend((at as u16 | u16::from(more)).to_be_bytes());
    bytes.extend(id.to_be_bytes());
    bytes.extend(part);
    bytes
}

/// The sum of RFC 1071.
fn sum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks_exact(2);
    let total: u32 = words
        .map(|word| u32::from(u16::from_be_bytes([word[0], word[1]])))
        .sum();
    let folded = (total & 0xffff) + (total >> 16);
    ((folded & 0xffff) + (folded >> 16)) as u16
}

/// Xorshift: the same numbers for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}
