//! Reads the rows of one sheet.

use std::borrow::Cow;
use std::sync::Arc;

use super::super::row::{self, Row};
use super::super::{RowError, TableError};
use super::package::Package;
use super::part::{Next, WorkbookPart};
use super::strings::{Collected, Strings};
use super::styles::Styles;
use super::value::{self, Epoch};

/// Maximum number of merged ranges that are reported as errors.
const MAX_MERGED: usize = 100;

/// A sheet while it is being read.
pub(super) struct Sheet<'f> {
    package: &'f Package<'f>,
    part: WorkbookPart<'f>,
    name: Arc<str>,
    styles: &'f Styles,
    strings: &'f Strings,
    epoch: Epoch,
    /// Whether the reader is within the sheet's data.
    in_data: bool,
    /// The first row that is not empty, and its width.
    head: Option<(u64, usize)>,
    /// The row that was read last.
    last: u64,
    merged: usize,
}

/// A cell while it is being read.
#[derive(Debug, Default)]
struct OpenCell {
    column: usize,
    kind: String,
    style: Option<String>,
    /// The text between the tags of its value.
    value: String,
    has_value: bool,
    in_value: bool,
    has_formula: bool,
    text: Collected,
}

impl OpenCell {
    /// Returns whether the cell holds a formula that was never computed. Programs that compute write a number with its
    /// digits, and an empty text as a text (`t="str"`) with an empty value. Programs that only write formulas omit the
    /// value, or leave it empty without a type.
    fn lacks_value(&self) -> bool {
        self.has_formula
            && match self.kind.as_str() {
                "inlineStr" => false,
                "str" => !self.has_value,
                _ => self.value.trim().is_empty(),
            }
    }
}

impl<'f> Sheet<'f> {
    pub(super) fn new(
        package: &'f Package<'f>,
        part: &str,
        name: Arc<str>,
        styles: &'f Styles,
        strings: &'f Strings,
        epoch: Epoch,
    ) -> Result<Self, TableError> {
        let part = WorkbookPart::needed(package, part)?;
        Ok(Self { package, part, name, styles, strings, epoch, in_data: false, head: None, last: 0, merged: 0 })
    }

    /// Returns the next row or the error in it; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Result<Row, RowError>>, TableError> {
        loop {
            match self.part.next()? {
                Next::Start(element) => match element.name() {
                    "sheetData" => self.in_data = true,
                    "row" if self.in_data => {
                        let [number] = element.attributes(["r"]);
                        let next = self.last.checked_add(1);
                        let number = number.map_or(next, |number| number.parse().ok());
                        let number = number.filter(|number| *number > self.last).ok_or_else(|| {
                            self.part.damaged_by(format_args!(
                                "row {} is followed by an earlier one, or by one without a number",
                                self.last
                            ))
                        })?;
                        return self.row(number).map(Some);
                    }
                    "mergeCell" => {
                        let [range] = element.attributes(["ref"]);
                        if let Some(fault) = range.and_then(|range| self.merged(&range)) {
                            return Ok(Some(Err(fault)));
                        }
                    }
                    _ => {}
                },
                Next::End(end) => self.in_data &= end.name() != "sheetData",
                Next::Eof => return Ok(None),
                Next::Text(_) | Next::Other => {}
            }
        }
    }

    /// Reads a row to its end.
    fn row(&mut self, number: u64) -> Result<Result<Row, RowError>, TableError> {
        self.last = number;
        self.part.in_row(number);
        let (mut row, mut fault) = (Row::default(), None);
        row.begin(number);
        let (mut next_column, mut open) = (0, None::<OpenCell>);
        loop {
            match self.part.next()? {
                Next::Start(element) => match (element.name(), &mut open) {
                    ("c", _) => {
                        let [name, kind, style] = element.attributes(["r", "t", "s"]);
                        let column = match &name {
                            Some(name) => {
                                row::position(name).filter(|(_, row)| *row == number).map(|(column, _)| column)
                            }
                            None => Some(next_column),
                        };
                        let Some(column) = column.filter(|column| *column >= next_column) else {
                            let name: String = name.unwrap_or_default().chars().take(16).collect();
                            return Err(self.part.damaged_by(format_args!(
                                "its row {number} has the cell {name:?} twice, after a later one, or from another row"
                            )));
                        };
                        next_column = column + 1;
                        open = Some(OpenCell { column, kind: kind.unwrap_or_default(), style, ..OpenCell::default() });
                    }
                    ("v", Some(cell)) => (cell.has_value, cell.in_value) = (true, true),
                    ("f", Some(cell)) => cell.has_formula = true,
                    (name, Some(cell)) => cell.text.start(name),
                    (_, None) => {}
                },
                Next::Text(text) => {
                    if let Some(cell) = &mut open {
                        if cell.in_value && cell.value.len() + text.len() <= row::MAX_ROW_LENGTH {
                            cell.value.push_str(&text);
                        }
                        cell.text.text(&text).ok_or(TableError::TooLarge)?;
                    }
                }
                Next::End(end) => match (end.name(), &mut open) {
                    ("row", _) => break,
                    ("c", _) => {
                        if let Some(cell) = open.take() {
                            let put =
                                self.value(cell, number).and_then(|(column, text)| self.put(&mut row, column, &text));
                            fault = fault.or(put.err());
                        }
                    }
                    ("v", Some(cell)) => cell.in_value = false,
                    (name, Some(cell)) => cell.text.end(name),
                    (_, None) => {}
                },
                Next::Eof => return Err(self.part.damaged()),
                Next::Other => {}
            }
        }
        self.package.spend(row.size())?;
        if self.head.is_none() && row.width() > 0 {
            self.head = Some((number, row.width()));
        }
        Ok(fault.map_or(Ok(row), Err))
    }

    /// Returns the text of a cell.
    fn value(&self, mut cell: OpenCell, row: u64) -> Result<(usize, Cow<'f, str>), RowError> {
        let fault = |what: String| self.fault(Some(cell.column), row, what);
        if cell.lacks_value() {
            let what =
                "holds a formula whose value is not in the file; open the file in a spreadsheet program and save it";
            return Err(fault(what.to_owned()));
        }
        let value = cell.value.trim();
        let text: Cow<'f, str> = match cell.kind.as_str() {
            "s" if value.is_empty() => Cow::Borrowed(""),
            "s" => {
                let found = value.parse().ok().and_then(|at| self.strings.get(at));
                found
                    .ok_or_else(|| fault("refers to a text that is not in the file; save the file again".to_owned()))?
                    .into()
            }
            "str" | "d" => value::unescaped(&cell.value).into_owned().into(),
            "b" => if value == "1" || value == "true" { "true" } else { "false" }.into(),
            "e" => {
                let error: String = value.chars().take(32).collect();
                return Err(fault(format!("holds the error {error}; correct the formula or empty the cell")));
            }
            "inlineStr" => {
                let mut text = String::new();
                cell.text.take(|collected| text.push_str(collected));
                text.into()
            }
            _ if value.is_empty() => Cow::Borrowed(""),
            _ => {
                let shown = self.styles.of(cell.style.as_deref());
                let number = value::number(value, shown, self.epoch);
                number.ok_or_else(|| fault("does not hold a number; save the file again".to_owned()))?.into()
            }
        };
        Ok((cell.column, text))
    }

    /// Puts a text at its column. An empty text takes no place.
    fn put(&self, row: &mut Row, column: usize, text: &str) -> Result<(), RowError> {
        if text.is_empty() {
            return Ok(());
        }
        let mut put = || {
            while row.width() < column {
                row.end_cell()?;
            }
            row.push(text)?;
            row.end_cell()
        };
        put().map_err(|fault: row::RowTooLarge| self.fault(None, row.line(), fault.to_string()))
    }

    /// Returns the error for a merged range, unless it lies outside of the table or within one cell of it: otherwise it
    /// is unclear which cell the value belongs to.
    fn merged(&mut self, range: &str) -> Option<RowError> {
        let (first, last) = range.split_once(':')?;
        let ((left, top), (right, bottom)) = (row::position(first)?, row::position(last)?);
        let (head, width) = self.head?;
        let rows = top.max(head)..=bottom.min(self.last);
        let columns = left..=right.min(width.saturating_sub(1));
        let is_harmless =
            rows.is_empty() || columns.is_empty() || (rows.start() == rows.end() && columns.start() == columns.end());
        if is_harmless || self.merged >= MAX_MERGED {
            return None;
        }
        self.merged += 1;
        let what =
            "is merged, so it is unclear which cell its value belongs to; unmerge the cells and fill in each of them"
                .to_owned();
        Some(RowError { line: top, cell: Some(format!("{}!{range}", self.name)), what })
    }

    fn fault(&self, column: Option<usize>, row: u64, what: String) -> RowError {
        RowError { line: row, cell: Some(row::named(&self.name, column, row)), what }
    }
}
