//! Spreadsheets, as files and as parts that are put together, through the sources of the examples.
#![no_main]

#[path = "../../tests/it/hris/properties.rs"]
#[expect(dead_code, reason = "each target holds one property")]
mod properties;
#[path = "../../tests/it/sheets.rs"]
#[expect(dead_code, reason = "each target holds one property")]
mod sheets;
#[path = "../../tests/it/hris/tables.rs"]
#[expect(dead_code, reason = "each target holds one property")]
mod tables;

use std::sync::{Arc, LazyLock};

use skillsync::hris::Source;
use tokio::runtime::{Builder, Runtime};

static SOURCES: LazyLock<Vec<(Arc<Source>, Vec<u8>)>> = LazyLock::new(properties::sources);
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Builder::new_current_thread().build().expect("there is one"));

libfuzzer_sys::fuzz_target!(|input: &[u8]| RUNTIME.block_on(tables::a_spreadsheet_is_mapped_or_refused(&SOURCES, input)));
