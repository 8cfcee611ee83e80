//! Which records are still to be read, and which could not be.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;

use crate::hris::source::Source;

/// Maximum number of records that wait at a time. It exceeds the number of people in any org; beyond it, something
/// sends invented ids.
const MAX_WAITING: usize = 200_000;

/// A source, and the sender's id of a person.
pub(super) type RecordPlace = (Arc<str>, Box<str>);

/// The records that are still to be read, or could not be.
///
/// Invariant: a place is in `waiting` for exactly as long as one task works on it, and in `failed` while it needs
/// attention; it is never in both. Each delivery that led to it stays in the journal until a job was made of the
/// record.
#[derive(Debug, Default)]
pub(in crate::hris::intake) struct WaitingRecords {
    places: Mutex<RecordPlaces>,
    /// When the next call to each source may go out.
    paces: Mutex<HashMap<Arc<str>, Instant>>,
}

/// The records by place.
#[derive(Debug, Default)]
pub(super) struct RecordPlaces {
    pub(super) waiting: HashMap<RecordPlace, WaitingRecord>,
    pub(super) failed: BTreeMap<RecordPlace, Failed>,
}

/// A record that is being read.
#[derive(Debug)]
pub(super) struct WaitingRecord {
    /// Events that the task has not taken up yet.
    untaken: Vec<WaitingEvent>,
    /// Events that the task has taken up.
    taken: Vec<WaitingEvent>,
    setback: Option<LastSetback>,
    next_call_at: Option<Timestamp>,
}

/// A delivery that named a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WaitingEvent {
    pub(super) delivery: Box<str>,
    /// Whether the delivery is about others as well, so that its key belongs to their job.
    pub(super) has_others: bool,
    pub(super) came_at: Timestamp,
    /// The date of the change by the sender's clock.
    pub(super) occurred_at: Option<Timestamp>,
}

impl WaitingEvent {
    /// Returns the idempotency key of the job that is made of a record because of this event. Each record of a delivery
    /// has a job of its own.
    pub(super) fn key(&self, record: &str) -> String {
        if self.has_others { format!("{}\n{record}", self.delivery) } else { (*self.delivery).to_owned() }
    }
}

/// Why the last call failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LastSetback {
    pub(super) calls: u32,
    pub(super) problem: Box<str>,
}

/// A record that could not be read.
#[derive(Debug, Clone)]
pub(super) struct Failed {
    pub(super) events: Vec<WaitingEvent>,
    pub(super) at: Timestamp,
    pub(super) setback: LastSetback,
}

/// A record that is still to be read, or could not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadRecord {
    /// Name of the source.
    pub source: Arc<str>,
    /// The sender's id of the person.
    pub record: Box<str>,
    /// Keys of the deliveries that named the person.
    pub deliveries: Vec<Box<str>>,
    /// When the first of them came.
    pub since: Option<Timestamp>,
    /// Number of calls so far.
    pub calls: u32,
    /// Why the last call failed.
    pub problem: Option<Box<str>>,
    /// When the next call goes out.
    pub next_call_at: Option<Timestamp>,
    /// When reading was given up.
    pub failed_at: Option<Timestamp>,
}

/// How many records of a source are still to be read, and how many could not be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnreadCounts {
    /// Number of records that are still to be read.
    pub waiting: usize,
    /// Number of records that could not be read.
    pub failed: usize,
    /// The latest failure or setback.
    pub problem: Option<Box<str>>,
}

impl WaitingRecords {
    /// Returns the number of unread records per source; sources without any are left out.
    pub(in crate::hris::intake) fn counts(&self) -> BTreeMap<Arc<str>, UnreadCounts> {
        let places = self.places();
        let mut counts = BTreeMap::<Arc<str>, UnreadCounts>::new();
        let mut setbacks = BTreeMap::<Arc<str>, (Timestamp, &LastSetback)>::new();
        let mut newest = |source: &Arc<str>, at: Timestamp, setback| {
            let known = setbacks.entry(Arc::clone(source)).or_insert((at, setback));
            if known.0 < at {
                *known = (at, setback);
            }
        };
        for ((source, _), failed) in &places.failed {
            counts.entry(Arc::clone(source)).or_default().failed += 1;
            newest(source, failed.at, &failed.setback);
        }
        for ((source, _), waiting) in &places.waiting {
            counts.entry(Arc::clone(source)).or_default().waiting += 1;
            if let Some((at, setback)) = waiting.next_call_at.zip(waiting.setback.as_ref()) {
                newest(source, at, setback);
            }
        }
        for (source, (_, setback)) in setbacks {
            counts.entry(source).or_default().problem = Some(setback.problem.clone());
        }
        counts
    }

    /// Returns all unread records, those that could not be read first.
    pub(in crate::hris::intake) fn unread(&self) -> Vec<UnreadRecord> {
        let places = self.places();
        let failed = places.failed.iter().map(|((source, record), failed)| UnreadRecord {
            source: Arc::clone(source),
            record: record.clone(),
            deliveries: deliveries(&failed.events),
            since: since(&failed.events),
            calls: failed.setback.calls,
            problem: Some(failed.setback.problem.clone()),
            next_call_at: None,
            failed_at: Some(failed.at),
        });
        let mut waiting: Vec<_> = places.waiting.iter().collect();
        waiting.sort_by_key(|(place, _)| *place);
        let waiting = waiting.into_iter().map(|((source, record), waiting)| UnreadRecord {
            source: Arc::clone(source),
            record: record.clone(),
            deliveries: deliveries(&[&*waiting.taken, &waiting.untaken].concat()),
            since: since(&waiting.taken).or_else(|| since(&waiting.untaken)),
            calls: waiting.setback.as_ref().map_or(0, |last| last.calls),
            problem: waiting.setback.as_ref().map(|last| last.problem.clone()),
            next_call_at: waiting.next_call_at,
            failed_at: None,
        });
        failed.chain(waiting).collect()
    }

    /// Returns whether `more` records would exceed the maximum.
    pub(in crate::hris::intake) fn lacks_room_for(&self, more: usize) -> bool {
        let places = self.places();
        places.waiting.len() + places.failed.len() + more > MAX_WAITING
    }

    /// Returns whether a record with this id is still to be read, in any source.
    pub(in crate::hris::intake) fn waits_for(&self, record: &str) -> bool {
        self.places().waiting.keys().any(|(_, waiting)| **waiting == *record)
    }

    /// Returns whether this record is still to be read.
    pub(in crate::hris::intake) fn waits_for_record(&self, source: &Arc<str>, record: &str) -> bool {
        self.places().waiting.contains_key(&(Arc::clone(source), record.into()))
    }

    /// Adds a delivery. Returns true if no task works on the place yet, so that one must be started. Earlier events
    /// that could not be covered are covered as well.
    pub(super) fn add(&self, place: &RecordPlace, event: WaitingEvent) -> bool {
        let mut places = self.places();
        let needed = !places.waiting.contains_key(place);
        let before = places.failed.remove(place);
        let waiting = places.waiting.entry(place.clone()).or_insert_with(|| WaitingRecord {
            untaken: Vec::new(),
            taken: Vec::new(),
            setback: None,
            next_call_at: None,
        });
        for event in before.into_iter().flat_map(|failed| failed.events).chain([event]) {
            if !waiting.untaken.iter().any(|known| known.delivery == event.delivery) {
                waiting.untaken.push(event);
            }
        }
        needed
    }

    /// Takes up all events that have come for a place so far, just before a call goes out.
    pub(super) fn take(&self, place: &RecordPlace) -> Vec<WaitingEvent> {
        let mut places = self.places();
        let Some(waiting) = places.waiting.get_mut(place) else { return Vec::new() };
        let untaken = std::mem::take(&mut waiting.untaken);
        waiting.taken.extend(untaken);
        waiting.next_call_at = None;
        waiting.taken.clone()
    }

    /// Notes that a call failed, and when the next one goes out.
    pub(super) fn set_back(&self, place: &RecordPlace, setback: LastSetback, next_call_at: Timestamp) {
        if let Some(waiting) = self.places().waiting.get_mut(place) {
            (waiting.setback, waiting.next_call_at) = (Some(setback), Some(next_call_at));
        }
    }

    /// Notes that the events taken up are settled. Returns true, and ends the work on the place, unless more have come.
    pub(super) fn leave(&self, place: &RecordPlace) -> bool {
        let mut places = self.places();
        let Some(waiting) = places.waiting.get_mut(place) else { return true };
        waiting.taken.clear();
        let done = waiting.untaken.is_empty();
        if done {
            places.waiting.remove(place);
        }
        done
    }

    /// Notes that the record could not be read. Returns true, and ends the work on the place, unless more events have
    /// come.
    pub(super) fn give_up(&self, place: &RecordPlace, at: Timestamp, setback: LastSetback) -> bool {
        let mut places = self.places();
        let Some(waiting) = places.waiting.get_mut(place) else { return true };
        let taken = std::mem::take(&mut waiting.taken);
        if !waiting.untaken.is_empty() {
            // They are covered together with those that came since.
            waiting.untaken.splice(0..0, taken);
            return false;
        }
        places.waiting.remove(place);
        places.failed.insert(place.clone(), Failed { events: taken, at, setback });
        true
    }

    /// Returns the selected records that could not be read, each with the deliveries that named it.
    pub(super) fn failed_of(
        &self,
        is_meant: impl Fn(&RecordPlace, &Failed) -> bool,
    ) -> Vec<(RecordPlace, Vec<WaitingEvent>)> {
        let places = self.places();
        let meant = places.failed.iter().filter(|(place, failed)| is_meant(place, failed));
        meant.map(|(place, failed)| (place.clone(), failed.events.clone())).collect()
    }

    /// Reserves the time of the next call to a source; calls are spread evenly.
    pub(super) fn turn(&self, source: &Source, interval: Duration) -> Instant {
        let mut paces = self.paces.lock();
        let next = paces.entry(Arc::clone(&source.name)).or_insert_with(Instant::now);
        let turn = (*next).max(Instant::now());
        *next = turn + interval;
        turn
    }

    pub(super) fn places(&self) -> MutexGuard<'_, RecordPlaces> {
        self.places.lock()
    }
}

/// Returns the keys of the deliveries.
pub(super) fn deliveries(events: &[WaitingEvent]) -> Vec<Box<str>> {
    events.iter().map(|event| event.delivery.clone()).collect()
}

/// Returns when the first of the events came.
pub(super) fn since(events: &[WaitingEvent]) -> Option<Timestamp> {
    events.iter().map(|event| event.came_at).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(delivery: &str) -> WaitingEvent {
        WaitingEvent { delivery: delivery.into(), has_others: false, came_at: Timestamp::UNIX_EPOCH, occurred_at: None }
    }

    #[test]
    fn no_more_people_wait_than_there_is_room_for() {
        let waiting = WaitingRecords::default();
        let place = |n: usize| (Arc::from("workday"), n.to_string().into());
        for n in 0..MAX_WAITING {
            let needed = waiting.add(&place(n), event("first"));
            assert!(needed && !waiting.lacks_room_for(MAX_WAITING - n - 1));
        }
        assert!(waiting.lacks_room_for(1));
        assert!(!waiting.add(&place(7), event("second")), "who waits already needs no room");
        assert_eq!(waiting.take(&place(7)).len(), 2);
        assert!(waiting.leave(&place(7)) && !waiting.lacks_room_for(1));
    }

    #[test]
    fn what_is_given_up_is_read_with_what_comes_next() {
        let (waiting, place, now) = (WaitingRecords::default(), ("hr".into(), "7".into()), Timestamp::UNIX_EPOCH);
        let setback = LastSetback { calls: 3, problem: "no answer".into() };
        assert!(waiting.add(&place, event("first")));
        assert_eq!(waiting.take(&place), [event("first")]);
        assert!(waiting.give_up(&place, now, setback.clone()));
        let counts = UnreadCounts { waiting: 0, failed: 1, problem: Some("no answer".into()) };
        assert_eq!(waiting.counts(), [("hr".into(), counts)].into());
        assert!(waiting.add(&place, event("second")));
        assert_eq!(waiting.counts(), [("hr".into(), UnreadCounts { waiting: 1, ..UnreadCounts::default() })].into());
        assert_eq!(waiting.take(&place), [event("first"), event("second")]);
        // An event that arrives during the last call is not given up with it.
        assert!(!waiting.add(&place, event("third")));
        assert!(!waiting.give_up(&place, now, setback));
        assert_eq!(waiting.take(&place).len(), 3);
        assert!(waiting.leave(&place) && waiting.unread().is_empty());
    }
}
