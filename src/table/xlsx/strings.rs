//! The shared strings: each text is stored once in the file, and cells refer to it by index.

use super::super::row::MAX_ROW_LENGTH;
use super::super::{TableError, TakeRoom};
use super::package::Package;
use super::part::{Next, WorkbookPart};
use super::value::unescaped;

/// Memory is reserved in steps of this size, in bytes.
const PIECE: usize = 64 * 1024;

/// All shared strings in one text, and their end offsets.
///
/// Invariant: the strings take no more memory than has been reserved, except for one step and one text.
#[derive(Debug, Default)]
pub(super) struct Strings {
    text: String,
    ends: Vec<usize>,
}

impl Strings {
    /// Returns the text with this index.
    pub(super) fn get(&self, at: usize) -> Option<&str> {
        let end = *self.ends.get(at)?;
        let begin = at.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |end| *end);
        self.text.get(begin..end)
    }
}

/// Reads the part with the shared strings, and reserves memory for them.
pub(super) fn read(package: &Package<'_>, part: &str, room: &mut TakeRoom) -> Result<Strings, TableError> {
    let Some(mut part) = WorkbookPart::open(package, part)? else { return Ok(Strings::default()) };
    let (mut strings, mut collected) = (Strings::default(), Collected::default());
    let mut paid = 0;
    loop {
        match part.next()? {
            Next::Start(element) => collected.start(element.name()),
            Next::End(end) if end.name() == "si" => {
                collected.take(|text| strings.text.push_str(text));
                strings.ends.push(strings.text.len());
            }
            Next::End(end) => collected.end(end.name()),
            Next::Text(text) => collected.text(&text).ok_or(TableError::TooLarge)?,
            Next::Eof => return Ok(strings),
            Next::Other => {}
        }
        // A growing buffer is at times moved to one of twice its size.
        let held = 2 * (strings.text.len() + strings.ends.len() * size_of::<usize>());
        if held >= paid + PIECE {
            if !room(held - paid) {
                return Err(TableError::NoRoom);
            }
            paid = held;
        }
    }
}

/// Collects a text that consists of pieces in several fonts, without the phonetic reading aid.
#[derive(Debug, Default)]
pub(super) struct Collected {
    text: String,
    in_text: bool,
    in_aid: bool,
}

impl Collected {
    pub(super) fn start(&mut self, element: &str) {
        match element {
            "t" => self.in_text = !self.in_aid,
            "rPh" => self.in_aid = true,
            _ => {}
        }
    }

    pub(super) fn end(&mut self, element: &str) {
        match element {
            "t" => self.in_text = false,
            "rPh" => self.in_aid = false,
            _ => {}
        }
    }

    /// Appends text. Returns `None` if it exceeds the maximum length of a row.
    pub(super) fn text(&mut self, text: &str) -> Option<()> {
        if self.in_text {
            if self.text.len() + text.len() > MAX_ROW_LENGTH {
                return None;
            }
            self.text.push_str(text);
        }
        Some(())
    }

    /// Passes the collected text to `to` and begins anew.
    pub(super) fn take(&mut self, to: impl FnOnce(&str)) {
        to(&unescaped(&self.text));
        self.text.clear();
        (self.in_text, self.in_aid) = (false, false);
    }
}
