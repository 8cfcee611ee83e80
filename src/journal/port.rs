//! What others ask of a journal.

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

/// The longest time that what nobody waits for waits for its flush.
pub const LATEST: Duration = Duration::from_millis(50);

/// Where things are written down.
pub trait Journal: fmt::Debug + Send + Sync {
    /// Takes a job, the keys that it was sent under, and the record of who asked for it. Durable when it answers; nothing of
    /// them is kept if it fails.
    fn accept_asked(
        &self,
        job: AcceptedJob,
        keys: Vec<AcceptanceKey>,
        asked: Option<AuditRecord>,
    ) -> BoxFuture<'_, Result<(), JournalError>>;

    /// The same without a record, for a job that nobody asked for.
    fn accept(&self, job: AcceptedJob, keys: Vec<AcceptanceKey>) -> BoxFuture<'_, Result<(), JournalError>> {
        self.accept_asked(job, keys, None)
    }

    /// The time of these keys is over.
    fn forget_keys(&self, keys: Vec<KeyId>);

    /// A write is about to go out, as `standing.attempt` says. Durable when it answers.
    fn intend(&self, user: UserKey, user_state: KeptUserState) -> BoxFuture<'_, Result<(), JournalError>>;

    /// A write did not go through, so `standing` is what is remembered of the user.
    fn stands(&self, user: UserKey, user_state: KeptUserState);

    /// Entries have ended. Taken when this is called, in the order of the calls, and kept over any number of failures until
    /// it is durable, all of it at once: then it answers. Fails only if the journal is closed before.
    fn conclude(&self, conclusion: Conclusion) -> BoxFuture<'_, Result<(), JournalError>>;

    /// Something was decided about a job, by whom the record tells. Durable when it answers, both or neither.
    fn note_asked(
        &self,
        job: JobId,
        note: JobNote,
        asked: Option<AuditRecord>,
    ) -> BoxFuture<'_, Result<(), JournalError>>;

    /// The same where the service decided by itself.
    fn note(&self, job: JobId, note: JobNote) -> BoxFuture<'_, Result<(), JournalError>> {
        self.note_asked(job, note, None)
    }

    /// Adds to the audit record. Durable when it answers.
    fn audit(&self, record: AuditRecord) -> BoxFuture<'_, Result<(), JournalError>>;

    /// The records from before then are not kept any more.
    fn forget_audit(&self, before: Timestamp);

    /// Reads a page of the audit record, of what is older than the record of this number; `None` where nothing is kept.
    fn audited(
        &self,
        filter: AuditFilter,
        older_than: Option<u64>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Option<AuditPage>, JournalError>>;

    /// Keeps memos, or takes them back. Durable when it answers; all of them or none.
    fn remember(&self, memos: Vec<Memo>) -> BoxFuture<'_, Result<(), JournalError>>;

    /// Erases a person, all of it or nothing. When it answers, it is durable, and nothing of them is left in the journal's
    /// files; [`JournalError::StillInFiles`] says that the latter is not so yet, and that asking again helps.
    fn erase(&self, erasure: Erasure) -> BoxFuture<'_, Result<(), JournalError>>;

    /// These jobs have ended so long ago that they are not kept any more.
    fn forget_jobs(&self, jobs: Vec<JobId>);

    /// Calls may be under way to Genesys as the record says. Durable when it answers.
    fn calls(&self, record: CallRecord) -> BoxFuture<'_, Result<(), JournalError>>;

    /// Everything in here is about this org from now on. Durable when it answers. With `forget_users`, what is remembered of
    /// users goes: it names ids of another one.
    fn belong_to(&self, org: OrgIdentity, forget_users: bool) -> BoxFuture<'_, Result<(), JournalError>>;

    /// As long as there is a reason, no job and no memo is taken.
    fn doubt(&self, _why: Option<JournalError>) {}

    /// How much is kept.
    fn usage(&self) -> JournalUsage;

    /// Why nothing new can be taken at the moment, as far as that lies with the journal's files.
    fn trouble(&self) -> watch::Receiver<Option<JournalError>> {
        watch::channel(None).1
    }

    /// How it gets on; `None` where nothing is written.
    fn health(&self) -> Option<JournalHealth> {
        None
    }

    /// Waits until everything handed over so far is durable.
    fn flush(&self) -> BoxFuture<'_, Result<(), JournalError>>;

    /// Waits until nothing can be written any more, and not because the journal was closed; mostly for ever. Tells why.
    fn broken(&self) -> BoxFuture<'_, JournalError> {
        Box::pin(std::future::pending())
    }
}
