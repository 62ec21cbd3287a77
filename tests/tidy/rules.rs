//! From one file's text to its faults: imports, purity, lengths, names, machine paths.

use crate::code::{code, first_names, is_word, line_of, without_tests, words};
use std::fmt;

const LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;
const COLUMNS_MAX: usize = 100;

/// What is wrong, and where.
pub struct Fault {
    pub path: String,
    pub line: usize,
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

fn fault(path: &str, line: usize, what: impl Into<String>) -> Fault {
    Fault {
        path: path.to_string(),
        line,
        what: what.into(),
    }
}

/// A module, and the modules that it may name. A row names only rows above it.
///
/// `observe` stands high: its facts are the words that flow, inspectors and detector share.
type Row = (&'static str, &'static str);
const CORE: &[Row] = &[
    ("time", ""),
    ("net", ""),
    ("limits", "time"),
    ("weird", ""),
    ("observe", "time net weird"),
    ("fingerprint", "net"),
    ("packet", "time net limits weird"),
    ("flow", "time net limits weird observe packet fingerprint"),
    ("inspect", "time net limits weird observe flow fingerprint"),
    ("profile", "time net limits observe flow"),
    ("baseline", "time net limits profile observe"),
    ("host", "time net limits observe baseline"),
    ("endpoint", "time net limits observe baseline host"),
    (
        "detect",
        "time net limits weird observe fingerprint inspect profile host baseline endpoint",
    ),
    (
        "record",
        "time net limits weird observe fingerprint inspect profile host baseline endpoint detect",
    ),
    (
        "sensor",
        "time net limits weird observe fingerprint packet flow inspect profile host baseline \
         endpoint detect record",
    ),
];
const SHELL: &[Row] = &[
    ("capture", "time packet limits"),
    ("zeeklogs", "time net observe baseline record capture"),
    ("scenario", "time net packet fingerprint"),
    ("sink", "time net observe record"),
    ("store", "baseline endpoint detect sensor time"),
    ("intake", "time net endpoint"),
    ("agent", "time net endpoint"),
    ("console", "time net record detect endpoint store"),
    ("run", "*"),
    ("config", "*"),
    ("cli", "*"),
    ("main", "*"),
    ("lib", "*"),
];

fn row(module: &str) -> Option<Row> {
    CORE.iter()
        .chain(SHELL)
        .copied()
        .find(|(name, _)| *name == module)
}

fn is_core(module: &str) -> bool {
    CORE.iter().any(|(name, _)| *name == module)
}

/// `src/flow/key.rs` is in module `flow`, two below the crate.
fn place(path: &str) -> (&str, usize) {
    let inner = path.trim_start_matches("src/").trim_end_matches(".rs");
    let inner = inner.trim_end_matches("/mod");
    (
        inner.split('/').next().unwrap_or(inner),
        inner.split('/').count(),
    )
}

/// Whether the whole file is a test's: `tests.rs`, or below a folder `tests`.
fn is_test(path: &str) -> bool {
    path.starts_with("tests/") || path.ends_with("/tests.rs") || path.contains("/tests/")
}

/// Modules named that may not be; a module that the table does not know.
pub fn imports(path: &str, text: &str) -> Vec<Fault> {
    if !path.starts_with("src/") || is_test(path) {
        return Vec::new();
    }
    let (module, depth) = place(path);
    let Some((_, may)) = row(module) else {
        return vec![fault(
            path,
            1,
            format!("module {module} is in no row of the table"),
        )];
    };
    let code = code(without_tests(text));
    let outwards = "super::".repeat(depth);
    let mut named = first_names(&code, "crate::");
    named.extend(first_names(&code, &outwards).into_iter().filter(|(at, _)| {
        // A longer chain of `super` is found at its own beginning only.
        !code[..at - outwards.len()].ends_with("::")
    }));
    let forbidden = |name: &str| {
        name != module
            && row(name).is_some()
            && !may.split(' ').any(|one| one == name || one == "*")
    };
    let found = named.into_iter().filter(|(_, name)| forbidden(name));
    found
        .map(|(at, name)| {
            fault(
                path,
                line_of(&code, at),
                format!("{module} may not name {name}"),
            )
        })
        .collect()
}

const STD_FORBIDDEN: &[&str] = &["time", "fs", "thread", "env", "process", "os"];
const WORDS_FORBIDDEN: &[&str] = &[
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "ToSocketAddrs",
    "stdin",
    "stdout",
    "stderr",
    "println!",
    "print!",
    "eprintln!",
    "eprint!",
    "dbg!",
    "static mut",
    "thread_local!",
];

/// Clocks, files, sockets, threads, environment and prints in the core.
pub fn purity(path: &str, text: &str) -> Vec<Fault> {
    if !path.starts_with("src/") || is_test(path) || !is_core(place(path).0) {
        return Vec::new();
    }
    let code = code(without_tests(text));
    let of_std = first_names(&code, "std::").into_iter();
    let mut found: Vec<(usize, &str)> = of_std
        .filter(|(_, name)| STD_FORBIDDEN.contains(name))
        .collect();
    for word in WORDS_FORBIDDEN {
        found.extend(words(&code, word).map(|at| (at, *word)));
    }
    found.sort_unstable();
    let what = |name| format!("{name}: the core has no clock, file, socket, thread or environment");
    found
        .into_iter()
        .map(|(at, name)| fault(path, line_of(&code, at), what(name)))
        .collect()
}

/// Files above 400 lines, functions above 70, lines above 100 columns, outside tests.
pub fn lengths(path: &str, text: &str) -> Vec<Fault> {
    if is_test(path) {
        return Vec::new();
    }
    let text = without_tests(text);
    let mut faults = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let columns = line.chars().count();
        if columns > COLUMNS_MAX {
            faults.push(fault(path, index + 1, format!("{columns} columns")));
        }
    }
    let lines = text.lines().count();
    if lines > LINES_MAX {
        faults.push(fault(path, lines, format!("{lines} lines in a file")));
    }
    let code = code(text);
    for at in words(&code, "fn ") {
        let first = line_of(&code, at);
        let last = body_end(&code, at).map_or(first, |end| line_of(&code, end));
        if last - first + 1 > FUNCTION_LINES_MAX {
            faults.push(fault(
                path,
                first,
                format!("{} lines in a function", last - first + 1),
            ));
        }
    }
    faults
}

/// Where the body of the function at `at` closes; `None` when it has none.
fn body_end(code: &str, at: usize) -> Option<usize> {
    let (mut within, mut depth) = (0i32, 0i32);
    for (place, byte) in code.bytes().enumerate().skip(at) {
        match byte {
            b'(' | b'[' => within += 1,
            b')' | b']' => within -= 1,
            b';' if depth == 0 && within == 0 => return None,
            b'{' => depth += 1,
            b'}' => {
                depth -= 1;
                if depth == 0 {
                    return Some(place);
                }
            }
            _ => {}
        }
    }
    None
}

/// A file or folder of `src` whose name does not say what is in it.
pub fn names(path: &str) -> Vec<Fault> {
    const EMPTY: &[&str] = &[
        "util", "utils", "common", "helper", "helpers", "types", "misc", "shared",
    ];
    let inside = path.starts_with("src/");
    let parts = path
        .trim_end_matches(".rs")
        .split('/')
        .filter(|part| EMPTY.contains(part));
    parts
        .filter(|_| inside)
        .map(|part| fault(path, 1, format!("a module named {part}")))
        .collect()
}

/// Paths that exist on one machine only.
pub fn machine_paths(path: &str, text: &str) -> Vec<Fault> {
    // In pieces, so that this file is none of its own faults.
    let roots = [
        ["/wo", "rk/"],
        ["/ro", "ot/"],
        ["/ho", "me/"],
        ["/tmp", "/h/"],
    ];
    let mut faults = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for root in roots.map(|pieces| pieces.concat()) {
            let absolute = |at: usize| !at.checked_sub(1).is_some_and(|i| is_part(line, i));
            // Where homes lie is no secret of one machine; whose they are is.
            let names = |at: usize| !line[at + root.len()..].starts_with(['%', '"']);
            let mut found = line.match_indices(&root).map(|(at, _)| at);
            if found.any(|at| absolute(at) && names(at)) {
                faults.push(fault(
                    path,
                    index + 1,
                    format!("the machine's own path {root}"),
                ));
            }
        }
    }
    faults
}

fn is_part(line: &str, at: usize) -> bool {
    line.as_bytes()
        .get(at)
        .is_some_and(|b| is_word(*b) || matches!(b, b'.' | b'}' | b'$' | b')'))
}
