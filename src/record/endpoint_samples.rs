//! Rows of what agents and gateways report, for the tests of this module and of the sinks.

use super::CoverageRow;
use super::samples::AT;
use crate::endpoint::attribution::{Key, Level, Taught};
use crate::endpoint::coverage::Account;
use crate::endpoint::gateways::{Leg, Named};
use crate::endpoint::passage::Passage;
use crate::endpoint::report::{Method, Place, Process, Signature};
use crate::endpoint::{Attribution, Passed, Status};
use crate::time::Span;

pub(super) fn passed() -> Passed {
    Passed {
        status: Status::Matched,
        leg: Leg::Client,
        named: Named::Tuple,
        gateways: vec!["proxy-1".into()],
        lines: 2,
        denied: 1,
        passage: Passage {
            client: Place {
                addr: Some("192.0.2.10".parse().unwrap()),
                port: Some(50_000),
            },
            user: Some("alice".into()),
            user_agent: Some("curl/8.5.0".into()),
            bytes: Some([1, 2]),
            ..Passage::default()
        },
        delta: Span::from_millis(-3),
        confidence: 0.97,
    }
}

pub(super) fn attribution() -> Attribution {
    let parent = Process {
        pid: Some(4100),
        path: Some("/bin/zsh".into()),
        ..Process::default()
    };
    Attribution {
        status: Status::Matched,
        agent: Some("laptop-7".into()),
        key: Some(Key::Tuple),
        method: Some(Method::Event.into()),
        process: Some(Process {
            pid: Some(4242),
            path: Some("/usr/bin/curl".into()),
            command_line: Some("curl https://example.com".into()),
            user: Some("alice".into()),
            uid: Some(501),
            started_at: Some(AT),
            signature: Some(Signature {
                signing_id: Some("com.apple.curl".into()),
                ..Signature::default()
            }),
            parent: Some(Box::new(parent)),
            ..Process::default()
        }),
        candidates: 1,
        delta: Some(Span::from_millis(35)),
        confidence: 0.97,
        taught: Some(Taught {
            hosts: 4,
            flows: 9,
            level: Level::Shape,
        }),
    }
}

/// One record of every log.
pub(super) fn coverage() -> CoverageRow {
    CoverageRow {
        begun: AT,
        host: Some("192.0.2.10".parse().unwrap()),
        agent: "laptop".into(),
        account: Account {
            flows: 20,
            matched: 9,
            matched_binary: 4,
            ambiguous: 3,
            conflict: 1,
            none: 3,
            late: 2,
            reports: 25,
            reports_without_flow: 5,
            refused: 1,
        },
        offset: Some(Span::from_millis(-2500)),
    }
}
