//! Reports as tests tell them.

use super::report::{
    Deed, FlowActivity, FlowReport, Format, Inventory, Method, Place, Process, Report, Window,
};
use crate::net::Endpoint;
use crate::observe::FlowId;
use crate::time::Timestamp;
use std::net::IpAddr;

impl Report {
    /// That `agent` saw this happen at `at`, and told it at once.
    pub fn of_event(agent: &str, at: Timestamp, deed: Deed) -> Report {
        Report {
            agent: agent.into(),
            received_at: at,
            window: Window { from: at, to: at },
            method: Method::Event,
            format: Format::Tapir,
            sequence: None,
            boot: None,
            deed,
        }
    }

    /// That `agent` saw this process open `flow` when it began.
    pub fn of_flow(agent: &str, flow: &FlowId, process: Process) -> Report {
        let place = |end: Endpoint| Place {
            addr: Some(end.addr),
            port: Some(end.port),
        };
        let told = FlowReport {
            activity: FlowActivity::Open,
            transport: Some(flow.transport),
            direction: None,
            local: place(flow.originator),
            remote: place(flow.responder),
            remote_name: None,
            bytes: None,
            process,
        };
        Report::of_event(agent, flow.first_at, Deed::Flow(Box::new(told)))
    }

    /// That these are all the addresses of the host of `agent`.
    pub fn of_inventory(agent: &str, at: Timestamp, addrs: Vec<IpAddr>) -> Report {
        let inventory = Inventory {
            addrs,
            whole: true,
            ..Inventory::default()
        };
        Report::of_event(agent, at, Deed::Inventory(Box::new(inventory)))
    }
}
