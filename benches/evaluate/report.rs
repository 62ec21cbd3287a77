//! From results to tables and plots in `fixtures/evaluation`.

use plotters::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};

/// What every scene of a run follows from. Weights and rules may be fitted on tuning seeds only;
/// what is written comes from reporting seeds only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seeds {
    Tuning,
    Reporting,
}

const TUNING_SEED: u64 = 0x7475_6e69_6e67;
const REPORTING_SEED: u64 = 0x7265_706f_7274;

/// Where results go.
pub struct Report {
    seeds: Seeds,
    folder: PathBuf,
}

/// An axis: its title, its ends, and whether it is logarithmic.
pub struct Axis {
    pub title: &'static str,
    pub ends: [f64; 2],
    pub log: bool,
}

impl Axis {
    fn place(&self, value: f64) -> f64 {
        if self.log { libm::log10(value) } else { value }
    }

    /// How many labels: of a logarithmic axis one for each decade.
    fn labels(&self) -> usize {
        match self.log {
            true => (self.place(self.ends[1]) - self.place(self.ends[0])) as usize + 1,
            false => 11,
        }
    }

    fn label(&self, place: f64) -> String {
        match self.log {
            true => format!("{}", libm::round(libm::exp10(place) * 1e6) / 1e6),
            false if self.ends[1] > 2.0 => format!("{place:.0}"),
            false => format!("{place:.1}"),
        }
    }
}

/// Lines in a plane.
pub struct Plot {
    pub title: String,
    pub axes: [Axis; 2],
    pub lines: Vec<(String, Vec<(f64, f64)>)>,
}

/// Distinct in print and for most of those who do not see all colours (Okabe and Ito).
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(0, 0, 0),
];

impl Report {
    pub fn new(seeds: Seeds) -> Report {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/evaluation");
        Report { seeds, folder }
    }

    /// Which seeds are taken.
    pub fn seeds(&self) -> Seeds {
        self.seeds
    }

    /// The seed of all that is drawn.
    pub fn seed(&self) -> u64 {
        match self.seeds {
            Seeds::Tuning => TUNING_SEED,
            Seeds::Reporting => REPORTING_SEED,
        }
    }

    /// Shows a text in Markdown, and writes it as `NAME.md`.
    pub fn text(&self, name: &str, text: &str) {
        println!("{text}");
        self.write(&format!("{name}.md"), text);
    }

    /// Writes a plot as `NAME.svg`.
    pub fn plot(&self, name: &str, plot: &Plot) {
        let mut svg = String::new();
        plot.draw(&mut svg).expect("drawing into memory");
        self.write(&format!("{name}.svg"), &svg);
    }

    fn write(&self, name: &str, text: &str) {
        if self.seeds == Seeds::Reporting {
            fs::create_dir_all(&self.folder).expect("a folder for results");
            fs::write(self.folder.join(name), text).expect("a file for results");
        }
    }
}

impl Plot {
    fn draw(&self, svg: &mut String) -> Result<(), Box<dyn std::error::Error>> {
        let area = SVGBackend::with_string(svg, (720, 480)).into_drawing_area();
        area.fill(&WHITE)?;
        let [x, y] = &self.axes;
        let [across, up] = [x, y].map(|axis| axis.place(axis.ends[0])..axis.place(axis.ends[1]));
        let mut chart = ChartBuilder::on(&area)
            .margin(12)
            .caption(&self.title, ("sans-serif", 18))
            .x_label_area_size(44)
            .y_label_area_size(56)
            .build_cartesian_2d(across, up)?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .x_desc(x.title)
            .y_desc(y.title)
            .x_labels(x.labels())
            .y_labels(y.labels())
            .x_label_formatter(&|place| x.label(*place))
            .y_label_formatter(&|place| y.label(*place))
            .draw()?;
        for ((name, points), colour) in self.lines.iter().zip(COLOURS.iter().cycle()) {
            let within = |point: &(f64, f64)| (x.place(point.0), y.place(point.1));
            let line = LineSeries::new(points.iter().map(within), colour.stroke_width(2));
            let legend =
                move |(x, y)| PathElement::new(vec![(x, y), (x + 18, y)], colour.stroke_width(2));
            chart.draw_series(line)?.label(name).legend(legend);
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::LowerRight)
            .background_style(WHITE.mix(0.85))
            .border_style(BLACK.mix(0.3))
            .draw()?;
        area.present()?;
        Ok(())
    }
}

/// A table in Markdown.
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let head: Vec<String> = head.iter().map(|cell| (*cell).to_string()).collect();
    let rule = vec!["---".to_string(); head.len()];
    let rows: String = rows.iter().map(|row| line(row)).collect();
    line(&head)
        + &line(&rule)
            .replace("| ---", "|---")
            .replace("--- |", "---|")
        + &rows
}
