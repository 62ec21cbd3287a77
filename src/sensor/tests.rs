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
fn a_link_type_that_is_not_read_is_named() {
    let mut sensor = Sensor::new(settings());
    let usb = Frame {
        link: LinkType::USBPCAP,
        ..cut_frame(1)
    };
    sensor.handle_frame(&usb);
    sensor.finish();
    let named = std::iter::from_fn(|| sensor.poll_line()).any(|(_, line)| {
        let Line::Row(Record::Weird(row)) = line else {
            return false;
        };
        format!("{row:?}").contains("USBPCAP (249)")
    });
    assert!(named);
    let counters = sensor.parts().counters();
    assert_eq!(counters.unread_links.get(&LinkType::USBPCAP), Some(&1));
    assert_eq!(counters.undecoded, 0);
}

/// An IPv4 fragment of 32 bytes of UDP that is the first of its datagram; its header's checksum is
/// left to be wrong.
fn fragment() -> Vec<u8> {
    let mut bytes = vec![0x45, 0, 0, 52, 0, 1, 0x20, 0, 64, 17, 0, 0];
    bytes.extend([10, 0, 0, 1, 10, 0, 0, 2]);
    bytes.resize(52, 0);
    bytes
}

#[test]
fn a_fragment_with_a_wrong_header_checksum_is_left_out_unless_checksums_are_ignored() {
    let bytes = fragment();
    let frame = Frame {
        link: LinkType::IPV4,
        bytes: &bytes,
        wire_len: 52,
        ..cut_frame(1)
    };
    let counters = |ignore_checksums| {
        let mut sensor = Sensor::new(Settings {
            ignore_checksums,
            ..settings()
        });
        sensor.handle_frame(&frame);
        sensor.flush();
        sensor.parts().counters()
    };
    let believed = counters(true);
    assert_eq!((believed.fragments.seen, believed.bad_checksums), (1, 0));
    assert_eq!(
        believed.weirds.get(&Weird::ExcessivelySmallFragment),
        Some(&1)
    );
    let doubted = counters(false);
    assert_eq!((doubted.fragments.seen, doubted.bad_checksums), (0, 1));
    assert_eq!(doubted.weirds.get(&Weird::BadIpChecksum), Some(&1));
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
    assert!(entry <= 464, "an entry takes {entry} bytes");
    assert!(tcp <= 264, "what TCP adds takes {tcp} bytes");
}
