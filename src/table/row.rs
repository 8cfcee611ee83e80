//! A row of texts, and the spreadsheet notation for cells and rows.

/// Maximum number of cells per row.
pub const MAX_CELLS: usize = 1000;
/// Maximum length of a row's cells together, in bytes.
pub const MAX_ROW_LENGTH: usize = 1024 * 1024;

/// A row of a table.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Row {
    line: u64,
    text: String,
    /// End offsets of the cells within `text`.
    ends: Vec<usize>,
}

/// A row exceeds a maximum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum RowTooLarge {
    #[error("has more than {MAX_CELLS} cells")]
    Wide,
    #[error("is longer than {MAX_ROW_LENGTH} bytes")]
    Long,
}

impl Row {
    /// Returns the line in which the row begins, counted from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Returns the number of cells.
    pub fn width(&self) -> usize {
        self.ends.len()
    }

    /// Returns a cell.
    pub fn cell(&self, at: usize) -> Option<&str> {
        let end = *self.ends.get(at)?;
        let begin = at.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |end| *end);
        self.text.get(begin..end)
    }

    /// Returns the cells, in order.
    pub fn cells(&self) -> impl Iterator<Item = &str> {
        (0..self.width()).filter_map(|at| self.cell(at))
    }

    /// Returns whether the row has nothing but white space.
    pub(super) fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }

    /// Returns the bytes that the row takes.
    pub(super) fn size(&self) -> usize {
        size_of::<Self>() + self.text.len() + self.ends.len() * size_of::<usize>()
    }

    /// Clears the row and begins it at this line.
    pub(super) fn begin(&mut self, line: u64) {
        self.line = line;
        self.text.clear();
        self.ends.clear();
    }

    /// Appends to the open cell.
    pub(super) fn push(&mut self, text: &str) -> Result<(), RowTooLarge> {
        if self.text.len() + text.len() > MAX_ROW_LENGTH {
            return Err(RowTooLarge::Long);
        }
        self.text.push_str(text);
        Ok(())
    }

    /// Adds empty cells up to this width.
    pub(super) fn fill(&mut self, width: usize) {
        if self.ends.len() < width {
            self.ends.resize(width, self.text.len());
        }
    }

    /// Ends the open cell.
    pub(super) fn end_cell(&mut self) -> Result<(), RowTooLarge> {
        if self.ends.len() >= MAX_CELLS {
            return Err(RowTooLarge::Wide);
        }
        self.ends.push(self.text.len());
        Ok(())
    }
}

/// Returns a cell or a whole row in spreadsheet notation.
pub(super) fn named(sheet: &str, column: Option<usize>, row: u64) -> String {
    match column {
        Some(column) => format!("{sheet}!{}{row}", letters(column)),
        None => format!("{sheet}!{row}:{row}"),
    }
}

/// Returns the letters of a column, counted from 0.
pub(super) fn letters(column: usize) -> String {
    let (mut rest, mut letters) = (column, Vec::new());
    loop {
        let letter = u8::try_from(rest % 26).unwrap_or_default();
        letters.push(char::from(b'A' + letter));
        match rest / 26 {
            0 => break,
            more => rest = more - 1,
        }
    }
    letters.into_iter().rev().collect()
}

/// Parses the name of a cell into its column, counted from 0, and its row, counted from 1. Returns `None` if it is not
/// a valid name.
pub(super) fn position(name: &str) -> Option<(usize, u64)> {
    let split = name.find(|c: char| !c.is_ascii_alphabetic())?;
    let (letters, row) = name.split_at_checked(split)?;
    let digit = |letter: u8| usize::from(letter.to_ascii_uppercase() - b'A') + 1;
    let column = letters.bytes().try_fold(0_usize, |sum, letter| sum.checked_mul(26)?.checked_add(digit(letter)))?;
    let row = row.parse().ok().filter(|row| *row > 0)?;
    Some((column.checked_sub(1)?, row))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_has_its_name() {
        for (column, name) in
            [(0, "A"), (25, "Z"), (26, "AA"), (51, "AZ"), (52, "BA"), (701, "ZZ"), (702, "AAA"), (16383, "XFD")]
        {
            assert_eq!(letters(column), name);
            assert_eq!(position(&format!("{name}7")), Some((column, 7)));
        }
        assert_eq!((named("People", Some(2), 5), named("People", None, 5)), ("People!C5".into(), "People!5:5".into()));
        for bad in ["", "A", "7", "A0", "A-1", "A1B", "$A$1", "AAAAAAAAAAAAAAAAAAAAAAAA1", "A99999999999999999999"] {
            assert_eq!(position(bad), None, "{bad}");
        }
    }

    #[test]
    fn no_row_takes_more_than_it_may() {
        let mut row = Row::default();
        row.begin(3);
        for _ in 0..MAX_CELLS {
            assert_eq!((row.push("a"), row.end_cell()), (Ok(()), Ok(())));
        }
        assert_eq!(row.end_cell(), Err(RowTooLarge::Wide));
        assert_eq!(row.push(&"a".repeat(MAX_ROW_LENGTH)), Err(RowTooLarge::Long));
        assert_eq!((row.width(), row.cell(0), row.cell(MAX_CELLS)), (MAX_CELLS, Some("a"), None));
        row.begin(4);
        assert!(row.is_blank() && row.width() == 0);
    }
}
