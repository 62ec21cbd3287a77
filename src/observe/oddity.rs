//! From a weird's name to what was seen of it.

use crate::weird::Weird;
use bstr::BString;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// An anomaly and what exactly was odd.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WeirdSeen {
    /// Its name.
    pub weird: Weird,
    /// What exactly; may be empty.
    pub detail: BString,
    /// Source and destination of a packet that no flow could be made of, where they are known.
    pub between: Option<[IpAddr; 2]>,
}

impl From<Weird> for WeirdSeen {
    /// Its name alone.
    fn from(weird: Weird) -> WeirdSeen {
        WeirdSeen {
            weird,
            detail: BString::default(),
            between: None,
        }
    }
}

impl WeirdSeen {
    /// What exactly was odd.
    pub fn with_detail(self, detail: impl Into<BString>) -> WeirdSeen {
        let detail = detail.into();
        WeirdSeen { detail, ..self }
    }

    /// In a packet from and to these.
    pub fn between(self, hosts: impl Into<Option<[IpAddr; 2]>>) -> WeirdSeen {
        let between = hosts.into();
        WeirdSeen { between, ..self }
    }
}
