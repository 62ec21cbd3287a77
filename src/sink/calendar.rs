//! From a moment to the date and time of day in UTC.
//!
//! Knows no other time zone and no leap seconds, as Unix time does not.

use crate::time::Timestamp;

/// A second of the proleptic Gregorian calendar, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DateTime {
    pub year: i64,
    /// 1 to 12.
    pub month: i64,
    /// 1 to 31.
    pub day: i64,
    pub hour: i64,
    pub minute: i64,
    pub second: i64,
}

impl DateTime {
    /// The second that holds `moment`.
    pub(super) fn of(moment: Timestamp) -> DateTime {
        let seconds = moment.as_nanos().div_euclid(1_000_000_000);
        let (days, second_of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let (year, month, day) = date(days);
        DateTime {
            year,
            month,
            day,
            hour: second_of_day / 3600,
            minute: second_of_day / 60 % 60,
            second: second_of_day % 60,
        }
    }
}

/// Year, month and day of the day `days` after 1970-01-01.
///
/// Years are counted from March here, so that the leap day comes last and months have a regular
/// length: five months from March on are always 153 days.
fn date(days: i64) -> (i64, i64, i64) {
    const DAYS_400_YEARS: i64 = 146_097;
    // 719,468 days lie between 0000-03-01 and 1970-01-01.
    let since_year_0 = days + 719_468;
    let cycle = since_year_0.div_euclid(DAYS_400_YEARS);
    let day_of_cycle = since_year_0.rem_euclid(DAYS_400_YEARS);
    // Leap days before this day within the cycle: one in 4 years, none in 100, one in 400.
    let leap_days =
        day_of_cycle / 1460 - day_of_cycle / 36_524 + day_of_cycle / (DAYS_400_YEARS - 1);
    let year_of_cycle = (day_of_cycle - leap_days) / 365;
    let day_of_year =
        day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = 400 * cycle + year_of_cycle + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_six_centuries_follows_the_day_before() {
        let (mut year, mut month, mut day) = date(-200_000);
        assert_eq!((year, month, day), (1422, 6, 3));
        for days in -199_999..=120_000 {
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let last = match month {
                2 => 28 + i64::from(leap),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            day += 1;
            if day > last {
                (month, day) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
            assert_eq!(
                date(days),
                (year, month, day),
                "{days} days after 1970-01-01"
            );
        }
        assert_eq!(date(0), (1970, 1, 1));
        assert_eq!(date(19_782), (2024, 2, 29));
    }

    #[test]
    fn the_second_before_the_epoch_is_in_1969() {
        let eve = DateTime::of(Timestamp::from_nanos(-1));
        assert_eq!((eve.year, eve.month, eve.day), (1969, 12, 31));
        assert_eq!((eve.hour, eve.minute, eve.second), (23, 59, 59));
        DateTime::of(Timestamp::MIN);
        DateTime::of(Timestamp::from_nanos(i64::MAX));
    }
}
