//! Identification of the user that an entry is about.

use std::fmt;

use uuid::Uuid;

use super::Target;
use super::text::{as_it_reads, folded};

/// Id of a user in Genesys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId(pub Uuid);

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The unit of locking, reading and writing: one user's assignments of one target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserKey {
    pub target: Target,
    pub user: UserId,
}

/// How a caller names a user.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum UserRef {
    /// Genesys user id.
    Id(UserId),
    /// E-mail address, compared regardless of case.
    Email(Box<str>),
    /// Employee id in the user's `employerInfo`.
    EmployeeId(Box<str>),
    /// External id: the authority that issued it, and its key.
    ExternalId { authority: Box<str>, key: Box<str> },
}

impl UserRef {
    /// Returns the same reference for all spellings that mean the same user: keys as they read, addresses in any case.
    /// Only the directory can tell whether an employee id in another case is a different one.
    #[must_use]
    pub fn folded(&self) -> Self {
        match self {
            Self::Email(email) => Self::Email(folded(email).into()),
            Self::EmployeeId(id) => Self::EmployeeId(as_it_reads(id).into()),
            Self::ExternalId { authority, key } => {
                Self::ExternalId { authority: as_it_reads(authority).into(), key: as_it_reads(key).into() }
            }
            Self::Id(_) => self.clone(),
        }
    }

    /// Returns the text of the reference, unless it is a Genesys id.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Email(text) | Self::EmployeeId(text) | Self::ExternalId { key: text, .. } => Some(text),
            Self::Id(_) => None,
        }
    }

    /// Returns how well the reference matches a user of the directory, or `None` if it does not. The directory does not
    /// show external ids, so those match exactly.
    pub fn likeness(&self, found: &DirectoryUser) -> Option<Likeness> {
        let (wanted, own) = match self {
            Self::Id(id) => return (*id == found.id).then_some(Likeness::Exact),
            Self::ExternalId { .. } => return Some(Likeness::Exact),
            Self::Email(email) => (email, found.email.as_deref()?),
            Self::EmployeeId(id) => (id, found.employee_id.as_deref()?),
        };
        if as_it_reads(own) == as_it_reads(wanted) {
            return Some(if is_as_it_reads(own) { Likeness::Exact } else { Likeness::Reads });
        }
        let differs = if matches!(self, Self::Email(_)) { Likeness::Reads } else { Likeness::OtherCase };
        (folded(own) == folded(wanted)).then_some(differs)
    }
}

/// How well a reference matches a user; the best match sorts first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Likeness {
    Exact,
    /// Reads the same, or an address in another case.
    Reads,
    /// An employee id in another case: meant only if no user has it exactly as written.
    OtherCase,
}

/// Returns whether a text is written as it reads.
pub fn is_as_it_reads(text: &str) -> bool {
    as_it_reads(text) == text
}

/// A user as listed in the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryUser {
    pub id: UserId,
    pub email: Option<Box<str>>,
    pub employee_id: Option<Box<str>>,
    pub active: bool,
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn spellings_that_read_the_same_are_one_user_and_cases_of_employee_ids_are_not() {
        let employee = |id: &str| UserRef::EmployeeId(id.into()).folded();
        let external = |key: &str| UserRef::ExternalId { authority: "hr".into(), key: key.into() }.folded();
        for spelling in [" 007", "007\u{a0}", "\u{feff}007", "0\u{200b}07"] {
            assert_eq!((employee(spelling), external(spelling)), (employee("007"), external("007")), "{spelling:?}");
        }
        assert_ne!(employee("007"), employee("7"));
        assert_ne!(employee("E1"), employee("e1"));
        assert_ne!(external("E1"), external("e1"));
        let email = |email: &str| UserRef::Email(email.into()).folded();
        assert_eq!(email("Jose\u{301}@Example.com\u{200b}"), email("jos\u{e9}@example.com"));
        assert_ne!(email("weiss@example.com"), email("weiß@example.com"));
    }

    #[test]
    fn a_name_fits_exactly_or_as_it_reads_or_in_another_case() {
        let user = |email: &str, employee_id: &str| DirectoryUser {
            id: UserId(Uuid::nil()),
            email: Some(email.into()),
            employee_id: Some(employee_id.into()),
            active: true,
        };
        for (wanted, own, likeness) in [
            ("E1", "E1", Some(Likeness::Exact)),
            (" E\u{200b}1", "E1", Some(Likeness::Exact)),
            ("E1", "E1 ", Some(Likeness::Reads)),
            ("e1", "E1", Some(Likeness::OtherCase)),
            ("E1", "E01", None),
        ] {
            assert_eq!(UserRef::EmployeeId(wanted.into()).likeness(&user("", own)), likeness, "{wanted:?} {own:?}");
        }
        let email = UserRef::Email("A@x".into());
        assert_eq!(email.likeness(&user("a@x", "")), Some(Likeness::Reads));
        assert_eq!(email.likeness(&user("b@x", "")), None);
    }
}
