//! The rules of the HTTP API in one place: validation enforces them, and the document states them.

use std::fmt;
use std::time::Duration;

use crate::domain::dates::LatestDate;
use crate::domain::text::as_it_reads;
use crate::domain::{Target, UserRef};

/// Characters of a key.
pub(in crate::api) const MAX_IDEMPOTENCY_KEY_LENGTH: usize = 255;
/// Entries of one job.
pub(in crate::api) const MAX_ENTRIES: usize = 100_000;
/// Assignments of one entry.
pub(in crate::api) const MAX_ASSIGNMENTS: usize = 500;
/// Characters of an entry's `ref`.
pub(in crate::api) const MAX_REFERENCE_LENGTH: usize = 256;
/// Characters of a job's `label`.
pub(in crate::api) const MAX_LABEL_LENGTH: usize = 256;
/// Characters of an `email`, an `employeeId` or an `externalId`.
pub(in crate::api) const MAX_USER_KEY_LENGTH: usize = 320;
/// Characters of an assignment's `name`.
pub(in crate::api) const MAX_NAME_LENGTH: usize = 256;
/// The lowest and the highest proficiency.
pub(in crate::api) const PROFICIENCY: (f64, f64) = (0.0, 5.0);
/// Entries on one page.
pub(in crate::api) const MAX_PAGE_SIZE: usize = 1000;
/// Entries on one page when the caller does not say.
pub(in crate::api) const DEFAULT_PAGE: usize = 100;
/// How long the answer to a reader may be held back.
pub(in crate::api) const MAX_WAIT: Duration = Duration::from_secs(60);
/// Faults that one problem document lists; the rest is counted.
pub(in crate::api) const MAX_FAULTS: usize = 100;

/// What the rules for an entry depend on. Without a valid target, those that depend on it are not held against entries.
#[derive(Debug, Clone, Copy)]
pub(in crate::api) struct EntryRules {
    pub(in crate::api) target: Option<Target>,
    pub(in crate::api) latest: LatestDate,
}

/// What is wrong with a string.
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
            Self::NoAuthority => f.write_str("must have the form `authority:key`, with both parts filled"),
        }
    }
}

/// A string that names something: neither blank to who reads it nor too long, and without control characters, which no sender means
/// and which would garble logs and exports.
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

/// The same, where it may be absent.
pub(in crate::api) fn optional_text(value: Option<Box<str>>, longest: usize) -> Result<Option<Box<str>>, TextError> {
    value.as_deref().map_or(Ok(()), |value| text(value, longest))?;
    Ok(value)
}

/// An external id: the authority that gave it, a colon, and its key, which may contain colons itself.
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
