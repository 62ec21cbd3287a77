//! From who else in the role does it to evidence of rarity.
//!
//! Knows no analytic. What common destinations and clients take away is that these items are small;
//! what most of a role calls takes two bits away. None of them is a veto.

use super::client::ClientClass;
use super::evidence::{Bits, Group, Item};
use super::finding::Scene;
use serde_json::json;

/// How many *other* members of the role do what, as of the last closed epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Others {
    /// Exist.
    pub members: u64,
    /// Call the same object.
    pub callers: u64,
    /// Held a session of ten minutes or more with it.
    pub long_callers: u64,
    /// Use it with this client, where it is a service of the catalogue or of a schedule.
    pub same_client: u64,
    /// Have shown any client fingerprint.
    pub fingerprinted: u64,
    /// Have shown this one.
    pub fingerprint: u64,
}

/// `role.destination_rarity`: −log2[(k + 1)/(n + 2)], k of n others call the object; −2 where most
/// of them do.
pub fn destination(scene: &Scene<'_>, others: &Others) -> Item {
    let Others {
        members: n,
        callers: k,
        ..
    } = *others;
    let (role, object) = (&scene.role.name, &scene.called.object);
    Item::new(
        "role.destination_rarity",
        Group::DestinationRarity,
        Bits::rarity_or_custom(k, n),
    )
    .observed(json!({"hosts_role_calling": k, "hosts_role": n}))
    .expected(format!("{k} of {n} peers in 30 d"), n)
    .why(format!(
        "{k} of the {n} other hosts of role {role} call {object}"
    ))
}

/// `fp.role_rarity`: the same of the client's JA4, as far as it is no browser's, since browsers are
/// not what the analytics describe.
pub fn fingerprint(ja4: Option<&str>, class: ClientClass, others: &Others) -> Option<Item> {
    let (ja4, browser) = (ja4?, class.browser());
    let Others {
        fingerprinted: n,
        fingerprint: k,
        ..
    } = *others;
    let bits = Bits::rarity(k, n).min(Group::ClientFingerprint.cap());
    let item = Item::new(
        "fp.role_rarity",
        Group::ClientFingerprint,
        bits.scaled(1.0 - browser),
    )
    .observed(json!({"ja4": ja4, "hosts_role_showing": k, "browser": browser}))
    .expected(format!("{k} of {n} peers in 30 d"), n)
    .why(format!(
        "{k} of the {n} other hosts of the role that use TLS show this client"
    ));
    Some(item)
}

/// `role.used_by_peers`, against: worth no bits, but to be known.
pub fn used_by_peers(k: u64, n: u64) -> Option<Item> {
    let item = Item::new("role.used_by_peers", Group::DestinationRarity, Bits::ZERO)
        .observed(json!({"hosts_role_using": k, "hosts_role": n}))
        .expected("no peer uses it", n)
        .why("other members of the role use it");
    (k > 0).then_some(item)
}

/// `fp.application`, against: worth no bits, but to be known.
pub fn application(class: ClientClass) -> Option<Item> {
    let item = Item::new("fp.application", Group::ClientFingerprint, Bits::ZERO)
        .observed(json!({"browser": class.browser()}))
        .expected("a tool or library", 0)
        .why("the client looks like a browser or an application");
    class.is_application().then_some(item)
}

/// What the client speaks for: `fp.browser` takes away, in the place of any rarity, where it is
/// a browser; otherwise `fp.role_rarity`.
pub fn client(scene: &Scene<'_>, others: &Others) -> Option<Item> {
    let browser = scene.called.class.browser();
    if browser <= 0.5 {
        return fingerprint(scene.called.ja4.as_deref(), scene.called.class, others);
    }
    let item = Item::new("fp.browser", Group::ClientFingerprint, Bits::whole(-4))
        .observed(json!({"browser": browser}))
        .expected("a tool, a library or an application", 0)
        .why("the client looks like a browser, which leaves and cancels sessions as people do");
    Some(item)
}
