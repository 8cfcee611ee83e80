//! Reads tables: CSV in all its dialects, and spreadsheets. The first line names the columns.
//!
//! All routes share one reader, so that a file means the same wherever it comes in. Ambiguous input is refused instead
//! of being read silently in one of its meanings, and errors name the position as the program shows it that made the
//! file: lines as editors count them, or cells of a spreadsheet by name. Blank lines are skipped, and so are columns
//! without a name as long as they are empty.

mod csv;
mod delimiter;
mod row;
#[cfg(test)]
#[path = "../../tests/it/sheets.rs"]
pub(crate) mod sheets;
mod xlsx;

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use tokio::io::AsyncBufRead;

use self::csv::CsvRows;
pub use self::row::{MAX_CELLS, MAX_ROW_LENGTH, Row};
use self::xlsx::SheetRows;
use crate::charset::{Charset, DecodeError};
use crate::domain::text::as_it_reads;

/// The media type of XLSX spreadsheets.
pub const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// Reserves memory for this number of further bytes; returns false if there is none. Dropping the closure gives back
/// what it reserved.
pub type TakeRoom = Box<dyn FnMut(usize) -> bool + Send>;

/// Returns a reservation without limit, for callers that read files of their own.
pub fn endless_room() -> TakeRoom {
    Box::new(|_| true)
}

/// A spreadsheet file, and how to read it.
pub struct Workbook {
    pub file: Bytes,
    /// The name of the sheet to read; the first visible one if not given.
    pub sheet: Option<String>,
    /// Maximum number of bytes that may be unpacked from the file in total.
    pub unpacked: usize,
    /// Reserves the memory for what is kept of the file while it is read.
    pub room: TakeRoom,
}

impl std::fmt::Debug for Workbook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Workbook").field("bytes", &self.file.len()).field("sheet", &self.sheet).finish_non_exhaustive()
    }
}

/// An error in a line or a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowError {
    /// The line, or the row of a spreadsheet.
    pub line: u64,
    /// The cell of a spreadsheet, or the row, such as `Sheet1!C5` or `Sheet1!5:5`.
    pub cell: Option<String>,
    /// What is wrong, phrased as a predicate of the line or cell.
    pub what: String,
}

/// Why there is no next row.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    #[error(transparent)]
    Unreadable(io::Error),
    /// Further rows may follow, unless the error makes it impossible to tell where.
    #[error("{0}")]
    Row(RowError),
    /// The file is not a table at all.
    #[error("{0}")]
    File(String),
    /// More than the maximum would be unpacked.
    #[error("the spreadsheet is too large once it is unpacked")]
    TooLarge,
    #[error("too many large bodies are being read; send it again later")]
    NoRoom,
}

impl std::fmt::Display for RowError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.cell {
            Some(cell) => write!(f, "{cell} {}", self.what),
            None => write!(f, "line {} {}", self.line, self.what),
        }
    }
}

impl RowError {
    fn of_line(line: u64, what: impl Into<String>) -> Self {
        Self { line, cell: None, what: what.into() }
    }
}

impl From<io::Error> for TableError {
    fn from(error: io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<DecodeError>()) {
            Some(fault) => Self::Row(RowError::of_line(fault.line, fault.within_line())),
            None => Self::Unreadable(error),
        }
    }
}

/// Reads a table row by row. Each row has a cell for each named column.
///
/// Invariant: the reader holds one row, and for a spreadsheet one more batch of rows. Each row has at most
/// [`MAX_CELLS`] cells and [`MAX_ROW_LENGTH`] bytes.
#[derive(Debug)]
pub struct Table<R> {
    rows: Rows<R>,
    /// The names of the columns, without trailing columns that have none.
    columns: Vec<String>,
    /// The line of the names, 0 until it is read.
    head: u64,
    /// The number of cells in that line.
    head_width: usize,
    /// Columns without a name for which a non-empty cell was reported.
    nameless: Vec<usize>,
}

#[derive(Debug)]
enum Rows<R> {
    Csv(Box<CsvRows<R>>),
    Sheet(SheetRows),
}

impl<R: AsyncBufRead + Unpin> Table<R> {
    /// Reads CSV with this declared charset, if any.
    pub fn csv(from: R, charset: Option<Charset>) -> Self {
        Self::of(Rows::Csv(Box::new(CsvRows::new(from, charset))))
    }

    /// Reads a sheet of a spreadsheet.
    pub fn xlsx(workbook: Workbook) -> Self {
        Self::of(Rows::Sheet(SheetRows::new(workbook)))
    }

    fn of(rows: Rows<R>) -> Self {
        Self { rows, columns: Vec::new(), head: 0, head_width: 0, nameless: Vec::new() }
    }

    /// Reads the names of the columns. Returns false if the file is empty.
    pub async fn read_head(&mut self) -> Result<bool, TableError> {
        if !self.next_with_content().await? {
            return Ok(false);
        }
        self.head = self.row().line();
        let named: Vec<_> = self.row().cells().map(|name| as_it_reads(name).into_owned()).collect();
        (self.columns, self.head_width) = (named, self.row().width());
        while self.columns.pop_if(|name| name.is_empty()).is_some() {}
        Ok(true)
    }

    /// Returns the names of the columns, in order. A column without a name has an empty one.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Reads the next row that is not blank. Returns false if there is none.
    ///
    /// May be called again after an error in a row. If it is impossible to tell what follows, returns false.
    pub async fn next(&mut self) -> Result<bool, TableError> {
        if !self.next_with_content().await? {
            return Ok(false);
        }
        if let Rows::Sheet(rows) = &mut self.rows {
            rows.fill(self.columns.len());
        }
        self.check_width().map_err(TableError::Row)?;
        Ok(true)
    }

    /// Returns the row that was read last.
    pub fn row(&self) -> &Row {
        match &self.rows {
            Rows::Csv(rows) => rows.row(),
            Rows::Sheet(rows) => rows.row(),
        }
    }

    /// Returns the line in which the row begins; for a spreadsheet, the row.
    pub fn line(&self) -> u64 {
        self.row().line()
    }

    /// Returns the name of the sheet, if the table is a spreadsheet.
    pub fn sheet(&self) -> Option<&Arc<str>> {
        match &self.rows {
            Rows::Csv(_) => None,
            Rows::Sheet(rows) => rows.name(),
        }
    }

    /// Returns the underlying source, if the table is CSV.
    pub fn source(&mut self) -> Option<&mut R> {
        match &mut self.rows {
            Rows::Csv(rows) => Some(rows.source()),
            Rows::Sheet(_) => None,
        }
    }

    async fn next_with_content(&mut self) -> Result<bool, TableError> {
        loop {
            let found = match &mut self.rows {
                Rows::Csv(rows) => rows.next().await?,
                Rows::Sheet(rows) => rows.next().await?,
            };
            if !found || !self.row().is_blank() {
                return Ok(found);
            }
        }
    }

    /// Checks that each non-empty cell has a named column and each named column a cell.
    fn check_width(&mut self) -> Result<(), RowError> {
        if self.head == 0 {
            // The names could not be read, which has been reported already.
            return Ok(());
        }
        let (row, head, named) = (self.row(), self.head, self.columns.len());
        let fills = |at: usize| row.cell(at).is_some_and(|cell| !cell.trim().is_empty());
        let filled = (0..row.width()).rev().find(|at| fills(*at)).map_or(0, |last| last + 1);
        let is_short = row.width() < named;
        if is_short || filled > self.head_width {
            let cells = if is_short { row.width() } else { filled };
            let fault = format!("has {cells} {}; line {head} names {named}", if cells == 1 { "cell" } else { "cells" });
            return Err(self.fault(None, fault));
        }
        let is_nameless = |at: &usize| self.columns.get(*at).is_none_or(String::is_empty);
        let Some(at) = (0..filled).find(|at| is_nameless(at) && fills(*at) && !self.nameless.contains(at)) else {
            return Ok(());
        };
        // Reported once only, because most other lines have such a cell as well.
        self.nameless.push(at);
        let column = at + 1;
        let fault =
            format!("has something in column {column}, which line {head} gives no name; name the column or empty it");
        Err(self.fault(Some(at), fault))
    }

    /// Returns an error in the row that was read last, or in one of its cells.
    pub fn fault(&self, cell: Option<usize>, what: impl Into<String>) -> RowError {
        let line = self.line();
        let cell = self.sheet().map(|sheet| row::named(sheet, cell, line));
        RowError { line, cell, what: what.into() }
    }
}

/// Returns the letters of a column, counted from 0: `A`, `Z`, `AA`.
pub fn letters(column: usize) -> String {
    row::letters(column)
}
