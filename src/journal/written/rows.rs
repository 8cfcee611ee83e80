//! Converts rows of the tables into domain types, for recovery and for readers.

use jiff::Timestamp;
use rusqlite::{Connection, Row};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::domain::acceptance::{AcceptanceKey, KeyId, KeyKind};
use crate::domain::entry::EntryOrder;
use crate::domain::{JobId, Target, UserId, UserKey};
use crate::journal::content::AcceptedJob;
use crate::journal::content::CallRecord;
use crate::journal::content::EntryOutcome;
use crate::journal::content::JobCounters;
use crate::journal::content::KeptUserState;
use crate::journal::content::RecoveredJob;
use crate::journal::written::entry::OrderReader;
use crate::journal::written::notes;
use crate::journal::written::record::{CountersRecord, OutcomeRecord, SpecRecord};
use crate::journal::written::user_state::StandingRecord;

/// Reason why something could not be read back.
#[derive(Debug, thiserror::Error)]
pub(in crate::journal) enum StoredRowError {
    #[error(transparent)]
    Database(#[from] rusqlite::Error),
    /// The record exists, but is unknown to this program. Its content is not reported, because it may be personal.
    #[error("{0} cannot be understood")]
    NotUnderstood(String),
}

impl StoredRowError {
    /// Returns the error for a failure to read `what`.
    fn of(what: impl FnOnce() -> String) -> impl FnOnce(rusqlite::Error) -> Self {
        |error| match error.sqlite_error_code() {
            Some(_) => Self::Database(error),
            None => Self::NotUnderstood(what()),
        }
    }
}

type Read<T> = Result<T, StoredRowError>;

/// Reads the jobs in order of acceptance, each with its entries; only a failure of `take` ends the iteration early.
pub(in crate::journal) fn each_job(
    connection: &Connection,
    mut take: impl FnMut(Read<RecoveredJob>) -> Read<()>,
) -> Read<()> {
    let mut jobs = connection.prepare("SELECT id, created_at, spec, counters FROM job ORDER BY id")?;
    let mut rows = jobs.query([])?;
    while let Some(row) = rows.next()? {
        take(job(connection, row))?;
    }
    Ok(())
}

fn job(connection: &Connection, row: &Row<'_>) -> Read<RecoveredJob> {
    let id = JobId(uuid(row, 0).map_err(StoredRowError::of(|| "the id of a job".to_owned()))?);
    let mut job = head(row, id).map_err(StoredRowError::of(|| format!("job {id}")))?;
    job.notes = notes::read(connection, id).map_err(StoredRowError::of(|| format!("a note on job {id}")))?;
    let mut entries =
        connection.prepare_cached("SELECT position, request, outcome FROM entry WHERE job = ?1 ORDER BY position")?;
    let (mut rows, mut orders) = (entries.query([id.0.as_bytes()])?, OrderReader::default());
    while let Some(row) = rows.next()? {
        let position = job.outcomes.len();
        let (order, outcome) = entry(row, position, &mut orders)
            .map_err(StoredRowError::of(|| format!("entry {position} of job {id}")))?;
        job.job.entries.push(order);
        job.outcomes.push(outcome);
    }
    Ok(job)
}

fn head(row: &Row<'_>, id: JobId) -> rusqlite::Result<RecoveredJob> {
    let spec: SpecRecord<'_> = serde_json::from_str(row.get_ref(2)?.as_str()?).map_err(|_| unknown(2))?;
    let (created_at, submitted_by) = (date(row, 1)?, spec.submitted_by());
    let job = AcceptedJob { id, created_at, spec: spec.into(), entries: Vec::new(), submitted_by };
    let counters = optional::<CountersRecord>(row, 3)?.map(JobCounters::from).unwrap_or_default();
    Ok(RecoveredJob { job, counters, notes: crate::journal::content::JobNotes::default(), outcomes: Vec::new() })
}

fn entry(
    row: &Row<'_>,
    position: usize,
    orders: &mut OrderReader,
) -> rusqlite::Result<(EntryOrder, Option<EntryOutcome>)> {
    // A missing entry would give the outcome of another to each entry after it.
    if usize::try_from(row.get::<_, u32>(0)?).ok() != Some(position) {
        return Err(unknown(0));
    }
    let order = orders.read(row.get_ref(1)?.as_str()?).map_err(|_| unknown(1))?;
    Ok((order, optional::<OutcomeRecord>(row, 2)?.map(EntryOutcome::from)))
}

/// Reads the user states.
pub(in crate::journal) fn each_standing(
    connection: &Connection,
    take: impl FnMut(Read<(UserKey, KeptUserState)>) -> Read<()>,
) -> Read<()> {
    let standing = |row: &Row<'_>| {
        let target = known(row, 0, Target::ALL, Target::name)?;
        let user = UserKey { target, user: UserId(uuid(row, 1)?) };
        Ok((user, parsed::<StandingRecord>(row, 2)?.into()))
    };
    each(connection, "SELECT target, user, standing FROM standing", "what is remembered of a user", standing, take)
}

/// Reads the keys that jobs were accepted under.
pub(in crate::journal) fn each_key(
    connection: &Connection,
    take: impl FnMut(Read<(AcceptanceKey, JobId)>) -> Read<()>,
) -> Read<()> {
    let key = |row: &Row<'_>| {
        let kind = known(row, 1, KeyKind::ALL, KeyKind::name)?;
        let (id, fingerprint) = (KeyId(row.get(0)?), row.get(2)?);
        Ok((AcceptanceKey { id, kind, fingerprint, kept_until: date(row, 4)? }, JobId(uuid(row, 3)?)))
    };
    let all = "SELECT id, kind, fingerprint, job, kept_until FROM acceptance_key";
    each(connection, all, "a key", key, take)
}

/// Reads the records of calls, oldest first.
pub(in crate::journal) fn each_call(
    connection: &Connection,
    take: impl FnMut(Read<CallRecord>) -> Read<()>,
) -> Read<()> {
    let call = |row: &Row<'_>| {
        Ok(CallRecord {
            ended: row.get(0)?,
            ended_at: date(row, 1)?,
            lease_until: date(row, 2)?,
            at_most: row.get(3)?,
            forget_before: Timestamp::MIN,
        })
    };
    let all = "SELECT ended, ended_at, lease_until, at_most FROM call_record ORDER BY number";
    each(connection, all, "a record of calls", call, take)
}

fn each<T>(
    connection: &Connection,
    query: &str,
    what: &str,
    read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
    mut take: impl FnMut(Read<T>) -> Read<()>,
) -> Read<()> {
    let mut statement = connection.prepare(query)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        take(read(row).map_err(StoredRowError::of(|| what.to_owned())))?;
    }
    Ok(())
}

/// Returns the value of `all` whose name is in the column.
fn known<T: Copy, const N: usize>(
    row: &Row<'_>,
    column: usize,
    all: [T; N],
    name: impl Fn(T) -> &'static str,
) -> rusqlite::Result<T> {
    let word = row.get_ref(column)?.as_str()?;
    all.into_iter().find(|one| name(*one) == word).ok_or_else(|| unknown(column))
}

fn date(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    Timestamp::from_millisecond(row.get(column)?).map_err(|_| unknown(column))
}

fn uuid(row: &Row<'_>, column: usize) -> rusqlite::Result<Uuid> {
    Ok(Uuid::from_bytes(row.get(column)?))
}

fn parsed<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    serde_json::from_str(row.get_ref(column)?.as_str()?).map_err(|_| unknown(column))
}

fn optional<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<T>> {
    let text = row.get_ref(column)?.as_str_or_null()?;
    text.map(|text| serde_json::from_str(text).map_err(|_| unknown(column))).transpose()
}

fn unknown(column: usize) -> rusqlite::Error {
    rusqlite::Error::InvalidColumnType(column, String::new(), rusqlite::types::Type::Text)
}
