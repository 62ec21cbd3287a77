//! From a call to whether it is odd: unauthorised, or not as was agreed or learnt.
//!
//! Weighs nothing.

use crate::baseline::Standing;
use crate::baseline::maturity::ACTIVE_DAYS_MIN;
use crate::detect::hours::Hours;
use crate::detect::schedules::{Approval, Schedule};
use crate::time::Span;

/// A call, before it is known whether it is odd.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    /// What the schedules say.
    pub approval: Approval<'a>,
    /// Whether others of the role use the service with this client.
    pub standing: Standing,
    /// Whether the host has long done so, or a tenth of its role does.
    pub familiar: bool,
    /// Days on which the host was active before: a host that is new cannot be unauthorised.
    pub host_days: u32,
    /// When it came.
    pub hours: Hours,
    /// What the call uploaded.
    pub upload_bytes: u64,
}

impl<'a> Moment<'a> {
    /// Whether the call counts as unscheduled or unauthorised.
    pub fn is_odd(&self) -> bool {
        self.is_unauthorised() || self.is_off_schedule() || self.is_too_much() || self.is_off_beat()
    }

    /// Whether nobody agreed to it, and no second host of the role does it, or it is new to the
    /// host and rare in the role. Until the site has learnt, nobody can tell.
    pub(super) fn is_unauthorised(&self) -> bool {
        let agreed = self.approval.schedule().is_some();
        let usual = self.is_usual() && self.familiar;
        !agreed && !usual && self.host_days >= ACTIVE_DAYS_MIN
    }

    /// Whether a second host of the role does it.
    pub(super) fn is_usual(&self) -> bool {
        matches!(self.standing, Standing::Usual(_))
    }

    /// Whether it comes in hours that were neither agreed nor learnt. The hours of a schedule are
    /// its hours, whatever was learnt.
    pub fn is_off_schedule(&self) -> bool {
        let off = match self.approval {
            Approval::InWindow(_) => false,
            Approval::OutOfWindow(_) => true,
            Approval::None | Approval::Expired(_) => self.hours.are_unusual(),
        };
        off && !self.hours.is_excused()
    }

    /// The schedule and the least span between its calls.
    pub(super) fn beat(&self) -> Option<(&'a Schedule, Span)> {
        let schedule = self.approval.schedule()?;
        let beat = schedule.beat?;
        let least = beat
            .period
            .as_nanos()
            .saturating_sub(beat.jitter.as_nanos());
        Some((schedule, Span::from_nanos(least)))
    }

    pub(super) fn is_off_beat(&self) -> bool {
        let least = self.beat().map(|(_, least)| least);
        least.is_some_and(|least| self.hours.among.gap.is_some_and(|gap| gap < least))
    }

    pub(super) fn is_too_much(&self) -> bool {
        let most = self
            .approval
            .schedule()
            .and_then(|schedule| schedule.upload_bytes_max);
        most.is_some_and(|most| self.upload_bytes > most)
    }
}
