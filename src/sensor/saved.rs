//! From the pieces of a sensor to bytes, each piece for itself, and back.
//!
//! Knows no file. Holds as many bytes as the state takes.

use super::detector::Detector;
use super::shard::Shard;
use super::steer::Steering;
use super::{Parts, RestoreError};
use crate::limits::SHARDS;
use serde::Serialize;

/// A sensor's pieces as bytes. Shards may be written by whoever owns them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Saved {
    /// What numbers frames and finds their shard.
    pub steering: Vec<u8>,
    /// Every shard, in order of their numbers.
    pub shards: Vec<Vec<u8>>,
    /// What sees everything.
    pub detector: Vec<u8>,
}

/// One piece as bytes.
pub fn encode(piece: &impl Serialize) -> Vec<u8> {
    postcard::to_stdvec(piece).expect("writing to memory does not fail")
}

impl Saved {
    /// The bytes of `parts`.
    pub fn of(parts: &Parts) -> Saved {
        Saved {
            steering: encode(&parts.steering),
            shards: parts.shards.iter().map(encode).collect(),
            detector: encode(&parts.detector),
        }
    }

    /// How many bytes there are.
    pub fn bytes(&self) -> usize {
        let shards: usize = self.shards.iter().map(Vec::len).sum();
        self.steering.len() + shards + self.detector.len()
    }

    /// The pieces.
    ///
    /// # Errors
    /// Bytes that are not those of all pieces.
    pub fn parts(&self) -> Result<Parts, RestoreError> {
        let shards = self.shards.iter().map(|bytes| postcard::from_bytes(bytes));
        let shards = shards.collect::<Result<Vec<Shard>, _>>()?;
        let numbers = shards.iter().map(|shard| usize::from(shard.number()));
        if shards.len() != SHARDS || !numbers.eq(0..SHARDS) {
            return Err(RestoreError::Damaged(
                postcard::Error::DeserializeBadEncoding,
            ));
        }
        Ok(Parts {
            steering: postcard::from_bytes::<Steering>(&self.steering)?,
            shards,
            detector: postcard::from_bytes::<Detector>(&self.detector)?,
        })
    }
}
