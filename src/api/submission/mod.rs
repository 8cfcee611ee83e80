//! From the body of a submission to what the engine accepts: all of it, or a list of everything that is wrong with it.
//!
//! Each form of body has a reader of its own; all of them end in a [`Submission`], and hold the same rules against what
//! they read.

mod cells;
mod csv;
mod diagnose;
mod expanded;
mod json;
mod lines;
mod objects;
mod parameters;
pub(super) mod request;
mod room;
mod rows;
mod walk;

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use tokio::io::AsyncReadExt;

pub(super) use self::cells::row_of;
pub(super) use self::csv::COLUMNS;
use self::expanded::BodyReader;
pub(super) use self::expanded::{Expanded, unreadable};
pub(super) use self::parameters::JobParameters;
pub(super) use self::room::{BodyRoom, Taken};
use self::rows::Entries;
use super::faults::Faults;
use super::problem::Problem;
use crate::api::ApiContext;
use crate::domain::acceptance::Fingerprint;
use crate::domain::entry::EntryRequest;
use crate::domain::job::JobSpec;

/// A job as submitted, parsed and valid.
#[derive(Debug)]
pub(super) struct Submission {
    pub(super) spec: JobSpec,
    pub(super) entries: Vec<EntryRequest>,
    /// What they take, until they are a job.
    pub(super) _room: Taken,
}

/// The forms of body that are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyFormat {
    Json,
    Lines,
    Csv,
}

impl BodyFormat {
    /// The form that the headers announce.
    fn announced(headers: &HeaderMap) -> Result<Self, Problem> {
        let announced = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        match announced.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "application/json" => Ok(Self::Json),
            "application/x-ndjson" | "application/ndjson" => Ok(Self::Lines),
            "text/csv" => Ok(Self::Csv),
            _ => Err(Problem::unsupported_media_type(
                "send the job as application/json, or its entries as application/x-ndjson or text/csv",
            )),
        }
    }
}

/// A submission whose head has been read, and whose body has not.
pub(super) struct Incoming {
    format: BodyFormat,
    parameters: JobParameters,
    body: BodyReader,
    /// What tells this submission from another with the same body.
    beside: String,
}

impl Incoming {
    /// Looks at the head; a body is not taken in any form that it does not announce.
    pub(super) fn new(head: &Parts, body: Body, api: &ApiContext) -> Result<Self, Problem> {
        let format = BodyFormat::announced(&head.headers)?;
        let settings = &api.settings;
        let parameters =
            JobParameters::read(&head.uri, settings.callbacks, api.engine.latest_date(), api.shared.room.clone())?;
        let beside = format!("{format:?}?{}", head.uri.query().unwrap_or_default());
        let body = Expanded::new(&head.headers, body, settings.max_body_bytes, &api.shared.room)?;
        Ok(Self { format, parameters, body, beside })
    }

    /// Reads the body: a valid job and its fingerprint, or everything that is wrong with it.
    pub(super) async fn read(mut self) -> Result<(Submission, Fingerprint), Problem> {
        let mut faults = Faults::default();
        let read = match self.format {
            BodyFormat::Json => {
                let mut text = Vec::new();
                self.body.read_to_end(&mut text).await.map_err(|error| unreadable(&error))?;
                let submission = parse(text, self.parameters).await?;
                return Ok((submission, self.body.get_mut().fingerprint(&self.beside)));
            }
            BodyFormat::Lines => lines::read(&mut self.body, &self.parameters, &mut faults).await,
            BodyFormat::Csv => csv::read(&mut self.body, &self.parameters, &mut faults).await,
        };
        let Entries { entries, room } = read.map_err(|error| unreadable(&error))?;
        let Some(spec) = self.parameters.spec().filter(|_| faults.is_empty()) else {
            return Err(Problem::invalid(faults));
        };
        Ok((Submission { spec, entries, _room: room }, self.body.get_mut().fingerprint(&self.beside)))
    }

    /// Reads the body only to tell whether it is one that came before.
    pub(super) async fn fingerprint(mut self) -> Result<Fingerprint, Problem> {
        let copied = tokio::io::copy_buf(&mut self.body, &mut tokio::io::sink()).await;
        copied.map_err(|error| unreadable(&error))?;
        Ok(self.body.get_mut().fingerprint(&self.beside))
    }
}

/// Parses a JSON document; a long one beside the event loop, which has other requests to answer meanwhile.
async fn parse(text: Vec<u8>, parameters: JobParameters) -> Result<Submission, Problem> {
    const LONG: usize = 256 * 1024;
    if text.len() < LONG {
        return json::read(&text, parameters);
    }
    match tokio::task::spawn_blocking(move || json::read(&text, parameters)).await {
        Ok(read) => read,
        Err(stopped) => match stopped.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(Problem::stopping()),
        },
    }
}
