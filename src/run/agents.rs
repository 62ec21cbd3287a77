//! From `tapir agents` to the list of agents, and to what is printed.

use crate::cli::{AgentsArgs, AgentsCommand};
use crate::detect::rfc3339::rfc3339;
use crate::intake::{Agents, Authority, Kind, Seen};
use crate::time::Timestamp;
use std::fmt::Write as _;

/// Does what was asked, and gives what is to be printed.
///
/// # Errors
/// No such agent, or a folder or file that cannot be read or written.
pub fn run(args: &AgentsArgs) -> anyhow::Result<String> {
    let dir = &args.dir;
    let mut agents = Agents::open(dir)?;
    Ok(match &args.command {
        AgentsCommand::List => list(&agents, &Seen::read(dir)?),
        AgentsCommand::Enrol {
            name,
            relay,
            gateway,
            token,
            days,
        } => {
            let kind = match (relay, gateway) {
                (true, _) => Kind::Relay,
                (false, true) => Kind::Gateway,
                (false, false) => Kind::Host,
            };
            match *token {
                true => format!("{name}:{}\n", agents.enrol_with_token(name, kind)?),
                false => {
                    let identity = Authority::open(dir)?.identity(name, *days)?;
                    agents.enrol(name, kind, identity.serial)?;
                    identity.pem
                }
            }
        }
        AgentsCommand::Secret { group } => agents.enroll_secret(group)? + "\n",
        AgentsCommand::Authority => Authority::open(dir)?.certificate().to_owned(),
        AgentsCommand::Revoke { name } => {
            agents.revoke(name)?;
            format!("{name}: revoked; a running sensor heeds it within seconds\n")
        }
        AgentsCommand::Remove { name } => {
            agents.remove(name)?;
            format!("{name}: removed\n")
        }
    })
}

/// One line for each agent, tab-separated.
fn list(agents: &Agents, seen: &Seen) -> String {
    let mut text = String::from(
        "name\tspeaks for\tshows\tenrolled\tlast heard\treports\tidle\trefused\tthrottled\t\
         last refusal\n",
    );
    for (name, agent) in agents.all() {
        let speaks_for = match agent.kind {
            _ if agent.revoked => "nobody: revoked",
            Kind::Host => "its host",
            Kind::Relay => "hosts it names",
            Kind::Gateway => "its clients",
        };
        let shows = match (&agent.serial, &agent.addr) {
            (Some(_), _) => "certificate",
            (None, Some(_)) => "node key",
            (None, None) => "token",
        };
        let moment = |seconds: u64| match seconds {
            0 => "-".to_owned(),
            seconds => rfc3339(Timestamp::from_parts(seconds as i64, 0)),
        };
        let counts = seen.of(name);
        // It has names that a stranger chose.
        let reason = counts.refused_last.as_deref().unwrap_or("-").escape_debug();
        // Writing to a text does not fail.
        let _ = writeln!(
            text,
            "{name}\t{speaks_for}\t{shows}\t{}\t{}\t{}\t{}\t{}\t{}\t{reason}",
            moment(agent.enrolled_at),
            moment(counts.last_at),
            counts.reports,
            counts.idle,
            counts.refused,
            counts.throttled,
        );
    }
    text
}
