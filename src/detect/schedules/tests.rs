use super::*;
use crate::detect::client::Clients;
use proptest::prelude::*;

pub const HOUR: i64 = 3600;
pub const DAY: i64 = 24 * HOUR;
/// A Monday, 00:00 UTC.
pub const MONDAY: i64 = 19_996 * DAY;

pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_parts(seconds, 0)
}

pub fn tool() -> ClientClass {
    Clients::shipped().classify(None, Some(&Default::default()), &[] as &[&[u8]])
}

/// A backup that host 10.0.0.7 may make between 22:00 and 02:00 UTC on weekdays.
pub fn backup() -> Schedule {
    Schedule {
        id: "backup".into(),
        owner: "it".into(),
        whom: Whom::Networks(vec!["10.0.0.7/32".parse().unwrap()]),
        client: None,
        process: None,
        destinations: vec![Pattern::new("*.backup.example.com").unwrap()],
        hours: Hours {
            days: Weekday::ALL[..5].to_vec(),
            from_s: 22 * 3600,
            to_s: 2 * 3600,
            offset_s: 0,
        },
        beat: None,
        upload_bytes_max: None,
        expected: true,
        tolerance: Span::from_secs(600),
        expires_at: at(MONDAY + 100 * DAY),
    }
}

pub fn call(t: i64) -> Call<'static> {
    Call {
        at: at(t),
        host: "10.0.0.7".parse().unwrap(),
        role: "macs",
        name: Some(b"eu.backup.example.com"),
        class: tool(),
    }
}

#[test]
fn a_week_begins_on_monday_here_too() {
    assert!(
        Hours {
            days: vec![Weekday::Mon],
            from_s: 0,
            to_s: 0,
            offset_s: 0
        }
        .window_at(at(MONDAY), Span::ZERO)
        .is_some_and(|window| window.from == at(MONDAY))
    );
}

#[test]
fn a_window_reaches_past_midnight_and_as_far_as_its_tolerance() {
    let schedule = backup();
    let friday = MONDAY + 4 * DAY + 22 * HOUR;
    for (t, inside) in [
        (friday - 601, false),
        (friday - 600, true),
        (friday, true),
        (friday + 4 * HOUR + 600, true),
        (friday + 4 * HOUR + 601, false),
        (friday + DAY, false),
        (MONDAY, false),
        (MONDAY + DAY, true),
    ] {
        let call = call(t);
        let said = schedule.approval(&call);
        assert_eq!(
            matches!(said, Approval::InWindow(_)),
            inside,
            "{t}: {said:?}"
        );
        assert_eq!(matches!(said, Approval::OutOfWindow(_)), !inside);
    }
}

#[test]
fn local_hours_are_ahead_of_utc_by_their_offset() {
    let mut schedule = backup();
    schedule.hours.offset_s = 5 * 3600 + 1800;
    let begin = MONDAY + 22 * HOUR - 5 * HOUR - 1800;
    let window = schedule.hours.window_at(at(begin), Span::ZERO).unwrap();
    assert_eq!((window.from, window.to), (at(begin), at(begin + 4 * HOUR)));
    assert!(
        schedule
            .hours
            .window_at(at(begin - 1), Span::ZERO)
            .is_none()
    );
    assert_eq!(
        schedule.hours.next_after(at(begin)).unwrap().from,
        at(begin + DAY)
    );
}

#[test]
fn a_schedule_is_for_its_hosts_destinations_and_clients_until_it_ends() {
    let schedules = Schedules(vec![backup()]);
    let night = MONDAY + 23 * HOUR;
    let said = |call: &Call<'_>| match schedules.approval(call) {
        Approval::None => "none",
        Approval::Expired(_) => "expired",
        Approval::OutOfWindow(_) => "out",
        Approval::InWindow(_) => "in",
    };
    let good = call(night);
    assert_eq!(said(&good), "in");
    assert_eq!(
        said(&Call {
            name: Some(b"BACKUP.example.com."),
            ..good
        }),
        "in"
    );
    assert_eq!(
        said(&Call {
            name: Some(b"xbackup.example.com"),
            ..good
        }),
        "none"
    );
    assert_eq!(
        said(&Call {
            name: Some(b"example.com"),
            ..good
        }),
        "none"
    );
    assert_eq!(said(&Call { name: None, ..good }), "none");
    assert_eq!(
        said(&Call {
            host: "10.0.0.8".parse().unwrap(),
            ..good
        }),
        "none"
    );
    assert_eq!(said(&call(MONDAY + 99 * DAY + 23 * HOUR)), "in");
    assert_eq!(said(&call(MONDAY + 100 * DAY)), "expired");

    let role = Schedule {
        whom: Whom::Role("macs".into()),
        client: Some(Class::ToolOrLibrary),
        destinations: vec![Pattern::new("api.example.com").unwrap()],
        ..backup()
    };
    let schedules = Schedules(vec![role]);
    let exact = Call {
        name: Some(b"api.example.com"),
        ..good
    };
    let in_window = |call: &Call<'_>| matches!(schedules.approval(call), Approval::InWindow(_));
    assert!(in_window(&exact));
    assert!(!in_window(&Call {
        role: "servers",
        ..exact
    }));
    assert!(!in_window(&Call {
        class: ClientClass::UNKNOWN,
        ..exact
    }));
    assert!(!in_window(&Call {
        name: Some(b"a.api.example.com"),
        ..exact
    }));
}

#[test]
fn of_several_schedules_the_one_that_allows_most_wins() {
    let day = Schedule {
        id: "day".into(),
        hours: Hours {
            days: Weekday::ALL.to_vec(),
            from_s: 0,
            to_s: 0,
            offset_s: 0,
        },
        ..backup()
    };
    let ended = Schedule {
        id: "ended".into(),
        expires_at: at(0),
        ..backup()
    };
    let schedules = Schedules(vec![ended, backup(), day]);
    let id = |t| {
        schedules
            .approval(&call(t))
            .schedule()
            .map(|schedule| &*schedule.id)
    };
    assert_eq!(id(MONDAY + 12 * HOUR), Some("day"));
    assert_eq!(
        id(MONDAY + 23 * HOUR),
        Some("backup"),
        "the first of two in their window"
    );
}

proptest! {
    #[test]
    fn no_hours_and_no_moment_panic(
        nanos in any::<i64>(), from_s in 0u32..86_400, to_s in 0u32..86_400,
        offset_s in -43_200i32..=50_400, tolerance in 0i64..10_000_000,
    ) {
        let hours = Hours { days: vec![Weekday::Tue, Weekday::Sun], from_s, to_s, offset_s };
        let moment = Timestamp::from_nanos(nanos);
        hours.window_at(moment, Span::from_secs(tolerance));
        if let Some(next) = hours.next_after(moment) {
            prop_assert!(next.from > moment && next.to > next.from || nanos.abs() > i64::MAX / 2);
        }
    }
}
