//! Converts values to what a person sees: numbers without binary rounding errors, dates as dates, texts as typed.

use std::borrow::Cow;

use jiff::civil::{DateTime, date};
use jiff::{SignedDuration, Span, Unit};

use super::styles::ShownAs;

/// The day from which dates are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Epoch {
    Y1900,
    Y1904,
}

/// Formats a number in the style of its cell. Returns `None` if the text is not a number.
pub(super) fn number(text: &str, shown: ShownAs, epoch: Epoch) -> Option<String> {
    let value: f64 = text.trim().parse().ok().filter(|value: &f64| value.is_finite())?;
    let special = match shown {
        ShownAs::Number => None,
        ShownAs::Digits(digits) => {
            let digits = usize::from(digits);
            (value >= 0.0 && value.fract() == 0.0).then(|| format!("{value:0digits$}"))
        }
        ShownAs::Date | ShownAs::DateTime => date_of(value, shown == ShownAs::DateTime, epoch),
        ShownAs::Duration => duration(value),
    };
    Some(special.unwrap_or_else(|| plain(value)))
}

/// Formats a number with the fifteen significant digits that spreadsheets have.
fn plain(value: f64) -> String {
    let rounded: f64 = format!("{value:.14e}").parse().unwrap_or(value);
    // Zero is written without a sign.
    if rounded == 0.0 { "0".to_owned() } else { rounded.to_string() }
}

/// Converts a number of days to a date, with the time of day if there is one or if it is shown. Dates in cells have no
/// time zone and are taken as UTC.
fn date_of(days: f64, shows_time: bool, epoch: Epoch) -> Option<String> {
    // Spreadsheets give the year 1900 a 29th of February, so that earlier days are counted from a different date.
    let begin = match epoch {
        Epoch::Y1904 => date(1904, 1, 1),
        Epoch::Y1900 if days < 60.0 => date(1899, 12, 31),
        Epoch::Y1900 => date(1899, 12, 30),
    };
    if days < 0.0 {
        return None;
    }
    let passed = Span::new().try_seconds(seconds(days)?.as_secs()).ok()?;
    let found: DateTime = begin.to_datetime(jiff::civil::Time::midnight()).checked_add(passed).ok()?;
    if days < 1.0 && shows_time {
        return Some(found.time().to_string());
    }
    let has_time = shows_time || found.time() != jiff::civil::Time::midnight();
    Some(if has_time { format!("{found}Z") } else { found.date().to_string() })
}

fn duration(days: f64) -> Option<String> {
    let seconds = seconds(days.abs())?.as_secs();
    let sign = if days < 0.0 { "-" } else { "" };
    Some(format!("{sign}{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60))
}

/// Converts a fraction of a day to whole seconds, which is how exact it is.
fn seconds(days: f64) -> Option<SignedDuration> {
    SignedDuration::try_from_secs_f64(days * 86_400.0).ok()?.round(Unit::Second).ok()
}

/// Decodes the escapes for characters that XML cannot contain, such as `_x000D_`.
pub(super) fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains("_x") {
        return Cow::Borrowed(text);
    }
    let (mut read, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find("_x") {
        let (before, escape) = rest.split_at_checked(at).unwrap_or((rest, ""));
        read.push_str(before);
        let digits = escape.get(2..6).filter(|_| escape.as_bytes().get(6) == Some(&b'_'));
        let character = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()).and_then(char::from_u32);
        let (taken, length) = match character {
            Some(character) => (character, 7),
            None => ('_', 1),
        };
        read.push(taken);
        rest = escape.get(length..).unwrap_or_default();
    }
    read.push_str(rest);
    Cow::Owned(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_what_a_person_sees() {
        for (text, seen) in [
            ("1001", "1001"),
            ("1001.0", "1001"),
            ("1.001E3", "1001"),
            ("4.5", "4.5"),
            ("4.4000000000000004", "4.4"),
            ("0.30000000000000004", "0.3"),
            ("-0", "0"),
            ("123456789012345", "123456789012345"),
            ("1E+21", "1000000000000000000000"),
        ] {
            assert_eq!(number(text, ShownAs::Number, Epoch::Y1900).as_deref(), Some(seen), "{text}");
        }
        assert_eq!(number("123", ShownAs::Digits(5), Epoch::Y1900).as_deref(), Some("00123"));
        assert_eq!(number("12.5", ShownAs::Digits(5), Epoch::Y1900).as_deref(), Some("12.5"));
        for bad in ["", "x", "nan", "inf", "1e999"] {
            assert_eq!(number(bad, ShownAs::Number, Epoch::Y1900), None, "{bad}");
        }
    }

    #[test]
    fn a_date_is_what_a_calendar_says() {
        for (days, shown, seen) in [
            ("45982", ShownAs::Date, "2025-11-21"),
            ("45982.84375", ShownAs::DateTime, "2025-11-21T20:15:00Z"),
            ("45982.84375", ShownAs::Date, "2025-11-21T20:15:00Z"),
            ("45982", ShownAs::DateTime, "2025-11-21T00:00:00Z"),
            ("45982.999999", ShownAs::DateTime, "2025-11-22T00:00:00Z"),
            ("1", ShownAs::Date, "1900-01-01"),
            ("59", ShownAs::Date, "1900-02-28"),
            ("61", ShownAs::Date, "1900-03-01"),
            ("2958465", ShownAs::Date, "9999-12-31"),
            ("2958466", ShownAs::Date, "2958466"),
            ("1e300", ShownAs::DateTime, &plain(1e300)),
            ("-1", ShownAs::Date, "-1"),
            ("0.5", ShownAs::DateTime, "12:00:00"),
            ("1.5", ShownAs::Duration, "36:00:00"),
            ("-0.25", ShownAs::Duration, "-6:00:00"),
        ] {
            assert_eq!(number(days, shown, Epoch::Y1900).as_deref(), Some(seen), "{days}");
        }
        assert_eq!(number("44520", ShownAs::Date, Epoch::Y1904).as_deref(), Some("2025-11-21"));
    }

    #[test]
    fn escapes_of_characters_are_taken_back() {
        for (text, read) in [
            ("a_x000D_b", "a\rb"),
            ("_x005F_x000D_", "_x000D_"),
            ("a_x", "a_x"),
            ("_xZZZZ_", "_xZZZZ_"),
            ("_xD800_", "_xD800_"),
            ("_xé", "_xé"),
        ] {
            assert_eq!(unescaped(text), read);
        }
    }
}
