use super::*;
use crate::detect::schedules::tests::at;
use proptest::prelude::*;

fn key(object: &str) -> CallKey {
    ("10.0.0.7".parse().unwrap(), object.into())
}

fn part(n: u32, up: u64, open: bool) -> Part {
    Part {
        uid: Uid::from_words(n, 0),
        up,
        down: 10,
        open,
    }
}

fn cell() -> Cell {
    Cell::all().next().unwrap()
}

fn put(transfers: &mut Transfers, t: i64, part: Part) -> Option<Over> {
    transfers.handle_part(&key("x"), (cell(), part), at(t), 10)
}

#[test]
fn ten_flows_within_thirty_minutes_are_one_transfer() {
    let mut transfers = Transfers::default();
    for n in 0..10 {
        assert_eq!(
            put(&mut transfers, i64::from(n) * 200, part(n, 100, false)),
            None
        );
    }
    let transfer = transfers.get(&key("x")).unwrap();
    assert_eq!((transfer.up(), transfer.down()), (1000, 100));
    assert_eq!(transfer.parts().len(), PARTS_MAX);
    let over = put(&mut transfers, 1800, part(10, 7, false)).unwrap();
    assert_eq!((over.up, over.first_at), (1000, at(0)));
    assert_eq!(transfers.get(&key("x")).unwrap().up(), 7);
}

#[test]
fn a_flow_after_thirty_minutes_is_another_transfer() {
    let mut transfers = Transfers::default();
    put(&mut transfers, 0, part(1, 100, false));
    assert_eq!(put(&mut transfers, 1800, part(2, 100, false)), None);
    assert_eq!(
        put(&mut transfers, 1801, part(3, 100, false)).unwrap().up,
        200
    );
}

#[test]
fn an_open_flow_counts_with_what_it_sent_so_far() {
    let mut transfers = Transfers::default();
    put(&mut transfers, 600, part(1, 100, true));
    assert!(transfers.get(&key("x")).unwrap().is_open());
    assert_eq!(
        put(&mut transfers, 7200, part(1, 900, true)),
        None,
        "the same flow, hours later"
    );
    assert_eq!(transfers.get(&key("x")).unwrap().up(), 900);
    assert_eq!(transfers.pop_over(at(10_000)), None, "it goes on");
    put(&mut transfers, 10_000, part(1, 1000, false));
    let (over_at, over) = transfers.pop_over(at(10_001)).unwrap();
    assert_eq!((over_at, over.up), (at(10_000), 1000));
}

#[test]
fn what_was_alerted_on_is_not_learnt() {
    let mut transfers = Transfers::default();
    put(&mut transfers, 0, part(1, 100, false));
    assert_eq!(transfers.deadline(), Some(at(1800)));
    transfers.handle_alert(&key("x"));
    assert_eq!(transfers.pop_over(at(1800)), None);
    assert_eq!(transfers.deadline(), None);
    put(&mut transfers, 5000, part(2, 100, false));
    assert_eq!(transfers.pop_over(at(6799)), None);
    assert_eq!(transfers.pop_over(at(6800)).unwrap().0, at(6800));
}

proptest! {
    #[test]
    fn transfers_are_the_same_after_being_saved_and_never_panic(
        parts in proptest::collection::vec((0u32..6, any::<u64>(), any::<bool>(), 0i64..4000), 0..60),
    ) {
        let mut transfers = Transfers::default();
        let mut t = 0;
        for (n, up, open, passed) in parts {
            t += passed;
            let saved = postcard::to_stdvec(&transfers).unwrap();
            let mut back: Transfers = postcard::from_bytes(&saved).unwrap();
            prop_assert_eq!(back.pop_over(at(t)), transfers.pop_over(at(t)));
            let object = if n % 2 == 0 { "a" } else { "b" };
            let one = transfers.handle_part(&key(object), (cell(), part(n, up, open)), at(t), 4);
            let other = back.handle_part(&key(object), (cell(), part(n, up, open)), at(t), 4);
            prop_assert_eq!(one, other);
            prop_assert_eq!(&back, &transfers);
        }
    }
}
