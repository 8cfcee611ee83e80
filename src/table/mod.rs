//! Tables as people save them: CSV in each of its spellings, and spreadsheets. The first line names the columns.
//!
//! One reader for all routes, so that a file means the same wherever it comes in. What can be read in two ways is refused and told
//! with its place as the program shows it that made the file, never read in one of them silently: lines as editors count them, cells
//! of a spreadsheet by their names. Lines of nothing but blanks are passed over, and so are columns without a name as long as
//! nothing stands in them.

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

/// The media type of spreadsheets.
pub const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// Takes room for so many more bytes; false if there is none. What it has taken is given back when it is dropped.
pub type TakeRoom = Box<dyn FnMut(usize) -> bool + Send>;

/// Room without end, for who reads files of their own.
pub fn endless_room() -> TakeRoom {
    Box::new(|_| true)
}

/// A spreadsheet as it came.
pub struct Workbook {
    pub file: Bytes,
    /// The sheet of this name is read, else the first that is shown.
    pub sheet: Option<String>,
    /// So many bytes may come out of it in all.
    pub unpacked: usize,
    /// For what is kept of it while it is read.
    pub room: TakeRoom,
}

impl std::fmt::Debug for Workbook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Workbook").field("bytes", &self.file.len()).field("sheet", &self.sheet).finish_non_exhaustive()
    }
}

/// Something is wrong with a line or a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowError {
    /// The line, or the row of a spreadsheet.
    pub line: u64,
    /// The cell of a spreadsheet, or the row, like `Sheet1!C5` and `Sheet1!5:5`.
    pub cell: Option<String>,
    /// What is wrong, said of the line or the cell.
    pub what: String,
}

/// Why there is no next row.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    #[error(transparent)]
    Unreadable(io::Error),
    /// Other rows may follow, unless the fault makes it impossible to tell where.
    #[error("{0}")]
    Row(RowError),
    /// The file is no table at all.
    #[error("{0}")]
    File(String),
    /// More comes out of it than may.
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

/// A table, read row by row. Each row has a cell for each column with a name.
///
/// Invariant: of the rows it holds one, and of a spreadsheet one batch more; each has at most [`MAX_CELLS`] cells and
/// [`MAX_ROW_LENGTH`] bytes.
#[derive(Debug)]
pub struct Table<R> {
    rows: Rows<R>,
    /// The names, without those of trailing columns that have none.
    columns: Vec<String>,
    /// The line of the names, 0 until it is read, and its cells.
    head: u64,
    head_width: usize,
    /// Columns without a name in which something was found.
    nameless: Vec<usize>,
}

#[derive(Debug)]
enum Rows<R> {
    Csv(Box<CsvRows<R>>),
    Sheet(SheetRows),
}

impl<R: AsyncBufRead + Unpin> Table<R> {
    /// Reads CSV that was declared to be in this charset, if anything was declared.
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

    /// Reads the names of the columns; false if there is nothing in the file at all.
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

    /// The names of the columns, in order; empty for one without a name.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Reads the next row that has something in it; false if there is none.
    ///
    /// After a fault of a row it may be called again; where nobody can tell what follows, it answers that there is no more.
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

    /// The row that was read last.
    pub fn row(&self) -> &Row {
        match &self.rows {
            Rows::Csv(rows) => rows.row(),
            Rows::Sheet(rows) => rows.row(),
        }
    }

    /// The line that the row begins in; of a spreadsheet the row.
    pub fn line(&self) -> u64 {
        self.row().line()
    }

    /// The name of the sheet, if the table is one.
    pub fn sheet(&self) -> Option<&Arc<str>> {
        match &self.rows {
            Rows::Csv(_) => None,
            Rows::Sheet(rows) => rows.name(),
        }
    }

    /// The source behind it, where it is one of bytes.
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

    /// Each cell needs a column with a name, and each of these a cell.
    fn check_width(&mut self) -> Result<(), RowError> {
        if self.head == 0 {
            // The names could not be read, which was told.
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
        // Told once: every other line has one as well.
        self.nameless.push(at);
        let column = at + 1;
        let fault =
            format!("has something in column {column}, which line {head} gives no name; name the column or empty it");
        Err(self.fault(Some(at), fault))
    }

    /// Something is wrong with the row that was read last, or with a cell of it.
    pub fn fault(&self, cell: Option<usize>, what: impl Into<String>) -> RowError {
        let line = self.line();
        let cell = self.sheet().map(|sheet| row::named(sheet, cell, line));
        RowError { line, cell, what: what.into() }
    }
}

/// The letters of a column, from 0: `A`, `Z`, `AA`.
pub fn letters(column: usize) -> String {
    row::letters(column)
}
