//! Keeps all digits of the numbers in JSON.
//!
//! Senders write ids as numbers, and a number of twenty digits fits into no numeric type here: two people would become
//! one. So before the JSON is read, numbers that would lose digits are turned into texts, and equal numbers are written
//! alike.

use std::borrow::Cow;

use serde::de::DeserializeOwned;

/// Maximum number of digits of an integer that always fits into 64 bits.
const INTEGER_DIGITS: usize = 18;
/// Maximum number of significant digits that a 64-bit floating-point number always preserves.
const DECIMAL_DIGITS: usize = 15;
/// Maximum number of zeros after the decimal point for which a decimal is not written with an exponent.
const LEADING_ZEROS: usize = 4;
/// Numbers with an exponent are written out if they have at most this many digits before the decimal point, or zeros
/// directly after it. Others become texts as written.
const MAX_LENGTH: i64 = 64;

/// Parses JSON with its numbers rewritten by [`exact`].
pub(super) fn parsed<T: DeserializeOwned>(json: &[u8]) -> Result<T, serde_json::Error> {
    // On failure, parses the original so that the error points to a position in what was sent.
    serde_json::from_slice(&exact(json)).or_else(|_| serde_json::from_slice(json))
}

/// Rewrites the numbers of a JSON text. Integers in any form become plain digits (`1001.0` and `1.001e3` become `1001`,
/// and `-0` becomes `0`), other numbers become plain decimals, and a number with too many digits becomes a text.
pub(super) fn exact(json: &[u8]) -> Cow<'_, [u8]> {
    let (mut written, mut copied, mut at) = (Vec::new(), 0, 0);
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => at = behind_text(json, at + 1),
            b'-' | b'0'..=b'9' => {
                let rest = json.get(at..).unwrap_or_default();
                let is_part = |byte: &u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
                let length = rest.iter().position(|byte| !is_part(byte)).unwrap_or(rest.len());
                let number = rest.get(..length).and_then(|number| std::str::from_utf8(number).ok());
                if let Some(instead) = number.and_then(instead_of) {
                    written.extend_from_slice(json.get(copied..at).unwrap_or_default());
                    written.extend_from_slice(instead.as_bytes());
                    copied = at + length;
                }
                at += length;
            }
            _ => at += 1,
        }
    }
    if copied == 0 {
        return Cow::Borrowed(json);
    }
    written.extend_from_slice(json.get(copied..).unwrap_or_default());
    Cow::Owned(written)
}

/// Returns the position after the quotation mark that ends a text.
fn behind_text(json: &[u8], mut at: usize) -> usize {
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    at
}

/// Returns the replacement of a number, or `None` if it stays. Malformed numbers are left to the parser.
fn instead_of(number: &str) -> Option<String> {
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (sign, rest) = number.strip_prefix('-').map_or(("", number), |rest| ("-", rest));
    let (mantissa, exponent) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let is_number = !whole.is_empty()
        && !fraction.is_empty()
        && is_digits(whole)
        && is_digits(fraction)
        && (whole.len() == 1 || !whole.starts_with('0'))
        && is_digits(exponent.strip_prefix(['+', '-']).filter(|digits| !digits.is_empty()).unwrap_or(exponent))
        && !exponent.is_empty();
    if !is_number {
        return None;
    }
    let digits = [whole, fraction].concat();
    let begin = digits.find(|digit| digit != '0').unwrap_or(digits.len());
    let significant = digits.get(begin..).unwrap_or_default().trim_end_matches('0');
    // Number of digits before the decimal point; a negative value counts the zeros after it.
    let point = exponent.parse::<i64>().ok().and_then(|exponent| {
        let moved = i64::try_from(whole.len()).ok()?.checked_sub(i64::try_from(begin).ok()?)?;
        exponent.checked_add(moved)
    });
    let has_exponent = rest.len() != mantissa.len();
    let length = i64::try_from(significant.len()).unwrap_or(i64::MAX);
    let written = match point {
        _ if significant.is_empty() => "0".to_owned(),
        Some(point) if !has_exponent || (-MAX_LENGTH..=MAX_LENGTH).contains(&point) => {
            let plain = plain(significant, point);
            let is_exact = if point >= length {
                plain.len() <= INTEGER_DIGITS
            } else {
                significant.len() <= DECIMAL_DIGITS && zeros(point) <= LEADING_ZEROS
            };
            if is_exact { format!("{sign}{plain}") } else { format!("\"{sign}{plain}\"") }
        }
        Some(_) | None => format!("\"{number}\""),
    };
    (written != number).then_some(written)
}

/// Returns the number of zeros between the decimal point and the first digit after it.
fn zeros(point: i64) -> usize {
    usize::try_from(point.saturating_neg()).unwrap_or_default()
}

/// Writes the digits without an exponent, with `point` of them before the decimal point.
fn plain(significant: &str, point: i64) -> String {
    let before = usize::try_from(point).unwrap_or_default();
    match significant.split_at_checked(before) {
        Some((whole, "")) => whole.to_owned(),
        Some(("", fraction)) => format!("0.{}{fraction}", "0".repeat(zeros(point))),
        Some((whole, fraction)) => format!("{whole}.{fraction}"),
        None => format!("{significant:0<before$}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_number_keeps_all_of_its_digits() {
        for (number, kept) in [
            ("0", "0"),
            ("-0", "0"),
            ("-0.0", "0"),
            ("0e5", "0"),
            ("1001", "1001"),
            ("1001.0", "1001"),
            ("1.001E3", "1001"),
            ("1e3", "1000"),
            ("100000e-2", "1000"),
            ("-1.50", "-1.5"),
            ("4.5", "4.5"),
            ("0.0001", "0.0001"),
            ("0.00001", "0.00001"),
            ("123456789012345678", "123456789012345678"),
            ("1234567890123456789", "1234567890123456789"),
            ("98765432109876543210001", "98765432109876543210001"),
            ("-98765432109876543210001", "-98765432109876543210001"),
            ("12345678901234567.0", "12345678901234567"),
            ("0.12345678901234567890", "0.1234567890123456789"),
            ("1234567.890123456789", "1234567.890123456789"),
            ("1e21", "1000000000000000000000"),
            ("1e400", "1e400"),
            ("1e99999999999999999999", "1e99999999999999999999"),
            ("2E-400", "2E-400"),
        ] {
            let json = format!("{{\"id\": {number}}}");
            let read: Value = parsed(json.as_bytes()).unwrap();
            let read = read["id"].as_str().map_or_else(|| read["id"].to_string(), str::to_owned);
            assert_eq!(read, kept, "{number}");
        }
        let long = format!("{}.0", "7".repeat(5000));
        assert_eq!(parsed::<Value>(long.as_bytes()).unwrap(), "7".repeat(5000));
    }

    #[test]
    fn nothing_but_numbers_is_changed() {
        for json in [
            r#"{"a 1.0": "b\\\"1.0", "c": [true, null, -7, 2.5]}"#,
            "",
            "\"1.0",
            "\"1.0\\",
            "tru",
            "\u{e9} \"\u{e9} 1.0\"",
        ] {
            assert!(matches!(exact(json.as_bytes()), Cow::Borrowed(_)), "{json}");
        }
        assert_eq!(&*exact(br#"[1.0,"1.0",{"1.0":-0}]"#), br#"[1,"1.0",{"1.0":0}]"#);
        for bad in ["01", "1.", ".5", "-", "+1", "1e", "1e+", "1-2", "--1", "1.2.3", "1e1.5", "00.5", "-01"] {
            assert!(parsed::<Value>(bad.as_bytes()).is_err(), "{bad}");
        }
        let told = parsed::<Value>(b"[1.0, 1.0, x]").unwrap_err().to_string();
        assert!(told.contains("column 12"), "{told}");
    }
}
