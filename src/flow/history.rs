//! From what happened in a flow to Zeek's history letters.

use crate::net::Side;
use serde::{Deserialize, Serialize};

/// The letters of a flow's history, at most [`History::LETTERS_MAX`]: later ones are left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    letters: Vec<u8>,
    /// Letters that appear once a direction: a bit for each letter and side.
    once: [u32; 2],
    /// Occurrences of the letters that repeat logarithmically; most flows have none.
    counts: Option<Box<[[u32; 5]; 2]>>,
}

impl History {
    /// Zeek bounds nothing here; a peer that varies its SYNs would grow the row without end.
    pub const LETTERS_MAX: usize = 64;

    /// Adds `letter` (upper case) for `side`, every time.
    pub fn add(&mut self, side: Side, letter: u8) {
        if self.letters.len() < Self::LETTERS_MAX {
            self.letters.push(letter_of(side, letter));
        }
    }

    /// Adds `letter` for `side` unless it is there; says whether it was new.
    pub fn add_once(&mut self, side: Side, letter: u8) -> bool {
        let bit = 1 << (letter & 31);
        let seen = &mut self.once[side.index()];
        let new = *seen & bit == 0;
        *seen |= bit;
        if new {
            self.add(side, letter);
        }
        new
    }

    /// Counts an occurrence of `letter` (one of `C G T W`) and adds it at the 1st, 10th, 100th ...
    /// one.
    pub fn add_logarithmic(&mut self, side: Side, letter: u8) {
        self.insert_logarithmic(self.letters.len(), side, letter);
    }

    /// How many letters there are so far: a place in the history.
    pub fn place(&self) -> usize {
        self.letters.len()
    }

    /// As [`History::add_logarithmic`], for what happened when there were only `at` letters; says
    /// whether there is a new one.
    pub fn insert_logarithmic(&mut self, at: usize, side: Side, letter: u8) -> bool {
        let slot = match letter {
            b'C' => 0,
            b'G' => 1,
            b'T' => 2,
            b'W' => 3,
            _ => 4,
        };
        let count = &mut self.counts.get_or_insert_default()[side.index()][slot];
        *count = count.saturating_add(1);
        if 10u32.pow(count.ilog10()) != *count || self.letters.len() >= Self::LETTERS_MAX {
            return false;
        }
        let at = at.min(self.letters.len());
        self.letters.insert(at, letter_of(side, letter));
        true
    }

    /// Turns the flow round: what was told of one side is told of the other, with `^` in front.
    pub fn flip(&mut self) {
        self.once.swap(0, 1);
        if let Some(counts) = &mut self.counts {
            counts.swap(0, 1);
        }
        for letter in &mut self.letters {
            *letter ^= if letter.is_ascii_alphabetic() {
                0x20
            } else {
                0
            };
        }
        self.letters.insert(0, b'^');
    }

    /// The letters.
    pub fn text(&self) -> Box<str> {
        String::from_utf8_lossy(&self.letters).into()
    }
}

fn letter_of(side: Side, letter: u8) -> u8 {
    match side {
        Side::Originator => letter,
        Side::Responder => letter.to_ascii_lowercase(),
    }
}
