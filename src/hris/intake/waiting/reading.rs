//! Reads a record until all its events are covered or the patience ends.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::{KeptFailure, LastSetback, RecordPlace, WaitingEvent, forgotten, memo};
use crate::domain::acceptance::Fingerprint;
use crate::engine::{IdempotencyContext, TooManyKeys};
use crate::hris::intake::known::{NamedPerson, Order};
use crate::hris::intake::settlement::{Freshness, Settlement};
use crate::hris::intake::{DeliveryClaim, Intake, RequestOrigin};
use crate::hris::mapped::Mapping;
use crate::hris::record::{self, Fetched, Setback};
use crate::hris::source::Source;
use crate::journal::JournalError;

/// Pause after the first failure; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// Maximum pause between two calls.
const MAX_PAUSE: Duration = Duration::from_secs(300);
/// Minimum number of calls before a missing record is believed, because an interface may be missing one for a moment.
/// Only then has the person left.
const GONE_CALLS: u32 = 2;
/// How long the record of a person whom the source has never named is requested again, because it may not exist yet.
const NEW_PATIENCE: Duration = Duration::from_secs(600);

/// How the work on the events taken up has ended.
enum ReadingEnd {
    /// A job was made of the record, or there was nothing to do.
    Settled,
    /// The record could not be read or used.
    GivenUp(LastSetback),
}

/// Reads the record until all events that came for it are covered.
pub(super) async fn work(intake: &Intake, place: &RecordPlace) {
    loop {
        let (covered, ended) = one(intake, place).await;
        let failed_at = intake.0.clock.now();
        let memos = covered.iter().map(|event| match &ended {
            ReadingEnd::Settled => forgotten(place, event),
            ReadingEnd::GivenUp(LastSetback { calls, problem }) => {
                let failed = KeptFailure { at: failed_at, calls: *calls, problem: problem.clone() };
                memo(place, event, Some(failed))
            }
        });
        if let Err(error) = intake.0.journal.remember(memos.collect()).await {
            // They return after a restart, and then find everything done.
            tracing::warn!(
                %error,
                source = &*place.0,
                "cannot write the outcome of reading a record to the journal; it is read again after a restart"
            );
        }
        let done = match ended {
            ReadingEnd::Settled => intake.0.waiting.leave(place),
            ReadingEnd::GivenUp(setback) => intake.0.waiting.give_up(place, failed_at, setback),
        };
        if done {
            return;
        }
    }
}

/// Reads the record once, with retries; returns the deliveries that this covers, and how it ended.
async fn one(intake: &Intake, place: &RecordPlace) -> (Vec<WaitingEvent>, ReadingEnd) {
    let (mut pause, begun, mut calls, mut gone) = (FIRST_PAUSE, Instant::now(), 0, 0);
    loop {
        // Looked up each time, because the configuration may have been reloaded.
        let source = intake.0.sources.get(&place.0);
        let Some((source, config)) = source.and_then(|source| Some((Arc::clone(&source), source.record.clone()?)))
        else {
            tracing::error!(
                source = &*place.0,
                "cannot read a record: its source is no longer configured, or has no `record`"
            );
            let problem = "the source is no longer configured, or has no `record`".into();
            return (intake.0.waiting.take(place), ReadingEnd::GivenUp(LastSetback { calls, problem }));
        };
        let interval = Duration::from_secs(1) / config.per_second.get();
        tokio::time::sleep_until(intake.0.waiting.turn(&source, interval)).await;
        // Everything that has come by now is covered by the answer.
        let covered = intake.0.waiting.take(place);
        let asked_at = intake.0.clock.now();
        calls += 1;
        let fetched = record::fetch(&intake.0.transport, &config, &place.1).await;
        let outcome = match fetched.and_then(|fetched| source.by_its_own_status(fetched)) {
            Ok(Fetched::Gone) if !is_believed(intake, &source, place, gone + 1, begun.elapsed()) => {
                gone += 1;
                Err(Setback::Passing("the sender has no such record".to_owned()))
            }
            Ok(fetched) => carry_out(intake, &source, place, &covered, fetched, asked_at).await,
            Err(setback) => Err(setback),
        };
        let problem = match outcome {
            Ok(()) => return (covered, ReadingEnd::Settled),
            Err(Setback::Final(problem)) => {
                tracing::error!(problem, source = &*place.0, calls, "a record cannot be used; see the unread records");
                return (covered, ReadingEnd::GivenUp(LastSetback { calls, problem: problem.into() }));
            }
            Err(Setback::Passing(problem)) => problem,
        };
        if begun.elapsed() >= config.patience {
            tracing::error!(
                problem,
                source = &*place.0,
                calls,
                "a record could not be read within record.patience; see the unread records"
            );
            return (covered, ReadingEnd::GivenUp(LastSetback { calls, problem: problem.into() }));
        }
        tracing::warn!(
            problem,
            source = &*place.0,
            pause_ms = pause.as_millis(),
            "a record cannot be read; it is tried again"
        );
        let next = SignedDuration::try_from(pause).ok().and_then(|pause| intake.0.clock.now().checked_add(pause).ok());
        let setback = LastSetback { calls, problem: problem.into() };
        intake.0.waiting.set_back(place, setback, next.unwrap_or(asked_at));
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(MAX_PAUSE);
    }
}

/// Returns whether a record is believed to be gone after the sender has reported it missing this many times.
fn is_believed(intake: &Intake, source: &Source, place: &RecordPlace, calls: u32, tried: Duration) -> bool {
    calls >= GONE_CALLS && (intake.has_named(source, &place.1) || tried >= NEW_PATIENCE)
}

/// Maps the record, and submits a job for it.
async fn carry_out(
    intake: &Intake,
    source: &Arc<Source>,
    place: &RecordPlace,
    covered: &[WaitingEvent],
    fetched: Fetched,
    asked_at: Timestamp,
) -> Result<(), Setback> {
    let mut mapping = match fetched {
        Fetched::Record(body) => source.map_record(Some(&*place.1), &body, asked_at).await?,
        Fetched::Gone => source.map_gone(&place.1, asked_at),
    };
    if let Some(fault) = mapping.faults.first() {
        return Err(Setback::Final(fault.problem.clone()));
    }
    // A date in the future would make every event older until it is reached.
    let latest = intake.0.engine.latest_date();
    let told_at = covered.iter().filter_map(|event| event.occurred_at.filter(|date| latest.checked(*date).is_ok()));
    let order = Order::of_reading(told_at.max(), asked_at);
    let settlement = intake.settle(source, &mapping).await;
    settlement.find_leaver_of_record(&mut mapping);
    settlement.leave_former_names(&mut mapping, Freshness::JustRead);
    settlement.count_handed_on_from_now(&mut mapping.people);
    submit(&settlement, place, covered, order, mapping).await.map_err(|error| Setback::Passing(error.to_string()))
}

/// Submits the job under the key of the first delivery without one. If there is none, a previous process ended after it
/// made the job and before it removed the memos.
async fn submit(
    settlement: &Settlement<'_>,
    place: &RecordPlace,
    covered: &[WaitingEvent],
    order: Order,
    mapping: Mapping,
) -> Result<(), SubmitError> {
    if mapping.people.is_empty() {
        return Ok(());
    }
    let (intake, source) = (settlement.intake, settlement.source);
    for event in covered {
        if let DeliveryClaim::New(reservation) = intake.claim(source, &event.key(&place.1)).await? {
            let under = IdempotencyContext { reservation, fingerprint: Fingerprint::default() };
            let named = mapping.people.iter().map(|person| NamedPerson::of_record(person, order));
            intake.0.known.learn(&*intake.0.journal, source, named).await?;
            settlement.submit(under, mapping, RequestOrigin::default()).await?;
            return Ok(());
        }
    }
    Ok(())
}

/// Why the job of a record could not be made yet.
#[derive(Debug, thiserror::Error)]
enum SubmitError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    TooManyKeys(#[from] TooManyKeys),
}
