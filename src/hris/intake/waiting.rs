//! Records that are to be read: of each person one at a time, however many events name them.
//!
//! An event that only names a person is durable as a memo before it is answered, and stays one until its record has been
//! read and a job made of it. Events that come while a record is being read lead to one more reading, since nobody knows
//! whether it showed them already.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{Intake, RequestOrigin};
use crate::domain::acceptance::Fingerprint;
use crate::engine::{TooManyKeys, Under};
use crate::hris::mapping::Mapping;
use crate::hris::people::Changed;
use crate::hris::record::{self, Fetched, Setback};
use crate::hris::source::Source;
use crate::journal::{JournalError, Memo};

/// The memos of this module.
const SPACE: &str = "record";
/// The first pause after a failure; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// People whose records wait at a time, more than any org has: beyond that, something sends ids of its own making.
const MOST_WAITING: usize = 200_000;

/// Source and the sender's id of a person.
type Place = (Arc<str>, Box<str>);

/// Invariant: a place is in here for exactly as long as one task works on it, and holds the deliveries that the task has
/// not taken up yet.
#[derive(Debug, Default)]
pub(super) struct WaitingRecords {
    places: Mutex<HashMap<Place, Vec<Box<str>>>>,
    /// When the next call to each source may go out.
    paces: Mutex<HashMap<Arc<str>, Instant>>,
}

/// A memo's value.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    source: Box<str>,
    record: Box<str>,
    delivery: Box<str>,
}

impl WaitingRecords {
    pub(super) fn count(&self, source: &str) -> usize {
        self.places().keys().filter(|(of, _)| &**of == source).count()
    }

    /// Whether so many more would be too many.
    pub(super) fn lacks_room_for(&self, more: usize) -> bool {
        self.places().len() + more > MOST_WAITING
    }

    /// Whether a record of this id is still to be read.
    pub(super) fn waits_for(&self, record: &str) -> bool {
        self.places().keys().any(|(_, waiting)| **waiting == *record)
    }

    /// Adds a delivery; true if nobody works on the place, so that a task is needed.
    fn add(&self, place: &Place, delivery: &str) -> bool {
        let mut places = self.places();
        let needed = !places.contains_key(place);
        let deliveries = places.entry(place.clone()).or_default();
        if !deliveries.iter().any(|known| &**known == delivery) {
            deliveries.push(delivery.into());
        }
        needed
    }

    /// What has come for a place up to now.
    fn take(&self, place: &Place) -> Vec<Box<str>> {
        self.places().get_mut(place).map(std::mem::take).unwrap_or_default()
    }

    /// Ends the work on a place unless more has come.
    fn leave(&self, place: &Place) -> bool {
        let mut places = self.places();
        let done = places.get(place).is_none_or(Vec::is_empty);
        if done {
            places.remove(place);
        }
        done
    }

    /// The turn of one call to a source, evenly spread.
    fn turn(&self, source: &Source, interval: Duration) -> Instant {
        let mut paces = self.paces.lock().unwrap_or_else(PoisonError::into_inner);
        let next = paces.entry(Arc::clone(&source.name)).or_insert_with(Instant::now);
        let turn = (*next).max(Instant::now());
        *next = turn + interval;
        turn
    }

    fn places(&self) -> MutexGuard<'_, HashMap<Place, Vec<Box<str>>>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a memo is one of this module.
pub(super) fn is_waiting(memo: &Memo) -> bool {
    &*memo.space == SPACE
}

/// Takes up what a process before this one had not come to.
pub(super) fn resume(intake: &Intake, memos: &[Memo]) {
    let kept = memos.iter().filter(|memo| is_waiting(memo));
    for kept in kept.filter_map(|memo| serde_json::from_str::<Kept>(memo.value.as_deref()?).ok()) {
        begin(intake, (kept.source.into(), kept.record), &kept.delivery);
    }
}

/// Takes the people whom a delivery names. Durable when it answers.
pub(super) async fn accept(
    intake: &Intake,
    source: &Source,
    delivery: &str,
    changed: &[Changed],
) -> Result<(), JournalError> {
    let memos = changed.iter().map(|changed| {
        let place = (Arc::clone(&source.name), changed.record.clone());
        let kept = Kept { source: (&*place.0).into(), record: place.1.clone(), delivery: delivery.into() };
        let value = serde_json::to_string(&kept).unwrap_or_default();
        Memo { value: Some(value.into()), ..named(&place, delivery) }
    });
    intake.0.journal.remember(memos.collect()).await?;
    for changed in changed {
        begin(intake, (Arc::clone(&source.name), changed.record.clone()), delivery);
    }
    Ok(())
}

fn named(place: &Place, delivery: &str) -> Memo {
    let key = format!("{}\n{}\n{delivery}", place.0, place.1);
    Memo { space: SPACE.into(), key: key.into(), value: None }
}

fn begin(intake: &Intake, place: Place, delivery: &str) {
    if intake.0.waiting.add(&place, delivery) {
        let worker = intake.clone();
        intake.0.lifecycle.keep_trying_until_stop("records", move || {
            let (worker, place) = (worker.clone(), place.clone());
            async move { work(&worker, &place).await }
        });
    }
}

/// Reads the record until everything that came for it is covered.
async fn work(intake: &Intake, place: &Place) {
    loop {
        let covered = one(intake, place).await;
        let memos: Vec<_> = covered.iter().map(|delivery| named(place, delivery)).collect();
        if let Err(error) = intake.0.journal.remember(memos).await {
            // They come again after a restart, and then find everything as it should be.
            tracing::warn!(%error, source = &*place.0, "could not write down that a record was read");
        }
        if intake.0.waiting.leave(place) {
            return;
        }
    }
}

/// One reading, with its repetitions: the deliveries that it covers.
async fn one(intake: &Intake, place: &Place) -> Vec<Box<str>> {
    let (mut covered, mut pause, begun) = (Vec::new(), FIRST_PAUSE, Instant::now());
    loop {
        // Looked up each time: the configuration may have been read again.
        let source = intake.0.sources.get(&place.0);
        let Some((source, config)) = source.and_then(|source| Some((Arc::clone(&source), source.record.clone()?)))
        else {
            tracing::warn!(source = &*place.0, "the source of a record to be read is not configured any more");
            covered.extend(intake.0.waiting.take(place));
            return covered;
        };
        let interval = Duration::from_secs(1) / config.per_second.get();
        tokio::time::sleep_until(intake.0.waiting.turn(&source, interval)).await;
        // What has come by now is in what will be read.
        covered.extend(intake.0.waiting.take(place));
        let asked_at = intake.0.clock.now();
        let outcome = match record::fetch(&intake.0.transport, &config, &place.1).await {
            Ok(fetched) => carry_out(intake, &source, place, &covered, fetched, asked_at).await,
            Err(setback) => Err(setback),
        };
        let problem = match outcome {
            Ok(()) => return covered,
            Err(Setback::Final(problem)) => {
                tracing::error!(problem, source = &*place.0, "a record leads to nothing");
                return covered;
            }
            Err(Setback::Passing(problem)) => problem,
        };
        if begun.elapsed() >= config.patience {
            tracing::error!(problem, source = &*place.0, "a record could not be read within record.patience; given up");
            return covered;
        }
        tracing::warn!(problem, source = &*place.0, pause_ms = pause.as_millis(), "a record cannot be read yet");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn carry_out(
    intake: &Intake,
    source: &Source,
    place: &Place,
    covered: &[Box<str>],
    fetched: Fetched,
    asked_at: Timestamp,
) -> Result<(), Setback> {
    let mapping = match fetched {
        Fetched::Record(body) => source.map_record(&place.1, &body, asked_at).await.map_err(|fault| {
            let text = fault.for_logs();
            if fault.passes_later() { Setback::Passing(text) } else { Setback::Final(text) }
        })?,
        Fetched::Gone => source.map_gone(&place.1, asked_at),
    };
    if let Some(fault) = mapping.faults.first() {
        return Err(Setback::Final(fault.problem.clone()));
    }
    submit(intake, source, covered, &mapping).await.map_err(|error| Setback::Passing(error.to_string()))
}

/// Under the key of the first delivery that no job was made for. If there is none, a process before this one ended between
/// making the job and taking back the memos.
async fn submit(intake: &Intake, source: &Source, covered: &[Box<str>], mapping: &Mapping) -> Result<(), SubmitFault> {
    if mapping.people.is_empty() {
        return Ok(());
    }
    for delivery in covered {
        if let Ok(reservation) = intake.claim(source, delivery).await? {
            let under = Under { reservation, fingerprint: Fingerprint::default() };
            intake.submit(source, Some(under), mapping, RequestOrigin::default()).await?;
            return Ok(());
        }
    }
    Ok(())
}

/// Why the job of a record could not be made yet.
#[derive(Debug, thiserror::Error)]
enum SubmitFault {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    TooManyKeys(#[from] TooManyKeys),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_people_wait_than_there_is_room_for() {
        let waiting = WaitingRecords::default();
        let place = |n: usize| (Arc::from("workday"), n.to_string().into());
        for n in 0..MOST_WAITING {
            assert!(waiting.add(&place(n), "first") && !waiting.lacks_room_for(MOST_WAITING - n - 1));
        }
        assert!(waiting.lacks_room_for(1));
        assert!(!waiting.add(&place(7), "second"), "who waits already needs no room");
        assert_eq!(waiting.take(&place(7)).len(), 2);
        assert!(waiting.leave(&place(7)) && !waiting.lacks_room_for(1));
    }
}
