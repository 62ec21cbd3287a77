//! From what shards counted and flows showed to what the tap delivers: loss, one direction, twice.
//!
//! A shard's [`TapMeter`] counts within a quarter of an hour of capture time and tells its account
//! when that is over; the detector's [`TapWatch`] adds accounts up. Intervals are those of the
//! clock, not of any thread's first frame, so that neither depends on workers. Remembers at most
//! [`VLANS_MAX`] VLANs.

use super::order::Phase;
use crate::net::Transport;
use crate::observe::{FlowSummary, TapAccount};
use crate::record::{CaptureLossRow, NoticeRow, Record};
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Zeek's `CaptureLoss::watch_interval`.
const INTERVAL: Span = Span::from_secs(900);
/// Zeek's `CaptureLoss::too_much_loss`, in percent.
const TOO_MUCH_LOSS_PERCENT: f64 = 10.0;
/// Fewer flows than this say nothing of the tap.
const FLOWS_MIN: u64 = 8;
/// Fewer copies than this say nothing of the tap, nor do copies that are not one in so many
/// packets.
const COPIES_MIN: u64 = 32;
const COPIES_ONE_IN: u64 = 20;
/// The same is told again after this (Zeek's `Notice::default_suppression_interval`).
const AGAIN_AFTER: Span = Span::from_secs(3600);
const VLANS_MAX: usize = 4096;

const TOO_MUCH_LOSS: &str = "CaptureLoss::Too_Much_Loss";
const ONE_WAY: &str = "Tapir::One_Way_Tap";
const TWICE: &str = "Tapir::Packets_Arrive_Twice";

/// The end of the interval that holds `at`.
fn end_of(at: Timestamp) -> Timestamp {
    let length = INTERVAL.as_nanos();
    let number = at.as_nanos().div_euclid(length);
    Timestamp::from_nanos(number.saturating_add(1).saturating_mul(length))
}

/// What one shard counts of the tap.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct TapMeter {
    account: Option<TapAccount>,
}

impl TapMeter {
    /// The account of the interval that `clock` is in.
    pub(super) fn count(&mut self, clock: Timestamp) -> &mut TapAccount {
        self.account.get_or_insert(TapAccount {
            since: clock,
            ..TapAccount::default()
        })
    }

    /// When the interval of the open account is over.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.account.as_ref().map(|account| end_of(account.since))
    }

    /// What was counted last.
    pub(super) fn take(&mut self) -> Option<TapAccount> {
        self.account.take()
    }

    /// Where among a moment's observations an account stands: before every timer's, or after all
    /// that the end of input brings.
    pub(super) fn seq(phase: Phase) -> i64 {
        match phase {
            Phase::Finish => i64::MAX,
            _ => i64::MIN,
        }
    }
}

/// How many flows were heard from one side, and from both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Sides {
    originator_only: u64,
    responder_only: u64,
    both: u64,
}

impl Sides {
    fn one(self) -> u64 {
        self.originator_only + self.responder_only
    }

    fn all(self) -> u64 {
        self.one() + self.both
    }
}

/// What the detector knows of the tap.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct TapWatch {
    /// The accounts that came for the interval that ends then.
    open: Option<(Timestamp, TapAccount)>,
    flows: BTreeMap<Option<u16>, Sides>,
    told: BTreeMap<Box<str>, Timestamp>,
}

impl TapWatch {
    /// An observation is about to be judged: an interval that ended before it is told.
    pub(super) fn handle_moment(&mut self, at: Timestamp, put: &mut impl FnMut(Timestamp, Record)) {
        if matches!(self.open, Some((end, _)) if end < at) {
            self.close(put);
        }
    }

    /// Takes a shard's account.
    pub(super) fn handle_account(
        &mut self,
        at: Timestamp,
        account: &TapAccount,
        put: &mut impl FnMut(Timestamp, Record),
    ) {
        match &mut self.open {
            Some((_, sum)) => sum.add(account),
            None if account.packets > 0 => self.open = Some((at, account.clone())),
            None => {}
        }
        if account.is_last {
            self.close(put);
        }
    }

    /// Takes a flow's end. Only a side that answers what was not seen shows that half is missing.
    pub(super) fn handle_flow(&mut self, transport: Transport, flow: &FlowSummary) {
        let answers = flow.history.contains(['A', 'D', 'F', 'a', 'd', 'f']);
        if transport != Transport::Tcp || !answers {
            return;
        }
        let vlan = flow.vlan[0];
        if self.flows.len() >= VLANS_MAX && !self.flows.contains_key(&vlan) {
            return;
        }
        let sides = self.flows.entry(vlan).or_default();
        match flow.tally.map(|tally| tally.packets > 0) {
            [true, false] => sides.originator_only += 1,
            [false, true] => sides.responder_only += 1,
            _ => sides.both += 1,
        }
    }

    fn close(&mut self, put: &mut impl FnMut(Timestamp, Record)) {
        let Some((at, account)) = self.open.take() else {
            return;
        };
        let row = CaptureLossRow {
            at,
            span: at - account.since,
            gaps: account.gaps,
            acks: account.acks,
        };
        put(at, Record::CaptureLoss(row));
        let flows = std::mem::take(&mut self.flows);
        let notices = [
            too_much_loss(&row),
            one_way(at, &flows),
            twice(at, &account),
        ];
        for notice in notices.into_iter().flatten() {
            let told = self.told.get(&notice.note);
            if told.is_none_or(|told| at - *told >= AGAIN_AFTER) {
                self.told.insert(notice.note.clone(), at);
                put(at, Record::Notice(Box::new(notice)));
            }
        }
    }
}

impl TapAccount {
    fn add(&mut self, other: &TapAccount) {
        if other.packets > 0 {
            self.since = self.since.min(other.since);
        }
        self.packets += other.packets;
        self.copies += other.copies;
        self.acks += other.acks;
        self.gaps += other.gaps;
    }
}

fn too_much_loss(row: &CaptureLossRow) -> Option<NoticeRow> {
    let percent = row.percent_lost();
    let message =
        format!("The capture loss script detected an estimated loss rate above {percent:.3}%");
    (percent >= TOO_MUCH_LOSS_PERCENT)
        .then(|| NoticeRow::new(row.at, None, TOO_MUCH_LOSS, message.into()))
}

fn one_way(at: Timestamp, flows: &BTreeMap<Option<u16>, Sides>) -> Option<NoticeRow> {
    let mut all = Sides::default();
    let mut vlans = Vec::new();
    for (vlan, sides) in flows {
        all.originator_only += sides.originator_only;
        all.responder_only += sides.responder_only;
        all.both += sides.both;
        if sides.all() >= FLOWS_MIN && sides.one() * 2 >= sides.all() {
            let name = vlan.map_or("no VLAN".to_string(), |vlan| format!("VLAN {vlan}"));
            vlans.push(format!("{name}: {} of {}", sides.one(), sides.all()));
        }
    }
    // One VLAN of many may be mirrored in one direction.
    if vlans.is_empty() && (all.all() < FLOWS_MIN || all.one() * 2 < all.all()) {
        return None;
    }
    let message = format!(
        "the tap is one-way: {} of {} TCP flows were heard from one side only, though it answers \
         the other; {} from the originator, {} from the responder",
        all.one(),
        all.all(),
        all.originator_only,
        all.responder_only,
    );
    let mut notice = NoticeRow::new(at, None, ONE_WAY, message.into());
    vlans.truncate(16);
    notice.sub = Some(format!("mirror both directions; {}", vlans.join(", ")).into());
    notice.n = Some(all.one());
    Some(notice)
}

fn twice(at: Timestamp, account: &TapAccount) -> Option<NoticeRow> {
    let (copies, packets) = (account.copies, account.packets);
    if copies < COPIES_MIN || copies.saturating_mul(COPIES_ONE_IN) < packets {
        return None;
    }
    let message = format!("packets arrive twice: {copies} of {packets} are copies of another one");
    let mut notice = NoticeRow::new(at, None, TWICE, message.into());
    notice.sub = Some(
        "mirror each port in one direction only; for a short capture, replay with --dedup on"
            .into(),
    );
    notice.n = Some(copies);
    Some(notice)
}
