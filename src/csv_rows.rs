//! Rows of CSV, each of bounded width and length.
//!
//! A row takes memory for each of its cells, however short they are: a few kilobytes that were compressed, or one line of nothing
//! but commas, would be hundreds of megabytes of empty cells. And a quotation mark without its other one makes one cell of all
//! that follows.

use std::io;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _};

/// Cells of a row.
pub const MOST_CELLS: usize = 1000;
/// Bytes of the cells of a row.
pub const LONGEST_ROW: usize = 1024 * 1024;

/// Reads rows, one at a time.
///
/// Invariant: it holds one row, and no more of that than [`MOST_CELLS`] and [`LONGEST_ROW`].
#[derive(Debug)]
pub struct CsvRows<R> {
    from: R,
    core: Reader,
    cells: Vec<u8>,
    ends: Vec<usize>,
    /// Cells of the row that was read last.
    width: usize,
    /// Lines that have ended so far; the parser would count the end of a row's own line with the row after it.
    lines: u64,
    line: u64,
}

/// Why there is no next row.
#[derive(Debug, thiserror::Error)]
pub enum RowFault {
    #[error(transparent)]
    Unreadable(#[from] io::Error),
    #[error("has more than {MOST_CELLS} cells")]
    TooWide,
    #[error("is longer than {LONGEST_ROW} bytes; look for a quotation mark without its other one")]
    TooLong,
}

impl<R: AsyncBufRead + Unpin> CsvRows<R> {
    /// Reads rows whose cells are apart by `delimiter`.
    pub fn new(from: R, delimiter: u8) -> Self {
        let core = ReaderBuilder::new().delimiter(delimiter).build();
        // One more, for a row that is too wide.
        Self { from, core, cells: vec![0; 4096], ends: vec![0; MOST_CELLS + 1], width: 0, lines: 0, line: 0 }
    }

    /// Reads the next row; false if there is none.
    pub async fn next(&mut self) -> Result<bool, RowFault> {
        self.skip_line_ends().await?;
        (self.line, self.width) = (self.lines + 1, 0);
        let mut length = 0;
        loop {
            let input = self.from.fill_buf().await?;
            let cells = self.cells.get_mut(length..).unwrap_or_default();
            let ends = self.ends.get_mut(self.width..).unwrap_or_default();
            let (result, taken, written, ended) = self.core.read_record(input, cells, ends);
            self.lines += line_ends(input.get(..taken).unwrap_or_default());
            self.from.consume(taken);
            length += written;
            self.width += ended;
            if self.width > MOST_CELLS {
                return Err(RowFault::TooWide);
            }
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull if self.cells.len() >= LONGEST_ROW => return Err(RowFault::TooLong),
                ReadRecordResult::OutputFull => self.cells.resize(2 * self.cells.len(), 0),
                ReadRecordResult::OutputEndsFull => return Err(RowFault::TooWide),
                ReadRecordResult::Record => return Ok(true),
                ReadRecordResult::End => return Ok(false),
            }
        }
    }

    /// The rest of the line end before, and blank lines: no row begins there.
    async fn skip_line_ends(&mut self) -> io::Result<()> {
        loop {
            let input = self.from.fill_buf().await?;
            let length = input.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            if length == 0 {
                return Ok(());
            }
            self.lines += line_ends(input.get(..length).unwrap_or_default());
            self.from.consume(length);
        }
    }

    /// The line that the row begins in, from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Number of cells of the row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// A cell of the row.
    pub fn cell(&self, at: usize) -> Option<&[u8]> {
        let end = *self.ends.get(..self.width)?.get(at)?;
        let begin = at.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |end| *end);
        self.cells.get(begin..end)
    }

    /// The cells of the row.
    pub fn cells(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.width).filter_map(|at| self.cell(at))
    }
}

fn line_ends(text: &[u8]) -> u64 {
    text.iter().map(|byte| u64::from(*byte == b'\n')).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn rows(text: &str) -> Result<Vec<(u64, Vec<String>)>, RowFault> {
        // A few bytes at a time, as they may come.
        let mut rows = CsvRows::new(tokio::io::BufReader::with_capacity(3, text.as_bytes()), b',');
        let mut found = Vec::new();
        while rows.next().await? {
            let cells = rows.cells().map(|cell| String::from_utf8(cell.to_vec()).unwrap()).collect();
            found.push((rows.line(), cells));
        }
        Ok(found)
    }

    #[tokio::test]
    async fn rows_come_with_their_lines() {
        let found = rows("a,b\r\n1,\"x,\n\"\"y\"\"\"\n\nlast,").await.unwrap();
        let cells: Vec<Vec<&str>> = found.iter().map(|(_, cells)| cells.iter().map(String::as_str).collect()).collect();
        assert_eq!(cells, [vec!["a", "b"], vec!["1", "x,\n\"y\""], vec!["last", ""]]);
        assert_eq!(found.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 2, 5]);
        assert!(rows("").await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn no_row_takes_more_than_it_may() {
        assert_eq!(rows(&"a,".repeat(MOST_CELLS - 1)).await.unwrap()[0].1.len(), MOST_CELLS);
        for wide in [",".repeat(MOST_CELLS), ",".repeat(1_000_000), format!("a\n{}", "b,".repeat(MOST_CELLS))] {
            assert!(matches!(rows(&wide).await, Err(RowFault::TooWide)), "{wide:.10}");
        }
        for long in ["a".repeat(LONGEST_ROW + 1), format!("a,\"{}", "b,\n".repeat(LONGEST_ROW / 2))] {
            assert!(matches!(rows(&long).await, Err(RowFault::TooLong)), "{long:.10}");
        }
    }
}
