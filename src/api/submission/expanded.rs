//! The body of a submission as plain bytes: decompressed, bounded, and fingerprinted on the way.

use std::error::Error;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, HttpBody as _};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_ENCODING;
use futures_util::TryStreamExt;
use http_body_util::LengthLimitError;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, BufReader, ReadBuf};
use tokio_util::io::StreamReader;

use crate::api::service::body_room::{BodyRoom, NoRoom, TakenRoom};
use crate::api::shapes::problem::Problem;
use crate::charset::DecodeError;
use crate::compression::Compression;
use crate::domain::acceptance::Fingerprint;

/// What is read of a body at a time; less of one that says it is shorter, because the buffer is cleared for each.
const BUFFER: usize = 64 * 1024;

/// A body as it is read by the readers of the formats.
pub(in crate::api) type BodyReader = BufReader<Expanded>;

/// Invariant: never more than the permitted number of bytes come out, whatever went in, and the fingerprint is of all
/// that came out.
pub(in crate::api) struct Expanded {
    inner: Box<dyn AsyncRead + Send + Unpin>,
    left: usize,
    room: TakenRoom,
    digest: Sha256,
}

/// The expanded body is longer than permitted.
#[derive(Debug, thiserror::Error)]
#[error("the body is too large once it is decompressed")]
struct BodyTooLarge;

/// The connection did not deliver the body.
#[derive(Debug)]
struct Undelivered(axum::Error);

impl fmt::Display for Undelivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body ended early")
    }
}

impl Error for Undelivered {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

impl Expanded {
    /// Reads `body` in the encoding that the headers announce, at most `most` bytes of it, as far as there is room.
    pub(in crate::api) fn new(
        headers: &HeaderMap,
        body: Body,
        most: usize,
        room: &BodyRoom,
    ) -> Result<BodyReader, Problem> {
        let announced = body.size_hint().upper().and_then(|bytes| usize::try_from(bytes).ok());
        let buffer = announced.map_or(BUFFER, |bytes| bytes.clamp(1, BUFFER));
        let wire = StreamReader::new(body.into_data_stream().map_err(|error| io::Error::other(Undelivered(error))));
        let encoding = headers.get(CONTENT_ENCODING).map(|value| value.to_str().unwrap_or("?").trim());
        let mut room = room.begin();
        let encoding = encoding.filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case("identity"));
        let inner: Box<dyn AsyncRead + Send + Unpin> = match encoding {
            None => Box::new(wire),
            Some(name) => {
                let compression = Compression::named(name).ok_or_else(Problem::unsupported_encoding)?;
                room.more(compression.memory())?;
                compression.expanded(wire)
            }
        };
        Ok(BufReader::with_capacity(buffer, Self { inner, left: most, room, digest: Sha256::new() }))
    }

    fn count(&mut self, came: &[u8]) -> io::Result<()> {
        self.left = self.left.checked_sub(came.len()).ok_or_else(|| io::Error::other(BodyTooLarge))?;
        self.room.more(came.len()).map_err(io::Error::other)?;
        self.digest.update(came);
        Ok(())
    }

    /// The fingerprint of what was read, of its form, and of the parameters beside it.
    pub(in crate::api) fn fingerprint(&mut self, beside: &str) -> Fingerprint {
        std::mem::take(&mut self.digest).chain_update([0]).chain_update(beside).finalize().into()
    }
}

impl AsyncRead for Expanded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(context, buffer))?;
        let came = buffer.filled().get(before..).unwrap_or_default();
        let taken = self.count(came);
        if taken.is_err() {
            // Who fails has given nothing.
            buffer.set_filled(before);
        }
        Poll::Ready(taken)
    }
}

/// Why a body could not be read to its end.
pub(in crate::api) fn unreadable(error: &io::Error) -> Problem {
    let mut undelivered = false;
    let mut cause: Option<&(dyn Error + 'static)> = error.get_ref().map(|inner| inner as &(dyn Error + 'static));
    while let Some(error) = cause {
        if error.is::<BodyTooLarge>() || error.is::<LengthLimitError>() {
            return Problem::too_large();
        }
        if let Some(fault) = error.downcast_ref::<NoRoom>() {
            return (*fault).into();
        }
        if let Some(fault) = error.downcast_ref::<DecodeError>() {
            return Problem::malformed_body(format!("the body cannot be read as text: {fault}"));
        }
        undelivered |= error.is::<Undelivered>();
        cause = error.source();
    }
    Problem::malformed_body(if undelivered {
        "the body ended before all of it was received"
    } else {
        "the body cannot be decompressed: it is not what Content-Encoding says, it is cut off, or something else follows it"
    })
}
