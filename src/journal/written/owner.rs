//! The org that a journal belongs to: what is written down of one must not be carried out in another.

use crate::journal::content::OrgIdentity;
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

/// One row: the org that everything in the journal is about.
pub(in crate::journal) const TABLE: &str = "CREATE TABLE belongs_to (
         one INTEGER PRIMARY KEY CHECK (one = 1), org BLOB, api_host TEXT NOT NULL, client_id TEXT NOT NULL
     );";

/// Writes down whose the journal is; what is remembered of users goes if it is of another org.
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

/// Whose the journal is, if that was ever written down.
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
