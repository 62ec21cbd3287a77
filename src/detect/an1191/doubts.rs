//! From a case to what speaks against it, and what could not be seen.

use super::Case;
use crate::detect::evidence::{Bits, Group, Item};
use crate::detect::finding::Missing;
use crate::time::Span;
use serde_json::json;

/// A user who was seen within this is there.
const USER_WITHIN: Span = Span::from_secs(600);

/// What could not be seen, and how much it could have changed.
pub fn missing(case: &Case<'_>) -> Vec<Missing> {
    let process = case
        .moment
        .approval
        .schedule()
        .and_then(|schedule| schedule.process.as_ref());
    let process = process.map(|process| format!(" (the schedule says {process})"));
    let process = process.unwrap_or_default();
    let mut missing = vec![Missing::of_agent(
        format!("process, parent and ProcessSignature{process}"),
        "could move the sum by −6…+12 bits",
    )];
    if case.cadence.is_none() {
        missing.push(Missing::new(
            "ConnectionInterval: too few calls to tell a timer",
            "could add up to 12 bits",
        ));
    }
    missing.extend(case.moment.hours.missing(6));
    missing
}

/// What speaks against: worth no bits, but to be known.
pub fn against(case: &Case<'_>) -> Vec<Item> {
    let mut against = Vec::new();
    let user_ago = case.user_at.map(|user_at| case.moment.hours.at - user_at);
    if let Some(ago) = user_ago.filter(|ago| *ago <= USER_WITHIN) {
        against.push(
            Item::new("context.user_present", Group::Context, Bits::ZERO)
                .observed(json!({"browsed_s_before": ago.as_secs_f64()}))
                .expected("nobody at the host for 10 min", 0)
                .why("somebody browsed on the host just before"),
        );
    }
    if case.moment.hours.is_excused() {
        against.push(
            Item::new("schedule.woke", Group::Schedule, Bits::ZERO)
                .observed(json!({"woke": true}))
                .expected("awake for 30 min", 0)
                .why("the host has just woken: its hours count for nothing here"),
        );
    }
    if case.moment.hours.shift != 0 {
        against.push(
            Item::new("schedule.shifted", Group::Schedule, Bits::ZERO)
                .observed(json!({"shift_h": case.moment.hours.shift}))
                .expected("the host's usual clock", 0)
                .why("the host lives by another clock; its hours are compared by that"),
        );
    }
    if case.others.same_client > 0 {
        let (k, n) = (case.others.same_client, case.others.members);
        against.push(
            Item::new("role.used_by_peers", Group::DestinationRarity, Bits::ZERO)
                .observed(json!({"hosts_role_using": k, "hosts_role": n}))
                .expected("no peer uses it with this client", n)
                .why("other members of the role use the service with the same client"),
        );
    }
    against
}
