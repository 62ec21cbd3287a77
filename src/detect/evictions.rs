//! From entries that tables had no room for to a word about it.
//!
//! What has to leave is forgotten, and what is forgotten is new when it comes again: whoever reads
//! alerts must know. Told as an hour ends in which the first entry left, and again whenever ten
//! times as many have.

use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Growth at which it is told again.
const GROWTH: u64 = 10;

/// How many entries of each table had to leave for others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)] // The tables' names.
pub struct Evictions {
    pub names: u64,
    pub open: u64,
    pub hosts: u64,
    pub usages: u64,
    pub calls: u64,
    /// Exchanges of keys that came too seldom to push out another.
    pub calls_refused: u64,
    pub uploads: u64,
    /// Of endpoint agents, their reports, and the flows that wait for one.
    pub endpoint: u64,
    pub marks: u64,
    pub volumes: u64,
    pub alerts: u64,
}

impl Evictions {
    /// The tables that sent entries away or refused them, with the limit that bounds each.
    fn tables(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        [
            ("names of addresses", "dns_memory_max", self.names),
            ("open flows", "baseline_keys_max", self.open),
            ("hosts", "hosts_max", self.hosts),
            ("uses of services", "baseline_keys_max", self.usages),
            ("calls", "calls_max", self.calls),
            ("calls too rare to be kept", "calls_max", self.calls_refused),
            ("uploads", "calls_max", self.uploads),
            ("reports and flows of agents", "reports_max", self.endpoint),
            ("what roles do", "baseline_keys_max", self.marks),
            ("volumes of roles", "baseline_keys_max", self.volumes),
            ("alerts", "alerts_max", self.alerts),
        ]
        .into_iter()
        .filter(|(_, _, count)| *count > 0)
    }

    fn total(&self) -> u64 {
        let counts = self.tables().map(|(_, _, count)| count);
        counts.fold(0, u64::saturating_add)
    }

    /// What a person reads.
    pub fn message(&self) -> String {
        let tables = self.tables();
        let tables: Vec<String> = tables
            .map(|(table, limit, count)| format!("{table} {count} ({limit})"))
            .collect();
        format!(
            "tables are full: so many entries were forgotten or not kept since the start, and are \
             new when they come again: {}; raise these limits",
            tables.join(", ")
        )
    }
}

/// What was told of evictions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Crowding {
    hour: Option<i64>,
    told: u64,
}

impl Crowding {
    /// Time goes on: as an hour ends, what is to be told of `all` that left so far.
    pub fn advance(&mut self, at: Timestamp, all: impl FnOnce() -> Evictions) -> Option<Evictions> {
        let hour = at.hour();
        if hour <= *self.hour.get_or_insert(hour) {
            return None;
        }
        self.hour = Some(hour);
        let all = all();
        let total = all.total();
        (total >= self.told.saturating_mul(GROWTH).max(1)).then(|| {
            self.told = total;
            all
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_as_the_first_hour_with_one_ends_and_at_ten_times_as_many() {
        let mut crowding = Crowding::default();
        let counts = [(0, 0), (0, 3), (1, 3), (2, 29), (3, 30), (3, 900), (4, 299)];
        let told = counts.map(|(hour, calls)| {
            let at = Timestamp::from_parts(hour * 3600 + 5, 0);
            let all = Evictions {
                calls,
                names: 0,
                ..Evictions::default()
            };
            crowding.advance(at, || all).map(|all| all.total())
        });
        assert_eq!(told, [None, None, Some(3), None, Some(30), None, None]);
    }

    #[test]
    fn the_sentence_names_tables_and_limits_that_are_full_alone() {
        let all = Evictions {
            hosts: 7,
            alerts: 1,
            ..Evictions::default()
        };
        let message = all.message();
        assert!(
            message.contains("hosts 7 (hosts_max), alerts 1 (alerts_max)"),
            "{message}"
        );
        assert!(!message.contains("calls"), "{message}");
    }
}
