//! From a day's contacts to what the detector holds of them: the tracks of a key, fed exchange by
//! exchange, and the strongest reading of all looks.

use crate::rivals::Contact;
use tapir::detect::client::Kind;
use tapir::detect::track::Tracks;
use tapir::profile::cadence::{Event, Templates};
use tapir::time::Timestamp;

/// Tuesday, 3 November 2026, after which evidence does not halve for three days.
const START: Timestamp = Timestamp::from_nanos(1_793_664_000_000_000_000);

/// A key while it is filled.
pub struct Key<'a> {
    templates: &'a Templates,
    tracks: Tracks,
}

impl Key<'_> {
    pub fn new(templates: &Templates) -> Key<'_> {
        Key {
            templates,
            tracks: Tracks::new(Kind::ToolOrLibrary),
        }
    }

    /// Takes a contact; gives the bits where this was worth a look. A person's may come from
    /// another kind of client.
    pub fn take(&mut self, contact: Contact, other_kind: bool) -> Option<f64> {
        let event = Event {
            at: Timestamp::from_nanos(START.as_nanos() + (contact.at * 1e9) as i64),
            upload_bytes: Some(contact.up as u64),
            host_idle: false,
        };
        let kind = match other_kind {
            true => Kind::Browser,
            false => Kind::ToolOrLibrary,
        };
        let looked = self.tracks.handle_event(self.templates, kind, event);
        let reading = self.tracks.timing(Kind::ToolOrLibrary).reading;
        reading.filter(|_| looked).map(|reading| reading.bits)
    }
}

/// What no look gives: less than any look does.
pub const NO_LOOK: f64 = -100.0;

/// The most bits that any look of the day gave: whatever passes a threshold once is alerted on.
pub fn bits(templates: &Templates, day: &[(Contact, bool)]) -> f64 {
    let mut key = Key::new(templates);
    let looks = day
        .iter()
        .filter_map(|(contact, other)| key.take(*contact, *other));
    looks.fold(NO_LOOK, f64::max)
}
