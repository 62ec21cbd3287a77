use super::*;
use crate::endpoint::attribution::Level;
use crate::time::Span;
use std::net::Ipv4Addr;

const MAX: usize = 65_536;
const PROGRAMS: [&str; 8] = [
    "curl", "wget", "python", "node", "git", "perl", "ruby", "chromium",
];

fn hour(hour: i64) -> Timestamp {
    Timestamp::from_nanos(0) + Span::from_secs(hour * 3600)
}

fn host(n: usize) -> String {
    format!("agent-{n}")
}

fn stranger(n: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 9, 0, n))
}

/// Each program has a stack of its own, and one request of its own size.
fn features(program: &str) -> Features {
    let size = 5 + program.len() as u8;
    Features::of_parts(&format!("ja4-{program}"), &[1, 6, size], "example.net")
}

fn lesson(program: &str, features: &Features) -> Lesson {
    Lesson {
        program: program.into(),
        features: features.clone(),
    }
}

/// What `hosts` hosts teach that run every program.
fn site(hosts: usize) -> Vec<(String, Lesson)> {
    let of_host = |n| PROGRAMS.map(|program| (host(n), lesson(program, &features(program))));
    (0..hosts).flat_map(of_host).collect()
}

fn taught(lessons: &[(String, Lesson)], max: usize) -> Taught {
    let mut taught = Taught::default();
    for (agent, lesson) in lessons {
        taught.learn(agent, lesson.clone(), hour(1), max);
    }
    taught.advance(hour(2), max);
    taught
}

#[test]
fn a_program_is_named_once_its_epoch_is_closed() {
    let mut taught = Taught::default();
    for (agent, lesson) in site(12) {
        taught.learn(&agent, lesson, hour(1), MAX);
    }
    let curl = features("curl");
    assert_eq!(taught.infer(&curl), None, "the epoch is open");
    taught.advance(hour(2), MAX);
    let named = taught.infer(&curl).unwrap();
    assert_eq!(
        (&*named.program, named.hosts, named.flows),
        ("curl", 12, 12)
    );
    assert!(named.least >= PRECISION_MIN && named.probability > named.least);
    let told = attribution(&named);
    assert_eq!(
        (told.status, told.method),
        (Status::Inferred, Some(Way::Taught))
    );
    assert!(!told.is_named(), "nothing that is inferred counts as named");
    assert_eq!(told.taught.map(|taught| taught.level), Some(Level::Whole));
    let process = told.process.unwrap();
    assert_eq!(process.name.as_deref(), Some("curl"));
    assert_eq!(
        (process.pid, process.path, process.user),
        (None, None, None)
    );
}

#[test]
fn few_hosts_or_few_trials_name_nothing() {
    let mut two = taught(&site(2), MAX);
    assert_eq!(two.name(&features("curl")), None, "two hosts are too few");
    // Four hosts with one program: each is judged by three, but four trials prove nothing.
    let four: Vec<_> = site(4)
        .into_iter()
        .filter(|(_, l)| &*l.program == "curl")
        .collect();
    let mut four = taught(&four, MAX);
    assert!(four.name(&features("curl")).unwrap().least < PRECISION_MIN);
    assert_eq!(four.infer(&features("curl")), None);
}

#[test]
fn what_nobody_taught_is_not_named() {
    let mut taught = taught(&site(12), MAX);
    assert_eq!(
        taught.infer(&features("rclone")),
        None,
        "a stack that nobody has"
    );
    // The stack of curl, but another rhythm and another way to end.
    let mut other = Features::of_parts("ja4-curl", &[1, 6, 15], "example.net").begun();
    assert_eq!(
        taught.infer(&other),
        None,
        "a flow that had begun otherwise"
    );
    other = Features::of_parts("ja4-curl", &[], "example.net").begun();
    assert_eq!(
        taught.infer(&other),
        None,
        "a flow that has shown a hello alone"
    );
}

#[test]
fn programs_that_look_alike_are_not_told_apart() {
    let alike = features("curl");
    let mut lessons = site(12);
    for n in 0..6 {
        lessons.retain(|(agent, l)| *agent != host(n) || &*l.program != "curl");
        lessons.push((host(n), lesson("updater", &alike)));
    }
    let mut taught = taught(&lessons, MAX);
    assert!(taught.name(&alike).is_some(), "six of twelve hosts show it");
    assert_eq!(taught.infer(&alike), None);
    assert!(taught.infer(&features("wget")).is_some(), "the others stay");
}

#[test]
fn a_host_that_lies_a_thousand_times_has_one_vote() {
    let honest = site(30);
    let mut lessons = honest.clone();
    for n in 0..1000 {
        let program = PROGRAMS[n % PROGRAMS.len()];
        lessons.push(("liar".into(), lesson("malware", &features(program))));
        // And as much of its own making.
        let own = Features::of_parts(&format!("own-{n}"), &[1, 6, 7], "example.net");
        lessons.push(("liar".into(), lesson("curl", &own)));
    }
    let (mut honest, mut lied_to) = (taught(&honest, MAX), taught(&lessons, MAX));
    for program in PROGRAMS {
        let named = lied_to.infer(&features(program)).unwrap();
        assert_eq!(*named.program, *program);
        assert_eq!(named.hosts, honest.infer(&features(program)).unwrap().hosts);
    }
    let own = Features::of_parts("own-1", &[1, 6, 7], "example.net");
    assert_eq!(lied_to.infer(&own), None, "one host alone names nothing");
}

#[test]
fn who_teaches_first_changes_nothing() {
    let lessons = site(20);
    // Where there is room for all, and where hosts and lessons have to leave.
    for max in [MAX, 600, 1] {
        let whole = taught(&lessons, max);
        for step in [3, 7, 11] {
            let order = (0..lessons.len()).map(|n| (n * step + 5) % lessons.len());
            let mixed: Vec<_> = order.map(|n| lessons[n].clone()).collect();
            assert_eq!(whole, taught(&mixed, max), "{max} lessons, step {step}");
        }
        let kept: usize = whole.lessons.closed().values().map(|of| of.len()).sum();
        assert!(kept <= max);
        assert_eq!(whole.evicted() > 0, max < MAX);
    }
}

#[test]
fn a_thousand_lessons_of_one_host_are_cut() {
    let own = |n| Features::of_parts(&format!("own-{n}"), &[1, 6, 7], "example.net");
    let lessons: Vec<_> = (0..1000)
        .map(|n| ("liar".into(), lesson("curl", &own(n))))
        .collect();
    let taught = taught(&lessons, MAX);
    let kept = taught.lessons.closed().values().map(|of| of.len());
    assert_eq!(kept.sum::<usize>(), lessons::HOST_LESSONS_MAX);
}

#[test]
fn what_is_not_repeated_for_thirty_days_is_forgotten() {
    let mut taught = taught(&site(12), MAX);
    taught.advance(hour(2 + 30 * 24 - 1), MAX);
    assert!(taught.infer(&features("curl")).is_some());
    taught.advance(hour(2 + 30 * 24 + 1), MAX);
    assert_eq!(taught.infer(&features("curl")), None);
}

#[test]
fn what_mostly_strangers_show_is_not_named() {
    let mut lessons = site(30);
    let rare =
        |program: &str| Features::of_parts(&format!("rare-{program}"), &[1, 6], "example.net");
    // One host in five has eight more programs.
    for n in 0..6 {
        let of_host = PROGRAMS.map(|program| (host(n), lesson(program, &rare(program))));
        lessons.extend(of_host);
    }
    let mut taught = taught(&lessons, MAX);
    let (common, rare) = (features("curl"), rare("curl"));
    for n in 0..20 {
        // Every host without an agent shows what one in five shows of those with one.
        assert!(
            taught
                .handle_stranger(stranger(n), &rare, hour(2), MAX)
                .is_some()
        );
        taught.handle_stranger(stranger(n), &common, hour(2), MAX);
    }
    assert!(taught.infer(&rare).is_some(), "the epoch is open");
    taught.advance(hour(3), MAX);
    assert_eq!(
        taught.infer(&rare),
        None,
        "five times as common among strangers"
    );
    assert_eq!(*taught.infer(&common).unwrap().program, *"curl");
}

#[test]
fn what_is_saved_in_the_middle_goes_on_as_before() {
    let mut whole = taught(&site(12), MAX);
    whole.learn("late", lesson("curl", &features("curl")), hour(2), MAX);
    whole.handle_stranger(stranger(1), &features("curl"), hour(2), MAX);
    let bytes = postcard::to_stdvec(&whole).unwrap();
    let mut restored: Taught = postcard::from_bytes(&bytes).unwrap();
    assert_eq!(whole, restored);
    for program in PROGRAMS {
        assert_eq!(
            whole.infer(&features(program)),
            restored.infer(&features(program))
        );
    }
    for taught in [&mut whole, &mut restored] {
        taught.advance(hour(3), MAX);
    }
    assert_eq!(whole.infer(&features("curl")).unwrap().hosts, 13);
    assert_eq!(
        whole.infer(&features("curl")),
        restored.infer(&features("curl"))
    );
}

#[test]
fn a_program_is_called_by_its_path_without_a_version() {
    let called = |path: &str| {
        let process = Process {
            path: Some(path.into()),
            ..Process::default()
        };
        program(&process).map(String::from)
    };
    for (path, name) in [
        ("/usr/bin/python3.11", "python"),
        ("/usr/bin/curl", "curl"),
        ("C:\\Windows\\System32\\CURL.EXE", "curl"),
        ("/opt/x/7z", "7z"),
        ("/Applications/Google Chrome", "google chrome"),
    ] {
        assert_eq!(called(path).as_deref(), Some(name), "{path}");
    }
    assert_eq!(called("/usr/bin/"), None);
    assert_eq!(called(&"x".repeat(1000)).map(|name| name.len()), Some(64));
}
