//! Erasing a person, here and in the engine.

use tokio::sync::oneshot;

use super::Intake;
use crate::domain::UserRef;
use crate::domain::audit::Asker;
use crate::engine::{ErasureError, PersonIdentity};
use crate::journal::JournalError;

impl Intake {
    /// Erases a person from everything that is kept, for who asks; from how many entries. Nothing of it is in the journal's
    /// files when this answers, and asking again does no harm.
    ///
    /// In a task of its own: what is erased in the journal has to be forgotten here, also if the caller goes away meanwhile.
    pub async fn erase(&self, named: UserRef, asker: Asker) -> Result<usize, ErasureError> {
        let (told, answer) = oneshot::channel();
        let intake = self.clone();
        self.0.lifecycle.spawn(async move {
            let _ = told.send(intake.erase_person(&named, asker).await);
        });
        answer.await.unwrap_or(Err(ErasureError::Journal(JournalError::Closed)))
    }

    async fn erase_person(&self, named: &UserRef, asker: Asker) -> Result<usize, ErasureError> {
        let (engine, known) = (self.0.engine.on_behalf_of(asker), &self.0.known);
        let mut person = engine.person(named, known.users_named(named)).await?;
        person.names.extend(person.user.into_iter().flat_map(|user| known.names_of(user)));
        let records = self.record_ids(&person);
        if records.iter().any(|record| self.0.waiting.waits_for(record)) {
            return Err(ErasureError::RecordWaits);
        }
        let unread = self.failed_records(&records);
        let erase = async |mut memos: Vec<_>| {
            memos.extend(unread);
            engine.erase(&person, memos).await
        };
        let erased = known.erase(&person, erase).await;
        if matches!(erased, Ok(_) | Err(ErasureError::Journal(JournalError::StillInFiles(_)))) {
            self.drop_failed_records(&records);
        }
        erased
    }

    /// What HR systems may call the person: what they are named by, and the ids that were told with it.
    fn record_ids(&self, person: &PersonIdentity) -> Vec<Box<str>> {
        let names = person.names.iter().filter_map(|name| match name {
            UserRef::Id(_) => None,
            UserRef::Email(key) | UserRef::EmployeeId(key) | UserRef::ExternalId { key, .. } => Some(key.clone()),
        });
        names.chain(self.0.known.sender_ids_of(person)).collect()
    }
}
