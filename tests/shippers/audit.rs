//! Linux audit for the children of this process: auditd with laurel behind it, and a rule.

use crate::{Daemon, is_installed};
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const LAUREL: &str = "/usr/sbin/laurel";
/// Lines name this host.
pub const NODE: &str = "web-17";

/// Both end with it, and the rule, and the kernel audits as before.
pub struct Audit {
    daemon: Daemon,
    rule: Vec<String>,
    enabled: String,
}

fn auditctl(words: &[&str]) -> Output {
    Command::new("auditctl").args(words).output().unwrap()
}

/// One number of the kernel's state of audit; none without the right to ask.
fn state(of: &str) -> Option<String> {
    let said = String::from_utf8(auditctl(&["-s"]).stdout).unwrap();
    let mut lines = said.lines().filter_map(|line| line.split_once(' '));
    lines
        .find(|(name, _)| *name == of)
        .map(|(_, value)| value.to_owned())
}

impl Audit {
    /// Begins; what laurel writes goes to `audit.log` in `folder`. Why not, where that cannot be.
    pub fn begin(folder: &Path) -> Result<Audit, String> {
        if !is_installed("auditd") || !is_installed("auditctl") || !Path::new(LAUREL).exists() {
            return Err("auditd and laurel are not installed".into());
        }
        let enabled = state("enabled").ok_or("the kernel does not audit, or not for this user")?;
        if enabled == "2" || state("pid").as_deref() != Some("0") {
            return Err("this machine's audit has another master".into());
        }
        configure(folder);
        let mut daemon = Command::new("auditd");
        daemon.args(["-n", "-s", "nochange", "-c"]).arg(folder);
        let daemon = daemon.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut daemon = Daemon(daemon.unwrap());
        let own = daemon.0.id().to_string();
        let began = Instant::now();
        let log = folder.join("audit.log");
        while state("pid").as_ref() != Some(&own) || !log.exists() {
            let ended = daemon.0.try_wait().unwrap();
            let in_time = ended.is_none() && began.elapsed() < crate::PATIENCE;
            assert!(in_time, "auditd does not begin: {ended:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
        let parent = format!("ppid={}", std::process::id());
        let rule = "always,exit -F arch=b64 -S execve -S connect -F";
        let rule = rule.split(' ').chain([&*parent]);
        let audit = Audit {
            daemon,
            rule: rule.map(str::to_owned).collect(),
            enabled,
        };
        assert!(audit.rule("-a").status.success());
        assert!(auditctl(&["-e", "1"]).status.success());
        Ok(audit)
    }

    fn rule(&self, action: &str) -> Output {
        let words = self.rule.iter().map(String::as_str);
        auditctl(&std::iter::once(action).chain(words).collect::<Vec<_>>())
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        self.rule("-d");
        auditctl(&["-e", &self.enabled]);
        let pid = self.daemon.0.id().to_string();
        let _ = Command::new("kill").arg(pid).status();
        let _ = self.daemon.0.wait();
    }
}

/// auditd's configuration, its plugin's, and laurel's: as `deploy/agents.md` has them, but that
/// nothing is kept elsewhere.
fn configure(folder: &Path) {
    let here = folder.to_str().unwrap();
    let auditd = format!(
        "local_events = yes\nwrite_logs = no\nlog_format = ENRICHED\nflush = NONE\n\
         log_file = {here}/raw.log\nname_format = user\nname = {NODE}\nplugin_dir = {here}/plugins\n\
         space_left = 2\nspace_left_action = IGNORE\nadmin_space_left = 1\n\
         admin_space_left_action = IGNORE\ndisk_full_action = IGNORE\ndisk_error_action = IGNORE\n"
    );
    let plugin = format!(
        "active = yes\ndirection = out\ntype = always\nformat = string\npath = {LAUREL}\n\
         args = --config {here}/laurel.toml\n"
    );
    let laurel = format!(
        "directory = \"{here}\"\n[auditlog]\nfile = \"audit.log\"\n\
         [transform]\nexecve-argv = [ \"array\" ]\n[translate]\nuniversal = true\nuser-db = true\n"
    );
    fs::create_dir(folder.join("plugins")).unwrap();
    for (name, text) in [
        ("auditd.conf", auditd),
        ("plugins/laurel.conf", plugin),
        ("laurel.toml", laurel),
    ] {
        fs::write(folder.join(name), text).unwrap();
    }
}
