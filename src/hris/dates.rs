//! Reads the dates of changes as senders write them.
//!
//! | written | read as |
//! |---|---|
//! | `2026-01-31T18:42:00Z`, `…+0100`, `…+01:00[Europe/Berlin]` | that point in time |
//! | `2026-01-31T18:42:00`, `2026-01-31 18:42` | local time in the source's `time_zone` |
//! | `2026-01-31`, `20260131` | the first moment of that day in `time_zone` |
//! | 9 or 10 digits, also as a text and with decimals | seconds since 1970 |
//! | 12 or 13 digits, also as a text | milliseconds since 1970 |
//! | anything before 2000, zeros, nothing | no date: systems write such values when they have none |
//! | anything else | cannot be read |

use jiff::civil::Time;
use jiff::fmt::temporal::Pieces;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Number, Value};

use crate::domain::dates::is_offset;

/// The first second of 2000; anything earlier stands for no date.
const SECONDS_TO_2000: i64 = 946_684_800;
/// The same in milliseconds.
const MILLISECONDS_TO_2000: i64 = SECONDS_TO_2000 * 1000;
/// The last second with ten digits, in 2286. It separates seconds from milliseconds in any date of our time.
const LAST_SECOND: i64 = 9_999_999_999;
/// The last millisecond with 13 digits, in 2286.
const LAST_MILLISECOND: i64 = 9_999_999_999_999;

/// The error for a value that is not a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a date")]
pub(super) struct NotADate;

/// Reads the dates of one payload and counts those that cannot be read, which are treated as absent.
#[derive(Debug)]
pub(super) struct DateReader<'z> {
    zone: &'z TimeZone,
    not_read: usize,
}

impl<'z> DateReader<'z> {
    pub(super) fn new(zone: &'z TimeZone) -> Self {
        Self { zone, not_read: 0 }
    }

    /// Reads a date; `None` if it is absent, stands for no date, or cannot be read.
    pub(super) fn read(&mut self, given: Option<&Value>) -> Option<Timestamp> {
        date(given?, self.zone).unwrap_or_else(|NotADate| {
            self.not_read += 1;
            None
        })
    }

    /// Returns the number of dates that could not be read.
    pub(super) fn not_read(&self) -> usize {
        self.not_read
    }
}

/// Returns the point in time that a value stands for; `None` if it stands for no date.
pub(super) fn date(value: &Value, zone: &TimeZone) -> Result<Option<Timestamp>, NotADate> {
    match value {
        Value::Null => Ok(None),
        Value::Number(number) => of_number(number, zone),
        Value::String(text) => of_text(text.trim(), zone),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => Err(NotADate),
    }
}

/// Returns the time of a signature, which needs no time zone: seconds or milliseconds since 1970, or a time with an
/// offset.
pub(super) fn instant(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return of_written(text, None).ok().flatten();
    }
    match text.parse().ok()? {
        seconds @ ..=LAST_SECOND => Timestamp::from_second(seconds).ok(),
        milliseconds @ ..=LAST_MILLISECOND => Timestamp::from_millisecond(milliseconds).ok(),
        _ => None,
    }
}

/// Reads a text: digits are a number, anything else a written date.
fn of_text(text: &str, zone: &TimeZone) -> Result<Option<Timestamp>, NotADate> {
    let digits = || text.bytes().filter(u8::is_ascii_digit);
    if text.is_empty() || (digits().next().is_some() && digits().all(|digit| digit == b'0')) {
        return Ok(None);
    }
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    if unsigned.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return match (text.parse::<i64>(), text.parse::<f64>()) {
            (Ok(whole), _) => of_whole(whole, zone),
            (Err(_), Ok(fractional)) if unsigned.contains('.') => of_fractional(fractional, zone),
            (Err(_), _) => Err(NotADate),
        };
    }
    of_written(text, Some(zone))
}

/// Reads a number as seconds or milliseconds.
fn of_number(number: &Number, zone: &TimeZone) -> Result<Option<Timestamp>, NotADate> {
    match (number.as_i64(), number.as_f64()) {
        (Some(whole), _) => of_whole(whole, zone),
        (None, Some(fractional)) if !number.is_u64() => of_fractional(fractional, zone),
        (None, _) => Err(NotADate),
    }
}

/// Reads a whole number as seconds, milliseconds, or a day such as 20260131.
fn of_whole(whole: i64, zone: &TimeZone) -> Result<Option<Timestamp>, NotADate> {
    match whole {
        SECONDS_TO_2000..=LAST_SECOND => Timestamp::from_second(whole).map(Some).map_err(|_| NotADate),
        MILLISECONDS_TO_2000..=LAST_MILLISECOND => Timestamp::from_millisecond(whole).map(Some).map_err(|_| NotADate),
        // A day in the basic format of ISO 8601; as seconds, it would lie in 1970.
        20_000_101..=99_991_231 => Ok(of_written(&whole.to_string(), Some(zone)).ok().flatten()),
        ..MILLISECONDS_TO_2000 => Ok(None),
        _ => Err(NotADate),
    }
}

/// Reads a number with decimals: as seconds, or else like its whole part.
fn of_fractional(fractional: f64, zone: &TimeZone) -> Result<Option<Timestamp>, NotADate> {
    let since_1970 = SignedDuration::try_from_secs_f64(fractional).map_err(|_| NotADate)?;
    if (SECONDS_TO_2000..=LAST_SECOND).contains(&since_1970.as_secs()) {
        return Timestamp::from_duration(since_1970).map(Some).map_err(|_| NotADate);
    }
    of_whole(since_1970.as_secs(), zone)
}

/// Reads the format of ISO 8601 and RFC 3339, or RFC 9557 with the name of a time zone in brackets.
fn of_written(text: &str, zone: Option<&TimeZone>) -> Result<Option<Timestamp>, NotADate> {
    let pieces = Pieces::parse(text).map_err(|_| NotADate)?;
    let local = pieces.date().to_datetime(pieces.time().unwrap_or(Time::midnight()));
    let point = if let Some(offset) = pieces.to_numeric_offset() {
        if !is_offset(offset) {
            return Err(NotADate);
        }
        offset.to_timestamp(local)
    } else {
        let named = pieces.to_time_zone().map_err(|_| NotADate)?;
        // A local time that occurs twice is the first of the two; one that a change of clocks skips is shifted forward.
        named.as_ref().or(zone).ok_or(NotADate)?.to_timestamp(local)
    };
    let point = point.map_err(|_| NotADate)?;
    Ok(Some(point).filter(|point| point.as_second() >= SECONDS_TO_2000))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read_in(zone: &str, value: &Value) -> Result<Option<String>, NotADate> {
        date(value, &TimeZone::get(zone).unwrap()).map(|date| date.map(|date| date.to_string()))
    }

    #[test]
    fn senders_write_dates_in_many_ways() {
        for value in [
            json!("2026-01-31T18:42:00Z"),
            json!("2026-01-31T18:42:00+0000"),
            json!("2026-01-31T19:42:00+01:00"),
            json!("2026-01-31T19:42:00+01:00[Europe/Berlin]"),
            json!("2026-01-31T19:42:00[Europe/Berlin]"),
            json!(" 2026-01-31T18:42:00 "),
            json!("2026-01-31 18:42:00"),
            json!("2026-01-31T18:42"),
            json!("20260131T184200Z"),
            json!(1_769_884_920),
            json!(1_769_884_920_000_i64),
            json!(1_769_884_920.0),
            json!("1769884920"),
            json!("1769884920.0"),
            json!("1769884920000"),
        ] {
            assert_eq!(read_in("UTC", &value), Ok(Some("2026-01-31T18:42:00Z".to_owned())), "{value}");
        }
        let exact = [
            (json!(1_769_884_920_123_i64), "2026-01-31T18:42:00.123Z"),
            (json!("2025-01-08T13:06:26.915906"), "2025-01-08T13:06:26.915906Z"),
            (json!(1_769_884_920.5), "2026-01-31T18:42:00.5Z"),
        ];
        for (value, date) in exact {
            assert_eq!(read_in("UTC", &value), Ok(Some(date.to_owned())), "{value}");
        }
    }

    #[test]
    fn what_has_no_offset_is_local_time_of_the_source() {
        for (zone, value, date) in [
            ("Europe/Berlin", json!("2026-01-31T18:42:00"), "2026-01-31T17:42:00Z"),
            ("Europe/Berlin", json!("2026-07-31T18:42:00"), "2026-07-31T16:42:00Z"),
            ("America/New_York", json!("2026-01-31 18:42:00"), "2026-01-31T23:42:00Z"),
            ("Europe/Berlin", json!("2026-01-31T18:42:00Z"), "2026-01-31T18:42:00Z"),
            ("Europe/Berlin", json!("2026-01-31"), "2026-01-30T23:00:00Z"),
            ("Europe/Berlin", json!("20260131"), "2026-01-30T23:00:00Z"),
            ("Europe/Berlin", json!(20_260_131), "2026-01-30T23:00:00Z"),
            ("Europe/Berlin", json!(1_769_884_920), "2026-01-31T18:42:00Z"),
            // Clocks go forward: 02:30 does not exist and is read as 03:30.
            ("Europe/Berlin", json!("2026-03-29T02:30:00"), "2026-03-29T01:30:00Z"),
            // Clocks go back: 02:30 occurs twice.
            ("Europe/Berlin", json!("2026-10-25T02:30:00"), "2026-10-25T00:30:00Z"),
            // A day that begins at 01:00.
            ("America/Havana", json!("2026-03-08"), "2026-03-08T05:00:00Z"),
        ] {
            assert_eq!(read_in(zone, &value), Ok(Some(date.to_owned())), "{value} in {zone}");
        }
    }

    #[test]
    fn what_stands_for_no_date_is_none() {
        for value in [
            json!(null),
            json!(""),
            json!(" "),
            json!(0),
            json!("0"),
            json!(3600),
            json!("86399.5"),
            json!(-62_135_596_800_i64),
            json!(-62_135_596_800_000_i64),
            json!(946_684_799),
            json!(946_684_799_999_i64),
            json!("0001-01-01T00:00:00Z"),
            json!("0000-00-00 00:00:00"),
            json!("1970-01-01T00:00:00Z"),
            json!("1900-01-01"),
            json!("1999-12-31T23:59:59Z"),
        ] {
            assert_eq!(read_in("UTC", &value), Ok(None), "{value}");
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for value in [
            json!("yesterday"),
            json!("31.01.2026"),
            json!("01/31/2026 6:42 PM"),
            json!("2026-02-30T00:00:00Z"),
            json!("2026-01-31T18:42:00+24:00"),
            json!("2026-01-31T18:42:00+25:00"),
            json!("2026-01-31T18:42:00-25:00"),
            json!("2026-01-31T18:42:00[Europe/Bonn]"),
            json!("18:42:00"),
            json!("1.2.3"),
            json!("."),
            json!(10_000_000_000_000_i64),
            json!("20260131184200"),
            json!(u64::MAX),
            json!("99999999999999999999"),
            json!(1e300),
            json!(true),
            json!(["2026-01-31"]),
            json!({"date": "2026-01-31"}),
        ] {
            assert_eq!(read_in("UTC", &value), Err(NotADate), "{value}");
        }
    }

    #[test]
    fn seconds_and_milliseconds_are_never_mistaken_for_each_other() {
        for (value, date) in [
            (json!(SECONDS_TO_2000), "2000-01-01T00:00:00Z"),
            (json!(MILLISECONDS_TO_2000), "2000-01-01T00:00:00Z"),
            (json!(LAST_SECOND), "2286-11-20T17:46:39Z"),
            (json!(LAST_MILLISECOND), "2286-11-20T17:46:39.999Z"),
        ] {
            assert_eq!(read_in("UTC", &value), Ok(Some(date.to_owned())), "{value}");
        }
    }

    #[test]
    fn a_signature_has_a_time_that_needs_no_time_zone() {
        for text in ["1769884920", " 1769884920000", "2026-01-31T18:42:00Z", "2026-01-31T19:42:00+01:00"] {
            assert_eq!(instant(text).map(|date| date.to_string()).as_deref(), Some("2026-01-31T18:42:00Z"), "{text}");
        }
        assert_eq!(instant("0"), Some(Timestamp::UNIX_EPOCH));
        for text in ["2026-01-31T18:42:00", "2026-01-31", "", "-1", "1.5", "99999999999999", "1e9", "+1769884920"] {
            assert_eq!(instant(text), None, "{text}");
        }
    }
}
