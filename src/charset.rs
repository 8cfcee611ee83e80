//! Decodes texts from outside: UTF-8, or what a byte order mark or a declaration names, but never a guess.
//!
//! Most bytes of one charset are valid in another one, where they mean something else: `Müller` as written by Windows
//! is not UTF-8, but it is a text in fifteen other charsets. A text that is not UTF-8 therefore has to declare its
//! charset. A byte order mark takes precedence over any declaration, as in the Encoding Standard: senders declare out
//! of habit, but a mark is part of the file.

mod decode;
mod reader;

use std::fmt;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

pub use self::decode::{DecodeError, Position, TextDecoder, decoded, text_of_file, without_mark};
pub use self::reader::TextReader;

/// Accepted charsets, by their names in the Encoding Standard; its other labels for them are accepted as well.
const KNOWN: [&str; 36] = [
    "utf-8",
    "utf-16",
    "utf-16le",
    "utf-16be",
    "windows-1252",
    "windows-1250",
    "windows-1251",
    "windows-1253",
    "windows-1254",
    "windows-1255",
    "windows-1256",
    "windows-1257",
    "windows-1258",
    "windows-874",
    "iso-8859-1",
    "iso-8859-2",
    "iso-8859-3",
    "iso-8859-4",
    "iso-8859-5",
    "iso-8859-6",
    "iso-8859-7",
    "iso-8859-8",
    "iso-8859-10",
    "iso-8859-13",
    "iso-8859-14",
    "iso-8859-15",
    "iso-8859-16",
    "macintosh",
    "koi8-r",
    "koi8-u",
    "shift_jis",
    "euc-jp",
    "gbk",
    "gb18030",
    "big5",
    "euc-kr",
];

/// Encoding of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charset {
    encoding: &'static Encoding,
    /// Whether it is UTF-16 whose byte order only a byte order mark can tell.
    needs_mark: bool,
}

/// Error: a declaration names no accepted charset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownCharset(String);

impl Charset {
    /// Returns the charset with this name. `iso-8859-1` is read as `windows-1252`, a superset that senders mean by it.
    pub fn named(name: &str) -> Result<Self, UnknownCharset> {
        let unknown = || UnknownCharset(name.chars().take(64).collect());
        let name = name.trim();
        let encoding = Encoding::for_label(name.as_bytes()).ok_or_else(unknown)?;
        let known = |known: &str| Encoding::for_label(known.as_bytes()) == Some(encoding);
        if !KNOWN.iter().any(|name| known(name)) {
            return Err(unknown());
        }
        Ok(Self { encoding, needs_mark: encoding == UTF_16LE && name.eq_ignore_ascii_case("utf-16") })
    }

    /// Returns the charset that a `Content-Type` declares, if any.
    pub fn declared(content_type: &str) -> Result<Option<Self>, UnknownCharset> {
        let parameters = content_type.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
        let named = parameters.filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset")).map(|(_, value)| value);
        named.map(|value| Self::named(value.trim().trim_matches('"'))).next().transpose()
    }

    /// Returns whether the charset is UTF-8, so that declaring it changes nothing.
    pub fn is_utf8(self) -> bool {
        self.encoding == UTF_8
    }

    /// Returns the name in the Encoding Standard.
    pub fn name(self) -> &'static str {
        self.encoding.name()
    }

    fn of(encoding: &'static Encoding) -> Self {
        Self { encoding, needs_mark: false }
    }
}

impl fmt::Display for UnknownCharset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the charset {:?} is not supported; supported are {}", self.0, KNOWN.join(", "))
    }
}

impl std::error::Error for UnknownCharset {}

/// Returns the charset and length of the byte order mark that a text begins with, if any.
fn mark(bytes: &[u8]) -> Option<(Charset, usize)> {
    [(UTF_8, &b"\xef\xbb\xbf"[..]), (UTF_16LE, b"\xff\xfe"), (UTF_16BE, b"\xfe\xff")]
        .into_iter()
        .find(|(_, mark)| bytes.starts_with(mark))
        .map(|(encoding, mark)| (Charset::of(encoding), mark.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_type_declares_a_charset_or_none() {
        let declared = |text| Charset::declared(text).map(|charset| charset.map(Charset::name));
        assert_eq!(declared("text/csv"), Ok(None));
        assert_eq!(declared("text/csv; header=present;Charset=\"ISO-8859-1\""), Ok(Some("windows-1252")));
        assert_eq!(declared("text/csv;charset=Windows-1252"), Ok(Some("windows-1252")));
        assert_eq!(declared("text/csv; charset=latin2"), Ok(Some("ISO-8859-2")));
        for unknown in ["utf-7", "x-user-defined", "iso-2022-jp", "replacement", "", "EBCDIC"] {
            let refused = Charset::declared(&format!("text/csv; charset={unknown}")).unwrap_err().to_string();
            assert!(refused.contains("windows-1252") && refused.contains("utf-16le"), "{refused}");
        }
    }

    #[test]
    fn every_charset_that_is_listed_is_taken() {
        for name in KNOWN {
            assert!(Charset::named(name).is_ok(), "{name}");
        }
    }
}
