//! From a scenario's options to its hosts and the programs that they run.

use super::Options;
use super::call::Call;
use super::host::{Host, Role};
use super::random::Random;
use super::when::When;
use crate::time::{Span, Timestamp};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// What a program does when it acts: its calls.
pub type Act = Box<dyn FnMut(&mut Random, Timestamp) -> Vec<Call> + Send>;

/// Which analytic a program is to be caught by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[allow(missing_docs)] // The names are MITRE's.
pub enum Analytic {
    AN1190,
    AN1191,
    AN1601,
    AN0146,
    AN1415,
}

/// A program of one host.
pub struct Program {
    /// The host's number.
    pub host: usize,
    /// What it is, such as `benign.push`.
    pub label: &'static str,
    /// Who is to tell it; none for benign ones.
    pub analytic: Option<Analytic>,
    /// When it acts.
    pub when: When,
    /// The earliest moment.
    pub from: Timestamp,
    /// The moment after which it acts no more.
    pub until: Timestamp,
    /// What it does.
    pub act: Act,
    /// What was drawn for it.
    pub parameters: Map<String, Value>,
    /// Its own numbers.
    pub random: Random,
}

/// Hosts and programs of a scenario.
pub struct Cast<'a> {
    /// What was asked for.
    pub options: &'a Options,
    /// The hosts.
    pub hosts: Vec<Host>,
    /// The programs.
    pub programs: Vec<Program>,
    /// Numbers for what is drawn once.
    pub random: Random,
    /// The variants of its hostile programs.
    pub variants: BTreeSet<&'static str>,
}

impl<'a> Cast<'a> {
    /// Hosts without programs.
    pub fn new(name: &str, options: &'a Options) -> Cast<'a> {
        let mut random = Random::of(options.seed, name);
        let hosts = (0..options.hosts as usize).map(|number| Host::new(number, &mut random));
        Cast {
            hosts: hosts.collect(),
            options,
            programs: Vec::new(),
            random,
            variants: BTreeSet::new(),
        }
    }

    /// The numbers of the hosts with a role.
    pub fn of_role(&self, wanted: impl Fn(Role) -> bool) -> Vec<usize> {
        let found = self.hosts.iter().filter(|host| wanted(host.role));
        found.map(|host| host.number).collect()
    }

    /// Adds a benign program that runs from the beginning to the end.
    pub fn benign(
        &mut self,
        host: usize,
        label: &'static str,
        when: When,
        act: impl FnMut(&mut Random, Timestamp) -> Vec<Call> + Send + 'static,
    ) {
        let program = Program {
            host,
            label,
            analytic: None,
            when,
            from: self.options.start,
            until: self.end(),
            act: Box::new(act),
            parameters: Map::new(),
            random: self.random.fork(),
        };
        self.programs.push(program);
    }

    /// Adds a program that an analytic is to tell, from the onset on.
    pub fn hostile(
        &mut self,
        host: usize,
        label: &'static str,
        analytic: Analytic,
        when: When,
        parameters: Value,
        act: impl FnMut(&mut Random, Timestamp) -> Vec<Call> + Send + 'static,
    ) {
        let from = self.onset();
        self.benign(host, label, when, act);
        if let (Some(program), Value::Object(parameters)) = (self.programs.last_mut(), parameters) {
            program.analytic = Some(analytic);
            program.parameters = parameters;
            program.from = from;
        }
    }

    /// When hostile programs begin.
    pub fn onset(&self) -> Timestamp {
        let nanos = (self.end() - self.options.start).as_nanos();
        let default = Span::from_nanos(nanos / 4);
        self.options.start + self.options.onset.unwrap_or(default)
    }

    /// The end of the scenario.
    pub fn end(&self) -> Timestamp {
        self.options.end()
    }

    /// The period of a timer: `full_s`, or eight times as long in a scenario that is not full.
    pub fn period(&self, full_s: f64) -> f64 {
        if self.options.full {
            full_s
        } else {
            full_s * 8.0
        }
    }
}
