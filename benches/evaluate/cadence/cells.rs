//! The rows of the table: beacons by their habits.

use super::beacons::{Browsing, Habits, Hours, Shape};

/// What a row must reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bar {
    /// AUC .99 and this share above the threshold that 0.1 % of the negatives exceed.
    Share(f64),
    /// Shown for the limits, or for scale.
    None,
}

/// A row.
pub struct Cell {
    pub name: &'static str,
    pub habits: Habits,
    pub bar: Bar,
    /// Whether it is in the plots.
    pub plotted: bool,
}

const fn cell(name: &'static str, bar: Bar, habits: Habits) -> Cell {
    Cell {
        name,
        habits,
        bar,
        plotted: false,
    }
}

const FULL: Bar = Bar::Share(0.98);
const DOWN_20: Habits = Habits::new(Shape::Downward, 0.2);
const DOWN_30: Habits = Habits::new(Shape::Downward, 0.3);
const DOWN_50: Habits = Habits::new(Shape::Downward, 0.5);
const WORKING_30: Habits = Habits {
    hours: Hours::Working,
    ..DOWN_30
};
const BOTH_30: Habits = Habits {
    browsing: Browsing::Working,
    ..WORKING_30
};

/// Every row.
pub fn all() -> Vec<Cell> {
    let mut cells = shapes();
    cells.extend(habits());
    cells.extend(mixed());
    cells.extend(limits());
    cells
}

fn shapes() -> Vec<Cell> {
    vec![
        cell("jitter 0", FULL, Habits::new(Shape::Downward, 0.0)),
        cell("jitter 10", FULL, Habits::new(Shape::Downward, 0.1)),
        cell("jitter 20", FULL, DOWN_20),
        cell("jitter 30", FULL, DOWN_30),
        cell("jitter 50 downward", FULL, DOWN_50),
        cell("jitter 50 upward", FULL, Habits::new(Shape::Upward, 0.5)),
        cell(
            "jitter 50 symmetric",
            FULL,
            Habits::new(Shape::Symmetric, 0.5),
        ),
        cell("Gaussian 30", FULL, Habits::new(Shape::Gaussian, 0.3)),
        cell("cron + 30", FULL, Habits::new(Shape::Cron, 0.3)),
    ]
}

fn habits() -> Vec<Cell> {
    let missing = |miss, habits| Habits { miss, ..habits };
    vec![
        cell("jitter 20, 10 % missed", FULL, missing(0.1, DOWN_20)),
        cell("jitter 20, 30 % missed", FULL, missing(0.3, DOWN_20)),
        cell("jitter 50, 30 % missed", FULL, missing(0.3, DOWN_50)),
        Cell {
            plotted: true,
            ..cell("jitter 30, working hours", FULL, WORKING_30)
        },
        cell(
            "jitter 50, working hours, 10 % missed",
            FULL,
            Habits {
                hours: Hours::Working,
                miss: 0.1,
                ..DOWN_50
            },
        ),
        cell(
            "jitter 50, working hours, 30 % missed",
            FULL,
            Habits {
                hours: Hours::Working,
                miss: 0.3,
                ..DOWN_50
            },
        ),
        cell(
            "jitter 30, from the afternoon on",
            FULL,
            Habits {
                hours: Hours::Late,
                ..DOWN_30
            },
        ),
        cell(
            "jitter 20, sleep drifts by 20 %",
            FULL,
            Habits {
                drift: 0.2,
                ..DOWN_20
            },
        ),
        cell(
            "jitter 30, 1 to 4 connections a check-in",
            FULL,
            Habits {
                connections: 4,
                ..DOWN_30
            },
        ),
        cell(
            "jitter 20, size jitter 2 kB",
            FULL,
            Habits {
                size_jitter: 2000.0,
                ..DOWN_20
            },
        ),
        Cell {
            plotted: true,
            ..cell(
                "jitter 50, size jitter 2 kB",
                FULL,
                Habits {
                    size_jitter: 2000.0,
                    ..DOWN_50
                },
            )
        },
    ]
}

fn mixed() -> Vec<Cell> {
    let beside = |browsing, habits| Habits { browsing, ..habits };
    let sized = |habits| Habits {
        size_jitter: 2000.0,
        ..habits
    };
    let most = Bar::Share(0.90);
    let many = Bar::Share(0.85);
    vec![
        cell(
            "jitter 20 + browsing in working hours",
            most,
            beside(Browsing::Working, DOWN_20),
        ),
        cell(
            "jitter 50 + browsing in working hours",
            most,
            beside(Browsing::Working, DOWN_50),
        ),
        cell(
            "jitter 20 + browsing all day",
            most,
            beside(Browsing::Day, DOWN_20),
        ),
        cell(
            "jitter 50 + browsing all day",
            most,
            beside(Browsing::Day, DOWN_50),
        ),
        cell("jitter 30, both in working hours", many, BOTH_30),
        Cell {
            plotted: true,
            ..cell(
                "jitter 30, both in working hours, size jitter 2 kB",
                many,
                sized(BOTH_30),
            )
        },
        cell(
            "the same, the person with another kind of client",
            many,
            Habits {
                told_apart: true,
                ..sized(BOTH_30)
            },
        ),
        cell(
            "jitter 50 + browsing all day, size jitter 2 kB",
            Bar::None,
            sized(beside(Browsing::Day, DOWN_50)),
        ),
    ]
}

fn limits() -> Vec<Cell> {
    let slow = |sleeps_s, habits| Habits { sleeps_s, ..habits };
    let none = Bar::None;
    vec![
        cell(
            "sleep 30 to 60 min, jitter 50",
            none,
            slow([1800.0, 3600.0], DOWN_50),
        ),
        Cell {
            plotted: true,
            ..cell(
                "sleep 1 to 3 h, jitter 20",
                none,
                slow([3600.0, 10_800.0], DOWN_20),
            )
        },
        cell("jitter 70", none, Habits::new(Shape::Downward, 0.7)),
        cell("jitter 90", none, Habits::new(Shape::Downward, 0.9)),
        cell("exponential", none, Habits::new(Shape::Exponential, 1.0)),
    ]
}
