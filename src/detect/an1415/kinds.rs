//! From an upload to the uploads it is compared with, from a certificate to what is odd about it.
//!
//! Judges nothing.

use crate::baseline::{Age, Baseline};
use crate::detect::client::{ClientClass, Kind};
use crate::detect::evidence::Bits;
use crate::observe::{Certificate, TlsSession};
use crate::time::Span;
use serde::{Deserialize, Serialize};

/// A certificate that is valid for longer is odd: public ones have been shorter since 2018 (825
/// days, CA/Browser Forum ballot 193).
const VALIDITY_MAX: Span = Span::from_secs(730 * 86_400);

/// Uploads that are compared with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cell {
    age: Age,
    kind: Kind,
    busy: bool,
}

impl Cell {
    /// The cell of an upload to a destination of `age` while the host is `busy`; a destination of
    /// unknown age is an old one.
    pub fn new(age: Baseline<Age>, class: ClientClass, busy: bool) -> Cell {
        let age = age.ready().unwrap_or(Age::Old);
        let kind = class.kind();
        Cell { age, kind, busy }
    }

    /// Every cell: what a host's baseline is restarted with.
    pub fn all() -> impl Iterator<Item = Cell> {
        let kinds = [
            Kind::Browser,
            Kind::NativeApp,
            Kind::ToolOrLibrary,
            Kind::Unknown,
        ];
        [Age::Day, Age::Week, Age::Old]
            .into_iter()
            .flat_map(move |age| {
                kinds
                    .into_iter()
                    .flat_map(move |kind| [false, true].map(|busy| Cell { age, kind, busy }))
            })
    }
}

/// What is odd about a server's certificate. Seen in TLS 1.2 and before only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Oddities {
    /// Its subject signed it.
    pub self_signed: bool,
    /// It is valid for more than two years.
    pub long_lived: bool,
    /// It does not name the server name.
    pub other_name: bool,
    /// No other certificate of this issuer was seen by the site.
    pub new_issuer: bool,
}

impl Oddities {
    /// Those of a leaf certificate; `issuer_known` says whether the site saw its issuer before.
    pub fn of_certificate(certificate: &Certificate, issuer_known: bool) -> Oddities {
        Oddities {
            self_signed: certificate.subject == certificate.issuer,
            long_lived: certificate.not_valid_after - certificate.not_valid_before > VALIDITY_MAX,
            other_name: false,
            new_issuer: !issuer_known,
        }
    }

    /// With what the session says of its certificate.
    pub fn in_session(self, session: &TlsSession) -> Oddities {
        let other_name = session.sni_matches_cert == Some(false);
        Oddities { other_name, ..self }
    }

    /// Whether anything is odd.
    pub fn any(self) -> bool {
        self != Oddities::default()
    }

    pub(super) fn bits(self) -> Bits {
        let weighed = [
            (self.self_signed, 3),
            (self.other_name, 2),
            // A certificate that signs itself has a new issuer by its nature.
            (self.new_issuer && !self.self_signed, 1),
            (self.long_lived, 1),
        ];
        let odd = weighed.into_iter().filter(|(odd, _)| *odd);
        odd.map(|(_, bits)| Bits::whole(bits)).sum()
    }
}
