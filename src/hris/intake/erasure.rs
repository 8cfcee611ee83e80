//! Erasing a person, here and in the engine.

use tokio::sync::oneshot;

use super::Intake;
use crate::domain::UserRef;
use crate::domain::audit::Asker;
use crate::engine::{ErasureFault, Person};
use crate::journal::JournalError;

impl Intake {
    /// Erases a person from everything that is kept, for who asks; from how many entries. Nothing of it is in the journal's
    /// files when this answers, and asking again does no harm.
    ///
    /// In a task of its own: what is erased in the journal has to be forgotten here, also if the caller goes away meanwhile.
    pub async fn erase(&self, named: UserRef, asker: Asker) -> Result<usize, ErasureFault> {
        let (told, answer) = oneshot::channel();
        let intake = self.clone();
        self.0.lifecycle.spawn(async move {
            let _ = told.send(intake.erase_person(&named, asker).await);
        });
        answer.await.unwrap_or(Err(ErasureFault::Journal(JournalError::Closed)))
    }

    async fn erase_person(&self, named: &UserRef, asker: Asker) -> Result<usize, ErasureFault> {
        let (engine, known) = (self.0.engine.on_behalf_of(asker), &self.0.known);
        let mut person = engine.person(named, known.users_named(named)).await?;
        person.names.extend(person.user.into_iter().flat_map(|user| known.names_of(user)));
        if self.waits_for(&person) {
            return Err(ErasureFault::RecordWaits);
        }
        known.erase(&person, async |memos| engine.erase(&person, memos).await).await
    }

    /// Whether a record is still to be read whose id in the HR system is one of the person's names.
    fn waits_for(&self, person: &Person) -> bool {
        person.names.iter().any(|name| match name {
            UserRef::Id(_) => false,
            UserRef::Email(key) | UserRef::EmployeeId(key) | UserRef::ExternalId { key, .. } => {
                self.0.waiting.waits_for(key)
            }
        })
    }
}
