//! The stored format of decisions about jobs.

use jiff::Timestamp;
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::assignment::CatalogueItem;
use crate::domain::callback::{CallbackEvent, CallbackSettled};
use crate::domain::hold::{Hold, SkillLoss};
use crate::domain::{AssignmentId, JobId};
use crate::journal::content::JobNote;
use crate::journal::content::JobNotes;

/// Table of notes: the newest of each kind.
pub(in crate::journal) const TABLE: &str = "CREATE TABLE note (
         job BLOB NOT NULL, kind TEXT NOT NULL, note TEXT NOT NULL, PRIMARY KEY (job, kind)
     ) WITHOUT ROWID;";

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum NoteRecord {
    Held(HoldRecord),
    Released,
    CallbackSettled(SettledRecord),
    Created(Vec<SkillRecord>),
    Cancelled,
}

#[derive(Debug, Serialize, Deserialize)]
struct SkillRecord {
    id: Uuid,
    name: Box<str>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct HoldRecord {
    users: u32,
    of_users: u32,
    skills: Vec<LossRecord>,
    message: Box<str>,
}

#[derive(Debug, Serialize, Deserialize)]
struct LossRecord {
    id: Uuid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<Box<str>>,
    users: u32,
    holders: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    left: Option<u32>,
}

#[derive(Debug, Serialize, Deserialize)]
struct SettledRecord {
    event: EventWord,
    delivered: bool,
    at: Timestamp,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum EventWord {
    Held,
    Ended,
}

impl NoteRecord {
    fn kind(&self) -> &'static str {
        match self {
            Self::Held(_) | Self::Released => "hold",
            Self::CallbackSettled(_) => "callback",
            Self::Created(_) => "created",
            Self::Cancelled => "cancelled",
        }
    }
}

impl From<JobNote> for NoteRecord {
    fn from(note: JobNote) -> Self {
        match note {
            JobNote::Held(Hold { users, of_users, skills, message }) => {
                let losses = skills.into_iter().map(|SkillLoss { id, name, users, holders, left }| LossRecord {
                    id: id.0,
                    name,
                    users,
                    holders,
                    left,
                });
                Self::Held(HoldRecord { users, of_users, skills: losses.collect(), message })
            }
            JobNote::Released => Self::Released,
            JobNote::Cancelled => Self::Cancelled,
            JobNote::CallbackSettled(CallbackSettled { event, delivered, at }) => {
                let event = match event {
                    CallbackEvent::Held => EventWord::Held,
                    CallbackEvent::Ended => EventWord::Ended,
                };
                Self::CallbackSettled(SettledRecord { event, delivered, at })
            }
            JobNote::Created(skills) => Self::Created(
                skills.into_iter().map(|skill| SkillRecord { id: skill.id.0, name: skill.name }).collect(),
            ),
        }
    }
}

impl From<NoteRecord> for JobNote {
    fn from(record: NoteRecord) -> Self {
        match record {
            NoteRecord::Held(HoldRecord { users, of_users, skills, message }) => {
                let losses = skills.into_iter().map(|LossRecord { id, name, users, holders, left }| SkillLoss {
                    id: AssignmentId(id),
                    name,
                    users,
                    holders,
                    left,
                });
                Self::Held(Hold { users, of_users, skills: losses.collect(), message })
            }
            NoteRecord::Released => Self::Released,
            NoteRecord::Cancelled => Self::Cancelled,
            NoteRecord::CallbackSettled(SettledRecord { event, delivered, at }) => {
                let event = match event {
                    EventWord::Held => CallbackEvent::Held,
                    EventWord::Ended => CallbackEvent::Ended,
                };
                Self::CallbackSettled(CallbackSettled { event, delivered, at })
            }
            NoteRecord::Created(skills) => {
                let item = |SkillRecord { id, name }| CatalogueItem { id: AssignmentId(id), name };
                Self::Created(skills.into_iter().map(item).collect())
            }
        }
    }
}

/// Writes a note, which replaces an older one of its kind.
pub(in crate::journal) fn write(connection: &Connection, job: JobId, note: JobNote) -> rusqlite::Result<()> {
    let note = NoteRecord::from(note);
    let text = serde_json::to_string(&note).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    connection
        .prepare_cached("INSERT OR REPLACE INTO note (job, kind, note) VALUES (?1, ?2, ?3)")?
        .execute(params![job.0.as_bytes(), note.kind(), text])?;
    Ok(())
}

/// Reads the notes on a job.
pub(in crate::journal) fn read(connection: &Connection, job: JobId) -> rusqlite::Result<JobNotes> {
    let mut select = connection.prepare_cached("SELECT note FROM note WHERE job = ?1")?;
    let mut notes = JobNotes::default();
    let mut rows = select.query([job.0.as_bytes()])?;
    while let Some(row) = rows.next()? {
        let record: NoteRecord = serde_json::from_str(row.get_ref(0)?.as_str()?)
            .map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, error.into()))?;
        notes.add(record.into());
    }
    Ok(notes)
}
