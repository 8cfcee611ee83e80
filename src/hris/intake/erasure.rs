//! Erases a person here and in the engine.

use tokio::sync::oneshot;

use super::Intake;
use crate::domain::UserRef;
use crate::domain::audit::Asker;
use crate::engine::{ErasureError, PersonIdentity};
use crate::journal::JournalError;

impl Intake {
    /// Erases a person from everything that is stored, on behalf of `asker`, and returns the number of entries that
    /// were affected. When this returns, nothing of the person is left in the journal's files. Repeating it does no
    /// harm.
    ///
    /// Runs in a task of its own: what is erased from the journal must also be forgotten here, even if the caller
    /// disconnects in the meantime.
    pub async fn erase(&self, named: UserRef, asker: Asker) -> Result<usize, ErasureError> {
        let (told, answer) = oneshot::channel();
        let intake = self.clone();
        self.0.lifecycle.spawn(async move {
            let _ = told.send(intake.erase_person(&named, asker).await);
        });
        answer.await.unwrap_or(Err(ErasureError::Journal(JournalError::Closed)))
    }

    /// Erases the person, unless one of their records is still to be read.
    async fn erase_person(&self, named: &UserRef, asker: Asker) -> Result<usize, ErasureError> {
        let (engine, known) = (self.0.engine.on_behalf_of(asker), &self.0.known);
        let mut person = engine.person(named, known.users_named(named)).await?;
        person.names.extend(person.user.into_iter().flat_map(|user| known.names_of(user)));
        let unfound = known.unfound_names_of(&person, &engine);
        person.names.extend(unfound.into_iter().flat_map(|name| [name.folded(), name]));
        let records = self.record_ids(&person);
        if records.iter().any(|record| self.0.waiting.waits_for(record)) {
            return Err(ErasureError::RecordWaits);
        }
        let unread = self.failed_records(&records);
        let erase = async |mut memos: Vec<_>| {
            memos.extend(unread);
            engine.erase(&person, memos).await
        };
        let erased = known.erase(&person, &engine, erase).await;
        if matches!(erased, Ok(_) | Err(ErasureError::Journal(JournalError::StillInFiles(_)))) {
            self.drop_failed_records(&records);
        }
        erased
    }

    /// Returns what HR systems may call the person: the names they are identified by, and the sender's ids reported
    /// with them.
    fn record_ids(&self, person: &PersonIdentity) -> Vec<Box<str>> {
        let names = person.names.iter().filter_map(|name| match name {
            UserRef::Id(_) => None,
            UserRef::Email(key) | UserRef::EmployeeId(key) | UserRef::ExternalId { key, .. } => Some(key.clone()),
        });
        names.chain(self.0.known.sender_ids_of(person)).collect()
    }
}
