//! How well the shape of a long session tells implants from the sessions that people and their
//! programs hold, beside its length and its direction alone.

use crate::report::{Axis, Plot, Report, Seeds, table};
use crate::{crowd, dissected, fitting, roc};
use std::collections::BTreeMap;
use tapir::detect::an0146;
use tapir::observe::profile::FlowProfile;
use tapir::scenario::{Options, Sweep};
use tapir::time::Span;

/// Days of look-alikes, one on each host, and runs of each implant on some Macs.
const DAYS: usize = 12;
const RUNS: usize = 10;
const HOSTS: u32 = 180;
/// What makes a session long, and what makes it judged.
const AGE_MIN: Span = Span::from_secs(600);
const EXCHANGES_MIN: u32 = 8;
/// Variants of the scenario `an0146`, and the share that must be found at 1 % of benign sessions.
const IMPLANTS: [(&str, &str, f64); 4] = [
    ("shell", "interactive reverse shell", 0.90),
    ("socks", "SOCKS tunnel", 0.90),
    ("drip", "slow drip", 0.90),
    ("websocket", "WebSocket C2", 0.70),
];
const SCORES: [&str; 3] = ["shape", "duration only", "PCR only"];
type Scores = [f64; 3];
/// A session that is not judged.
const NONE: f64 = -1000.0;

struct Session {
    label: String,
    profile: FlowProfile,
}

pub fn run(report: &Report) {
    let benign = gather(DAYS, |number| {
        let options = Options {
            seed: report.seed() + number as u64,
            hosts: HOSTS,
            ..Options::default()
        };
        sessions("lookalikes", &options, "benign.")
    });
    let negatives: Vec<Scores> = benign.iter().map(scores).collect();
    let (mut rows, mut plots, mut by_kind) = (Vec::new(), Vec::new(), Vec::new());
    for (variant, name, bar) in IMPLANTS {
        let found = gather(RUNS, |number| {
            implant(report.seed() + number as u64, variant)
        });
        let positives: Vec<Scores> = found.iter().map(scores).collect();
        rows.push(row(name, bar, &positives, &negatives));
        plots.push((name.to_string(), points(&positives, &negatives, 0)));
        by_kind.push(found);
    }
    let all: Vec<Scores> = by_kind.iter().flatten().map(scores).collect();
    for engine in [1, 2] {
        plots.push((
            format!("all, {}", SCORES[engine]),
            points(&all, &negatives, engine),
        ));
    }
    report.text("session", &text(&rows, &benign, &negatives));
    plot(report, plots);
    if report.seeds() == Seeds::Tuning {
        refit(&by_kind, &benign);
    }
}

/// Shows weights that fit, and what they find at 1 % of the benign sessions.
fn refit(by_kind: &[Vec<Session>], benign: &[Session]) {
    let of = |sessions: &[Session]| {
        let judged = sessions.iter().map(|session| &session.profile);
        let judged = judged.filter(|profile| is_judged(profile));
        judged.filter_map(an0146::features).collect::<Vec<_>>()
    };
    let implants: Vec<_> = by_kind.iter().flat_map(|kind| of(kind)).collect();
    let others = of(benign);
    let model = fitting::logistic(&implants, &others);
    let scores = |features: &[[f64; 5]]| {
        let odds = features.iter().map(|features| model.log_odds(features));
        odds.collect::<Vec<_>>()
    };
    // One to two, and four bits more.
    let four_bits = 3.0 * std::f64::consts::LN_2;
    for threshold in [roc::threshold(&scores(&others), 0.01), four_bits] {
        let found = by_kind.iter().map(|kind| {
            let found = scores(&of(kind))
                .into_iter()
                .filter(|score| *score > threshold);
            found.count() as f64 / kind.len().max(1) as f64
        });
        let found: Vec<f64> = found.collect();
        let benign = roc::above(&scores(&others), threshold);
        println!("above {threshold:.2} log odds: {found:.3?}, {benign:.4} of the benign");
    }
    println!("{model:.2?}");
}

fn gather(runs: usize, run: impl Fn(usize) -> Vec<Session> + Sync) -> Vec<Session> {
    crowd::map(runs, run).into_iter().flatten().collect()
}

/// Sessions of ten minutes and more whose program has a label that begins so.
fn sessions(name: &str, options: &Options, label: &str) -> Vec<Session> {
    let (frames, truths) = dissected::play(name, options);
    let mut profiles = dissected::profiles(&frames);
    let labelled = truths.into_iter().filter_map(|(ends, truth)| {
        let told = truth["label"].as_str()?.to_string();
        let profile = profiles.remove(&ends)?;
        let long = told.starts_with(label) && profile.age >= AGE_MIN;
        long.then_some(Session {
            label: told,
            profile,
        })
    });
    labelled.collect()
}

fn implant(seed: u64, variant: &str) -> Vec<Session> {
    let options = Options {
        seed,
        hosts: 120,
        infected: Some(20),
        alone: true,
        onset: Some(Span::from_secs(3600)),
        sweep: Sweep {
            variant: Some(variant.to_string()),
            ..Sweep::default()
        },
        ..Options::default()
    };
    sessions("an0146", &options, "an0146.")
}

fn is_judged(profile: &FlowProfile) -> bool {
    profile.exchanges >= EXCHANGES_MIN
}

fn scores(session: &Session) -> Scores {
    let profile = &session.profile;
    let shape = an0146::shape_bits(profile).filter(|_| is_judged(profile));
    [
        shape.unwrap_or(NONE),
        profile.age.as_secs_f64(),
        profile.pcr.unwrap_or(-1.0),
    ]
}

fn column(scores: &[Scores], engine: usize) -> Vec<f64> {
    scores.iter().map(|scores| scores[engine]).collect()
}

fn points(positives: &[Scores], negatives: &[Scores], engine: usize) -> Vec<(f64, f64)> {
    roc::curve(&column(positives, engine), &column(negatives, engine))
}

fn row(name: &str, bar: f64, positives: &[Scores], negatives: &[Scores]) -> Vec<String> {
    let of = |engine: usize| {
        let [own, others] = [positives, negatives].map(|scores| column(scores, engine));
        let share = roc::above(&own, roc::threshold(&others, 0.01));
        (roc::auc(&own, &others), share)
    };
    let (auc, share) = of(0);
    let verdict = if share >= bar { "reached" } else { "missed" };
    let four = roc::above(&column(positives, 0), 4.0 - 1e-9);
    let mut row = vec![
        name.to_string(),
        positives.len().to_string(),
        format!("{auc:.3}"),
        format!("{:.1} %", 100.0 * share),
        format!("{:.0} %: {verdict}", 100.0 * bar),
        format!("{:.1} %", 100.0 * four),
    ];
    for engine in [1, 2] {
        let (auc, share) = of(engine);
        row.push(format!("{auc:.3} / {:.1} %", 100.0 * share));
    }
    row
}

fn text(rows: &[Vec<String>], benign: &[Session], negatives: &[Scores]) -> String {
    let threshold = roc::threshold(&column(negatives, 0), 0.01);
    let mut by_label: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (session, scores) in benign.iter().zip(negatives) {
        by_label.entry(&session.label).or_default().push(scores[0]);
    }
    let classes = by_label.iter().map(|(label, scores)| {
        let median = roc::median(&scores.iter().copied().map(Some).collect::<Vec<_>>());
        let most = scores.iter().copied().fold(NONE, f64::max);
        let told = |bits: f64| match bits > NONE {
            true => format!("{bits:.1}"),
            false => "not judged".to_string(),
        };
        vec![
            label.trim_start_matches("benign.").to_string(),
            scores.len().to_string(),
            format!("{:.1} %", 100.0 * roc::above(scores, 4.0 - 1e-9)),
            told(median.unwrap_or(NONE)),
            told(most),
        ]
    });
    let classes: Vec<Vec<String>> = classes.collect();
    format!(
        "# AN0146: the shape of a long session\n\n\
         Sessions of the scenario generator, through the dissector: {} benign ones of ten minutes \
         and more (`lookalikes`, nine classes), and implants that hold one for half an hour to \
         twelve. Generator and detector have one author, so these are upper bounds. The score is \
         that of `session.shape`, which a finding needs 4 bits of (and more beside it); a session \
         of less than {EXCHANGES_MIN} exchanges is not judged. 1 % of the benign sessions exceed \
         {threshold:.1} bits.\n\n",
        benign.len(),
    ) + &table(
        &[
            "implant",
            "sessions",
            "AUC",
            "found at 1 % of the benign",
            "bar",
            "4 bits and more",
            "duration only: AUC / found",
            "PCR only: AUC / found",
        ],
        rows,
    ) + "\n## Benign sessions\n\n"
        + &table(
            &[
                "class",
                "sessions",
                "4 bits and more",
                "median bits",
                "most",
            ],
            &classes,
        )
}

fn plot(report: &Report, lines: Vec<(String, Vec<(f64, f64)>)>) {
    let plot = Plot {
        title: "AN0146: long sessions".to_string(),
        axes: [
            Axis {
                title: "share of benign sessions above the threshold",
                ends: [1e-3, 1.0],
                log: true,
            },
            Axis {
                title: "share of implants found",
                ends: [0.0, 1.0],
                log: false,
            },
        ],
        lines,
    };
    report.plot("session-roc", &plot);
}
