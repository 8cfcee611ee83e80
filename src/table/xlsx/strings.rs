//! The texts that cells share: each is in the file once, and cells name it by its number.

use super::super::row::MAX_ROW_LENGTH;
use super::super::{TableError, TakeRoom};
use super::package::Package;
use super::part::{Next, WorkbookPart};
use super::value::unescaped;

/// Room is taken in pieces of this size.
const PIECE: usize = 64 * 1024;

/// All of them in one text, and where each ends.
///
/// Invariant: they hold no more than they have taken room for, but for one piece and one text.
#[derive(Debug, Default)]
pub(super) struct Strings {
    text: String,
    ends: Vec<usize>,
}

impl Strings {
    pub(super) fn get(&self, at: usize) -> Option<&str> {
        let end = *self.ends.get(at)?;
        let begin = at.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |end| *end);
        self.text.get(begin..end)
    }
}

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
        // What grows is moved to twice its place now and then.
        let held = 2 * (strings.text.len() + strings.ends.len() * size_of::<usize>());
        if held >= paid + PIECE {
            if !room(held - paid) {
                return Err(TableError::NoRoom);
            }
            paid = held;
        }
    }
}

/// A text as it is put together: in pieces of several fonts, with a reading aid that is none of it.
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

    /// Takes text; `None` if there is more of it than a row may have.
    pub(super) fn text(&mut self, text: &str) -> Option<()> {
        if self.in_text {
            if self.text.len() + text.len() > MAX_ROW_LENGTH {
                return None;
            }
            self.text.push_str(text);
        }
        Some(())
    }

    /// Hands over what was collected, and begins anew.
    pub(super) fn take(&mut self, to: impl FnOnce(&str)) {
        to(&unescaped(&self.text));
        self.text.clear();
        (self.in_text, self.in_aid) = (false, false);
    }
}
