//! From bytes to records and back, and from records to others like them.
//!
//! A record is `kind`, `arg`, the length of its bytes (16 bits, low byte first), its bytes. Any
//! bytes are records: a length beyond the end means the rest. [`mutate`] keeps the framing, so that
//! a fuzzer's changes stay where they were made.

/// One record; what `kind` and `arg` mean is the target's business.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    pub kind: u8,
    pub arg: u8,
    pub bytes: Vec<u8>,
}

/// The records of an input.
pub fn parse(mut input: &[u8]) -> Vec<Record> {
    let mut records = Vec::new();
    while let Some(([kind, arg, low, high], rest)) = input.split_first_chunk::<4>() {
        let len = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
        let (bytes, rest) = rest.split_at(len);
        records.push(Record {
            kind: *kind,
            arg: *arg,
            bytes: bytes.to_vec(),
        });
        input = rest;
    }
    records
}

/// The input that [`parse`] makes `records` of.
pub fn write(records: &[Record]) -> Vec<u8> {
    let mut input = Vec::new();
    for record in records {
        let bytes = &record.bytes[..record.bytes.len().min(usize::from(u16::MAX))];
        input.extend([record.kind, record.arg]);
        input.extend((bytes.len() as u16).to_le_bytes());
        input.extend(bytes);
    }
    input
}

/// Changes an input of `size` bytes within `data`, which has room for `max_size`; gives its new
/// size. `change` is the fuzzer's own mutation of plain bytes, `mend` repairs a record's bytes
/// (lengths within them) now and then.
pub fn mutate(
    data: &mut [u8],
    size: usize,
    max_size: usize,
    seed: u32,
    change: impl FnMut(&mut [u8], usize, usize) -> usize,
    mend: fn(&mut Record),
) -> usize {
    let mut records = parse(&data[..size]);
    let mut dice = Dice(u64::from(seed) ^ 0x9e37_79b9_7f4a_7c15);
    let room = max_size.saturating_sub(size).min(2048);
    step(&mut records, &mut dice, room, change, mend);
    let input = write(&records);
    let len = input.len().min(max_size);
    data[..len].copy_from_slice(&input[..len]);
    len
}

fn step(
    records: &mut Vec<Record>,
    dice: &mut Dice,
    room: usize,
    mut change: impl FnMut(&mut [u8], usize, usize) -> usize,
    mend: fn(&mut Record),
) {
    if records.is_empty() {
        records.push(Record {
            kind: 0,
            arg: 0,
            bytes: vec![0; 8],
        });
    }
    let at = dice.below(records.len());
    let other = dice.below(records.len());
    match dice.below(16) {
        0 => records[at].kind ^= 1 << dice.below(8),
        1 => records[at].arg = dice.below(256) as u8,
        2 if records.len() > 1 => drop(records.remove(at)),
        3 if records[at].bytes.len() + 4 <= room => {
            let copy = records[at].clone();
            records.insert(other, copy);
        }
        4 => records.swap(at, other),
        5 => {
            let cut = dice.below(records[at].bytes.len() + 1);
            let bytes = records[at].bytes.split_off(cut);
            let Record { kind, arg, .. } = records[at];
            records.insert(at + 1, Record { kind, arg, bytes });
        }
        6 if at + 1 < records.len() => {
            let next = records.remove(at + 1);
            records[at].bytes.extend(next.bytes);
        }
        _ => {
            let bytes = &mut records[at].bytes;
            let size = bytes.len();
            bytes.resize(size + room, 0);
            let len = change(bytes, size, size + room);
            bytes.truncate(len);
            if dice.below(2) == 0 {
                mend(&mut records[at]);
            }
        }
    }
}

/// SplitMix64: what a seed says, the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((word ^ (word >> 31)) % bound.max(1) as u64) as usize
    }
}
