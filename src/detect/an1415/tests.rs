use super::*;
use crate::baseline::conformal::Level;
use crate::baseline::maturity::Learning;
use crate::baseline::slots::Slots;
use crate::detect::calls::CallKey;
use crate::detect::schedules::tests::{DAY, HOUR, MONDAY, at, backup, call, tool};
use crate::detect::schedules::{Schedule, Schedules};
use crate::detect::transfers::{Part, Transfers};
use crate::net::Uid;
use crate::observe::{Certificate, TlsSession};
use proptest::prelude::*;

const MB: u64 = 1_000_000;

/// An upload in `parts` pieces.
fn transfer(up: u64, parts: u64, open: bool) -> Transfer {
    let mut transfers = Transfers::default();
    let key: CallKey = ("10.0.0.7".parse().unwrap(), "x".into());
    for n in 0..parts {
        let part = Part {
            uid: Uid::from_words(1, n),
            up: up / parts,
            down: up / parts / 100,
            open,
        };
        let cell = Cell::all().next().unwrap();
        transfers.handle_part(&key, (cell, part), at(n as i64), 10);
    }
    transfers.get(&key).unwrap().clone()
}

fn size(p: f64) -> Baseline<Unusual> {
    Baseline::Ready(Unusual {
        p,
        residual: 3.0,
        level: Level::Role,
        median: 30_000,
        n: 400,
        pool: 20_000,
    })
}

fn learning<T>() -> Baseline<T> {
    Baseline::Learning(Learning::default())
}

/// A tool uploads to a destination that is new to the host; the role is too small to call it rare.
struct Scene {
    rules: An1415,
    transfer: Transfer,
    unusual: Baseline<Unusual>,
    age: Baseline<Age>,
    others: Others,
    class: ClientClass,
    oddities: Option<Oddities>,
    usual_now: Option<u64>,
}

impl Scene {
    fn new(up: u64, p: f64) -> Scene {
        Scene {
            rules: An1415::shipped(),
            transfer: transfer(up, 1, false),
            unusual: size(p),
            age: Baseline::Ready(Age::Day),
            others: Others {
                members: 2,
                ..Others::default()
            },
            class: tool(),
            oddities: None,
            usual_now: None,
        }
    }

    fn judge_as(&self, approval: Approval<'_>) -> Option<Verdict> {
        judge(&Case {
            rules: &self.rules,
            tiers: &Tiers::DEFAULT,
            transfer: &self.transfer,
            object: "files.example.com",
            unusual: self.unusual,
            age: self.age,
            others: self.others,
            class: self.class,
            oddities: self.oddities,
            approval,
            usual_now: self.usual_now,
        })
    }

    fn judge(&self) -> Option<Verdict> {
        self.judge_as(Approval::None)
    }
}

fn bits(verdict: &Verdict, id: &str) -> Option<f64> {
    verdict
        .evidence
        .items()
        .find(|item| item.id == id)
        .map(|item| item.bits.as_f64())
}

#[test]
fn a_large_upload_of_a_tool_to_a_new_destination_is_alerted_on() {
    let verdict = Scene::new(60 * MB, 1e-4).judge().unwrap();
    assert_eq!(bits(&verdict, "volume.unusual"), Some(5.64));
    assert_eq!(bits(&verdict, "volume.threshold"), Some(4.0));
    assert_eq!(bits(&verdict, "destination.new"), Some(3.0));
    assert_eq!(bits(&verdict, "direction.upload"), Some(1.0));
    assert_eq!(verdict.tier, Tier::Low);
    assert!(
        verdict
            .deed
            .starts_with("made an unusual encrypted upload of 60000000 B to files")
    );
    assert!(!verdict.deed.contains("exfiltration"));
    assert!(
        verdict
            .missing
            .iter()
            .any(|missing| missing.component.contains("~/Documents"))
    );
}

#[test]
fn what_neither_the_host_nor_its_role_knows_counts_twice_unless_somebody_browses() {
    let found = |callers, age, class| {
        let mut scene = Scene::new(60 * MB, 0.005);
        scene.others = Others {
            members: 40,
            callers,
            ..Others::default()
        };
        (scene.age, scene.class) = (Baseline::Ready(age), class);
        let verdict = scene.judge()?;
        Some((
            bits(&verdict, "destination.unknown"),
            verdict.evidence.total(),
        ))
    };
    // A native application has no other sign of its own: 4 + 6 + 1 bits.
    let app = ClientClass::of(10, 80, 10);
    assert_eq!(found(0, Age::Day, app), Some((Some(6.0), Bits::whole(11))));
    // log2(42/4) is above 3; two bits for a week.
    assert_eq!(found(3, Age::Week, app), Some((Some(5.0), Bits::whole(10))));
    assert_eq!(
        found(4, Age::Day, app),
        None,
        "a tenth of the role and more is not rare"
    );
    assert_eq!(found(0, Age::Old, app), None);
    let browser = ClientClass::of(80, 10, 10);
    assert_eq!(found(0, Age::Day, browser), None);
}

#[test]
fn the_threshold_counts_while_sizes_are_still_learnt() {
    for (up, alerts) in [(50 * MB, true), (50 * MB - 1, false)] {
        let mut scene = Scene::new(up, 1.0);
        scene.unusual = learning();
        // Two bits of certificate lift the sum over ten.
        scene.oddities = Some(Oddities {
            other_name: true,
            ..Oddities::default()
        });
        assert_eq!(scene.judge().is_some(), alerts, "{up}");
    }
}

#[test]
fn a_size_is_unusual_below_its_p_and_above_a_megabyte() {
    let odd = Some(Oddities {
        self_signed: true,
        ..Oddities::default()
    });
    for (up, p, alerts) in [
        (5 * MB, 0.0199, true),
        (5 * MB, 0.02, false),
        (MB, 0.0199, true),
        (MB - 1, 0.0199, false),
    ] {
        let mut scene = Scene::new(up, p);
        scene.oddities = odd;
        assert_eq!(scene.judge().is_some(), alerts, "{up} {p}");
    }
}

#[test]
fn something_about_it_must_be_strange() {
    let plain = || {
        let mut scene = Scene::new(500 * MB, 1e-6);
        scene.class = ClientClass::UNKNOWN;
        scene.age = Baseline::Ready(Age::Old);
        scene
    };
    assert!(
        plain().judge().is_none(),
        "an old destination, no tool, no certificate"
    );
    let mut new = plain();
    new.age = Baseline::Ready(Age::Week);
    assert!(new.judge().is_some());
    let mut rare = plain();
    rare.others.members = 18;
    assert!(rare.judge().is_some(), "1 in 20 is rare");
    rare.others.callers = 2;
    assert!(rare.judge().is_none(), "3 in 20 is not");
    let mut odd = plain();
    odd.oddities = Some(Oddities {
        long_lived: true,
        ..Oddities::default()
    });
    assert!(odd.judge().is_some());
    let mut unknown = plain();
    unknown.age = learning();
    assert!(
        unknown.judge().is_none(),
        "what is new to a new host cannot be told"
    );
}

#[test]
fn pieces_count_together_and_an_open_flow_so_far() {
    let mut scene = Scene::new(0, 1e-4);
    scene.transfer = transfer(60 * MB, 10, true);
    let verdict = scene.judge().unwrap();
    assert_eq!(verdict.n, 10);
    assert!(verdict.deed.ends_with("so far"));
}

#[test]
fn a_scheduled_upload_is_worth_four_bits_less() {
    let mut scene = Scene::new(60 * MB, 1e-6);
    let without = scene.judge().unwrap().evidence.total().as_f64();
    for (usual, less) in [(20 * MB, 4.0), (20 * MB - 1, 0.0)] {
        scene.usual_now = Some(usual);
        let verdict = scene.judge().unwrap();
        assert!(
            (without - verdict.evidence.total().as_f64() - less).abs() < 0.01,
            "{usual}"
        );
    }
    scene.usual_now = None;
    let night = call(MONDAY + 23 * HOUR);
    for (most, less) in [(Some(60 * MB), 4.0), (Some(60 * MB - 1), 0.0), (None, 0.0)] {
        let schedules = Schedules(vec![Schedule {
            upload_bytes_max: most,
            ..backup()
        }]);
        let verdict = scene.judge_as(schedules.approval(&night)).unwrap();
        assert!(
            (without - verdict.evidence.total().as_f64() - less).abs() < 0.01,
            "{most:?}"
        );
    }
}

#[test]
fn without_an_endpoint_nothing_is_above_medium() {
    let mut scene = Scene::new(5000 * MB, 1e-7);
    scene.others.members = 200;
    scene.oddities = Some(Oddities {
        self_signed: true,
        other_name: true,
        long_lived: true,
        new_issuer: true,
    });
    let verdict = scene.judge().unwrap();
    assert_eq!(
        bits(&verdict, "certificate.odd"),
        Some(4.0),
        "the group's cap"
    );
    assert_eq!(verdict.tier, Tier::Medium);
}

#[test]
fn oddities_are_read_from_the_certificate_and_its_session() {
    let certificate = |subject: &str, days: i64| Certificate {
        at: at(0),
        fingerprint: "".into(),
        version: 3,
        serial: "".into(),
        subject: subject.into(),
        issuer: "CN=a".into(),
        not_valid_before: at(0),
        not_valid_after: at(days * DAY),
        key_alg: "".into(),
        sig_alg: "".into(),
        key_type: None,
        key_length: None,
        exponent: None,
        curve: None,
        san_dns: None,
        san_uri: None,
        san_email: None,
        san_ip: None,
        ca: None,
        path_len: None,
        host_cert: true,
        client_cert: false,
    };
    assert!(!Oddities::of_certificate(&certificate("CN=b", 730), true).any());
    assert!(Oddities::of_certificate(&certificate("CN=b", 731), true).long_lived);
    assert!(Oddities::of_certificate(&certificate("CN=a", 90), true).self_signed);
    assert!(Oddities::of_certificate(&certificate("CN=b", 90), false).new_issuer);
    let session = TlsSession {
        sni_matches_cert: Some(false),
        ..TlsSession::default()
    };
    assert!(Oddities::default().in_session(&session).other_name);
    assert!(!Oddities::default().in_session(&TlsSession::default()).any());
}

#[test]
fn uploads_at_the_same_time_of_an_earlier_week_are_scheduled() {
    let mut slots = Slots::default();
    let is_scheduled = |slots: &Slots, t, bytes| {
        let largest = slots.largest_near(at(t));
        largest.is_some_and(|largest| is_alike(largest, bytes))
    };
    let night = MONDAY + 2 * HOUR;
    slots.learn(at(night), 100);
    slots.learn(at(night + 60), 80);
    for (t, bytes, scheduled) in [
        (night + 7 * DAY, 300, true),
        (night + 7 * DAY, 301, false),
        (night + 7 * DAY + HOUR, 300, true),
        (night + 7 * DAY - HOUR, 300, true),
        (night + 7 * DAY + 2 * HOUR, 300, false),
        (night + 120, 50, false),
        (night + 43 * DAY, 50, false),
    ] {
        assert_eq!(is_scheduled(&slots, t, bytes), scheduled, "{t} {bytes}");
    }
    slots.learn(at(night + 7 * DAY), 200);
    assert!(
        is_scheduled(&slots, night + 7 * DAY + 60, 600),
        "the second one of a night too"
    );
}

#[test]
fn cells_part_what_does_not_compare() {
    let cells: std::collections::BTreeSet<Cell> = Cell::all().collect();
    assert_eq!(cells.len(), 24);
    let cell = |age, class| Cell::new(age, class, false);
    assert_eq!(
        cell(learning(), tool()),
        cell(Baseline::Ready(Age::Old), tool())
    );
    assert_ne!(
        cell(learning(), tool()),
        cell(Baseline::Ready(Age::Day), tool())
    );
    assert_ne!(
        cell(learning(), tool()),
        cell(learning(), ClientClass::UNKNOWN)
    );
}

proptest! {
    #[test]
    fn no_case_panics_and_more_upload_is_never_less_evidence(
        up in 0u64..1 << 40, more in 0u64..1 << 40, p in 0.0f64..1.0, members in any::<u64>(),
        others in any::<u64>(),
    ) {
        let judge = |up, p| {
            let mut scene = Scene::new(up, p);
            scene.others.members = members >> 1;
            scene.others.callers = others >> 1;
            scene.judge().map_or(0.0, |verdict| verdict.evidence.total().as_f64())
        };
        prop_assert!(judge(up, p) <= judge(up.saturating_add(more), p / 2.0));
    }
}
