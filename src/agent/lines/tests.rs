use super::*;
use crate::endpoint::format::{Source, command_line, read_line};
use crate::endpoint::report::{
    Direction, FlowActivity, FlowReport, Inventory, Place, Process, ProcessActivity, ProcessReport,
};
use crate::net::{Mac, Transport};
use crate::time::Timestamp;

fn told(deed: Deed) -> Told {
    Told {
        window: Window {
            from: Timestamp::from_nanos(5),
            to: Timestamp::from_nanos(7),
        },
        method: Method::Poll,
        deed,
    }
}

fn process() -> Process {
    let arguments = [
        "curl",
        "-H",
        "Authorization: Bearer abc",
        "--token",
        "abc",
        "a \"b\" c",
    ];
    Process {
        pid: Some(42),
        instance: Some("4711".into()),
        path: Some("/usr/bin/curl".into()),
        command_line: command_line(&arguments),
        uid: Some(0),
        user: Some("root".into()),
        started_at: Some(Timestamp::from_nanos(3)),
        parent: Some(Box::new(Process {
            pid: Some(1),
            name: Some("init".into()),
            ..Process::default()
        })),
        ..Process::default()
    }
}

fn deeds() -> [Deed; 3] {
    [
        Deed::Flow(Box::new(FlowReport {
            activity: FlowActivity::Open,
            transport: Some(Transport::Tcp),
            direction: Some(Direction::Outbound),
            local: Place {
                addr: None,
                port: Some(40_000),
            },
            remote: Place {
                addr: Some("2001:db8::1".parse().unwrap()),
                port: Some(443),
            },
            remote_name: None,
            bytes: Some([1, 2]),
            process: process(),
        })),
        Deed::Process(Box::new(ProcessReport {
            activity: ProcessActivity::Start,
            process: process(),
        })),
        Deed::Inventory(Box::new(Inventory {
            hostname: Some("host1".into()),
            os: Some("linux".into()),
            addrs: vec!["192.0.2.7".parse().unwrap()],
            macs: vec![Mac([2, 0, 0, 0, 0, 1])],
            whole: true,
        })),
    ]
}

#[test]
fn what_is_written_is_read_back_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lines");
    let teller = Teller {
        agent: "host1".into(),
        boot: Some("b".into()),
    };
    let mut lines = Lines::open(&path, teller).unwrap();
    for deed in deeds() {
        lines.write(told(deed)).unwrap();
    }
    assert_eq!(lines.written(), 3);
    lines.flush().unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains("null") && !text.contains("abc"), "{text}");
    let source = Source {
        agent: None,
        received_at: Timestamp::from_nanos(7),
    };
    for ((line, deed), number) in text.lines().zip(deeds()).zip(0..) {
        let read = read_line(line.as_bytes(), &source).unwrap();
        let report = Report {
            agent: "host1".into(),
            received_at: Timestamp::from_nanos(7),
            window: told(deed.clone()).window,
            method: Method::Poll,
            format: Format::Tapir,
            sequence: Some(number),
            boot: Some("b".into()),
            deed,
        };
        assert_eq!(read, [report]);
    }
}

#[test]
fn a_file_that_was_taken_away_is_opened_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lines");
    std::fs::write(&path, "before\n").unwrap();
    let teller = Teller {
        agent: "host1".into(),
        boot: None,
    };
    let mut lines = Lines::open(&path, teller).unwrap();
    let [flow, process, _] = deeds();
    lines.write(told(flow)).unwrap();
    std::fs::rename(&path, folder.path().join("old")).unwrap();
    lines.reopen().unwrap();
    lines.write(told(process)).unwrap();
    lines.flush().unwrap();
    let count = |name: &str| {
        let text = std::fs::read_to_string(folder.path().join(name)).unwrap();
        text.lines().count()
    };
    assert_eq!((count("old"), count("lines")), (2, 1));
}
