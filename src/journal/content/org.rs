//! The org that a journal belongs to.

use std::fmt;

use uuid::Uuid;

use super::{Memo, Recovered};

/// Identity of an org: its id, if Genesys has reported it, and the host and client through which it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrgIdentity {
    pub org: Option<Uuid>,
    pub api_host: Box<str>,
    pub client_id: Box<str>,
}

impl OrgIdentity {
    /// Returns whether both are reached by the same client at the same host.
    pub fn is_reached_like(&self, other: &Self) -> bool {
        self.api_host == other.api_host && self.client_id == other.client_id
    }
}

impl fmt::Display for OrgIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.org {
            Some(org) => write!(f, "org {org} ")?,
            None => f.write_str("an org ")?,
        }
        write!(f, "at {} (client {})", self.api_host, self.client_id)
    }
}

/// Content of a journal that belongs to one org and would be wrong in another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Entries that have not ended.
    pub open_entries: usize,
    /// Number of user states.
    pub user_states: usize,
    /// Number of memos in those spaces that are about people.
    pub people: usize,
}

impl Holdings {
    /// Counts what was read back; `speaks_of_people` selects the memos that count.
    pub fn of(recovered: &Recovered, speaks_of_people: impl Fn(&Memo) -> bool) -> Self {
        Self {
            open_entries: recovered.jobs.iter().flat_map(|job| &job.outcomes).filter(|end| end.is_none()).count(),
            user_states: recovered.user_states.len(),
            people: recovered.memos.iter().filter(|memo| speaks_of_people(memo)).count(),
        }
    }

    /// Returns whether the journal contains nothing of the kind.
    pub fn is_nothing(self) -> bool {
        self == Self::default()
    }
}

impl fmt::Display for Holdings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { open_entries, user_states, people } = self;
        write!(f, "{open_entries} open entries, {user_states} user states, and {people} people named by HR systems")
    }
}
