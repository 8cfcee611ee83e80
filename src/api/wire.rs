//! What lies between a socket and hyper: whether the peer goes on, and what hyper answers by itself.
//!
//! hyper answers a head that it cannot read without asking anybody: a bare status. Here that becomes a problem document with
//! a request id, like all other errors.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::http::StatusCode;
use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use uuid::Uuid;

use super::connections::Connection;
use super::problem;

/// The socket of a connection.
#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    connection: Arc<Connection>,
    /// What is left of an answer that takes the place of hyper's.
    instead: Bytes,
}

impl Wire {
    pub(super) fn new(stream: TcpStream, connection: Arc<Connection>) -> Self {
        Self { stream, connection, instead: Bytes::new() }
    }

    fn poll_instead(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.instead.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(context, &self.instead))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            let _ = self.instead.split_to(written);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_instead(context))?;
        if let Some(status) = bare_answer(from) {
            let id = Uuid::now_v7().to_string();
            tracing::info!(status = status.as_u16(), request_id = id, peer = %self.connection.peer, "cannot read a request");
            self.instead = problem::whole_answer(status, &id).into();
            return Poll::Ready(Ok(from.len()));
        }
        let written = Pin::new(&mut self.stream).poll_write(context, from);
        match &written {
            Poll::Ready(Ok(bytes)) => self.connection.took(*bytes, *bytes == from.len()),
            Poll::Pending => self.connection.took(0, false),
            Poll::Ready(Err(_)) => {}
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_instead(context))?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_instead(context))?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// The status, if this is an answer that hyper gives by itself: an error without the request id that all of ours have.
fn bare_answer(head: &[u8]) -> Option<StatusCode> {
    let rest = head.strip_prefix(b"HTTP/1.1 ").or_else(|| head.strip_prefix(b"HTTP/1.0 "))?;
    let status = rest.get(..3).filter(|status| status.starts_with(b"4"))?;
    if !head.ends_with(b"\r\n\r\n") {
        return None;
    }
    let id = b"x-request-id";
    let is_ours = head.windows(id.len()).any(|name| name.eq_ignore_ascii_case(id));
    if is_ours { None } else { StatusCode::from_bytes(status).ok() }
}

/// The body of a request, which the connection awaits of its peer.
#[derive(Debug)]
pub(super) struct AwaitedBody<B> {
    body: B,
    connection: Arc<Connection>,
}

impl<B: HttpBody> AwaitedBody<B> {
    pub(super) fn new(body: B, connection: &Arc<Connection>) -> Self {
        if body.is_end_stream() {
            connection.has_request();
        } else {
            connection.awaits_peer();
        }
        Self { body, connection: Arc::clone(connection) }
    }
}

impl<B: HttpBody<Data = Bytes> + Unpin> HttpBody for AwaitedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        match frame.as_ref().and_then(|frame| frame.as_ref().ok()).and_then(Frame::data_ref) {
            Some(data) => self.connection.came(data.len()),
            None => self.connection.has_request(),
        }
        if self.body.is_end_stream() {
            self.connection.has_request();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B> Drop for AwaitedBody<B> {
    /// What is left of it is not read any more, so nothing is awaited.
    fn drop(&mut self) {
        self.connection.has_request();
    }
}

/// The body of an answer, after which the next request is awaited.
#[derive(Debug)]
pub(super) struct LastBody<B> {
    body: B,
    connection: Arc<Connection>,
}

impl<B> LastBody<B> {
    pub(super) fn new(body: B, connection: Arc<Connection>) -> Self {
        Self { body, connection }
    }
}

impl<B: HttpBody + Unpin> HttpBody for LastBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B> Drop for LastBody<B> {
    fn drop(&mut self) {
        self.connection.awaits_peer();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_hyper_answers_by_itself_is_replaced() {
        let bare = |head: &str| bare_answer(head.as_bytes()).map(|status| status.as_u16());
        assert_eq!(bare("HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"), Some(400));
        assert_eq!(bare("HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\n\r\n"), Some(431));
        for ours in [
            "HTTP/1.1 400 Bad Request\r\nX-Request-Id: a\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}",
            "HTTP/1.1 4",
            "",
        ] {
            assert_eq!(bare(ours), None, "{ours}");
        }
    }
}
