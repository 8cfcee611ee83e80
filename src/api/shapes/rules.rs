//! The limits of the HTTP API in one place: validation enforces them, and the OpenAPI document states them.

use std::fmt;
use std::time::Duration;

use crate::domain::dates::LatestDate;
use crate::domain::text::as_it_reads;
use crate::domain::{Target, UserRef};

/// Maximum length of an idempotency key, in characters.
pub(in crate::api) const MAX_IDEMPOTENCY_KEY_LENGTH: usize = 255;
/// Maximum number of entries per job.
pub(in crate::api) const MAX_ENTRIES: usize = 100_000;
/// Maximum number of assignments per entry.
pub(in crate::api) const MAX_ASSIGNMENTS: usize = 500;
/// Maximum length of an entry's `ref`, in characters.
pub(in crate::api) const MAX_REFERENCE_LENGTH: usize = 256;
/// Maximum length of a job's `label`, in characters.
pub(in crate::api) const MAX_LABEL_LENGTH: usize = 256;
/// Maximum length of an `email`, an `employeeId` or an `externalId`, in characters.
pub(in crate::api) const MAX_USER_KEY_LENGTH: usize = 320;
/// Maximum length of an assignment's `name`, in characters.
pub(in crate::api) const MAX_NAME_LENGTH: usize = 256;
/// The lowest and the highest proficiency, both inclusive.
pub(in crate::api) const PROFICIENCY: (f64, f64) = (0.0, 5.0);
/// Maximum number of items per page.
pub(in crate::api) const MAX_PAGE_SIZE: usize = 1000;
/// Number of items per page if the caller gives no `limit`.
pub(in crate::api) const DEFAULT_PAGE: usize = 100;
/// Maximum time for which a response is held back by `wait`.
pub(in crate::api) const MAX_WAIT: Duration = Duration::from_secs(60);
/// Maximum number of faults that one problem document lists. Further faults are only counted.
pub(in crate::api) const MAX_FAULTS: usize = 100;

/// The parameters of the validation of an entry. Without a valid target, the rules that depend on it are not checked.
#[derive(Debug, Clone, Copy)]
pub(in crate::api) struct EntryRules {
    pub(in crate::api) target: Option<Target>,
    pub(in crate::api) latest: LatestDate,
}

/// Why a string is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api) enum TextError {
    Blank,
    TooLong { longest: usize },
    ControlCharacter,
    NoAuthority,
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blank => f.write_str("must not be empty or blank"),
            Self::TooLong { longest } => write!(f, "must not be longer than {longest} characters"),
            Self::ControlCharacter => f.write_str("must not contain control characters"),
            Self::NoAuthority => f.write_str("must have the form `authority:key`, with neither part empty"),
        }
    }
}

/// Validates a string that names something: it must be visible, at most `longest` characters long, and free of control
/// characters, which are never intended and would garble logs and exports.
pub(in crate::api) fn text(value: &str, longest: usize) -> Result<(), TextError> {
    if as_it_reads(value).is_empty() {
        Err(TextError::Blank)
    } else if value.len() > longest && value.chars().count() > longest {
        Err(TextError::TooLong { longest })
    } else if value.chars().any(char::is_control) {
        Err(TextError::ControlCharacter)
    } else {
        Ok(())
    }
}

/// Validates an optional string in the same way as [`text`].
pub(in crate::api) fn optional_text(value: Option<Box<str>>, longest: usize) -> Result<Option<Box<str>>, TextError> {
    value.as_deref().map_or(Ok(()), |value| text(value, longest))?;
    Ok(value)
}

/// Parses an external id: the authority that issued it, a colon, and a key, which may itself contain colons.
pub(in crate::api) fn external_id(value: &str) -> Result<UserRef, TextError> {
    text(value, MAX_USER_KEY_LENGTH)?;
    match value.split_once(':').map(|(authority, key)| (authority.trim(), key.trim())) {
        Some((authority, key)) if !as_it_reads(authority).is_empty() && !as_it_reads(key).is_empty() => {
            Ok(UserRef::ExternalId { authority: authority.into(), key: key.into() })
        }
        Some(_) | None => Err(TextError::NoAuthority),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_is_counted_in_characters_not_bytes() {
        assert_eq!(text(&"é".repeat(256), 256), Ok(()));
        assert_eq!(text(&"é".repeat(257), 256), Err(TextError::TooLong { longest: 256 }));
    }

    #[test]
    fn what_nobody_sees_names_nothing() {
        for blank in ["", " ", "\u{a0}", "\u{200b}\u{feff}"] {
            assert_eq!(text(blank, 9), Err(TextError::Blank), "{blank:?}");
        }
        assert_eq!(text("\u{200b}a", 9), Ok(()));
    }

    #[test]
    fn an_external_id_has_an_authority_and_a_key() {
        let parsed = external_id("workday:a:b").unwrap();
        assert_eq!(parsed, UserRef::ExternalId { authority: "workday".into(), key: "a:b".into() });
        for bad in ["workday", ":key", "workday:", " : ", "workday:\u{200b}"] {
            assert_eq!(external_id(bad), Err(TextError::NoAuthority), "{bad:?}");
        }
    }
}
