//! What is compressed with gzip or zstd, read to its very end.
//!
//! Both forms may consist of several members one behind the other: `cat a.gz b.gz`, and what programs write that compress in parallel or
//! append. All of them are one content. Bytes behind them that are no further member, and a member that is cut off, are errors, because
//! something would else be lost without anybody being told.

use std::fmt;

use async_compression::tokio::bufread::{GzipDecoder, ZstdDecoder};
use async_compression::zstd::DParameter;
use tokio::io::{AsyncBufRead, AsyncRead};

/// The largest window of a zstd frame that is taken, as a power of two: what a decoder may be made to set aside.
const ZSTD_WINDOW: u32 = 23;

/// How something is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    Gzip,
    Zstd,
}

impl Compression {
    /// As `Content-Encoding` calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// What `Content-Encoding` calls so.
    pub fn named(name: &str) -> Option<Self> {
        match name.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }

    /// How the names of files end that are compressed so.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Gzip => "gz",
            Self::Zstd => "zst",
        }
    }

    /// What a file is compressed with whose name ends so.
    pub fn of_extension(extension: &str) -> Option<Self> {
        [Self::Gzip, Self::Zstd].into_iter().find(|known| known.extension().eq_ignore_ascii_case(extension))
    }

    /// What something is compressed with that begins with these bytes. No text begins with them.
    pub fn of_bytes(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            _ => None,
        }
    }

    /// What to say of something that is compressed so, where nothing said that it is.
    pub fn undeclared(self) -> String {
        let extension = self.extension();
        format!(
            "compressed with {self}: say so with Content-Encoding: {self}, or with .{extension} at the end of the file's name"
        )
    }

    /// Bytes that reading it may take at most, if they are many.
    pub fn memory(self) -> usize {
        match self {
            Self::Gzip => 0,
            Self::Zstd => 1 << ZSTD_WINDOW,
        }
    }

    /// What is compressed in there.
    pub fn expanded<'r>(self, from: impl AsyncBufRead + Send + Unpin + 'r) -> Box<dyn AsyncRead + Send + Unpin + 'r> {
        match self {
            Self::Gzip => {
                let mut decoder = GzipDecoder::new(from);
                decoder.multiple_members(true);
                Box::new(decoder)
            }
            Self::Zstd => {
                let mut decoder = ZstdDecoder::with_params(from, &[DParameter::window_log_max(ZSTD_WINDOW)]);
                decoder.multiple_members(true);
                Box::new(decoder)
            }
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use async_compression::Level;
    use async_compression::tokio::write::{GzipEncoder, ZstdEncoder};
    use async_compression::zstd::CParameter;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};

    use super::*;

    async fn packed(how: Compression, text: &[u8]) -> Vec<u8> {
        match how {
            Compression::Gzip => {
                let mut encoder = GzipEncoder::new(Vec::new());
                encoder.write_all(text).await.unwrap();
                encoder.shutdown().await.unwrap();
                encoder.into_inner()
            }
            Compression::Zstd => {
                let mut encoder = ZstdEncoder::new(Vec::new());
                encoder.write_all(text).await.unwrap();
                encoder.shutdown().await.unwrap();
                encoder.into_inner()
            }
        }
    }

    /// All at once, and a few bytes at a time, which has to be the same.
    async fn read(how: Compression, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut whole = Vec::new();
        let read = how.expanded(bytes).read_to_end(&mut whole).await;
        for size in [1, 7] {
            let (pieces, mut text) = (BufReader::with_capacity(size, bytes), Vec::new());
            let again = how.expanded(pieces).read_to_end(&mut text).await;
            assert_eq!((again.is_ok(), &text), (read.is_ok(), &whole), "{how} of {bytes:?}");
        }
        read.map(|_| whole)
    }

    #[tokio::test]
    async fn all_members_are_one_content() {
        for how in [Compression::Gzip, Compression::Zstd] {
            let (first, second, none) =
                (packed(how, b"a,b\n").await, packed(how, b"1,2\n").await, packed(how, b"").await);
            assert_eq!(Compression::of_bytes(&first), Some(how));
            for members in [[&first, &second, &none], [&none, &first, &second], [&first, &none, &second]] {
                assert_eq!(read(how, &members.map(Vec::as_slice).concat()).await.unwrap(), b"a,b\n1,2\n", "{how}");
            }
        }
        let skipped: &[u8] = b"\x50\x2a\x4d\x18\x03\0\0\0abc";
        let frame = packed(Compression::Zstd, b"x").await;
        assert_eq!(read(Compression::Zstd, &[skipped, &frame, skipped, &frame].concat()).await.unwrap(), b"xx");
    }

    #[tokio::test]
    async fn what_is_cut_off_or_followed_by_something_else_is_an_error() {
        for how in [Compression::Gzip, Compression::Zstd] {
            let (first, second) = (packed(how, b"a,b\n").await, packed(how, b"1,2\n").await);
            for length in 1..second.len() {
                let cut = [&first, &second[..length]].concat();
                assert!(read(how, &cut).await.is_err(), "{how}, {length} bytes of the second");
                assert!(read(how, &second[..length]).await.is_err(), "{how}, {length} bytes");
            }
            for garbage in [&b"\n"[..], b"\0\0\0\0\0\0\0\0", b"garbage behind it", b"a,b\n1,2\n"] {
                assert!(read(how, &[&first[..], garbage].concat()).await.is_err(), "{how} and {garbage:?}");
            }
            assert!(read(how, b"").await.is_err(), "{how} of nothing");
        }
    }

    #[tokio::test]
    async fn no_frame_may_have_a_large_window() {
        let large = [CParameter::window_log(ZSTD_WINDOW + 1)];
        let mut encoder = ZstdEncoder::with_quality_and_params(Vec::new(), Level::Fastest, &large);
        encoder.write_all(&[7; 100]).await.unwrap();
        encoder.shutdown().await.unwrap();
        let (small, large) = (packed(Compression::Zstd, b"a").await, encoder.into_inner());
        assert!(read(Compression::Zstd, &large).await.is_err());
        assert!(read(Compression::Zstd, &[small, large].concat()).await.is_err());
    }
}
