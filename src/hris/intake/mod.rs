//! What becomes of deliveries and exports: jobs, each durable before its sender is answered.

mod erasure;
mod import;
mod known;
mod leavers;
mod possible_losses;
mod waiting;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;

pub use self::import::{Export, ImportError, Imported};
pub use self::known::is_known_person;
use self::known::{KnownPeople, before};
use self::leavers::Freshness;
use self::waiting::WaitingRecords;
pub use self::waiting::{UnreadCounts, UnreadRecord};
use super::delivery::{DeliveredBody, Refused};
use super::mapped::{Mapping, MappingError};
use super::record::RecordTransport;
use super::source::Source;
use super::sources::Sources;
use crate::clock::WallClock;
use crate::domain::JobId;
use crate::domain::acceptance::{Fingerprint, KeySpace};
use crate::domain::audit::{Actor, Asker};
use crate::domain::entry::EntryOrder;
use crate::domain::job::{JobSpec, Lane};
use crate::engine::{Claim, Engine, IdempotencyContext, Reservation, TooManyKeys};
use crate::journal::{Journal, JournalError, Memo};
use crate::lifecycle::Lifecycle;

/// Whether a memo is about a person, and so about the org that they work in.
pub fn speaks_of_people(memo: &Memo) -> bool {
    is_known_person(memo) || waiting::is_waiting(memo)
}

/// What became of a delivery.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Receipt {
    /// The job that it made, now or when it came first.
    pub job: Option<JobId>,
    /// People whose records are read before a job can be made.
    pub waiting: usize,
    /// People of the payload who could not be mapped.
    pub faults: usize,
    /// People whose change had a date that has not come yet, and was taken as of now.
    pub dated_in_future: usize,
    /// People of whom something is not known that rules need: what these would assign is left as it is.
    pub undecided: usize,
    /// People who have left and whom the source never named: nothing of ours is with them.
    pub leavers_unknown: usize,
    /// Dates that were given and cannot be read.
    pub dates_not_read: usize,
}

/// Where a delivery came from; nothing is known for a record that was read because of one.
#[derive(Debug, Clone, Default)]
pub struct RequestOrigin {
    pub address: Option<IpAddr>,
    pub request_id: Option<Arc<str>>,
}

/// Why a delivery was not taken.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    #[error("there is no such source")]
    UnknownSource,
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error(transparent)]
    Mapping(#[from] MappingError),
    #[error("nobody in it can be mapped; the first: {0}")]
    Nobody(String),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    TooManyKeys(#[from] TooManyKeys),
    #[error("too many records are still to be read")]
    TooManyRecords,
}

impl IntakeError {
    /// What went wrong, without anything that the delivery says.
    pub fn for_logs(&self) -> String {
        match self {
            Self::Mapping(fault) => fault.for_logs(),
            Self::UnknownSource
            | Self::Refused(_)
            | Self::Nobody(_)
            | Self::Journal(_)
            | Self::TooManyKeys(_)
            | Self::TooManyRecords => self.to_string(),
        }
    }
}

/// Takes in what HR systems send; clones are handles to the same one.
#[derive(Debug, Clone)]
pub struct Intake(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    sources: Sources,
    engine: Engine,
    journal: Arc<dyn Journal>,
    clock: WallClock,
    lifecycle: Lifecycle,
    transport: RecordTransport,
    waiting: WaitingRecords,
    known: KnownPeople,
}

/// What an intake stands on.
#[derive(Debug)]
pub struct IntakeDependencies {
    pub sources: Sources,
    pub engine: Engine,
    pub journal: Arc<dyn Journal>,
    /// What a process before this one left.
    pub memos: Vec<Memo>,
    pub clock: WallClock,
    pub lifecycle: Lifecycle,
    pub transport: RecordTransport,
    /// How long people are known who are not named any more.
    pub retention: Duration,
}

impl Intake {
    /// Starts with what a process before this one left: records that are still to be read, and who is known.
    pub fn start(on: IntakeDependencies) -> Self {
        let IntakeDependencies { sources, engine, journal, memos, clock, lifecycle, transport, retention } = on;
        let known = KnownPeople::recovered(&memos, retention, clock);
        let waiting = WaitingRecords::default();
        let parts = Parts { sources, engine, journal, clock, lifecycle, transport, waiting, known };
        let intake = Self(Arc::new(parts));
        waiting::resume(&intake, &memos);
        intake.tidy_up_at_times(retention);
        intake
    }

    /// Whom nobody names any more is forgotten, not much later than the retention says.
    fn tidy_up_at_times(&self, retention: Duration) {
        let (intake, pause) = (self.clone(), (retention / 100).clamp(Duration::from_secs(1), Duration::from_secs(600)));
        self.0.lifecycle.keep_trying_until_stop("known people", move || {
            let intake = intake.clone();
            async move {
                loop {
                    tokio::time::sleep(pause).await;
                    let tidied = match intake.0.known.tidy_up(&*intake.0.journal, &intake.0.engine).await {
                        Ok(()) => intake.forget_old_failures(before(intake.0.clock.now(), retention)).await,
                        fault => fault,
                    };
                    if let Err(error) = tidied {
                        tracing::warn!(%error, "cannot forget what is older than journal.retention");
                    }
                }
            }
        });
    }

    /// The sources.
    pub fn sources(&self) -> &Sources {
        &self.0.sources
    }

    /// Takes a delivery. Once this answers, what it says is durable: as a job, or as a record to be read.
    pub async fn deliver(
        &self,
        source: &str,
        path_secret: Option<&str>,
        headers: &HeaderMap,
        body: DeliveredBody<'_>,
        request: RequestOrigin,
    ) -> Result<Receipt, IntakeError> {
        let source = self.0.sources.get(source).ok_or(IntakeError::UnknownSource)?;
        if source.is_handshake(body.plain) {
            return Ok(Receipt::default());
        }
        let now = self.0.clock.now();
        source.admit_either(path_secret, headers, body, now)?;
        let body = body.plain;
        let key = source.delivery_key(headers, body, now);
        let reservation = match self.claim(&source, &key).await? {
            Ok(reservation) => reservation,
            Err(job) => return Ok(Receipt { job: Some(job), ..Receipt::default() }),
        };
        let mut mapping = source.map_delivery(headers, body).await?;
        let (key, reservation) = match source.key_of_undated(mapping.is_dated(), body, now) {
            None => (key, reservation),
            Some(key) => match self.claim(&source, &key).await? {
                Ok(reservation) => (key, reservation),
                Err(job) => return Ok(Receipt { job: Some(job), ..Receipt::default() }),
            },
        };
        let dated_in_future = self.take_future_dates_as_now(&source, &mut mapping);
        let dates_not_read = mapping.dates_not_read;
        if dates_not_read > 0 {
            tracing::warn!(
                source = &*source.name,
                dates = dates_not_read,
                "dates of a delivery cannot be read; these changes count as of now"
            );
        }
        let leavers_unknown = self.find_leavers(&source, &mut mapping).await?;
        self.leave_former_names(&source, &mut mapping, Freshness::ByDate);
        let receipt = self.take(&source, &key, reservation, mapping, request).await?;
        Ok(Receipt { dated_in_future, leavers_unknown, dates_not_read, ..receipt })
    }

    /// Of dates that have not come yet nothing is kept; answers how many there were.
    fn take_future_dates_as_now(&self, source: &Source, mapping: &mut Mapping) -> usize {
        let people = mapping.take_future_dates_as_now(self.0.engine.latest_date());
        if people > 0 {
            tracing::warn!(
                source = &*source.name,
                people,
                "changes have dates in the future; they are taken as of now"
            );
        }
        people
    }

    /// The delivery's key to itself, or the job that was made under it.
    async fn claim(&self, source: &Source, key: &str) -> Result<Result<Reservation, JobId>, TooManyKeys> {
        let space = KeySpace::of_deliveries(&source.name);
        loop {
            match self.0.engine.claim(&space, key)? {
                Claim::Reserved(reservation) => return Ok(Ok(reservation)),
                Claim::Accepted(_, job) => return Ok(Err(job)),
                Claim::Accepting(other) => other.ended().await,
            }
        }
    }

    async fn take(
        &self,
        source: &Arc<Source>,
        key: &str,
        reservation: Reservation,
        mut mapping: Mapping,
        request: RequestOrigin,
    ) -> Result<Receipt, IntakeError> {
        if let (Some(first), true, true) =
            (mapping.faults.first(), mapping.people.is_empty(), mapping.changed.is_empty())
        {
            return Err(IntakeError::Nobody(first.problem.clone()));
        }
        if !mapping.faults.is_empty() {
            tracing::warn!(
                source = &*source.name,
                people = mapping.faults.len(),
                "people of a delivery are not mapped"
            );
        }
        let (waiting, faults) = (mapping.changed.len(), mapping.faults.len());
        if self.0.waiting.lacks_room_for(waiting) {
            return Err(IntakeError::TooManyRecords);
        }
        if waiting > 0 {
            waiting::accept(self, source, key, &mapping).await?;
        }
        let undecided = mapping.people.iter().filter(|person| !person.unknown.is_empty()).count();
        if let Some(person) = mapping.people.iter().find(|person| !person.unknown.is_empty()) {
            let (source, lacks) = (&*source.name, &*person.unknown.join(", "));
            tracing::info!(
                source,
                people = undecided,
                lacks,
                "rules cannot be decided; what they assign is left as it is"
            );
        }
        let job = if mapping.people.is_empty() {
            None
        } else {
            let sent_at = mapping.sent_at;
            self.0.known.learn_in_order(&*self.0.journal, source, &mut mapping.people, sent_at).await?;
            let under = IdempotencyContext { reservation, fingerprint: Fingerprint::default() };
            Some(self.submit(source, under, mapping, request).await?)
        };
        Ok(Receipt { job, waiting, faults, undecided, ..Receipt::default() })
    }

    /// A job of what a delivery or a record says: interactive, unless it is as large as an export.
    async fn submit(
        &self,
        source: &Source,
        under: IdempotencyContext,
        mapping: Mapping,
        request: RequestOrigin,
    ) -> Result<JobId, JournalError> {
        let few = mapping.people.len() <= Lane::MAX_INTERACTIVE_ENTRIES;
        let lane = if few { Lane::Interactive } else { Lane::Bulk };
        let (spec, entries) = self.job(source, mapping, "webhook", lane);
        let RequestOrigin { address, request_id } = request;
        let engine =
            self.0.engine.on_behalf_of(Asker { actor: Actor::Source(Arc::clone(&source.name)), address, request_id });
        Ok(engine.submit_under(Some(under), spec, entries).await?.id)
    }

    /// What was mapped, as a job. It is known by then who was named.
    fn job(&self, source: &Source, mut mapping: Mapping, via: &str, lane: Lane) -> (JobSpec, Vec<EntryOrder>) {
        self.possible_losses(source).name_leavers(&mut mapping.people);
        source.job(&mapping, via, lane)
    }
}
