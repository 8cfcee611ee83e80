//! Who asked for what: the record that stays when the job, its entries and the log are gone.

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;

use super::JobId;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Actor {
    /// The holder of this API key.
    Key(Arc<str>),
    /// A sender of webhooks: the source.
    Source(Arc<str>),
    /// Somebody on this machine, where no keys are configured.
    Keyless,
    /// Whoever runs the service, by a signal.
    Operator,
}

impl Actor {
    /// What kind of actor it is, in words.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Key(_) => "key",
            Self::Source(_) => "source",
            Self::Keyless => "keyless",
            Self::Operator => "operator",
        }
    }

    /// Its name, where there is one.
    pub fn name(&self) -> Option<&Arc<str>> {
        match self {
            Self::Key(name) | Self::Source(name) => Some(name),
            Self::Keyless | Self::Operator => None,
        }
    }

    /// The actor of this kind and name.
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

/// Who asks, and with which request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asker {
    pub actor: Actor,
    /// The address that the request came from.
    pub address: Option<IpAddr>,
    pub request_id: Option<Arc<str>>,
}

impl Asker {
    /// Who runs the service, without a request.
    pub fn operator() -> Self {
        Self { actor: Actor::Operator, address: None, request_id: None }
    }
}

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// A job was submitted, by a caller or by a delivery.
    Submitted,
    /// An export was made into a job.
    Imported,
    /// The plan of a dry run was made into a job.
    Applied,
    /// A held job was let go on.
    Released,
    Cancelled,
    /// A job was made of what another one left.
    Retried,
    /// The configuration was read again.
    Reloaded,
    /// What is known of a person was erased.
    Erased,
    /// Records that could not be read at an HR system are read again.
    RecordsRetried,
    /// They are forgotten.
    RecordsDismissed,
    /// Something was refused, because the key does not permit it.
    Refused,
}

impl Action {
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

    /// The word for it in the HTTP API and in the journal.
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

    /// The action of this word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.word() == word)
    }
}

/// One line of the audit record. It names no employee and no skill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    pub at: Timestamp,
    pub action: Action,
    pub by: Asker,
    /// The job that it was about, or that came of it.
    pub job: Option<JobId>,
    /// What else there is to say: the source of an import, the operation that was refused.
    pub about: Option<Box<str>>,
}

/// Which records to read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    pub action: Option<Action>,
    /// The name of a key or source.
    pub name: Option<Box<str>>,
    pub job: Option<JobId>,
    /// From then on.
    pub since: Option<Timestamp>,
    /// Before then.
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
