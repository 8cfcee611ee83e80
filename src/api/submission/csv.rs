//! A job from CSV: a row an entry, the rest as query parameters. Only one row is in memory at a time.
//!
//! Columns, in any order: `ref`; at least one of `user_id`, `email`, `employee_id` and `external_id`, of which each row
//! fills exactly one; `assignments`; `occurred_at`. Assignments are written `Name:4;Other name`.

use std::io;

use csv_async::{AsyncReader, AsyncReaderBuilder, ByteRecord, ErrorKind};

use super::cells::{self, Row};
use super::expanded::BodyReader;
use super::lines::LINES_AT_A_TIME;
use super::parameters::JobParameters;
use super::rows::{Entries, Places, Rows};
use crate::api::faults::{Faults, Pointer, shortened};
use crate::api::rules::{self, EntryRules};
use crate::domain::entry::{EntryRequest, SharedLists};

/// The columns, in the order in which they are written out.
pub(in crate::api) const COLUMNS: [&str; 7] =
    ["ref", "user_id", "email", "employee_id", "external_id", "assignments", "occurred_at"];

/// Which cell of a row belongs to which of [`COLUMNS`].
struct Header {
    places: [Option<usize>; COLUMNS.len()],
    width: usize,
}

/// Reads all rows.
pub(super) async fn read(
    body: &mut BodyReader,
    parameters: &JobParameters,
    faults: &mut Faults,
) -> io::Result<Entries> {
    let mut rows = AsyncReaderBuilder::new().has_headers(false).flexible(true).create_reader(body);
    let mut record = ByteRecord::new();
    let (mut entries, mut count, mut lists) = (Rows::of(parameters, Places::Lines), 0, SharedLists::default());
    let header = if next(&mut rows, &mut record).await? { header(&record, faults) } else { None };
    while next(&mut rows, &mut record).await? {
        count += 1;
        if let Some(header) = header.as_ref().filter(|_| count <= rules::MOST_ENTRIES) {
            let line = record.position().map(csv_async::Position::line);
            faults.at_line(line);
            let entry = entry(&record, header, parameters.entry_rules(), &mut lists, faults);
            entries.add(line.unwrap_or_default(), entry, &mut lists);
        }
        if count % LINES_AT_A_TIME == 0 {
            tokio::task::yield_now().await;
        }
    }
    parameters.check(count, faults);
    entries.finish(faults).map_err(io::Error::other)
}

async fn next(rows: &mut AsyncReader<&mut BodyReader>, record: &mut ByteRecord) -> io::Result<bool> {
    rows.read_byte_record(record).await.map_err(|error| {
        // Cells are taken as bytes and rows of any width, so nothing else is left to go wrong.
        if let ErrorKind::Io(error) = error.into_kind() { error } else { io::Error::other("cannot be read as CSV") }
    })
}

fn header(record: &ByteRecord, faults: &mut Faults) -> Option<Header> {
    faults.at_line(Some(1));
    let before = faults.total();
    let mut header = Header { places: [None; COLUMNS.len()], width: record.len() };
    for (place, cell) in record.iter().enumerate() {
        let cell = if place == 0 { cell.strip_prefix("\u{feff}".as_bytes()).unwrap_or(cell) } else { cell };
        let name = String::from_utf8_lossy(cell).trim().to_ascii_lowercase();
        match COLUMNS.iter().zip(&mut header.places).find(|(known, _)| **known == name) {
            Some((_, known @ None)) => *known = Some(place),
            Some((name, Some(_))) => faults.add_here(format_args!("names the column {name} twice")),
            None => faults.add_here(format_args!(
                "names the column {:?}, which is not known; known are {}",
                shortened(&name),
                COLUMNS.join(", ")
            )),
        }
    }
    let [_, id, email, employee, external, assignments, _] = header.places;
    if id.or(email).or(employee).or(external).is_none() {
        faults.add_here("names no column for the user: user_id, email, employee_id or external_id");
    }
    if assignments.is_none() {
        faults.add_here("lacks the column assignments");
    }
    (faults.total() == before).then_some(header)
}

fn entry(
    record: &ByteRecord,
    header: &Header,
    rules: EntryRules,
    lists: &mut SharedLists,
    faults: &mut Faults,
) -> Option<EntryRequest> {
    if record.len() != header.width {
        faults.add_here(format_args!("has {} cells; the first line names {} columns", record.len(), header.width));
        return None;
    }
    let before = faults.total();
    let mut row: Row<'_> = [""; COLUMNS.len()];
    for ((cell, place), column) in row.iter_mut().zip(header.places).zip(COLUMNS) {
        match std::str::from_utf8(place.and_then(|place| record.get(place)).unwrap_or_default()) {
            Ok(text) => *cell = text.trim(),
            Err(_) => faults.add(&Pointer::Root.member(column), "is not valid UTF-8"),
        }
    }
    if faults.total() > before { None } else { cells::entry(&row, rules, lists, faults) }
}
