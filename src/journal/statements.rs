//! How each thing that is handed to the journal is put into its tables.

use rusqlite::{Connection, params};

use super::record::{CountersRecord, OrderRecord, OutcomeRecord, SpecRecord, StandingRecord};
use super::writer::{Entry, Message};
use super::{AcceptedJob, EntryOutcome, memos, notes};
use crate::domain::JobId;
use crate::domain::acceptance::AcceptanceKey;

/// Writes a batch as one transaction: all of it or nothing.
pub(super) fn write_all(connection: &mut Connection, batch: &[Message]) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for (entry, _) in batch {
        write(&transaction, entry)?;
    }
    transaction.commit()
}

fn write(connection: &Connection, entry: &Entry) -> rusqlite::Result<()> {
    match entry {
        Entry::Accepted { job, keys } => {
            accepted(connection, job)?;
            keys.iter().try_for_each(|key| kept_key(connection, key, job.id))
        }
        Entry::KeysExpired(keys) => {
            let mut delete = connection.prepare_cached("DELETE FROM acceptance_key WHERE id = ?1")?;
            keys.iter().try_for_each(|key| delete.execute([key.0]).map(drop))
        }
        Entry::Ended { job, position, outcome, counters } => {
            connection.prepare_cached("UPDATE entry SET outcome = ?3 WHERE job = ?1 AND position = ?2")?.execute(
                params![job.0.as_bytes(), position, json(&OutcomeRecord::from(EntryOutcome::clone(outcome)))?],
            )?;
            connection
                .prepare_cached("UPDATE job SET counters = ?2 WHERE id = ?1")?
                .execute(params![job.0.as_bytes(), json(&CountersRecord::from(*counters))?])?;
            Ok(())
        }
        Entry::Stands { user, standing } => {
            connection
                .prepare_cached("INSERT OR REPLACE INTO standing (target, user, standing) VALUES (?1, ?2, ?3)")?
                .execute(params![
                    user.target.name(),
                    user.user.0.as_bytes(),
                    json(&StandingRecord::from(standing.clone()))?
                ])?;
            Ok(())
        }
        Entry::Noted { job, note } => notes::write(connection, *job, note.clone()),
        Entry::Memos(kept) => memos::write(connection, kept),
        Entry::Mark => Ok(()),
    }
}

fn accepted(connection: &Connection, job: &AcceptedJob) -> rusqlite::Result<()> {
    connection.prepare_cached("INSERT INTO job (id, created_at, spec) VALUES (?1, ?2, ?3)")?.execute(params![
        job.id.0.as_bytes(),
        job.created_at.as_millisecond(),
        json(&SpecRecord::from(&job.spec))?
    ])?;
    let mut insert = connection.prepare_cached("INSERT INTO entry (job, position, request) VALUES (?1, ?2, ?3)")?;
    for (position, request) in (0u32..).zip(&job.entries) {
        insert.execute(params![job.id.0.as_bytes(), position, json(&OrderRecord::from(request.clone()))?])?;
    }
    Ok(())
}

/// A key comes back under the same id only after its time was over; its expiry may still be on its way here.
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
    serde_json::to_string(record).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}
