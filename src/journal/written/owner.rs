//! Stores the org that a journal belongs to: what was recorded for one org must not be executed in another.

use crate::journal::content::OrgIdentity;
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

/// Table with a single row: the org that everything in the journal is about.
pub(in crate::journal) const TABLE: &str = "CREATE TABLE belongs_to (
         one INTEGER PRIMARY KEY CHECK (one = 1), org BLOB, api_host TEXT NOT NULL, client_id TEXT NOT NULL
     );";

/// Records the owner of the journal; with `forget_users`, removes user states, which belong to a different org.
pub(in crate::journal) fn write(
    connection: &Connection,
    owner: &OrgIdentity,
    forget_users: bool,
) -> rusqlite::Result<()> {
    if forget_users {
        connection.prepare_cached("DELETE FROM standing")?.execute([])?;
    }
    connection
        .prepare_cached("INSERT OR REPLACE INTO belongs_to (one, org, api_host, client_id) VALUES (1, ?1, ?2, ?3)")?
        .execute(params![owner.org.map(Uuid::into_bytes), owner.api_host, owner.client_id])?;
    Ok(())
}

/// Reads the owner of the journal, if it was ever recorded.
pub(in crate::journal) fn read(connection: &Connection) -> rusqlite::Result<Option<OrgIdentity>> {
    let owner = |row: &rusqlite::Row<'_>| {
        let text = |column| row.get::<_, String>(column).map(Into::into);
        let org = row.get::<_, Option<[u8; 16]>>(0)?.map(Uuid::from_bytes);
        Ok(OrgIdentity { org, api_host: text(1)?, client_id: text(2)? })
    };
    connection.prepare("SELECT org, api_host, client_id FROM belongs_to")?.query_row([], owner).optional()
}

#[cfg(test)]
mod tests;
