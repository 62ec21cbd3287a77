//! From the recording of many programs to what each of its flows shows, and whose it is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tapir::capture::Reader;
use tapir::config;
use tapir::detect::Engine;
use tapir::detect::taught::Features;
use tapir::observe::{Fact, Observation};
use tapir::sensor::Parts;
use tapir::sensor::order::{self, Placed};
use tapir::sensor::settings::Settings;
use tapir::time::Span;

/// A flow of the recording.
pub struct Flow {
    pub host: String,
    pub program: String,
    /// Whether only hosts that never teach have the program.
    pub alone: bool,
    pub features: Features,
}

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("pcaps")
        .join(name)
}

fn settings() -> Settings {
    let mut settings = config::File::default()
        .resolve()
        .expect("defaults are sound");
    settings.detect = settings.detect.with_reports(Span::from_secs(60));
    settings
}

fn observations(settings: &Settings) -> Vec<Observation> {
    let mut parts = Parts::new(settings);
    let mut observed: Vec<Placed> = Vec::new();
    let mut reader = Reader::open(&path("programs.pcap.zst")).expect("the recording");
    while let Some(frame) = reader.next_frame().expect("a whole recording") {
        let (steering, shards) = (&mut parts.steering, &mut parts.shards);
        steering.handle_frame(settings, &frame, &mut |steered, bytes| {
            let shard = &mut shards[usize::from(steered.shard)];
            shard.handle_frame(settings, &steered, bytes, &mut observed);
        });
    }
    let clock = parts.steering.clock();
    for shard in &mut parts.shards {
        shard.finish(settings, clock, &mut observed);
    }
    order::sort(&mut observed);
    observed.into_iter().map(|one| one.observation).collect()
}

/// Program, and whether it is alone, by host and port.
fn truth() -> BTreeMap<(String, u64), (String, bool)> {
    let text = std::fs::read_to_string(path("programs.json")).expect("the truth");
    let told: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let mut truth = BTreeMap::new();
    for (host, flows) in told["flows"].as_object().expect("hosts") {
        for flow in flows.as_array().expect("flows") {
            let port = flow[0].as_u64().expect("a port");
            let program = flow[2].as_str().expect("a program").to_string();
            let alone = told["programs"][&program]["alone"] == true;
            truth.insert((host.clone(), port), (program, alone));
        }
    }
    truth
}

/// The flows that show a hello or a user agent, in the order in which they end; and how many there
/// are that show neither.
pub fn flows() -> (Vec<Flow>, usize) {
    let (settings, truth) = (settings(), truth());
    let mut engine = Engine::new();
    let (mut flows, mut bare) = (Vec::new(), 0);
    for observation in observations(&settings) {
        let mut alerts = Vec::new();
        engine.handle_observation(
            &settings.detect,
            &settings.limits,
            &observation,
            &mut alerts,
        );
        let (Some(flow), Fact::Flow(_)) = (observation.flow, observation.fact) else {
            continue;
        };
        let host = flow.originator.addr.to_string();
        let whose = truth.get(&(host.clone(), u64::from(flow.originator.port)));
        let tcp = flow.transport == tapir::net::Transport::Tcp;
        let Some((program, alone)) = whose.filter(|_| tcp) else {
            continue;
        };
        match engine.attributing.features(&flow.uid) {
            Some(features) => flows.push(Flow {
                host,
                program: program.clone(),
                alone: *alone,
                features: features.clone(),
            }),
            None => bare += 1,
        }
    }
    (flows, bare)
}
