//! Deliveries, records and exports as JSON, through the sources of the examples.
#![no_main]

#[path = "../../tests/it/hris/properties.rs"]
#[expect(dead_code, reason = "each target holds one property")]
mod properties;

use std::sync::{Arc, LazyLock};

use skillsync::hris::Source;
use tokio::runtime::{Builder, Runtime};

static SOURCES: LazyLock<Vec<(Arc<Source>, Vec<u8>)>> = LazyLock::new(properties::sources);
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Builder::new_current_thread().build().expect("there is one"));

libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    for (source, _) in SOURCES.iter() {
        RUNTIME.block_on(properties::a_body_is_mapped_or_refused(source, body));
    }
});
