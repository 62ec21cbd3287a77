//! From who speaks to whether it may speak of others.
//!
//! A line never says so itself: the operator does, in `intake.gateways` or with `tapir agents enrol
//! --gateway`.

use super::agents::Kind;
use super::caller::Caller;
use crate::endpoint::report::{Deed, Report};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The names of gateways that the operator lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gateways(Arc<BTreeSet<String>>);

impl Gateways {
    /// These.
    pub fn new(names: impl IntoIterator<Item = String>) -> Gateways {
        Gateways(Arc::new(names.into_iter().collect()))
    }

    /// Whether `reports` say only what may be said by those that they name.
    ///
    /// # Errors
    /// Why not, and what to do.
    pub fn check(&self, reports: &[Report]) -> Result<(), String> {
        let named = |report: &Report| self.0.contains(&*report.agent);
        let refused = of_others(reports).find(|report| !named(report));
        refused.map_or(Ok(()), |report| Err(reason(report)))
    }

    /// As [`Gateways::check`], brought by `caller`.
    pub(super) fn check_from(&self, caller: &Caller, reports: &[Report]) -> Result<(), String> {
        match caller.kind {
            Kind::Gateway => Ok(()),
            Kind::Relay => self.check(reports),
            Kind::Host => of_others(reports)
                .next()
                .map_or(Ok(()), |report| Err(reason(report))),
        }
    }
}

/// Reports that only a gateway may make.
fn of_others(reports: &[Report]) -> impl Iterator<Item = &Report> {
    let is_of_others = |report: &&Report| matches!(report.deed, Deed::Passage(_));
    reports.iter().filter(is_of_others)
}

fn reason(report: &Report) -> String {
    format!(
        "tells of other hosts, and {} is no gateway: enrol it with `--gateway`, or name it in \
         intake.gateways",
        report.agent.escape_debug()
    )
}
