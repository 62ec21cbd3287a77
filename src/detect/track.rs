//! From a key's exchanges to its cadence, as small as the key is young.
//!
//! The first [`EARLY_MAX`] exchanges are kept as they are, since no look is due before; then they
//! become a [`Series`]. While a host calls an object with one kind of client, one track serves the
//! key with and without the client. With a second kind the tracks part; a third is only in the
//! track of all.

use super::client::Kind;
use super::timing::Timing;
use crate::profile::cadence::{Event, Reading, Series, Templates};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Exchanges that are kept one by one: one less than what makes six gaps.
pub const EARLY_MAX: usize = 6;
/// Kinds of client that have a track of their own.
const KINDS_MAX: usize = 2;

/// The cadence of one host's calls of one object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tracks {
    all: Track,
    /// None while every exchange was of the same kind of client.
    parted: Option<Box<Parted>>,
    kind: Kind,
}

/// The tracks of the first kinds of client, in the order in which they came.
type Parted = [Option<(Kind, Track)>; KINDS_MAX];

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Track {
    /// Most keys see one exchange: it needs no room of its own.
    One(Early),
    Early(Vec<Early>),
    Known(Box<Known>),
}

/// An exchange; the size is the bytes plus one, 0 where it is not known.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Early {
    at: Timestamp,
    size: u32,
    host_idle: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Known {
    series: Series,
    reading: Option<Reading>,
    events: u32,
}

impl Tracks {
    /// A key whose first exchange is made by a client of this kind.
    pub fn new(kind: Kind) -> Tracks {
        Tracks {
            all: Track::Early(Vec::new()),
            parted: None,
            kind,
        }
    }

    /// Takes an exchange; says whether a look was taken.
    pub fn handle_event(&mut self, templates: &Templates, kind: Kind, event: Event) -> bool {
        if self.all.is_empty() {
            self.kind = kind;
        }
        if self.parted.is_none() && kind != self.kind {
            self.parted = Some(Box::new([Some((self.kind, self.all.clone())), None]));
        }
        let mut looked = self.all.handle_event(templates, event);
        if let Some(parted) = &mut self.parted {
            let takes = |place: &&mut Option<(Kind, Track)>| {
                place.as_ref().is_none_or(|(own, _)| *own == kind)
            };
            if let Some(place) = parted.iter_mut().find(takes) {
                let (_, track) = place.get_or_insert((kind, Track::Early(Vec::new())));
                looked |= track.handle_event(templates, event);
            }
        }
        looked
    }

    /// The cadence of what clients of `kind` call, or of all calls, whichever is stronger.
    pub fn timing(&self, kind: Kind) -> Timing {
        let all = self.all.timing();
        let own = self.parted().find(|(own, _)| *own == kind);
        match own.map(|(_, track)| track.timing()) {
            Some(own) if own.bits() >= all.bits() => own,
            _ => all,
        }
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        let parted = self.parted().map(|(_, track)| track.heap_bytes());
        let own = self.parted.as_ref().map_or(0, |_| size_of::<Parted>());
        self.all.heap_bytes() + own + parted.sum::<usize>()
    }

    fn parted(&self) -> impl Iterator<Item = &(Kind, Track)> {
        self.parted
            .iter()
            .flat_map(|parted| parted.iter().flatten())
    }
}

impl Track {
    fn handle_event(&mut self, templates: &Templates, event: Event) -> bool {
        let early = match self {
            Track::Known(known) => return known.handle_event(templates, event),
            Track::One(first) => {
                let mut early = Vec::with_capacity(EARLY_MAX);
                early.extend([*first, Early::from(event)]);
                *self = Track::Early(early);
                return false;
            }
            Track::Early(early) if early.is_empty() => {
                *self = Track::One(Early::from(event));
                return false;
            }
            Track::Early(early) => early,
        };
        if early.len() < EARLY_MAX {
            early.push(Early::from(event));
            return false;
        }
        let mut known = Box::<Known>::default();
        for early in std::mem::take(early) {
            known.handle_event(templates, Event::from(early));
        }
        let looked = known.handle_event(templates, event);
        *self = Track::Known(known);
        looked
    }

    fn is_empty(&self) -> bool {
        matches!(self, Track::Early(early) if early.is_empty())
    }

    fn timing(&self) -> Timing {
        match self {
            Track::One(_) => Timing {
                events: 1,
                ..Timing::default()
            },
            Track::Early(early) => Timing {
                events: early.len() as u32,
                ..Timing::default()
            },
            Track::Known(known) => Timing {
                events: known.events,
                reading: known.reading,
                persistence: known.series.persistence(),
            },
        }
    }

    fn heap_bytes(&self) -> usize {
        match self {
            Track::One(_) => 0,
            Track::Early(early) => early.capacity() * size_of::<Early>(),
            Track::Known(known) => size_of::<Known>() - size_of::<Series>() + known.series.bytes(),
        }
    }
}

impl Known {
    fn handle_event(&mut self, templates: &Templates, event: Event) -> bool {
        self.events = self.events.saturating_add(1);
        let due = self.series.handle_event(event);
        if due {
            self.reading = self.series.reading(templates);
        }
        due
    }
}

impl From<Event> for Early {
    fn from(event: Event) -> Early {
        let size = |bytes: u64| u32::try_from(bytes).unwrap_or(u32::MAX).saturating_add(1);
        Early {
            at: event.at,
            size: event.upload_bytes.map_or(0, size),
            host_idle: event.host_idle,
        }
    }
}

impl From<Early> for Event {
    fn from(early: Early) -> Event {
        Event {
            at: early.at,
            upload_bytes: early.size.checked_sub(1).map(u64::from),
            host_idle: early.host_idle,
        }
    }
}
