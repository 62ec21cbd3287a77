//! The list of weirds and its table for operators.

use super::Weird;
use std::collections::BTreeSet;

const TABLE: &str = include_str!("../../deploy/weirds.md");

/// The names in the table's first column.
fn documented() -> Vec<&'static str> {
    let cell = |line: &'static str| line.strip_prefix("| `")?.split('`').next();
    TABLE.lines().filter_map(cell).collect()
}

#[test]
fn names_are_unique() {
    let names: BTreeSet<&str> = Weird::ALL.iter().map(|weird| weird.name()).collect();
    assert_eq!(names.len(), Weird::ALL.len());
}

#[test]
fn every_weird_is_in_the_operators_table_and_nothing_else() {
    let ours: BTreeSet<&str> = Weird::ALL.iter().map(|weird| weird.name()).collect();
    let table: BTreeSet<&str> = documented().into_iter().collect();
    let missing: Vec<_> = ours.difference(&table).collect();
    let stale: Vec<_> = table.difference(&ours).collect();
    assert!(missing.is_empty(), "add to deploy/weirds.md: {missing:?}");
    assert!(stale.is_empty(), "no weird any more: {stale:?}");
    assert_eq!(documented().len(), ours.len(), "one row each");
}

#[test]
fn every_row_says_what_it_means_and_what_to_do() {
    for line in TABLE.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").collect();
        assert_eq!(cells.len(), 3, "{line}");
        assert!(cells.iter().all(|cell| cell.trim().len() > 3), "{line}");
    }
}
