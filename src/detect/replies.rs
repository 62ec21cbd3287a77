//! From how a key's requests were answered to counts of it.
//!
//! Judges nothing. A key's own counts are immediate; it also holds what others read of it
//! ([`answers`](super::answers)), so that nothing is compared with itself. Counts halve every
//! fourteen days. Holds eight sizes of requests and of replies, and the last [`FLOWS_MAX`] flows.

use super::beta::Count;
use crate::net::Uid;
use crate::observe::profile::FlowProfile;
use serde::{Deserialize, Serialize};

/// Epochs (hours) after which counts halve.
const HALVING_EPOCHS: i64 = 14 * 24;
/// Sizes that are told apart in a key.
const TOP: usize = 8;

/// How requests were answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Flows with a request.
    pub flows: u32,
    /// Of these, those that left the last reply unread.
    pub unread: u32,
    /// Of these, those that read some of it.
    pub half: u32,
    /// Requests.
    pub requests: u32,
    /// Of these, those with an empty reply.
    pub empty: u32,
    /// Of these, those without any reply for ten seconds.
    pub unanswered: u32,
}

impl Tally {
    /// What a flow that is over adds; none where it asked nothing.
    pub fn of(profile: &FlowProfile) -> Option<Tally> {
        (profile.requests > 0).then_some(Tally {
            flows: 1,
            unread: u32::from(profile.unread),
            half: u32::from(profile.half_read),
            requests: profile.requests,
            empty: profile.empty,
            unanswered: profile.unanswered,
        })
    }

    /// Flows that left a reply unread.
    pub fn unread(&self) -> Count {
        Count::new(self.unread.into(), self.flows.into())
    }

    /// Requests with an empty reply or none.
    pub fn empty(&self) -> Count {
        let empty = u64::from(self.empty) + u64::from(self.unanswered);
        Count::new(empty, self.requests.into())
    }

    /// This and `other`.
    pub fn and(self, other: Tally) -> Tally {
        self.with(other, u32::saturating_add)
    }

    /// This without `other`.
    pub fn without(self, other: Tally) -> Tally {
        self.with(other, u32::saturating_sub)
    }

    /// Every count halved so often.
    pub fn halved(self, times: u32) -> Tally {
        self.with(self, |count, _| count.checked_shr(times).unwrap_or(0))
    }

    fn with(self, other: Tally, f: impl Fn(u32, u32) -> u32) -> Tally {
        Tally {
            flows: f(self.flows, other.flows),
            unread: f(self.unread, other.unread),
            half: f(self.half, other.half),
            requests: f(self.requests, other.requests),
            empty: f(self.empty, other.empty),
            unanswered: f(self.unanswered, other.unanswered),
        }
    }
}

/// How often counts halve between two epochs.
pub fn halvings(from: i64, to: i64) -> u32 {
    let halvings = to.div_euclid(HALVING_EPOCHS) - from.div_euclid(HALVING_EPOCHS);
    u32::try_from(halvings).unwrap_or(0)
}

/// What is kept of one key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Replies {
    /// Everything, ageing.
    pub tally: Tally,
    /// The epoch in which it was last counted.
    epoch: i64,
    /// What others read of this key: in closed epochs, and in the open one.
    given: Tally,
    giving: Tally,
    /// Once there is more than one flow.
    detail: Option<Box<Detail>>,
}

/// What is kept of a key that calls again and again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Detail {
    /// Sizes of requests.
    pub requests: Sizes,
    /// Sizes of their replies.
    pub replies: Sizes,
    /// Application bytes up and down.
    pub bytes: [u64; 2],
    /// Flows that answered a changed reply with a call of something new.
    pub followed: u32,
    /// The last flows, oldest first.
    pub flows: Vec<Uid>,
    /// When the mean of the role's reply entropies was last given.
    told_epoch: Option<i64>,
}

/// Requests from which the entropy of their replies is known.
pub const ENTROPY_MIN: u64 = 12;
/// A reply that came so often, in such a share, is what a poll gets while nothing changes.
const POLL_REPLIES_MIN: f64 = 10.0;
const POLL_SHARE_MIN: f64 = 0.8;
/// Flows that an alert lists.
const FLOWS_MAX: usize = 16;

impl Replies {
    /// Takes the flow `uid`, which is over in `epoch`; gives what it adds to what
    /// others read, if it asked anything.
    pub fn handle(&mut self, epoch: i64, uid: Uid, profile: &FlowProfile) -> Option<Tally> {
        let added = Tally::of(profile)?;
        self.enter(epoch);
        self.tally = self.tally.and(added);
        self.giving = self.giving.and(added);
        let detail = self.detail.get_or_insert_default();
        detail.requests.add_all(&profile.request_sizes);
        detail.replies.add_all(&profile.reply_sizes);
        for (sum, side) in detail.bytes.iter_mut().zip(&profile.sides) {
            *sum = sum.saturating_add(side.application_bytes);
        }
        if detail.flows.len() >= FLOWS_MAX {
            detail.flows.remove(0);
        } else if detail.flows.capacity() == detail.flows.len() {
            detail.flows.reserve_exact(4);
        }
        detail.flows.push(uid);
        Some(added)
    }

    /// What others hold of this key in closed epochs, as of `epoch`.
    pub fn given(&mut self, epoch: i64) -> Tally {
        self.enter(epoch);
        self.given
    }

    /// What the key gave in the open epoch, which is taken back.
    pub fn take_giving(&mut self, epoch: i64) -> Tally {
        self.enter(epoch);
        std::mem::take(&mut self.giving)
    }

    /// Sizes, bytes and flows.
    pub fn detail(&self) -> Option<&Detail> {
        self.detail.as_deref()
    }

    /// A changed reply was followed by a call of something new.
    pub fn note_followed(&mut self) {
        if let Some(detail) = &mut self.detail {
            detail.followed = detail.followed.saturating_add(1);
        }
    }

    /// The entropy of the replies, once in each epoch, where it is known.
    pub fn entropy_due(&mut self, epoch: i64) -> Option<f64> {
        let detail = self.detail.as_mut()?;
        let known = detail.replies.n() >= ENTROPY_MIN;
        let due = known && detail.told_epoch.replace(epoch) != Some(epoch);
        due.then(|| detail.replies.entropy())
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.detail.as_ref().map_or(0, |detail| {
            size_of::<Detail>()
                + detail.requests.heap_bytes()
                + detail.replies.heap_bytes()
                + detail.flows.capacity() * size_of::<Uid>()
        })
    }

    fn enter(&mut self, epoch: i64) {
        if epoch <= self.epoch {
            return;
        }
        let times = halvings(self.epoch, epoch);
        self.tally = self.tally.halved(times);
        self.given = self
            .given
            .and(std::mem::take(&mut self.giving))
            .halved(times);
        self.epoch = epoch;
    }
}

impl Detail {
    /// Whether the flow's reply is another than what the same request got time and again.
    pub fn is_changed_by(&self, profile: &FlowProfile) -> bool {
        let Some((size, share)) = self.replies.modal() else {
            return false;
        };
        let polled = share >= POLL_SHARE_MIN && share * self.replies.n() as f64 >= POLL_REPLIES_MIN;
        polled && profile.reply_sizes.iter().any(|(other, _)| *other != size)
    }
}

/// The sizes that come most often, found as Space-Saving does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sizes(Vec<(u32, u32)>);

impl Sizes {
    fn add_all(&mut self, sizes: &[(u32, u16)]) {
        for (size, more) in sizes {
            let more = u32::from(*more);
            if let Some((_, count)) = self.0.iter_mut().find(|(known, _)| known == size) {
                *count = count.saturating_add(more);
            } else if self.0.len() < TOP {
                self.0.reserve_exact(1);
                self.0.push((*size, more));
            } else if let Some(rarest) = self.0.iter_mut().min_by_key(|(_, count)| *count) {
                *rarest = (*size, rarest.1.saturating_add(more));
            }
        }
    }

    /// How many there were.
    pub fn n(&self) -> u64 {
        self.0.iter().map(|(_, count)| u64::from(*count)).sum()
    }

    /// The size that comes most often, and its share.
    pub fn modal(&self) -> Option<(u32, f64)> {
        let (size, count) = self.0.iter().max_by_key(|(size, count)| (*count, *size))?;
        Some((*size, f64::from(*count) / self.n().max(1) as f64))
    }

    /// Miller and Madow's estimate of the entropy, in bits.
    pub fn entropy(&self) -> f64 {
        let n = self.n() as f64;
        if n == 0.0 {
            return 0.0;
        }
        let shares = self.0.iter().map(|(_, count)| f64::from(*count) / n);
        let plain: f64 = shares
            .filter(|share| *share > 0.0)
            .map(|share| -share * libm::log(share))
            .sum();
        let bias = self.0.len().saturating_sub(1) as f64 / (2.0 * n);
        (plain + bias) / std::f64::consts::LN_2
    }

    fn heap_bytes(&self) -> usize {
        self.0.capacity() * size_of::<(u32, u32)>()
    }
}
