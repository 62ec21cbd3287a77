//! What may not matter does not: ticks, threads, restarts, and how small the tables are.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic)] // A test.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod captures;

use captures::fragmenting::fragmented;
use captures::tunnels::{self, TUNNELS};
use captures::{Owned, drain, frames, lines, names, settings, tiny};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use tapir::flow::key::{FlowKey, Keyed};
use tapir::net::Transport;
use tapir::packet;
use tapir::record::{Record, Value};
use tapir::run::engine::Engine;
use tapir::run::output::Output;
use tapir::sensor::settings::Settings;
use tapir::sensor::{Line, Sensor};
use tapir::sink::{Format, LogDir};
use tapir::time::{Span, Timestamp};

/// Captures with their settings; each also in fragments, with tables that overflow.
fn cases() -> Vec<(String, Settings, Vec<Owned>)> {
    let mut cases = Vec::new();
    for name in names() {
        let frames = frames(&name);
        let settings = settings(&name);
        cases.push((
            format!("{name}, tiny"),
            tiny(settings.clone()),
            frames.clone(),
        ));
        cases.push((
            format!("{name}, tiny, in fragments"),
            tiny(settings.clone()),
            fragmented(&frames, 96, 7),
        ));
        if name == "webhook-alone" {
            // Tunnels of all kinds by turns: every flow changes its tunnel again and again.
            let tunnelled = tunnels::within(&frames, |index| TUNNELS[index % TUNNELS.len()]);
            let tiny = tiny(settings.clone());
            cases.push((format!("{name}, tunnelled, tiny"), tiny, tunnelled.clone()));
            cases.push((format!("{name}, tunnelled"), settings.clone(), tunnelled));
        }
        cases.push((name, settings, frames));
    }
    cases
}

/// The rows of what came through tunnels or might have: each log's name and its values, but for
/// what tells of links and tunnels.
fn rows_within(settings: &Settings, frames: &[Owned]) -> Vec<(&'static str, Vec<String>)> {
    const OF_TUNNELS: [&str; 5] = [
        "tunnel_parents",
        "vlan",
        "inner_vlan",
        "orig_l2_addr",
        "resp_l2_addr",
    ];
    let mut rows = Vec::new();
    for (_, line) in lines(settings, frames) {
        let Line::Row(record) = line else {
            continue;
        };
        let (mut values, mut is_outer) = (Vec::new(), false);
        let mut columns = record.row().schema().columns.iter();
        record.row().values(&mut |value| {
            let name = columns.next().expect("a column for each value").name;
            is_outer |= matches!(value, Value::Addr(addr) if tunnels::is_end(addr));
            if !OF_TUNNELS.contains(&name) {
                values.push(format!("{value:?}"));
            }
        });
        if !is_outer {
            rows.push((record.path(), values));
        }
    }
    rows
}

#[test]
fn a_tunnel_changes_no_row_of_what_it_carries() {
    for name in ["close", "dns", "webhook-alone"] {
        let (frames, settings) = (frames(name), settings(name));
        let plain = rows_within(&settings, &frames);
        assert!(!plain.is_empty(), "{name} has rows");
        for tunnel in TUNNELS {
            let tunnelled = tunnels::within(&frames, |_| tunnel);
            let within = rows_within(&settings, &tunnelled);
            let differs = plain
                .iter()
                .zip(&within)
                .find(|(plain, within)| plain != within);
            assert!(plain == within, "{name} in {}: {differs:#?}", tunnel.0);
            let deeper = tunnels::within(&tunnelled, |_| TUNNELS[1]);
            assert!(
                plain == rows_within(&settings, &deeper),
                "{name} in {} in GRE",
                tunnel.0
            );
        }
    }
}

/// The logs of `frames` on `workers` threads, by file name.
fn logs(settings: &Settings, frames: &[Owned], workers: usize) -> BTreeMap<String, Vec<u8>> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let logs = LogDir::create(folder.path(), Format::Zeek).expect("logs can be made");
    let mut engine = Engine::start(settings.clone(), workers, Output::new(logs));
    frames
        .iter()
        .for_each(|owned| engine.handle_frame(&owned.frame()));
    engine.finish().expect("logs can be written");
    read_folder(folder.path())
}

fn read_folder(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    let read = |path: &Path| fs::read(path).expect("a log can be read");
    entries
        .map(|entry| entry.expect("a directory entry").path())
        .map(|path| {
            (
                path.file_name().expect("a name").to_string_lossy().into(),
                read(&path),
            )
        })
        .collect()
}

#[test]
fn the_number_of_workers_changes_no_log() {
    for (name, settings, frames) in cases() {
        let one = logs(&settings, &frames, 1);
        assert!(one.contains_key("conn.log"), "{name} has flows");
        for workers in [2, 3, 8] {
            let several = logs(&settings, &frames, workers);
            assert!(
                one == several,
                "{name}: {workers} workers write other logs than one"
            );
        }
    }
}

#[test]
fn tiny_tables_evict() {
    let frames = frames("webhook");
    let mut sensor = Sensor::new(tiny(settings("webhook")));
    frames
        .iter()
        .for_each(|owned| sensor.handle_frame(&owned.frame()));
    assert!(
        sensor.parts().counters().flows_evicted > 0,
        "or the cases above show too little"
    );
}

/// The lines of `frames` when the sensor is saved and restored after each of `cuts` frames.
fn restored(settings: &Settings, frames: &[Owned], cuts: &[usize]) -> Vec<(Timestamp, Line)> {
    let mut sensor = Sensor::new(settings.clone());
    let mut lines = Vec::new();
    for (index, owned) in frames.iter().enumerate() {
        if cuts.contains(&index) {
            sensor.flush();
            drain(&mut sensor, &mut lines);
            let state = sensor.save();
            sensor = Sensor::restore(settings.clone(), &state).expect("its own state is sound");
        }
        sensor.handle_frame(&owned.frame());
    }
    sensor.finish();
    drain(&mut sensor, &mut lines);
    lines
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_restart_anywhere_changes_no_line(shares in prop::collection::vec(0.0f64..1.0, 1..4)) {
        for (name, settings, frames) in cases() {
            let cut = |share: &f64| (share * frames.len() as f64) as usize;
            let cuts: Vec<usize> = shares.iter().map(cut).collect();
            let whole = lines(&settings, &frames);
            prop_assert!(whole == restored(&settings, &frames, &cuts), "{name}, cut at {cuts:?}");
        }
    }

    #[test]
    fn a_datagram_in_fragments_gives_the_lines_of_the_whole(
        units in 1usize..180,
        seed in any::<u64>(),
    ) {
        // What is odd about the fragments themselves is told besides.
        let told = |settings: &Settings, frames: &[Owned]| {
            let mut lines = lines(settings, frames);
            lines.retain(|(_, line)| !matches!(line, Line::Row(Record::Weird(_))));
            lines
        };
        for name in names() {
            let (settings, frames) = (settings(&name), frames(&name));
            let cut = fragmented(&frames, units * 8, seed);
            prop_assert!(
                told(&settings, &frames) == told(&settings, &cut),
                "{name}, cut every {} bytes under {seed}",
                units * 8
            );
        }
    }

    #[test]
    fn ticks_change_no_line(every in 1usize..50, behind_ms in 0i64..5000) {
        for (name, settings, frames) in cases() {
            let mut sensor = Sensor::new(settings.clone());
            let mut ticked = Vec::new();
            for (index, owned) in frames.iter().enumerate() {
                if index % every == 0 {
                    let behind = Span::from_millis(behind_ms).as_nanos();
                    sensor.handle_tick(Timestamp::from_nanos(owned.at.as_nanos() - behind));
                }
                sensor.handle_frame(&owned.frame());
            }
            sensor.finish();
            drain(&mut sensor, &mut ticked);
            prop_assert!(ticked == lines(&settings, &frames), "{name}");
        }
    }

    #[test]
    fn no_bytes_of_a_saved_state_make_restoring_fail_otherwise_than_by_saying_so(
        at in any::<prop::sample::Index>(),
        value in any::<u8>(),
    ) {
        let settings = settings("dns");
        let mut sensor = Sensor::new(settings.clone());
        frames("dns").iter().take(40).for_each(|owned| sensor.handle_frame(&owned.frame()));
        sensor.flush();
        let mut state = sensor.save();
        let at = at.index(state.len());
        state[at] = value;
        drop(Sensor::restore(settings, &state));
    }
}

/// The frames of the first flow of `name` that `port` serves, those after the first `quick` an
/// hour later than they were.
fn with_an_idle_hour(name: &str, port: u16, quick: usize) -> Vec<Owned> {
    let keyed = |owned: &Owned| {
        let packet = packet::decode(&owned.frame()).ok()?;
        Some(FlowKey::of(&packet))
    };
    let all = frames(name);
    let serves = |keyed: &Keyed| keyed.dst.port == port && keyed.transport == Transport::Tcp;
    let first = all.iter().find_map(|owned| keyed(owned).filter(serves));
    let first = first.expect("such a flow").key;
    let of_flow = |owned: &Owned| keyed(owned).is_some_and(|keyed| keyed.key == first);
    let mut flow: Vec<Owned> = all.into_iter().filter(of_flow).collect();
    let hour = Span::from_secs(3600);
    flow.iter_mut()
        .skip(quick)
        .for_each(|owned| owned.at = owned.at + hour);
    flow
}

fn flows_told(settings: &Settings, frames: &[Owned]) -> usize {
    let lines = lines(settings, frames);
    let is_flow = |(_, line): &&(Timestamp, Line)| matches!(line, Line::Row(Record::Conn(_)));
    lines.iter().filter(is_flow).count()
}

#[test]
fn an_established_tls_flow_that_idles_is_not_cut_in_two() {
    let settings = settings("clients");
    // Hellos and the client's Finished are among the first dozen frames, the close is not.
    let tls = with_an_idle_hour("clients", 443, 12);
    assert!(tls.len() > 14, "the capture's first flow is long enough");
    assert_eq!(flows_told(&settings, &tls), 1);
    // Before the handshake is over, silence is an end.
    let cut = with_an_idle_hour("clients", 443, 3);
    assert_eq!(flows_told(&settings, &cut), 2);
}

/// Age in seconds, and whether the flow goes on, of every profile; and the moments of the lines.
fn profiles(lines: &[(Timestamp, Line)]) -> Vec<(Timestamp, bool)> {
    let open = |record: &Record| {
        let mut columns = record.row().schema().columns.iter();
        let mut open = false;
        record.row().values(&mut |value| {
            if columns.next().is_some_and(|column| column.name == "open") {
                open = value == Value::Bool(true);
            }
        });
        open
    };
    let profile = |(at, line): &(Timestamp, Line)| match line {
        Line::Row(record @ Record::Profile(_)) => Some((*at, open(record))),
        _ => None,
    };
    lines.iter().filter_map(profile).collect()
}

#[test]
fn a_long_flow_is_profiled_at_its_checkpoints_and_at_its_end() {
    let settings = settings("clients");
    let frames = with_an_idle_hour("clients", 443, 12);
    let told = profiles(&lines(&settings, &frames));
    let (first, last) = (frames[0].at, told[told.len() - 1]);
    let checkpoints = [600, 1800, 3600].map(|age| (first + Span::from_secs(age), true));
    assert_eq!(told[..told.len() - 1], checkpoints);
    assert!(!last.1 && last.0 > checkpoints[2].0);

    let mut sensor = Sensor::new(settings.clone());
    let mut ticked = Vec::new();
    for (index, owned) in frames.iter().enumerate() {
        if index == 12 {
            for minute in 0..55 {
                sensor.handle_tick(frames[11].at + Span::from_secs(60 * minute + 7));
                let state = sensor.save();
                drain(&mut sensor, &mut ticked);
                sensor = Sensor::restore(settings.clone(), &state).expect("its own state");
            }
        }
        sensor.handle_frame(&owned.frame());
    }
    sensor.finish();
    drain(&mut sensor, &mut ticked);
    assert!(
        ticked == lines(&settings, &frames),
        "ticks and restarts change no line"
    );
}
