//! From a host name to the web service behind it.
//!
//! Knows names, not addresses, and judges none of them. `services.json` is the shipped seed with
//! the source of every host; the configuration adds to it. An exact name wins over a suffix and a
//! longer suffix over a shorter one; `*.x` means `x` and everything below it. Names above 253 bytes
//! (RFC 1035, section 2.3.4) match nothing.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The shipped catalogue, with its provenance.
const SHIPPED: &str = include_str!("services.json");
/// The longest name there is.
const NAME_BYTES_MAX: usize = 253;

macro_rules! names {
    ($(#[doc = $doc:literal])+ $kind:ident { $($variant:ident = $name:literal,)+ }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[allow(missing_docs)] // The names speak; services.json describes the roles.
        pub enum $kind { $(#[serde(rename = $name)] $variant,)+ }

        impl $kind {
            /// As in `services.json` and in alerts.
            pub fn name(self) -> &'static str {
                match self { $($kind::$variant => $name,)+ }
            }
        }
    };
}

names! {
    /// What a service is for.
    Category {
        Api = "api", Blockchain = "blockchain", Chat = "chat", Code = "code",
        Collaboration = "collaboration", DynamicDns = "dynamic-dns", FileDrop = "file-drop",
        Hosting = "hosting", Mail = "mail", Media = "media", Paste = "paste", Redirect = "redirect",
        Social = "social", Storage = "storage", Tunnelling = "tunnelling", Webhook = "webhook",
    }
}

names! {
    /// What a host of a service does.
    HostRole {
        Api = "api", Auth = "auth", Cdn = "cdn", Client = "client", Docs = "docs",
        Download = "download", Legacy = "legacy", Longpoll = "longpoll", Media = "media",
        Paste = "paste", Redirect = "redirect", Shared = "shared", Static = "static",
        Telemetry = "telemetry", Tenant = "tenant", Tunnel = "tunnel", Upload = "upload",
        Web = "web", Webhook = "webhook", Websocket = "websocket",
    }
}

/// Why a pattern cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// It is no host name.
    #[error("is no host name: write a name such as `hooks.example.com` or `*.example.com`")]
    NoName,
    /// It would match everybody's names.
    #[error(
        "is a public suffix, so it would match names of many owners: name the service's own domain"
    )]
    PublicSuffix,
}

/// A service.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Service {
    /// Short and stable: `slack`.
    pub id: Box<str>,
    /// What it is for.
    pub category: Category,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Entry {
    service: usize,
    roles: BTreeSet<HostRole>,
}

/// The services and the names of their hosts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Catalogue {
    services: Vec<Service>,
    exact: BTreeMap<Box<str>, Entry>,
    suffix: BTreeMap<Box<str>, Entry>,
}

/// What a name matched.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Match<'a> {
    /// The service.
    pub service: &'a Service,
    /// What the host does.
    pub roles: &'a BTreeSet<HostRole>,
    /// The name that was matched against, without `*.`.
    pub pattern: &'a str,
}

#[derive(Deserialize)]
struct File {
    services: Vec<FileService>,
}

#[derive(Deserialize)]
struct FileService {
    id: Box<str>,
    category: Category,
    hosts: Vec<FileHost>,
}

#[derive(Deserialize)]
struct FileHost {
    host: Box<str>,
    r#match: How,
    roles: BTreeSet<HostRole>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum How {
    Exact,
    Suffix,
}

impl Catalogue {
    /// A catalogue of nothing.
    pub fn empty() -> Catalogue {
        Catalogue {
            services: Vec::new(),
            exact: BTreeMap::new(),
            suffix: BTreeMap::new(),
        }
    }

    /// The shipped catalogue. Its entries may be public suffixes (`workers.dev`): there the
    /// customer's label tells the owner, and [`Match::object`] keeps it.
    pub fn shipped() -> Catalogue {
        let file: File = serde_json::from_str(SHIPPED).expect("a test reads the shipped catalogue");
        let mut catalogue = Catalogue::empty();
        for service in file.services {
            let index = catalogue.service(&service.id, service.category);
            for host in service.hosts {
                let entry = Entry {
                    service: index,
                    roles: host.roles,
                };
                match host.r#match {
                    How::Exact => catalogue.exact.insert(host.host, entry),
                    How::Suffix => catalogue.suffix.insert(host.host, entry),
                };
            }
        }
        catalogue
    }

    /// Adds the hosts that `pattern` matches to `service`; what is known of that very pattern is
    /// replaced.
    ///
    /// # Errors
    /// When the pattern is no host name, or would match names of many owners.
    pub fn add(
        &mut self,
        service: &str,
        category: Category,
        roles: &BTreeSet<HostRole>,
        pattern: &str,
    ) -> Result<(), PatternError> {
        let (wild, name) = pattern_name(pattern)?;
        let entry = Entry {
            service: self.service(service, category),
            roles: roles.clone(),
        };
        let table = if wild {
            &mut self.suffix
        } else {
            &mut self.exact
        };
        table.insert(name.into_boxed_str(), entry);
        Ok(())
    }

    /// The category of the service `id`.
    pub fn category_of(&self, id: &str) -> Option<Category> {
        let known = self.services.iter().find(|service| &*service.id == id);
        known.map(|service| service.category)
    }

    /// The index of the service `id`; a new one has `category`.
    fn service(&mut self, id: &str, category: Category) -> usize {
        let known = self.services.iter().position(|service| &*service.id == id);
        known.unwrap_or_else(|| {
            self.services.push(Service {
                id: Box::from(id),
                category,
            });
            self.services.len() - 1
        })
    }

    /// The service of `name`, which may have any case and a final dot.
    pub fn lookup(&self, name: &[u8]) -> Option<Match<'_>> {
        let name = name_text(name)?;
        let exact = self.exact.get_key_value(name.as_str());
        let mut rest = name.as_str();
        let (pattern, entry) = exact.or_else(|| {
            loop {
                if let Some(found) = self.suffix.get_key_value(rest) {
                    return Some(found);
                }
                rest = rest.split_once('.')?.1;
            }
        })?;
        let service = self.services.get(entry.service)?;
        Some(Match {
            service,
            roles: &entry.roles,
            pattern,
        })
    }
}

impl Match<'_> {
    /// What an alert about `name` is about: the service, and where customers have names of their
    /// own below it, the customer. Content delivery is not told apart by customer: every site has
    /// some.
    pub fn object(&self, name: &[u8]) -> String {
        let id = &self.service.id;
        let by_customer = self.roles.contains(&HostRole::Tenant);
        if !by_customer || self.roles.contains(&HostRole::Cdn) {
            return id.to_string();
        }
        let name = name_text(name).unwrap_or_default();
        match psl::domain_str(&name).filter(|domain| domain.len() > self.pattern.len()) {
            Some(customer) => format!("{id}:{customer}"),
            None => match name
                .strip_suffix(self.pattern)
                .map(|head| head.trim_end_matches('.'))
            {
                Some(head) if !head.is_empty() => {
                    let label = head.rsplit('.').next().unwrap_or(head);
                    format!("{id}:{label}.{}", self.pattern)
                }
                _ => id.to_string(),
            },
        }
    }

    /// Whether the host does `role`.
    pub fn does(&self, role: HostRole) -> bool {
        self.roles.contains(&role)
    }
}

/// What a pattern matches: whether everything below its name too, and its name in lower case.
///
/// # Errors
/// When the pattern is no host name, or would match names of many owners.
pub fn pattern_name(pattern: &str) -> Result<(bool, String), PatternError> {
    let pattern = pattern.to_ascii_lowercase();
    let wild = pattern.strip_prefix("*.");
    let name = wild.unwrap_or(&pattern);
    if !is_host_name(name) {
        return Err(PatternError::NoName);
    }
    if psl::suffix_str(name).is_some_and(|suffix| suffix == name) {
        return Err(PatternError::PublicSuffix);
    }
    Ok((wild.is_some(), name.to_owned()))
}

/// A name as text: lower case, no final dot; `?` for what no host name holds, so that it can be
/// shown.
pub fn name_text(name: &[u8]) -> Option<String> {
    let name = name.strip_suffix(b".").unwrap_or(name);
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return None;
    }
    let shown = |byte: &u8| {
        if byte.is_ascii_graphic() {
            char::from(*byte)
        } else {
            '?'
        }
    };
    Some(
        name.iter()
            .map(shown)
            .collect::<String>()
            .to_ascii_lowercase(),
    )
}

/// Whether `name` has at least two labels of letters, digits, hyphens and underscores.
fn is_host_name(name: &str) -> bool {
    let is_label = |label: &str| {
        let fits = (1..=63).contains(&label.len());
        fits && label
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    name.len() <= NAME_BYTES_MAX && name.contains('.') && name.split('.').all(is_label)
}
