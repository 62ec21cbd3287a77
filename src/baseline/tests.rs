use super::*;
use crate::observe::{DnsTransaction, EchConfig, EchOffer, ServiceBinding};
use crate::time::Timestamp;
use bstr::BStr;
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr};

fn host(n: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + n))
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_parts(seconds, 0)
}

fn service() -> Subject {
    Subject::Service("slack".into())
}

#[test]
fn a_full_table_sends_the_earliest_entry_away() {
    let mut table = Bounded::default();
    for (key, moment) in [("c", 30), ("a", 10), ("b", 10)] {
        table.insert(key, at(moment), key, 3);
    }
    table.insert("d", at(40), "d", 3);
    assert_eq!(table.get(&"a"), None);
    table.insert("c", at(5), "moved", 3);
    table.insert("e", at(41), "e", 3);
    assert_eq!(table.get(&"c"), None);
    assert_eq!((table.len(), table.evicted()), (3, 2));
    table.expire(at(41));
    assert_eq!((table.len(), table.evicted()), (1, 2));
}

proptest! {
    /// A table is a list that is searched for its earliest entry.
    #[test]
    fn a_table_keeps_who_came_last(
        steps in prop::collection::vec((0u8..5, 0u32..12, 0i64..40), 1..120),
        max in 1usize..8,
    ) {
        let mut table: Bounded<u32, i64> = Bounded::default();
        let mut list: Vec<(Timestamp, u32, i64)> = Vec::new();
        for (step, key, moment) in steps {
            list.sort_unstable();
            let place = list.iter().position(|(_, known, _)| *known == key);
            match step {
                0 => {
                    let removed = place.map(|place| list.remove(place).2);
                    prop_assert_eq!(table.remove(&key), removed);
                }
                1 => {
                    list.retain(|(known_at, ..)| *known_at >= at(moment));
                    table.expire(at(moment));
                }
                _ => {
                    let value = place.map_or(moment, |place| list.remove(place).2);
                    if list.len() >= max {
                        list.remove(0);
                    }
                    list.push((at(moment), key, value));
                    prop_assert_eq!(table.touch(&key, at(moment), max, || moment), Some(&mut { value }));
                }
            }
            let first = list.iter().min().map(|(moment, key, _)| (*moment, key));
            prop_assert_eq!(table.first(), first);
            prop_assert_eq!(table.len(), list.len());
            let saved = postcard::to_stdvec(&table).unwrap();
            let restored: Bounded<u32, i64> = postcard::from_bytes(&saved).unwrap();
            prop_assert_eq!(&restored, &table);
            prop_assert_eq!(postcard::to_stdvec(&restored).unwrap(), saved);
        }
        while let Some((moment, key, value)) = table.pop_first() {
            list.sort_unstable();
            prop_assert_eq!((moment, key, value), list.remove(0));
        }
        prop_assert!(list.is_empty());
    }
}

#[test]
fn a_name_is_the_last_one_its_own_client_was_told_before_the_flow() {
    let mut names = Names::default();
    let (addr, name) = (host(99), |s: &'static str| Some(BStr::new(s)));
    names.learn(host(1), addr, BStr::new("a.example"), 60, at(100), 10);
    names.learn(host(1), addr, BStr::new("b.example"), 60, at(200), 10);
    names.learn(host(2), addr, BStr::new("c.example"), 60, at(200), 10);
    assert_eq!(names.name_of(host(1), addr, at(99)), None);
    assert_eq!(names.name_of(host(1), addr, at(150)), name("a.example"));
    assert_eq!(names.name_of(host(1), addr, at(250)), name("b.example"));
    assert_eq!(names.name_of(host(2), addr, at(250)), name("c.example"));
    assert_eq!(names.name_of(host(3), addr, at(250)), None);
}

#[test]
fn a_name_is_good_for_its_time_to_live_and_an_hour() {
    let mut names = Names::default();
    names.learn(host(1), host(9), BStr::new("a.example"), 60, at(0), 10);
    assert!(names.name_of(host(1), host(9), at(3660)).is_some());
    assert!(names.name_of(host(1), host(9), at(3661)).is_none());
}

#[test]
fn prevalence_is_read_as_of_the_last_closed_epoch_and_without_the_host_itself() {
    let mut prevalence = Prevalence::default();
    for n in 0..5 {
        prevalence.record(Mark::new("servers", service(), host(n)), 100);
    }
    assert_eq!(prevalence.others("servers", service(), host(9)), 0);
    prevalence.retract(Mark::new("servers", service(), host(4)));
    prevalence.close_epoch(0, 1, 100);
    assert_eq!(prevalence.others("servers", service(), host(9)), 4);
    assert_eq!(prevalence.others("servers", service(), host(0)), 3);
    assert_eq!(prevalence.others("laptops", service(), host(9)), 0);
    prevalence.close_epoch(1, 720, 100);
    assert_eq!(prevalence.others("servers", service(), host(9)), 4);
    prevalence.close_epoch(720, 721, 100);
    assert_eq!(prevalence.others("servers", service(), host(9)), 0);
}

#[test]
fn closed_marks_above_the_bound_leave_oldest_first() {
    let mut prevalence = Prevalence::default();
    for n in 0..8 {
        prevalence.record(Mark::new("servers", service(), host(n)), 8);
        prevalence.close_epoch(i64::from(n), i64::from(n) + 1, 5);
    }
    let left: Vec<_> = prevalence.closed().map(|(_, _, host, _)| host).collect();
    assert_eq!(left, (3..8).map(host).collect::<Vec<_>>());
    assert_eq!(prevalence.evicted(), 3);
}

#[test]
fn a_range_of_uploads_needs_twenty_flows_of_closed_epochs() {
    let mut volumes = Volumes::default();
    for n in 1..=20 {
        assert_eq!(volumes.range("servers", "slack"), None);
        volumes.record("servers", "slack", n * 1000, 4);
    }
    volumes.close_epoch(0, 1, 4);
    let range = volumes.range("servers", "slack").unwrap();
    assert_eq!(range.n, 20);
    assert!((900..=1100).contains(&range.low), "{range:?}");
    assert!((18_000..=20_500).contains(&range.high), "{range:?}");
    volumes.close_epoch(1, 14 * 24, 4);
    assert_eq!(
        volumes.range("servers", "slack"),
        None,
        "halved below the sample it needs"
    );
}

#[test]
fn upload_histograms_survive_being_saved_at_both_ends_of_their_range() {
    let mut volumes = Volumes::default();
    for bytes in [0, 1, 15, 16, 1 << 20, u64::MAX] {
        volumes.record("servers", "slack", bytes, 4);
    }
    volumes.record("laptops", "slack", 7, 1);
    volumes.close_epoch(0, 1, 4);
    volumes.record("laptops", "slack", 7, 4);
    let saved = postcard::to_stdvec(&volumes).unwrap();
    let back: Volumes = postcard::from_bytes(&saved).unwrap();
    assert_eq!(back, volumes);
    assert_eq!(volumes.refused(), 1);
}

#[test]
fn an_encrypted_hello_is_judged_by_what_dns_offered() {
    let answer = |config_id, public_name: &str| {
        let config = EchConfig {
            config_id,
            public_name: public_name.into(),
        };
        let binding = ServiceBinding {
            ech_configs: vec![config],
            ..Default::default()
        };
        DnsTransaction {
            service_bindings: vec![binding],
            ..Default::default()
        }
    };
    let mut configs = EchConfigs::default();
    configs.learn(at(0), &answer(7, "front.example"));
    let saved = postcard::to_stdvec(&configs).unwrap();
    let configs: EchConfigs = postcard::from_bytes(&saved).unwrap();
    let judge = |seconds, config_id, outer: Option<&str>, asked: Option<&str>| {
        let outer = outer.map(bstr::BString::from);
        let offer = EchOffer::Ech { config_id };
        configs.judge(at(seconds), offer, outer.as_ref(), asked.map(BStr::new))
    };
    let front = Some("Front.example");
    assert_eq!(
        judge(9, 7, front, Some("hidden.example")),
        EchVerdict::Likely
    );
    assert_eq!(judge(9, 7, front, None), EchVerdict::Likely);
    assert_eq!(judge(90_000, 7, front, None), EchVerdict::Offered);
    assert_eq!(judge(9, 8, front, None), EchVerdict::Offered);
    assert_eq!(judge(9, 8, front, front), EchVerdict::Grease);
    assert_eq!(
        judge(9, 7, Some("a.example"), Some("a.example")),
        EchVerdict::Grease
    );
    assert_eq!(judge(9, 7, None, None), EchVerdict::Offered);
    let esni = configs.judge(at(9), EchOffer::Esni, None, None);
    assert_eq!(esni, EchVerdict::Esni);
}

proptest! {
    #[test]
    fn an_overfull_epoch_keeps_the_same_sample_in_every_order(
        marks in proptest::collection::vec(0u32..60, 0..120),
        seed in any::<u64>(),
    ) {
        let mut shuffled = marks.clone();
        shuffled.sort_by_key(|n| (u64::from(*n) + 1).wrapping_mul(seed | 1));
        let fill = |order: &[u32]| {
            let mut prevalence = Prevalence::default();
            for n in order {
                prevalence.record(Mark::new("servers", service(), host(*n)), 16);
            }
            prevalence.close_epoch(0, 1, 16);
            prevalence.closed().map(|(_, _, host, _)| host).collect::<Vec<_>>()
        };
        prop_assert_eq!(fill(&marks), fill(&shuffled));
    }

    #[test]
    fn upload_histograms_behave_the_same_after_a_round_trip(
        values in proptest::collection::vec(any::<u64>(), 0..60),
    ) {
        let mut volumes = Volumes::default();
        values.iter().for_each(|v| volumes.record("servers", "slack", *v, 4));
        volumes.close_epoch(0, 1, 4);
        let saved = postcard::to_stdvec(&volumes).unwrap();
        let mut back: Volumes = postcard::from_bytes(&saved).unwrap();
        volumes.close_epoch(335, 336, 4);
        back.close_epoch(335, 336, 4);
        prop_assert_eq!(back.range("servers", "slack"), volumes.range("servers", "slack"));
    }
}

mod changes;
mod hours;
mod newness;
mod sizes;

/// Numbers that look random, the same ones every time (xorshift64*).
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.next()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.next()).cos()
    }
}

/// Whether a value is the same after being saved, and what it comes back as.
fn saved<T>(value: &T) -> T
where
    T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let bytes = postcard::to_stdvec(value).unwrap();
    let back: T = postcard::from_bytes(&bytes).unwrap();
    assert_eq!(&back, value);
    back
}
