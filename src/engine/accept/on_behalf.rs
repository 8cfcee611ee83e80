//! Who the engine acts for, and the audit record of it.

use std::sync::Arc;

use crate::domain::JobId;
use crate::domain::audit::{Action, Asker, AuditFilter, AuditRecord};
use crate::engine::core::{ActingFor, Engine};
use crate::journal::{AuditPage, JournalError};

impl Engine {
    /// Returns a handle to the same engine that acts for `asker`. Its commands are put on the audit record, which
    /// becomes durable together with their effect.
    #[must_use]
    pub fn on_behalf_of(&self, asker: Asker) -> Self {
        self.acting_for(ActingFor { asker, export_of: None })
    }

    /// Returns a handle that submits an export of `source` for `asker`.
    #[must_use]
    pub fn importing_for(&self, asker: Asker, source: Arc<str>) -> Self {
        self.acting_for(ActingFor { asker, export_of: Some(source) })
    }

    fn acting_for(&self, behalf: ActingFor) -> Self {
        Self { core: Arc::clone(&self.core), lifecycle: self.lifecycle.clone(), behalf: Some(Arc::new(behalf)) }
    }

    /// Returns who this handle acts for; `None` if the service acts on its own behalf.
    pub(in crate::engine) fn asker(&self) -> Option<&Asker> {
        self.behalf.as_deref().map(|behalf| &behalf.asker)
    }

    /// Returns the audit record of a command; `None` if the service acts on its own behalf.
    pub(in crate::engine) fn asked(&self, action: Action, job: JobId) -> Option<AuditRecord> {
        let ActingFor { asker, export_of } = self.behalf.as_deref()?;
        let (action, about) = match (action, export_of) {
            (Action::Submitted, Some(source)) => (Action::Imported, Some((**source).into())),
            (action, _) => (action, None),
        };
        Some(AuditRecord { at: self.core.clock.now(), action, by: asker.clone(), job: Some(job), about })
    }

    /// Keeps an audit record that has no other place in the journal. It is durable once this returns.
    pub async fn keep_record(
        &self,
        action: Action,
        by: Asker,
        job: Option<JobId>,
        about: String,
    ) -> Result<(), JournalError> {
        let record = AuditRecord { at: self.core.clock.now(), action, by, job, about: Some(about.into()) };
        self.core.journal.audit(record).await
    }

    /// Returns a page of the audit record, newest first, with records before the number `older_than`; `None` if no
    /// audit record is kept.
    pub async fn audited(
        &self,
        filter: AuditFilter,
        older_than: Option<u64>,
        limit: usize,
    ) -> Result<Option<AuditPage>, JournalError> {
        self.core.journal.audited(filter, older_than, limit).await
    }
}
