//! Writes each kind of record into the tables.

use rusqlite::{Connection, params};

use crate::domain::acceptance::AcceptanceKey;
use crate::domain::{JobId, UserKey};
use crate::journal::content::AcceptedJob;
use crate::journal::content::CallRecord;
use crate::journal::content::Conclusion;
use crate::journal::content::EndedEntry;
use crate::journal::content::KeptUserState;
use crate::journal::database::erasure;
use crate::journal::database::message::{Entry, WriterMessage};
use crate::journal::database::usage::UsageChange;
use crate::journal::written::audit;
use crate::journal::written::entry::OrderWriter;
use crate::journal::written::memos;
use crate::journal::written::notes;
use crate::journal::written::owner;
use crate::journal::written::record::{CountersRecord, OutcomeRecord, SpecRecord};
use crate::journal::written::user_state::StandingRecord;

/// Maximum number of audit records removed at a time.
const MAX_FORGOTTEN: i64 = 10_000;

/// Writes a batch as one transaction, all of it or nothing. Returns how the number of rows changes.
pub(in crate::journal) fn write_all(
    connection: &mut Connection,
    batch: &[WriterMessage],
) -> rusqlite::Result<UsageChange> {
    let transaction = connection.transaction()?;
    let mut change = UsageChange::default();
    for (entry, _) in batch {
        change += write(&transaction, entry)?;
    }
    transaction.commit()?;
    Ok(change)
}

fn write(connection: &Connection, entry: &Entry) -> rusqlite::Result<UsageChange> {
    match entry {
        Entry::Accepted { job, keys, asked } => {
            accepted(connection, job)?;
            asked.iter().try_for_each(|record| audit::write(connection, record))?;
            keys.iter().try_for_each(|key| kept_key(connection, key, job.id))?;
            return Ok(UsageChange { jobs: 1, entries: count(job.entries.len()), keys: count(keys.len()) });
        }
        Entry::KeysExpired(keys) => {
            let mut delete = connection.prepare_cached("DELETE FROM acceptance_key WHERE id = ?1")?;
            let gone = keys.iter().try_fold(0, |gone, key| Ok::<_, rusqlite::Error>(gone + delete.execute([key.0])?));
            return Ok(UsageChange { keys: -count(gone?), ..UsageChange::default() });
        }
        Entry::JobsForgotten(jobs) => {
            let gone = jobs.iter().try_fold(0, |gone, job| forgotten(connection, *job).map(|one| gone + one));
            return Ok(UsageChange { jobs: -count(gone?), ..UsageChange::default() });
        }
        Entry::Concluded(conclusion) => concluded(connection, conclusion)?,
        Entry::Stands { user, user_state } => stands(connection, *user, user_state)?,
        Entry::Called(record) => called(connection, record)?,
        Entry::Noted { job, note, asked } => {
            notes::write(connection, *job, note.clone())?;
            asked.iter().try_for_each(|record| audit::write(connection, record))?;
        }
        Entry::Audited(record) => audit::write(connection, record)?,
        // The rest is removed the next time.
        Entry::AuditForgotten(before) => drop(audit::forget(connection, *before, MAX_FORGOTTEN)?),
        Entry::Erased(erasure) => erasure::write(connection, erasure)?,
        Entry::Memos(kept) => memos::write(connection, kept)?,
        Entry::Owner { org, forget_users } => owner::write(connection, org, *forget_users)?,
        Entry::Mark => {}
    }
    Ok(UsageChange::default())
}

fn count(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

fn concluded(connection: &Connection, conclusion: &Conclusion) -> rusqlite::Result<()> {
    conclusion.ended.iter().try_for_each(|ended| entry_ended(connection, ended))?;
    conclusion.user_state.iter().try_for_each(|(user, user_state)| stands(connection, *user, user_state))
}

fn entry_ended(connection: &Connection, ended: &EndedEntry) -> rusqlite::Result<()> {
    let EndedEntry { job, position, outcome, counters } = ended;
    let record = json(&OutcomeRecord::from(outcome.clone()))?;
    connection.prepare_cached("UPDATE entry SET outcome = ?3 WHERE job = ?1 AND position = ?2")?.execute(params![
        job.0.as_bytes(),
        position,
        record
    ])?;
    connection
        .prepare_cached("UPDATE job SET counters = ?2 WHERE id = ?1")?
        .execute(params![job.0.as_bytes(), json(&CountersRecord::from(*counters))?])?;
    Ok(())
}

fn stands(connection: &Connection, user: UserKey, user_state: &KeptUserState) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO standing (target, user, standing) VALUES (?1, ?2, ?3)")?
        .execute(params![user.target.name(), user.user.0.as_bytes(), json(&StandingRecord::from(user_state))?])?;
    Ok(())
}

/// Removes the job at once, and its entries a few at a time: see [`crate::journal::database::housekeeping`].
fn forgotten(connection: &Connection, job: JobId) -> rusqlite::Result<usize> {
    let gone = connection.prepare_cached("DELETE FROM job WHERE id = ?1")?.execute([job.0.as_bytes()])?;
    connection.prepare_cached("DELETE FROM note WHERE job = ?1")?.execute([job.0.as_bytes()])?;
    connection.prepare_cached("INSERT OR IGNORE INTO forgotten_job (job) VALUES (?1)")?.execute([job.0.as_bytes()])?;
    Ok(gone)
}

fn called(connection: &Connection, record: &CallRecord) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM call_record WHERE ended_at < ?1")?
        .execute([record.forget_before.as_millisecond()])?;
    connection
        .prepare_cached("INSERT INTO call_record (ended, ended_at, lease_until, at_most) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![
            record.ended,
            record.ended_at.as_millisecond(),
            record.lease_until.as_millisecond(),
            record.at_most
        ])?;
    Ok(())
}

fn accepted(connection: &Connection, job: &AcceptedJob) -> rusqlite::Result<()> {
    connection.prepare_cached("INSERT INTO job (id, created_at, spec) VALUES (?1, ?2, ?3)")?.execute(params![
        job.id.0.as_bytes(),
        job.created_at.as_millisecond(),
        json(&SpecRecord::of(&job.spec, job.submitted_by.as_ref()))?
    ])?;
    let mut insert = connection.prepare_cached("INSERT INTO entry (job, position, request) VALUES (?1, ?2, ?3)")?;
    let mut writer = OrderWriter::default();
    for (position, order) in (0u32..).zip(&job.entries) {
        insert.execute(params![job.id.0.as_bytes(), position, writer.write(position, order).map_err(unwritable)?])?;
    }
    Ok(())
}

/// A key returns under the same id only after it has expired; the record of its expiry may still be on its way.
fn kept_key(connection: &Connection, key: &AcceptanceKey, job: JobId) -> rusqlite::Result<()> {
    const INSERT: &str =
        "INSERT OR REPLACE INTO acceptance_key (id, kind, fingerprint, job, kept_until) VALUES (?1, ?2, ?3, ?4, ?5)";
    let until = key.kept_until.as_millisecond();
    connection.prepare_cached(INSERT)?.execute(params![
        key.id.0,
        key.kind.name(),
        key.fingerprint,
        job.0.as_bytes(),
        until
    ])?;
    Ok(())
}

fn json(record: &impl serde::Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(record).map_err(unwritable)
}

fn unwritable(error: serde_json::Error) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(error.into())
}
