//! Reads content compressed with gzip or zstd to its very end.
//!
//! Both formats may consist of several consecutive members: `cat a.gz b.gz`, or the output of programs that compress in
//! parallel or append. All members together are one content. Trailing bytes that are no further member, and a truncated
//! member, are errors, because data would otherwise be lost silently.

use std::fmt;

use async_compression::tokio::bufread::{GzipDecoder, ZstdDecoder};
use async_compression::zstd::DParameter;
use tokio::io::{AsyncBufRead, AsyncRead};

/// Maximum window of a zstd frame, as a power of two: bounds the memory that a decoder can be made to allocate.
const ZSTD_WINDOW: u32 = 23;

/// Compression format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    Gzip,
    Zstd,
}

impl Compression {
    /// Returns the name in `Content-Encoding`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// Returns the format with this name in `Content-Encoding`, if it is supported.
    pub fn named(name: &str) -> Option<Self> {
        match name.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }

    /// Returns the extension of files in this format.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Gzip => "gz",
            Self::Zstd => "zst",
        }
    }

    /// Returns the format of files with this extension, if any.
    pub fn of_extension(extension: &str) -> Option<Self> {
        [Self::Gzip, Self::Zstd].into_iter().find(|known| known.extension().eq_ignore_ascii_case(extension))
    }

    /// Returns the format of content that begins with these bytes, if any. No text begins with them.
    pub fn of_bytes(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            _ => None,
        }
    }

    /// Returns the message for content in this format that was not declared as such.
    pub fn undeclared(self) -> String {
        let extension = self.extension();
        format!(
            "compressed with {self}: declare it with Content-Encoding: {self}, or with the extension .{extension} of the file"
        )
    }

    /// Returns the maximum memory for decompression in bytes, where it is significant.
    pub fn memory(self) -> usize {
        match self {
            Self::Gzip => 0,
            Self::Zstd => 1 << ZSTD_WINDOW,
        }
    }

    /// Returns a reader of the decompressed content.
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

    /// Decompresses all at once and a few bytes at a time; both must give the same result.
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
