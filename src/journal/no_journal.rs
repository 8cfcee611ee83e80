//! A journal that keeps nothing.

use futures_util::future::BoxFuture;
use jiff::Timestamp;

use crate::domain::acceptance::{AcceptanceKey, KeyId};
use crate::domain::audit::{AuditFilter, AuditRecord};
use crate::domain::{JobId, UserKey};
use crate::journal::content::{
    AcceptedJob, AuditPage, CallRecord, Conclusion, Erasure, JobNote, JournalUsage, KeptUserState, Memo, OrgIdentity,
};
use crate::journal::error::JournalError;
use crate::journal::port::Journal;

/// Keeps nothing: for `journal.enabled = false`, and for tests of what does not survive.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoJournal;

impl Journal for NoJournal {
    fn accept_asked(
        &self,
        _: AcceptedJob,
        _: Vec<AcceptanceKey>,
        _: Option<AuditRecord>,
    ) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn forget_keys(&self, _: Vec<KeyId>) {}

    fn forget_jobs(&self, _: Vec<JobId>) {}

    fn calls(&self, _: CallRecord) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn usage(&self) -> JournalUsage {
        JournalUsage::default()
    }

    fn intend(&self, _: UserKey, _: KeptUserState) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn stands(&self, _: UserKey, _: KeptUserState) {}

    fn conclude(&self, _: Conclusion) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn note_asked(&self, _: JobId, _: JobNote, _: Option<AuditRecord>) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn audit(&self, _: AuditRecord) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn forget_audit(&self, _: Timestamp) {}

    fn audited(
        &self,
        _: AuditFilter,
        _: Option<u64>,
        _: usize,
    ) -> BoxFuture<'_, Result<Option<AuditPage>, JournalError>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    fn remember(&self, _: Vec<Memo>) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn erase(&self, _: Erasure) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn belong_to(&self, _: OrgIdentity, _: bool) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn flush(&self) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}
