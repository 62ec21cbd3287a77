//! What every agent has sent, how fast it may, and what it has sent already.
//!
//! One account for each agent that was authenticated, with at most [`BATCHES_KEPT`] batches; what
//! documents were made is remembered for [`DOCUMENTS_KEPT`] over all.

use super::desk::Taken;
use super::private::write;
use anyhow::Context;
use foldhash::quality::RandomState;
use hashbrown::{HashMap, HashSet};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::hash::BuildHasher;
use std::path::{Path, PathBuf};
use std::time::Instant;
use std::{fs, io};

/// Batches of an agent whose answer is known should they come again.
const BATCHES_KEPT: usize = 64;
/// Names of documents that are known to be there already.
const DOCUMENTS_KEPT: usize = 200_000;
/// So many seconds' worth may come at once.
const BURST_S: f64 = 10.0;

/// A bucket of tokens that fills with time.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    per_s: f64,
    tokens: f64,
    filled_at: Instant,
}

impl Bucket {
    fn new(now: Instant, per_s: f64) -> Bucket {
        Bucket {
            per_s,
            tokens: per_s * BURST_S,
            filled_at: now,
        }
    }

    /// What is there; a batch may overdraw it, so that one larger than the bucket passes too.
    fn fill(&mut self, now: Instant) -> f64 {
        let since = now.saturating_duration_since(self.filled_at).as_secs_f64();
        self.tokens = (self.tokens + since * self.per_s).min(self.per_s * BURST_S);
        self.filled_at = now;
        self.tokens
    }
}

/// What is counted of an agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// When it was heard last, in seconds since 1970.
    pub last_at: u64,
    /// What its lines said.
    pub reports: u64,
    /// Lines that say nothing that is needed.
    pub idle: u64,
    /// Lines that cannot be taken.
    pub refused: u64,
    /// Requests that came too fast.
    pub throttled: u64,
    /// Why the last line was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused_last: Option<String>,
}

/// What was counted of all agents, by name, as it is kept in a file for who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seen(BTreeMap<String, Counts>);

impl Seen {
    /// What is in the file in `dir`; nothing where there is none.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn read(dir: &Path) -> anyhow::Result<Seen> {
        let path = Seen::path(dir);
        match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text)
                .with_context(|| format!("{}: remove it to count anew", path.display())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Seen::default()),
            Err(error) => Err(error).with_context(|| path.display().to_string()),
        }
    }

    pub(super) fn write(&self, dir: &Path) -> anyhow::Result<()> {
        write(&Seen::path(dir), &serde_json::to_vec(self)?)
    }

    fn path(dir: &Path) -> PathBuf {
        dir.join("seen.json")
    }

    /// What was counted of the agent `name`.
    pub fn of(&self, name: &str) -> Counts {
        self.0.get(name).cloned().unwrap_or_default()
    }
}

#[derive(Debug)]
struct Account {
    bucket: Bucket,
    counts: Counts,
    batches: VecDeque<(u64, Taken)>,
}

impl Account {
    fn new(bucket: Bucket, counts: Counts) -> Account {
        Account {
            bucket,
            counts,
            batches: VecDeque::new(),
        }
    }
}

/// The accounts of all agents.
#[derive(Debug)]
pub(super) struct Accounts {
    /// What each agent begins with.
    full: Bucket,
    all: Bucket,
    accounts: HashMap<String, Account, RandomState>,
    is_changed: bool,
    documents: HashSet<u64, RandomState>,
    documents_in_order: VecDeque<u64>,
    hasher: RandomState,
}

impl Accounts {
    /// Accounts that go on from what was `seen`.
    pub fn new(now: Instant, agent_lines_per_s: f64, lines_per_s: f64, seen: Seen) -> Accounts {
        let full = Bucket::new(now, agent_lines_per_s);
        let seen = seen.0.into_iter();
        let accounts = seen.map(|(name, counts)| (name, Account::new(full, counts)));
        Accounts {
            full,
            all: Bucket::new(now, lines_per_s),
            accounts: accounts.collect(),
            is_changed: false,
            documents: HashSet::default(),
            documents_in_order: VecDeque::new(),
            hasher: RandomState::default(),
        }
    }

    fn of(&mut self, name: &str) -> &mut Account {
        let full = self.full;
        let fresh = || Account::new(full, Counts::default());
        self.accounts.entry(name.to_owned()).or_insert_with(fresh)
    }

    /// Whether the agent may send `lines` now; they are taken from what it may send.
    pub fn admit(&mut self, name: &str, lines: usize, now: Instant) -> bool {
        let all = self.all.fill(now);
        self.is_changed = true;
        let account = self.of(name);
        if account.bucket.fill(now) <= 0.0 || all <= 0.0 {
            account.counts.throttled += 1;
            return false;
        }
        account.bucket.tokens -= lines as f64;
        self.all.tokens -= lines as f64;
        true
    }

    /// What was answered to this batch before.
    pub fn batch(&mut self, name: &str, id: &str) -> Option<Taken> {
        let id = self.hasher.hash_one(id);
        let batches = &self.of(name).batches;
        let known = batches.iter().find(|(known, _)| *known == id)?;
        Some(known.1.clone())
    }

    pub fn keep_batch(&mut self, name: &str, id: &str, taken: Taken) {
        let id = self.hasher.hash_one(id);
        let batches = &mut self.of(name).batches;
        if batches.len() >= BATCHES_KEPT {
            batches.pop_front();
        }
        batches.push_back((id, taken));
    }

    /// Whether the agent has made a document of this name already.
    pub fn has_document(&self, name: &str, index: &str, id: &str) -> bool {
        self.documents
            .contains(&self.hasher.hash_one((name, index, id)))
    }

    pub fn keep_document(&mut self, name: &str, index: &str, id: &str) {
        let hash = self.hasher.hash_one((name, index, id));
        if !self.documents.insert(hash) {
            return;
        }
        self.documents_in_order.push_back(hash);
        if self.documents_in_order.len() > DOCUMENTS_KEPT
            && let Some(oldest) = self.documents_in_order.pop_front()
        {
            self.documents.remove(&oldest);
        }
    }

    /// Counts what became of an agent's lines.
    pub fn count(&mut self, name: &str, taken: &Taken, at: u64) {
        let counts = &mut self.of(name).counts;
        counts.last_at = at;
        counts.reports += taken.reports;
        counts.idle += taken.idle;
        counts.refused += taken.refused.len() as u64;
        if let Some((_, reason)) = taken.refused.last() {
            counts.refused_last = Some(reason.clone());
        }
    }

    /// What was counted, if that has changed since it was asked for last.
    pub fn changed(&mut self) -> Option<Seen> {
        if !std::mem::take(&mut self.is_changed) {
            return None;
        }
        let counts = self.accounts.iter();
        let counts = counts.map(|(name, account)| (name.clone(), account.counts.clone()));
        Some(Seen(counts.collect()))
    }
}
