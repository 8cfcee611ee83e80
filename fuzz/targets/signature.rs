//! The verifier of every sender.
#![no_main]

#[path = "../../tests/it/hris/properties.rs"]
#[expect(dead_code, reason = "each target holds one property")]
mod properties;

libfuzzer_sys::fuzz_target!(|noise: &[u8]| properties::only_what_was_signed_is_let_in(noise));
