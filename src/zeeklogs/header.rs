//! From the lines that a TSV log begins with to which cell is which column.

use super::Kind;
use super::cells::{self, COLUMNS};

/// How a log is written, as far as its header has said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    pub separator: Vec<u8>,
    pub set_separator: Vec<u8>,
    pub empty: Vec<u8>,
    pub unset: Vec<u8>,
    /// For each column which of the wanted ones it is.
    pub slots: Option<Vec<Option<usize>>>,
}

impl Default for Header {
    fn default() -> Header {
        Header {
            separator: b"\t".to_vec(),
            set_separator: b",".to_vec(),
            empty: b"(empty)".to_vec(),
            unset: b"-".to_vec(),
            slots: None,
        }
    }
}

impl Header {
    /// Takes a line that begins with `#`; gives what is wrong or odd about it.
    pub fn take(&mut self, kind: Kind, line: &[u8]) -> Vec<String> {
        if let Some(separator) = line.strip_prefix(b"#separator ") {
            let separator = cells::unescape(separator);
            return match separator.is_empty() {
                true => vec!["the separator is empty: tabs are taken for it".into()],
                false => {
                    self.separator = separator;
                    Vec::new()
                }
            };
        }
        let separator = self.separator.clone();
        let mut parts = cells::split(line, &separator);
        let name = parts.next().unwrap_or_default();
        let mut faults = Vec::new();
        match name {
            b"#fields" => return self.take_fields(kind, parts),
            b"#types" => {
                let (types, columns) = (parts.count(), self.slots.as_ref().map_or(0, Vec::len));
                if types != columns {
                    faults.push(format!("{types} types for {columns} columns"));
                }
            }
            b"#path" => {
                let path = parts.next().unwrap_or_default();
                if path != kind.path().as_bytes() {
                    faults.push(format!(
                        "its path is {}, it is read as {}",
                        String::from_utf8_lossy(path),
                        kind.path()
                    ));
                }
            }
            b"#set_separator" => set(&mut self.set_separator, parts.next()),
            b"#empty_field" => set(&mut self.empty, parts.next()),
            b"#unset_field" => set(&mut self.unset, parts.next()),
            // `#open`, `#close`, and remarks.
            _ => {}
        }
        faults
    }

    fn take_fields<'a>(
        &mut self,
        kind: Kind,
        names: impl Iterator<Item = &'a [u8]>,
    ) -> Vec<String> {
        let names: Vec<&[u8]> = names.take(COLUMNS).collect();
        let mut faults = Vec::new();
        let unknown = names.iter().filter(|name| !kind.knows(name));
        let unknown: Vec<_> = unknown.map(|name| String::from_utf8_lossy(name)).collect();
        if !unknown.is_empty() {
            faults.push(format!("unknown columns, not read: {}", unknown.join(" ")));
        }
        let slots: Vec<Option<usize>> = names.iter().map(|name| kind.slot(name)).collect();
        let absent = |slot: &usize| !slots.contains(&Some(*slot));
        let required = kind.wanted().iter().take(kind.required()).enumerate();
        let missing: Vec<&str> = required
            .filter(|(slot, _)| absent(slot))
            .map(|(_, name)| *name)
            .collect();
        self.slots = missing.is_empty().then_some(slots);
        if !missing.is_empty() {
            let missing = missing.join(" ");
            faults.push(format!("without {missing} the rows cannot be used"));
        }
        faults
    }
}

fn set(value: &mut Vec<u8>, said: Option<&[u8]>) {
    if let Some(said) = said {
        *value = cells::unescape(said);
    }
}
