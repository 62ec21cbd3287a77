//! From hosts to the benign programs that their roles have.
//!
//! A class is on every host of its role, and each role is at least one host in ten.

mod browse;
mod desk;
mod lookalikes;
mod sessions;
mod timing;
mod unattended;

pub use browse::page;
pub use lookalikes::lookalikes;
pub use timing::populations;

use super::cast::Cast;
use super::host::Role;

/// Adds every benign class.
pub fn day(cast: &mut Cast<'_>) {
    for number in 0..cast.hosts.len() {
        let role = cast.hosts[number].role;
        if role.is_desk() {
            browse::browsing(cast, number);
            desk::desk(cast, number);
            sessions::sessions(cast, number);
        }
        match role {
            Role::Macs => desk::mac(cast, number),
            Role::WindowsDesks => desk::windows(cast, number),
            Role::LinuxDesks => desk::linux(cast, number),
            Role::Servers => unattended::server(cast, number),
            Role::BuildRunners => unattended::build_runner(cast, number),
            Role::Appliances => unattended::appliance(cast, number),
        }
    }
}
