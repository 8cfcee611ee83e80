//! The org that a journal belongs to.

use std::fmt;

use uuid::Uuid;

use super::{Memo, Recovered};

/// What is known of an org: its id, once it has told it, and the host and client by which it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrgIdentity {
    pub org: Option<Uuid>,
    pub api_host: Box<str>,
    pub client_id: Box<str>,
}

impl OrgIdentity {
    /// Whether both are reached by the same client at the same host.
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

/// What a journal holds that is about one org and would be wrong in another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Entries that have not ended.
    pub open_entries: usize,
    /// Users and targets of whom is remembered what is ours.
    pub user_states: usize,
    /// Notes of other parts, of those spaces that speak of people.
    pub people: usize,
}

impl Holdings {
    /// What was read back; `speaks_of_people` tells which memos count.
    pub fn of(recovered: &Recovered, speaks_of_people: impl Fn(&Memo) -> bool) -> Self {
        Self {
            open_entries: recovered.jobs.iter().flat_map(|job| &job.outcomes).filter(|end| end.is_none()).count(),
            user_states: recovered.user_states.len(),
            people: recovered.memos.iter().filter(|memo| speaks_of_people(memo)).count(),
        }
    }

    pub fn is_nothing(self) -> bool {
        self == Self::default()
    }
}

impl fmt::Display for Holdings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { open_entries, user_states, people } = self;
        write!(
            f,
            "{open_entries} open entries, what is remembered of users in {user_states} records, and {people} people named by HR systems"
        )
    }
}
