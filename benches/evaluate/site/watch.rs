//! From a scenario to the alerts of a sensor that saw it, each with the label of what it is about.

use std::collections::BTreeMap;
use tapir::detect::Alert;
use tapir::record::Record;
use tapir::scenario::{self, Options, Scenario, Truth};
use tapir::sensor::settings::Settings;
use tapir::sensor::{Line, Sensor};
use tapir::time::Timestamp;

/// The notices of calls that a schedule expects, or that came like clockwork.
const MISSED: [&str; 2] = ["Tapir::Scheduled_Call_Missing", "Tapir::Usual_Call_Missing"];

/// A scenario as a sensor saw it.
pub struct Watched {
    /// Its alerts, each with the labels of the flows that it could be about.
    pub alerts: Vec<(Alert, String)>,
    /// Its notices of calls that were expected and did not come: the host and the moment.
    pub missed: Vec<(String, f64)>,
    /// The hostile programs: host, destination, and what was drawn for each.
    pub programs: Vec<Program>,
    /// Flows, benign ones and others.
    pub flows: u64,
    /// Frames.
    pub frames: u64,
}

/// A hostile program.
pub struct Program {
    pub label: &'static str,
    pub host: String,
    pub analytic: String,
    pub variant: String,
    pub from: f64,
    /// What it calls, where that was drawn for it.
    pub destination: String,
}

/// Plays a scenario to a sensor that knows what `settings` say.
pub fn watch(name: &str, options: &Options, settings: Settings) -> Watched {
    let mut scenario = Scenario::new(name, options).expect("a scenario of that name");
    let mut sensor = Sensor::new(settings);
    let mut labels: BTreeMap<(String, Box<str>), &'static str> = BTreeMap::new();
    let mut watched = Watched {
        alerts: Vec::new(),
        missed: Vec::new(),
        programs: Vec::new(),
        flows: 0,
        frames: 0,
    };
    loop {
        let made = scenario.poll_frame();
        while let Some(truth) = scenario.poll_truth() {
            match truth {
                Truth::Program(program) => watched.programs.extend(hostile(&program)),
                Truth::Flow(flow) => {
                    watched.flows += 1;
                    let key = (flow.orig_h.to_string(), flow.server_name);
                    let label = labels.entry(key).or_insert(flow.label);
                    // Who shares a destination with a hostile program is under its label.
                    if flow.analytic.is_some() {
                        *label = flow.label;
                    }
                }
            }
        }
        match &made {
            Some(made) => {
                watched.frames += 1;
                sensor.handle_frame(&made.frame());
            }
            None => sensor.finish(),
        }
        while let Some((_, line)) = sensor.poll_line() {
            match line {
                Line::Alert(alert) => {
                    let key = (alert.subject.host.clone(), alert.object.name.clone().into());
                    let label = labels.get(&key).copied().unwrap_or("unknown");
                    watched.alerts.push((*alert, label.to_owned()));
                }
                Line::Row(Record::Notice(notice)) if MISSED.contains(&&*notice.note) => {
                    let host = notice.src.map_or(String::new(), |host| host.to_string());
                    watched.missed.push((host, seconds(notice.at)));
                }
                Line::Row(_) => {}
            }
        }
        if made.is_none() {
            return watched;
        }
    }
}

/// The hostile programs of a scenario, before it begins.
pub fn programs(name: &str, options: &Options) -> Vec<Program> {
    let mut scenario = Scenario::new(name, options).expect("a scenario of that name");
    let truths = std::iter::from_fn(|| scenario.poll_truth());
    truths
        .filter_map(|truth| match truth {
            Truth::Program(program) => hostile(&program),
            Truth::Flow(_) => None,
        })
        .collect()
}

fn hostile(program: &scenario::ProgramTruth) -> Option<Program> {
    let analytic = program.analytic?;
    let drawn = |name: &str| {
        let value = program.parameters.get(name)?;
        Some(value.as_str()?.to_owned())
    };
    let variant = drawn("variant").or_else(|| drawn("jitter_kind"));
    Some(Program {
        label: program.label,
        host: program.host.to_string(),
        analytic: format!("{analytic:?}"),
        variant: variant.unwrap_or_default(),
        from: program.from,
        destination: drawn("destination").unwrap_or_default(),
    })
}

/// Seconds since 1970.
pub fn seconds(at: Timestamp) -> f64 {
    at.as_nanos() as f64 / 1e9
}
