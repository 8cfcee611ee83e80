//! Reads spreadsheets (XLSX, ECMA-376): the values of one sheet, row by row, as a person sees them.
//!
//! A few kilobytes of such a file can stand for gigabytes: everything in it is compressed, texts are stored once and
//! referred to many times, and its tables declare their own sizes. It is therefore read as a stream, directly from the
//! received bytes: no part is ever unpacked as a whole, no size that the file declares is believed, memory is reserved
//! for what has to be kept (the texts that cells share), and the total that is unpacked is bounded. Common spreadsheet
//! libraries hold whole tables and allocate memory for as many texts as the file declares, which can end the process.
//! So libraries read only the container (rawzip), its compression (flate2) and its XML (quick-xml), and this module
//! interprets them.
//!
//! A sheet is read outside of the event loop, one batch of rows ahead of the consumer.

mod package;
mod part;
mod sheet;
mod strings;
mod styles;
#[cfg(test)]
mod tests;
mod value;
mod workbook;

use std::cell::Cell;
use std::sync::Arc;
use std::vec;

use tokio::sync::Semaphore;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinHandle;

use self::package::Package;
use self::sheet::Sheet;
use super::row::Row;
use super::{RowError, TableError, Workbook};

/// Bytes that one reader holds at most, besides the texts that cells share: two batches, one XML event and the
/// decoder's window.
const HELD: usize = 1536 * 1024;
/// Limits the number of sheets read at the same time: each occupies a processor, and other requests have to be answered
/// meanwhile.
static PLACES: Semaphore = Semaphore::const_new(2);
/// Size of the rows, in bytes, at which a batch is handed over.
const BATCH: usize = 32 * 1024;

/// The rows of a sheet.
#[derive(Debug)]
pub(super) struct SheetRows {
    /// The spreadsheet, until its reading begins.
    workbook: Option<Workbook>,
    from: Option<Receiver<Sent>>,
    task: Option<JoinHandle<Result<(), TableError>>>,
    name: Option<Arc<str>>,
    batch: vec::IntoIter<Result<Row, RowError>>,
    row: Row,
}

/// What the reading thread hands over.
#[derive(Debug)]
enum Sent {
    /// The name of the sheet, once known.
    Name(Arc<str>),
    Rows(Vec<Result<Row, RowError>>),
}

impl SheetRows {
    pub(super) fn new(workbook: Workbook) -> Self {
        let (name, batch, row) = (None, Vec::new().into_iter(), Row::default());
        Self { workbook: Some(workbook), from: None, task: None, name, batch, row }
    }

    /// Returns the row that was read last.
    pub(super) fn row(&self) -> &Row {
        &self.row
    }

    /// Adds empty cells up to this width, for those that the file does not contain.
    pub(super) fn fill(&mut self, width: usize) {
        self.row.fill(width);
    }

    /// Returns the name of the sheet, which is known from the first row on.
    pub(super) fn name(&self) -> Option<&Arc<str>> {
        self.name.as_ref()
    }

    /// Begins reading as soon as there is a free place.
    async fn begin(&mut self) {
        let place = PLACES.acquire().await;
        let Some(workbook) = self.workbook.take() else { return };
        let (to, from) = channel(1);
        let read = move || {
            let read = read(workbook, &to);
            drop(place);
            read
        };
        (self.from, self.task) = (Some(from), Some(tokio::task::spawn_blocking(read)));
    }

    /// Reads the next row. Returns false if there is none. After an error in a row, further rows may follow.
    pub(super) async fn next(&mut self) -> Result<bool, TableError> {
        if self.workbook.is_some() {
            self.begin().await;
        }
        loop {
            match self.batch.next() {
                Some(Ok(row)) => {
                    self.row = row;
                    return Ok(true);
                }
                Some(Err(fault)) => return Err(TableError::Row(fault)),
                None => {}
            }
            let Some(from) = &mut self.from else { return Ok(false) };
            match from.recv().await {
                Some(Sent::Name(name)) => self.name = Some(name),
                Some(Sent::Rows(rows)) => self.batch = rows.into_iter(),
                None => break,
            }
        }
        let Some(task) = self.task.take() else { return Ok(false) };
        match task.await {
            Ok(read) => read.map(|()| false),
            Err(stopped) if stopped.is_panic() => {
                tracing::error!("reading a spreadsheet panicked");
                Err(TableError::File("the spreadsheet cannot be read; save it again, or as CSV".to_owned()))
            }
            // The process is stopping.
            Err(_) => Err(TableError::NoRoom),
        }
    }
}

/// Reads a sheet to its end, or until the receiver of its rows is gone.
fn read(workbook: Workbook, to: &Sender<Sent>) -> Result<(), TableError> {
    let Workbook { file, sheet, unpacked, mut room } = workbook;
    if !room(HELD) {
        return Err(TableError::NoRoom);
    }
    let left = Cell::new(unpacked);
    let package = Package::new(&file, &left)?;
    let book = workbook::read(&package, sheet.as_deref())?;
    let styles = match &book.styles {
        Some(part) => styles::read(&package, part)?,
        None => styles::Styles::default(),
    };
    let texts = match &book.strings {
        Some(part) => strings::read(&package, part, &mut room)?,
        None => strings::Strings::default(),
    };
    let name: Arc<str> = book.sheet.into();
    if to.blocking_send(Sent::Name(Arc::clone(&name))).is_err() {
        return Ok(());
    }
    let (mut batch, mut size) = (Vec::new(), 0);
    let mut sheet = Sheet::new(&package, &book.part, name, &styles, &texts, book.epoch)?;
    while let Some(row) = sheet.next()? {
        size += row.as_ref().map_or(size_of::<RowError>(), Row::size);
        batch.push(row);
        if size >= BATCH {
            size = 0;
            if to.blocking_send(Sent::Rows(std::mem::take(&mut batch))).is_err() {
                return Ok(());
            }
        }
    }
    // If the receiver is gone, nobody needs the rows.
    let _ = to.blocking_send(Sent::Rows(batch));
    Ok(())
}
