//! From clues to the platform of a host, with the bits for each.
//!
//! A clue says what was seen, never how often it must be: its bits are set by hand from what the
//! systems' defaults are, as their makers document them and captures of them show, not fitted on a
//! population. Of one source only the best clue for each platform counts, so that a thousand
//! updates are no more than one.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A family of operating systems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(missing_docs)] // The names are the makers'.
pub enum Platform {
    Windows,
    MacOs,
    Ios,
    Linux,
    Android,
}

impl Platform {
    /// Every platform, in the order of [`Clue::bits`].
    pub const ALL: [Platform; 5] = [
        Platform::Windows,
        Platform::MacOs,
        Platform::Ios,
        Platform::Linux,
        Platform::Android,
    ];

    /// The name in `hosts.log`.
    pub fn name(self) -> &'static str {
        match self {
            Platform::Windows => "windows",
            Platform::MacOs => "macos",
            Platform::Ios => "ios",
            Platform::Linux => "linux",
            Platform::Android => "android",
        }
    }
}

/// Where a clue comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Syn,
    Dhcp,
    Name,
    Service,
    Contact,
    UserAgent,
}

macro_rules! clues {
    ($($variant:ident = $name:literal, $source:ident, $bits:expr, $doc:literal;)+) => {
        /// Something that one platform does more than others.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Clue { $(#[doc = $doc] $variant,)+ }

        impl Clue {
            /// Its name in `hosts.log`.
            pub fn name(self) -> &'static str {
                match self { $(Clue::$variant => $name,)+ }
            }

            /// Bits for Windows, macOS, iOS, Linux and Android.
            pub fn bits(self) -> [u32; 5] {
                match self { $(Clue::$variant => $bits,)+ }
            }

            fn source(self) -> Source {
                match self { $(Clue::$variant => Source::$source,)+ }
            }
        }
    };
}

clues! {
    SynWindows = "syn_windows", Syn, [5, 0, 0, 0, 0], "A SYN of Windows.";
    SynApple = "syn_apple", Syn, [0, 4, 4, 0, 0], "A SYN of macOS or iOS.";
    SynLinux = "syn_linux", Syn, [0, 0, 0, 4, 2], "A SYN of Linux.";
    SynAndroid = "syn_android", Syn, [0, 0, 0, 2, 4], "A SYN of Linux with Android's window.";
    DhcpVendorWindows = "dhcp_vendor_windows", Dhcp, [6, 0, 0, 0, 0], "Vendor class of Windows.";
    DhcpVendorAndroid = "dhcp_vendor_android", Dhcp, [0, 0, 0, 0, 6], "Vendor class of Android.";
    DhcpVendorLinux = "dhcp_vendor_linux", Dhcp, [0, 0, 0, 5, 1], "Vendor class of a Linux client.";
    DhcpListWindows = "dhcp_list_windows", Dhcp, [5, 0, 0, 0, 0], "Parameters of Windows.";
    DhcpListApple = "dhcp_list_apple", Dhcp, [0, 4, 4, 0, 0], "Parameters of macOS or iOS.";
    DhcpListLinux = "dhcp_list_linux", Dhcp, [0, 0, 0, 4, 0], "Parameters of a Linux client.";
    DhcpListAndroid = "dhcp_list_android", Dhcp, [0, 0, 0, 0, 4], "Parameters of Android.";
    NameWindows = "name_windows", Name, [3, 0, 0, 0, 0], "A name that Windows makes up.";
    NameMac = "name_mac", Name, [0, 4, 0, 0, 0], "A name that macOS makes up.";
    NameIos = "name_ios", Name, [0, 0, 4, 0, 0], "A name that iOS makes up.";
    NameAndroid = "name_android", Name, [0, 0, 0, 0, 4], "A name that Android makes up.";
    ServiceApple = "service_apple", Service, [0, 2, 2, 0, 0], "A service of Apple's systems.";
    ServiceMac = "service_mac", Service, [0, 3, 0, 0, 0], "A service of macOS.";
    ServiceIos = "service_ios", Service, [0, 0, 3, 0, 0], "A service of iOS.";
    ServiceAndroid = "service_android", Service, [0, 0, 0, 0, 4], "A service of Android.";
    ContactWindows = "contact_windows", Contact, [4, 0, 0, 0, 0], "Windows' own servers.";
    ContactApple = "contact_apple", Contact, [0, 3, 3, 0, 0], "Servers of macOS and iOS.";
    ContactMac = "contact_mac", Contact, [0, 5, 0, 0, 0], "Updates of macOS.";
    ContactLinux = "contact_linux", Contact, [0, 0, 0, 3, 0], "Servers of distributions.";
    ContactAndroid = "contact_android", Contact, [0, 0, 0, 0, 4], "Servers of Android.";
    AgentWindows = "agent_windows", UserAgent, [4, 0, 0, 0, 0], "A user agent of Windows.";
    AgentMac = "agent_mac", UserAgent, [0, 3, 0, 0, 0], "A user agent of macOS.";
    AgentIos = "agent_ios", UserAgent, [0, 0, 3, 0, 0], "A user agent of iOS.";
    AgentApple = "agent_apple", UserAgent, [0, 2, 2, 0, 0], "A user agent of Apple's library.";
    AgentLinux = "agent_linux", UserAgent, [0, 0, 0, 3, 0], "A user agent of Linux.";
    AgentAndroid = "agent_android", UserAgent, [0, 0, 0, 0, 3], "A user agent of Android.";
}

/// Fewer bits decide nothing.
const BITS_MIN: u32 = 4;
/// Nor does a smaller lead over the next platform.
const LEAD_MIN: u32 = 2;

/// What the clues come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Assessment {
    /// The platform; none where too little is known, or two are as likely.
    pub platform: Option<Platform>,
    /// Bits for each, in the order of [`Platform::ALL`].
    pub bits: [u32; 5],
}

/// Weighs clues.
pub fn assess<'a>(clues: impl IntoIterator<Item = &'a Clue>) -> Assessment {
    let mut by_source: BTreeMap<Source, [u32; 5]> = BTreeMap::new();
    for clue in clues {
        let best = by_source.entry(clue.source()).or_default();
        for (best, bits) in best.iter_mut().zip(clue.bits()) {
            *best = (*best).max(bits);
        }
    }
    let mut total = [0u32; 5];
    for bits in by_source.values() {
        for (total, bits) in total.iter_mut().zip(bits) {
            *total = total.saturating_add(*bits);
        }
    }
    let mut ranked: Vec<(u32, Platform)> = total.into_iter().zip(Platform::ALL).collect();
    ranked.sort_by_key(|(bits, _)| std::cmp::Reverse(*bits));
    let platform = match ranked.as_slice() {
        [(first, platform), (second, _), ..]
            if *first >= BITS_MIN && first.saturating_sub(*second) >= LEAD_MIN =>
        {
            Some(*platform)
        }
        _ => None,
    };
    Assessment {
        platform,
        bits: total,
    }
}
