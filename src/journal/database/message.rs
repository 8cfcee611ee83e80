//! Messages to the thread that writes.

use jiff::Timestamp;
use tokio::sync::oneshot;

use crate::domain::acceptance::{AcceptanceKey, KeyId};
use crate::domain::audit::AuditRecord;
use crate::domain::{JobId, UserKey};
use crate::journal::content::{
    AcceptedJob, CallRecord, Conclusion, Erasure, JobNote, KeptUserState, Memo, OrgIdentity,
};
use crate::journal::error::JournalError;

/// A record to be written.
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
    /// Carries nothing; asks to be told when everything before it is durable.
    Mark,
}

impl Entry {
    /// Returns whether the record is new work that is not known elsewhere.
    pub(in crate::journal) fn is_new(&self) -> bool {
        match self {
            Self::Accepted { .. } => true,
            // Taking memos back is not new work.
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

/// Message to the writer: a record, and where to report that it is durable.
pub(in crate::journal) type WriterMessage = (Entry, Option<WhenDurable>);
pub(in crate::journal) type WhenDurable = oneshot::Sender<Result<(), JournalError>>;
