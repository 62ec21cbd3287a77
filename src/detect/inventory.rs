//! From the operator's inventory of programs to what it says of the process behind a finding.
//!
//! An entry names a program by who signed it, by its hash, or by its path, which is weaker: it
//! never lowers. Where entries exist for a host, what none of them names is unapproved; a program
//! of which an agent does not tell enough to say is neither. Entries come from the configuration.
//! All weights are a design, not fitted.
//!
//! | identifier | bits |
//! |---|---|
//! | `endpoint.unapproved` | 3: entries exist for the host, and none names the program |
//! | `endpoint.unexpected_destination` | 4: approved, but not for this; 2: nothing names it |
//! | `endpoint.unexpected_user` | 3: approved, but not for this user |
//! | `endpoint.approved` | −4: signed as the entry says or of its hash, at a listed destination |

use super::allow::Who;
use super::evidence::{Bits, Group, Item};
use super::finding::Scene;
use super::programs;
use crate::endpoint::report::{Process, Signature, SignatureState};
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeSet;

/// A program that the operator approves.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Approved {
    /// Its name in alerts.
    pub id: Box<str>,
    /// The program; all that is named must fit.
    pub program: Program,
    /// What it may call, with everything below it; anything where none is given.
    pub destinations: Vec<Box<str>>,
    /// On whose hosts; on all of the site where none is given.
    pub hosts: Vec<Who>,
    /// As whom it may run; as anybody where none is given.
    pub users: BTreeSet<Box<str>>,
    /// Who answers for it.
    pub owner: Box<str>,
    /// Why.
    pub reason: Box<str>,
}

/// What tells a program from others.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Program {
    /// Who signed it.
    pub signed: Option<Signed>,
    /// SHA-256, in lower-case hexadecimal.
    pub sha256: Option<Box<str>>,
    /// Hash of the code directory (macOS), in lower-case hexadecimal.
    pub cdhash: Option<Box<str>>,
    /// Where it lies.
    pub path: Option<Box<str>>,
}

/// Who signed a program.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Signed {
    /// The identifier in the signature.
    pub signing_id: Box<str>,
    /// Who vouches for it.
    pub by: Signer,
}

/// Who vouches for an identifier: anybody can sign with any.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Signer {
    /// The developer's team.
    Team(Box<str>),
    /// Apple: the program is part of the system.
    System,
}

/// How well an entry fits a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// It is another program.
    Other,
    /// The agent does not tell enough.
    Unknown,
    /// Its path alone.
    Path,
    /// Its signature or its hash.
    Proven,
}

impl Program {
    /// Whether anything is named.
    pub fn is_named(&self) -> bool {
        *self != Program::default()
    }

    fn fit(&self, process: &Process) -> Fit {
        let signature = process.signature.as_ref();
        let hash = |named: &Option<Box<str>>, known: Option<&str>| {
            named.as_deref().map(|named| match known {
                None => Fit::Unknown,
                Some(known) if known.eq_ignore_ascii_case(named) => Fit::Proven,
                Some(_) => Fit::Other,
            })
        };
        let signed = self.signed.as_ref().map(|signed| match signature {
            None => Fit::Unknown,
            Some(signature) => signed.fit(signature),
        });
        let path = self.path.as_deref().map(|named| match &process.path {
            None => Fit::Unknown,
            Some(known) if **known == *named => Fit::Path,
            Some(_) => Fit::Other,
        });
        let cdhash = signature.and_then(|signature| signature.cdhash.as_deref());
        let all = [
            signed,
            hash(&self.sha256, process.sha256.as_deref()),
            hash(&self.cdhash, cdhash),
            path,
        ];
        let all = || all.into_iter().flatten();
        match all().min() {
            Some(least) if least < Fit::Path => least,
            // What is proven by one of them is.
            _ => all().max().unwrap_or(Fit::Other),
        }
    }
}

impl Signed {
    fn fit(&self, signature: &Signature) -> Fit {
        let Signature {
            state,
            signing_id,
            team_id,
            platform,
            ..
        } = signature;
        let by = match &self.by {
            Signer::System => *platform,
            Signer::Team(team) => team_id.as_deref() == Some(team),
        };
        match state {
            SignatureState::Signed if by && signing_id.as_ref() == Some(&self.signing_id) => {
                Fit::Proven
            }
            SignatureState::Unknown if signing_id.is_none() => Fit::Unknown,
            _ => Fit::Other,
        }
    }
}

impl Approved {
    fn is_for(&self, scene: &Scene<'_>) -> bool {
        let covers = |who: &Who| who.covers(scene);
        self.hosts.is_empty() || self.hosts.iter().any(covers)
    }

    /// Whether the user may run it; so it is where the agent does not name one.
    fn is_of_user(&self, process: &Process) -> bool {
        let user = user(process);
        self.users.is_empty() || user.is_none_or(|user| self.users.contains(&*user))
    }

    fn is_listed(&self, scene: &Scene<'_>) -> bool {
        let mut listed = self.destinations.iter();
        listed.any(|domain| scene.called.is_below(domain))
    }
}

/// The user's name; root has one wherever it has none.
pub fn user(process: &Process) -> Option<Box<str>> {
    let root = || (process.uid == Some(0)).then(|| "root".into());
    process.user.clone().or_else(root)
}

/// What the inventory says of a process that has the finding's flow.
pub fn items(scene: &Scene<'_>, process: &Process) -> Vec<Item> {
    let program = programs::acting(process);
    let entries = scene.settings.approved().iter();
    let entries: Vec<(Fit, &Approved)> = entries
        .filter(|entry| entry.is_for(scene))
        .map(|entry| (entry.program.fit(program), entry))
        .collect();
    let fitting = || entries.iter().filter(|(fit, _)| *fit >= Fit::Path);
    if entries.iter().all(|(fit, _)| *fit == Fit::Other) {
        let n = entries.len() as u64;
        return (n > 0)
            .then(|| unapproved(program, n))
            .into_iter()
            .collect();
    }
    let Some((_, first)) = fitting().next() else {
        return Vec::new();
    };
    let users = || fitting().filter(|(_, entry)| entry.is_of_user(process));
    let Some((_, of_user)) = users().next() else {
        return vec![unexpected_user(process, first)];
    };
    let anywhere = users().any(|(_, entry)| entry.destinations.is_empty());
    let listed = || users().filter(|(_, entry)| entry.is_listed(scene));
    if !anywhere && listed().next().is_none() {
        return vec![unexpected_destination(scene, of_user)];
    }
    // Who greets like another program is not the one that was approved.
    let contradicted = programs::other_client(process, scene.called.class).is_some();
    let proven = listed().find(|(fit, _)| *fit == Fit::Proven && !contradicted);
    let approved = proven.filter(|_| is_whole(program));
    approved
        .map(|(_, entry)| approved_item(program, entry))
        .into_iter()
        .collect()
}

/// Whether the agent says nothing against the program's signature; a hash stands for it where
/// programs are not signed.
fn is_whole(process: &Process) -> bool {
    let state = process.signature.as_ref().map(|signature| signature.state);
    !matches!(
        state,
        Some(SignatureState::Broken | SignatureState::Unsigned | SignatureState::AdHoc)
    )
}

fn item(id: &'static str, bits: i32) -> Item {
    Item::new(id, Group::Endpoint, Bits::whole(bits))
}

fn unapproved(process: &Process, n: u64) -> Item {
    let signature = process.signature.as_ref();
    item("endpoint.unapproved", 3)
        .observed(json!({
            "path": process.path, "sha256": process.sha256,
            "signing_id": signature.map(|signature| &signature.signing_id),
            "team_id": signature.map(|signature| &signature.team_id),
        }))
        .expected("a program that the inventory names", n)
        .why(format!("none of the {n} approved programs is this one"))
}

fn unexpected_user(process: &Process, entry: &Approved) -> Item {
    item("endpoint.unexpected_user", 3)
        .observed(json!({"entry": entry.id, "user": user(process)}))
        .expected(listed(entry.users.iter()), 0)
        .why(format!(
            "{} approved the program ({}) for other users",
            entry.owner, entry.id
        ))
}

fn unexpected_destination(scene: &Scene<'_>, entry: &Approved) -> Item {
    let called = scene.called;
    let named = called.name.is_some();
    item("endpoint.unexpected_destination", if named { 4 } else { 2 })
        .observed(json!({"entry": entry.id, "destination": called.object}))
        .expected(listed(entry.destinations.iter()), 0)
        .why(format!(
            "{} approved the program ({}) for other destinations",
            entry.owner, entry.id
        ))
}

fn approved_item(process: &Process, entry: &Approved) -> Item {
    item("endpoint.approved", -4)
        .observed(json!({"entry": entry.id, "owner": entry.owner, "path": process.path}))
        .expected("a program that the inventory names", 0)
        .why(format!(
            "{} approved the program for this destination ({}): {}",
            entry.owner, entry.id, entry.reason
        ))
}

/// The first of them, for a person.
fn listed<'a>(names: impl Iterator<Item = &'a Box<str>>) -> String {
    const SHOWN: usize = 8;
    let names: Vec<&str> = names.map(|name| &**name).take(SHOWN).collect();
    names.join(", ")
}
