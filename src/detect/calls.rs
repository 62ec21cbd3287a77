//! From exchanges to what is kept of each host and what it calls.
//!
//! Judges nothing. Bounded by `calls_max` keys, admitted by how often they come
//! ([`admission`](crate::baseline::admission)). A key that was not seen for thirty days is
//! forgotten.

use super::client::Kind;
use super::replies::Replies;
use super::timing::Timing;
use super::track::Tracks;
use crate::baseline::Admitted;
use crate::limits::Limits;
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::sync::Arc;

/// A key that was not seen for so long is forgotten.
const LIFE_BACK: Span = Span::from_secs(-30 * 86_400);

/// A host, and what it calls.
pub type CallKey = (IpAddr, Arc<str>);

/// What is kept of every key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Calls {
    keys: Admitted<CallKey, Call>,
}

/// What is kept of one key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// When it was called first.
    pub first_at: Timestamp,
    /// The cadence.
    pub tracks: Tracks,
    /// How its requests were answered.
    pub replies: Replies,
    /// The epoch in which the call was last told to the site. Hours since 1970 fit.
    told_epoch: Option<i32>,
    /// The highest entropy of a clear-text URI, in hundredths of a bit for each character.
    pub uri_centibits: u16,
}

impl Call {
    fn new(kind: Kind, first_at: Timestamp) -> Call {
        Call {
            first_at,
            tracks: Tracks::new(kind),
            replies: Replies::default(),
            told_epoch: None,
            uri_centibits: 0,
        }
    }

    /// Whether the site is to be told of the call: once in each `epoch`.
    pub fn is_due(&mut self, epoch: i64) -> bool {
        let epoch = i32::try_from(epoch).unwrap_or(i32::MAX);
        self.told_epoch.replace(epoch) != Some(epoch)
    }

    /// Bytes that it holds, itself included.
    pub fn bytes(&self) -> usize {
        size_of::<Call>() + self.tracks.heap_bytes() + self.replies.heap_bytes()
    }
}

impl Calls {
    /// What is kept of the key, which was seen at `at`; none where there is no room for it. The
    /// counts of how often keys come hash with the site's `seed`.
    pub fn entry(
        &mut self,
        (limits, seed): (&Limits, u64),
        key: &CallKey,
        kind: Kind,
        at: Timestamp,
    ) -> Option<&mut Call> {
        if self.keys.get(key).is_none() {
            self.keys.expire(at + LIFE_BACK);
        }
        let max = limits.calls_max;
        self.keys.touch(seed, key, at, max, || Call::new(kind, at))
    }

    /// What is kept of the key, which is not seen by that.
    pub fn get_mut(&mut self, key: &CallKey) -> Option<&mut Call> {
        self.keys.get_mut(key)
    }

    /// What is kept of the key.
    pub fn get(&self, key: &CallKey) -> Option<&Call> {
        self.keys.get(key)
    }

    /// The cadence of the key for a client of `kind`.
    pub fn timing(&self, key: &CallKey, kind: Kind) -> Timing {
        self.keys
            .get(key)
            .map_or(Timing::default(), |call| call.tracks.timing(kind))
    }

    /// Keys that had to leave for others.
    pub fn evicted(&self) -> u64 {
        self.keys.evicted()
    }

    /// Exchanges of keys that had no room.
    pub fn refused(&self) -> u64 {
        self.keys.refused()
    }
}
