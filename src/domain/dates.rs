//! Rules for the date of a change: it must not lie in the future.
//!
//! Of two changes to one user, the later one prevails. A date far in the future would therefore beat every other change
//! until that date, so every date from outside is checked.

use std::fmt;
use std::time::Duration;

use jiff::civil::DateTime;
use jiff::fmt::temporal::Pieces;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

/// Parses a date in RFC 3339 notation; returns `None` for anything else.
pub fn rfc3339(text: &str) -> Option<Timestamp> {
    let date = text.parse().ok()?;
    if text.ends_with(['Z', 'z']) {
        return Some(date);
    }
    let offset = Pieces::parse(text).ok()?.to_numeric_offset();
    offset.is_none_or(is_offset).then_some(date)
}

/// Parses a date as people write it: RFC 3339, an offset without a colon, or no offset at all, which means UTC.
pub fn written(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let without_offset = || TimeZone::UTC.to_timestamp(text.parse::<DateTime>().ok()?).ok();
    rfc3339(text).or_else(without_offset)
}

/// Returns whether RFC 3339 permits the offset: offsets end at 23:59, and a longer one is a mistake.
pub fn is_offset(offset: Offset) -> bool {
    const A_DAY: u32 = 24 * 3600;
    offset.seconds().unsigned_abs() < A_DAY
}

/// The latest date that a change may have: now, plus the tolerance for clock differences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LatestDate {
    now: Timestamp,
    latest: Timestamp,
}

impl LatestDate {
    /// Returns the latest date at `now`, for senders whose clocks are ahead by at most `tolerance`.
    pub fn at(now: Timestamp, tolerance: Duration) -> Self {
        let latest = SignedDuration::try_from(tolerance).ok().and_then(|tolerance| now.checked_add(tolerance).ok());
        Self { now, latest: latest.unwrap_or(Timestamp::MAX) }
    }

    /// Returns the date, or an error if it lies too far in the future.
    pub fn checked(self, date: Timestamp) -> Result<Timestamp, DatedInFuture> {
        if date > self.latest { Err(DatedInFuture { date, now: self.now }) } else { Ok(date) }
    }
}

/// Error: a change is dated in the future.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatedInFuture {
    date: Timestamp,
    now: Timestamp,
}

impl fmt::Display for DatedInFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { date, now } = self;
        write!(
            f,
            "{date} is later than now ({now}), but a change must not be dated in the future; correct the date or omit it"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_of_a_day_is_a_mistake() {
        for text in
            ["2026-11-22T20:15:00Z", "2026-11-22t21:15:00+01:00", "2026-11-22 20:15:00z", "2026-11-23T20:14:00+23:59"]
        {
            assert_eq!(rfc3339(text).map(|date| date.to_string()).as_deref(), Some("2026-11-22T20:15:00Z"), "{text}");
        }
        for bad in ["2026-11-22T20:15:00+24:00", "2026-11-22T20:15:00-25:00", "2026-11-22T20:15:00", "2026-11-22", ""] {
            assert_eq!(rfc3339(bad), None, "{bad}");
        }
    }

    const TOLERANCE: Duration = Duration::from_secs(600);

    fn date(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_date_may_be_ahead_by_the_tolerance_and_no_more() {
        let latest = LatestDate::at(date("2026-11-22T20:15:00Z"), TOLERANCE);
        for past in ["-009999-01-02T01:59:59Z", "0001-01-01T00:00:00Z", "2026-11-22T20:15:00Z", "2026-11-22T20:25:00Z"]
        {
            assert_eq!(latest.checked(date(past)), Ok(date(past)));
        }
        for future in ["2026-11-22T20:25:00.000000001Z", "2062-01-01T00:00:00Z", "9999-12-30T22:00:00Z"] {
            assert!(latest.checked(date(future)).is_err(), "{future}");
        }
    }

    #[test]
    fn a_tolerance_beyond_the_end_of_time_permits_every_date() {
        let latest = LatestDate::at(date("2026-11-22T20:15:00Z"), Duration::MAX);
        assert_eq!(latest.checked(Timestamp::MAX), Ok(Timestamp::MAX));
    }

    #[test]
    fn the_refusal_names_both_dates() {
        let latest = LatestDate::at(date("2026-11-22T20:15:00Z"), TOLERANCE);
        let refused = latest.checked(date("2062-01-01T00:00:00Z")).unwrap_err().to_string();
        assert!(refused.starts_with("2062-01-01T00:00:00Z is later than now (2026-11-22T20:15:00Z)"), "{refused}");
    }
}
