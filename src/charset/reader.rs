//! Reads a source of bytes as text.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};

use super::{Charset, DecodeError, TextDecoder};

/// Number of bytes decoded at a time.
const PIECE: usize = 16 * 1024;

/// Text of a source, piece by piece. Read as bytes, it is UTF-8, whatever the charset of the source. Fails with a
/// [`DecodeError`] once all text before the error has been read.
///
/// Invariant: it holds no more than one piece, and each piece consists of complete characters.
#[derive(Debug)]
pub struct TextReader<R> {
    from: R,
    decoder: TextDecoder,
    text: String,
    /// Number of bytes of the text that were consumed.
    taken: usize,
    fault: Option<DecodeError>,
    has_ended: bool,
}

impl<R: AsyncBufRead + Unpin> TextReader<R> {
    /// Creates a reader for a text with this declared charset, if any.
    pub fn new(from: R, declared: Option<Charset>) -> Self {
        let decoder = TextDecoder::new(declared);
        Self { from, decoder, text: String::new(), taken: 0, fault: None, has_ended: false }
    }

    /// Returns the next piece of text; empty at the end. Text that was not consumed is returned again.
    pub async fn piece(&mut self) -> io::Result<&str> {
        std::future::poll_fn(|context| self.poll_piece(context)).await?;
        Ok(self.text.get(self.taken..).unwrap_or_default())
    }

    /// Returns all remaining text.
    pub async fn whole(&mut self) -> io::Result<String> {
        let mut text = String::new();
        loop {
            let piece = self.piece().await?;
            if piece.is_empty() {
                return Ok(text);
            }
            text.push_str(piece);
            let length = piece.len();
            self.consumed(length);
        }
    }

    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.taken >= self.text.len() {
            if let Some(fault) = self.fault {
                return Poll::Ready(Err(io::Error::other(fault)));
            }
            if self.has_ended {
                break;
            }
            let bytes = ready!(Pin::new(&mut self.from).poll_fill_buf(context))?;
            let piece = bytes.get(..bytes.len().min(PIECE)).unwrap_or_default();
            self.has_ended = piece.is_empty();
            self.text.clear();
            self.taken = 0;
            self.fault = self.decoder.decode(piece, self.has_ended, &mut self.text).err();
            let length = piece.len();
            Pin::new(&mut self.from).consume(length);
        }
        Poll::Ready(Ok(()))
    }
}

impl<R> TextReader<R> {
    /// Returns the underlying source.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.from
    }

    /// Marks `bytes` of the current piece as consumed.
    pub fn consumed(&mut self, bytes: usize) {
        self.taken = self.taken.saturating_add(bytes).min(self.text.len());
    }
}

impl<R: AsyncBufRead + Unpin> AsyncBufRead for TextReader<R> {
    fn poll_fill_buf(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        ready!(this.poll_piece(context))?;
        Poll::Ready(Ok(this.text.as_bytes().get(this.taken..).unwrap_or_default()))
    }

    fn consume(mut self: Pin<&mut Self>, bytes: usize) {
        self.consumed(bytes);
    }
}

impl<R: AsyncBufRead + Unpin> AsyncRead for TextReader<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let piece = ready!(self.as_mut().poll_fill_buf(context))?;
        let piece = piece.get(..piece.len().min(buffer.remaining())).unwrap_or_default();
        buffer.put_slice(piece);
        let length = piece.len();
        self.consume(length);
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, BufReader};

    use super::*;

    #[tokio::test]
    async fn all_text_before_a_fault_is_read() {
        let bytes = [&"é".repeat(PIECE).into_bytes()[..], b"\xff"].concat();
        let mut reader = TextReader::new(BufReader::with_capacity(7, bytes.as_slice()), None);
        let mut text = String::new();
        let fault = loop {
            match reader.piece().await {
                Ok(piece) => {
                    text.push_str(piece);
                    let length = piece.len();
                    reader.consumed(length);
                }
                Err(fault) => break fault,
            }
        };
        assert_eq!(text.chars().count(), PIECE);
        let fault = fault.get_ref().and_then(|fault| fault.downcast_ref::<DecodeError>()).unwrap();
        assert_eq!((fault.line, fault.column), (1, u64::try_from(PIECE).unwrap() + 1));
        assert!(reader.piece().await.is_err(), "and again");
    }

    #[tokio::test]
    async fn as_bytes_it_is_utf_8() {
        let bytes: Vec<u8> = "\u{feff}Zoë\n".encode_utf16().flat_map(u16::to_be_bytes).collect();
        let (mut reader, mut text) = (TextReader::new(bytes.as_slice(), None), Vec::new());
        reader.read_to_end(&mut text).await.unwrap();
        assert_eq!(text, "Zoë\n".as_bytes());
    }
}
