//! Who may speak, and for whom: the list of agents, in one file beside the journal.
//!
//! Secrets are kept as SHA-256 of what has 256 random bits, so there is nothing to guess. The file
//! is written whole and renamed, under a lock: the command line and a running sensor both change
//! it. Small: one entry an agent.

use super::private::{make_dir, random, write};
use anyhow::{Context, bail};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Agents that can be listed.
const AGENTS_MAX: usize = 100_000;
/// Bytes of a name.
const NAME_BYTES_MAX: usize = 255;

/// For whom an agent speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// For the host it is named for, whatever its lines say.
    Host,
    /// For the hosts that its lines name: a shipper that collects from many.
    Relay,
    /// For its clients: a proxy, a firewall, a DNS server.
    Gateway,
}

/// One agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolled {
    /// For whom it speaks.
    pub kind: Kind,
    /// When, in seconds since 1970.
    pub enrolled_at: u64,
    /// Whether it may speak no more.
    #[serde(default)]
    pub revoked: bool,
    /// Serial number of its certificate, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// Hash of its token, or of the node key that osquery was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// From where it enrolled by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub addr: Option<String>,
}

/// The list, as it is in the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct List {
    agents: BTreeMap<String, Enrolled>,
    /// Hashes of the secrets with which osquery enrols, by group.
    enroll_secrets: BTreeMap<String, String>,
}

/// The list of agents.
#[derive(Debug)]
pub struct Agents {
    path: PathBuf,
    list: List,
    /// When the file was changed last, as far as it was read.
    changed_at: Option<SystemTime>,
}

impl Agents {
    /// Opens the list in `dir`; there may be none yet.
    ///
    /// # Errors
    /// A folder that cannot be made, a list that cannot be read.
    pub fn open(dir: &Path) -> anyhow::Result<Agents> {
        make_dir(dir)?;
        let mut agents = Agents {
            path: dir.join("agents.json"),
            list: List::default(),
            changed_at: None,
        };
        agents.refresh()?;
        Ok(agents)
    }

    /// Reads the list anew, where somebody changed it.
    ///
    /// # Errors
    /// A list that cannot be read; the one before stays.
    pub fn refresh(&mut self) -> anyhow::Result<()> {
        let changed_at = match fs::metadata(&self.path) {
            Ok(metadata) => Some(metadata.modified()?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(error).with_context(|| self.path.display().to_string()),
        };
        if changed_at == self.changed_at {
            return Ok(());
        }
        let text = fs::read(&self.path).with_context(|| self.path.display().to_string())?;
        self.list = serde_json::from_slice(&text)
            .with_context(|| format!("{}: is not a list of agents", self.path.display()))?;
        self.changed_at = changed_at;
        Ok(())
    }

    /// All of them, by name.
    pub fn all(&self) -> &BTreeMap<String, Enrolled> {
        &self.list.agents
    }

    /// The agent of this name, if it may speak.
    pub fn get(&self, name: &str) -> Option<&Enrolled> {
        self.list.agents.get(name).filter(|agent| !agent.revoked)
    }

    /// The agent whose certificate says this.
    pub fn of_certificate(&self, name: &str, serial: &str) -> Option<&Enrolled> {
        let agent = self.get(name)?;
        (agent.serial.as_deref() == Some(serial)).then_some(agent)
    }

    /// The agent with this name and token.
    pub fn of_token(&self, name: &str, token: &str) -> Option<&Enrolled> {
        let agent = self.get(name)?;
        (agent.secret.as_deref() == Some(&hash(token))).then_some(agent)
    }

    /// Enters an agent with a certificate; one of the same name may be replaced.
    ///
    /// # Errors
    /// A name that cannot be used, a list that cannot be written.
    pub fn enrol(&mut self, name: &str, kind: Kind, serial: String) -> anyhow::Result<()> {
        let agent = Enrolled {
            serial: Some(serial),
            ..enrolled(kind)
        };
        self.put(name, agent)
    }

    /// Enters an agent that brings a token, and gives it.
    ///
    /// # Errors
    /// As [`Agents::enrol`].
    pub fn enrol_with_token(&mut self, name: &str, kind: Kind) -> anyhow::Result<String> {
        let token = random_secret()?;
        let agent = Enrolled {
            secret: Some(hash(&token)),
            ..enrolled(kind)
        };
        self.put(name, agent)?;
        Ok(token)
    }

    /// Enters a host whose osquery knows the secret of a group, and gives its node key. A host that
    /// is there already can only be entered again from where it was.
    ///
    /// # Errors
    /// Why it cannot be entered, in words for osquery's log.
    pub fn enrol_osquery(
        &mut self,
        name: &str,
        secret: &str,
        addr: &str,
    ) -> anyhow::Result<String> {
        self.refresh()?;
        let secret = hash(secret);
        if !self
            .list
            .enroll_secrets
            .values()
            .any(|known| *known == secret)
        {
            bail!("the enroll secret is not known: make one with `tapir agents secret`");
        }
        if let Some(known) = self.list.agents.get(name)
            && (known.revoked || known.addr.as_deref() != Some(addr))
        {
            bail!("{name} is enrolled from elsewhere or revoked: remove it first");
        }
        let node_key = random_secret()?;
        let agent = Enrolled {
            secret: Some(hash(&node_key)),
            addr: Some(addr.to_owned()),
            ..enrolled(Kind::Host)
        };
        self.put(name, agent)?;
        // The key says whose it is, so that no list has to be searched.
        Ok(format!("{}.{node_key}", URL_SAFE_NO_PAD.encode(name)))
    }

    /// The host with this node key.
    pub fn of_node_key(&self, node_key: &str) -> Option<(String, &Enrolled)> {
        let (name, key) = node_key.split_once('.')?;
        let name = String::from_utf8(URL_SAFE_NO_PAD.decode(name).ok()?).ok()?;
        let agent = self.of_token(&name, key)?;
        Some((name, agent))
    }

    /// Makes a secret with which the osquery of many hosts can enrol; the group's last is no longer
    /// good.
    ///
    /// # Errors
    /// A list that cannot be written.
    pub fn enroll_secret(&mut self, group: &str) -> anyhow::Result<String> {
        let secret = random_secret()?;
        let hashed = hash(&secret);
        self.change(|list| {
            list.enroll_secrets.insert(group.to_owned(), hashed);
            Ok(())
        })?;
        Ok(secret)
    }

    /// From now on the agent may not speak.
    ///
    /// # Errors
    /// No such agent, or a list that cannot be written.
    pub fn revoke(&mut self, name: &str) -> anyhow::Result<()> {
        self.change(|list| match list.agents.get_mut(name) {
            Some(agent) => {
                agent.revoked = true;
                Ok(())
            }
            None => bail!("there is no agent {name}: `tapir agents list` tells those there are"),
        })
    }

    /// Takes the agent off the list.
    ///
    /// # Errors
    /// As [`Agents::revoke`].
    pub fn remove(&mut self, name: &str) -> anyhow::Result<()> {
        self.change(|list| match list.agents.remove(name) {
            Some(_) => Ok(()),
            None => bail!("there is no agent {name}: `tapir agents list` tells those there are"),
        })
    }

    fn put(&mut self, name: &str, agent: Enrolled) -> anyhow::Result<()> {
        let is_name = !name.is_empty()
            && name.len() <= NAME_BYTES_MAX
            && name.chars().all(|c| !c.is_control());
        if !is_name {
            bail!("a name has 1 to {NAME_BYTES_MAX} bytes, none of them control characters");
        }
        self.change(|list| {
            if list.agents.len() >= AGENTS_MAX && !list.agents.contains_key(name) {
                bail!("{AGENTS_MAX} agents are enrolled: remove some");
            }
            list.agents.insert(name.to_owned(), agent);
            Ok(())
        })
    }

    /// Changes what is in the file now, and writes it.
    fn change(
        &mut self,
        change: impl FnOnce(&mut List) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let lock = self.path.with_extension("lock");
        let lock = File::create(&lock).with_context(|| lock.display().to_string())?;
        lock.lock()?;
        self.refresh()?;
        change(&mut self.list)?;
        write(&self.path, &serde_json::to_vec_pretty(&self.list)?)?;
        self.changed_at = fs::metadata(&self.path)?.modified().ok();
        Ok(())
    }
}

fn enrolled(kind: Kind) -> Enrolled {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Enrolled {
        kind,
        enrolled_at: since.unwrap_or(Duration::ZERO).as_secs(),
        revoked: false,
        serial: None,
        secret: None,
        addr: None,
    }
}

/// 256 random bits, as text.
fn random_secret() -> anyhow::Result<String> {
    Ok(URL_SAFE_NO_PAD.encode(random::<32>()?))
}

fn hash(secret: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, secret.as_bytes()))
}
