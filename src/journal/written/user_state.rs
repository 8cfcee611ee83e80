//! The stored format of user states.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::fold::Change;
use crate::domain::history::{Done, Event, History, Holding, Others};
use crate::domain::write_intent::{IntendedChange, Wanted, WriteIntent};
use crate::domain::{AssignmentId, Assignments, EntryId, JobId, Listed, Owner, Owners, Place, Proficiency, Version};
use crate::journal::content::ForgottenChange;
use crate::journal::content::KeptUserState;
use crate::journal::content::WrittenAssignment;
use crate::journal::written::record::{ModeWord, rated, ratings};

/// What a user has of an assignment: `false` for nothing, `true` for the assignment without a rating.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(untagged)]
enum HoldingRecord {
    Unrated(bool),
    Rated(f64),
}

/// Assignments by owner.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum OwnersRecord {
    /// From journals before version 9, which did not record owners.
    Unclaimed(Vec<Uuid>),
    /// By name of the owner; unclaimed ones are under the empty name.
    ByOwner(BTreeMap<Box<str>, Vec<Uuid>>),
}

type AssignmentsRecord = Vec<(Uuid, Option<f64>)>;
type EntryRecord = (Uuid, u32);

/// A place: its date, and the entry that it belongs to.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(in crate::journal) struct PlaceRecord(Timestamp, Uuid, u32);

#[derive(Debug, Serialize, Deserialize)]
struct ForgottenRecord {
    place: PlaceRecord,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by: Option<EntryRecord>,
}

#[derive(Debug, Serialize, Deserialize)]
struct AttemptRecord {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base: Option<u64>,
    wanted: Vec<(Uuid, HoldingRecord, Vec<HoldingRecord>)>,
    claimed: OwnersRecord,
    entries: Vec<AttemptedRecord>,
}

#[derive(Debug, Serialize, Deserialize)]
struct AttemptedRecord {
    #[serde(flatten)]
    change: ChangeRecord,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    rows: Vec<RowRecord>,
}

#[derive(Debug, Serialize, Deserialize)]
struct ChangeRecord {
    place: PlaceRecord,
    by: EntryRecord,
    /// Missing in journals before version 9.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<Box<str>>,
    mode: ModeWord,
    #[serde(flatten)]
    listed: ListedRecord,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListedRecord {
    listed: AssignmentsRecord,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    left_as_is: Vec<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unrated: Option<f32>,
}

/// A row of several that were merged into one list.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum RowRecord {
    Simple(u32, AssignmentsRecord),
    /// With the assignments that are left as they are.
    Whole(u32, AssignmentsRecord, Vec<Uuid>),
    /// With the rating of new assignments as well.
    Rated(u32, AssignmentsRecord, Vec<Uuid>, f32),
}

#[derive(Debug, Serialize, Deserialize)]
struct HistoryRecord {
    base: AssignmentsRecord,
    owned: OwnersRecord,
    events: Vec<EventRecord>,
    left: AssignmentsRecord,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum EventRecord {
    Done {
        #[serde(flatten)]
        change: ChangeRecord,
        at: Timestamp,
    },
    Others {
        changes: Vec<(Uuid, HoldingRecord)>,
        claimed: OwnersRecord,
    },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::journal) struct StandingRecord {
    owned: OwnersRecord,
    /// From journals before version 6: when the newest change that was carried out had happened.
    #[serde(default, skip_serializing)]
    applied_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    forgotten: Option<ForgottenRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    history: Option<HistoryRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    written: Vec<(Uuid, HoldingRecord, Timestamp)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attempt: Option<AttemptRecord>,
}

impl From<&Owners> for OwnersRecord {
    fn from(ownership: &Owners) -> Self {
        let of_owner = |(owner, ids): (Option<&Owner>, &BTreeSet<AssignmentId>)| {
            (owner.map_or_else(Box::default, |owner| owner.name().into()), ids.iter().map(|id| id.0).collect())
        };
        Self::ByOwner(ownership.by_owner().map(of_owner).collect())
    }
}

impl From<OwnersRecord> for Owners {
    fn from(record: OwnersRecord) -> Self {
        let by_owner = match record {
            OwnersRecord::Unclaimed(ids) => [(Box::default(), ids)].into(),
            OwnersRecord::ByOwner(by_owner) => by_owner,
        };
        let of_owner = |(name, ids): (Box<str>, Vec<Uuid>)| {
            let owner = (!name.is_empty()).then(|| Owner::kept(&name));
            ids.into_iter().map(move |id| (owner.clone(), AssignmentId(id)))
        };
        by_owner.into_iter().flat_map(of_owner).collect()
    }
}

impl From<Holding> for HoldingRecord {
    fn from(holding: Holding) -> Self {
        match holding {
            None => Self::Unrated(false),
            Some(None) => Self::Unrated(true),
            Some(Some(rating)) => Self::Rated(f64::from(rating.value())),
        }
    }
}

impl From<HoldingRecord> for Holding {
    fn from(record: HoldingRecord) -> Self {
        match record {
            HoldingRecord::Unrated(has) => has.then_some(None),
            HoldingRecord::Rated(rating) => Some(Proficiency::new(rating)),
        }
    }
}

impl From<Place> for PlaceRecord {
    fn from(place: Place) -> Self {
        Self(place.at, place.entry.0.0, place.entry.1)
    }
}

impl From<PlaceRecord> for Place {
    fn from(PlaceRecord(at, job, index): PlaceRecord) -> Self {
        Self { at, entry: (JobId(job), index) }
    }
}

fn entry_record((job, index): EntryId) -> EntryRecord {
    (job.0, index)
}

fn entry_id((job, index): EntryRecord) -> EntryId {
    (JobId(job), index)
}

fn assignments_record(assignments: &Assignments) -> AssignmentsRecord {
    ratings(assignments.iter().collect())
}

fn assignments(record: AssignmentsRecord) -> Arc<Assignments> {
    Arc::new(rated(record).into_iter().collect())
}

impl From<&WriteIntent> for AttemptRecord {
    fn from(attempt: &WriteIntent) -> Self {
        let wanted = attempt.wanted.iter().map(|(id, Wanted { before, after })| {
            (id.0, (*before).into(), after.iter().copied().map(HoldingRecord::from).collect())
        });
        Self {
            base: attempt.base.map(|version| version.0),
            wanted: wanted.collect(),
            claimed: (&attempt.claimed).into(),
            entries: attempt.entries.iter().map(AttemptedRecord::from).collect(),
        }
    }
}

impl From<AttemptRecord> for WriteIntent {
    fn from(record: AttemptRecord) -> Self {
        let wanted = record.wanted.into_iter().map(|(id, before, after)| {
            let after = after.into_iter().map(Holding::from).collect();
            (AssignmentId(id), Wanted { before: before.into(), after })
        });
        Self {
            base: record.base.map(Version),
            wanted: wanted.collect(),
            claimed: record.claimed.into(),
            entries: record.entries.into_iter().map(IntendedChange::from).collect(),
        }
    }
}

impl From<&Listed> for ListedRecord {
    fn from(listed: &Listed) -> Self {
        Self {
            listed: assignments_record(listed.assignments()),
            left_as_is: listed.left_as_is().map(|id| id.0).collect(),
            unrated: listed.unrated().map(Proficiency::value),
        }
    }
}

impl From<ListedRecord> for Listed {
    fn from(record: ListedRecord) -> Self {
        let unrated = record.unrated.and_then(|rating| Proficiency::new(rating.into()));
        Self::new(rated(record.listed).into_iter().collect(), record.left_as_is.into_iter().map(AssignmentId))
            .with_unrated(unrated)
    }
}

impl RowRecord {
    fn of(index: u32, listed: &Listed) -> Self {
        let ListedRecord { listed, left_as_is, unrated } = listed.into();
        match unrated {
            Some(unrated) => Self::Rated(index, listed, left_as_is, unrated),
            None if left_as_is.is_empty() => Self::Simple(index, listed),
            None => Self::Whole(index, listed, left_as_is),
        }
    }

    fn read(self) -> (u32, Arc<Listed>) {
        let (index, listed, left_as_is, unrated) = match self {
            Self::Simple(index, listed) => (index, listed, Vec::new(), None),
            Self::Whole(index, listed, left_as_is) => (index, listed, left_as_is, None),
            Self::Rated(index, listed, left_as_is, unrated) => (index, listed, left_as_is, Some(unrated)),
        };
        (index, Arc::new(ListedRecord { listed, left_as_is, unrated }.into()))
    }
}

impl From<&Change> for ChangeRecord {
    fn from(change: &Change) -> Self {
        Self {
            place: change.place.into(),
            by: entry_record(change.by),
            owner: change.owner.as_ref().map(|owner| owner.name().into()),
            mode: change.mode.into(),
            listed: (&*change.listed).into(),
        }
    }
}

impl From<ChangeRecord> for Change {
    fn from(record: ChangeRecord) -> Self {
        Self {
            place: record.place.into(),
            by: entry_id(record.by),
            owner: record.owner.as_deref().map(Owner::kept),
            mode: record.mode.into(),
            listed: Arc::new(record.listed.into()),
        }
    }
}

impl From<&IntendedChange> for AttemptedRecord {
    fn from(attempted: &IntendedChange) -> Self {
        let rows = attempted.rows.iter().map(|(index, listed)| RowRecord::of(*index, listed));
        Self { change: (&attempted.change).into(), rows: rows.collect() }
    }
}

impl From<AttemptedRecord> for IntendedChange {
    fn from(record: AttemptedRecord) -> Self {
        let rows = record.rows.into_iter().map(RowRecord::read);
        Self { change: record.change.into(), rows: rows.collect() }
    }
}

impl From<&Event> for EventRecord {
    fn from(event: &Event) -> Self {
        match event {
            Event::Done(Done { change, at }) => Self::Done { change: change.into(), at: *at },
            Event::Others(Others { changes, claimed }) => Self::Others {
                changes: changes.iter().map(|(id, holding)| (id.0, (*holding).into())).collect(),
                claimed: claimed.into(),
            },
        }
    }
}

impl From<EventRecord> for Event {
    fn from(record: EventRecord) -> Self {
        match record {
            EventRecord::Done { change, at } => Self::Done(Done { change: change.into(), at }),
            EventRecord::Others { changes, claimed } => Self::Others(Others {
                changes: changes.into_iter().map(|(id, holding)| (AssignmentId(id), holding.into())).collect(),
                claimed: claimed.into(),
            }),
        }
    }
}

impl From<&History> for HistoryRecord {
    fn from(history: &History) -> Self {
        Self {
            base: assignments_record(&history.base),
            owned: (&*history.owned).into(),
            events: history.events.iter().map(EventRecord::from).collect(),
            left: assignments_record(&history.left),
        }
    }
}

impl From<HistoryRecord> for History {
    fn from(record: HistoryRecord) -> Self {
        Self {
            base: assignments(record.base),
            owned: Arc::new(record.owned.into()),
            events: record.events.into_iter().map(Event::from).collect(),
            left: assignments(record.left),
        }
    }
}

impl From<&KeptUserState> for StandingRecord {
    fn from(user_state: &KeptUserState) -> Self {
        let forgotten = user_state
            .forgotten
            .map(|forgotten| ForgottenRecord { place: forgotten.place.into(), by: forgotten.by.map(entry_record) });
        let written = user_state.written.iter().map(|written| (written.id.0, written.left.into(), written.at));
        Self {
            owned: (&*user_state.owned).into(),
            applied_at: None,
            forgotten,
            history: user_state.history.as_deref().map(HistoryRecord::from),
            version: user_state.version.map(|version| version.0),
            written: written.collect(),
            attempt: user_state.attempt.as_deref().map(AttemptRecord::from),
        }
    }
}

impl From<StandingRecord> for KeptUserState {
    fn from(record: StandingRecord) -> Self {
        let forgotten = record
            .forgotten
            .map(|forgotten| ForgottenChange { place: forgotten.place.into(), by: forgotten.by.map(entry_id) });
        let older = record
            .applied_at
            .map(|at| ForgottenChange { place: Place { at, entry: (JobId(Uuid::nil()), 0) }, by: None });
        let written = record.written.into_iter().map(|(id, left, at)| WrittenAssignment {
            id: AssignmentId(id),
            left: left.into(),
            at,
        });
        Self {
            owned: Arc::new(record.owned.into()),
            forgotten: forgotten.or(older),
            history: record.history.map(|history| Arc::new(history.into())),
            version: record.version.map(Version),
            written: written.collect(),
            attempt: record.attempt.map(|attempt| Arc::new(attempt.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Mode;

    #[test]
    fn what_is_remembered_is_read_back_as_it_was() {
        let (id, job) = (AssignmentId(Uuid::from_u128(1)), JobId(Uuid::from_u128(2)));
        let at: Timestamp = "2026-11-28T07:30:00.125Z".parse().unwrap();
        let (place, rating) = (Place { at, entry: (job, 3) }, Proficiency::new(2.5));
        let set: Arc<Assignments> = Arc::new([(id, rating)].into_iter().collect());
        let listed = Listed::new(set.as_ref().clone(), [AssignmentId(Uuid::from_u128(5))]);
        let rated = Arc::new(listed.clone().with_unrated(Proficiency::new(3.5)));
        let listed = Arc::new(listed);
        let owned: Owners = [(Owner::new("hr"), id), (None, AssignmentId(Uuid::from_u128(6)))].into_iter().collect();
        let change =
            Change { place, by: (job, 4), owner: Owner::new("hr"), mode: Mode::Managed, listed: Arc::clone(&rated) };
        let others = Others { changes: vec![(id, None), (id, Some(None)), (id, Some(rating))], claimed: owned.clone() };
        let history = History {
            base: Arc::default(),
            owned: Arc::new(owned.clone()),
            events: vec![Event::Done(Done { change: change.clone(), at }), Event::Others(others)],
            left: Arc::clone(&set),
        };
        let wanted = Wanted { before: Some(rating), after: vec![None, Some(None)] };
        let attempt = WriteIntent {
            base: Some(Version(7)),
            wanted: [(id, wanted)].into(),
            claimed: owned.clone(),
            entries: vec![
                IntendedChange { change: change.clone(), rows: Arc::default() },
                IntendedChange {
                    change,
                    rows: Arc::new([(2, rated), (3, listed), (4, Arc::new(set.as_ref().clone().into()))]),
                },
            ],
        };
        let user_state = KeptUserState {
            owned: Arc::new(owned.clone()),
            forgotten: Some(ForgottenChange { place, by: Some((job, 3)) }),
            history: Some(Arc::new(history)),
            version: Some(Version(8)),
            written: vec![WrittenAssignment { id, left: Some(rating), at }],
            attempt: Some(Arc::new(attempt)),
        };
        for user_state in [user_state, KeptUserState::default()] {
            let text = serde_json::to_string(&StandingRecord::from(&user_state)).unwrap();
            assert_eq!(
                KeptUserState::from(serde_json::from_str::<StandingRecord>(&text).unwrap()),
                user_state,
                "{text}"
            );
        }
    }

    #[test]
    fn what_older_journals_keep_is_understood() {
        let text = r#"{"owned":["00000000-0000-0000-0000-000000000001"],"appliedAt":"2026-11-28T07:30:00Z"}"#;
        let user_state = KeptUserState::from(serde_json::from_str::<StandingRecord>(text).unwrap());
        let unclaimed = [(None, AssignmentId(Uuid::from_u128(1)))].into_iter().collect();
        assert_eq!(*user_state.owned, unclaimed, "they name no owners");
        let forgotten = user_state.forgotten.unwrap();
        assert_eq!((forgotten.place.at.to_string().as_str(), forgotten.by), ("2026-11-28T07:30:00Z", None));
    }
}
