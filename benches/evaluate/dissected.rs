//! From frames of a scenario to what the dissector says of each flow's shape.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use tapir::config;
use tapir::observe::Fact;
use tapir::observe::profile::FlowProfile;
use tapir::scenario::{self, Made, Options, Scenario, Truth};
use tapir::sensor::Parts;
use tapir::sensor::order::{self, Placed};
use tapir::sensor::settings::Settings;

/// Originator and responder, addresses and ports.
pub type Ends = (Ipv4Addr, u16, Ipv4Addr, u16);
type FlowTruths = Vec<(Ends, serde_json::Value)>;

/// Frames, and the truth of each flow.
pub fn play(name: &str, options: &Options) -> (Vec<Made>, FlowTruths) {
    let mut scenario = Scenario::new(name, options).expect("a scenario of that name");
    let frames: Vec<Made> = std::iter::from_fn(|| scenario.poll_frame()).collect();
    let truths = std::iter::from_fn(|| scenario.poll_truth());
    let of_flow = |truth: Truth| match truth {
        Truth::Flow(flow) => {
            let ends = (flow.orig_h, flow.orig_p, flow.resp_h, flow.resp_p);
            let told = serde_json::to_value(&flow).expect("a truth in JSON");
            Some((ends, told))
        }
        Truth::Program(_) => None,
    };
    (frames, truths.filter_map(of_flow).collect())
}

/// The last account of every flow.
pub fn profiles(frames: &[Made]) -> BTreeMap<Ends, FlowProfile> {
    let settings = settings("");
    let mut parts = Parts::new(&settings);
    let mut observed: Vec<Placed> = Vec::new();
    let mut last = BTreeMap::new();
    for made in frames {
        let (steering, shards) = (&mut parts.steering, &mut parts.shards);
        steering.handle_frame(&settings, &made.frame(), &mut |steered, bytes| {
            let shard = &mut shards[usize::from(steered.shard)];
            shard.handle_frame(&settings, &steered, bytes, &mut observed);
        });
        if observed.len() > 4096 {
            take(&mut observed, &mut last);
        }
    }
    let clock = parts.steering.clock();
    for shard in &mut parts.shards {
        shard.finish(&settings, clock, &mut observed);
    }
    take(&mut observed, &mut last);
    last
}

fn take(observed: &mut Vec<Placed>, last: &mut BTreeMap<Ends, FlowProfile>) {
    order::sort(observed);
    for Placed { observation, .. } in observed.drain(..) {
        let (Some(flow), Fact::Profile(profile)) = (observation.flow, observation.fact) else {
            continue;
        };
        if let (IpAddr::V4(orig), IpAddr::V4(resp)) = (flow.originator.addr, flow.responder.addr) {
            let ends = (orig, flow.originator.port, resp, flow.responder.port);
            last.insert(ends, *profile);
        }
    }
}

/// The roles of the generator's hosts, and what else an operator wrote.
pub fn settings(more: &str) -> Settings {
    let text = scenario::roles() + more;
    let file = config::File::from_text(Path::new("roles.toml"), text);
    let file = file.expect("roles of the scenarios");
    file.resolve().expect("settings of the scenarios")
}
