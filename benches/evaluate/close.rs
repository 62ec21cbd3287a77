//! How often the dissector tells rightly whether a reply was left unread, by the way in which the
//! client ended, over a network that loses, repeats and reorders.

use crate::crowd;
use crate::dissected::{self, Ends};
use crate::report::{Report, table};
use std::collections::BTreeMap;
use tapir::scenario::random::Random;
use tapir::scenario::{Close, Impairments, Made, Options};
use tapir::time::{Span, Timestamp};

/// Runs of each way and version.
const RUNS: usize = 100;
const LOSS: f64 = 0.01;
const REORDER: Span = Span::from_millis(3);
const BAR: f64 = 0.99;
/// Those of which the flag is measured: the document's thirteen. The others are for scale.
const THIRTEEN: [Close; 13] = [
    Close::Read,
    Close::Notify,
    Close::Unwrap,
    Close::Drained,
    Close::Exit,
    Close::HeadOnly,
    Close::Destroyed,
    Close::Held,
    Close::BeforeReply,
    Close::TicketsOnly,
    Close::MaxTime,
    Close::FireAndExit,
    Close::HalfClose,
];

/// Flows that were judged, and of these rightly.
#[derive(Clone, Copy, Default)]
struct Tally {
    flows: u32,
    right: u32,
}

impl Tally {
    fn count(&mut self, right: bool) {
        self.flows += 1;
        self.right += u32::from(right);
    }

    fn add(&mut self, other: Tally) {
        self.flows += other.flows;
        self.right += other.right;
    }

    fn told(self) -> String {
        let share = f64::from(self.right) / f64::from(self.flows.max(1));
        format!("{} of {} ({:.1} %)", self.right, self.flows, 100.0 * share)
    }
}

/// By way and version: over a clean path, and over an impaired one.
type Tallies = BTreeMap<(Close, String), [Tally; 2]>;

pub fn run(report: &Report) {
    let runs = crowd::map(RUNS, |number| one(report.seed() + number as u64));
    let mut tallies = Tallies::new();
    for (key, counted) in runs.into_iter().flatten() {
        let of = tallies.entry(key).or_default();
        for (sum, more) in of.iter_mut().zip(counted) {
            sum.add(more);
        }
    }
    let (mut rows, mut all) = (Vec::new(), [Tally::default(); 2]);
    for close in Close::ALL {
        let counted = THIRTEEN.contains(close);
        let mut row = vec![close.name().to_string()];
        row.push(
            if close.shows_unread() {
                "unread"
            } else {
                "read"
            }
            .to_string(),
        );
        for version in ["1.3", "1.2"] {
            let key = (*close, version.to_string());
            let of = tallies.get(&key).copied().unwrap_or_default();
            row.extend(of.map(Tally::told));
            if counted {
                all.iter_mut().zip(of).for_each(|(sum, more)| sum.add(more));
            }
        }
        if !counted {
            row[0] += " (for scale)";
        }
        rows.push(row);
    }
    let share = f64::from(all[1].right) / f64::from(all[1].flows.max(1));
    let verdict = if share >= BAR { "reached" } else { "missed" };
    let text = format!(
        "# AN1601: was the reply read?\n\n\
         Flows of the scenario `close-runs`: {RUNS} for each way in which a client ends and each \
         version, with sizes, record sizes, round trips, clients and server delays drawn. Impaired: \
         {:.0} % of the segments are lost before or after the tap and sent again by the retransmission \
         timer, and one frame in twenty is up to {} ms late. Through the dissector, the flag of the \
         flow's profile beside the truth.\n\n\
         The thirteen ways of the measured matrix: clean {}, impaired {}: the bar of {:.0} % is \
         {verdict}.\n\n",
        100.0 * LOSS,
        REORDER.as_nanos() / 1_000_000,
        all[0].told(),
        all[1].told(),
        100.0 * BAR,
    ) + &table(
        &[
            "way",
            "truth",
            "1.3 clean",
            "1.3 impaired",
            "1.2 clean",
            "1.2 impaired",
        ],
        &rows,
    );
    report.text("close", &text);
}

fn one(seed: u64) -> Vec<((Close, String), [Tally; 2])> {
    let options = Options {
        seed,
        alone: true,
        duration: Span::from_secs(3600),
        ..Options::default()
    };
    let (frames, truths) = dissected::play("close-runs", &options);
    let mut random = Random::of(seed, "network");
    let clean = dissected::profiles(&frames);
    let impaired = dissected::profiles(&impair(frames, &mut random));
    let mut tallies = Vec::new();
    for (ends, truth) in truths {
        let named = Close::ALL
            .iter()
            .find(|close| truth["close"] == close.name());
        let Some(close) = named else {
            continue;
        };
        let version = truth["parameters"]["version"].as_str();
        let version = version.map_or_else(|| version_of(&ends, &truth), str::to_string);
        let mut counted = [Tally::default(); 2];
        for (tally, profiles) in counted.iter_mut().zip([&clean, &impaired]) {
            let unread = profiles.get(&ends).is_some_and(|profile| profile.unread);
            tally.count(truth["unread"] == unread);
        }
        tallies.push(((*close, version), counted));
    }
    tallies
}

/// Of programs that no analytic is to tell the truth has no parameters: places of odd number are
/// TLS 1.3.
fn version_of(_: &Ends, truth: &serde_json::Value) -> String {
    let name = truth["server_name"].as_str().unwrap_or_default();
    let digits: String = name.chars().filter(char::is_ascii_digit).collect();
    let place: u32 = digits.parse().unwrap_or_default();
    if place % 2 == 1 { "1.3" } else { "1.2" }.to_string()
}

/// TCP flags, and whether there is payload; none of what is not TCP.
fn segment(made: &Made) -> Option<(Ends, u8, bool)> {
    let byte = |at: usize| made.bytes.get(at).copied();
    if byte(23)? != 6 {
        return None;
    }
    let addr = |at: usize| -> Option<std::net::Ipv4Addr> {
        let octets: [u8; 4] = made.bytes.get(at..at + 4)?.try_into().ok()?;
        Some(octets.into())
    };
    let port = |at: usize| Some(u16::from_be_bytes([byte(at)?, byte(at + 1)?]));
    let header = 34 + usize::from(byte(46)? >> 4) * 4;
    let ends = (addr(26)?, port(34)?, addr(30)?, port(36)?);
    Some((ends, byte(47)?, made.wire_len as usize > header))
}

/// What a network makes of it: lost segments come again when the sender's timer is over, and
/// everything that answers them comes later by that.
fn impair(frames: Vec<Made>, random: &mut Random) -> Vec<Made> {
    let mut flows: BTreeMap<Ends, Vec<(Made, bool, u8, bool)>> = BTreeMap::new();
    let mut out = Vec::new();
    for made in frames {
        let Some((ends, flags, payload)) = segment(&made) else {
            out.push(made);
            continue;
        };
        let back = (ends.2, ends.3, ends.0, ends.1);
        let forth = !flows.contains_key(&back);
        let key = if forth { ends } else { back };
        flows
            .entry(key)
            .or_default()
            .push((made, forth, flags, payload));
    }
    for flow in flows.into_values() {
        lose(flow, random, &mut out);
    }
    let mirror = Impairments {
        reorder: REORDER,
        ..Impairments::default()
    };
    let mut delivered = Vec::new();
    for made in out {
        mirror.deliver(made, random, &mut |made| delivered.push(made));
    }
    delivered.sort_by_key(|made| made.at);
    delivered
}

fn lose(flow: Vec<(Made, bool, u8, bool)>, random: &mut Random, out: &mut Vec<Made>) {
    const SYN_FIN: u8 = 3;
    let mut late = Span::ZERO;
    // Of a lost segment: when it comes again, and who sent it.
    let mut again: Option<(Timestamp, bool, Made)> = None;
    for (mut made, forth, flags, payload) in flow {
        if again.as_ref().is_some_and(|(_, own, _)| *own != forth)
            && let Some((at, _, mut copy)) = again.take()
        {
            // The answer waits for what it answers.
            let due = (at - (made.at + late)).as_nanos() + 1_000_000;
            late = Span::from_nanos(late.as_nanos() + due.max(0));
            copy.at = at;
            out.push(copy);
        }
        made.at = made.at + late;
        let is_sent_again = payload || flags & SYN_FIN != 0;
        if again.is_none() && random.chance(LOSS) {
            if is_sent_again {
                let timer = Span::from_millis(random.between(200, 400) as i64);
                again = Some((made.at + timer, forth, made.clone()));
            }
            // Lost before the tap, or after it. The tap is beside the client, whose own segments
            // it always sees.
            if !forth && random.chance(0.5) {
                continue;
            }
        }
        out.push(made);
    }
    if let Some((at, _, mut copy)) = again {
        copy.at = at;
        out.push(copy);
    }
}
