//! Reads the body of a submission as plain bytes: decompresses, bounds and fingerprints it on the way.

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

/// Maximum buffer size, in bytes. A shorter announced body gets a smaller buffer, because the buffer is zeroed for each
/// body.
const BUFFER: usize = 64 * 1024;

/// A body as passed to the readers of the body formats.
pub(in crate::api) type BodyReader = BufReader<Expanded>;

/// A decompressed, bounded and fingerprinted body.
///
/// Invariant: it yields at most the permitted number of bytes, whatever is put in, and the fingerprint covers all bytes
/// that it yielded.
pub(in crate::api) struct Expanded {
    inner: Box<dyn AsyncRead + Send + Unpin>,
    left: usize,
    room: TakenRoom,
    digest: Sha256,
}

/// Error for a body that is longer than permitted.
#[derive(Debug, thiserror::Error)]
#[error("the body is too large once it is decompressed")]
struct BodyTooLarge;

/// Error for a body that the connection did not deliver completely.
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
    /// Returns a reader of `body`, decoded as `Content-Encoding` declares, that yields at most `most` bytes and fails
    /// if there is no room for them. Returns an error if the encoding is not supported.
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

    /// Returns the fingerprint of the bytes read so far together with `beside` (format, charset and query).
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
            // A failed read must not yield any bytes.
            buffer.set_filled(before);
        }
        Poll::Ready(taken)
    }
}

/// Returns the problem for a body that could not be read to its end.
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
        "the body cannot be decompressed: it does not match Content-Encoding, is truncated, or has trailing data"
    })
}
