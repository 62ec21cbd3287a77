//! A listener for agents, who may deliver to it, and what they deliver.
#![allow(dead_code)] // No test uses all of it.

use serde_json::json;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tapir::intake::{Agents, Authority, Intake, Kind, Settings};

/// However busy the machine is, something has happened by then.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub fn settings(dir: &Path) -> Settings {
    Settings {
        listen: Some("127.0.0.1:0".parse().unwrap()),
        ..Settings::new(dir.to_owned())
    }
}

pub fn enrol(dir: &Path, name: &str, kind: Kind) -> String {
    let identity = Authority::open(dir).unwrap().identity(name, 2).unwrap();
    let mut agents = Agents::open(dir).unwrap();
    agents.enrol(name, kind, identity.serial).unwrap();
    identity.pem
}

/// A line of Tapir's own agent: a flow from this local port.
pub fn line(port: u16) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = now.as_nanos() as i64;
    json!({
        "agent": "who-the-line-says",
        "window": {"from": now, "to": now},
        "deed": {"flow": {
            "activity": "open",
            "transport": "tcp",
            "local": {"addr": "10.0.0.5", "port": port},
            "remote": {"addr": "203.0.113.9", "port": 443},
            "process": {"pid": 4711, "path": "/usr/bin/curl"},
        }},
    })
    .to_string()
}

/// Agents and local ports of the reports that have arrived, once there are `n`.
pub fn arrived(intake: &Intake, n: usize) -> Vec<(String, u64)> {
    let mut told = Vec::new();
    while told.len() < n {
        let arrived = intake.arrived.recv_timeout(PATIENCE).expect("more reports");
        for report in arrived.reports {
            let agent = report.agent.to_string();
            let report = serde_json::to_value(report).unwrap();
            let port = &report["deed"]["flow"]["local"]["port"];
            told.push((agent, port.as_u64().unwrap()));
        }
    }
    assert!(intake.arrived.try_recv().is_err(), "no more than those");
    told
}
