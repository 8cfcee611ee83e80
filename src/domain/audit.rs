//! The audit record of who asked for what; it outlives the job, its entries and the log.

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;

use super::JobId;

/// The party that asks for an action.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Actor {
    /// Holder of the API key with this name.
    Key(Arc<str>),
    /// A webhook source.
    Source(Arc<str>),
    /// A local caller, if no API keys are configured.
    Keyless,
    /// The operator of the service, by a signal.
    Operator,
}

impl Actor {
    /// Returns the kind of actor, as a word.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Key(_) => "key",
            Self::Source(_) => "source",
            Self::Keyless => "keyless",
            Self::Operator => "operator",
        }
    }

    /// Returns the actor's name, if it has one.
    pub fn name(&self) -> Option<&Arc<str>> {
        match self {
            Self::Key(name) | Self::Source(name) => Some(name),
            Self::Keyless | Self::Operator => None,
        }
    }

    /// Returns the actor with this kind and name, or `None` if they do not fit together.
    pub fn of(kind: &str, name: Option<&str>) -> Option<Self> {
        match (kind, name) {
            ("key", Some(name)) => Some(Self::Key(name.into())),
            ("source", Some(name)) => Some(Self::Source(name.into())),
            ("keyless", None) => Some(Self::Keyless),
            ("operator", None) => Some(Self::Operator),
            _ => None,
        }
    }
}

/// An actor together with the request that it made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asker {
    pub actor: Actor,
    /// Address that the request came from.
    pub address: Option<IpAddr>,
    pub request_id: Option<Arc<str>>,
}

impl Asker {
    /// Returns the operator, who acts without a request.
    pub fn operator() -> Self {
        Self { actor: Actor::Operator, address: None, request_id: None }
    }
}

/// The action that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// A job was submitted, by a caller or by a delivery.
    Submitted,
    /// An export was turned into a job.
    Imported,
    /// The plan of a dry run was turned into a job.
    Applied,
    /// A held job was released.
    Released,
    Cancelled,
    /// The entries that another job left unfinished were turned into a job.
    Retried,
    /// The configuration was reloaded.
    Reloaded,
    /// Everything known about a person was erased.
    Erased,
    /// Records that could not be read from an HR system are being read again.
    RecordsRetried,
    /// Records that could not be read from an HR system were dropped.
    RecordsDismissed,
    /// A request was refused because the key does not permit it.
    Refused,
}

impl Action {
    /// All actions.
    pub const ALL: [Self; 11] = [
        Self::Submitted,
        Self::Imported,
        Self::Applied,
        Self::Released,
        Self::Cancelled,
        Self::Retried,
        Self::Reloaded,
        Self::Erased,
        Self::RecordsRetried,
        Self::RecordsDismissed,
        Self::Refused,
    ];

    /// Returns the word for the action in the HTTP API and in the journal.
    pub fn word(self) -> &'static str {
        match self {
            Self::Submitted => "submitted",
            Self::Imported => "imported",
            Self::Applied => "applied",
            Self::Released => "released",
            Self::Cancelled => "cancelled",
            Self::Retried => "retried",
            Self::Reloaded => "reloaded",
            Self::Erased => "erased",
            Self::RecordsRetried => "recordsRetried",
            Self::RecordsDismissed => "recordsDismissed",
            Self::Refused => "refused",
        }
    }

    /// Returns the action for a word, or `None` if there is none.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.word() == word)
    }
}

/// One audit record. It names no employee and no skill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    pub at: Timestamp,
    pub action: Action,
    pub by: Asker,
    /// The job that the action concerned or created.
    pub job: Option<JobId>,
    /// Further detail: the source of an import, or the operation that was refused.
    pub about: Option<Box<str>>,
}

/// Selects audit records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    pub action: Option<Action>,
    /// Name of a key or source.
    pub name: Option<Box<str>>,
    pub job: Option<JobId>,
    /// Earliest time, inclusive.
    pub since: Option<Timestamp>,
    /// Latest time, exclusive.
    pub until: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_lead_back_to_what_they_say() {
        assert!(Action::ALL.into_iter().all(|action| Action::of(action.word()) == Some(action)));
        for actor in [Actor::Key("a".into()), Actor::Source("b".into()), Actor::Keyless, Actor::Operator] {
            assert_eq!(Actor::of(actor.kind(), actor.name().map(|name| &**name)), Some(actor));
        }
        assert_eq!((Action::of("x"), Actor::of("key", None)), (None, None));
    }
}
