//! From `[[approved]]` to the operator's inventory of programs.

use super::ConfigError;
use super::allow::{domain, is_too_broad};
use super::source::Source;
use crate::detect::allow::Who;
use crate::detect::inventory::{Approved, Program, Signed, Signer};
use crate::detect::programs;
use crate::detect::settings::Role;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use toml::Spanned;

/// Letters of a SHA-256, and of a macOS cdhash, in hexadecimal.
const HASH_LETTERS: [(&str, usize); 2] = [("sha256", 64), ("cdhash", 40)];
/// `[[approved]]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // deploy/tapir.toml documents every key.
pub struct ApprovedTable {
    pub id: Spanned<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team_id: Option<String>,
    #[serde(default)]
    pub platform: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cdhash: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    #[serde(default)]
    pub destinations: Vec<Spanned<String>>,
    #[serde(default)]
    pub roles: Vec<String>,
    #[serde(default)]
    pub networks: Vec<IpNet>,
    #[serde(default)]
    pub users: BTreeSet<Box<str>>,
    pub owner: String,
    pub reason: String,
}

impl ApprovedTable {
    /// The entry, where it names a program and has an owner.
    fn resolve(&self, source: &Source, roles: &[Role]) -> Result<Approved, ConfigError> {
        let id = self.id.get_ref();
        let refuse =
            |why: String| source.invalid(Some(self.id.span()), format!("approved `{id}` {why}"));
        for (key, value) in [("id", id), ("owner", &self.owner), ("reason", &self.reason)] {
            if value.trim().is_empty() {
                return Err(refuse(format!("has no {key}")));
            }
        }
        let destinations = self.destinations.iter();
        let destinations = destinations.map(|written| domain(source, written));
        Ok(Approved {
            id: id.as_str().into(),
            program: self.program().map_err(&refuse)?,
            destinations: destinations.collect::<Result<_, _>>()?,
            hosts: self.hosts(roles).map_err(&refuse)?,
            users: self.users.clone(),
            owner: self.owner.as_str().into(),
            reason: self.reason.as_str().into(),
        })
    }

    fn program(&self) -> Result<Program, String> {
        let signed = match (&self.signing_id, &self.team_id, self.platform) {
            (None, None, false) => None,
            (Some(signing_id), team, platform) if !signing_id.trim().is_empty() => {
                let by = match (team, platform) {
                    (Some(team), false) if !team.trim().is_empty() => {
                        Signer::Team(team.as_str().into())
                    }
                    (None, true) => Signer::System,
                    _ => {
                        return Err("needs team_id, or platform = true, with signing_id: \
                                    anybody can sign with any identifier"
                            .into());
                    }
                };
                let signing_id = signing_id.as_str().into();
                Some(Signed { signing_id, by })
            }
            _ => {
                return Err(
                    "is too broad: without signing_id it names every program that the \
                            team, or Apple, has signed"
                        .into(),
                );
            }
        };
        let [sha256, cdhash] = [&self.sha256, &self.cdhash];
        for (hash, (key, letters)) in [sha256, cdhash].into_iter().zip(HASH_LETTERS) {
            let whole = |hash: &String| {
                hash.len() == letters && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
            };
            if !hash.as_ref().is_none_or(whole) {
                return Err(format!(
                    "has a {key} that is not {letters} hexadecimal letters"
                ));
            }
        }
        let lower = |hash: &Option<String>| hash.as_ref().map(|h| h.to_ascii_lowercase().into());
        let program = Program {
            signed,
            sha256: lower(sha256),
            cdhash: lower(cdhash),
            path: self.path.as_deref().map(Box::from),
        };
        if !program.is_named() {
            return Err(
                "names no program: write signing_id and team_id, sha256, cdhash or path".into(),
            );
        }
        if let Some(path) = &self.path {
            self.check_path(path, &program)?;
        }
        Ok(program)
    }

    fn check_path(&self, path: &str, program: &Program) -> Result<(), String> {
        let drive = path.get(1..3) == Some(":\\");
        let folder = path.ends_with(['/', '\\']);
        if !(path.starts_with('/') || drive) || folder || path.contains(['*', '?']) {
            return Err(format!(
                "names no program: path `{path}` must be whole, without wildcards"
            ));
        }
        let alone = program.signed.is_none() && self.sha256.is_none() && self.cdhash.is_none();
        if alone && programs::is_dropped(path) {
            return Err(format!("is too broad: anybody can write `{path}`"));
        }
        // Whatever its script is, it is: the path alone approves everything.
        let interpreter = programs::is_starter(&programs::name_of(path));
        if alone && self.destinations.is_empty() && interpreter {
            return Err(format!(
                "is too broad: `{path}` runs any script; add destinations"
            ));
        }
        Ok(())
    }

    fn hosts(&self, roles: &[Role]) -> Result<Vec<Who>, String> {
        let mut hosts = Vec::new();
        for role in &self.roles {
            if !roles.iter().any(|known| *known.name == **role) {
                return Err(format!("names no role: `{role}`"));
            }
            hosts.push(Who::Role(role.as_str().into()));
        }
        for network in &self.networks {
            if is_too_broad(*network) {
                return Err(format!("is too broad: {network} holds too many hosts"));
            }
            hosts.push(Who::Network(network.trunc()));
        }
        Ok(hosts)
    }
}

/// The entries of a file.
pub(super) fn resolve(
    tables: &[ApprovedTable],
    source: &Source,
    roles: &[Role],
) -> Result<Vec<Approved>, ConfigError> {
    let mut ids = BTreeSet::new();
    let mut entries = Vec::with_capacity(tables.len());
    for table in tables {
        if !ids.insert(table.id.get_ref()) {
            let message = format!("approved `{}` is there twice", table.id.get_ref());
            return Err(source.invalid(Some(table.id.span()), message));
        }
        entries.push(table.resolve(source, roles)?);
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::super::File;
    use super::*;
    use std::path::Path;

    const ENTRY: &str = "[[approved]]\nid = \"backup\"\nsigning_id = \"com.example.backup\"\n\
                         team_id = \"A1B2C3D4E5\"\ndestinations = [\"*.Backup.example.com\"]\n\
                         users = [\"root\"]\nroles = [\"unassigned\"]\nowner = \"ops\"\n\
                         reason = \"backups\"\n";

    fn entries(text: &str) -> Result<Vec<Approved>, String> {
        let file = File::from_text(Path::new("site.toml"), text.into());
        let settings = file.and_then(File::resolve);
        let settings = settings.map_err(|error| error.to_string())?;
        Ok(settings.detect.approved().to_vec())
    }

    #[test]
    fn an_entry_names_a_program_and_where_it_may_go_as_whom() {
        let found = entries(ENTRY).unwrap();
        let [entry] = found.as_slice() else {
            panic!("{found:?}")
        };
        let signed = entry.program.signed.as_ref().unwrap();
        assert_eq!(signed.by, Signer::Team("A1B2C3D4E5".into()));
        assert_eq!(entry.destinations, ["backup.example.com".into()]);
        assert_eq!(entry.hosts, [Who::Role("unassigned".into())]);
        assert!(entry.users.contains("root"));
        let system = ENTRY.replace("team_id = \"A1B2C3D4E5\"", "platform = true");
        let signed = entries(&system).unwrap()[0].program.signed.clone();
        assert_eq!(signed.unwrap().by, Signer::System);
    }

    #[test]
    fn an_entry_that_names_no_program_or_is_too_broad_is_refused_where_it_is_written() {
        let signed = "signing_id = \"com.example.backup\"\nteam_id = \"A1B2C3D4E5\"";
        let listed = "destinations = [\"*.Backup.example.com\"]";
        for (from, to, why) in [
            (signed, "", "names no program"),
            (signed, "path = \"backup\"", "must be whole"),
            (signed, "path = \"/usr/bin/*\"", "must be whole"),
            (signed, "path = \"/usr/bin/\"", "must be whole"),
            (signed, "path = \"/tmp/backup\"", "anybody can write"),
            (signed, "sha256 = \"abc\"", "64 hexadecimal letters"),
            (signed, "cdhash = \"xyz\"", "40 hexadecimal letters"),
            (signed, "team_id = \"A1B2C3D4E5\"", "too broad"),
            (signed, "platform = true", "too broad"),
            (
                signed,
                "signing_id = \"com.example.backup\"",
                "needs team_id",
            ),
            ("team_id =", "platform = true\nteam_id =", "needs team_id"),
            ("*.Backup.example.com", "co.uk", "too broad"),
            ("unassigned", "nobody", "names no role"),
            (
                "roles =",
                "networks = [\"10.0.0.0/8\"]\nroles =",
                "too many hosts",
            ),
            ("owner = \"ops\"", "owner = \" \"", "has no owner"),
            ("reason = \"backups\"", "reason = \"\"", "has no reason"),
            ("id = \"backup\"", "id = \"\"", "has no id"),
        ] {
            let error = entries(&ENTRY.replacen(from, to, 1)).expect_err(to);
            assert!(error.contains(why), "{to}: {error}");
            assert!(error.starts_with("site.toml:"), "{error}");
        }
        let bash = ENTRY.replace(signed, "path = \"/bin/bash\"");
        assert!(entries(&bash).is_ok());
        let error = entries(&bash.replace(listed, "")).unwrap_err();
        assert!(error.contains("runs any script"), "{error}");
        assert!(error.starts_with("site.toml:2: "), "{error}");
        let twice = entries(&ENTRY.repeat(2)).unwrap_err();
        assert!(twice.contains("there twice"), "{twice}");
    }
}
