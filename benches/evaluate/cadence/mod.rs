//! Beacons among people and processes: what a day of moments and sizes alone tells, by our engine
//! and by three others.

mod beacons;
mod cells;
mod delay;
mod ours;
mod people;

use crate::report::{Axis, Plot, Report, Seeds, table};
use crate::rivals::{Contact, elastic, fourier::Fourier, rita};
use crate::{crowd, roc};
use cells::{Bar, Cell};
use people::{Family, NEGATIVES, TIMERS};
use std::fmt::Write;
use tapir::profile::cadence::Templates;
use tapir::scenario::random::Random;

/// Days of each family without a timer, of each family of honest timers, and of each row.
const NEGATIVES_EACH: usize = 2200;
const TIMERS_EACH: usize = 400;
const POSITIVES_EACH: usize = 400;
/// Bits of a candidate, and of a strong one.
const CANDIDATE: f64 = 20.0;
const STRONG: f64 = 30.0;
const FOURIER_NATIVE: f64 = 1.0;

/// Ours first.
const ENGINES: [&str; 4] = ["Tapir", "RITA v5", "Elastic", "FFT"];
type Scores = [f64; 4];
/// The threshold above which each engine itself speaks.
const NATIVE: Scores = [CANDIDATE, rita::MEDIUM - 1e-9, 0.5, FOURIER_NATIVE];

pub fn run(report: &Report) {
    let judge = Judge {
        templates: Templates::default(),
        fourier: Fourier::default(),
        others: report.seeds() == Seeds::Reporting,
    };
    let (mut negatives, mut worst) = (Vec::new(), Vec::new());
    for family in NEGATIVES {
        let scores = judge.family(report, family, NEGATIVES_EACH);
        worst.push(family_row(family, &scores));
        negatives.extend(scores);
        println!("  {}", family.name);
    }
    let thresholds = |share| of_each(|engine| roc::threshold(&column(&negatives, engine), share));
    let thresholds = [thresholds(0.01), thresholds(0.001)];
    let (mut rows, mut plots) = (Vec::new(), Vec::new());
    let mut missed = Vec::new();
    for cell in cells::all() {
        let scores = judge.cell(report, &cell);
        rows.push(row(cell.name, &scores, &negatives, &thresholds));
        missed.extend(shortfall(&cell, &scores, &negatives, &thresholds));
        if cell.plotted {
            plots.push((cell.name, scores));
        }
        println!("  {}", cell.name);
    }
    for family in TIMERS {
        let scores = judge.family(report, family, TIMERS_EACH);
        worst.push(family_row(family, &scores));
        rows.push(row(family.name, &scores, &negatives, &thresholds));
    }
    let mut text = introduction(&thresholds, &negatives);
    text += &table(&head(), &rows);
    text += "\n## Negatives and honest timers\n\nShare above the native thresholds, and the most \
             bits of any day.\n\n";
    text += &table(
        &[
            "family",
            "days",
            "Tapir > 20",
            "RITA ≥ .7",
            "Elastic flag",
            "FFT > 1",
            "bits that 0.1 % exceed",
            "most bits",
        ],
        &worst,
    );
    let _ = match missed.is_empty() {
        true => writeln!(text, "\nEvery bar is reached."),
        false => writeln!(text, "\nBars missed:\n\n{}", missed.join("\n")),
    };
    text += &delay::run(report, &judge.templates);
    report.text("cadence", &text);
    for (number, (name, scores)) in plots.iter().enumerate() {
        plot(report, number, name, scores, &negatives);
    }
}

/// What scores days.
struct Judge {
    templates: Templates,
    fourier: Fourier,
    /// Nothing of the others is tuned, so on tuning seeds they are left out.
    others: bool,
}

impl Judge {
    fn scores(&self, day: &[(Contact, bool)], random: &mut Random) -> Scores {
        let ours = ours::bits(&self.templates, day);
        if !self.others {
            return [ours, 0.0, 0.0, 0.0];
        }
        let contacts: Vec<Contact> = day.iter().map(|(contact, _)| *contact).collect();
        [
            ours,
            rita::beacon(&contacts, 0.0).score,
            elastic::beaconing(&contacts).rank,
            self.fourier.score(&contacts, random),
        ]
    }

    fn family(&self, report: &Report, family: &Family, count: usize) -> Vec<Scores> {
        crowd::map(count, |number| {
            let mut random = Random::of(report.seed() + number as u64, family.name);
            let day = family.day(&mut random).into_iter();
            let day: Vec<_> = day.map(|contact| (contact, false)).collect();
            self.scores(&day, &mut random)
        })
    }

    fn cell(&self, report: &Report, cell: &Cell) -> Vec<Scores> {
        crowd::map(POSITIVES_EACH, |number| {
            let mut random = Random::of(report.seed() + number as u64, cell.name);
            let day = cell.habits.day(&mut random);
            self.scores(&day, &mut random)
        })
    }
}

fn of_each<T>(f: impl FnMut(usize) -> T) -> [T; 4] {
    [0, 1, 2, 3].map(f)
}

fn column(scores: &[Scores], engine: usize) -> Vec<f64> {
    scores.iter().map(|scores| scores[engine]).collect()
}

fn percent(share: f64) -> String {
    // 100 is all of them.
    let rounded = (share * 1000.0).floor() / 10.0;
    format!("{rounded:.1}").trim_end_matches(".0").to_string()
}

fn head() -> Vec<&'static str> {
    let mut head = vec!["", "Tapir", "RITA v5", "Elastic", "FFT"];
    head.extend([
        "Tapir > 20",
        "Tapir > 30",
        "RITA ≥ .7",
        "Elastic flag",
        "FFT > 1",
    ]);
    head
}

fn row(
    name: &str,
    scores: &[Scores],
    negatives: &[Scores],
    thresholds: &[Scores; 2],
) -> Vec<String> {
    let told = |engine: usize| {
        let own = column(scores, engine);
        let auc = roc::auc(&own, &column(negatives, engine));
        let [loose, strict] = thresholds.map(|of| percent(roc::above(&own, of[engine])));
        format!("{auc:.3} / {loose} / {strict}")
    };
    let above = |engine, threshold| percent(roc::above(&column(scores, engine), threshold));
    let mut row = vec![name.to_string()];
    row.extend(of_each(told));
    row.extend([above(0, CANDIDATE), above(0, STRONG)]);
    row.extend((1..4).map(|engine| above(engine, NATIVE[engine])));
    row
}

fn family_row(family: &Family, scores: &[Scores]) -> Vec<String> {
    let mut row = vec![family.name.to_string(), scores.len().to_string()];
    row.extend(of_each(|engine| {
        percent(roc::above(&column(scores, engine), NATIVE[engine]))
    }));
    row.push(format!("{:.1}", roc::threshold(&column(scores, 0), 0.001)));
    let most = column(scores, 0)
        .into_iter()
        .fold(f64::NEG_INFINITY, f64::max);
    row.push(format!("{most:.1}"));
    row
}

fn shortfall(
    cell: &Cell,
    scores: &[Scores],
    negatives: &[Scores],
    thresholds: &[Scores; 2],
) -> Option<String> {
    let Bar::Share(least) = cell.bar else {
        return None;
    };
    let own = column(scores, 0);
    let auc = roc::auc(&own, &column(negatives, 0));
    let share = roc::above(&own, thresholds[1][0]);
    let fine = share >= least && (auc >= 0.99 || least < 0.98);
    let told = format!(
        "* {}: AUC {auc:.4}, {} %, not {}",
        cell.name,
        percent(share),
        least
    );
    (!fine).then_some(told)
}

fn introduction(thresholds: &[Scores; 2], negatives: &[Scores]) -> String {
    let [loose, strict] = thresholds;
    let list = |of: &Scores| {
        let named = ENGINES.iter().zip(of);
        let named: Vec<String> = named
            .map(|(name, score)| format!("{name} {score:.2}"))
            .collect();
        named.join(", ")
    };
    format!(
        "# Cadence\n\n\
         Synthetic days of 24 h, the moments and upload sizes of one host's calls of one \
         destination. {POSITIVES_EACH} days a row, sleeps from 20 s to 30 min unless told \
         otherwise (log-uniform); {} days without a timer ({NEGATIVES_EACH} of each family below). \
         Tapir's score is the most bits of any look that the detector took on that day. RITA, \
         Elastic's transform and the FFT with permutations are written anew from their formulas.\n\n\
         A cell: AUC / share above the score that 1 % of the negatives exceed / 0.1 %, in %. Last \
         columns: share above the thresholds at which each itself speaks; 20 bits are a candidate, \
         30 strong. Scores that 1 % exceed: {}; 0.1 %: {}.\n\n",
        negatives.len(),
        list(loose),
        list(strict),
    )
}

fn plot(report: &Report, number: usize, name: &str, scores: &[Scores], negatives: &[Scores]) {
    let lines = ENGINES.iter().enumerate().map(|(engine, engine_name)| {
        let points = roc::curve(&column(scores, engine), &column(negatives, engine));
        ((*engine_name).to_string(), points)
    });
    let plot = Plot {
        title: name.to_string(),
        axes: [
            Axis {
                title: "share of days without a timer that are taken for one",
                ends: [1e-4, 1.0],
                log: true,
            },
            Axis {
                title: "share of beacons found",
                ends: [0.0, 1.0],
                log: false,
            },
        ],
        lines: lines.collect(),
    };
    report.plot(&format!("cadence-roc-{}", number + 1), &plot);
}
