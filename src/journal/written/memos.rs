//! Stores memos in the database.

use rusqlite::{Connection, params};

use crate::journal::content::Memo;

/// Created if missing, independent of the schema version: a program that does not know the table ignores it.
pub(in crate::journal) const TABLE: &str = "CREATE TABLE IF NOT EXISTS memo (
    space TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (space, key)
) WITHOUT ROWID;";

pub(in crate::journal) fn write(connection: &Connection, memos: &[Memo]) -> rusqlite::Result<()> {
    let mut keep = connection.prepare_cached("INSERT OR REPLACE INTO memo (space, key, value) VALUES (?1, ?2, ?3)")?;
    let mut take_back = connection.prepare_cached("DELETE FROM memo WHERE space = ?1 AND key = ?2")?;
    for Memo { space, key, value } in memos {
        match value {
            Some(value) => keep.execute(params![space, key, value])?,
            None => take_back.execute(params![space, key])?,
        };
    }
    Ok(())
}

pub(in crate::journal) fn recover(connection: &Connection) -> rusqlite::Result<Vec<Memo>> {
    let mut memos = connection.prepare("SELECT space, key, value FROM memo ORDER BY space, key")?;
    let memo = |row: &rusqlite::Row<'_>| {
        let text = |column| row.get::<_, String>(column).map(Into::into);
        Ok(Memo { space: text(0)?, key: text(1)?, value: Some(text(2)?) })
    };
    memos.query_map([], memo)?.collect()
}
