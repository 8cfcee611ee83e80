//! Reads a job from a table: one entry per row, the rest as query parameters. Only a few rows are in memory at a time.
//!
//! Columns, in any order: `ref`; at least one of `user_id`, `email`, `employee_id` and `external_id`, of which each row
//! fills exactly one; `assignments`; `occurred_at`. Assignments have the form `Name:4;Other name`.

use std::sync::Arc;

use tokio::io::AsyncBufRead;

use super::cells::{self, COLUMNS, CellRow};
use super::lines::LINES_AT_A_TIME;
use super::parameters::JobParameters;
use super::rows::{EntryPlaces, EntryRows, ReadEntries};
use super::unreadable;
use crate::api::service::body_room::NoRoom;
use crate::api::shapes::faults::{Faults, SheetColumns, shortened};
use crate::api::shapes::problem::Problem;
use crate::api::shapes::rules::{self, EntryRules};
use crate::domain::dates;
use crate::domain::entry::{EntryRequest, SharedLists};
use crate::domain::text::folded;
use crate::table::{Table, TableError};

/// The cell position of each of [`COLUMNS`], if the table has it.
type TableHeader = [Option<usize>; COLUMNS.len()];

/// The result of reading a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Came {
    Row,
    /// A row with a fault, which was reported.
    Faulty,
    Nothing,
}

/// Reads all rows.
pub(super) async fn read<R: AsyncBufRead + Unpin>(
    table: &mut Table<R>,
    parameters: &JobParameters,
    faults: &mut Faults,
) -> Result<ReadEntries, Problem> {
    let (mut entries, mut count, mut lists) =
        (EntryRows::of(parameters, EntryPlaces::Lines), 0, SharedLists::default());
    let header = if came(table.read_head().await, faults)? == Came::Row { header(table, faults) } else { None };
    loop {
        let came = came(table.next().await, faults)?;
        if came == Came::Nothing {
            break;
        }
        count += 1;
        if let Some(header) = header.as_ref().filter(|_| came == Came::Row && count <= rules::MAX_ENTRIES) {
            faults.at_line(Some(table.line()));
            let entry = entry(table, header, parameters.entry_rules(), &mut lists, faults);
            entries.add(table.line(), entry, &mut lists);
        }
        if count % LINES_AT_A_TIME == 0 {
            tokio::task::yield_now().await;
        }
    }
    parameters.check(count, faults);
    entries.finish(faults).map_err(Problem::from)
}

/// Reports the fault of a row. Returns an error if the whole file cannot be read.
fn came(found: Result<bool, TableError>, faults: &mut Faults) -> Result<Came, Problem> {
    match found {
        Ok(true) => Ok(Came::Row),
        Ok(false) => Ok(Came::Nothing),
        Err(TableError::Row(fault)) => {
            faults.add_row(&fault);
            Ok(Came::Faulty)
        }
        Err(fault) => Err(refused(fault)),
    }
}

/// Returns the problem for a file that is not a supported table.
fn refused(fault: TableError) -> Problem {
    match fault {
        TableError::Unreadable(error) => unreadable(&error),
        TableError::Row(_) | TableError::File(_) => Problem::not_understood(fault.to_string()),
        TableError::TooLarge => Problem::too_large(),
        TableError::NoRoom => NoRoom::TakenByOthers.into(),
    }
}

fn header<R: AsyncBufRead + Unpin>(table: &Table<R>, faults: &mut Faults) -> Option<TableHeader> {
    faults.at_line(Some(table.line()));
    let before = faults.total();
    let mut header: TableHeader = [None; COLUMNS.len()];
    for (place, name) in table.columns().iter().enumerate().filter(|(_, name)| !name.is_empty()) {
        match COLUMNS.iter().zip(&mut header).find(|(known, _)| **known == folded(name)) {
            Some((_, known @ None)) => *known = Some(place),
            Some((name, Some(_))) => faults.add_here(format_args!("names the column {name} twice")),
            None => faults.add_here(format_args!(
                "names the unknown column {:?}; valid are {}",
                shortened(name),
                COLUMNS.join(", ")
            )),
        }
    }
    let [_, id, email, employee, external, assignments, _] = header;
    if id.or(email).or(employee).or(external).is_none() {
        faults.add_here("has no column for the user; add user_id, email, employee_id or external_id");
    }
    if assignments.is_none() {
        faults.add_here("lacks the column assignments");
    }
    if let Some(sheet) = table.sheet() {
        faults.in_sheet(SheetColumns { sheet: Arc::clone(sheet), columns: COLUMNS.into_iter().zip(header).collect() });
    }
    (faults.total() == before).then_some(header)
}

fn entry<R: AsyncBufRead + Unpin>(
    table: &Table<R>,
    header: &TableHeader,
    rules: EntryRules,
    lists: &mut SharedLists,
    faults: &mut Faults,
) -> Option<EntryRequest> {
    let mut row: CellRow<'_> = [""; COLUMNS.len()];
    let text = |place: Option<usize>| place.and_then(|place| table.row().cell(place)).unwrap_or_default().trim();
    for (cell, place) in row.iter_mut().zip(header) {
        *cell = text(*place);
    }
    // Spreadsheet dates have no offset; they count as UTC.
    let moment = table.sheet().and_then(|_| dates::written(text(header.last().copied().flatten())));
    let moment = moment.map(|moment| moment.to_string());
    if let (Some(moment), Some(cell)) = (&moment, row.last_mut()) {
        *cell = moment;
    }
    cells::entry(&row, rules, lists, faults)
}
