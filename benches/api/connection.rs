//! One kept connection: as little of HTTP as a caller can do with, so that the callers cost the servers little of the machine.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// A GET, as it goes over the wire.
pub(crate) fn get(path: &str, key: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\n\r\n")
}

/// A POST of JSON, as it goes over the wire.
pub(crate) fn post(path: &str, key: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("the server listens");
        stream.set_nodelay(true).expect("a socket takes options");
        Self { stream, buffer: Vec::with_capacity(16 * 1024) }
    }

    /// Sends a request and reads its answer, which tells its length: status and body.
    pub(crate) async fn exchange(&mut self, request: &str) -> (u16, String) {
        self.buffer.clear();
        self.stream.write_all(request.as_bytes()).await.expect("the server reads");
        loop {
            if let Some((status, body)) = self.whole_answer() {
                return (status, body);
            }
            let read = self.stream.read_buf(&mut self.buffer).await.expect("the server answers");
            assert!(read > 0, "the server closed the connection: {}", String::from_utf8_lossy(&self.buffer));
        }
    }

    fn whole_answer(&self) -> Option<(u16, String)> {
        let end = self.buffer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
        let head = std::str::from_utf8(&self.buffer[..end]).expect("heads are text");
        let status = head.get(9..12).and_then(|status| status.parse().ok()).expect("a status");
        let value = |line: &str| line.strip_prefix("content-length: ").and_then(|length| length.trim().parse().ok());
        let length: usize = head.lines().find_map(value).expect("an answer of known length");
        let body = self.buffer.get(end..end + length)?;
        Some((status, String::from_utf8_lossy(body).into_owned()))
    }

    /// Sends a request and counts the events that come back, for as long as this is polled.
    pub(crate) async fn follow(mut self, request: &str, count: impl Fn(usize)) {
        self.stream.write_all(request.as_bytes()).await.expect("the server reads");
        loop {
            self.buffer.clear();
            let read = self.stream.read_buf(&mut self.buffer).await.expect("the server writes");
            assert!(read > 0, "the stream ended");
            count(self.buffer.windows(7).filter(|window| *window == b"event: ").count());
        }
    }
}
