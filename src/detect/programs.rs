//! From a process to what its program's name tells: a browser, a tool, who starts others.
//!
//! Names are claims: whoever renames a program has another one. They are compared with what the
//! wire shows, and lower nothing alone.

use super::client::{ClientClass, Kind};
use crate::endpoint::report::Process;

/// Programs that run others' instructions, or start them at their time.
const STARTERS: [&str; 16] = [
    "sh",
    "bash",
    "dash",
    "zsh",
    "fish",
    "ksh",
    "python",
    "python3",
    "perl",
    "ruby",
    "node",
    "osascript",
    "cron",
    "crond",
    "atd",
    "powershell",
];
/// Of these, those that people type into; of the others nobody is known to sit before them.
const SHELLS: [&str; 7] = ["sh", "bash", "dash", "zsh", "fish", "ksh", "powershell"];
/// Programs of people, which start no tools.
const APPLICATIONS: [&str; 12] = [
    "firefox",
    "chrome",
    "google chrome",
    "chromium",
    "safari",
    "microsoft edge",
    "msedge",
    "microsoft word",
    "microsoft excel",
    "microsoft powerpoint",
    "soffice.bin",
    "microsoft outlook",
];
/// Browsers, as their programs are called.
const BROWSERS: [&str; 9] = [
    "firefox",
    "chrome",
    "google chrome",
    "chromium",
    "safari",
    "com.apple.webkit.networking",
    "microsoft edge",
    "msedge",
    "brave browser",
];
/// Command-line tools and interpreters, which are no browsers.
const TOOLS: [&str; 8] = [
    "curl", "wget", "python", "python3", "node", "ruby", "perl", "git",
];
/// Where programs are dropped: anybody can write there.
const DROPS: [&str; 7] = [
    "/tmp/",
    "/var/tmp/",
    "/dev/shm/",
    "/private/tmp/",
    "/private/var/tmp/",
    "/Users/Shared/",
    "memfd:",
];
/// Programs of macOS that make the calls of others.
const HELPERS: [&str; 2] = ["nsurlsessiond", "com.apple.webkit.networking"];

/// The program's name: the last part of its path, in lower case.
pub fn name(process: &Process) -> Option<String> {
    let path = process.path.as_deref().or(process.name.as_deref())?;
    Some(name_of(path))
}

/// The last part of a program's path, in lower case, without `.exe`.
pub fn name_of(path: &str) -> String {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    name.strip_suffix(".exe")
        .unwrap_or(name)
        .to_ascii_lowercase()
}

/// Whether a program lies where anybody can put one.
pub fn is_dropped(path: &str) -> bool {
    DROPS.iter().any(|place| path.starts_with(place))
}

/// Whether programs of this name run others' instructions, or start them at their time.
pub fn is_starter(name: &str) -> bool {
    STARTERS.contains(&name)
}

/// Whether programs of this name are an application of people.
pub fn is_application(name: &str) -> bool {
    APPLICATIONS.contains(&name)
}

/// Whether programs of this name are a browser.
pub fn is_browser(name: &str) -> bool {
    BROWSERS.contains(&name)
}

/// Whether programs of this name are a command-line tool or an interpreter.
pub fn is_tool(name: &str) -> bool {
    TOOLS.contains(&name)
}

/// Whether the process is a shell that waits for a person: it was given no script and no command.
pub fn is_interactive(process: &Process) -> bool {
    let shell = name(process).is_some_and(|name| SHELLS.contains(&name.as_str()));
    let line = process.command_line.as_deref().unwrap_or_default();
    let mut words = line.split_whitespace();
    let begun = words.next().is_some();
    shell && begun && words.all(|word| matches!(word, "-i" | "-l" | "-il" | "-li" | "--login"))
}

/// The process whose program it is about: of a helper that makes the calls of others the one that
/// it acts for.
pub fn acting(process: &Process) -> &Process {
    let helps = name(process).is_some_and(|name| HELPERS.contains(&name.as_str()));
    let responsible = process.responsible.as_deref();
    responsible.filter(|_| helps).unwrap_or(process)
}

/// The program that the agent names, where its client's greeting is another's: a browser that
/// greets like a tool, or the reverse.
pub fn other_client(process: &Process, class: ClientClass) -> Option<String> {
    let name = name(process)?;
    let browser = is_browser(&name) && class.kind() == Kind::ToolOrLibrary;
    let tool = is_tool(&name) && class.kind() == Kind::Browser;
    (browser || tool).then_some(name)
}
