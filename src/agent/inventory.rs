//! From the host's interfaces to its inventory: its name, its addresses, its hardware addresses.
//!
//! Leaves out loopback, and interfaces of other network namespaces. As long as the kernel's own
//! list.

use crate::endpoint::report::Inventory;
use crate::net::Mac;
use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use nix::unistd::gethostname;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// What the host is now.
///
/// # Errors
/// The system does not tell its interfaces.
pub(super) fn read() -> nix::Result<Inventory> {
    let (mut addrs, mut macs) = (BTreeSet::new(), BTreeSet::new());
    for interface in getifaddrs()? {
        if interface.flags.contains(InterfaceFlags::IFF_LOOPBACK) {
            continue;
        }
        let Some(address) = interface.address else {
            continue;
        };
        let v4 = address.as_sockaddr_in().map(|v4| IpAddr::from(v4.ip()));
        let v6 = address.as_sockaddr_in6().map(|v6| IpAddr::from(v6.ip()));
        addrs.extend(v4.or(v6).filter(|addr| !addr.is_loopback()));
        // A tunnel has none, or a longer one.
        let link = address.as_link_addr().filter(|link| link.halen() == 6);
        let mac = link.and_then(|link| link.addr()).map(Mac);
        macs.extend(mac.filter(|mac| mac.0 != [0; 6]));
    }
    Ok(Inventory {
        hostname: hostname(),
        os: Some("linux".into()),
        addrs: addrs.into_iter().collect(),
        macs: macs.into_iter().collect(),
        whole: true,
    })
}

/// The host's name.
pub(super) fn hostname() -> Option<Box<str>> {
    let name = gethostname().ok()?.into_string().ok()?;
    (!name.is_empty()).then(|| name.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inventory_has_no_loopback_address_and_is_whole() {
        let inventory = read().unwrap();
        assert_eq!(inventory.os.as_deref(), Some("linux"));
        assert!(inventory.whole);
        assert!(inventory.addrs.iter().all(|addr| !addr.is_loopback()));
        assert!(inventory.macs.iter().all(|mac| mac.0 != [0; 6]));
    }
}
