//! Stores the audit record. Rows are added, and removed when they expire; none is ever changed.

use crate::journal::content::AuditPage;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};
use uuid::Uuid;

use crate::domain::JobId;
use crate::domain::audit::{Action, Actor, Asker, AuditFilter, AuditRecord};

/// Created if missing, independent of the schema version: a program that does not know the table ignores it.
pub(in crate::journal) const TABLE: &str = "CREATE TABLE IF NOT EXISTS audit (
    number INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, action TEXT NOT NULL, kind TEXT NOT NULL, name TEXT,
    address TEXT, request_id TEXT, job BLOB, about TEXT
);
CREATE INDEX IF NOT EXISTS audit_job ON audit (job) WHERE job IS NOT NULL;
CREATE TRIGGER IF NOT EXISTS audit_stays BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit record is never changed'); END;";

pub(in crate::journal) fn write(connection: &Connection, record: &AuditRecord) -> rusqlite::Result<()> {
    const INSERT: &str = "INSERT INTO audit (at, action, kind, name, address, request_id, job, about) \
                          VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let Asker { actor, address, request_id } = &record.by;
    connection.prepare_cached(INSERT)?.execute(params![
        record.at.as_millisecond(),
        record.action.word(),
        actor.kind(),
        actor.name().map(|name| &**name),
        address.map(|address| address.to_string()),
        request_id.as_deref(),
        record.job.as_ref().map(|job| job.0.as_bytes()),
        record.about.as_deref(),
    ])?;
    Ok(())
}

/// Removes up to `most` of the records from before `before`. Returns whether there may be more.
pub(in crate::journal) fn forget(connection: &Connection, before: Timestamp, most: i64) -> rusqlite::Result<bool> {
    const DELETE: &str =
        "DELETE FROM audit WHERE number IN (SELECT number FROM audit ORDER BY number LIMIT ?2) AND at < ?1";
    let gone = connection.prepare_cached(DELETE)?.execute(params![before.as_millisecond(), most])?;
    Ok(i64::try_from(gone).is_ok_and(|gone| gone == most))
}

/// Reads at most `limit` records that pass the filter and have a number below `older_than`, if given.
pub(in crate::journal) fn page(
    connection: &Connection,
    filter: &AuditFilter,
    older_than: Option<u64>,
    limit: usize,
) -> rusqlite::Result<AuditPage> {
    let mut conditions = Vec::new();
    let mut values: Vec<Box<dyn ToSql>> = Vec::new();
    let mut add = |condition: &'static str, value: Box<dyn ToSql>| {
        conditions.push(condition);
        values.push(value);
    };
    if let Some(action) = filter.action {
        add("action = ?", Box::new(action.word()));
    }
    if let Some(name) = &filter.name {
        add("name = ?", Box::new(name.to_string()));
    }
    if let Some(job) = filter.job {
        add("job = ?", Box::new(job.0.into_bytes()));
    }
    if let Some(since) = filter.since {
        add("at >= ?", Box::new(since.as_millisecond()));
    }
    if let Some(until) = filter.until {
        add("at < ?", Box::new(until.as_millisecond()));
    }
    if let Some(number) = older_than {
        add("number < ?", Box::new(i64::try_from(number).unwrap_or(i64::MAX)));
    }
    add("1 ORDER BY number DESC LIMIT ?", Box::new(i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1)));
    let select = format!(
        "SELECT number, at, action, kind, name, address, request_id, job, about FROM audit WHERE {}",
        conditions.join(" AND ")
    );
    let mut statement = connection.prepare(&select)?;
    let rows = statement.query_map(rusqlite::params_from_iter(values), record)?;
    // Records of a newer program that this one does not understand are skipped.
    let mut records: Vec<_> = rows.filter_map(Result::transpose).collect::<rusqlite::Result<_>>()?;
    let more = records.len() > limit;
    records.truncate(limit);
    Ok(AuditPage { records, more })
}

fn record(row: &Row<'_>) -> rusqlite::Result<Option<(u64, AuditRecord)>> {
    let text = |column| row.get::<_, Option<String>>(column);
    let (name, address) = (text(4)?, text(5)?);
    let at = Timestamp::from_millisecond(row.get(1)?).ok();
    let action = Action::of(row.get_ref(2)?.as_str()?);
    let actor = Actor::of(row.get_ref(3)?.as_str()?, name.as_deref());
    let number = u64::try_from(row.get::<_, i64>(0)?).unwrap_or_default();
    let (Some(at), Some(action), Some(actor)) = (at, action, actor) else { return Ok(None) };
    let by = Asker {
        actor,
        address: address.and_then(|address| address.parse().ok()),
        request_id: text(6)?.map(Into::into),
    };
    let job = row.get::<_, Option<[u8; 16]>>(7)?.map(|id| JobId(Uuid::from_bytes(id)));
    Ok(Some((number, AuditRecord { at, action, by, job, about: text(8)?.map(Into::into) })))
}

/// Returns whether there is an audit record at all: a journal of an earlier program has none.
pub(in crate::journal) fn is_there(connection: &Connection) -> rusqlite::Result<bool> {
    let found = connection.query_row("SELECT 1 FROM sqlite_schema WHERE name = 'audit'", [], |_| Ok(())).optional()?;
    Ok(found.is_some())
}

#[cfg(test)]
mod tests;
