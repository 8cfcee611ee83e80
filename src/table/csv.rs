//! A strict reader of CSV (RFC 4180). Errors name the line and column.
//!
//! Other readers keep a misplaced quotation mark as part of the text, or read all that follows it into one cell. Here
//! it is an error, except that blanks around a quoted cell are dropped, because they are never meant. Blank rows are
//! skipped at this level: a small compressed body can contain gigabytes of them.

use tokio::io::AsyncBufRead;

use super::delimiter::{DelimiterLook, look};
use super::row::{MAX_ROW_LENGTH, Row, RowTooLarge};
use super::{RowError, TableError};
use crate::charset::{Charset, Position, TextReader};

/// Reads rows, one at a time.
#[derive(Debug)]
pub(super) struct CsvRows<R> {
    from: TextReader<R>,
    /// The beginning of the text, until it is long enough to find the delimiter; afterwards what is left of it.
    head: String,
    /// Number of bytes of `head` that were consumed.
    taken: usize,
    parser: Option<Parser>,
    row: Row,
    has_ended: bool,
}

impl<R: AsyncBufRead + Unpin> CsvRows<R> {
    pub(super) fn new(from: R, charset: Option<Charset>) -> Self {
        let from = TextReader::new(from, charset);
        Self { from, head: String::new(), taken: 0, parser: None, row: Row::default(), has_ended: false }
    }

    /// Returns the row that was read last.
    pub(super) fn row(&self) -> &Row {
        &self.row
    }

    /// Returns the underlying source.
    pub(super) fn source(&mut self) -> &mut R {
        self.from.get_mut()
    }

    /// Reads the next row that is not blank. Returns false if there is none, as it does after an error.
    pub(super) async fn next(&mut self) -> Result<bool, TableError> {
        if self.has_ended {
            return Ok(false);
        }
        let found = self.read().await;
        self.has_ended = !matches!(found, Ok(true));
        found
    }

    async fn read(&mut self) -> Result<bool, TableError> {
        let mut parser = match self.parser.take() {
            Some(parser) => parser,
            None => self.begin().await?,
        };
        parser.begin();
        let found = loop {
            let head = self.head.get(self.taken..).unwrap_or_default();
            let from_head = !head.is_empty();
            let piece = if from_head { head } else { self.from.piece().await? };
            if piece.is_empty() {
                break parser.end(&mut self.row).map_err(TableError::Row)?;
            }
            let (taken, is_complete) = parser.go_on(piece, &mut self.row).map_err(TableError::Row)?;
            if from_head {
                self.taken += taken;
            } else {
                self.from.consumed(taken);
            }
            if is_complete {
                break true;
            }
        };
        self.parser = Some(parser);
        Ok(found)
    }

    /// Reads as much as is needed to find the delimiter.
    async fn begin(&mut self) -> Result<Parser, TableError> {
        let mut looked = 0;
        loop {
            let (length, fault) = match self.from.piece().await {
                Ok(piece) => {
                    self.head.push_str(piece);
                    (piece.len(), None)
                }
                Err(error) => (0, Some(TableError::from(error))),
            };
            self.from.consumed(length);
            if let Some(fault @ TableError::Unreadable(_)) = fault {
                return Err(fault);
            }
            if self.head.starts_with("PK\u{3}\u{4}") {
                return Err(TableError::File(
                    "the file is a spreadsheet (XLSX): declare it as one, or save it as CSV".to_owned(),
                ));
            }
            // A line that is too long is reported when it is parsed.
            let is_whole = fault.is_none() && (length == 0 || self.head.len() > MAX_ROW_LENGTH);
            // However small the pieces, the text is examined no more than twice in total.
            if fault.is_none() && !is_whole && self.head.len() < 2 * looked {
                continue;
            }
            looked = self.head.len();
            let mut position = Position::BEGIN;
            match look(&self.head, is_whole) {
                // The decoding error is returned again once all text before it has been read.
                DelimiterLook::NeedsMore => fault.map_or(Ok(()), Err)?,
                DelimiterLook::Found { .. } | DelimiterLook::Unclear { .. } if is_page(&self.head) => {
                    let what = "the file is not a table but an HTML or XML page, such as portals send in its place to ask for a login";
                    return Err(TableError::File(what.to_owned()));
                }
                DelimiterLook::Found { delimiter, skipped } => {
                    self.head.bytes().take(skipped).for_each(|byte| position.pass(byte));
                    self.taken = skipped;
                    return Ok(Parser {
                        delimiter,
                        position,
                        has_begun: false,
                        state: CsvState::Before,
                        opened: position,
                    });
                }
                DelimiterLook::Unclear { at, why } => {
                    self.head.bytes().take(at).for_each(|byte| position.pass(byte));
                    return Err(TableError::Row(RowError::of_line(position.line, why)));
                }
            }
        }
    }
}

fn is_page(text: &str) -> bool {
    let begin = text.trim_start().chars().take(10).collect::<String>().to_ascii_lowercase();
    ["<!doctype", "<html", "<?xml"].iter().any(|page| begin.starts_with(page))
}

/// The position of the parser within a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CsvState {
    /// Before the first character of a cell.
    Before,
    Bare,
    Quoted,
    /// After a quotation mark that ends the cell, unless another one follows immediately.
    Mark,
    /// After a quoted cell.
    After,
}

/// Splits text into rows. The text may be cut into pieces anywhere.
#[derive(Debug)]
struct Parser {
    delimiter: u8,
    position: Position,
    /// Whether anything of the row has been read, apart from line ends before it.
    has_begun: bool,
    state: CsvState,
    /// The position where the quoted cell begins.
    opened: Position,
}

impl Parser {
    fn begin(&mut self) {
        (self.has_begun, self.state) = (false, CsvState::Before);
    }

    /// Parses up to the end of the next row that is not blank. Returns the number of bytes consumed, and whether the
    /// row is complete.
    fn go_on(&mut self, piece: &str, row: &mut Row) -> Result<(usize, bool), RowError> {
        let mut taken = 0;
        loop {
            if !self.has_begun {
                taken += self.pass_line_ends(piece.get(taken..).unwrap_or_default());
            }
            let rest = piece.get(taken..).unwrap_or_default();
            if rest.is_empty() {
                return Ok((taken, false));
            }
            if !self.has_begun {
                self.has_begun = true;
                row.begin(self.position.line);
            }
            let (length, is_complete) = self.row(rest, row)?;
            taken += length;
            if is_complete && row.is_blank() {
                self.begin();
            } else if is_complete {
                return Ok((taken, true));
            }
        }
    }

    /// Skips the ends of blank lines and the second half of the previous line end. Returns the number of bytes.
    fn pass_line_ends(&mut self, text: &str) -> usize {
        let ends = text.bytes().take_while(|byte| matches!(byte, b'\n' | b'\r'));
        ends.inspect(|byte| self.position.pass(*byte)).count()
    }

    /// Continues a row that has begun. Returns the number of bytes that belong to it, and whether it is complete.
    fn row(&mut self, piece: &str, row: &mut Row) -> Result<(usize, bool), RowError> {
        // The start of cell text that is not copied to the row yet.
        let mut from = None;
        for (at, byte) in piece.bytes().enumerate() {
            let ends_line = matches!(byte, b'\n' | b'\r');
            let next = match (self.state, byte) {
                (CsvState::Before, b'"') => {
                    self.opened = self.position;
                    CsvState::Quoted
                }
                (CsvState::Bare, b'"') => return Err(self.misplaced("within a cell that does not begin with one")),
                (CsvState::Quoted, b'"') => CsvState::Mark,
                (CsvState::Mark, b'"') => CsvState::Quoted,
                (CsvState::After, b'"') => return Err(self.misplaced("after the end of a quoted cell")),
                (CsvState::Quoted, _) => CsvState::Quoted,
                (_, byte) if ends_line || byte == self.delimiter => CsvState::Before,
                (CsvState::Before, b' ' | b'\t') => CsvState::Before,
                (CsvState::Before | CsvState::Bare, _) => CsvState::Bare,
                (CsvState::Mark | CsvState::After, b' ' | b'\t') => CsvState::After,
                (CsvState::Mark | CsvState::After, _) => return Err(self.misplaced_before()),
            };
            let is_text = matches!((self.state, next), (_, CsvState::Bare) | (CsvState::Quoted, CsvState::Quoted))
                || (self.state == CsvState::Mark && next == CsvState::Quoted);
            match (is_text, from) {
                (true, None) => from = Some(at),
                (false, Some(begin)) => {
                    self.take(piece.get(begin..at), row)?;
                    from = None;
                }
                (true, Some(_)) | (false, None) => {}
            }
            let ends_cell = next == CsvState::Before && (ends_line || byte == self.delimiter);
            if ends_cell {
                row.end_cell().map_err(|fault| self.too_large(fault, row))?;
            }
            self.state = next;
            if ends_line && ends_cell {
                self.position.pass(byte);
                return Ok((at + 1, true));
            }
            self.position.pass(byte);
        }
        if let Some(begin) = from {
            self.take(piece.get(begin..), row)?;
        }
        Ok((piece.len(), false))
    }

    /// Ends the text. Returns whether there was one more row.
    fn end(&mut self, row: &mut Row) -> Result<bool, RowError> {
        if self.state == CsvState::Quoted {
            let what = format!("has a quotation mark at column {} that is never closed", self.opened.column);
            return Err(RowError::of_line(self.opened.line, what));
        }
        if !self.has_begun || (self.state == CsvState::Before && row.width() == 0) {
            return Ok(false);
        }
        row.end_cell().map_err(|fault| self.too_large(fault, row))?;
        Ok(!row.is_blank())
    }

    fn take(&self, text: Option<&str>, row: &mut Row) -> Result<(), RowError> {
        row.push(text.unwrap_or_default()).map_err(|fault| self.too_large(fault, row))
    }

    fn too_large(&self, fault: RowTooLarge, row: &Row) -> RowError {
        let Position { line, column, .. } = self.opened;
        let open = if matches!(self.state, CsvState::Quoted | CsvState::Mark) {
            format!("; is the quotation mark at line {line}, column {column} closed?")
        } else {
            String::new()
        };
        RowError::of_line(row.line(), format!("{fault}{open}"))
    }

    fn misplaced(&self, place: &str) -> RowError {
        let column = self.position.column;
        let what = format!(
            "has a quotation mark at column {column} {place}; put the whole cell in quotation marks and double those inside it"
        );
        RowError::of_line(self.position.line, what)
    }

    /// Returns the error for text after a quoted cell.
    fn misplaced_before(&self) -> RowError {
        let (column, opened) = (self.position.column, self.opened.column);
        let what = format!(
            "has text at column {column} after the end of a quoted cell, which begins at column {opened}; double the quotation \
             marks inside it"
        );
        RowError::of_line(self.position.line, what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::MAX_CELLS;

    type Cells = Vec<Vec<String>>;

    /// Reads all rows with their lines, and checks that the result is the same for pieces of any size.
    async fn rows(text: &str) -> Result<(Vec<u64>, Cells), TableError> {
        let mut results = Vec::new();
        for size in [3, 1, 1 << 20] {
            let mut rows = CsvRows::new(tokio::io::BufReader::with_capacity(size, text.as_bytes()), None);
            let (mut lines, mut found) = (Vec::new(), Cells::new());
            let result = loop {
                match rows.next().await {
                    Ok(true) => {
                        lines.push(rows.row().line());
                        found.push(rows.row().cells().map(str::to_owned).collect());
                    }
                    Ok(false) => break Ok((lines, found)),
                    Err(fault) => {
                        assert!(!rows.next().await.unwrap(), "nothing follows a fault");
                        break Err(fault);
                    }
                }
            };
            results.push(result);
        }
        let told: Vec<_> = results.iter().map(|result| format!("{result:?}")).collect();
        assert!(told.iter().all(|one| *one == told[0]), "{told:?}");
        results.remove(0)
    }

    async fn refused(text: &str) -> String {
        rows(text).await.unwrap_err().to_string()
    }

    #[tokio::test]
    async fn rows_come_with_their_lines_as_an_editor_counts_them() {
        let (lines, cells) = rows("a,b\r\n1,\"x,\r\n\"\"y\"\"\r\"\r\nlast,").await.unwrap();
        assert_eq!(cells, [vec!["a", "b"], vec!["1", "x,\r\n\"y\"\r"], vec!["last", ""]]);
        assert_eq!(lines, [1, 2, 5]);
        assert_eq!(rows("a\rb\rc").await.unwrap().0, [1, 2, 3]);
        assert_eq!(rows("a\n\r\n\rb").await.unwrap().0, [1, 4]);
        assert_eq!(rows("sep=;\r\na;b,c\r\n").await.unwrap(), (vec![2], vec![vec!["a".into(), "b,c".into()]]));
        assert_eq!(rows("").await.unwrap().0, [0; 0]);
        assert_eq!(rows("é,\"ü\"\n").await.unwrap().1, [["é", "ü"]]);
    }

    #[tokio::test]
    async fn blank_rows_are_passed_over_and_counted() {
        for end in ["\n", "\r\n", "\r"] {
            let (ends, blanks) = (end.repeat(100), [",,", " , \t,\"\"", "\" \",,", " ", ""].join(end));
            let blank = [ends.as_str(), &blanks, &ends].concat();
            let (lines, _) = rows(&format!("{blank}a,b{end}{blank}c,d{end}{blank},")).await.unwrap();
            assert_eq!(lines, [1 + 204, 1 + 204 + 1 + 204], "{end:?}");
            let told = refused(&format!("a,b{end}{blank}c\"")).await;
            assert!(told.starts_with("line 206 has a quotation mark at column 2"), "{end:?}: {told}");
        }
        // Three lines of one row that is not blank.
        assert_eq!(rows("a\n\n\"\n\n.\"\n\nb").await.unwrap().0, [1, 3, 7]);
    }

    #[tokio::test]
    async fn blanks_around_a_quoted_cell_are_no_part_of_it() {
        let (_, cells) = rows("a, \"b, c\" ,\"\" , d e \n").await.unwrap();
        assert_eq!(cells, [["a", "b, c", "", "d e "]]);
        let (_, cells) = rows("sep=;\na; \t\"b\"\t;c\n").await.unwrap();
        assert_eq!(cells, [["a", "b", "c"]]);
        let (_, cells) = rows("a\t\t \"b\"\n").await.unwrap();
        assert_eq!(cells, [["a", "", "b"]]);
    }

    #[tokio::test]
    async fn a_quotation_mark_in_the_wrong_place_is_told() {
        for (text, said) in [
            ("a,b\n1,x\"y\"\n", "line 2 has a quotation mark at column 4 within a cell"),
            ("a,b\n1,\"x\"y\n", "line 2 has text at column 6 after the end of a quoted cell"),
            ("a,b\n1,\"x\" y\n", "line 2 has text at column 7 after"),
            ("a,b\n1,\"x\" \"y\"\n", "line 2 has a quotation mark at column 7 after"),
            ("a,b\n1,\"x\n\n\n", "line 2 has a quotation mark at column 3 that is never closed"),
            ("a,\"b\n", "line 1 has a quotation mark at column 3"),
            ("a\nü,\"", "line 2 has a quotation mark at column 3 that"),
        ] {
            let told = refused(text).await;
            assert!(told.starts_with(said), "{text:?}: {told}");
        }
    }

    #[tokio::test]
    async fn of_several_faults_the_first_one_is_told() {
        for size in 1..9 {
            let text: &[u8] = b"a,b\n1,\"2\" 3\n\xff";
            let mut rows = CsvRows::new(tokio::io::BufReader::with_capacity(size, text), None);
            assert!(rows.next().await.unwrap(), "pieces of {size}");
            let fault = rows.next().await.unwrap_err().to_string();
            assert!(fault.starts_with("line 2 has text at column 7"), "pieces of {size}: {fault}");
        }
    }

    #[tokio::test]
    async fn what_is_no_table_is_told() {
        assert!(refused("PK\u{3}\u{4}\n").await.contains("XLSX"));
        assert!(refused("<!DOCTYPE html>").await.contains("HTML"));
        assert!(refused("\n\na,b;c\n").await.starts_with("line 3 can be split in several ways"));
    }

    #[tokio::test]
    async fn no_row_takes_more_than_it_may() {
        assert_eq!(rows(&"a,".repeat(MAX_CELLS - 1)).await.unwrap().1[0].len(), MAX_CELLS);
        for wide in [",".repeat(MAX_CELLS), ",".repeat(1_000_000), format!("a\n{}", "b,".repeat(MAX_CELLS))] {
            assert!(refused(&wide).await.contains("more than 1000 cells"));
        }
        assert!(refused(&"a".repeat(MAX_ROW_LENGTH + 1)).await.starts_with("line 1 is longer than 1048576 bytes"));
        let open = format!("a,b\nc,\"{}", "b,\n".repeat(MAX_ROW_LENGTH / 2));
        assert!(refused(&open).await.ends_with("; is the quotation mark at line 2, column 3 closed?"));
    }
}
