//! Checks the log beside the database before `SQLite` reads it.
//!
//! `SQLite` takes over the log up to the last complete transaction before the first invalid frame, and says nothing
//! about the rest. That is right after a crash: a transaction cut short was never promised to a caller. But a frame
//! that became corrupt in the middle would silently take everything after it along, and that was promised. The two can
//! be told apart: a transaction is written only after the previous one is durable, so if a frame continues a later
//! commit, the bad one had been complete. In that case, the journal is not opened.
//!
//! The format is described in the `SQLite` documentation ("WAL-mode File Format"). The salts in the header and in each
//! frame distinguish the frames in use from those of an earlier round; each checksum continues that of the previous
//! frame.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
/// The last bit gives the byte order of the checksums.
const MAGIC: u32 = 0x377f_0682;

/// State of the end of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::journal) enum LogEnd {
    /// As left by a process that was not writing at the time.
    Whole,
    /// Everything from the offset on is incomplete: it was never promised, and is left out.
    CutShort { offset: u64, bytes: u64 },
    /// Something that was durable can no longer be read.
    Damaged { offset: u64 },
}

/// Checks the log of a database, if there is one.
pub(in crate::journal) fn check(database: &Path, log: &Path) -> io::Result<LogEnd> {
    let file = match File::open(log) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(LogEnd::Whole),
        Err(error) => return Err(error),
    };
    let length = file.metadata()?.len();
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let mut bytes = [0; HEADER];
    if length == 0 {
        return Ok(LogEnd::Whole);
    }
    if length < HEADER as u64 {
        return Ok(LogEnd::CutShort { offset: 0, bytes: length });
    }
    reader.read_exact(&mut bytes)?;
    let Some(header) = WalHeader::of(&bytes) else {
        // The header is written once everything in the log is in the database: nothing is lost if that is so.
        let lost = unsaved(&mut reader, database, length)?;
        return Ok(if lost { LogEnd::Damaged { offset: 0 } } else { LogEnd::CutShort { offset: 0, bytes: length } });
    };
    let mut scan = Scan::new(header);
    let mut frames = Frames::new(&mut reader, header.page_size);
    while let Some(frame) = frames.next()? {
        if let Some(damage) = scan.take(&frame) {
            return Ok(LogEnd::Damaged { offset: damage });
        }
    }
    Ok(scan.end(length))
}

#[derive(Debug, Clone, Copy)]
struct WalHeader {
    page_size: u32,
    salts: [u8; 8],
    sum: WalSum,
}

impl WalHeader {
    /// Parses the header; returns `None` if it is not valid.
    fn of(bytes: &[u8; HEADER]) -> Option<Self> {
        let magic = word(bytes, 0);
        let sum = WalSum { words: [0, 0], big_endian: magic & 1 == 1 }.then(bytes.get(..24)?);
        let page_size = word(bytes, 8);
        let whole = magic & !1 == MAGIC && sum.words == [word(bytes, 24), word(bytes, 28)];
        (whole && page_size.is_power_of_two() && (512..=65536).contains(&page_size)).then_some(Self {
            page_size,
            salts: bytes.get(16..24)?.try_into().ok()?,
            sum,
        })
    }
}

/// A page as written, with its frame header.
struct WalFrame {
    offset: u64,
    bytes: Vec<u8>,
}

impl WalFrame {
    fn page(&self) -> u32 {
        word(&self.bytes, 0)
    }

    /// Returns the size of the database in pages, if a transaction ends with this frame.
    fn commit(&self) -> Option<u32> {
        Some(word(&self.bytes, 4)).filter(|pages| *pages > 0)
    }

    fn salts(&self) -> Option<&[u8]> {
        self.bytes.get(8..16)
    }

    fn stored(&self, big_endian: bool) -> WalSum {
        WalSum { words: [word(&self.bytes, 16), word(&self.bytes, 20)], big_endian }
    }

    fn content(&self) -> &[u8] {
        self.bytes.get(FRAME_HEADER..).unwrap_or_default()
    }

    /// Returns whether the frame continues one with this checksum.
    fn follows(&self, before: WalSum) -> bool {
        let sum = before.then(self.bytes.get(..8).unwrap_or_default()).then(self.content());
        sum.words == self.stored(before.big_endian).words
    }
}

/// Iterates over complete frames.
struct Frames<'a> {
    reader: &'a mut BufReader<File>,
    size: usize,
    offset: u64,
}

impl<'a> Frames<'a> {
    fn new(reader: &'a mut BufReader<File>, page_size: u32) -> Self {
        Self { reader, size: FRAME_HEADER + page_size as usize, offset: HEADER as u64 }
    }

    fn next(&mut self) -> io::Result<Option<WalFrame>> {
        let mut bytes = vec![0; self.size];
        match self.reader.read_exact(&mut bytes) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        let frame = WalFrame { offset: self.offset, bytes };
        self.offset += self.size as u64;
        Ok(Some(frame))
    }
}

/// How far the log is valid, and what comes after.
struct Scan {
    salts: [u8; 8],
    frame_size: u64,
    sum: WalSum,
    /// End of the last complete transaction, and of the last frame in use.
    committed: u64,
    used: u64,
    /// Offset of the first invalid frame.
    bad: Option<u64>,
    /// Checksum of the previous frame, if a transaction ended with it after the first invalid frame.
    later_commit: Option<WalSum>,
}

impl Scan {
    fn new(header: WalHeader) -> Self {
        let frame_size = FRAME_HEADER as u64 + u64::from(header.page_size);
        let (committed, used) = (HEADER as u64, HEADER as u64);
        Self { salts: header.salts, frame_size, sum: header.sum, committed, used, bad: None, later_commit: None }
    }

    /// Examines the next frame. Returns the offset of the damage, if the frame proves that there is one.
    fn take(&mut self, frame: &WalFrame) -> Option<u64> {
        let ours = frame.salts() == Some(&self.salts[..]);
        if ours {
            self.used = frame.offset + self.frame_size;
        }
        if self.bad.is_none() && ours && frame.page() > 0 && frame.follows(self.sum) {
            self.sum = frame.stored(self.sum.big_endian);
            if frame.commit().is_some() {
                self.committed = self.used;
            }
            return None;
        }
        let bad = *self.bad.get_or_insert(frame.offset);
        if ours && self.later_commit.is_some_and(|before| frame.follows(before)) {
            return Some(bad);
        }
        self.later_commit = frame.commit().map(|_| frame.stored(self.sum.big_endian));
        None
    }

    fn end(&self, length: u64) -> LogEnd {
        let partial = (length - HEADER as u64) % self.frame_size;
        // A partial frame can belong to this round only if all frames before it do.
        let used = if self.bad.is_none() { length } else { self.used };
        if self.used == self.committed && (partial == 0 || self.bad.is_some()) {
            return LogEnd::Whole;
        }
        LogEnd::CutShort { offset: self.committed, bytes: used - self.committed }
    }
}

/// Returns whether a log without a header contains transactions that the database lacks.
fn unsaved(log: &mut BufReader<File>, database: &Path, length: u64) -> io::Result<bool> {
    let mut database = File::open(database)?;
    let mut head = [0; 18];
    let page_size = match database.read_exact(&mut head) {
        // The page size; 65536 does not fit into 16 bits and is stored as 1.
        Ok(()) => match u16::from_be_bytes([head[16], head[17]]) {
            1 => 65536,
            size => u32::from(size.max(512)),
        },
        Err(_) => 4096,
    };
    if length < (HEADER + FRAME_HEADER) as u64 + u64::from(page_size) {
        return Ok(false);
    }
    let mut frames = Frames::new(log, page_size);
    let (mut pending, mut committed, mut pages) = (HashMap::new(), HashMap::new(), 0);
    let mut before: Option<WalFrame> = None;
    while let Some(frame) = frames.next()? {
        let follows = before.as_ref().is_none_or(|before| {
            before.salts() == frame.salts() && [false, true].iter().any(|big| frame.follows(before.stored(*big)))
        });
        if !follows {
            break;
        }
        pending.insert(frame.page(), frame.offset + FRAME_HEADER as u64);
        if let Some(size) = frame.commit() {
            committed.extend(pending.drain());
            pages = size;
        }
        before = Some(frame);
    }
    for (page, offset) in committed.into_iter().filter(|(page, _)| (1..=pages).contains(page)) {
        let (mut ours, mut theirs) = (vec![0; page_size as usize], vec![0; page_size as usize]);
        log.seek(SeekFrom::Start(offset))?;
        log.read_exact(&mut ours)?;
        database.seek(SeekFrom::Start(u64::from(page - 1) * u64::from(page_size)))?;
        let there = database.read_exact(&mut theirs).is_ok();
        if !there || ours != theirs {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A checksum over everything up to some point.
#[derive(Debug, Clone, Copy)]
struct WalSum {
    words: [u32; 2],
    big_endian: bool,
}

impl WalSum {
    fn then(self, bytes: &[u8]) -> Self {
        let [mut first, mut second] = self.words;
        let (words, _) = bytes.as_chunks::<4>();
        let value =
            |bytes: [u8; 4]| if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) };
        let (pairs, _) = words.as_chunks::<2>();
        for [one, other] in pairs {
            first = first.wrapping_add(value(*one)).wrapping_add(second);
            second = second.wrapping_add(value(*other)).wrapping_add(first);
        }
        Self { words: [first, second], ..self }
    }
}

/// Returns the number at this offset.
fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|word| word.try_into().ok()).map_or(0, u32::from_be_bytes)
}

#[cfg(test)]
mod tests;
