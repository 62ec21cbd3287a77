//! From a cast to frames in time order, and the truth of each flow.

use super::call::Call;
use super::cast::{Cast, Program};
use super::hello::Terms;
use super::host::{self, Host};
use super::impair::Impairments;
use super::random::{Random, seconds};
use super::script::{Close, Protocol};
use super::talk::Talk;
use super::truth::{FlowTruth, ProgramTruth, Truth};
use super::wire::{self, End, Made};
use super::{Options, benign};
use crate::fingerprint;
use crate::net::Endpoint;
use crate::time::{Span, Timestamp};
use std::collections::{BTreeMap, VecDeque};

/// A scenario being played.
///
/// [`Scenario::poll_frame`] gives frames in the order of their moments, [`Scenario::poll_truth`]
/// what is known of the flows so far; when there are no more frames, every truth is ready.
pub struct Scenario {
    end: Timestamp,
    hosts: Vec<Host>,
    programs: Vec<Program>,
    agenda: BTreeMap<(Timestamp, u64), Due>,
    frames: BTreeMap<(Timestamp, u64), Made>,
    truths: VecDeque<Truth>,
    impairments: Impairments,
    /// For the mirror, and for lookups.
    random: Random,
    count: u64,
    said: Vec<Made>,
}

/// What happens next.
enum Due {
    Act(usize),
    Call(usize, Box<Call>),
    Talk(Box<Talk>),
}

/// What was asked for is not there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// No scenario has that name.
    #[error("there is no scenario {0}: tapir scenario --list tells them")]
    Name(String),
    /// The scenario has no such variant.
    #[error("there is no variant {asked}: there are {known}")]
    Variant {
        /// What was asked for.
        asked: String,
        /// Those that there are.
        known: String,
    },
}

impl Scenario {
    /// The scenario `name`.
    ///
    /// # Errors
    /// When there is none of that name, or it has not the variant that the sweep asks for.
    pub fn new(name: &str, options: &Options) -> Result<Scenario, Unknown> {
        let named = super::ALL.iter().find(|named| named.name == name);
        let named = named.ok_or_else(|| Unknown::Name(name.to_string()))?;
        let mut cast = Cast::new(name, options);
        if !options.alone && !super::WITHOUT_DAY.contains(&name) {
            benign::day(&mut cast);
        }
        (named.cast)(&mut cast);
        if let Some(asked) = &options.sweep.variant
            && !cast.variants.contains(asked.as_str())
        {
            let known: Vec<&str> = cast.variants.iter().copied().collect();
            return Err(Unknown::Variant {
                asked: asked.clone(),
                known: known.join(", "),
            });
        }
        let mut scenario = Scenario {
            end: options.end(),
            hosts: Vec::new(),
            programs: Vec::new(),
            agenda: BTreeMap::new(),
            frames: BTreeMap::new(),
            truths: VecDeque::new(),
            impairments: options.impairments,
            random: Random::of(options.seed, "mirror"),
            count: 0,
            said: Vec::new(),
        };
        let Cast {
            hosts, programs, ..
        } = cast;
        (scenario.hosts, scenario.programs) = (hosts, programs);
        (0..scenario.programs.len()).for_each(|number| scenario.introduce(number));
        Ok(scenario)
    }

    /// The next frame.
    pub fn poll_frame(&mut self) -> Option<Made> {
        loop {
            let due = self.agenda.first_key_value().map(|(key, _)| key.0);
            let frame = self.frames.first_key_value().map(|(key, _)| key.0);
            match (frame, due) {
                (Some(frame), due) if due.is_none_or(|due| frame < due) => {
                    let (_, made) = self.frames.pop_first()?;
                    // What comes after the end is not captured.
                    if made.at < self.end {
                        return Some(made);
                    }
                    self.frames.clear();
                    self.agenda.clear();
                    return None;
                }
                (_, Some(at)) => {
                    let (_, due) = self.agenda.pop_first()?;
                    self.handle(at, due);
                }
                _ => return None,
            }
        }
    }

    /// The next truth that is known.
    pub fn poll_truth(&mut self) -> Option<Truth> {
        self.truths.pop_front()
    }

    fn introduce(&mut self, number: usize) {
        let program = &mut self.programs[number];
        let host = &self.hosts[program.host];
        let at_s = |at: Timestamp| at.as_nanos() as f64 / 1e9;
        self.truths.push_back(Truth::Program(Box::new(ProgramTruth {
            program: number,
            label: program.label,
            analytic: program.analytic,
            host: host.addr,
            role: host.role,
            from: at_s(program.from),
            until: at_s(program.until),
            parameters: program.parameters.clone(),
        })));
        let from = program.from;
        if let Some(at) = program.when.next(from, true, &mut program.random) {
            self.plan(at, Due::Act(number));
        }
    }

    fn plan(&mut self, at: Timestamp, due: Due) {
        if at < self.end {
            self.count += 1;
            self.agenda.insert((at, self.count), due);
        }
    }

    fn handle(&mut self, at: Timestamp, due: Due) {
        match due {
            Due::Act(number) => self.act(number, at),
            Due::Call(number, call) => self.call(number, at, *call),
            Due::Talk(mut talk) => {
                let mut said = std::mem::take(&mut self.said);
                let next = talk.advance(&mut said);
                said.drain(..).for_each(|made| self.deliver(made));
                self.said = said;
                if let Some(next) = next {
                    self.plan(next, Due::Talk(talk));
                }
            }
        }
    }

    fn act(&mut self, number: usize, at: Timestamp) {
        let program = &mut self.programs[number];
        if at >= program.until {
            return;
        }
        let calls = (program.act)(&mut program.random, at);
        let next = program.when.next(at, false, &mut program.random);
        for call in calls {
            self.plan(at + call.after, Due::Call(number, Box::new(call)));
        }
        if let Some(next) = next {
            self.plan(next, Due::Act(number));
        }
    }

    /// Asks DNS where that is needed, and begins the flow.
    fn call(&mut self, number: usize, at: Timestamp, mut call: Call) {
        let program = &mut self.programs[number];
        let host = &mut self.hosts[program.host];
        let mut random = program.random.fork();
        let server = call.script.server.clone();
        let mut begins_at = at;
        if call.looked_up && host.asks_for(&server.name, at) {
            let ends = [host.end(), host::resolver()];
            let answered_at = at + seconds(random.log_uniform(0.0008, 0.03));
            begins_at = answered_at + Span::from_nanos(300_000);
            let id = random.word() as u16;
            let query = super::lookup::query(id, &server.name);
            let answer = super::lookup::answer(id, &server.name, server.addr);
            self.tell(number, at, &ends, &call, Some("dns"));
            self.deliver(wire::udp(at, &ends[0], &ends[1], &query));
            self.deliver(wire::udp(answered_at, &ends[1], &ends[0], &answer));
        }
        let host = &mut self.hosts[self.programs[number].host];
        if let Protocol::Tls(terms) = &mut call.script.protocol {
            *terms = Terms {
                resumed: host.resumes(*terms, &server.name, at),
                ..*terms
            };
        }
        let ends = [host.end(), host::far(&server)];
        let system = host.system;
        // One round trip is not like the next.
        call.script.server.rtt = seconds(server.rtt.as_secs_f64() * random.lognormal(1.0, 0.08));
        if begins_at >= self.end {
            return;
        }
        let service = match (&call.script.protocol, call.script.close) {
            (_, Close::Abandoned) => None,
            (Protocol::Tls(_), _) => Some("ssl"),
            (Protocol::Http { .. }, _) => Some("http"),
        };
        self.tell(number, begins_at, &ends, &call, service);
        let talk = Talk::new(call.script, ends, system, begins_at, random);
        self.plan(begins_at, Due::Talk(Box::new(talk)));
    }

    fn tell(
        &mut self,
        number: usize,
        at: Timestamp,
        ends: &[End; 2],
        call: &Call,
        service: Option<&'static str>,
    ) {
        let program = &self.programs[number];
        let [originator, responder] = ends.map(|end| Endpoint {
            addr: end.addr.into(),
            port: end.port,
        });
        let is_lookup = service == Some("dns");
        let (proto, protocol) = if is_lookup { ("udp", 17) } else { ("tcp", 6) };
        let client = match &call.script.protocol {
            Protocol::Tls(terms) if !is_lookup => Some(terms.stack.name()),
            _ => None,
        };
        let close = (!is_lookup).then_some(call.script.close);
        let parameters = match program.analytic {
            Some(_) => program.parameters.clone(),
            None => serde_json::Map::new(),
        };
        self.truths.push_back(Truth::Flow(Box::new(FlowTruth {
            at_ns: at.as_nanos(),
            orig_h: ends[0].addr,
            orig_p: ends[0].port,
            resp_h: ends[1].addr,
            resp_p: ends[1].port,
            proto,
            community_id: fingerprint::community_id(0, originator, responder, protocol),
            service,
            server_name: Box::from(&*call.script.server.name),
            program: number,
            label: program.label,
            analytic: program.analytic,
            client,
            close: close.map(Close::name),
            unread: close.is_some_and(Close::shows_unread),
            parameters,
        })));
    }

    fn deliver(&mut self, made: Made) {
        let Scenario {
            impairments,
            random,
            frames,
            count,
            ..
        } = self;
        impairments.deliver(made, random, &mut |made| {
            *count += 1;
            frames.insert((made.at, *count), made);
        });
    }
}
