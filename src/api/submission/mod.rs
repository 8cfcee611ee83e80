//! From the body of a submission to what the engine accepts: all of it, or a list of everything that is wrong with it.
//!
//! Each form of body has a reader of its own; all of them end in a [`Submission`], and hold the same rules against what
//! they read.

mod diagnose;
mod json;
mod objects;
pub(super) mod request;
mod walk;

use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use bytes::Bytes;

use super::problem::Problem;
use crate::domain::entry::EntryRequest;
use crate::domain::job::JobSpec;

/// A job as submitted, parsed and valid.
#[derive(Debug)]
pub(super) struct Submission {
    pub(super) spec: JobSpec,
    pub(super) entries: Vec<EntryRequest>,
}

/// The forms of body that are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyFormat {
    Json,
}

impl BodyFormat {
    /// The form that the headers announce.
    pub(super) fn announced(headers: &HeaderMap) -> Result<Self, Problem> {
        let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default().trim().to_ascii_lowercase());
        if let Some(encoding) = text(CONTENT_ENCODING).filter(|encoding| !encoding.is_empty() && encoding != "identity")
        {
            let detail = format!("the body is encoded as {encoding}; send it as it is, without Content-Encoding");
            return Err(Problem::unsupported_media_type(detail));
        }
        let announced = text(CONTENT_TYPE).unwrap_or_default();
        match announced.split(';').next().map(str::trim) {
            Some("application/json") => Ok(Self::Json),
            Some(_) | None => {
                Err(Problem::unsupported_media_type("send the job as JSON, with Content-Type: application/json"))
            }
        }
    }

    /// Reads a whole body; a long one beside the event loop, which has other requests to answer meanwhile.
    pub(super) async fn read(self, body: Bytes) -> Result<Submission, Problem> {
        const LONG: usize = 256 * 1024;
        if body.len() < LONG {
            return self.parse(&body);
        }
        match tokio::task::spawn_blocking(move || self.parse(&body)).await {
            Ok(read) => read,
            Err(stopped) => match stopped.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(Problem::stopping()),
            },
        }
    }

    fn parse(self, body: &[u8]) -> Result<Submission, Problem> {
        match self {
            Self::Json => json::read(body),
        }
    }
}
