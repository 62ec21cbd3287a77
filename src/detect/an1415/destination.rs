//! From who called a destination before to how strange it is that somebody uploads there.

use super::Case;
use crate::baseline::{Age, Baseline};
use crate::detect::evidence::{Bits, Group, Item};
use serde_json::json;

/// The bits of a destination that is new to the host, and how new that is.
fn newness(case: &Case<'_>) -> Option<(Bits, Age)> {
    match case.age {
        Baseline::Ready(age @ Age::Day) => Some((Bits::whole(3), age)),
        Baseline::Ready(age @ Age::Week) => Some((Bits::whole(2), age)),
        _ => None,
    }
}

/// `destination.new`.
pub fn new(case: &Case<'_>) -> Option<Item> {
    let (bits, age) = newness(case)?;
    let item = Item::new("destination.new", Group::DestinationRarity, bits)
        .observed(json!({"age": age.name()}))
        .expected(
            "a destination that the host has called for more than seven days",
            0,
        )
        .why(format!("the host called {} first of late", case.object));
    Some(item)
}

/// `destination.unknown`. The host's own history and what its peers call are two facts, and both
/// speak: programs seldom send much to where neither has been. People who browse do, to hand files
/// over.
pub fn unknown(case: &Case<'_>) -> Option<Item> {
    let (new, age) = newness(case).filter(|_| case.is_rare() && case.class.browser() <= 0.5)?;
    let (k, n) = (case.others.callers, case.others.members);
    let rare = Bits::rarity(k, n).min(Bits::whole(3));
    Some(
        Item::new("destination.unknown", Group::DestinationRarity, new + rare)
            .observed(json!({"age": age.name(), "hosts_role_using": k, "hosts_role": n}))
            .expected("known to the host for seven days, or to its role", n)
            .why(format!(
                "{} is new to the host, and {k} of the {n} other hosts of the role call it",
                case.object
            )),
    )
}

/// `destination.rare`.
pub fn rare(case: &Case<'_>) -> Option<Item> {
    let (k, n) = (case.others.callers, case.others.members);
    let bits = Bits::rarity(k, n).scaled(0.5).min(Bits::whole(3));
    case.is_rare().then(|| {
        Item::new("destination.rare", Group::DestinationRarity, bits)
            .observed(json!({"hosts_role_using": k, "hosts_role": n}))
            .expected("more than a tenth of the role", n)
            .why(format!(
                "{k} of the {n} other hosts of the role call {}",
                case.object
            ))
    })
}
