//! Hosts of a test: network namespaces, a link between them, a mirror port. They take root.
#![allow(dead_code)] // No test uses all of it.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Namespaces and what runs in them; both go when the test ends, however it ends.
pub struct Network {
    spaces: &'static [&'static str],
    pub children: Vec<Child>,
}

impl Network {
    /// Makes the namespaces anew; why not, where a tool of `needed` or the right to do so is
    /// missing.
    pub fn new(spaces: &'static [&'static str], needed: &[&str]) -> Result<Network, String> {
        let has = |tool: &str| {
            let which = ["-c", &format!("command -v {tool}")];
            let found = Command::new("sh").args(which).output();
            found.is_ok_and(|out| out.status.success())
        };
        if let Some(tool) = needed.iter().find(|tool| !has(tool)) {
            return Err(format!("{tool} is not installed"));
        }
        let network = Network {
            spaces,
            children: Vec::new(),
        };
        network.remove();
        for space in spaces {
            let made = Command::new("ip").args(["netns", "add", space]).output();
            let made = made.map_err(|error| error.to_string())?;
            if !made.status.success() {
                return Err(String::from_utf8_lossy(&made.stderr).trim().to_owned());
            }
        }
        Ok(network)
    }

    fn remove(&self) {
        for space in self.spaces {
            let mut ip = Command::new("ip");
            let _ = ip.args(["netns", "del", space]).output();
        }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
        self.remove();
    }
}

/// A command within a namespace; its process is that of the command itself. Only the network is
/// another: with mounts of its own, as `ip netns exec` gives, nobody would hear of its files.
pub fn inside(space: &str, words: &[&str]) -> Command {
    let mut command = Command::new("nsenter");
    command.arg(format!("--net=/run/netns/{space}")).args(words);
    command.stdin(Stdio::null());
    command
}

/// Runs a command that has to succeed.
pub fn done(mut command: Command) {
    let status = command.status().expect("the command starts");
    assert!(status.success(), "{command:?}: {status}");
}

/// Runs `ip`.
pub fn ip(line: &str) {
    let mut command = Command::new("ip");
    command.args(line.split(' '));
    done(command);
}

/// Joins two namespaces by a link; frames are on it as they are on a wire.
pub fn link(ends: [(&str, &str, &str); 2]) {
    let [(space, name, _), (other, peer, _)] = ends;
    ip(&format!(
        "link add {name} netns {space} type veth peer name {peer} netns {other}"
    ));
    for (space, name, address) in ends {
        do_not_offload(space, name);
        ip(&format!("-n {space} addr add {address} dev {name}"));
        ip(&format!("-n {space} link set {name} up"));
    }
}

/// Frames of the link carry their checksums, and are no longer than a wire takes.
fn do_not_offload(space: &str, name: &str) {
    let offload = "tx off tso off gso off gro off";
    let words = ["ethtool", "-K", name]
        .into_iter()
        .chain(offload.split(' '));
    let mut ethtool = inside(space, &words.collect::<Vec<_>>());
    ethtool.stdout(Stdio::null());
    done(ethtool);
}

/// Mirrors both directions of `from` to the new m0, as a switch does to its mirror port.
pub fn mirror(space: &str, from: &str) {
    ip(&format!("-n {space} link add m0 type veth peer name m1"));
    for name in ["m0", "m1"] {
        do_not_offload(space, name);
        ip(&format!("-n {space} link set {name} up"));
    }
    let tc = |line: &str| {
        let words: Vec<&str> = std::iter::once("tc").chain(line.split(' ')).collect();
        done(inside(space, &words));
    };
    tc(&format!("qdisc add dev {from} clsact"));
    for way in ["ingress", "egress"] {
        let every_frame = "protocol all u32 match u32 0 0 action mirred egress mirror dev m0";
        tc(&format!("filter add dev {from} {way} {every_frame}"));
    }
}

/// Waits until `ready` says so, two minutes at most.
pub fn wait_until(what: &str, ready: impl Fn() -> bool) {
    let began = Instant::now();
    while !ready() {
        let waited = began.elapsed();
        assert!(waited < Duration::from_secs(120), "not in time: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Ends a program by SIGTERM; it has to end well.
pub fn end(mut child: Child, what: &str) {
    let pid = child.id().to_string();
    let kill = Command::new("kill").args(["-TERM", &pid]).status();
    assert!(kill.unwrap().success());
    let status = child.wait().unwrap();
    assert!(status.success(), "{what}: {status}");
}
