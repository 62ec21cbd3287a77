use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_parts(seconds, 0)
}

fn place(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn tcp(cookie: u64, local: &str, remote: &str) -> Row {
    Row {
        cookie,
        transport: Transport::Tcp,
        listens: false,
        local: place(local),
        remote: place(remote),
        inode: cookie as u32 + 1000,
        bytes: Some([cookie, 0]),
    }
}

fn listener(local: &str) -> Row {
    Row {
        listens: true,
        inode: 1,
        ..tcp(1, local, "0.0.0.0:0")
    }
}

fn process(pid: u32) -> Arc<Process> {
    Arc::new(Process {
        pid: Some(pid),
        ..Process::default()
    })
}

fn flow(told: &Told) -> &FlowReport {
    match &told.deed {
        Deed::Flow(flow) => flow,
        other => panic!("{other:?}"),
    }
}

/// A table after a look at nothing at second 0, and one at these rows at second 1.
fn looked(rows: Vec<Row>) -> Table {
    let mut table = Table::new(false);
    assert_eq!(table.look(Vec::new(), at(0), at(0)), (Vec::new(), false));
    let (told, _) = table.look(rows, at(1), at(1));
    assert_eq!(told, []);
    table
}

#[test]
fn a_flow_is_told_when_its_owner_is_found_and_when_it_ends() {
    let row = tcp(7, "10.0.0.2:40000", "192.0.2.1:443");
    let mut table = looked(vec![row.clone()]);
    assert_eq!(table.ownerless(), BTreeMap::from([(1007, 7)]));
    assert_eq!(table.found(7, None), None);
    let open = table.found(7, Some(process(42))).unwrap();
    let window = Window {
        from: at(0),
        to: at(1),
    };
    assert_eq!((open.window, open.method), (window, Method::Poll));
    let told = flow(&open);
    assert_eq!(told.activity, FlowActivity::Open);
    assert_eq!(told.direction, Some(Direction::Outbound));
    assert_eq!(told.process.pid, Some(42));
    assert_eq!(told.local.port, Some(40000));
    assert_eq!(table.ownerless(), BTreeMap::new());
    let ended = Row {
        inode: 0,
        bytes: Some([9, 8]),
        ..row
    };
    let close = table.ended(ended, at(3)).unwrap();
    assert_eq!((close.window.from, close.method), (at(3), Method::Event));
    assert_eq!(flow(&close).activity, FlowActivity::Close);
    assert_eq!(flow(&close).bytes, Some([9, 8]));
    assert_eq!(flow(&close).process.pid, Some(42));
    assert_eq!(table.untold, Untold::default());
}

#[test]
fn what_is_there_at_the_first_look_may_have_been_before() {
    let mut table = Table::new(false);
    table.look(vec![tcp(7, "10.0.0.2:1", "192.0.2.1:443")], at(5), at(6));
    let seen = table.found(7, Some(process(42))).unwrap();
    assert_eq!(flow(&seen).activity, FlowActivity::Seen);
    assert_eq!((seen.window.from, seen.window.to), (at(5), at(6)));
}

#[test]
fn who_calls_a_port_on_which_somebody_listens_is_the_other_end() {
    for bound in ["0.0.0.0:22", "[::]:22", "10.0.0.2:22"] {
        let mut table = looked(vec![
            listener(bound),
            tcp(7, "10.0.0.2:22", "192.0.2.1:50000"),
            tcp(8, "10.0.0.2:50000", "192.0.2.1:22"),
        ]);
        let direction = |told: Option<Told>| flow(&told.unwrap()).direction;
        let inbound = direction(table.found(7, Some(process(1))));
        assert_eq!(inbound, Some(Direction::Inbound));
        let outbound = direction(table.found(8, Some(process(2))));
        assert_eq!(outbound, Some(Direction::Outbound));
    }
    let mut other = looked(vec![
        listener("127.0.0.1:22"),
        tcp(7, "10.0.0.2:22", "192.0.2.1:5000"),
    ]);
    let told = other.found(7, Some(process(1))).unwrap();
    assert_eq!(flow(&told).direction, Some(Direction::Outbound));
}

#[test]
fn a_socket_that_was_not_accepted_yet_has_no_owner_to_look_for() {
    let waiting = Row {
        inode: 0,
        ..tcp(7, "10.0.0.2:22", "192.0.2.1:50000")
    };
    let mut table = looked(vec![waiting.clone()]);
    assert_eq!(table.ownerless(), BTreeMap::new());
    let accepted = Row {
        inode: 77,
        ..waiting
    };
    table.look(vec![accepted], at(2), at(2));
    assert_eq!(table.ownerless(), BTreeMap::from([(77, 7)]));
    let open = table.found(7, Some(process(1))).unwrap();
    assert_eq!((open.window.from, open.window.to), (at(0), at(1)));
}

#[test]
fn what_is_missed_for_a_second_has_ended() {
    let row = tcp(7, "10.0.0.2:1", "192.0.2.1:443");
    let mut table = looked(vec![row.clone()]);
    table.found(7, Some(process(42)));
    assert_eq!(table.look(Vec::new(), at(2), at(2)).0, []);
    assert_eq!(table.look(vec![row], at(3), at(3)), (Vec::new(), false));
    assert_eq!(table.look(Vec::new(), at(4), at(4)).0, []);
    let (told, _) = table.look(Vec::new(), at(5), at(5));
    let [close] = told.as_slice() else {
        panic!("{told:?}");
    };
    assert_eq!(flow(close).activity, FlowActivity::Close);
    assert_eq!(close.method, Method::Poll);
    assert_eq!((close.window.from, close.window.to), (at(3), at(4)));
    assert_eq!(table.look(Vec::new(), at(6), at(6)).0, []);
}

#[test]
fn a_socket_that_calls_somebody_else_has_another_flow() {
    let mut table = looked(vec![tcp(7, "10.0.0.2:1", "192.0.2.1:443")]);
    table.found(7, Some(process(42)));
    let other = tcp(7, "10.0.0.2:2", "192.0.2.9:443");
    let (told, is_new) = table.look(vec![other], at(2), at(2));
    assert!(is_new);
    assert_eq!(told.len(), 1);
    assert_eq!(flow(&told[0]).activity, FlowActivity::Close);
    let open = table.found(7, Some(process(42))).unwrap();
    assert_eq!(flow(&open).remote.addr, Some("192.0.2.9".parse().unwrap()));
}

#[test]
fn an_owner_is_not_looked_for_without_end() {
    let row = tcp(7, "10.0.0.2:1", "192.0.2.1:443");
    let mut table = looked(vec![row.clone()]);
    for _ in 0..TRIES_MAX {
        assert_eq!(table.ownerless().len(), 1);
        assert_eq!(table.found(7, None), None);
    }
    assert_eq!(table.ownerless().len(), 0);
    assert_eq!(table.ended(row, at(3)), None);
    assert_eq!(table.untold.ownerless, 1);
}

#[test]
fn a_flow_between_two_looks_is_counted() {
    let mut table = looked(Vec::new());
    assert_eq!(
        table.ended(tcp(7, "10.0.0.2:1", "192.0.2.1:443"), at(2)),
        None
    );
    assert_eq!(
        table.ended(tcp(8, "127.0.0.1:1", "127.0.0.1:443"), at(2)),
        None
    );
    assert_eq!(table.ended(listener("0.0.0.0:22"), at(2)), None);
    assert_eq!(table.untold.unseen, 1);
}

#[test]
fn flows_within_the_host_are_told_where_that_is_wanted() {
    let rows = [
        tcp(7, "127.0.0.1:1", "127.0.0.1:443"),
        tcp(8, "[::1]:1", "[::1]:443"),
    ];
    assert_eq!(looked(rows.to_vec()).ownerless().len(), 0);
    let mut table = Table::new(true);
    table.look(rows.to_vec(), at(0), at(0));
    assert_eq!(table.ownerless().len(), 2);
}

#[test]
fn a_datagram_socket_needs_no_other_end() {
    let udp = |cookie, local, remote| Row {
        transport: Transport::Udp,
        bytes: None,
        ..tcp(cookie, local, remote)
    };
    let mut table = looked(vec![
        udp(7, "0.0.0.0:68", "0.0.0.0:0"),
        udp(8, "0.0.0.0:0", "0.0.0.0:0"),
        udp(9, "10.0.0.2:4000", "192.0.2.1:53"),
    ]);
    assert_eq!(table.ownerless().len(), 2);
    let told = table.found(7, Some(process(1))).unwrap();
    let unknown = Place::default();
    assert_eq!(
        (flow(&told).remote, flow(&told).local.addr),
        (unknown, None)
    );
    assert_eq!(flow(&told).direction, None);
    let told = table.found(9, Some(process(1))).unwrap();
    assert_eq!(flow(&told).direction, Some(Direction::Outbound));
}

#[test]
fn a_clock_that_is_set_back_turns_no_window_around() {
    let mut table = looked(Vec::new());
    let row = tcp(7, "10.0.0.2:1", "192.0.2.1:443");
    table.look(vec![row], at(-9), at(-8));
    let open = table.found(7, Some(process(1))).unwrap();
    assert_eq!((open.window.from, open.window.to), (at(-8), at(-8)));
}
