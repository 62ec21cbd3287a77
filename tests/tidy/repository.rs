//! From the repository's folder to its texts, captures and fixtures.

use crate::rules::Fault;
use std::fs;
use std::path::{Path, PathBuf};

/// Folders of `fixtures` that are of no capture: what the bench of that name made of scenarios,
/// lines and requests of endpoint agents, and those that go with another fixture's capture.
const ALONE: [&str; 5] = [
    "evaluation",
    "endpoint",
    "requests",
    "webhook-gateway",
    "webhook-process",
];

/// The folder that holds `Cargo.toml`.
pub struct Repository {
    root: PathBuf,
}

impl Repository {
    pub fn here() -> Self {
        Repository::at(Path::new(env!("CARGO_MANIFEST_DIR")))
    }

    pub fn at(root: &Path) -> Self {
        Repository {
            root: root.to_path_buf(),
        }
    }

    /// Rust files below `src` and `tests`, by path from the root, sorted.
    pub fn sources(&self) -> Vec<(String, String)> {
        self.read(|path| {
            path.ends_with(".rs") && (path.starts_with("src/") || path.starts_with("tests/"))
        })
    }

    /// Every file that is text.
    pub fn texts(&self) -> Vec<(String, String)> {
        self.read(|_| true)
    }

    fn read(&self, wanted: impl Fn(&str) -> bool) -> Vec<(String, String)> {
        let mut paths = Vec::new();
        walk(&self.root, &mut paths);
        let mut read = Vec::new();
        for path in paths {
            let name = path
                .strip_prefix(&self.root)
                .unwrap_or(&path)
                .display()
                .to_string();
            if wanted(&name)
                && let Ok(text) = fs::read_to_string(&path)
            {
                read.push((name, text));
            }
        }
        read.sort();
        read
    }

    /// Captures without a row in `pcaps/README.md`, rows without a capture, digests that differ.
    pub fn provenance(&self) -> Vec<Fault> {
        let readme = "pcaps/README.md";
        let text = fs::read_to_string(self.root.join(readme)).unwrap_or_default();
        let mut captures = self.captures();
        let mut faults = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let Some(name) = line
                .strip_prefix("| `")
                .and_then(|rest| rest.split('`').next())
            else {
                continue;
            };
            let fault = |what: String| Fault {
                path: readme.to_string(),
                line: index + 1,
                what,
            };
            let Some(at) = captures.iter().position(|capture| capture == name) else {
                faults.push(fault(format!("{name} is not there, or has two lines")));
                continue;
            };
            captures.remove(at);
            let digest = sha256(&self.root.join("pcaps").join(name));
            if !line.contains(&digest) {
                faults.push(fault(format!("the sha256 of {name} is {digest}")));
            }
        }
        faults.extend(captures.into_iter().map(|name| Fault {
            path: format!("pcaps/{name}"),
            line: 1,
            what: format!("no line in {readme} says where it came from"),
        }));
        faults
    }

    /// Folders of `fixtures` for which `pcaps` holds no capture.
    pub fn fixtures_without_capture(&self) -> Vec<Fault> {
        let captures = self.captures();
        let fixtures = names(&self.root.join("fixtures"));
        let known = |fixture: &String| {
            captures
                .iter()
                .any(|capture| capture.split('.').next() == Some(fixture))
        };
        let alone = fixtures
            .into_iter()
            .filter(|fixture| !ALONE.contains(&fixture.as_str()) && !known(fixture));
        let fault = |fixture| Fault {
            path: format!("fixtures/{fixture}"),
            line: 1,
            what: "no capture of that name in pcaps".to_string(),
        };
        alone.map(fault).collect()
    }

    fn captures(&self) -> Vec<String> {
        let of = names(&self.root.join("pcaps")).into_iter();
        of.filter(|name| name.contains(".pcap")).collect()
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    const SKIPPED: &[&str] = &["target", ".git"];
    for name in names(folder) {
        let path = folder.join(&name);
        if path.is_dir() && !SKIPPED.contains(&name.as_str()) {
            walk(&path, found);
        } else if path.is_file() {
            found.push(path);
        }
    }
}

fn sha256(path: &Path) -> String {
    let bytes = fs::read(path).unwrap_or_default();
    let digest = ring::digest::digest(&ring::digest::SHA256, &bytes);
    digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
