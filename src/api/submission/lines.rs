//! Reads a job from NDJSON: one entry per line, the rest as query parameters. Only one line is in memory at a time.

use std::io;

use serde_json::value::RawValue;
use tokio::io::AsyncBufReadExt;

use super::expanded::BodyReader;
use super::json;
use super::parameters::{JobParameters, LINE};
use super::rows::{EntryPlaces, EntryRows, ReadEntries};
use crate::api::shapes::faults::Faults;
use crate::api::shapes::rules;
use crate::charset::TextReader;
use crate::domain::entry::{EntryRequest, SharedLists};
use crate::table::TableError;

/// Number of lines after which the task yields to others.
pub(super) const LINES_AT_A_TIME: usize = 256;

/// Reads all lines; skips blank ones.
pub(super) async fn read(
    body: &mut TextReader<&mut BodyReader>,
    parameters: &JobParameters,
    faults: &mut Faults,
) -> io::Result<ReadEntries> {
    let (mut entries, mut count, mut line) = (EntryRows::of(parameters, EntryPlaces::Lines), 0, Vec::new());
    let mut lists = SharedLists::default();
    for number in 1.. {
        line.clear();
        match body.read_until(b'\n', &mut line).await {
            Ok(0) => break,
            Ok(_) => {}
            // Nothing after such a fault can be read.
            Err(error) => match TableError::from(error) {
                TableError::Row(fault) => {
                    faults.add_row(&fault);
                    break;
                }
                TableError::Unreadable(error) => return Err(error),
                fault @ (TableError::File(_) | TableError::TooLarge | TableError::NoRoom) => {
                    return Err(io::Error::other(fault));
                }
            },
        }
        let text = line.trim_ascii();
        if text.is_empty() {
            continue;
        }
        count += 1;
        if count <= rules::MAX_ENTRIES {
            faults.at_line(Some(number));
            let entry = entry(text, parameters, &mut lists, faults);
            entries.add(number, entry, &mut lists);
        }
        if count % LINES_AT_A_TIME == 0 {
            tokio::task::yield_now().await;
        }
    }
    parameters.check(count, faults);
    entries.finish(faults).map_err(io::Error::other)
}

fn entry(
    line: &[u8],
    parameters: &JobParameters,
    lists: &mut SharedLists,
    faults: &mut Faults,
) -> Option<EntryRequest> {
    let Ok(text) = std::str::from_utf8(line) else {
        faults.add_here("is not valid UTF-8");
        return None;
    };
    match serde_json::from_str::<&RawValue>(text) {
        Ok(raw) => json::entry(raw, parameters.entry_rules(), lists, &LINE, faults),
        Err(error) => {
            faults.add_here(format_args!("is not valid JSON: {}, at column {}", json::what(&error), error.column()));
            None
        }
    }
}
