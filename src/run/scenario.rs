//! From a scenario to a capture file and its truth.
#![allow(clippy::disallowed_methods)] // The shell.

use crate::cli::ScenarioArgs;
use crate::scenario::{Impairments, Options, Scenario, Sweep, pcap, roles};
use crate::time::{Span, Timestamp};
use anyhow::Context;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Frames in the capture.
    pub frames: u64,
    /// Bytes of the capture.
    pub bytes: u64,
    /// Lines of truth.
    pub truths: u64,
}

/// A file to write; `-` is standard output.
fn create(path: &Path) -> anyhow::Result<Box<dyn Write>> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(BufWriter::new(io::stdout().lock())));
    }
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(Box::new(BufWriter::with_capacity(1 << 18, file)))
}

/// The options that were typed.
pub fn options(args: &ScenarioArgs) -> Options {
    let default = Options::default();
    let span = |seconds: f64| Span::from_nanos((seconds * 1e9) as i64);
    Options {
        seed: args.seed,
        hosts: args.hosts,
        duration: span(args.days * 86_400.0),
        start: args
            .start
            .map_or(default.start, |s| Timestamp::from_parts(s, 0)),
        full: args.full,
        alone: args.alone,
        onset: args.onset.map(|hours| span(hours * 3600.0)),
        infected: args.infected,
        impairments: Impairments {
            loss: args.loss,
            reorder: Span::from_millis(i64::from(args.reorder)),
            duplicate: args.duplicate,
        },
        sweep: Sweep {
            sleep_s: args.sleep,
            jitter: args.jitter,
            miss: args.miss,
            working_hours: args.working_hours,
            browsing: args.browsing,
            session_hours: args.session,
            upload_mb: args.upload,
            variant: args.variant.clone(),
        },
    }
}

/// Writes the scenario `name`.
///
/// # Errors
/// A name that no scenario has, a file that cannot be written.
pub fn write(name: &str, args: &ScenarioArgs) -> anyhow::Result<Written> {
    let mut scenario = Scenario::new(name, &options(args))?;
    let mut written = Written::default();
    let mut truth = args.truth.as_deref().map(create).transpose()?;
    let mut out = create(&args.out)?;
    pcap::begin(&mut out).context("cannot write the capture")?;
    loop {
        let made = scenario.poll_frame();
        while let Some(line) = scenario.poll_truth() {
            if let Some(file) = &mut truth {
                serde_json::to_writer(&mut *file, &line).context("cannot write the truth")?;
                file.write_all(b"\n").context("cannot write the truth")?;
            }
            written.truths += 1;
        }
        let Some(made) = made else {
            break;
        };
        pcap::write(&mut out, &made).context("cannot write the capture")?;
        written.frames += 1;
        written.bytes += 16 + made.bytes.len() as u64;
    }
    out.flush().context("cannot write the capture")?;
    if let Some(mut file) = truth {
        file.flush().context("cannot write the truth")?;
    }
    if let Some(path) = &args.roles {
        let mut file = create(path)?;
        file.write_all(roles().as_bytes())
            .and_then(|()| file.flush())
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(written)
}
