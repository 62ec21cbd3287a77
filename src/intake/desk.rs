//! What every surface of the listener hands lines to: read, counted, journaled, acknowledged.
//!
//! Holds who may speak and an account of each. Lines are read on threads that may block, as many at
//! a time as there are cores.

use super::accounts::{Accounts, Seen};
use super::agents::Agents;
use super::batches::{self, Named};
use super::caller::{Caller, Peer, identify};
use super::journal::{Batch, Journal, Journaled, Unjournaled, moment, received_at, segments};
use super::lines::Lines;
use super::room::Room;
use super::settings::Settings;
use crate::endpoint::format::{Source, read_line_or_of};
use crate::endpoint::report::Report;
use crate::time::{Span, Timestamp};
use axum::http::{HeaderMap, StatusCode};
use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;
use tokio::sync::Semaphore;

/// A report may be so much younger than its receipt: clocks of hosts run ahead.
const EARLY_MAX: Span = Span::from_secs(900);

/// What became of lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    /// Lines that gave reports.
    pub accepted: u64,
    pub reports: u64,
    /// Lines that say nothing that is needed.
    pub idle: u64,
    /// The others, by their place from 0, and why.
    pub refused: Vec<(usize, String)>,
}

/// Why lines were not taken; they may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotTaken {
    #[error("more lines than this agent may send: send them again in {RETRY_AFTER_S} s")]
    TooFast,
    #[error("the sensor is busy: send them again in {RETRY_AFTER_S} s")]
    Busy,
    #[error("the sensor cannot write its journal; its own log says why")]
    Failed,
}

/// How long an agent that was sent away should wait.
pub(super) const RETRY_AFTER_S: u64 = 5;

impl NotTaken {
    /// As HTTP has it.
    pub fn status(self) -> StatusCode {
        match self {
            NotTaken::TooFast | NotTaken::Busy => StatusCode::TOO_MANY_REQUESTS,
            NotTaken::Failed => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl From<Unjournaled> for NotTaken {
    fn from(why: Unjournaled) -> NotTaken {
        match why {
            Unjournaled::Busy => NotTaken::Busy,
            Unjournaled::Failed => NotTaken::Failed,
        }
    }
}

/// The desk.
#[derive(Debug)]
pub(super) struct Desk {
    pub settings: Arc<Settings>,
    pub room: Room,
    agents: RwLock<Agents>,
    accounts: Mutex<Accounts>,
    journal: Journal,
    /// Who inflates or reads lines.
    pub readers: Semaphore,
}

impl Desk {
    pub fn open(settings: &Settings, journal: Journal) -> anyhow::Result<Desk> {
        let mut accounts = Accounts::new(
            Instant::now(),
            settings.agent_lines_per_s,
            settings.lines_per_s,
            Seen::read(&settings.dir)?,
        );
        let journaled = settings.dir.join("journal");
        for Named { from, id, lines } in batches::known(&journaled, &segments(&journaled)?)? {
            // What said nothing or was refused is not in the journal.
            let taken = Taken {
                accepted: lines,
                ..Taken::default()
            };
            accounts.keep_batch(&from, &id, taken);
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Desk {
            room: Room::new(settings.agent_connections_max),
            agents: RwLock::new(Agents::open(&settings.dir)?),
            accounts: Mutex::new(accounts),
            journal,
            readers: Semaphore::new(cores),
            settings: Arc::new(settings.clone()),
        })
    }

    /// Runs `use_it` on the list of agents.
    pub fn agents<T>(&self, use_it: impl FnOnce(&Agents) -> T) -> T {
        use_it(&self.agents.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Runs `change` on the list of agents; it may write the file.
    pub fn change_agents<T>(&self, change: impl FnOnce(&mut Agents) -> T) -> T {
        change(&mut self.agents.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// Runs `use_it` on the accounts.
    pub fn accounts<T>(&self, use_it: impl FnOnce(&mut Accounts) -> T) -> T {
        use_it(&mut self.accounts.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Who speaks.
    pub fn identify(&self, peer: &Peer, headers: &HeaderMap) -> Option<Caller> {
        self.agents(|agents| identify(agents, peer, headers))
    }

    /// Takes lines, which the agent may call `id`: reads each, journals those that say something,
    /// and only then says what became of them.
    pub async fn take(
        &self,
        caller: &Caller,
        lines: Lines,
        id: Option<&str>,
    ) -> Result<Taken, NotTaken> {
        let now = Instant::now();
        if !self.accounts(|accounts| accounts.admit(&caller.name, lines.len(), now)) {
            return Err(NotTaken::TooFast);
        }
        let reading = self.readers.acquire().await;
        let (from, settings) = (caller.clone(), self.settings.clone());
        let read = tokio::task::spawn_blocking(move || read(&from, &settings, lines)).await;
        drop(reading);
        let (taken, mut batch) = read.map_err(|_| NotTaken::Failed)?;
        if batch.lines_n > 0 {
            if let Some(id) = id {
                let named = Named {
                    from: Cow::Borrowed(&caller.name),
                    id: Cow::Borrowed(id),
                    lines: batch.lines_n,
                };
                batches::name(&mut batch.lines, &named);
            }
            self.journal.commit(batch).await?;
        }
        let at = received_at() as u64;
        self.accounts(|accounts| accounts.count(&caller.name, &taken, at));
        Ok(taken)
    }

    /// What is due from time to time: the list as others changed it, and what was counted for them.
    pub fn tidy(&self) {
        self.room.tidy();
        let is_changed = self.change_agents(Agents::refresh);
        let counted = self.accounts(Accounts::changed);
        let written = counted.map_or(Ok(()), |seen| seen.write(&self.settings.dir));
        for error in [is_changed, written].into_iter().filter_map(Result::err) {
            tracing::error!("{error:#}");
        }
    }
}

/// What the lines say.
pub(super) fn read(caller: &Caller, settings: &Settings, mut lines: Lines) -> (Taken, Batch) {
    let received = received_at();
    let mut taken = Taken::default();
    let mut batch = Batch {
        lines: Vec::new(),
        lines_n: 0,
        reports: Vec::new(),
        held: lines.held.take(),
    };
    for (place, line) in lines.iter().enumerate() {
        match read_one(caller, settings, received, line) {
            Ok((reports, _)) if reports.is_empty() => taken.idle += 1,
            Ok((mut reports, agent)) => {
                let line = Cow::Borrowed(std::str::from_utf8(line).unwrap_or_default());
                let journaled = Journaled {
                    batch: None,
                    received_at: received,
                    agent: agent.map(Cow::Borrowed),
                    line,
                };
                // Numbers and text always have a JSON form.
                let _ = serde_json::to_writer(&mut batch.lines, &journaled);
                batch.lines.push(b'\n');
                batch.lines_n += 1;
                taken.accepted += 1;
                taken.reports += reports.len() as u64;
                batch.reports.append(&mut reports);
            }
            Err(reason) => taken.refused.push((place, reason)),
        }
    }
    (taken, batch)
}

/// The reports of one line, and who was taken for the agent before any name in it.
fn read_one<'a>(
    caller: &'a Caller,
    settings: &Settings,
    received: f64,
    line: &[u8],
) -> Result<(Vec<Report>, Option<&'a str>), String> {
    let received_at = moment(received);
    if std::str::from_utf8(line).is_err() {
        return Err("is no UTF-8: send JSON as RFC 8259 has it".to_owned());
    }
    let agent = caller.agent();
    // A relay that names nobody speaks for itself.
    let read = read_line_or_of(line, &Source { agent, received_at }, &caller.name);
    let (reports, agent) = read.map_err(|refused| refused.to_string())?;
    settings.gateways.check_from(caller, &reports)?;
    let late_max = i64::try_from(settings.late_max.as_nanos()).unwrap_or(i64::MAX);
    let (earliest, latest) = (
        Timestamp::from_nanos(received_at.as_nanos().saturating_sub(late_max)),
        received_at + EARLY_MAX,
    );
    for report in &reports {
        if report.window.to < earliest {
            return Err(format!(
                "is older than {} h: set the host's clock, or replay it with --reports",
                settings.late_max.as_secs_f64() / 3600.0
            ));
        }
        if report.window.to > latest {
            return Err(format!(
                "is {} min and more from the future: set the host's clock",
                EARLY_MAX.as_secs_f64() / 60.0
            ));
        }
    }
    Ok((reports, agent))
}

/// A desk that many hold.
pub(super) type Shared = Arc<Desk>;
