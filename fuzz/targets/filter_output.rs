//! What filters of operators yield; the filters themselves run in processes of their own.
#![no_main]

#[path = "../../tests/it/hris/properties.rs"]
#[expect(dead_code, reason = "each target holds one property")]
mod properties;

libfuzzer_sys::fuzz_target!(|outputs: &[u8]| properties::outputs_of_a_filter_are_read_or_refused(outputs));
