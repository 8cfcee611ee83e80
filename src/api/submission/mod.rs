//! Parses the body of a submission: into a job that the engine accepts, or into a list of all its faults.
//!
//! Each body format has its own reader. All of them produce a [`Submission`] and enforce the same rules.

mod cells;
mod diagnose;
mod expanded;
mod json;
mod lines;
mod listed;
mod objects;
mod parameters;
#[cfg(test)]
mod properties;
pub(in crate::api) mod request;
mod rows;
mod table;
mod walk;

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use tokio::io::AsyncReadExt as _;

pub(in crate::api) use self::cells::COLUMNS;
pub(in crate::api) use self::cells::row_of;
use self::expanded::BodyReader;
pub(in crate::api) use self::expanded::{Expanded, unreadable};
pub(in crate::api) use self::parameters::JobParameters;
use self::rows::ReadEntries;
use crate::api::context::ApiContext;
use crate::api::service::body_room::TakenRoom;
use crate::api::shapes::faults::Faults;
use crate::api::shapes::problem::Problem;
use crate::charset::{Charset, TextReader};
use crate::domain::acceptance::Fingerprint;
use crate::domain::entry::EntryRequest;
use crate::domain::job::JobSpec;
use crate::table::{Table, Workbook, XLSX};

/// A submitted job, parsed and valid.
#[derive(Debug)]
pub(in crate::api) struct Submission {
    pub(in crate::api) spec: JobSpec,
    pub(in crate::api) entries: Vec<EntryRequest>,
    /// The room that the entries take until they are a job.
    pub(in crate::api) _room: TakenRoom,
}

/// The supported body formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api) enum BodyFormat {
    Json,
    Lines,
    Csv,
    Xlsx,
}

impl BodyFormat {
    /// Returns the format and the charset that `Content-Type` declares, each `None` if it declares none that is known.
    /// Returns an error if the declared charset is unknown.
    pub(in crate::api) fn announced(headers: &HeaderMap) -> Result<(Option<Self>, Option<Charset>), Problem> {
        let announced = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let form = match announced.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "application/json" => Some(Self::Json),
            "application/x-ndjson" | "application/ndjson" => Some(Self::Lines),
            "text/csv" => Some(Self::Csv),
            XLSX => Some(Self::Xlsx),
            _ => None,
        };
        let charset = Charset::declared(announced);
        Ok((form, charset.map_err(|unknown| Problem::unsupported_media_type(unknown.to_string()))?))
    }
}

/// A submission whose head has been read but whose body has not.
pub(in crate::api) struct Incoming {
    format: BodyFormat,
    charset: Option<Charset>,
    parameters: JobParameters,
    body: BodyReader,
    /// Maximum size of an unpacked spreadsheet, in bytes.
    unpacked: usize,
    /// What distinguishes this submission from others with the same body: its format, charset and query.
    beside: String,
}

impl Incoming {
    /// Validates the head. Returns an error unless it declares a supported body format.
    pub(in crate::api) fn new(head: &Parts, body: Body, api: &ApiContext) -> Result<Self, Problem> {
        let (format, charset) = BodyFormat::announced(&head.headers)?;
        let format = format.ok_or_else(|| {
            Problem::unsupported_media_type(format!(
                "send the job as application/json, or its entries as application/x-ndjson, text/csv or {XLSX}"
            ))
        })?;
        let settings = &api.settings;
        let parameters =
            JobParameters::read(&head.uri, settings.callbacks, api.engine.latest_date(), api.shared.room.clone())?;
        if parameters.sheet.is_some() && format != BodyFormat::Xlsx {
            let mut faults = Faults::default();
            faults.add_parameter("sheet", format_args!("applies to spreadsheets only ({XLSX})"));
            return Err(Problem::invalid(faults));
        }
        // In another charset, the same bytes are a different text and therefore a different submission.
        let charset_name = charset.filter(|charset| !charset.is_utf8()).map_or("", Charset::name);
        let beside = format!("{format:?}{charset_name}?{}", head.uri.query().unwrap_or_default());
        let body = Expanded::new(&head.headers, body, settings.max_body_bytes, &api.shared.room)?;
        let unpacked = unpacked(settings.max_body_bytes);
        Ok(Self { format, charset, parameters, body, unpacked, beside })
    }

    /// Reads the body. Returns the job with its fingerprint, or all faults of the body.
    pub(in crate::api) async fn read(mut self) -> Result<(Submission, Fingerprint), Problem> {
        let mut faults = Faults::default();
        let read = match self.format {
            BodyFormat::Json => {
                let text = TextReader::new(&mut self.body, self.charset).whole().await;
                let text = text.map_err(|error| unreadable(&error))?;
                let submission = parse(text, self.parameters).await?;
                return Ok((submission, self.body.get_mut().fingerprint(&self.beside)));
            }
            BodyFormat::Lines => {
                let mut text = TextReader::new(&mut self.body, self.charset);
                lines::read(&mut text, &self.parameters, &mut faults).await.map_err(|error| unreadable(&error))?
            }
            BodyFormat::Csv => {
                let mut table = Table::csv(&mut self.body, self.charset);
                table::read(&mut table, &self.parameters, &mut faults).await?
            }
            BodyFormat::Xlsx => {
                let mut file = Vec::new();
                self.body.read_to_end(&mut file).await.map_err(|error| unreadable(&error))?;
                let (room, none) = self.parameters.room.for_table();
                let sheet = self.parameters.sheet.clone();
                let workbook = Workbook { file: file.into(), sheet, unpacked: self.unpacked, room };
                let mut table = Table::<&mut BodyReader>::xlsx(workbook);
                let read = table::read(&mut table, &self.parameters, &mut faults).await;
                read.map_err(|problem| none.told().map_or(problem, Problem::from))?
            }
        };
        let ReadEntries { entries, room } = read;
        let Some(spec) = self.parameters.spec().filter(|_| faults.is_empty()) else {
            return Err(Problem::invalid(faults));
        };
        Ok((Submission { spec, entries, _room: room }, self.body.get_mut().fingerprint(&self.beside)))
    }

    /// Reads the body only for its fingerprint, to compare it with an earlier submission.
    pub(in crate::api) async fn fingerprint(mut self) -> Result<Fingerprint, Problem> {
        let copied = tokio::io::copy_buf(&mut self.body, &mut tokio::io::sink()).await;
        copied.map_err(|error| unreadable(&error))?;
        Ok(self.body.get_mut().fingerprint(&self.beside))
    }
}

/// Returns the maximum size of an unpacked spreadsheet, in bytes: eight times that of a body, because the XML is longer
/// than the same table in CSV.
pub(in crate::api) fn unpacked(max_body_bytes: usize) -> usize {
    max_body_bytes.saturating_mul(8)
}

/// Parses a JSON document. A long one is parsed on a blocking thread, so that it does not delay other requests.
async fn parse(text: String, parameters: JobParameters) -> Result<Submission, Problem> {
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
