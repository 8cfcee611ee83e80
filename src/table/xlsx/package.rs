//! The container: a ZIP archive of parts, each found by name and unpacked while it is read.

use std::cell::Cell;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read};

use flate2::read::DeflateDecoder;
use rawzip::{CompressionMethod, ZipArchive, ZipSliceArchive};

use super::super::TableError;
use crate::compression::Compression;

/// The signature of Office documents from before 2007, and of encrypted ones today.
const COMPOUND: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";

/// Maximum length of one XML event, in bytes: more than the longest text that a cell may have.
const MAX_EVENT_LENGTH: usize = 192 * 1024;

/// A file made up of parts.
pub(super) struct Package<'f> {
    archive: ZipSliceArchive<&'f [u8]>,
    /// Remaining budget for unpacked parts and rows, in bytes.
    left: &'f Cell<usize>,
}

/// More is unpacked from a file than permitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum TooMuch {
    #[error("it unpacks to more than is accepted")]
    InAll,
    #[error("a text in it is too long")]
    AtOnce,
}

impl<'f> Package<'f> {
    /// Opens a package, or says what the file is instead.
    pub(super) fn new(file: &'f [u8], left: &'f Cell<usize>) -> Result<Self, TableError> {
        let refused = |what: &str| Err(TableError::File(what.to_owned()));
        if file.starts_with(COMPOUND) {
            let encrypted: Vec<u8> = "EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes).collect();
            return if file.windows(encrypted.len()).any(|bytes| bytes == encrypted) {
                refused("the spreadsheet is encrypted with a password; save it without one")
            } else {
                refused("the spreadsheet has the format from before 2007 (XLS); save it as XLSX or CSV")
            };
        }
        if let Some(compression) = Compression::of_bytes(file) {
            return refused(&format!("the file is {}", compression.undeclared()));
        }
        if !file.starts_with(b"PK") {
            return refused("the file is not a spreadsheet (XLSX); if it is CSV, declare it as CSV");
        }
        match ZipArchive::from_slice(file) {
            Ok(archive) => Ok(Self { archive, left }),
            Err(_) => refused("the spreadsheet is cut off or damaged; save it again"),
        }
    }

    /// Returns the part with this name; `None` if there is none.
    pub(super) fn part(&self, name: &str) -> Result<Option<Metered<'_>>, TableError> {
        let mut found = None;
        let mut entries = self.archive.entries();
        while let Some(entry) = entries.next_entry().map_err(|_| damaged(name, format_args!("")))? {
            let path = entry.file_path();
            let path = path.as_bytes().strip_prefix(b"/").unwrap_or(path.as_bytes());
            if path.eq_ignore_ascii_case(name.as_bytes()) {
                if found.is_some() {
                    return Err(TableError::File(format!("the spreadsheet is damaged: it has two parts {name}")));
                }
                found = Some((entry.wayfinder(), entry.compression_method()));
            }
        }
        let Some((place, method)) = found else { return Ok(None) };
        let entry = self.archive.get_entry(place).map_err(|_| damaged(name, format_args!("")))?;
        let unpacked: Box<dyn Read> = match method {
            CompressionMethod::STORE => Box::new(entry.data()),
            CompressionMethod::DEFLATE => Box::new(DeflateDecoder::new(entry.data())),
            _ => {
                return Err(TableError::File(
                    "the spreadsheet is compressed in a way that spreadsheet programs do not use; save it again"
                        .to_owned(),
                ));
            }
        };
        let verified = BufReader::new(entry.verifying_reader(unpacked));
        Ok(Some(Metered { from: Box::new(verified), left: self.left, now: MAX_EVENT_LENGTH }))
    }

    /// Subtracts bytes of derived data from the budget.
    pub(super) fn spend(&self, bytes: usize) -> Result<(), TableError> {
        self.left.set(self.left.get().checked_sub(bytes).ok_or(TableError::TooLarge)?);
        Ok(())
    }
}

/// Returns the error for a part that cannot be read. `why` is appended to the message.
pub(super) fn damaged(part: &str, why: fmt::Arguments<'_>) -> TableError {
    TableError::File(format!("the spreadsheet is damaged: its part {part} cannot be read{why}; save it again"))
}

/// Reads the bytes of a part within the limits.
pub(super) struct Metered<'f> {
    from: Box<dyn BufRead + 'f>,
    left: &'f Cell<usize>,
    /// Bytes that may still be read before the next event begins.
    now: usize,
}

impl Metered<'_> {
    /// Begins the next event.
    pub(super) fn begin_event(&mut self) {
        self.now = MAX_EVENT_LENGTH;
    }
}

impl Read for Metered<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let length = available.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..length), available.get(..length)) {
            to.copy_from_slice(from);
        }
        self.consume(length);
        Ok(length)
    }
}

impl BufRead for Metered<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let (now, left) = (self.now, self.left.get());
        let available = self.from.fill_buf()?;
        match available.get(..available.len().min(now).min(left)) {
            Some([]) if available.is_empty() => Ok(&[]),
            Some([]) | None => Err(io::Error::other(if left == 0 { TooMuch::InAll } else { TooMuch::AtOnce })),
            Some(some) => Ok(some),
        }
    }

    fn consume(&mut self, bytes: usize) {
        self.now = self.now.saturating_sub(bytes);
        self.left.set(self.left.get().saturating_sub(bytes));
        self.from.consume(bytes);
    }
}
