//! An operator who accepts fewer alerts than come.

use super::super::note::Note;
use super::*;
use crate::detect::budget;

/// Two low alerts on a script, a day apart, and the notes in between.
fn told(accepted: Option<u32>) -> (Vec<Option<Box<str>>>, Vec<Note>) {
    let settings = settings().with_budget(accepted);
    let again = script(2).into_iter().map(|mut call| {
        call.at += DAY + HOUR;
        call
    });
    let calls = [usual(24, 0), script(2), again.collect()].concat();
    let mut engine = Engine::new();
    let alerts = run_with(&settings, &mut engine, &observe(SERVERS, &calls));
    assert!(alerts.iter().all(|alert| alert.tier == Tier::Low));
    let by = |alert: Alert| alert.suppressed_by;
    (alerts.into_iter().map(by).collect(), engine.take_notes())
}

#[test]
fn low_alerts_above_the_budget_are_withheld_from_the_second_day_on_and_that_is_noted() {
    let (suppressed, notes) = told(Some(0));
    assert_eq!(suppressed, [None, Some(budget::ID.into())]);
    let [note] = &notes[..] else {
        panic!("{notes:?}")
    };
    assert_eq!(note.name(), "Tapir::Alert_Budget");
    assert!(
        note.message()
            .starts_with("low alerts are told from 13.5 bits on: 1.0 alerts a day"),
        "{}",
        note.message()
    );
}

#[test]
fn a_budget_that_is_kept_changes_nothing() {
    for accepted in [None, Some(1)] {
        assert_eq!(told(accepted), (vec![None, None], Vec::new()));
    }
}
