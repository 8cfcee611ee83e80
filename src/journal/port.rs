//! The interface of a journal.

use std::fmt;
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::watch;

use crate::domain::acceptance::{AcceptanceKey, KeyId};
use crate::domain::audit::{AuditFilter, AuditRecord};
use crate::domain::{JobId, UserKey};
use crate::journal::content::{
    AcceptedJob, AuditPage, CallRecord, Conclusion, Erasure, JobNote, JournalHealth, JournalUsage, KeptUserState, Memo,
    OrgIdentity,
};
use crate::journal::error::JournalError;

/// Maximum delay before a record that no caller waits for is flushed.
pub const LATEST: Duration = Duration::from_millis(50);

/// A store for everything that must survive the process.
pub trait Journal: fmt::Debug + Send + Sync {
    /// Records a job, the keys under which it was submitted, and who asked for it. Resolves once all of it is durable;
    /// on failure, nothing of it is kept.
    fn accept_asked(
        &self,
        job: AcceptedJob,
        keys: Vec<AcceptanceKey>,
        asked: Option<AuditRecord>,
    ) -> BoxFuture<'_, Result<(), JournalError>>;

    /// Like [`Journal::accept_asked`], for a job that no one asked for.
    fn accept(&self, job: AcceptedJob, keys: Vec<AcceptanceKey>) -> BoxFuture<'_, Result<(), JournalError>> {
        self.accept_asked(job, keys, None)
    }

    /// Forgets keys that have expired.
    fn forget_keys(&self, keys: Vec<KeyId>);

    /// Records that a write is about to be sent, as described by `user_state.attempt`. Resolves once that is durable.
    fn intend(&self, user: UserKey, user_state: KeptUserState) -> BoxFuture<'_, Result<(), JournalError>>;

    /// Records that a write was not carried out: `user_state` is what is now remembered of the user.
    fn stands(&self, user: UserKey, user_state: KeptUserState);

    /// Records that entries have ended. The conclusion is taken when this is called, in the order of the calls, and
    /// retried over any number of failures until it is durable as a whole; then the future resolves. Fails only if the
    /// journal is closed before that.
    fn conclude(&self, conclusion: Conclusion) -> BoxFuture<'_, Result<(), JournalError>>;

    /// Records a decision about a job and who made it, both or neither. Resolves once that is durable.
    fn note_asked(
        &self,
        job: JobId,
        note: JobNote,
        asked: Option<AuditRecord>,
    ) -> BoxFuture<'_, Result<(), JournalError>>;

    /// Like [`Journal::note_asked`], for a decision that the service made by itself.
    fn note(&self, job: JobId, note: JobNote) -> BoxFuture<'_, Result<(), JournalError>> {
        self.note_asked(job, note, None)
    }

    /// Adds to the audit record. Resolves once that is durable.
    fn audit(&self, record: AuditRecord) -> BoxFuture<'_, Result<(), JournalError>>;

    /// Forgets audit records from before `before`.
    fn forget_audit(&self, before: Timestamp);

    /// Reads a page of the audit record, starting below the record with number `older_than`; `None` if no records are
    /// kept.
    fn audited(
        &self,
        filter: AuditFilter,
        older_than: Option<u64>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Option<AuditPage>, JournalError>>;

    /// Keeps or takes back memos, all of them or none. Resolves once that is durable.
    fn remember(&self, memos: Vec<Memo>) -> BoxFuture<'_, Result<(), JournalError>>;

    /// Erases a person, completely or not at all. Resolves once that is durable and no file of the journal contains
    /// anything of the person. [`JournalError::StillInFiles`] means that the latter is not yet the case, and that
    /// another attempt helps.
    fn erase(&self, erasure: Erasure) -> BoxFuture<'_, Result<(), JournalError>>;

    /// Forgets jobs that ended so long ago that they are no longer kept.
    fn forget_jobs(&self, jobs: Vec<JobId>);

    /// Records calls to Genesys that may be under way. Resolves once that is durable.
    fn calls(&self, record: CallRecord) -> BoxFuture<'_, Result<(), JournalError>>;

    /// Records that everything in the journal is about this org. Resolves once that is durable. With `forget_users`,
    /// user states are removed, because they contain ids of a different org.
    fn belong_to(&self, org: OrgIdentity, forget_users: bool) -> BoxFuture<'_, Result<(), JournalError>>;

    /// As long as there is a reason, refuses new jobs and memos.
    fn doubt(&self, _why: Option<JournalError>) {}

    /// Returns how much is kept.
    fn usage(&self) -> JournalUsage;

    /// Watches the reason why nothing new can be accepted at the moment, if it lies in the journal's files.
    fn trouble(&self) -> watch::Receiver<Option<JournalError>> {
        watch::channel(None).1
    }

    /// Returns how the journal performs; `None` if nothing is written.
    fn health(&self) -> Option<JournalHealth> {
        None
    }

    /// Waits until everything handed over so far is durable.
    fn flush(&self) -> BoxFuture<'_, Result<(), JournalError>>;

    /// Resolves with the reason once nothing can be written any more, unless the journal was closed; usually it never
    /// does.
    fn broken(&self) -> BoxFuture<'_, JournalError> {
        Box::pin(std::future::pending())
    }
}
