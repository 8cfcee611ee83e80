//! Records to be read: one at a time per person, however many events name that person.
//!
//! An event that only names a person becomes a durable memo before it is answered, and stays one until the record has
//! been read and a job made of it. Events that arrive during a read cause one more read, since it is unknown whether
//! the answer already reflected them. Records that could not be read are kept as well, and are read again on request or
//! with the next event about the person: an event that was answered with 202 is never reduced to a line in a log.

mod reading;
mod records;
mod written;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

pub(super) use self::records::WaitingRecords;
use self::records::{Failed, LastSetback, RecordPlace, WaitingEvent};
pub use self::records::{UnreadCounts, UnreadRecord};
pub(super) use self::written::is_waiting;
use self::written::{KeptFailure, forgotten, memo};
use super::Intake;
use crate::hris::mapped::Mapping;
use crate::hris::people::Changed;
use crate::hris::source::Source;
use crate::journal::{JournalError, Memo};

/// Resumes what a previous process had not finished.
pub(super) fn resume(intake: &Intake, memos: &[Memo]) {
    let now = intake.0.clock.now();
    for (place, event, failed) in memos.iter().filter_map(|memo| written::read(memo, now)) {
        let Some(KeptFailure { at, calls, problem }) = failed else {
            begin(intake, place, event);
            continue;
        };
        let mut places = intake.0.waiting.places();
        let failed = places.failed.entry(place).or_insert_with(|| Failed {
            events: Vec::new(),
            at,
            setback: LastSetback { calls, problem },
        });
        failed.events.push(event);
    }
}

/// Accepts the people whose records must be read because of a delivery. Durable when it returns.
pub(super) async fn accept(
    intake: &Intake,
    source: &Source,
    delivery: &str,
    mapping: &Mapping,
) -> Result<(), JournalError> {
    let changed = &mapping.changed;
    let has_others = changed.len() + mapping.people.len() > 1;
    let came_at = intake.0.clock.now();
    let of = |changed: &Changed| {
        let event = WaitingEvent { delivery: delivery.into(), has_others, came_at, occurred_at: changed.occurred_at };
        ((Arc::clone(&source.name), changed.record.clone()), event)
    };
    let memos = changed.iter().map(of).map(|(place, event)| memo(&place, &event, None));
    intake.0.journal.remember(memos.collect()).await?;
    for (place, event) in changed.iter().map(of) {
        begin(intake, place, event);
    }
    Ok(())
}

/// Adds an event to a place, and starts a task for the place if there is none.
fn begin(intake: &Intake, place: RecordPlace, event: WaitingEvent) {
    if intake.0.waiting.add(&place, event) {
        let worker = intake.clone();
        intake.0.lifecycle.keep_trying_until_stop("records", move || {
            let (worker, place) = (worker.clone(), place.clone());
            async move { reading::work(&worker, &place).await }
        });
    }
}

impl Intake {
    /// Returns all unread records, those that could not be read first.
    pub fn unread_records(&self) -> Vec<UnreadRecord> {
        self.0.waiting.unread()
    }

    /// Returns the number of unread records per source; sources without any are left out.
    pub fn unread(&self) -> BTreeMap<Arc<str>, UnreadCounts> {
        self.0.waiting.counts()
    }

    /// Reads again what could not be read of a source: one record, or all. Durable when it returns; returns the number
    /// of records.
    pub async fn read_again(&self, source: &str, record: Option<&str>) -> Result<usize, JournalError> {
        let meant = self.0.waiting.failed_of(|place, _| is_of(place, source, record));
        let memos = meant.iter().flat_map(|(place, events)| events.iter().map(|event| memo(place, event, None)));
        self.0.journal.remember(memos.collect()).await?;
        let number = meant.len();
        for (place, events) in meant {
            for event in events {
                begin(self, place.clone(), event);
            }
        }
        Ok(number)
    }

    /// Forgets what could not be read of a source: one record, or all. Durable when it returns; returns the number of
    /// records.
    pub async fn dismiss_unread(&self, source: &str, record: Option<&str>) -> Result<usize, JournalError> {
        let meant = self.0.waiting.failed_of(|place, _| is_of(place, source, record));
        self.forget_failed(meant).await
    }

    /// Forgets what could not be read for longer than the retention.
    pub(super) async fn forget_old_failures(&self, oldest: Timestamp) -> Result<(), JournalError> {
        let old = self.0.waiting.failed_of(|_, failed| failed.at < oldest);
        self.forget_failed(old).await.map(drop)
    }

    /// Removes the memos of failed records, then the records; returns their number.
    async fn forget_failed(&self, meant: Vec<(RecordPlace, Vec<WaitingEvent>)>) -> Result<usize, JournalError> {
        let memos: Vec<_> =
            meant.iter().flat_map(|(place, events)| events.iter().map(|event| forgotten(place, event))).collect();
        if memos.is_empty() {
            return Ok(0);
        }
        self.0.journal.remember(memos).await?;
        let mut places = self.0.waiting.places();
        for (place, _) in &meant {
            places.failed.remove(place);
        }
        Ok(meant.len())
    }

    /// Returns the memos to remove for failed records with these ids, in any source.
    pub(super) fn failed_records(&self, ids: &[Box<str>]) -> Vec<Memo> {
        let meant = self.0.waiting.failed_of(|(_, record), _| ids.contains(record));
        meant.iter().flat_map(|(place, events)| events.iter().map(|event| forgotten(place, event))).collect()
    }

    /// Forgets failed records that are no longer in the journal.
    pub(super) fn drop_failed_records(&self, ids: &[Box<str>]) {
        self.0.waiting.places().failed.retain(|(_, record), _| !ids.contains(record));
    }
}

/// Returns whether a place belongs to this source and, if one is given, to this record.
fn is_of((of, id): &RecordPlace, source: &str, record: Option<&str>) -> bool {
    &**of == source && record.is_none_or(|record| **id == *record)
}
