//! From attributed flows and from reports to what an agent covers of its host, hour by hour.
//!
//! Both ways: flows that no report names are the agent's gaps, reports that no flow meets are the
//! tap's. A flow counts in the hour in which it is told first, as what it is then. Holds
//! `hosts_max` accounts and `reports_max` reports that wait for their flow; who was counted longest
//! ago leaves.

use super::Status;
use crate::baseline::Bounded;
use crate::limits::Limits;
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Accounts are of an hour.
const HOUR: Span = Span::from_secs(3600);

/// An agent and its host's address; none where it tells of none.
pub type Covered = (Option<IpAddr>, Box<str>);

/// What came of an agent's word in an hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Flows of the host that were told.
    pub flows: u64,
    /// Of these: one process.
    pub matched: u64,
    /// One program and user.
    pub matched_binary: u64,
    /// Several programs could be it.
    pub ambiguous: u64,
    /// Agents contradict each other.
    pub conflict: u64,
    /// No report named them.
    pub none: u64,
    /// Flows that were told before, and of which a late report said otherwise.
    pub late: u64,
    /// Reports of flows.
    pub reports: u64,
    /// Of these: no flow that was seen is theirs.
    pub reports_without_flow: u64,
    /// Of these: left out, for they speak of an address that is not the host's or name too little.
    pub refused: u64,
}

/// The accounts of an hour, and the reports whose flow may still be seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    /// The beginning of the hour; none where nothing was counted.
    begun: Option<Timestamp>,
    accounts: Bounded<Covered, Account>,
    /// Reports by when their flow should have been seen and by their number.
    waiting: BTreeMap<(Timestamp, u64), Covered>,
}

impl Coverage {
    fn account(&mut self, covered: &Covered, at: Timestamp, max: usize) -> &mut Account {
        let hour = at.as_nanos().div_euclid(HOUR.as_nanos());
        let begins = Timestamp::from_nanos(hour.saturating_mul(HOUR.as_nanos()));
        self.begun.get_or_insert(begins);
        let account = self.accounts.touch(covered, at, max, Account::default);
        account.expect("what was just touched is there")
    }

    /// A flow of the host was told at `at` for the first time.
    pub fn handle_flow(
        &mut self,
        limits: &Limits,
        covered: &Covered,
        status: Status,
        at: Timestamp,
    ) {
        let account = self.account(covered, at, limits.hosts_max);
        account.flows += 1;
        let count = match status {
            Status::Matched => &mut account.matched,
            Status::MatchedBinary => &mut account.matched_binary,
            Status::Ambiguous => &mut account.ambiguous,
            Status::Conflict => &mut account.conflict,
            // What is inferred nobody reported.
            Status::Pending | Status::None | Status::Unobservable | Status::Inferred => {
                &mut account.none
            }
        };
        *count += 1;
    }

    /// A flow of the host that was told before is told otherwise at `at`.
    pub fn handle_late(&mut self, limits: &Limits, covered: &Covered, at: Timestamp) {
        self.account(covered, at, limits.hosts_max).late += 1;
    }

    /// A report of a flow came at `at`; `number` is how the join calls it, none where it was left
    /// out. Its flow should be seen by `due`.
    pub fn handle_report(
        &mut self,
        limits: &Limits,
        covered: &Covered,
        number: Option<u64>,
        (at, due): (Timestamp, Timestamp),
    ) {
        let account = self.account(covered, at, limits.hosts_max);
        account.reports += 1;
        let Some(number) = number else {
            account.refused += 1;
            return;
        };
        if self.waiting.len() >= limits.reports_max.max(1) {
            self.waiting.pop_first();
        }
        self.waiting.insert((due, number), covered.clone());
    }

    /// When something is due.
    pub fn deadline(&self) -> Option<Timestamp> {
        let waiting = self.waiting.first_key_value().map(|((due, _), _)| *due);
        let ends = self.begun.map(|begun| begun + HOUR);
        waiting.into_iter().chain(ends).min()
    }

    /// Asks of the reports whose flow should have been seen by `at` whether it was.
    pub fn ask(&mut self, limits: &Limits, at: Timestamp, is_met: impl Fn(u64) -> Option<bool>) {
        while let Some(entry) = self.waiting.first_entry()
            && entry.key().0 <= at
        {
            let ((_, number), covered) = entry.remove_entry();
            if is_met(number) == Some(false) {
                let account = self.account(&covered, at, limits.hosts_max);
                account.reports_without_flow += 1;
            }
        }
    }

    /// The hour's beginning and its accounts in order of their hosts, where it is over by `at`.
    pub fn close(&mut self, at: Timestamp) -> Option<(Timestamp, BTreeMap<Covered, Account>)> {
        let begun = self.begun.filter(|begun| *begun + HOUR <= at)?;
        self.begun = None;
        let mut accounts = BTreeMap::new();
        while let Some((_, covered, account)) = self.accounts.pop_first() {
            accounts.insert(covered, account);
        }
        Some((begun, accounts))
    }

    /// Accounts that had to leave for others.
    pub fn evicted(&self) -> u64 {
        self.accounts.evicted()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_parts(seconds, 0)
    }

    fn host(n: u8) -> Covered {
        (Some(IpAddr::from([10, 0, 0, n])), "laptop".into())
    }

    #[test]
    fn an_hour_has_an_account_for_each_host_and_the_next_begins_anew() {
        let (mut coverage, limits) = (Coverage::default(), Limits::DEFAULT);
        assert_eq!(coverage.deadline(), None);
        for (n, status) in [
            (2, Status::None),
            (1, Status::Matched),
            (1, Status::Conflict),
        ] {
            coverage.handle_flow(&limits, &host(n), status, at(4000));
        }
        coverage.handle_late(&limits, &host(1), at(4100));
        assert_eq!(coverage.deadline(), Some(at(7200)));
        assert_eq!(coverage.close(at(7199)), None);
        let (begun, accounts) = coverage.close(at(7200)).unwrap();
        assert_eq!(begun, at(3600));
        let one = Account {
            flows: 2,
            matched: 1,
            conflict: 1,
            late: 1,
            ..Account::default()
        };
        let two = Account {
            flows: 1,
            none: 1,
            ..Account::default()
        };
        let expected = BTreeMap::from([(host(1), one), (host(2), two)]);
        assert_eq!(accounts, expected);
        assert_eq!(
            (coverage.deadline(), coverage.close(at(9999))),
            (None, None)
        );
    }

    #[test]
    fn a_report_without_a_flow_is_known_once_its_flow_should_have_come() {
        let (mut coverage, limits) = (Coverage::default(), Limits::DEFAULT);
        for number in [Some(1), Some(2), Some(3), None] {
            coverage.handle_report(&limits, &host(1), number, (at(100), at(160)));
        }
        assert_eq!(coverage.deadline(), Some(at(160)));
        // Of the third nobody knows any more.
        let is_met = |number| (number < 3).then_some(number == 1);
        coverage.ask(&limits, at(159), is_met);
        assert_eq!(coverage.deadline(), Some(at(160)));
        coverage.ask(&limits, at(160), is_met);
        let (_, accounts) = coverage.close(at(3600)).unwrap();
        let account = accounts[&host(1)];
        let Account {
            reports,
            reports_without_flow,
            refused,
            ..
        } = account;
        assert_eq!((reports, reports_without_flow, refused), (4, 1, 1));
    }

    #[test]
    fn hosts_and_waiting_reports_are_bounded() {
        let limits = Limits {
            hosts_max: 2,
            reports_max: 2,
            ..Limits::DEFAULT
        };
        let mut coverage = Coverage::default();
        for n in 1..=5 {
            let moments = (at(n.into()), at(60));
            coverage.handle_report(&limits, &host(n), Some(n.into()), moments);
        }
        assert_eq!((coverage.accounts.len(), coverage.waiting.len()), (2, 2));
        assert_eq!(coverage.evicted(), 3);
    }
}
