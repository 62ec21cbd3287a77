//! How well the program behind a flow of a host without an agent is told from what the agents of
//! other hosts taught, beside the most common program of its JA4.

mod recorded;

use crate::crowd;
use crate::report::{Axis, Plot, Report, table};
use recorded::Flow;
use std::collections::{BTreeMap, BTreeSet};
use tapir::detect::taught::{Lesson, Named, Taught};
use tapir::time::{Span, Timestamp};

/// Of twelve hosts so many teach; each is the first of them once.
const TEACHERS: [usize; 6] = [3, 4, 6, 8, 10, 11];
/// Those whose programs are told one by one.
const SHOWN: usize = 8;
const BAR: f64 = 0.95;
const LESSONS_MAX: usize = 65_536;

/// One flow, judged.
struct Judged<'a> {
    flow: &'a Flow,
    named: Option<Named>,
    told: bool,
    /// What was told before its end.
    begun: Option<Named>,
    /// The most common program of the JA4.
    common: Option<String>,
}

impl Judged<'_> {
    fn right(&self) -> bool {
        self.named
            .as_ref()
            .is_some_and(|named| *named.program == *self.flow.program)
    }
}

/// Flows that were judged, named at all, and named rightly.
#[derive(Clone, Copy, Default)]
struct Tally {
    flows: usize,
    told: usize,
    right: usize,
}

impl Tally {
    fn count(&mut self, told: bool, right: bool) {
        self.flows += 1;
        self.told += usize::from(told);
        self.right += usize::from(told && right);
    }

    fn coverage(self) -> String {
        share(self.told, self.flows)
    }

    fn precision(self) -> String {
        share(self.right, self.told)
    }
}

fn share(k: usize, n: usize) -> String {
    match n {
        0 => "-".to_string(),
        n => format!("{:.1} % ({k} of {n})", 100.0 * k as f64 / n as f64),
    }
}

/// What the teachers' flows teach, as of the epoch after theirs.
fn taught(flows: &[&Flow]) -> Taught {
    let (mut taught, at) = (Taught::default(), Timestamp::from_nanos(0));
    for flow in flows {
        let lesson = Lesson {
            program: flow.program.as_str().into(),
            features: flow.features.clone(),
        };
        taught.learn(&flow.host, lesson, at, LESSONS_MAX);
    }
    taught.advance(at + Span::from_secs(3600), LESSONS_MAX);
    taught
}

fn most_common(flows: &[&Flow]) -> BTreeMap<String, String> {
    let mut counts: BTreeMap<String, BTreeMap<&str, usize>> = BTreeMap::new();
    for flow in flows {
        let of = counts.entry(flow.features.stack().to_string()).or_default();
        *of.entry(&flow.program).or_default() += 1;
    }
    let most = |of: BTreeMap<&str, usize>| {
        let most = of.into_iter().rev().max_by_key(|(_, count)| *count);
        most.map_or_else(String::new, |(program, _)| program.to_string())
    };
    counts
        .into_iter()
        .map(|(stack, of)| (stack, most(of)))
        .collect()
}

/// Every flow of a host that does not teach.
fn judge<'a>(flows: &'a [Flow], teachers: &BTreeSet<&str>) -> Vec<Judged<'a>> {
    let (own, others): (Vec<&Flow>, Vec<&Flow>) = flows
        .iter()
        .partition(|flow| teachers.contains(&*flow.host));
    let (mut taught, common) = (taught(&own), most_common(&own));
    let judged = others.into_iter().map(|flow| Judged {
        named: taught.name(&flow.features),
        told: taught.infer(&flow.features).is_some(),
        begun: taught.infer(&flow.features.begun()),
        common: common.get(flow.features.stack()).cloned(),
        flow,
    });
    judged.collect()
}

/// For each number of teachers every split.
fn splits<'a>(flows: &'a [Flow], count: usize) -> Vec<Judged<'a>> {
    let alone: BTreeSet<&str> = hosts(flows, true);
    let hosts: Vec<&str> = hosts(flows, false).difference(&alone).copied().collect();
    let judged = crowd::map(hosts.len(), |first| {
        let teachers = (0..count).map(|n| hosts[(first + n) % hosts.len()]);
        judge(flows, &teachers.collect())
    });
    judged.into_iter().flatten().collect()
}

fn hosts(flows: &[Flow], alone: bool) -> BTreeSet<&str> {
    let of = flows.iter().filter(|flow| flow.alone == alone);
    of.map(|flow| &*flow.host).collect()
}

pub fn run(report: &Report) {
    let (flows, bare) = recorded::flows();
    let (mut rows, mut common_rows) = (Vec::new(), Vec::new());
    let (mut shown, mut most) = (Vec::new(), String::new());
    for count in TEACHERS {
        let judged = splits(&flows, count);
        rows.push(row(count, &judged, |one| (one.told, one.right())));
        common_rows.push(row(count, &judged, |one| {
            let right = one.common.as_ref() == Some(&one.flow.program);
            (one.common.is_some(), right)
        }));
        most = begun(count, &judged);
        if count == SHOWN {
            shown = judged;
        }
    }
    let head = [
        "hosts that teach",
        "named",
        "rightly",
        "not named: a program that nobody taught",
        "rightly, with those",
    ];
    let text = intro(&flows, bare)
        + &table(&head, &rows)
        + "\nThe most common program of the JA4 (or user agent) among the same flows:\n\n"
        + &table(&head, &common_rows)
        + &most
        + &by_program(&shown);
    report.text("taught", &text);
    plot(report, &shown);
}

fn row(
    count: usize,
    judged: &[Judged<'_>],
    of: impl Fn(&Judged<'_>) -> (bool, bool),
) -> Vec<String> {
    let (mut known, mut all, mut alone) = (Tally::default(), Tally::default(), Tally::default());
    for one in judged {
        let (told, right) = of(one);
        all.count(told, right);
        let tally = if one.flow.alone {
            &mut alone
        } else {
            &mut known
        };
        tally.count(told, right);
    }
    vec![
        count.to_string(),
        known.coverage(),
        known.precision(),
        share(alone.flows - alone.told, alone.flows),
        all.precision(),
    ]
}

fn intro(flows: &[Flow], bare: usize) -> String {
    let programs = |alone| {
        let of = flows.iter().filter(|flow| flow.alone == alone);
        of.map(|flow| &*flow.program).collect::<BTreeSet<_>>().len()
    };
    format!(
        "# Programs of hosts without an agent, taught by those with one\n\n\
         Recorded flows of real programs (`pcaps/programs.pcap.zst`): {} that show a hello or a user \
         agent, of {} programs on twelve hosts and {} that only three further hosts have ({bare} more \
         show neither and are left out). So many of the twelve hosts teach, as if their agents had \
         told each flow; the flows of the other hosts, and of the three further ones, are judged. \
         Every split of neighbours is taken, twelve for each number. The bar for what is named: \
         {:.0} % of it right. Recorded on one machine, so every host has the same version of each \
         program, which no site has; and that the way in which a flow ends is compared was decided \
         on this recording. So these are upper bounds. `updater` is a copy of curl: nothing on the \
         wire tells it from curl.\n\n",
        flows.len(),
        programs(false),
        programs(true),
        100.0 * BAR,
    )
}

/// What alerts are told that are raised while their flow goes on.
fn begun(count: usize, judged: &[Judged<'_>]) -> String {
    let right = |one: &Judged<'_>| {
        let named = one.begun.as_ref();
        named.is_some_and(|named| *named.program == *one.flow.program)
    };
    let cells = row(count, judged, |one| (one.begun.is_some(), right(one)));
    format!(
        "\nOf a flow that goes on, by how it began and what it calls, where {} hosts teach: named {}, \
         rightly {}; not named of programs that nobody taught {}; rightly with those {}.\n",
        cells[0], cells[1], cells[2], cells[3], cells[4],
    )
}

/// What programs were taken for, and how often.
type Wrong = BTreeMap<String, usize>;

/// How each program fared.
fn by_program(judged: &[Judged<'_>]) -> String {
    let mut tallies: BTreeMap<(bool, &str), (Tally, Wrong)> = BTreeMap::new();
    for one in judged {
        let key = (one.flow.alone, &*one.flow.program);
        let (tally, wrong) = tallies.entry(key).or_default();
        tally.count(one.told, one.right());
        if one.told && !one.right() {
            let name = one
                .named
                .as_ref()
                .map_or_else(String::new, |n| n.program.to_string());
            *wrong.entry(name).or_default() += 1;
        }
    }
    let rows = tallies
        .into_iter()
        .map(|((alone, program), (tally, wrong))| {
            let wrong: Vec<_> = wrong
                .iter()
                .map(|(name, n)| format!("{name} ({n})"))
                .collect();
            vec![
                program.to_string(),
                if alone { "nobody" } else { "some" }.to_string(),
                tally.coverage(),
                tally.precision(),
                wrong.join(", "),
            ]
        });
    let rows: Vec<_> = rows.collect();
    format!("\n## By program, where {SHOWN} hosts teach\n\n")
        + &table(
            &[
                "program",
                "taught by",
                "named",
                "rightly",
                "named wrongly as",
            ],
            &rows,
        )
}

/// How often a naming of some probability is right, told or not.
fn plot(report: &Report, judged: &[Judged<'_>]) {
    let line = |with_alone: bool| {
        let mut bins: BTreeMap<u32, (f64, f64, f64)> = BTreeMap::new();
        for one in judged.iter().filter(|one| with_alone || !one.flow.alone) {
            let Some(named) = &one.named else { continue };
            let bin = bins.entry((named.probability * 20.0) as u32).or_default();
            bin.0 += named.probability;
            bin.1 += if one.right() { 1.0 } else { 0.0 };
            bin.2 += 1.0;
        }
        let points = bins
            .into_values()
            .map(|(said, right, n)| (said / n, right / n));
        points.collect::<Vec<_>>()
    };
    let axis = |title| Axis {
        title,
        ends: [0.0, 1.0],
        log: false,
    };
    let plot = Plot {
        title: format!("Taught programs: calibration ({SHOWN} hosts teach)"),
        axes: [
            axis("probability told"),
            axis("share of namings that are right"),
        ],
        lines: vec![
            ("as told".to_string(), vec![(0.0, 0.0), (1.0, 1.0)]),
            ("taught programs".to_string(), line(false)),
            ("with programs that nobody taught".to_string(), line(true)),
        ],
    };
    report.plot("taught-calibration", &plot);
}
