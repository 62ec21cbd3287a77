//! From what a host sends to the clues in it.
//!
//! The tables are short on purpose: defaults that a system has had for years and shares with no
//! other. What is not in them says nothing.

use super::platform::Clue;
use crate::observe::SynTraits;
use bstr::ByteSlice;

/// The clue of a SYN: initial time to live, order of options, window and its scale, as the stacks
/// ship them.
pub fn of_syn(syn: &SynTraits) -> Option<Clue> {
    // MSS, SACK permitted, timestamps, NOP, window scale (Linux, tcp_syn_options).
    const LINUX: u64 = order(&[2, 4, 8, 1, 3]);
    // MSS, NOP, window scale, NOP, NOP, SACK permitted: Windows since 7 asks for no timestamps.
    const WINDOWS: u64 = order(&[2, 1, 3, 1, 1, 4]);
    const WINDOWS_TIMESTAMPS: u64 = order(&[2, 1, 3, 4, 8]);
    // MSS, NOP, window scale, NOP, NOP, timestamps, SACK permitted, end (XNU).
    const APPLE: u64 = order(&[2, 1, 3, 1, 1, 8, 4, 15]);
    // Routers on the way count the time to live down from 64 or 128.
    let far = syn.ttl > 64;
    match (syn.options, far) {
        (LINUX, false) if syn.window == 65_535 => Some(Clue::SynAndroid),
        (LINUX, false) => Some(Clue::SynLinux),
        (WINDOWS | WINDOWS_TIMESTAMPS, true) if syn.ttl <= 128 => Some(Clue::SynWindows),
        (APPLE, false) if syn.window == 65_535 => Some(Clue::SynApple),
        _ => None,
    }
}

const fn order(kinds: &[u8]) -> u64 {
    let (mut packed, mut place) = (0, 0);
    while place < kinds.len() {
        packed |= (kinds[place] as u64) << (place * 4);
        place += 1;
    }
    packed
}

/// The clue of a DHCP vendor class (option 60).
pub fn of_vendor_class(class: &[u8]) -> Option<Clue> {
    let begins = |prefix: &[u8]| class.starts_with(prefix);
    if begins(b"MSFT ") {
        Some(Clue::DhcpVendorWindows)
    } else if begins(b"android-dhcp") {
        Some(Clue::DhcpVendorAndroid)
    } else if begins(b"udhcp") || begins(b"dhcpcd") && class.contains_str("Linux") {
        Some(Clue::DhcpVendorLinux)
    } else {
        None
    }
}

/// The clue of what a DHCP client asks for (option 55).
pub fn of_parameters(list: &[u8]) -> Option<Clue> {
    // Windows 7 to 11: classless routes twice (121, 249), NetBIOS, proxy discovery at the end.
    const WINDOWS: &[&[u8]] = &[
        &[1, 3, 6, 15, 31, 33, 43, 44, 46, 47, 119, 121, 249, 252],
        &[1, 15, 3, 6, 44, 46, 47, 31, 33, 121, 249, 43],
        &[1, 15, 3, 6, 44, 46, 47, 31, 33, 121, 249, 252, 43],
    ];
    // Apple's IPConfiguration, macOS and iOS over the years.
    const APPLE: &[&[u8]] = &[
        &[1, 121, 3, 6, 15, 119, 252],
        &[1, 121, 3, 6, 15, 119, 252, 95, 44, 46],
        &[1, 121, 3, 6, 15, 114, 119, 252],
        &[1, 121, 3, 6, 15, 114, 119, 252, 95, 44, 46],
        &[1, 121, 3, 6, 15, 108, 114, 119, 252],
        &[1, 121, 3, 6, 15, 108, 114, 119, 252, 95, 44, 46],
        &[1, 121, 3, 6, 15, 108, 114, 119, 162, 252, 95, 44, 46],
    ];
    const ANDROID: &[&[u8]] = &[
        &[1, 3, 6, 15, 26, 28, 51, 58, 59],
        &[1, 3, 6, 15, 26, 28, 51, 58, 59, 43],
        &[1, 3, 6, 15, 26, 28, 51, 58, 59, 43, 114],
        &[1, 3, 6, 15, 26, 28, 51, 58, 59, 43, 114, 108],
    ];
    // ISC dhclient as Debian and Red Hat ship it, busybox udhcpc, NetworkManager, systemd-networkd.
    const LINUX: &[&[u8]] = &[
        &[1, 28, 2, 3, 15, 6, 119, 12, 44, 47, 26, 121, 42],
        &[1, 28, 2, 3, 15, 6, 119, 12],
        &[
            1, 28, 2, 121, 15, 6, 12, 40, 41, 42, 26, 119, 3, 121, 249, 33, 252, 42,
        ],
        &[1, 3, 6, 12, 15, 28, 42],
        &[
            1, 2, 6, 12, 15, 26, 28, 121, 3, 33, 40, 41, 42, 119, 249, 252, 17,
        ],
        &[1, 3, 12, 15, 6, 26, 33, 121, 42],
        &[1, 3, 6, 12, 15, 26, 33, 42, 119, 120, 121],
    ];
    for (lists, clue) in [
        (WINDOWS, Clue::DhcpListWindows),
        (APPLE, Clue::DhcpListApple),
        (ANDROID, Clue::DhcpListAndroid),
        (LINUX, Clue::DhcpListLinux),
    ] {
        if lists.contains(&list) {
            return Some(clue);
        }
    }
    None
}

/// The clue of a host's own name.
pub fn of_name(name: &[u8]) -> Option<Clue> {
    let name = name.to_ascii_lowercase();
    let has = |part: &str| name.contains_str(part);
    // `DESKTOP-` and seven letters or digits, `LAPTOP-` and eight.
    let made_up = |prefix: &[u8], length: usize| {
        let rest = name.strip_prefix(prefix);
        rest.is_some_and(|rest| rest.len() == length && rest.iter().all(u8::is_ascii_alphanumeric))
    };
    if has("iphone") || has("ipad") {
        Some(Clue::NameIos)
    } else if ["macbook", "imac", "mac-mini", "mac-studio", "mac-pro"]
        .iter()
        .any(|part| has(part))
    {
        Some(Clue::NameMac)
    } else if made_up(b"desktop-", 7) || made_up(b"laptop-", 8) {
        Some(Clue::NameWindows)
    } else if name.starts_with(b"android-") {
        Some(Clue::NameAndroid)
    } else {
        None
    }
}

/// The clue of a service type (`_airplay._tcp`) that a host announces.
pub fn of_service(service: &[u8]) -> Option<Clue> {
    let name = service.split_str(".").next()?;
    Some(match name {
        b"_companion-link" | b"_airplay" | b"_raop" | b"_rdlink" => Clue::ServiceApple,
        b"_afpovertcp" | b"_net-assistant" | b"_eppc" => Clue::ServiceMac,
        b"_apple-mobdev2" | b"_apple-mobdev" => Clue::ServiceIos,
        b"_androidtvremote2" | b"_adb-tls-connect" | b"_adb-tls-pairing" => Clue::ServiceAndroid,
        _ => return None,
    })
}

/// The clue of the name of a server that a host asks for or calls.
pub fn of_contact(name: &[u8]) -> Option<Clue> {
    // A name, or with a dot in front every name below.
    const NAMES: &[(&str, Clue)] = &[
        ("captive.apple.com", Clue::ContactApple),
        (".push.apple.com", Clue::ContactApple),
        (".ls.apple.com", Clue::ContactApple),
        ("gs-loc.apple.com", Clue::ContactApple),
        ("mesu.apple.com", Clue::ContactApple),
        ("swscan.apple.com", Clue::ContactMac),
        ("swcdn.apple.com", Clue::ContactMac),
        ("swdist.apple.com", Clue::ContactMac),
        ("swdownload.apple.com", Clue::ContactMac),
        (".msftconnecttest.com", Clue::ContactWindows),
        (".msftncsi.com", Clue::ContactWindows),
        (".windowsupdate.com", Clue::ContactWindows),
        (".update.microsoft.com", Clue::ContactWindows),
        (".delivery.mp.microsoft.com", Clue::ContactWindows),
        ("settings-win.data.microsoft.com", Clue::ContactWindows),
        ("connectivitycheck.gstatic.com", Clue::ContactAndroid),
        ("connectivitycheck.android.com", Clue::ContactAndroid),
        ("android.clients.google.com", Clue::ContactAndroid),
        ("connectivity-check.ubuntu.com", Clue::ContactLinux),
        ("archive.ubuntu.com", Clue::ContactLinux),
        (".archive.ubuntu.com", Clue::ContactLinux),
        ("security.ubuntu.com", Clue::ContactLinux),
        ("api.snapcraft.io", Clue::ContactLinux),
        ("deb.debian.org", Clue::ContactLinux),
        ("security.debian.org", Clue::ContactLinux),
        ("nmcheck.gnome.org", Clue::ContactLinux),
        ("mirrors.fedoraproject.org", Clue::ContactLinux),
    ];
    let name = name.to_ascii_lowercase();
    let found = NAMES
        .iter()
        .find(|(pattern, _)| match pattern.strip_prefix('.') {
            Some(_) => name.ends_with(pattern.as_bytes()),
            None => name == pattern.as_bytes(),
        });
    found.map(|(_, clue)| *clue)
}

/// The clue of a User-Agent header.
pub fn of_user_agent(agent: &[u8]) -> Option<Clue> {
    const PARTS: &[(&str, Clue)] = &[
        ("Windows NT", Clue::AgentWindows),
        ("Microsoft-CryptoAPI/", Clue::AgentWindows),
        ("Windows-Update-Agent", Clue::AgentWindows),
        ("Microsoft NCSI", Clue::AgentWindows),
        ("Android", Clue::AgentAndroid),
        ("iPhone", Clue::AgentIos),
        ("iPad", Clue::AgentIos),
        ("Macintosh", Clue::AgentMac),
        ("Darwin/", Clue::AgentApple),
        ("X11; Linux", Clue::AgentLinux),
        ("X11; Ubuntu", Clue::AgentLinux),
        ("Debian APT", Clue::AgentLinux),
    ];
    let found = PARTS.iter().find(|(part, _)| agent.contains_str(part));
    found.map(|(_, clue)| *clue)
}
