//! Looks at the log beside the database before `SQLite` does.
//!
//! `SQLite` takes over the log up to the last whole transaction before the first frame that does not fit, and says nothing of
//! the rest. That is right for what a crash leaves: a transaction cut short was never promised to anybody. But a frame that
//! went bad in the middle would silently take with it what came after, and that was promised. The two can be told apart: a
//! transaction begins to be written only after the one before is durable, so where a frame follows on a later commit, the
//! bad one had been whole. Then the journal is not opened.
//!
//! The format is described in `SQLite`'s own documentation ("WAL-mode File Format"). The salts in the header and in each frame
//! tell the frames in use from those of an earlier round; each checksum goes on from the frame before.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
/// The last bit tells the order of bytes that checksums are made in.
const MAGIC: u32 = 0x377f_0682;

/// What the end of the log looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::journal) enum LogEnd {
    /// As it was left by a process that wrote nothing at the time.
    Whole,
    /// What comes from there on is not whole: it was never promised, and is left out.
    CutShort { offset: u64, bytes: u64 },
    /// Something that was durable cannot be read any more.
    Damaged { offset: u64 },
}

/// Reads the log of a database, if there is one.
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
        // The header is written when everything in the log has come into the database: nothing is lost if it has.
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
    /// `None` if it is not whole.
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

/// A page as it was written, with what its header says.
struct WalFrame {
    offset: u64,
    bytes: Vec<u8>,
}

impl WalFrame {
    fn page(&self) -> u32 {
        word(&self.bytes, 0)
    }

    /// The size of the database in pages, if a transaction ends here.
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

    /// Whether it goes on from a frame with this sum.
    fn follows(&self, before: WalSum) -> bool {
        let sum = before.then(self.bytes.get(..8).unwrap_or_default()).then(self.content());
        sum.words == self.stored(before.big_endian).words
    }
}

/// Whole frames, one after another.
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

/// Where the log is whole, and what comes after.
struct Scan {
    salts: [u8; 8],
    frame_size: u64,
    sum: WalSum,
    /// The end of the last whole transaction, and of the last frame in use.
    committed: u64,
    used: u64,
    /// The first frame that does not fit.
    bad: Option<u64>,
    /// The sum of the frame before, if a transaction ended with it, beyond the first that does not fit.
    later_commit: Option<WalSum>,
}

impl Scan {
    fn new(header: WalHeader) -> Self {
        let frame_size = FRAME_HEADER as u64 + u64::from(header.page_size);
        let (committed, used) = (HEADER as u64, HEADER as u64);
        Self { salts: header.salts, frame_size, sum: header.sum, committed, used, bad: None, later_commit: None }
    }

    /// Takes the next frame; where the damage is, if it shows that there is one.
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
        // Half a frame can only be of this round if all before it are.
        let used = if self.bad.is_none() { length } else { self.used };
        if self.used == self.committed && (partial == 0 || self.bad.is_some()) {
            return LogEnd::Whole;
        }
        LogEnd::CutShort { offset: self.committed, bytes: used - self.committed }
    }
}

/// Whether a log without a header holds transactions that the database does not have.
fn unsaved(log: &mut BufReader<File>, database: &Path, length: u64) -> io::Result<bool> {
    let mut database = File::open(database)?;
    let mut head = [0; 18];
    let page_size = match database.read_exact(&mut head) {
        // The size of a page; 65536 does not fit and is written as 1.
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

/// A sum over everything up to some place.
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

/// The number at this place; none is larger than what was read.
fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|word| word.try_into().ok()).map_or(0, u32::from_be_bytes)
}

#[cfg(test)]
mod tests;
