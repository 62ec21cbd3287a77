//! From alerts and notes to rows of `notice.log`.

use super::settings::Settings;
use crate::detect::Alert;
use crate::detect::note::Note;
use crate::fingerprint;
use crate::net::Transport;
use crate::observe::FlowId;
use crate::packet::proto;
use crate::record::{NoticeRow, Record};
use crate::time::Timestamp;

/// The alert's row.
pub(super) fn of_alert(settings: &Settings, alert: &Alert) -> Record {
    let message = alert.message.as_str().into();
    let mut row = NoticeRow::new(alert.at, Some(alert.flow), alert.note, message);
    row.sub = Some(alert.sub.as_str().into());
    row.n = Some(alert.n);
    row.community_id = Some(id_of(settings, &alert.flow));
    Record::Notice(Box::new(row))
}

/// The note's row.
pub(super) fn of_note(settings: &Settings, at: Timestamp, note: &Note) -> Record {
    let flow = note.flow();
    let mut row = NoticeRow::new(at, flow, note.name(), note.message().into());
    row.src = note.host();
    row.community_id = flow.map(|flow| id_of(settings, &flow));
    Record::Notice(Box::new(row))
}

fn id_of(settings: &Settings, flow: &FlowId) -> Box<str> {
    let ip_proto = match flow.transport {
        Transport::Udp => proto::UDP,
        _ => proto::TCP,
    };
    community_id(settings, flow, ip_proto)
}

/// The flow's community id.
pub(super) fn community_id(settings: &Settings, flow: &FlowId, ip_proto: u8) -> Box<str> {
    let seed = settings.community_id_seed;
    fingerprint::community_id(seed, flow.originator, flow.responder, ip_proto).into()
}
