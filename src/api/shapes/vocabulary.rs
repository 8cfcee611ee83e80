//! The closed sets of words on the wire, each mapped to its domain enum.
//!
//! The domain stays free of wire formats: `ToSchema` and serde are used only here. The mapping is exhaustive in both
//! directions, so a new domain variant does not compile until it has a word.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain;

/// A closed set of words, as listed in faults.
pub(in crate::api) trait Words {
    /// All valid words, in the order of the OpenAPI document.
    const WORDS: &'static [&'static str];
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident for $domain:ty { $($variant:ident => $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "camelCase")]
        pub enum $name { $($variant),+ }

        impl $name {
            /// Returns the word on the wire.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl Words for $name {
            const WORDS: &'static [&'static str] = &[$($word),+];
        }

        impl From<$domain> for $name {
            fn from(value: $domain) -> Self {
                match value { $(<$domain>::$variant => Self::$variant),+ }
            }
        }

        impl From<$name> for $domain {
            fn from(value: $name) -> Self {
                match value { $($name::$variant => Self::$variant),+ }
            }
        }
    };
}

words! {
    /// What is assigned: routing skills (with proficiency) or WFM skill groups (without).
    SyncTarget for domain::Target {
        RoutingSkills => "routingSkills",
        WfmSkillGroups => "wfmSkillGroups",
    }
}

words! {
    /// What a list of assignments means. `add`: the user also gets these. `remove`: the user loses these. `managed`:
    /// the user gets these and loses other assignments only if skillsync made them or they are configured as managed.
    /// `replace`: the user has exactly these.
    SyncMode for domain::Mode {
        Add => "add",
        Remove => "remove",
        Managed => "managed",
        Replace => "replace",
    }
}

words! {
    /// The lane of a job. The calls of `interactive` jobs go first; a submitted one may have at most 20 entries.
    SyncLane for domain::job::Lane {
        Interactive => "interactive",
        Bulk => "bulk",
    }
}

/// How several entries for one user in one job are treated. `merge`: their lists are combined. `inOrder`: they are
/// successive changes, ordered by `occurredAt` if given, otherwise by their position in the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum SyncSameUser {
    Merge,
    InOrder,
}

impl SyncSameUser {
    /// Returns the word, or `None` for `Refuse`, which the absent field stands for.
    pub(in crate::api) fn of(same_user: domain::job::SameUser) -> Option<Self> {
        match same_user {
            domain::job::SameUser::Refuse => None,
            domain::job::SameUser::Merge => Some(Self::Merge),
            domain::job::SameUser::InOrder => Some(Self::InOrder),
        }
    }

    /// Returns the word on the wire.
    pub fn word(self) -> &'static str {
        domain::job::SameUser::from(self).name().unwrap_or_default()
    }
}

impl Words for SyncSameUser {
    const WORDS: &'static [&'static str] = &["merge", "inOrder"];
}

impl From<SyncSameUser> for domain::job::SameUser {
    fn from(value: SyncSameUser) -> Self {
        match value {
            SyncSameUser::Merge => Self::Merge,
            SyncSameUser::InOrder => Self::InOrder,
        }
    }
}

words! {
    /// The audited action. `recordsRetried` and `recordsDismissed`: records that could not be read from an HR system
    /// were retried or dismissed. `reloaded`: the configuration was read again. `refused`: the API key did not permit a
    /// request.
    AuditAction for domain::audit::Action {
        Submitted => "submitted",
        Imported => "imported",
        Applied => "applied",
        Released => "released",
        Cancelled => "cancelled",
        Retried => "retried",
        Reloaded => "reloaded",
        Erased => "erased",
        RecordsRetried => "recordsRetried",
        RecordsDismissed => "recordsDismissed",
        Refused => "refused",
    }
}

/// The kind of actor: the holder of an API key (`key`), a configured source (`source`), a local caller of a service
/// without API keys (`keyless`), or the operator of the service (`operator`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) enum AuditActor {
    Key,
    Source,
    Keyless,
    Operator,
}

impl AuditActor {
    /// Returns the word on the wire.
    pub(in crate::api) fn word(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Source => "source",
            Self::Keyless => "keyless",
            Self::Operator => "operator",
        }
    }
}

words! {
    /// The status of a job. `parked`: Genesys asked for a long pause. `held`: the job would remove so much that an
    /// operator has to confirm it first.
    SyncJobStatus for domain::job::JobStatus {
        Queued => "queued",
        Running => "running",
        Parked => "parked",
        Held => "held",
        Completed => "completed",
        Cancelled => "cancelled",
    }
}

words! {
    /// The state of an entry. `pending`, `running`, `waiting` and `held` are open; all others are final.
    SyncJobEntryState for domain::EntryState {
        Pending => "pending",
        Running => "running",
        Waiting => "waiting",
        Planned => "planned",
        Applied => "applied",
        Unchanged => "unchanged",
        Failed => "failed",
        Superseded => "superseded",
        Cancelled => "cancelled",
        Held => "held",
    }
}

words! {
    /// The cause of a conflict: why Genesys refused a write although it carried the version just read.
    ConflictCause for domain::conflict::Cause {
        WrongVersion => "wrongVersion",
        ForeignWriter => "foreignWriter",
        OwnConcurrency => "ownConcurrency",
        ReadLag => "readLag",
        Busy => "busy",
        Blocked => "blocked",
    }
}

/// Returns the word for a reason. It is a plain string on the wire, because most entries have none and a nullable enum
/// breaks generated clients.
pub fn reason(reason: domain::Reason) -> &'static str {
    match reason {
        domain::Reason::UserNotFound => "userNotFound",
        domain::Reason::UserAmbiguous => "userAmbiguous",
        domain::Reason::UserInactive => "userInactive",
        domain::Reason::AssignmentNotFound => "assignmentNotFound",
        domain::Reason::AssignmentAmbiguous => "assignmentAmbiguous",
        domain::Reason::TooManyAssignments => "tooManyAssignments",
        domain::Reason::Blocked => "blocked",
        domain::Reason::ConflictsExhausted => "conflictsExhausted",
        domain::Reason::Forbidden => "forbidden",
        domain::Reason::Rejected => "rejected",
        domain::Reason::UpstreamUnavailable => "upstreamUnavailable",
        domain::Reason::TargetUnavailable => "targetUnavailable",
        domain::Reason::StaleEvent => "staleEvent",
        domain::Reason::PlanOutdated => "planOutdated",
        domain::Reason::DuplicateUser => "duplicateUser",
        domain::Reason::InternalError => "internalError",
    }
}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;

    use super::*;

    fn assert_words_are_what_is_on_the_wire<T: Words + Serialize + DeserializeOwned>() {
        for word in T::WORDS {
            let quoted = format!("\"{word}\"");
            let value: T = serde_json::from_str(&quoted).unwrap();
            assert_eq!(serde_json::to_string(&value).unwrap(), quoted);
        }
    }

    #[test]
    fn the_listed_words_are_those_on_the_wire() {
        assert_words_are_what_is_on_the_wire::<SyncTarget>();
        assert_words_are_what_is_on_the_wire::<SyncMode>();
        assert_words_are_what_is_on_the_wire::<SyncLane>();
        assert_words_are_what_is_on_the_wire::<SyncSameUser>();
        assert_words_are_what_is_on_the_wire::<SyncJobStatus>();
        assert_words_are_what_is_on_the_wire::<SyncJobEntryState>();
        assert_words_are_what_is_on_the_wire::<ConflictCause>();
    }
}
