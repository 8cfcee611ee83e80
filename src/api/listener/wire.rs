//! The layer between a socket and hyper: tracks the progress of the peer and replaces responses that hyper generates.
//!
//! hyper answers an unreadable request head by itself, with a bare status. Here such a response becomes a problem
//! document with a request id, like all other errors.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::http::StatusCode;
use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;
use uuid::Uuid;

use crate::api::listener::connections::Connection;
use crate::api::shapes::problem;

/// The socket of a connection.
#[derive(Debug)]
pub(in crate::api) struct HttpWire {
    stream: TcpStream,
    connection: Arc<Connection>,
    /// The unsent rest of a response that replaces one of hyper.
    instead: Bytes,
    /// Set while the rest of an unread body is received and dropped.
    lingers_until: Option<Pin<Box<Sleep>>>,
}

/// Maximum time for receiving the rest of an unread body. If the connection were closed while the peer still sends, the
/// peer would get a reset and might never see the response (RFC 9112, 9.6).
const MAX_LINGER: Duration = Duration::from_secs(10);

impl HttpWire {
    /// Wraps the socket of a connection.
    pub(in crate::api) fn new(stream: TcpStream, connection: Arc<Connection>) -> Self {
        Self { stream, connection, instead: Bytes::new(), lingers_until: None }
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

impl HttpWire {
    /// Receives and drops what the peer still sends, until the peer closes too or [`MAX_LINGER`] has passed.
    fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let until = self.lingers_until.get_or_insert_with(|| Box::pin(tokio::time::sleep(MAX_LINGER)));
        if until.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        let mut dropped = [0; 8 * 1024];
        loop {
            let mut into = ReadBuf::new(&mut dropped);
            match ready!(Pin::new(&mut self.stream).poll_read(context, &mut into)) {
                Ok(()) if !into.filled().is_empty() => {}
                Ok(()) | Err(_) => return Poll::Ready(()),
            }
        }
    }
}

impl AsyncRead for HttpWire {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl AsyncWrite for HttpWire {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_instead(context))?;
        if let Some(status) = bare_answer(from) {
            let id = Uuid::now_v7().to_string();
            tracing::info!(status = status.as_u16(), request_id = id, peer = %self.connection.peer, "received a malformed request");
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
        ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
        if self.connection.has_unread_body() {
            ready!(self.poll_linger(context));
        }
        Poll::Ready(Ok(()))
    }
}

/// Returns the status if hyper generated this response: a 4xx without the request id that all other responses have.
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

/// The body of a request. Reports to the connection whether more of it is awaited from the peer.
#[derive(Debug)]
pub(in crate::api) struct AwaitedBody<B> {
    body: B,
    connection: Arc<Connection>,
    is_unread: bool,
}

impl<B: HttpBody> AwaitedBody<B> {
    /// Wraps a body, and notes whether more of it is awaited.
    pub(in crate::api) fn new(body: B, connection: &Arc<Connection>) -> Self {
        let is_unread = !body.is_end_stream();
        if is_unread {
            connection.awaits_peer();
        } else {
            connection.has_request();
        }
        Self { body, connection: Arc::clone(connection), is_unread }
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
            None => self.is_unread = false,
        }
        if self.body.is_end_stream() {
            self.is_unread = false;
        }
        if !self.is_unread {
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
    /// The rest of the body will not be read, so nothing more is awaited from the peer.
    fn drop(&mut self) {
        if self.is_unread {
            self.connection.leaves_body_unread();
        }
        self.connection.has_request();
    }
}

/// The body of a response. After it, the connection awaits the next request.
#[derive(Debug)]
pub(in crate::api) struct LastBody<B> {
    body: B,
    connection: Arc<Connection>,
}

impl<B> LastBody<B> {
    /// Wraps the body of a response.
    pub(in crate::api) fn new(body: B, connection: Arc<Connection>) -> Self {
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
