//! Parses how long a server asks to be left alone: `Retry-After`, and headers with the same meaning.
//!
//! RFC 9110 (section 10.2.3) permits seconds or a date. Gateways also send fractions, epochs, dates in the past, and
//! numbers beyond the range of any clock. All of them are parsed only here, and the result never exceeds
//! [`MAX_RETRY_AFTER`]: callers that add the wait to an instant, or sleep for it, need no bound of their own.

use std::time::{Duration, UNIX_EPOCH};

use http::HeaderMap;
use http::header::{DATE, RETRY_AFTER};
use jiff::{SignedDuration, Timestamp};

/// Longest wait that is believed. No rate limit of Genesys has a window longer than a minute, and asking once an hour
/// is enough to notice the end of a longer maintenance; an unbounded wait from a broken header would need manual
/// intervention.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// Numbers from here on are dates rather than waits: as seconds since 1970, it is September 2001; as a wait, 31 years.
const EPOCH_SECONDS: f64 = 1e9;
/// Numbers from here on are milliseconds since 1970: as seconds, it is the year 5138; as milliseconds, 1973.
const EPOCH_MILLIS: f64 = 1e11;

/// Returns the wait that `Retry-After` asks for; `None` if the header is missing or cannot be parsed.
///
/// `now` is the date of our own clock. It matters only if the header names a date and the answer has no `Date` header.
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    wait_named(headers, RETRY_AFTER.as_str(), now)
}

/// Returns the wait that the header `name` asks for, in any of the forms of `Retry-After`.
pub fn wait_named(headers: &HeaderMap, name: &str, now: Timestamp) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let answered_at = || text(DATE.as_str()).and_then(date).unwrap_or(now);
    let wait = match NamedWait::read(text(name)?)? {
        NamedWait::Wait(wait) => wait,
        // The wait is the difference of two dates of the server's clock, because ours may differ by minutes.
        NamedWait::Date(until) => Duration::try_from(until.duration_since(answered_at())).ok()?,
    };
    Some(wait.min(MAX_RETRY_AFTER)).filter(|wait| !wait.is_zero())
}

/// The value of a header.
enum NamedWait {
    Wait(Duration),
    Date(Timestamp),
}

impl NamedWait {
    fn read(text: &str) -> Option<Self> {
        if !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
            return date(text).map(Self::Date);
        }
        let number: f64 = text.parse().ok()?;
        let seconds = if number < EPOCH_MILLIS { number } else { number / 1000.0 };
        let length = Duration::try_from_secs_f64(seconds).ok()?;
        if number < EPOCH_SECONDS {
            return Some(Self::Wait(length));
        }
        since_1970(length).map(Self::Date)
    }
}

/// Parses a date in any of the three formats of RFC 9110.
fn date(text: &str) -> Option<Timestamp> {
    since_1970(httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?)
}

fn since_1970(length: Duration) -> Option<Timestamp> {
    Timestamp::UNIX_EPOCH.checked_add(SignedDuration::try_from(length).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "what the parser answers")]
    const fn secs(seconds: u64) -> Option<Duration> {
        Some(Duration::from_secs(seconds))
    }

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(name.parse::<http::HeaderName>().unwrap(), value.parse().unwrap());
        }
        headers
    }

    /// 1795896000 is this date.
    fn now() -> Timestamp {
        "2026-11-28T20:00:00Z".parse().unwrap()
    }

    #[test]
    fn every_form_is_read_and_what_cannot_be_meant_is_no_wait() {
        for (text, expected) in [
            ("42", secs(42)),
            (" 7 ", secs(7)),
            ("6.0", secs(6)),
            ("6.", secs(6)),
            (".5", Some(Duration::from_millis(500))),
            ("3600", secs(3600)),
            ("3601", secs(3600)),
            ("604800", secs(3600)),
            ("999999999", secs(3600)),
            // Dates: the current format, that of RFC 850, and that of asctime.
            ("Sat, 28 Nov 2026 20:00:06 GMT", secs(6)),
            ("Saturday, 28-Nov-26 20:00:06 GMT", secs(6)),
            ("Sat Nov 28 20:00:06 2026", secs(6)),
            ("Thu, 30 Dec 9999 20:00:00 GMT", secs(3600)),
            // Epochs: seconds, milliseconds, one in the past, one in the far future.
            ("1795896006", secs(6)),
            ("1795896006.5", Some(Duration::from_millis(6500))),
            ("1795896006000", secs(6)),
            ("1795895999", None),
            ("1000000000", None),
            ("3591792000", secs(3600)),
            // No wait.
            ("0", None),
            ("0.0", None),
            ("Sat, 28 Nov 2026 20:00:00 GMT", None),
            ("Sat, 28 Nov 2026 19:59:59 GMT", None),
            ("Thu, 01 Jan 1970 00:00:00 GMT", None),
            // Unparseable, or beyond the range of known dates.
            ("Fri, 31 Dec 9999 23:59:59 GMT", None),
            ("", None),
            (".", None),
            ("1.2.3", None),
            ("-1", None),
            ("+5", None),
            ("1e3", None),
            ("NaN", None),
            ("inf", None),
            ("soon", None),
            ("PT5S", None),
            ("5, 6", None),
            ("Sat, 28 Nov 2026 20:00:06 +0000", None),
        ] {
            assert_eq!(retry_after(&headers(&[("retry-after", text)]), now()), expected, "{text:?}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now()), None);
    }

    #[test]
    fn no_number_is_too_large_to_be_read() {
        for digits in 1..400 {
            for digit in ['1', '9'] {
                let text = digit.to_string().repeat(digits);
                let wait = retry_after(&headers(&[("retry-after", &text)]), now());
                assert!(wait.is_none_or(|wait| wait <= MAX_RETRY_AFTER), "{text}: {wait:?}");
            }
        }
        for text in ["18446744073709551615", "18446744073709551616", "9223372036854775807"] {
            let wait = retry_after(&headers(&[("retry-after", text)]), now());
            assert!(wait.is_none_or(|wait| wait == MAX_RETRY_AFTER), "{text}: {wait:?}");
        }
    }

    #[test]
    fn a_date_is_measured_by_the_clock_of_who_wrote_it() {
        let late = ("date", "Sat, 28 Nov 2026 21:30:00 GMT");
        for (named, expected) in [("Sat, 28 Nov 2026 21:30:09 GMT", secs(9)), ("1795901409", secs(9)), ("42", secs(42))]
        {
            assert_eq!(retry_after(&headers(&[late, ("retry-after", named)]), now()), expected, "{named}");
        }
        let broken = ("date", "yesterday");
        let named = ("retry-after", "Sat, 28 Nov 2026 20:00:06 GMT");
        assert_eq!(retry_after(&headers(&[broken, named]), now()), secs(6));
    }

    #[test]
    fn other_headers_are_read_the_same_way() {
        let headers = headers(&[("inin-ratelimit-reset", "1795896009")]);
        assert_eq!(wait_named(&headers, "inin-ratelimit-reset", now()), secs(9));
        assert_eq!(retry_after(&headers, now()), None);
    }
}
