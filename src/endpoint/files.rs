//! From reports of files to what an upload is seen beside: archives that were made and sensitive
//! files that were opened just before it.
//!
//! Of each host the last [`ARCHIVES_MAX`] archives are remembered, the last sensitive file, and how
//! often either happens: what happens all day tells nothing. Holds `agents_max` hosts of at most
//! some 10 kB; who was heard of longest ago leaves.

use super::report::{Archive, FileActivity, FileReport, Process, Report};
use crate::baseline::Bounded;
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};

/// Archives of a host that are remembered.
const ARCHIVES_MAX: usize = 16;
/// Events less than this apart are one: a backup of a folder opens all its files.
const EPISODE: Span = Span::from_secs(300);
/// A host that was heard of for less counts as heard of for a day: one event in the first hour is
/// no rate of 24 a day.
const HEARD_MIN: Span = Span::from_secs(86_400);
/// What is older counts half.
const HALF_LIFE: Span = Span::from_secs(30 * 86_400);

/// Who did something to a file: as much of the process as tells its kin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// Its number.
    pub pid: Option<u32>,
    /// Its parent's.
    pub parent: Option<u32>,
    /// Its program.
    pub path: Option<Box<str>>,
}

/// A file that an event was about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Touched {
    /// Its name.
    pub path: Box<str>,
    /// When, by the host's clock.
    pub at: Timestamp,
    /// Its size in bytes, where it is known.
    pub size: Option<u64>,
    /// That it is an archive, and how that is known.
    pub archive: Option<Archive>,
    /// Who did it.
    pub actor: Actor,
}

/// How often something happens on a host.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Rate {
    episodes: f64,
    since: Timestamp,
    last_at: Timestamp,
}

impl Rate {
    fn new(heard_since: Timestamp) -> Rate {
        Rate {
            episodes: 0.0,
            since: heard_since,
            last_at: Timestamp::MIN,
        }
    }

    fn count(&mut self, at: Timestamp) {
        if self.episodes == 0.0 || at - self.last_at >= EPISODE {
            self.episodes += 1.0;
        }
        self.last_at = self.last_at.max(at);
        let heard = at - self.since;
        if heard.as_nanos() > 2 * HALF_LIFE.as_nanos() {
            self.episodes /= 2.0;
            self.since = self.since + HALF_LIFE;
        }
    }

    /// Episodes a second.
    fn per_s(&self, at: Timestamp) -> f64 {
        self.episodes.max(1.0) / (at - self.since).max(HEARD_MIN).as_secs_f64()
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct OfHost {
    archives: Vec<Touched>,
    archived: Rate,
    sensitive: Option<Touched>,
    opened: Rate,
}

/// What was done to files of all hosts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Files {
    hosts: Bounded<Box<str>, OfHost>,
}

/// What was done to files of a host within a while.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Near {
    /// Archives that were made, oldest first, and how many episodes a second are usual.
    pub archives: (Vec<Touched>, f64),
    /// The last sensitive file that was opened, and how many episodes a second are usual.
    pub sensitive: (Option<Touched>, f64),
}

impl Files {
    /// Takes what a report says of a file; `is_sensitive` tells by its name. Whether it is
    /// something that an upload could have to do with.
    pub fn handle_report(
        &mut self,
        report: &Report,
        file: &FileReport,
        is_sensitive: impl FnOnce(&str) -> bool,
        max: usize,
    ) -> bool {
        let at = report.window.to;
        let made = !matches!(
            file.activity,
            FileActivity::Open | FileActivity::Read | FileActivity::Delete
        );
        let archive = file.archive.as_ref().filter(|_| made);
        let opened = matches!(file.activity, FileActivity::Open | FileActivity::Read);
        if archive.is_none() && !(opened && is_sensitive(&file.path)) {
            return false;
        }
        let fresh = || OfHost {
            archives: Vec::new(),
            archived: Rate::new(at),
            sensitive: None,
            opened: Rate::new(at),
        };
        let host = self
            .hosts
            .touch(&report.agent, report.received_at, max, fresh);
        let Some(host) = host else { return false };
        let touched = Touched {
            path: file.path.clone(),
            at,
            size: file.size,
            archive: archive.cloned(),
            actor: file.process.as_ref().map(Actor::of).unwrap_or_default(),
        };
        if touched.archive.is_some() {
            host.archived.count(at);
            // It grows: what was said last counts.
            host.archives.retain(|known| known.path != touched.path);
            if host.archives.len() >= ARCHIVES_MAX {
                host.archives.remove(0);
            }
            host.archives.push(touched);
        } else {
            host.opened.count(at);
            host.sensitive = Some(touched);
        }
        true
    }

    /// What was done on the agent's host from `from` to `to`, by its own clock.
    pub fn near(&self, agent: &str, from: Timestamp, to: Timestamp) -> Near {
        let Some(host) = self.hosts.get(&Box::from(agent)) else {
            return Near::default();
        };
        let is_near = |touched: &&Touched| from <= touched.at && touched.at <= to;
        let archives = host.archives.iter().filter(is_near);
        let sensitive = host.sensitive.as_ref().filter(is_near);
        Near {
            archives: (archives.cloned().collect(), host.archived.per_s(to)),
            sensitive: (sensitive.cloned(), host.opened.per_s(to)),
        }
    }

    /// Hosts that had to leave for others.
    pub fn evicted(&self) -> u64 {
        self.hosts.evicted()
    }
}

impl Actor {
    /// What tells the kin of `process`.
    pub fn of(process: &Process) -> Actor {
        Actor {
            pid: process.pid,
            parent: process.parent.as_ref().and_then(|parent| parent.pid),
            path: process.path.clone().or_else(|| process.name.clone()),
        }
    }

    /// Whether one is the other, started the other, or both were started by one process, which is
    /// not the first of all.
    pub fn is_kin(&self, other: &Actor) -> bool {
        let same = |a: Option<u32>, b: Option<u32>| a.is_some_and(|pid| pid > 1 && b == Some(pid));
        same(self.pid, other.pid)
            || same(self.pid, other.parent)
            || same(self.parent, other.pid)
            || same(self.parent, other.parent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::report::{ArchiveBasis, Deed};

    const DAY: i64 = 86_400;

    fn report(at: i64, path: &str, activity: FileActivity, archive: bool) -> Report {
        let at = Timestamp::from_parts(at, 0);
        let archive = archive.then(|| Archive {
            kind: "tar".into(),
            basis: ArchiveBasis::Magic,
        });
        let file = FileReport {
            activity,
            path: path.into(),
            size: Some(7),
            archive,
            process: None,
        };
        Report::of_event("a", at, Deed::File(Box::new(file)))
    }

    fn take(files: &mut Files, report: &Report) {
        let Deed::File(file) = &report.deed else {
            unreachable!("these are reports of files");
        };
        files.handle_report(report, file, |path| path.contains(".ssh"), 10);
    }

    fn near(files: &Files, at: i64) -> Near {
        let moment = |s| Timestamp::from_parts(s, 0);
        files.near("a", moment(at - 600), moment(at))
    }

    #[test]
    fn an_archive_is_near_for_as_long_as_is_asked_and_counts_once() {
        let mut files = Files::default();
        for at in [1000, 1001, 1002] {
            take(
                &mut files,
                &report(at, "/x.tar", FileActivity::Update, true),
            );
        }
        let (archives, per_s) = near(&files, 1500).archives;
        assert_eq!(archives.len(), 1);
        assert_eq!(archives[0].at, Timestamp::from_parts(1002, 0));
        assert!((per_s * DAY as f64 - 1.0).abs() < 1e-9);
        assert!(near(&files, 2000).archives.0.is_empty());
    }

    #[test]
    fn what_happens_daily_is_usual_and_what_is_not_sensitive_is_nothing() {
        let mut files = Files::default();
        for day in 0..30 {
            take(
                &mut files,
                &report(day * DAY, "/h/.ssh/id", FileActivity::Open, false),
            );
            take(
                &mut files,
                &report(day * DAY, "/h/notes", FileActivity::Open, false),
            );
        }
        let (last, per_s) = near(&files, 29 * DAY).sensitive;
        assert_eq!(&*last.unwrap().path, "/h/.ssh/id");
        assert!((per_s * DAY as f64 - 30.0 / 29.0).abs() < 1e-9);
    }

    #[test]
    fn a_reader_makes_no_archive_and_hosts_are_bounded() {
        let mut files = Files::default();
        take(&mut files, &report(1, "/x.tar", FileActivity::Open, true));
        assert!(near(&files, 2).archives.0.is_empty());
        for n in 0..100 {
            let mut report = report(n, "/x.tar", FileActivity::Create, true);
            report.agent = n.to_string().into();
            take(&mut files, &report);
        }
        assert_eq!((files.hosts.len(), files.evicted()), (10, 90));
    }

    #[test]
    fn kin_share_a_parent_that_is_not_the_first_process() {
        let actor = |pid, parent| Actor {
            pid: Some(pid),
            parent: Some(parent),
            path: None,
        };
        for (a, b, kin) in [
            (actor(10, 5), actor(11, 5), true),
            (actor(10, 5), actor(11, 10), true),
            (actor(10, 5), actor(10, 5), true),
            (actor(10, 1), actor(11, 1), false),
            (actor(10, 5), actor(11, 6), false),
            (Actor::default(), Actor::default(), false),
        ] {
            assert_eq!((a.is_kin(&b), b.is_kin(&a)), (kin, kin));
        }
    }
}
