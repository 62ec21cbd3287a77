//! From what was done to files before an upload to evidence that they are what went.
//!
//! ATT&CK AN1415: sensitive files are read or packed, then something leaves. What happens on a host
//! all day is worth little: for an event with the host's usual rate λ and Δ before the upload,
//! b = log2(0.9 / (1 − e^(−λΔ))), half of it after five minutes, nothing after ten. The weights of
//! size and kin are a design, not fitted.
//!
//! | identifier | bits |
//! |---|---|
//! | `endpoint.archive` | b: an archive was made |
//! | `endpoint.sensitive_file` | b: a sensitive file was opened |
//! | `endpoint.archive_size` | 5: the archives are as large as the upload, or as that in base64 |
//! | `endpoint.archive_kin` | 3: who made one and who uploads are the same, or kin |

use super::evidence::{Bits, Group, Item};
use super::finding::Upload;
use crate::endpoint::files::{Actor, Near, Touched};
use crate::endpoint::report::Process;
use crate::time::{Span, Timestamp};
use serde_json::{Value, json};

/// Events so long before an upload may have to do with it.
pub const WINDOW: Span = Span::from_secs(600);
/// From here on they count half.
const HALF: Span = Span::from_secs(300);
/// Share of exfiltrations that such an event comes before.
const BEFORE: f64 = 0.9;
/// Most that one kind of event is worth: the group's cap.
const EVENT_BITS_MAX: f64 = 12.0;
/// No event is nearer than stamps are exact.
const NEAREST: Span = Span::from_secs(1);
/// How far an upload's size may be from the archive's.
const SIZE_TOLERANCE: f64 = 0.03;
/// Sizes of the same in other dress: as it is, or in base64 with line ends.
const OVERHEADS: [f64; 2] = [0.0, 0.37];

/// What the files say of an upload by `process`; times of files are the host's, which is ahead of
/// the sensor's by `offset`.
pub fn items(upload: &Upload, near: &Near, process: Option<&Process>, offset: Span) -> Vec<Item> {
    let (archives, made_per_s) = &near.archives;
    let (sensitive, opened_per_s) = &near.sensitive;
    let before = |touched: &Touched| {
        let by_sensor = touched.at + Span::from_nanos(-offset.as_nanos());
        (upload.began_at - by_sensor).max(NEAREST)
    };
    let archive = archives.last().and_then(|archive| {
        event(
            "endpoint.archive",
            archive,
            before(archive),
            *made_per_s,
            "an archive was made",
        )
    });
    let opened = sensitive.as_ref().and_then(|file| {
        let why = "a sensitive file was opened";
        event(
            "endpoint.sensitive_file",
            file,
            before(file),
            *opened_per_s,
            why,
        )
    });
    let items = [
        archive,
        opened,
        same_size(upload, archives),
        kin(archives, process),
    ];
    items.into_iter().flatten().collect()
}

/// The earliest moment of an event that is near an upload, and the latest, by the host's clock.
pub fn window(upload: &Upload, now: Timestamp, offset: Span) -> (Timestamp, Timestamp) {
    let from = upload.began_at + Span::from_nanos(offset.as_nanos() - WINDOW.as_nanos());
    (from, now + offset + NEAREST)
}

fn event(id: &'static str, what: &Touched, before: Span, per_s: f64, why: &str) -> Option<Item> {
    if before > WINDOW {
        return None;
    }
    let chance = -f64::exp_m1(-per_s * before.as_secs_f64());
    let bits = (BEFORE / chance).log2().min(EVENT_BITS_MAX);
    let bits = if before > HALF { bits / 2.0 } else { bits };
    (bits > 0.0).then(|| {
        Item::new(id, Group::Endpoint, Bits::new(bits))
            .observed(json!({
                "path": what.path, "size": what.size, "process": told(&what.actor),
                "seconds_before": before.as_secs_f64().round(),
                "archive": what.archive.as_ref().map(|archive| &archive.kind),
            }))
            .expected(format!("{:.3} a day", per_s * 86_400.0), 0)
            .why(format!("{why} {:.0} s before", before.as_secs_f64()))
    })
}

fn told(actor: &Actor) -> Value {
    json!({"pid": actor.pid, "path": actor.path})
}

/// Of one archive, or of all together: uploads of many are one transfer.
fn same_size(upload: &Upload, archives: &[Touched]) -> Option<Item> {
    let sizes = archives.iter().filter_map(|archive| archive.size);
    let all: u64 = sizes.clone().sum();
    let fits = |size: &u64| {
        OVERHEADS.iter().any(|overhead| {
            let expected = *size as f64 * (1.0 + overhead);
            *size > 0 && (upload.bytes as f64 - expected).abs() <= SIZE_TOLERANCE * *size as f64
        })
    };
    let size = sizes.chain([all]).find(fits)?;
    Some(
        Item::new("endpoint.archive_size", Group::Endpoint, Bits::whole(5))
            .observed(json!({"archive_bytes": size, "upload_bytes": upload.bytes}))
            .expected("sizes that have nothing to do with each other", 0)
            .why("as much was uploaded as was packed"),
    )
}

fn kin(archives: &[Touched], process: Option<&Process>) -> Option<Item> {
    let uploader = Actor::of(process?);
    let made = archives.iter().rev().find(|a| a.actor.is_kin(&uploader))?;
    Some(
        Item::new("endpoint.archive_kin", Group::Endpoint, Bits::whole(3))
            .observed(json!({"packed": told(&made.actor), "uploads": told(&uploader)}))
            .expected("processes that have nothing to do with each other", 0)
            .why("who packed and who uploads belong together"),
    )
}
