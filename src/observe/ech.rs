//! From encrypted server names to what of them is in clear, in client hellos and in DNS.

use bstr::BString;
use serde::{Deserialize, Serialize};

/// An encrypted server name in a client hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EchOffer {
    /// An outer `encrypted_client_hello` (RFC 9849).
    Ech {
        /// Which of the server's configurations it says to use.
        config_id: u8,
    },
    /// `encrypted_server_name` of draft-ietf-tls-esni-00 to -06.
    Esni,
}

/// An ECH configuration (RFC 9849, section 4), as far as it shows in a client hello.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EchConfig {
    /// Its identifier.
    pub config_id: u8,
    /// The name that the outer hello says, lower case.
    pub public_name: BString,
}
