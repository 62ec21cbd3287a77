//! The project's own evaluation: how well each analytic tells what it should, beside others' rules
//! on the same inputs.
//!
//! `cargo bench --bench evaluate` runs every part and writes tables and plots to
//! `fixtures/evaluation`; `-- cadence close` runs these parts alone; `-- cadence --tuning` takes the
//! seeds that weights may be fitted on, and writes nothing. Everything follows from seeds: two runs
//! write the same bytes.
//!
//! A part is a module with `pub fn run(report: &Report)`, and a line in [`PARTS`].
#![allow(clippy::disallowed_methods, clippy::print_stdout, missing_docs)] // A bench: files, threads.

mod cadence;
mod close;
mod crowd;
mod dissected;
mod fitting;
mod report;
mod rivals;
mod roc;
mod session;
mod site;
mod taught;

use report::{Report, Seeds};
use std::process::ExitCode;
use std::time::Instant;

/// A part of the evaluation.
struct Part {
    name: &'static str,
    about: &'static str,
    run: fn(&Report),
}

const PARTS: &[Part] = &[
    Part {
        name: "cadence",
        about: "beacons among people and processes, by their moments alone",
        run: cadence::run,
    },
    Part {
        name: "close",
        about: "whether a reply was read, by how the client ended (AN1601)",
        run: close::run,
    },
    Part {
        name: "session",
        about: "implants among long sessions, by their shape (AN0146)",
        run: session::run,
    },
    Part {
        name: "taught",
        about: "programs of hosts without an agent, as other hosts' agents taught them",
        run: taught::run,
    },
    Part {
        name: "benign",
        about: "days of a site without anything hostile: false alerts by class",
        run: site::benign,
    },
    Part {
        name: "hostile",
        about: "hostile programs on a site that knows its usual days: recall by variant",
        run: site::hostile,
    },
];

fn main() -> ExitCode {
    // Cargo itself says `--bench`.
    let arguments = std::env::args().skip(1).filter(|word| word != "--bench");
    let (options, names): (Vec<String>, Vec<String>) =
        arguments.partition(|word| word.starts_with("--"));
    let known = |name: &String| PARTS.iter().any(|part| part.name == name);
    if options.iter().any(|word| word != "--tuning") || !names.iter().all(known) {
        println!("cargo bench --bench evaluate -- [--tuning] [PART ...], all parts by default:");
        for part in PARTS {
            println!("  {:10} {}", part.name, part.about);
        }
        return ExitCode::FAILURE;
    }
    let seeds = match options.is_empty() {
        true => Seeds::Reporting,
        false => Seeds::Tuning,
    };
    let report = Report::new(seeds);
    for part in PARTS {
        if names.is_empty() || names.iter().any(|name| name == part.name) {
            let started = Instant::now();
            println!("{}: {}", part.name, part.about);
            (part.run)(&report);
            println!("{}: {:.0} s", part.name, started.elapsed().as_secs_f64());
        }
    }
    ExitCode::SUCCESS
}
