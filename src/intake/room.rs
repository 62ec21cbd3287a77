//! Room for what requests bring, from their first byte to the journal, in all and of each sender.
//!
//! A body is read only where there is room for all that it may bring, and what it brings keeps its
//! room until the sensor has it: neither many senders nor slow ones can fill the memory. What
//! one sender can have leaves room to the others.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// For bodies that are on their way, as they travel.
const COMING: Part = Part {
    kib: 64 << 10,
    senders: 4,
};
/// For bodies, inflated, that are read, written or handed over.
const OPEN: Part = Part {
    kib: 128 << 10,
    senders: 2,
};

/// In KiB, for semaphores, and how many senders can fill it.
#[derive(Clone, Copy, Debug)]
struct Part {
    kib: usize,
    senders: usize,
}

/// Room for the bodies of all senders.
#[derive(Debug)]
pub(super) struct Room {
    coming: Arc<Semaphore>,
    open: Arc<Semaphore>,
    connections_max: usize,
    senders: Mutex<BTreeMap<String, Weak<Sender>>>,
}

/// What one sender has of the room, and of connections. Held by its connections.
#[derive(Debug)]
pub(super) struct Sender {
    coming: Arc<Semaphore>,
    open: Arc<Semaphore>,
    connections: Arc<Semaphore>,
}

/// Room that is taken, until this is dropped.
#[derive(Debug)]
pub(super) struct Held {
    of_sender: OwnedSemaphorePermit,
    of_all: OwnedSemaphorePermit,
}

impl Room {
    /// Room, in which one sender has at most `connections_max` connections.
    pub fn new(connections_max: usize) -> Room {
        Room {
            coming: Arc::new(Semaphore::new(COMING.kib)),
            open: Arc::new(Semaphore::new(OPEN.kib)),
            connections_max,
            senders: Mutex::default(),
        }
    }

    /// The sender of this name, whose connections share what it has.
    pub fn sender(&self, name: &str) -> Arc<Sender> {
        let mut senders = self.senders.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = senders.get(name).and_then(Weak::upgrade) {
            return known;
        }
        let sender = Arc::new(Sender {
            coming: Arc::new(Semaphore::new(COMING.kib / COMING.senders)),
            open: Arc::new(Semaphore::new(OPEN.kib / OPEN.senders)),
            connections: Arc::new(Semaphore::new(self.connections_max)),
        });
        senders.insert(name.to_owned(), Arc::downgrade(&sender));
        sender
    }

    /// Forgets senders without a connection.
    pub fn tidy(&self) {
        let mut senders = self.senders.lock().unwrap_or_else(PoisonError::into_inner);
        senders.retain(|_, sender| sender.strong_count() > 0);
    }

    /// Room for a body of `bytes` that is on its way; waits for it.
    pub async fn coming(&self, sender: &Sender, bytes: usize) -> Option<Held> {
        Held::take(&sender.coming, &self.coming, COMING, bytes).await
    }

    /// Room for a body that may inflate to `bytes`; waits for it.
    pub async fn open(&self, sender: &Sender, bytes: usize) -> Option<Held> {
        Held::take(&sender.open, &self.open, OPEN, bytes).await
    }
}

impl Sender {
    /// A place for one more connection, if the sender may have one.
    pub fn connect(&self) -> Option<OwnedSemaphorePermit> {
        self.connections.clone().try_acquire_owned().ok()
    }
}

impl Held {
    async fn take(
        of_sender: &Arc<Semaphore>,
        of_all: &Arc<Semaphore>,
        part: Part,
        bytes: usize,
    ) -> Option<Held> {
        // What is longer than all that one may have takes all of that.
        let kib = kib(bytes).min((part.kib / part.senders) as u32);
        Some(Held {
            of_sender: of_sender.clone().acquire_many_owned(kib).await.ok()?,
            of_all: of_all.clone().acquire_many_owned(kib).await.ok()?,
        })
    }

    /// Gives back what is beyond `bytes`.
    pub fn shrink(&mut self, bytes: usize) {
        for permit in [&mut self.of_sender, &mut self.of_all] {
            let beyond = permit.num_permits().saturating_sub(kib(bytes) as usize);
            drop(permit.split(beyond));
        }
    }
}

fn kib(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(1024).max(1)).unwrap_or(u32::MAX)
}
