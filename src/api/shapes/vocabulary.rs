//! The closed sets of words that the HTTP API uses, each tied to its domain enum.
//!
//! The domain stays free of wire formats: `ToSchema` and serde sit here only. The mapping is exhaustive both ways, so a
//! variant that the domain gains does not compile until it has a word.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain;

/// A set of words, as a fault lists it.
pub(in crate::api) trait Words {
    /// Every valid word, in the order of the document.
    const WORDS: &'static [&'static str];
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident for $domain:ty { $($variant:ident => $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "camelCase")]
        pub enum $name { $($variant),+ }

        impl $name {
            /// The word on the wire.
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
    /// What is written: routing skills (with proficiency) or WFM skill groups (without).
    SyncTarget for domain::Target {
        RoutingSkills => "routingSkills",
        WfmSkillGroups => "wfmSkillGroups",
    }
}

words! {
    /// What the listed assignments mean. `add`: have these too. `remove`: have these no more. `managed`: have these, and
    /// of the rest lose only what skillsync itself assigned or what is configured as managed. `replace`: have exactly
    /// these.
    SyncMode for domain::Mode {
        Add => "add",
        Remove => "remove",
        Managed => "managed",
        Replace => "replace",
    }
}

words! {
    /// How urgent a job is. `interactive` goes first, and is for small jobs only.
    SyncLane for domain::job::Lane {
        Interactive => "interactive",
        Bulk => "bulk",
    }
}

/// What it means that several entries of one job are about one user. `merge`: their lists are one list. `inOrder`: they are
/// changes that follow each other, by `occurredAt` where it is given, else as they stand in the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum SyncSameUser {
    Merge,
    InOrder,
}

impl SyncSameUser {
    /// The word for it, if there is one: that such entries are refused is what the absent field means.
    pub(in crate::api) fn of(same_user: domain::job::SameUser) -> Option<Self> {
        match same_user {
            domain::job::SameUser::Refuse => None,
            domain::job::SameUser::Merge => Some(Self::Merge),
            domain::job::SameUser::InOrder => Some(Self::InOrder),
        }
    }

    /// The word on the wire.
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
    /// What somebody asked for. `recordsRetried` and `recordsDismissed`: of records that could not be read at an HR system. `reloaded`: the configuration was read again. `refused`: the key does not permit it.
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

/// What asks: the holder of a key, the source of a webhook, somebody on the service's own machine where there are no keys, or
/// whoever runs the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) enum AuditActor {
    Key,
    Source,
    Keyless,
    Operator,
}

impl AuditActor {
    /// The word on the wire.
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
    /// Where a job stands. `parked`: Genesys asked to wait for long. `held`: a safety threshold stopped it.
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
    /// Where an entry stands. `pending`, `running`, `waiting` and `held` are open; all others are final.
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
    /// Why Genesys refused a write although it carried the version just read.
    ConflictCause for domain::conflict::Cause {
        WrongVersion => "wrongVersion",
        ForeignWriter => "foreignWriter",
        OwnConcurrency => "ownConcurrency",
        ReadLag => "readLag",
        Busy => "busy",
        Blocked => "blocked",
    }
}

/// The word for a reason. A plain string on the wire: it is absent for most entries, and a nullable enum breaks
/// generated clients.
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
