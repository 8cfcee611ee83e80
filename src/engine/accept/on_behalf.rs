//! On whose behalf the engine acts, and the record that is kept of it.

use std::sync::Arc;

use crate::domain::JobId;
use crate::domain::audit::{Action, Asker, AuditFilter, AuditRecord};
use crate::engine::core::{ActingFor, Engine};
use crate::journal::{AuditPage, JournalError};

impl Engine {
    /// A handle to the same engine that acts for this asker: what it is told to do is on the audit record, durable with what
    /// comes of it.
    #[must_use]
    pub fn on_behalf_of(&self, asker: Asker) -> Self {
        self.acting_for(ActingFor { asker, export_of: None })
    }

    /// The same for the export of a source.
    #[must_use]
    pub fn importing_for(&self, asker: Asker, source: Arc<str>) -> Self {
        self.acting_for(ActingFor { asker, export_of: Some(source) })
    }

    fn acting_for(&self, behalf: ActingFor) -> Self {
        Self { core: Arc::clone(&self.core), lifecycle: self.lifecycle.clone(), behalf: Some(Arc::new(behalf)) }
    }

    /// Who this handle acts for; nobody, if the service acts by itself.
    pub(in crate::engine) fn asker(&self) -> Option<&Asker> {
        self.behalf.as_deref().map(|behalf| &behalf.asker)
    }

    /// The record of what is asked for; none if the service acts by itself.
    pub(in crate::engine) fn asked(&self, action: Action, job: JobId) -> Option<AuditRecord> {
        let ActingFor { asker, export_of } = self.behalf.as_deref()?;
        let (action, about) = match (action, export_of) {
            (Action::Submitted, Some(source)) => (Action::Imported, Some((**source).into())),
            (action, _) => (action, None),
        };
        Some(AuditRecord { at: self.core.clock.now(), action, by: asker.clone(), job: Some(job), about })
    }

    /// Keeps the record of something that has no other place in the journal. Durable when it answers.
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

    /// A page of the audit record, newest first, of what is older than the record of this number; `None` where nothing is
    /// kept.
    pub async fn audited(
        &self,
        filter: AuditFilter,
        older_than: Option<u64>,
        limit: usize,
    ) -> Result<Option<AuditPage>, JournalError> {
        self.core.journal.audited(filter, older_than, limit).await
    }
}
