//! Exports everything that a journal contains as lines of JSON.

use std::io::{self, Write};

use jiff::Timestamp;
use rusqlite::{Connection, Row};
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::JournalReader;
use crate::journal::error::JournalError;

/// Reason why an export ended early.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The reader of the lines is gone, or there is no room for them.
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
}

/// Number of exported records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exported {
    pub lines: u64,
    /// Records that were skipped because they are corrupt.
    pub unreadable: u64,
}

/// One line of an export. JSON stored in the journal is passed on unchanged.
#[derive(Serialize)]
#[serde(tag = "record", rename_all = "camelCase", rename_all_fields = "camelCase")]
enum ExportLine<'a> {
    Job { id: Uuid, created_at: Timestamp, spec: &'a RawValue, counters: Option<&'a RawValue> },
    Note { job: Uuid, kind: &'a str, note: &'a RawValue },
    Entry { job: Uuid, position: u32, request: &'a RawValue, outcome: Option<&'a RawValue> },
    Standing { target: &'a str, user: Uuid, standing: &'a RawValue },
    Key { id: String, kind: &'a str, fingerprint: String, job: Uuid, kept_until: Timestamp },
    Calls { ended: u32, ended_at: Timestamp, lease_until: Timestamp, at_most: u32 },
    Memo { space: &'a str, key: &'a str, value: &'a str },
    BelongsTo { org: Option<Uuid>, api_host: &'a str, client_id: &'a str },
}

/// Converts a row into a line; `None` if the row is corrupt.
type AsLine = for<'a> fn(&'a Row<'_>) -> Option<ExportLine<'a>>;

/// The tables that are exported, in this order.
const TABLES: [(&str, AsLine); 8] = [
    ("SELECT id, created_at, spec, counters FROM job ORDER BY id", |row| {
        Some(ExportLine::Job {
            id: uuid(row, 0)?,
            created_at: date(row, 1)?,
            spec: json(row, 2)?,
            counters: perhaps(row, 3)?,
        })
    }),
    ("SELECT job, kind, note FROM note ORDER BY job, kind", |row| {
        Some(ExportLine::Note { job: uuid(row, 0)?, kind: text(row, 1)?, note: json(row, 2)? })
    }),
    (
        "SELECT job, position, request, outcome FROM entry WHERE job IN (SELECT id FROM job) ORDER BY job, position",
        |row| {
            let (job, position) = (uuid(row, 0)?, row.get(1).ok()?);
            Some(ExportLine::Entry { job, position, request: json(row, 2)?, outcome: perhaps(row, 3)? })
        },
    ),
    ("SELECT target, user, standing FROM standing ORDER BY target, user", |row| {
        Some(ExportLine::Standing { target: text(row, 0)?, user: uuid(row, 1)?, standing: json(row, 2)? })
    }),
    ("SELECT hex(id), kind, hex(fingerprint), job, kept_until FROM acceptance_key ORDER BY id", |row| {
        let (id, fingerprint) = (row.get(0).ok()?, row.get(2).ok()?);
        Some(ExportLine::Key { id, kind: text(row, 1)?, fingerprint, job: uuid(row, 3)?, kept_until: date(row, 4)? })
    }),
    ("SELECT ended, ended_at, lease_until, at_most FROM call_record ORDER BY number", |row| {
        let (ended, at_most) = (row.get(0).ok()?, row.get(3).ok()?);
        Some(ExportLine::Calls { ended, ended_at: date(row, 1)?, lease_until: date(row, 2)?, at_most })
    }),
    ("SELECT space, key, value FROM memo ORDER BY space, key", |row| {
        Some(ExportLine::Memo { space: text(row, 0)?, key: text(row, 1)?, value: text(row, 2)? })
    }),
    ("SELECT org, api_host, client_id FROM belongs_to", |row| {
        let org = row.get::<_, Option<[u8; 16]>>(0).ok()?.map(Uuid::from_bytes);
        Some(ExportLine::BelongsTo { org, api_host: text(row, 1)?, client_id: text(row, 2)? })
    }),
];

impl JournalReader {
    /// Writes every record as one line.
    pub fn export(&self, to: &mut dyn Write) -> Result<Exported, ExportError> {
        let view = self.view()?;
        let mut exported = Exported::default();
        for (query, as_line) in TABLES {
            self.export_rows(&view, query, as_line, to, &mut exported)?;
        }
        to.flush()?;
        Ok(exported)
    }

    fn export_rows(
        &self,
        view: &Connection,
        query: &str,
        as_line: AsLine,
        to: &mut dyn Write,
        exported: &mut Exported,
    ) -> Result<(), ExportError> {
        let fault = |error: rusqlite::Error| self.fault(&error.into());
        let mut statement = view.prepare(query).map_err(fault)?;
        let mut rows = statement.query([]).map_err(fault)?;
        while let Some(row) = rows.next().map_err(fault)? {
            let Some(line) = as_line(row) else {
                exported.unreadable += 1;
                continue;
            };
            serde_json::to_writer(&mut *to, &line).map_err(io::Error::from)?;
            to.write_all(b"\n")?;
            exported.lines += 1;
        }
        Ok(())
    }
}

fn uuid(row: &Row<'_>, column: usize) -> Option<Uuid> {
    row.get(column).ok().map(Uuid::from_bytes)
}

fn date(row: &Row<'_>, column: usize) -> Option<Timestamp> {
    Timestamp::from_millisecond(row.get(column).ok()?).ok()
}

fn text<'a>(row: &'a Row<'_>, column: usize) -> Option<&'a str> {
    row.get_ref(column).ok()?.as_str().ok()
}

fn json<'a>(row: &'a Row<'_>, column: usize) -> Option<&'a RawValue> {
    serde_json::from_str(text(row, column)?).ok()
}

/// The outer `None` means that the value is corrupt, the inner one that there is no value.
#[expect(clippy::option_option, reason = "a column without a value is not a fault")]
fn perhaps<'a>(row: &'a Row<'_>, column: usize) -> Option<Option<&'a RawValue>> {
    match row.get_ref(column).ok()?.as_str_or_null().ok()? {
        Some(text) => serde_json::from_str(text).ok().map(Some),
        None => Some(None),
    }
}
