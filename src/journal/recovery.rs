//! Reading back, at the start, what a process before this one wrote down.

use jiff::Timestamp;
use rusqlite::{Connection, Row};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::order::OrderReader;
use super::record::{CountersRecord, OutcomeRecord, SpecRecord, StandingRecord};
use super::{AcceptedJob, CallRecord, EntryOutcome, JobCounters, Recovered, RecoveredJob, memos, notes};
use crate::domain::acceptance::{AcceptanceKey, KeyId, KeyKind};
use crate::domain::{JobId, Target, UserId, UserKey};

/// Everything that the journal holds.
pub(super) fn recover(connection: &Connection) -> rusqlite::Result<Recovered> {
    let mut jobs = connection.prepare("SELECT id, created_at, spec, counters FROM job ORDER BY id")?;
    let mut entries = connection.prepare("SELECT request, outcome FROM entry WHERE job = ?1 ORDER BY position")?;
    let mut recovered = Recovered::default();
    let mut rows = jobs.query([])?;
    while let Some(row) = rows.next()? {
        let id = uuid(row, 0)?;
        let (mut orders, mut requests, mut outcomes) = (OrderReader::default(), Vec::new(), Vec::new());
        let mut of_job = entries.query([id.as_bytes()])?;
        while let Some(entry) = of_job.next()? {
            requests.push(orders.read(entry.get_ref(0)?.as_str()?).map_err(|error| unreadable(0, error))?);
            outcomes.push(optional::<OutcomeRecord>(entry, 1)?.map(EntryOutcome::from));
        }
        let spec: String = row.get(2)?;
        let spec: SpecRecord<'_> = serde_json::from_str(&spec).map_err(|error| unreadable(2, error))?;
        let created_at = Timestamp::from_millisecond(row.get(1)?).unwrap_or(Timestamp::UNIX_EPOCH);
        let counters = optional::<CountersRecord>(row, 3)?.map(JobCounters::from).unwrap_or_default();
        let job = AcceptedJob { id: JobId(id), spec: spec.into(), created_at, entries: requests };
        let notes = notes::read(connection, job.id)?;
        recovered.jobs.push(RecoveredJob { job, counters, notes, outcomes });
    }
    let mut standings = connection.prepare("SELECT target, user, standing FROM standing")?;
    let mut rows = standings.query([])?;
    while let Some(row) = rows.next()? {
        let target: String = row.get(0)?;
        let known = [Target::RoutingSkills, Target::WfmSkillGroups].into_iter().find(|known| known.name() == target);
        let Some(target) = known else { continue };
        let user = UserKey { target, user: UserId(uuid(row, 1)?) };
        recovered.standings.push((user, parsed::<StandingRecord>(row, 2)?.into()));
    }
    recovered.keys = keys(connection)?;
    recovered.memos = memos::recover(connection)?;
    recovered.calls = calls(connection)?;
    Ok(recovered)
}

fn keys(connection: &Connection) -> rusqlite::Result<Vec<(AcceptanceKey, JobId)>> {
    let mut keys = connection.prepare("SELECT id, kind, fingerprint, job, kept_until FROM acceptance_key")?;
    let mut rows = keys.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let word: String = row.get(1)?;
        let Some(kind) = KeyKind::ALL.into_iter().find(|kind| kind.name() == word) else { continue };
        let key = AcceptanceKey {
            id: KeyId(row.get(0)?),
            kind,
            fingerprint: row.get(2)?,
            kept_until: Timestamp::from_millisecond(row.get(4)?).unwrap_or(Timestamp::UNIX_EPOCH),
        };
        found.push((key, JobId(uuid(row, 3)?)));
    }
    Ok(found)
}

fn calls(connection: &Connection) -> rusqlite::Result<Vec<CallRecord>> {
    let date = |millisecond| Timestamp::from_millisecond(millisecond).unwrap_or(Timestamp::UNIX_EPOCH);
    let mut calls =
        connection.prepare("SELECT ended, ended_at, lease_until, at_most FROM call_record ORDER BY number")?;
    let records = calls.query_map([], |row| {
        Ok(CallRecord {
            ended: row.get(0)?,
            ended_at: date(row.get(1)?),
            lease_until: date(row.get(2)?),
            at_most: row.get(3)?,
            forget_before: Timestamp::MIN,
        })
    })?;
    records.collect()
}

fn uuid(row: &Row<'_>, column: usize) -> rusqlite::Result<Uuid> {
    Ok(Uuid::from_bytes(row.get(column)?))
}

fn parsed<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    serde_json::from_str(text).map_err(|error| unreadable(column, error))
}

fn optional<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<T>> {
    let text = row.get_ref(column)?.as_str_or_null()?;
    text.map(|text| serde_json::from_str(text).map_err(|error| unreadable(column, error))).transpose()
}

fn unreadable(column: usize, error: serde_json::Error) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, error.into())
}
