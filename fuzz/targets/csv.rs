//! Exports as CSV, through the source of an example.
#![no_main]

#[path = "../../tests/it/hris/properties.rs"]
#[expect(dead_code, reason = "each target holds one property")]
mod properties;

use std::sync::{Arc, LazyLock};

use skillsync::hris::Source;
use skillsync::hris::filter::FilterRunner;
use tokio::runtime::{Builder, Runtime};

static SOURCE: LazyLock<Arc<Source>> =
    LazyLock::new(|| properties::source("workday", FilterRunner::of_this_program()));
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Builder::new_current_thread().build().expect("there is one"));

libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    RUNTIME.block_on(properties::an_export_is_mapped_or_refused(&SOURCE, true, body));
});
