//! Whole exports: everyone in them is mapped, and anyone missing from a full export has left.

use bytes::Bytes;

use super::Intake;
use super::known::{NamedPerson, Turn, called, written};
use super::settlement::Freshness;
use crate::domain::entry::{EntryOrder, Presence};
use crate::domain::job::{JobSpec, Lane};
use crate::domain::{Mode, UserRef};
use crate::hris::mapped::{ExportForm, Mapped, Mapping, MappingError, PersonFault};
use crate::hris::source::Source;
use crate::journal::JournalError;
use crate::table::TakeRoom;

/// An export as received.
#[expect(missing_debug_implementations, reason = "a closure has none")]
pub struct Export {
    /// The format of `body`.
    pub form: ExportForm,
    /// The bytes as received.
    pub body: Bytes,
    /// Reserves memory for what is kept of the export while it is mapped.
    pub room: TakeRoom,
    /// Whether the export names everyone, so that anyone missing has left.
    pub full: bool,
    /// Whether the job is a dry run.
    pub dry_run: bool,
}

/// The result of an export: a job that is not submitted yet.
#[derive(Debug)]
pub struct Imported {
    /// The job.
    pub spec: JobSpec,
    /// Its entries.
    pub entries: Vec<EntryOrder>,
    /// Number of people whose change was dated in the future and therefore counts as of now.
    pub dated_in_future: usize,
    /// Must be kept until the job is submitted: nothing else is settled about the people of the source until then.
    pub turn: Turn,
}

/// Why an export was refused. Nothing of it is accepted in that case.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// No source has this name.
    #[error("there is no such source")]
    UnknownSource,
    /// The export cannot be mapped as a whole.
    #[error(transparent)]
    Mapping(#[from] MappingError),
    /// Some people cannot be mapped: the first of them with their problems, and how many `more` there are.
    #[error("some people in the export cannot be mapped")]
    People { named: Vec<PersonFault>, more: usize },
    /// The export contains no one.
    #[error("the export contains no person")]
    Empty,
    /// A full export for a source that never removes anything.
    #[error("the mode of the source never removes anything, so a full export has no leavers; send it with scope=delta")]
    NoLeavers,
    /// The journal cannot be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl Intake {
    /// Builds the job of an export. The caller submits it, possibly under an idempotency key.
    pub async fn import(&self, source: &str, export: Export) -> Result<Imported, ImportError> {
        let source = self.0.sources.get(source).ok_or(ImportError::UnknownSource)?;
        if export.full && source.mode == Mode::Add {
            return Err(ImportError::NoLeavers);
        }
        let mut mapping = source.map_export(export.form, export.body, export.room).await?;
        if !mapping.faults.is_empty() {
            // In a full export, a person who cannot be mapped would be mistaken for one who has left.
            return Err(ImportError::People { named: mapping.faults, more: mapping.more_faults });
        }
        let Some(first) = mapping.people.first().map(|person| person.user.clone()) else {
            return Err(ImportError::Empty);
        };
        for column in &mapping.loosely {
            tracing::info!(
                source = &*source.name,
                %column,
                "a column of an export is spelled differently from the configuration"
            );
        }
        let dated_in_future = self.take_future_dates_as_now(&source, &mut mapping);
        let settlement = self.settle_export(&source, &mapping).await;
        settlement.leave_by_id(&mut mapping);
        // Must happen before the people in the export become known.
        if export.full {
            let present = mapping.people.iter().filter_map(|person| written(&person.user)).collect();
            let present_users = self.0.known.users_of(&source, &present, &self.0.engine);
            let mut missing = self.0.known.missing(&source, &first, &present, &self.0.engine);
            // A person who is in the export under another name is not missing.
            missing.retain(|user| {
                let user = self.0.known.user_of(&source, user, &self.0.engine);
                user.is_none_or(|user| !present_users.contains(&user))
            });
            let (done, mut leavers): (Vec<_>, Vec<_>) =
                missing.into_iter().partition(|user| settlement.has_nothing(user));
            leavers.retain(|user| settlement.may_have_something(user));
            let former = self.0.known.former_users(&source, &present_users, &self.0.engine);
            let gone: Vec<_> = leavers.iter().chain(former.iter().map(|(name, _)| name)).cloned().collect();
            self.0.known.note_presence(&source, &mut mapping.people, &gone, &self.0.engine);
            self.0.known.note_missing(&*self.0.journal, &source, &leavers).await?;
            self.learn(&source, &mut mapping, export.dry_run).await?;
            if !export.dry_run {
                let named = mapping.people.iter().map(|person| &person.user);
                self.0.known.note_export(&*self.0.journal, &source, named).await?;
            }
            if !export.dry_run && !done.is_empty() {
                // Otherwise they would cost a read with every export.
                self.0.known.forget(&*self.0.journal, &source, &done).await?;
            }
            let missing = |user| Mapped { presence: Presence::Missing, ..Mapped::leaver(user, None) };
            mapping.people.extend(leavers.into_iter().map(missing));
            mapping.people.extend(
                former.into_iter().map(|(name, user)| Mapped { called: called(&name), ..missing(UserRef::Id(user)) }),
            );
        } else {
            settlement.leave_former_names(&mut mapping, Freshness::OfExport);
            self.learn(&source, &mut mapping, export.dry_run).await?;
        }
        self.0.known.count_after_dates_ahead(&source, &mut mapping.people);
        let (mut spec, entries) = settlement.job(mapping, Source::IMPORT, Lane::Bulk);
        spec.dry_run = export.dry_run;
        Ok(Imported { spec, entries, dated_in_future, turn: settlement.into_turn() })
    }

    /// Adds the people of an export to those that are known.
    async fn learn(&self, source: &Source, mapping: &mut Mapping, dry_run: bool) -> Result<(), JournalError> {
        let journal = &*self.0.journal;
        if source.tells_dates() && mapping.people.iter().any(|person| person.occurred_at.is_none()) {
            self.0.known.note_undated_export(journal, source, dry_run).await?;
        }
        if dry_run {
            return self.0.known.learn_who_is_new(journal, source, mapping.people.iter().map(NamedPerson::of)).await;
        }
        self.0.known.learn(journal, source, mapping.people.iter().map(NamedPerson::of)).await
    }
}
