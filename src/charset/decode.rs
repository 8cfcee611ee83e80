//! Decodes bytes into text, piece by piece or all at once; invalid bytes are reported with their position.

use std::borrow::Cow;
use std::path::Path;
use std::{fmt, io};

use encoding_rs::{Decoder, DecoderResult, UTF_8};

use super::{Charset, mark};
use crate::compression::Compression;

/// Bytes that are examined before anything is decoded: the length of the longest byte order mark, plus one.
const HEAD: usize = 4;

/// Decodes the bytes of one text into characters.
pub struct TextDecoder {
    declared: Option<Charset>,
    /// The first bytes, until they determine the charset.
    head: Vec<u8>,
    decoder: Option<Decoder>,
    charset: Charset,
    position: Position,
}

impl fmt::Debug for TextDecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TextDecoder")
            .field("charset", &self.charset)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

/// Position in a text as shown by an editor: lines and characters count from 1; a line ends with LF, CR LF or CR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    pub line: u64,
    pub column: u64,
    after_cr: bool,
}

/// Error: bytes that are not text, with their position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeError {
    pub line: u64,
    pub column: u64,
    problem: DecodeProblem,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DecodeProblem {
    /// No charset was declared, and the text is not UTF-8.
    NoUtf8,
    /// The text is not in the charset that was declared.
    NotIn(&'static str),
    /// Every other byte is zero.
    NoMark(&'static str),
    /// Not a text, but compressed content.
    Compressed(Compression),
    /// The text was declared as UTF-16, but nothing gives the byte order.
    NoOrder,
}

impl Position {
    /// The position before the first character.
    pub const BEGIN: Self = Self { line: 1, column: 1, after_cr: false };

    /// Advances over one byte of UTF-8.
    pub fn pass(&mut self, byte: u8) {
        match byte {
            b'\n' if self.after_cr => self.after_cr = false,
            b'\n' | b'\r' => *self = Self { line: self.line + 1, column: 1, after_cr: byte == b'\r' },
            // Continuation bytes of a character do not count.
            0x80..=0xbf => {}
            _ => {
                self.column += 1;
                self.after_cr = false;
            }
        }
    }
}

impl DecodeError {
    /// Returns a description of the error for a caller that knows the line.
    pub fn within_line(&self) -> String {
        if let DecodeProblem::Compressed(_) = self.problem {
            return format!("is {}", self.problem);
        }
        format!("is {} (column {})", self.problem, self.column)
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let DecodeProblem::Compressed(_) = self.problem {
            return write!(f, "it is {}", self.problem);
        }
        write!(f, "line {}, column {} is {}", self.line, self.column, self.problem)
    }
}

impl std::error::Error for DecodeError {}

impl fmt::Display for DecodeProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let declare = |f: &mut fmt::Formatter<'_>, name: &str| {
            write!(
                f,
                "say which charset it is in, like charset={name} in Content-Type, --charset {name} of push and map, or charset = \
                 \"{name}\" of the source"
            )
        };
        match self {
            Self::NoUtf8 => {
                f.write_str("not valid UTF-8; ")?;
                declare(f, "windows-1252")
            }
            Self::NotIn(name) => {
                write!(f, "not valid {name}, the charset that its declaration or byte order mark names")
            }
            Self::NoMark(name) => {
                f.write_str("UTF-16 without a byte order mark; ")?;
                declare(f, name)
            }
            Self::Compressed(compression) => f.write_str(&compression.undeclared()),
            Self::NoOrder => f.write_str("UTF-16 without a byte order mark: say utf-16le or utf-16be"),
        }
    }
}

impl TextDecoder {
    /// Creates a decoder for a text with this declared charset, if any.
    pub fn new(declared: Option<Charset>) -> Self {
        let charset = declared.unwrap_or(Charset::of(UTF_8));
        Self { declared, head: Vec::with_capacity(HEAD), decoder: None, charset, position: Position::BEGIN }
    }

    /// Decodes `bytes` and appends the result to `text`; `last` says that no more bytes follow. On an error, everything
    /// before it has been appended.
    pub fn decode(&mut self, mut bytes: &[u8], last: bool, text: &mut String) -> Result<(), DecodeError> {
        if self.decoder.is_none() {
            let missing = HEAD.saturating_sub(self.head.len()).min(bytes.len());
            let (first, rest) = bytes.split_at_checked(missing).unwrap_or((bytes, &[]));
            self.head.extend_from_slice(first);
            bytes = rest;
            if self.head.len() < HEAD && !last {
                return Ok(());
            }
            let head = std::mem::take(&mut self.head);
            let without_mark = self.begin(&head)?;
            self.go_on(without_mark, last && bytes.is_empty(), text)?;
            if bytes.is_empty() {
                return Ok(());
            }
        }
        self.go_on(bytes, last, text)
    }

    /// Determines the charset, and returns the bytes after the byte order mark.
    fn begin<'b>(&mut self, head: &'b [u8]) -> Result<&'b [u8], DecodeError> {
        if let Some(compression) = Compression::of_bytes(head) {
            return Err(self.fault(DecodeProblem::Compressed(compression)));
        }
        let length = match (mark(head), self.declared) {
            (Some((charset, length)), _) => {
                self.charset = charset;
                length
            }
            (None, Some(declared)) if declared.needs_mark => return Err(self.fault(DecodeProblem::NoOrder)),
            (None, Some(_)) => 0,
            (None, None) => match utf16_without_mark(head) {
                Some(name) => return Err(self.fault(DecodeProblem::NoMark(name))),
                None => 0,
            },
        };
        self.decoder = Some(self.charset.encoding.new_decoder_without_bom_handling());
        Ok(head.get(length..).unwrap_or_default())
    }

    fn go_on(&mut self, bytes: &[u8], last: bool, text: &mut String) -> Result<(), DecodeError> {
        let Some(decoder) = &mut self.decoder else { return Ok(()) };
        let before = text.len();
        text.reserve(decoder.max_utf8_buffer_length_without_replacement(bytes.len()).unwrap_or_default());
        let (result, _) = decoder.decode_to_string_without_replacement(bytes, text, last);
        text.bytes().skip(before).for_each(|byte| self.position.pass(byte));
        if last {
            self.decoder = None;
        }
        match result {
            DecoderResult::InputEmpty => Ok(()),
            DecoderResult::Malformed(..) | DecoderResult::OutputFull => {
                let undeclared = self.declared.is_none() && self.charset.is_utf8();
                Err(self.fault(if undeclared {
                    DecodeProblem::NoUtf8
                } else {
                    DecodeProblem::NotIn(self.charset.name())
                }))
            }
        }
    }

    fn fault(&self, problem: DecodeProblem) -> DecodeError {
        DecodeError { line: self.position.line, column: self.position.column, problem }
    }
}

/// Returns the charset of a text in which every other byte at the beginning is zero, as in no UTF-8 text.
fn utf16_without_mark(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [first, 0, ..] if *first != 0 => Some("utf-16le"),
        [0, second, ..] if *second != 0 => Some("utf-16be"),
        _ => None,
    }
}

/// Decodes a complete text.
pub fn decoded(bytes: &[u8], declared: Option<Charset>) -> Result<Cow<'_, str>, DecodeError> {
    let is_utf8 = mark(bytes).map_or(declared, |(charset, _)| Some(charset)).is_none_or(Charset::is_utf8);
    let tells = declared.is_some() || utf16_without_mark(bytes).is_none();
    if is_utf8
        && tells
        && let Ok(text) = std::str::from_utf8(without_mark(bytes))
    {
        return Ok(Cow::Borrowed(text));
    }
    let mut text = String::new();
    TextDecoder::new(declared).decode(bytes, true, &mut text)?;
    Ok(Cow::Owned(text))
}

/// Reads a local file as text, in UTF-8 or the charset of its byte order mark: editors and shells add one unasked.
pub fn text_of_file(file: &Path) -> io::Result<String> {
    let bytes = std::fs::read(file)?;
    let text = decoded(&bytes, None).map_err(|fault| io::Error::new(io::ErrorKind::InvalidData, fault))?;
    Ok(text.into_owned())
}

/// Returns a UTF-8 text without the byte order mark that some programs put at its beginning.
pub fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "a declaration is optional")]
    fn named(name: &str) -> Option<Charset> {
        Some(Charset::named(name).unwrap())
    }

    /// Decodes all at once and a few bytes at a time; both must give the same result.
    fn read(bytes: &[u8], declared: Option<Charset>) -> Result<String, String> {
        let whole = decoded(bytes, declared).map(Cow::into_owned).map_err(|fault| fault.to_string());
        for size in 1..5 {
            let (mut decoder, mut text) = (TextDecoder::new(declared), String::new());
            let pieces = bytes.chunks(size).try_for_each(|piece| decoder.decode(piece, false, &mut text));
            let read = pieces.and_then(|()| decoder.decode(&[], true, &mut text));
            assert_eq!(read.map(|()| text).map_err(|fault| fault.to_string()), whole, "{bytes:?}");
        }
        whole
    }

    fn utf16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(order).collect()
    }

    #[test]
    fn a_text_is_read_as_its_mark_or_its_declaration_says() {
        let text = "Müller;€\n";
        let (little, big) = (utf16(text, u16::to_le_bytes), utf16(text, u16::to_be_bytes));
        assert_eq!(read(text.as_bytes(), None).unwrap(), text);
        assert_eq!(read(&[b"\xef\xbb\xbf", text.as_bytes()].concat(), None).unwrap(), text);
        assert_eq!(read(&[b"\xff\xfe", &little[..]].concat(), None).unwrap(), text);
        assert_eq!(read(&[b"\xfe\xff", &big[..]].concat(), named("utf-16")).unwrap(), text);
        assert_eq!(read(&little, named("utf-16le")).unwrap(), text);
        assert_eq!(read(&big, named("utf-16be")).unwrap(), text);
        assert_eq!(read(b"M\xfcller;\x80\n", named("iso-8859-1")).unwrap(), text);
        assert_eq!(
            read(b"\xef\xbb\xbfa", named("windows-1252")).unwrap(),
            "a",
            "the mark goes before what is declared"
        );
        for short in ["", "a", "ab", "abc", "é"] {
            assert_eq!(read(short.as_bytes(), None).unwrap(), short);
        }
        assert!(matches!(decoded(b"\xef\xbb\xbfa", None), Ok(Cow::Borrowed("a"))));
    }

    #[test]
    fn what_is_no_text_is_told_with_its_place_and_what_to_do() {
        for (bytes, declared, said) in [
            (&b"a,b\r\nM\xfcller"[..], None, "line 2, column 2 is not valid UTF-8; say which charset"),
            (b"a\rb\n\n\xc3", None, "line 4, column 1 is"),
            ("é,\u{fe}\u{ff}".as_bytes(), named("utf-8"), ""),
            (b"abcd\xff", named("utf-8"), "line 1, column 5 is not valid UTF-8, the charset that its declaration"),
            (b"r\0e\0f\0", None, "charset=utf-16le"),
            (b"\0r\0e\0f", None, "charset=utf-16be"),
            (b"r\0e\0f\0", named("utf-16"), "say utf-16le or utf-16be"),
            (b"a\0\x00\xd8b\0", named("utf-16le"), "line 1, column 2 is not valid UTF-16LE"),
            (b"\xff\xfea\0b", None, "is not valid UTF-16LE"),
            (
                b"\x1f\x8b\x08\0\0",
                None,
                "it is compressed with gzip: declare it with Content-Encoding: gzip, or with the extension .gz",
            ),
            (b"\x1f\x8b", named("windows-1252"), "it is compressed with gzip"),
            (b"\x28\xb5\x2f\xfd\x24", None, "it is compressed with zstd: declare it with Content-Encoding: zstd"),
            (b"ab\x81", named("shift_jis"), "line 1, column 3 is"),
        ] {
            match read(bytes, declared) {
                Ok(_) => assert_eq!(said, "", "{bytes:?}"),
                Err(told) => assert!(!said.is_empty() && told.contains(said), "{told}"),
            }
        }
    }
}
