//! What holds of whatever strangers send as a table: CSV in any charset, and spreadsheets. Held like `properties.rs` beside this.

use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use skillsync::charset::Charset;
use skillsync::hris::{ExportForm, Source};
use skillsync::table::{RowError, Table, TableError, Workbook, XLSX};
use tokio::io::{AsyncBufRead, BufReader};

use super::properties::{an_export_is_mapped_or_refused, can_be_carried_out};
use crate::sheets;

/// What a body is declared to be; nothing, too.
const CHARSETS: [&str; 12] = [
    "",
    "utf-8",
    "utf-16",
    "utf-16le",
    "utf-16be",
    "windows-1252",
    "iso-8859-15",
    "windows-1251",
    "shift_jis",
    "gb18030",
    "big5",
    "euc-kr",
];
/// Bytes that may come out of a spreadsheet.
const UNPACKED: usize = 1 << 20;
/// What may be kept of one while it is read.
const ROOM: usize = 2 << 20;

/// CSV is read the same however it is cut into pieces, and mapped or refused. The last two bytes say what it is declared to be
/// and which way it comes.
pub(crate) async fn csv_is_mapped_or_refused(sources: &[(Arc<Source>, Vec<u8>)], input: &[u8]) {
    let [body @ .., declared, way] = input else { return };
    let (declared, way) = (CHARSETS[usize::from(*declared) % CHARSETS.len()], usize::from(*way));
    let charset = (!declared.is_empty()).then(|| Charset::named(declared).expect("it is known"));
    let read = Read::of(Table::csv(body, charset)).await;
    let cut = Read::of(Table::csv(BufReader::with_capacity(1 + way % 5, body), charset)).await;
    assert_eq!(read, cut);
    let lines = 1 + body.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count();
    read.has_its_places(u64::try_from(lines).expect("few"), None);

    let (source, _) = &sources[way % sources.len()];
    an_export_is_mapped_or_refused(source, ExportForm::Csv(charset), body).await;
    let declared = if declared.is_empty() { "text/csv".to_owned() } else { format!("text/csv; charset={declared}") };
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_str(&declared).expect("it is one"))]);
    if let Ok(mapping) = source.map_delivery(&headers, body).await {
        can_be_carried_out(source, &mapping);
    }
}

/// The same of a spreadsheet: what begins like one is the file, anything else is taken for parts of one.
pub(crate) async fn a_spreadsheet_is_mapped_or_refused(sources: &[(Arc<Source>, Vec<u8>)], input: &[u8]) {
    let file = match input {
        [b'P', b'K', ..] => input.to_vec(),
        [0xff, changes @ ..] => damaged(changes),
        parts => of_parts(parts).file(),
    };
    let (mut left, mut refused) = (ROOM, false);
    let (told, lacked) = std::sync::mpsc::channel();
    let room = Box::new(move |bytes| {
        refused |= bytes > left;
        left = left.saturating_sub(bytes);
        if refused {
            told.send(()).expect("it is asked below");
        }
        !refused
    });
    let workbook = Workbook { file: file.clone().into(), sheet: None, unpacked: UNPACKED, room };
    let mut table = Table::<&[u8]>::xlsx(workbook);
    let read = Read::from(&mut table).await;
    read.has_its_places(u64::MAX, Some(table.sheet().map_or("", |sheet| sheet)));
    let size: usize = read.rows.iter().flat_map(|(_, cells)| cells).map(String::len).sum();
    assert!(size <= UNPACKED, "{size} bytes came out");
    let has_room = lacked.try_recv().is_err();
    assert_eq!(has_room, !matches!(read.end, Some(TableError::NoRoom)), "{:?}", read.end);

    let (source, _) = &sources[file.len() % sources.len()];
    an_export_is_mapped_or_refused(source, ExportForm::Xlsx { sheet: None, unpacked: UNPACKED }, &file).await;
}

/// A spreadsheet of these rows; behind a bar each, the texts that cells share, the styles, and a workbook in the place of its own.
fn of_parts(input: &[u8]) -> sheets::Workbook {
    let mut parts = input.splitn(4, |byte| *byte == b'|');
    let mut within =
        |open: &str, close: &str| parts.next().map(|part| [open.as_bytes(), part, close.as_bytes()].concat());
    let [rows, texts, styles, book] = [
        within("<worksheet><sheetData>", "</sheetData></worksheet>"),
        within("<sst>", "</sst>"),
        within("<styleSheet>", "</styleSheet>"),
        within("", ""),
    ];
    let named = [
        ("xl/worksheets/sheet1.xml", rows),
        ("xl/sharedStrings.xml", texts),
        ("xl/styles.xml", styles),
        ("xl/workbook.xml", book),
    ];
    let given = named.into_iter().filter_map(|(name, part)| Some((name, part?)));
    given.fold(sheets::Workbook::of(""), |book, (name, part)| book.with_bytes(name, &part))
}

/// A good file in which bytes are others; each change is two bytes of its place and one of what stands there.
fn damaged(changes: &[u8]) -> Vec<u8> {
    let mut file = sheets::table(&[&["Employee_ID", "Job_Title"], &["E1001", "Service Agent"]]);
    for change in changes.chunks_exact(3) {
        if let [high, low, byte] = change {
            let place = usize::from(u16::from_be_bytes([*high, *low])) % file.len();
            file[place] = *byte;
        }
    }
    file
}

/// All that comes out of a table, and why there is no more of it, unless it is read to its end.
#[derive(Debug, Default)]
struct Read {
    rows: Vec<(u64, Vec<String>)>,
    faults: Vec<RowError>,
    end: Option<TableError>,
}

impl PartialEq for Read {
    fn eq(&self, other: &Self) -> bool {
        let said = |read: &Self| read.end.as_ref().map(ToString::to_string);
        (&self.rows, &self.faults, said(self)) == (&other.rows, &other.faults, said(other))
    }
}

impl Read {
    async fn of<R: AsyncBufRead + Unpin>(mut table: Table<R>) -> Self {
        Self::from(&mut table).await
    }

    async fn from<R: AsyncBufRead + Unpin>(table: &mut Table<R>) -> Self {
        let (mut read, mut next) = (Self::default(), table.read_head().await);
        loop {
            match next {
                Ok(true) => read.rows.push((table.line(), table.row().cells().map(str::to_owned).collect())),
                Ok(false) => return read,
                Err(TableError::Row(fault)) => read.faults.push(fault),
                Err(end) => {
                    read.end = Some(end);
                    return read;
                }
            }
            next = table.next().await;
        }
    }

    /// Rows come in order, none of them blank, and each fault says where it is: in a line of so many, or in a cell of this sheet.
    fn has_its_places(&self, lines: u64, sheet: Option<&str>) {
        let numbers: Vec<_> = self.rows.iter().map(|(line, _)| *line).collect();
        assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
        assert!(numbers.iter().all(|line| (1..=lines).contains(line)), "{numbers:?} of {lines}");
        let is_blank = |cells: &Vec<String>| cells.iter().all(|cell| cell.trim().is_empty());
        assert!(!self.rows.iter().any(|(_, cells)| is_blank(cells)), "{self:?}");
        for RowError { line, cell, what } in &self.faults {
            assert!((1..=lines).contains(line) && !what.is_empty(), "line {line} of {lines} {what}");
            let place = sheet.map(|sheet| format!("{sheet}!"));
            let has_place = |place: String| cell.as_ref().is_some_and(|cell| cell.starts_with(&place));
            assert!(place.map_or(cell.is_none(), has_place), "{cell:?} {what}");
        }
        match &self.end {
            // A panic of the reader is told like this.
            Some(TableError::File(what)) => {
                assert!(!what.contains("cannot be read; save it again, or as CSV"), "{what}");
            }
            Some(TableError::TooLarge | TableError::NoRoom) => assert!(sheet.is_some(), "{XLSX}"),
            Some(TableError::Unreadable(error)) => panic!("{error}"),
            Some(TableError::Row(_)) | None => {}
        }
    }
}
