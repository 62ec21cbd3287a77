//! From what hosts have taught to which program a flow's features mean, and how often that is
//! right.
//!
//! Hosts vote, each once, shared out by its flows; a flow is judged by the most particular features
//! that enough hosts have shown. Made anew of the lessons whenever an epoch closes.

use super::calibration::{Calibration, Outcome};
use super::features::{Features, Key};
use super::lessons::Closed;
use crate::endpoint::attribution::Level;
use std::collections::BTreeMap;

/// Hosts that must show a program with these features before it is named.
pub const HOSTS_MIN: u32 = 3;
/// A host's vote, in parts.
const VOTE: u64 = 1_000_000;

/// Programs by what their flows show.
#[derive(Clone, Debug, Default)]
pub struct Model {
    programs: Vec<Box<str>>,
    hosts: u32,
    cells: BTreeMap<Key, Cell>,
    calibration: Calibration,
}

/// What flows that are alike are of: flows by host and program, both as numbers.
#[derive(Clone, Debug, Default)]
struct Cell {
    hosts: BTreeMap<u32, BTreeMap<u32, u64>>,
    votes: BTreeMap<u32, Vote>,
}

/// What speaks for one program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Vote {
    parts: u64,
    hosts: u32,
    flows: u64,
}

/// The program that a flow's features mean, before it is asked how often that is right.
#[derive(Clone, Debug, PartialEq)]
struct Guess {
    key: Key,
    program: u32,
    vote: Vote,
    /// Hosts, and programs, that show these features.
    hosts: u32,
    programs: u32,
}

impl Guess {
    /// The program's share of the votes, with one more host that would show another program.
    fn share(&self) -> f64 {
        let parts = u64::from(self.hosts + 1) * VOTE;
        self.vote.parts as f64 / parts as f64
    }
}

/// The program that a flow is likely of.
#[derive(Clone, Debug, PartialEq)]
pub struct Named {
    /// The program.
    pub program: Box<str>,
    /// How often such a naming was right, 0 to 1: of hosts that taught, each judged by the others.
    pub probability: f64,
    /// A bound that this share is above with probability 0.95.
    pub least: f64,
    /// What was compared.
    pub key: Key,
    /// Hosts that showed this program with these features.
    pub hosts: u32,
    /// Their flows.
    pub flows: u64,
    /// Programs that were shown with these features.
    pub programs: u32,
    /// Hosts that showed these features, and hosts that taught anything.
    pub of_hosts: [u32; 2],
}

impl Cell {
    fn add(&mut self, host: u32, program: u32, flows: u32) {
        let of_host = self.hosts.entry(host).or_default();
        let known = of_host.entry(program).or_default();
        *known = known.saturating_add(u64::from(flows));
    }

    /// What the host says, as the votes count it.
    fn votes_of(of_host: &BTreeMap<u32, u64>) -> impl Iterator<Item = (u32, Vote)> + '_ {
        let all: u64 = of_host.values().sum();
        of_host.iter().map(move |(program, flows)| {
            let parts = flows.saturating_mul(VOTE) / all.max(1);
            let (hosts, flows) = (1, *flows);
            (
                *program,
                Vote {
                    parts,
                    hosts,
                    flows,
                },
            )
        })
    }

    fn count(&mut self) {
        for of_host in self.hosts.values() {
            for (program, vote) in Cell::votes_of(of_host) {
                let sum = self.votes.entry(program).or_default();
                sum.parts += vote.parts;
                sum.hosts += vote.hosts;
                sum.flows = sum.flows.saturating_add(vote.flows);
            }
        }
    }

    /// The program that most hosts other than `without` show, and how many of them and of programs
    /// there are; of equals the first by name.
    fn best(&self, without: Option<u32>) -> Option<(u32, Vote, u32, u32)> {
        let own = without.and_then(|host| self.hosts.get(&host));
        let own: BTreeMap<u32, Vote> = own.map(Cell::votes_of).into_iter().flatten().collect();
        let left = self.votes.iter().filter_map(|(program, vote)| {
            let less = own.get(program).copied().unwrap_or_default();
            let vote = Vote {
                parts: vote.parts - less.parts,
                hosts: vote.hosts - less.hosts,
                flows: vote.flows.saturating_sub(less.flows),
            };
            (vote.hosts > 0).then_some((*program, vote))
        });
        let programs = left.clone().count() as u32;
        let hosts = self.hosts.len() as u32 - u32::from(!own.is_empty());
        let (program, vote) = left.rev().max_by_key(|(_, vote)| vote.parts)?;
        Some((program, vote, hosts, programs))
    }
}

impl Model {
    /// The model of what was taught.
    pub fn of(lessons: &Closed) -> Model {
        let mut programs: Vec<Box<str>> = Vec::new();
        for lesson in lessons.values().flat_map(BTreeMap::keys) {
            programs.push(lesson.program.clone());
        }
        programs.sort_unstable();
        programs.dedup();
        let number = |program: &str| {
            let found = programs.binary_search_by(|known| (**known).cmp(program));
            found.unwrap_or_default() as u32
        };
        let mut cells: BTreeMap<Key, Cell> = BTreeMap::new();
        for (host, of_host) in (0u32..).zip(lessons.values()) {
            for (lesson, known) in of_host {
                let program = number(&lesson.program);
                let keys = Level::ALL
                    .iter()
                    .filter_map(|level| lesson.features.key(*level));
                for key in keys {
                    cells
                        .entry(key)
                        .or_default()
                        .add(host, program, known.flows);
                }
            }
        }
        cells.values_mut().for_each(Cell::count);
        let mut model = Model {
            hosts: lessons.len() as u32,
            cells,
            ..Model::default()
        };
        let mut outcomes = Vec::new();
        for (host, of_host) in (0u32..).zip(lessons.values()) {
            let mut seen: BTreeMap<(Key, u32), Outcome> = BTreeMap::new();
            let trials = of_host.keys().flat_map(|lesson| {
                let (over, begun) = (lesson.features.clone(), lesson.features.begun());
                [(over, &lesson.program), (begun, &lesson.program)]
            });
            for (features, program) in trials {
                let Some(guess) = model.guess(&features, Some(host)) else {
                    continue;
                };
                let program = number(program);
                let outcome = Outcome {
                    host,
                    level: guess.key.level,
                    share: guess.share(),
                    right: guess.program == program,
                };
                // Flows that are alike and of one program are one trial, however many they are.
                seen.insert((guess.key, program), outcome);
            }
            outcomes.extend(seen.into_values());
        }
        model.calibration = Calibration::of(&outcomes);
        model.programs = programs;
        model
    }

    /// The program that `features` most likely mean; none where too few hosts have shown them, or
    /// they contradict each other.
    pub fn name(&self, features: &Features) -> Option<Named> {
        let guess = self.guess(features, None)?;
        let [probability, least] = self.calibration.of_share(guess.key.level, guess.share());
        Some(Named {
            program: self.programs.get(guess.program as usize)?.clone(),
            probability,
            least,
            hosts: guess.vote.hosts,
            flows: guess.vote.flows,
            programs: guess.programs,
            of_hosts: [guess.hosts, self.hosts],
            key: guess.key,
        })
    }

    fn guess(&self, features: &Features, without: Option<u32>) -> Option<Guess> {
        let mut hinted = None;
        for level in Level::ALL {
            // What is over is judged by more than how it began.
            let fits = level != Level::Begun || !features.is_over();
            let Some(key) = features.key(level).filter(|_| fits) else {
                continue;
            };
            let cell = self.cells.get(&key);
            let best = cell.and_then(|cell| cell.best(without));
            let Some((program, vote, hosts, programs)) = best else {
                continue;
            };
            // Few hosts that were more alike name another program.
            if *hinted.get_or_insert(program) != program {
                return None;
            }
            if vote.hosts >= HOSTS_MIN {
                return Some(Guess {
                    key,
                    program,
                    vote,
                    hosts,
                    programs,
                });
            }
        }
        None
    }
}
