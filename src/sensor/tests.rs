//! The core assembled: what is sampled, what is refused.

use super::*;
use crate::packet::frame::LinkType;
use crate::record::Record;
use crate::weird::Weird;

fn settings() -> Settings {
    crate::config::File::default()
        .resolve()
        .expect("the defaults are sound")
}

fn cut_frame(second: i64) -> Frame<'static> {
    Frame {
        at: Timestamp::from_parts(second, 0),
        link: LinkType::ETHERNET,
        bytes: &[0; 5],
        wire_len: 5,
    }
}

fn weirds(seconds: impl Iterator<Item = i64>) -> (usize, Counters) {
    let mut sensor = Sensor::new(settings());
    seconds.for_each(|second| sensor.handle_frame(&cut_frame(second)));
    sensor.finish();
    let lines = std::iter::from_fn(|| sensor.poll_line());
    let told = lines.filter(|(_, line)| matches!(line, Line::Row(Record::Weird(_))));
    (told.count(), sensor.parts().counters())
}

#[test]
fn weirds_without_a_flow_are_sampled_and_all_counted() {
    let (told, counters) = weirds(0..525);
    assert_eq!(told, 25, "the first of a name within ten minutes");
    assert_eq!(counters.weirds.get(&Weird::TruncatedLink), Some(&525));
    assert_eq!(counters.undecoded, 525);
    let (told, _) = weirds((0..2).flat_map(|window| (0..30).map(move |n| window * 600 + n)));
    assert_eq!(told, 50, "each window begins anew");
}

#[test]
fn the_clock_never_goes_back() {
    let mut sensor = Sensor::new(settings());
    sensor.handle_frame(&cut_frame(100));
    sensor.handle_frame(&cut_frame(50));
    sensor.handle_tick(Timestamp::from_parts(70, 0));
    assert_eq!(sensor.clock(), Timestamp::from_parts(100, 0));
}

#[test]
fn a_state_of_another_seed_or_version_is_refused() {
    let sensor = Sensor::new(settings());
    let state = sensor.save();
    assert!(Sensor::restore(settings(), &state).is_ok());
    let other = Settings {
        seed: 1,
        ..settings()
    };
    let refused = Sensor::restore(other, &state);
    assert!(matches!(refused, Err(RestoreError::Seed)));
    let newer = postcard::to_stdvec(&(VERSION + 1, 0u64)).expect("it is written");
    let refused = Sensor::restore(settings(), &newer);
    assert!(matches!(refused, Err(RestoreError::Version { found }) if found == VERSION + 1));
    assert!(Sensor::restore(settings(), &state[..state.len() - 1]).is_err());
}

/// Memory of a flow that was only opened: its entry, what TCP adds, a timer, a place in the index.
#[test]
fn a_flow_is_small_enough_for_the_default_bound() {
    use crate::flow::table::Entry;
    use crate::flow::tcp::TcpFlow;
    let entry = size_of::<Option<Entry<inspection::Inspection>>>();
    let tcp = size_of::<TcpFlow>();
    assert!(entry <= 368, "an entry takes {entry} bytes");
    assert!(tcp <= 192, "what TCP adds takes {tcp} bytes");
}
