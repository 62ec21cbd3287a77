//! From what cannot be read to sentences that name file and line, and to their number.
//!
//! Keeps the first [`OF_A_FILE`] of a file and [`IN_ALL`] of a run; the rest is counted.

/// Sentences about one file.
const OF_A_FILE: u32 = 5;
/// Sentences in all.
const IN_ALL: usize = 200;

/// What went wrong, and how often.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// The first ones, each a sentence with its place.
    pub told: Vec<String>,
    /// All, those that are not told included.
    pub count: u64,
    /// Rows that were passed over.
    pub bad_rows: u64,
    /// Files that could not be read, or not to their end.
    pub bad_files: u64,
}

/// The faults of one file so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct OfFile(u32);

impl Faults {
    /// Tells a fault at `place`.
    pub fn tell(&mut self, of_file: &mut OfFile, place: impl Fn() -> String, what: &str) {
        self.count += 1;
        of_file.0 = of_file.0.saturating_add(1);
        if of_file.0 > OF_A_FILE || self.told.len() >= IN_ALL {
            return;
        }
        let more = match of_file.0 == OF_A_FILE {
            true => " (more of this file are only counted)",
            false => "",
        };
        self.told.push(format!("{}: {what}{more}", place()));
    }

    /// Takes over what was found elsewhere.
    pub fn add(&mut self, other: Faults) {
        let room = IN_ALL.saturating_sub(self.told.len());
        self.told.extend(other.told.into_iter().take(room));
        self.count += other.count;
        self.bad_rows += other.bad_rows;
        self.bad_files += other.bad_files;
    }

    /// Whether any input was lost.
    pub fn is_any_lost(&self) -> bool {
        self.bad_rows > 0 || self.bad_files > 0
    }
}
