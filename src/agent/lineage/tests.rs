use super::*;

fn process(pid: u32, path: &str) -> Process {
    Process {
        pid: Some(pid),
        path: Some(path.into()),
        ..Process::default()
    }
}

fn at(s: i64) -> Timestamp {
    Timestamp::from_parts(s, 0)
}

fn parent(process: &Process) -> (Option<u32>, Option<&str>) {
    let parent = process.parent.as_deref().unwrap();
    (parent.pid, parent.path.as_deref())
}

#[test]
fn what_was_read_outlives_the_process_with_its_parent() {
    let mut lineage = Lineage::default();
    lineage.fork(11, &process(10, "/bin/bash"), at(5));
    lineage.exec(11);
    lineage.read(11, process(11, "/bin/tar"));
    lineage.exit(11);
    let tar = lineage.of(11).unwrap();
    assert_eq!(tar.path.as_deref(), Some("/bin/tar"));
    assert_eq!(parent(&tar), (Some(10), Some("/bin/bash")));
}

#[test]
fn what_nobody_read_has_a_parent_and_a_moment_and_no_program() {
    let mut lineage = Lineage::default();
    lineage.fork(11, &process(10, "/bin/bash"), at(5));
    lineage.read(11, process(11, "/bin/bash"));
    lineage.exec(11);
    lineage.exit(11);
    let gone = lineage.of(11).unwrap();
    assert_eq!((gone.path.as_deref(), gone.started_at), (None, Some(at(5))));
    assert_eq!(parent(&gone), (Some(10), Some("/bin/bash")));
    lineage.fork(12, &process(10, "/bin/bash"), at(6));
    assert_eq!(lineage.of(12).unwrap().started_at, Some(at(6)));
    assert_eq!(lineage.of(10), None);
}

#[test]
fn who_started_it_stays_when_another_takes_the_orphan() {
    let mut lineage = Lineage::default();
    lineage.fork(11, &process(10, "/bin/bash"), at(5));
    let orphan = Process {
        parent: Some(Box::new(process(1, "/sbin/init"))),
        ..process(11, "/usr/bin/curl")
    };
    let read = lineage.read(11, orphan);
    assert_eq!(parent(&read), (Some(10), Some("/bin/bash")));
}

#[test]
fn a_number_is_its_last_owners_and_lost_messages_forget_all() {
    let mut lineage = Lineage::default();
    lineage.fork(11, &process(10, "/bin/bash"), at(5));
    lineage.read(11, process(11, "/bin/tar"));
    lineage.exit(11);
    lineage.fork(11, &process(20, "/usr/sbin/cron"), at(9));
    let other = lineage.of(11).unwrap();
    assert_eq!(other.path, None);
    assert_eq!(parent(&other), (Some(20), Some("/usr/sbin/cron")));
    lineage.clear();
    assert_eq!(lineage.of(11), None);
}

#[test]
fn the_first_to_have_ended_leave_and_the_living_stay() {
    let mut lineage = Lineage::default();
    let shell = process(10, "/bin/bash");
    for pid in 1..=LIVES_MAX as u32 {
        lineage.fork(pid, &shell, at(5));
    }
    for pid in [7, 3] {
        lineage.exit(pid);
    }
    // The number of the first to have ended is another's now.
    lineage.fork(7, &shell, at(6));
    lineage.fork(100_000, &shell, at(7));
    assert_eq!(lineage.lives.len(), LIVES_MAX);
    assert!(lineage.of(3).is_none() && lineage.of(7).is_some());
    // Nobody has ended.
    lineage.fork(100_001, &shell, at(8));
    assert_eq!(lineage.lives.len(), 1);
    for _ in 0..2 * LIVES_MAX {
        lineage.fork(5, &shell, at(9));
        lineage.exit(5);
    }
    assert_eq!(lineage.ended.len(), LIVES_MAX);
}
