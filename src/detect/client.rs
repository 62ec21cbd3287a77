//! From a client hello to what kind of program sent it.
//!
//! Says browser or not, never good or bad: thousands of honest tools share the stacks of scripts. A
//! JA4 that was recorded from a known client (`clients.json`) decides; otherwise the hello's
//! structure does. The probabilities are set by hand from what those stacks send, not fitted on a
//! labelled corpus.

use crate::observe::HelloTraits;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The recorded fingerprints; each names the client, its version and where it was recorded.
const SHIPPED: &str = include_str!("clients.json");

/// What kind of program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// A web browser.
    Browser,
    /// An application with a network stack of its own or of its platform.
    NativeApp,
    /// A command-line tool, or a library that scripts use.
    ToolOrLibrary,
}

/// What a client most likely is; it keys what is kept of a host's calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// A web browser.
    Browser,
    /// An application.
    NativeApp,
    /// A tool or library.
    ToolOrLibrary,
    /// None of these is more likely than everything else together.
    Unknown,
}

/// How likely each kind is, in hundredths that sum to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientClass {
    browser: u8,
    native_app: u8,
    tool_or_library: u8,
    unknown: u8,
}

impl Default for ClientClass {
    fn default() -> Self {
        ClientClass::UNKNOWN
    }
}

/// Hundredths of an application from which on a browser's stack is other programs' too.
const SHARED_MIN: u8 = 30;

impl ClientClass {
    /// Nothing is known.
    pub const UNKNOWN: ClientClass = ClientClass::of(0, 0, 0);

    /// So likely, in hundredths; what is left cannot be told.
    pub(super) const fn of(browser: u8, native_app: u8, tool_or_library: u8) -> ClientClass {
        let unknown = 100 - browser - native_app - tool_or_library;
        ClientClass {
            browser,
            native_app,
            tool_or_library,
            unknown,
        }
    }

    /// P(browser).
    pub fn browser(self) -> f64 {
        f64::from(self.browser) / 100.0
    }

    /// P(native application).
    pub fn native_app(self) -> f64 {
        f64::from(self.native_app) / 100.0
    }

    /// P(tool or library).
    pub fn tool_or_library(self) -> f64 {
        f64::from(self.tool_or_library) / 100.0
    }

    /// P(none of these can be told).
    pub fn unknown(self) -> f64 {
        f64::from(self.unknown) / 100.0
    }

    /// Whether it is more likely a tool or library than everything else together.
    pub fn is_tool(self) -> bool {
        self.tool_or_library > 50
    }

    /// What it most likely is.
    pub fn kind(self) -> Kind {
        match (self.browser, self.native_app, self.tool_or_library) {
            (51.., _, _) => Kind::Browser,
            (_, 51.., _) => Kind::NativeApp,
            (_, _, 51..) => Kind::ToolOrLibrary,
            _ => Kind::Unknown,
        }
    }

    /// Whether it is a browser, and not the stack of a platform (Apple's) that its browser and any
    /// application share.
    pub fn is_surely_browser(self) -> bool {
        self.kind() == Kind::Browser && self.native_app < SHARED_MIN
    }

    /// Whether it is more likely of `class` than everything else together.
    pub fn is_mostly(self, class: Class) -> bool {
        50 < match class {
            Class::Browser => self.browser,
            Class::NativeApp => self.native_app,
            Class::ToolOrLibrary => self.tool_or_library,
        }
    }

    /// Whether it is more likely a browser or an application than everything else together.
    pub fn is_application(self) -> bool {
        self.browser.saturating_add(self.native_app) > 50
    }
}

/// The recorded fingerprints, by JA4.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Clients(BTreeMap<Box<str>, Class>);

#[derive(Deserialize)]
struct Table {
    clients: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    ja4: Box<str>,
    class: Class,
}

impl Clients {
    /// The shipped table. A JA4 that clients of several classes share decides nothing and is left
    /// out.
    pub fn shipped() -> Clients {
        let table: Table = serde_json::from_str(SHIPPED).expect("a test reads the shipped table");
        let mut clients: BTreeMap<Box<str>, Option<Class>> = BTreeMap::new();
        for row in table.clients {
            let known = clients.entry(row.ja4).or_insert(Some(row.class));
            *known = known.filter(|class| *class == row.class);
        }
        Clients(
            clients
                .into_iter()
                .filter_map(|(ja4, class)| Some((ja4, class?)))
                .collect(),
        )
    }

    /// The class of the client that sent this hello.
    pub fn classify(
        &self,
        ja4: Option<&str>,
        hello: Option<&HelloTraits>,
        alpn: &[impl AsRef<[u8]>],
    ) -> ClientClass {
        match ja4.and_then(|ja4| self.0.get(ja4)) {
            Some(Class::Browser) => ClientClass::of(90, 7, 2),
            Some(Class::NativeApp) => ClientClass::of(3, 85, 8),
            Some(Class::ToolOrLibrary) => ClientClass::of(1, 5, 93),
            None => hello.map_or(ClientClass::UNKNOWN, |hello| structural(hello, alpn)),
        }
    }
}

/// What the structure of a hello tells. Only BoringSSL (Chromium, Safari's and Android's stacks)
/// greases (RFC 8701); only Chromium offers application settings; certificate compression and ECH
/// come from browsers; OpenSSL, GnuTLS, Go, rustls and Java send none of these by default.
fn structural(hello: &HelloTraits, alpn: &[impl AsRef<[u8]>]) -> ClientClass {
    let h2 = alpn.iter().any(|protocol| protocol.as_ref() == b"h2");
    let browser_marks = u8::from(hello.compress_certificate) + u8::from(hello.ech);
    match (hello.grease, browser_marks) {
        (true, _) if hello.application_settings && hello.compress_certificate && h2 => {
            ClientClass::of(85, 10, 2)
        }
        (true, 1..) if h2 => ClientClass::of(55, 35, 3),
        (true, _) => ClientClass::of(10, 50, 15),
        (false, 2) if h2 => ClientClass::of(80, 8, 5),
        (false, 1..) => ClientClass::of(30, 15, 40),
        (false, _) => ClientClass::of(2, 8, 85),
    }
}
