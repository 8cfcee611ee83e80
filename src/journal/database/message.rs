//! What is handed to the thread that writes.

use jiff::Timestamp;
use tokio::sync::oneshot;

use crate::domain::acceptance::{AcceptanceKey, KeyId};
use crate::domain::audit::AuditRecord;
use crate::domain::{JobId, UserKey};
use crate::journal::content::{
    AcceptedJob, CallRecord, Conclusion, Erasure, JobNote, KeptUserState, Memo, OrgIdentity,
};
use crate::journal::error::JournalError;

/// One thing to write down.
#[derive(Debug)]
pub(in crate::journal) enum Entry {
    Accepted {
        job: AcceptedJob,
        keys: Vec<AcceptanceKey>,
        asked: Option<AuditRecord>,
    },
    KeysExpired(Vec<KeyId>),
    JobsForgotten(Vec<JobId>),
    Called(CallRecord),
    Concluded(Box<Conclusion>),
    Stands {
        user: UserKey,
        user_state: KeptUserState,
    },
    Noted {
        job: JobId,
        note: JobNote,
        asked: Option<AuditRecord>,
    },
    Audited(AuditRecord),
    AuditForgotten(Timestamp),
    Memos(Vec<Memo>),
    Erased(Erasure),
    Owner {
        org: OrgIdentity,
        forget_users: bool,
    },
    /// Nothing but a wish to know that everything before it is durable.
    Mark,
}

impl Entry {
    /// Whether it makes new work, that nobody knows of yet.
    pub(in crate::journal) fn is_new(&self) -> bool {
        match self {
            Self::Accepted { .. } => true,
            // Taking back makes nothing new.
            Self::Memos(memos) => memos.iter().any(|memo| memo.value.is_some()),
            Self::KeysExpired(_)
            | Self::JobsForgotten(_)
            | Self::Called(_)
            | Self::Concluded(_)
            | Self::Stands { .. }
            | Self::Noted { .. }
            | Self::Audited(_)
            | Self::AuditForgotten(_)
            | Self::Erased(_)
            | Self::Owner { .. }
            | Self::Mark => false,
        }
    }
}

/// What goes to the writer: an entry, and whom to tell when it is durable.
pub(in crate::journal) type WriterMessage = (Entry, Option<WhenDurable>);
pub(in crate::journal) type WhenDurable = oneshot::Sender<Result<(), JournalError>>;
