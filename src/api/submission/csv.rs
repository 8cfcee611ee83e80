//! A job from CSV: a row an entry, the rest as query parameters. Only one row is in memory at a time.
//!
//! Columns, in any order: `ref`; at least one of `user_id`, `email`, `employee_id` and `external_id`, of which each row
//! fills exactly one; `assignments`; `occurred_at`. Assignments are written `Name:4;Other name`.

use std::io;

use super::cells::{self, Row};
use super::expanded::BodyReader;
use super::lines::LINES_AT_A_TIME;
use super::parameters::JobParameters;
use super::rows::{Entries, Places, Rows};
use crate::api::faults::{Faults, Pointer, shortened};
use crate::api::rules::{self, EntryRules};
use crate::csv_rows::{CsvRows, RowFault};
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
    let mut rows = CsvRows::new(body, b',');
    let (mut entries, mut count, mut lists) = (Rows::of(parameters, Places::Lines), 0, SharedLists::default());
    let header = if next(&mut rows, faults).await? { header(&rows, faults) } else { None };
    while next(&mut rows, faults).await? {
        count += 1;
        if let Some(header) = header.as_ref().filter(|_| count <= rules::MOST_ENTRIES) {
            faults.at_line(Some(rows.line()));
            let entry = entry(&rows, header, parameters.entry_rules(), &mut lists, faults);
            entries.add(rows.line(), entry, &mut lists);
        }
        if count % LINES_AT_A_TIME == 0 {
            tokio::task::yield_now().await;
        }
    }
    parameters.check(count, faults);
    entries.finish(faults).map_err(io::Error::other)
}

/// Whether there is another row. What comes after one that is too large is not looked at.
async fn next(rows: &mut CsvRows<&mut BodyReader>, faults: &mut Faults) -> io::Result<bool> {
    match rows.next().await {
        Ok(found) => Ok(found),
        Err(RowFault::Unreadable(error)) => Err(error),
        Err(fault @ (RowFault::TooWide | RowFault::TooLong)) => {
            faults.at_line(Some(rows.line()));
            faults.add_here(fault);
            Ok(false)
        }
    }
}

fn header(rows: &CsvRows<&mut BodyReader>, faults: &mut Faults) -> Option<Header> {
    faults.at_line(Some(1));
    let before = faults.total();
    let mut header = Header { places: [None; COLUMNS.len()], width: rows.width() };
    for (place, cell) in rows.cells().enumerate() {
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
    rows: &CsvRows<&mut BodyReader>,
    header: &Header,
    rules: EntryRules,
    lists: &mut SharedLists,
    faults: &mut Faults,
) -> Option<EntryRequest> {
    if rows.width() != header.width {
        faults.add_here(format_args!("has {} cells; the first line names {} columns", rows.width(), header.width));
        return None;
    }
    let before = faults.total();
    let mut row: Row<'_> = [""; COLUMNS.len()];
    for ((cell, place), column) in row.iter_mut().zip(header.places).zip(COLUMNS) {
        match std::str::from_utf8(place.and_then(|place| rows.cell(place)).unwrap_or_default()) {
            Ok(text) => *cell = text.trim(),
            Err(_) => faults.add(&Pointer::Root.member(column), "is not valid UTF-8"),
        }
    }
    if faults.total() > before { None } else { cells::entry(&row, rules, lists, faults) }
}
