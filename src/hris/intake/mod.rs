//! Turns deliveries and exports into jobs. Each is durable before its sender is answered.

mod erasure;
mod import;
mod known;
mod leavers;
mod settlement;
mod waiting;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;

pub use self::import::{Export, ImportError, Imported};
pub use self::known::is_known_person;
use self::known::{KnownPeople, before};
use self::settlement::Settlement;
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
use crate::engine::{Claim, Engine, IdempotencyContext, Reservation, TooManyKeys};
use crate::journal::{Journal, JournalError, Memo};
use crate::lifecycle::Lifecycle;

/// Returns whether a memo is about a person, and therefore about the org that the person works in.
pub fn speaks_of_people(memo: &Memo) -> bool {
    is_known_person(memo) || waiting::is_waiting(memo)
}

/// The outcome of a delivery.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Receipt {
    /// The job that the delivery created, now or when it first arrived.
    pub job: Option<JobId>,
    /// Number of people whose records must be read before a job can be created.
    pub waiting: usize,
    /// Number of people who could not be mapped.
    pub faults: usize,
    /// Number of people whose change was dated in the future and therefore counts as of now.
    pub dated_in_future: usize,
    /// Number of people for whom a rule cannot be decided; what such rules assign is left as it is.
    pub undecided: usize,
    /// Number of leavers whom the source never named; they have no owned assignments.
    pub leavers_unknown: usize,
    /// Number of dates that could not be read.
    pub dates_not_read: usize,
}

/// The origin of a delivery; empty for a record that was read because of one.
#[derive(Debug, Clone, Default)]
pub struct RequestOrigin {
    /// Address of the caller.
    pub address: Option<IpAddr>,
    /// Id of the request.
    pub request_id: Option<Arc<str>>,
}

/// Why a delivery was refused.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// No source has this name.
    #[error("there is no such source")]
    UnknownSource,
    /// The delivery was not admitted.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The delivery cannot be mapped as a whole.
    #[error(transparent)]
    Mapping(#[from] MappingError),
    /// No person in the delivery can be mapped.
    #[error("no person in it can be mapped; the first problem: {0}")]
    Nobody(String),
    /// The journal cannot be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Too many idempotency keys are in use.
    #[error(transparent)]
    TooManyKeys(#[from] TooManyKeys),
    /// Too many records are waiting to be read.
    #[error("too many records are waiting to be read")]
    TooManyRecords,
}

impl IntakeError {
    /// Describes the error without quoting the delivery.
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

/// Accepts what HR systems send; clones are handles to the same instance.
#[derive(Debug, Clone)]
pub struct Intake(Arc<Parts>);

/// What all handles share.
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

/// Everything an intake needs.
#[derive(Debug)]
pub struct IntakeDependencies {
    /// The sources.
    pub sources: Sources,
    /// The engine that carries out the jobs.
    pub engine: Engine,
    /// The journal that makes deliveries durable.
    pub journal: Arc<dyn Journal>,
    /// Memos left by a previous process.
    pub memos: Vec<Memo>,
    /// The clock for times of arrival.
    pub clock: WallClock,
    /// The lifecycle in which tasks run.
    pub lifecycle: Lifecycle,
    /// The transport for reading records.
    pub transport: RecordTransport,
    /// How long people stay known after they were last named.
    pub retention: Duration,
}

/// Whether a delivery came before.
#[derive(Debug)]
enum DeliveryClaim {
    New(Reservation),
    /// The job that was made of it.
    Known(JobId),
}

impl Intake {
    /// Starts with what a previous process left: records that are still to be read, and the people who are known.
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

    /// Regularly forgets people who are no longer named, soon after the retention ends.
    fn tidy_up_at_times(&self, retention: Duration) {
        let (intake, pause) = (self.clone(), (retention / 100).clamp(Duration::from_secs(1), Duration::from_secs(600)));
        self.0.lifecycle.keep_trying_until_stop("known people", move || {
            let intake = intake.clone();
            async move {
                loop {
                    tokio::time::sleep(pause).await;
                    let owner_of = |source: &str| Some(intake.0.sources.get(source)?.owner.clone());
                    let tidied = match intake.0.known.tidy_up(&*intake.0.journal, &intake.0.engine, owner_of).await {
                        Ok(()) => intake.forget_old_failures(before(intake.0.clock.now(), retention)).await,
                        fault => fault,
                    };
                    if let Err(error) = tidied {
                        tracing::warn!(%error, "cannot forget data that is older than journal.retention");
                    }
                }
            }
        });
    }

    /// Returns the sources.
    pub fn sources(&self) -> &Sources {
        &self.0.sources
    }

    /// Accepts a delivery. When this returns, its content is durable, as a job or as records to be read.
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
            DeliveryClaim::New(reservation) => reservation,
            DeliveryClaim::Known(job) => return Ok(Receipt { job: Some(job), ..Receipt::default() }),
        };
        let mut mapping = source.map_delivery(headers, body).await?;
        let (key, reservation) = match source.key_of_undated(mapping.is_dated(), body, now) {
            None => (key, reservation),
            Some(key) => match self.claim(&source, &key).await? {
                DeliveryClaim::New(reservation) => (key, reservation),
                DeliveryClaim::Known(job) => return Ok(Receipt { job: Some(job), ..Receipt::default() }),
            },
        };
        let dated_in_future = self.take_future_dates_as_now(&source, &mut mapping);
        let dates_not_read = mapping.dates_not_read;
        if dates_not_read > 0 {
            tracing::warn!(
                source = &*source.name,
                dates = dates_not_read,
                "dates in a delivery cannot be read; these changes count as of now"
            );
        }
        let mut settlement = self.settle(&source, &mapping).await;
        let leavers_unknown = settlement.settle_rows(&mut mapping).await?;
        let receipt = self.take(&settlement, &key, reservation, mapping, request).await?;
        Ok(Receipt { dated_in_future, leavers_unknown, dates_not_read, ..receipt })
    }

    /// Drops dates in the future, so that these changes count as of now; returns the number of people affected.
    fn take_future_dates_as_now(&self, source: &Source, mapping: &mut Mapping) -> usize {
        let people = mapping.take_future_dates_as_now(self.0.engine.latest_date());
        if people > 0 {
            tracing::warn!(source = &*source.name, people, "changes are dated in the future; they count as of now");
        }
        people
    }

    /// Reserves the key of the delivery, or returns the job that was created under it.
    async fn claim(&self, source: &Source, key: &str) -> Result<DeliveryClaim, TooManyKeys> {
        let space = KeySpace::of_deliveries(&source.name);
        loop {
            match self.0.engine.claim(&space, key)? {
                Claim::Reserved(reservation) => return Ok(DeliveryClaim::New(reservation)),
                Claim::Accepted(_, job) => return Ok(DeliveryClaim::Known(job)),
                Claim::Accepting(other) => other.ended().await,
            }
        }
    }

    async fn take(
        &self,
        settlement: &Settlement<'_>,
        key: &str,
        reservation: Reservation,
        mapping: Mapping,
        request: RequestOrigin,
    ) -> Result<Receipt, IntakeError> {
        let source = settlement.source;
        if let (Some(first), true, true) =
            (mapping.faults.first(), mapping.people.is_empty(), mapping.changed.is_empty())
        {
            return Err(IntakeError::Nobody(first.problem.clone()));
        }
        if !mapping.faults.is_empty() {
            tracing::warn!(
                source = &*source.name,
                people = mapping.faults.len(),
                "some people in a delivery cannot be mapped; they are left out"
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
                "some rules cannot be decided because attributes are missing; what they assign is left as it is"
            );
        }
        let job = if mapping.people.is_empty() {
            None
        } else {
            let under = IdempotencyContext { reservation, fingerprint: Fingerprint::default() };
            Some(settlement.submit(under, mapping, request).await?)
        };
        Ok(Receipt { job, waiting, faults, undecided, ..Receipt::default() })
    }
}
