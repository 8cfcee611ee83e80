//! Whom an entry is about.

use std::fmt;

use uuid::Uuid;

use super::Target;

/// The id of a user at Genesys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId(pub Uuid);

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What is locked, read and written as one: one user's assignments of one target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserKey {
    pub target: Target,
    pub user: UserId,
}

/// How a caller names a user.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum UserRef {
    /// The Genesys user id.
    Id(UserId),
    /// The e-mail address, compared without case.
    Email(Box<str>),
    /// The employee id in the user's `employerInfo`.
    EmployeeId(Box<str>),
    /// An external id: the authority that gave it, and its key.
    ExternalId { authority: Box<str>, key: Box<str> },
}

impl UserRef {
    /// The same for all spellings that mean the same user.
    #[must_use]
    pub fn folded(&self) -> Self {
        match self {
            Self::Email(email) => Self::Email(email.trim().to_lowercase().into()),
            Self::EmployeeId(id) => Self::EmployeeId(id.trim().into()),
            Self::Id(_) | Self::ExternalId { .. } => self.clone(),
        }
    }
}

/// A user as the directory lists them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryUser {
    pub id: UserId,
    pub email: Option<Box<str>>,
    pub employee_id: Option<Box<str>>,
    pub active: bool,
}
