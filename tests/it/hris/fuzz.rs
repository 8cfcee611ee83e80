//! Noise and damaged payloads against verifier, CSV and mapping: whatever comes, nothing panics, and nothing that was not
//! signed is let in. The same cases each time; `SKILLSYNC_FUZZ_CASES` makes it a longer run.
//!
//! `cargo fuzz` needs a nightly compiler; these are its targets without coverage to guide them, on mutations of payloads
//! that are understood.

use std::sync::Arc;

use axum::http::HeaderMap;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, RngAlgorithm, TestRng, TestRunner};
use skillsync::hris::Source;

use super::examples::{example, named};

const PRESETS: [&str; 7] = ["bamboohr", "bamboohr-events", "hibob", "merge", "finch", "personio", "workday"];

fn runner() -> TestRunner {
    #[expect(clippy::disallowed_methods, reason = "who runs the tests says how long")]
    let cases = std::env::var("SKILLSYNC_FUZZ_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(2_000);
    let config = Cases { cases, failure_persistence: None, ..Cases::default() };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

/// One change of a payload: at a place, so much is replaced by this.
type Change = (prop::sample::Index, usize, Vec<u8>);

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let bytes = prop_oneof![
        vec(any::<u8>(), 0..4),
        Just(b"{".to_vec()),
        Just(b"[]".to_vec()),
        Just(b"null".to_vec()),
        Just(b"\"".to_vec()),
        Just(b",\n".to_vec()),
        Just(b"1e999".to_vec()),
        Just("\u{feff}".as_bytes().to_vec())
    ];
    vec((any::<prop::sample::Index>(), 0..6_usize, bytes), 1..5)
}

fn changed(mut payload: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for (place, length, bytes) in changes {
        let from = place.index(payload.len() + 1);
        let to = (from + length).min(payload.len());
        payload.splice(from..to, bytes.iter().copied());
    }
    payload
}

fn sources() -> Vec<(Arc<Source>, Vec<u8>)> {
    PRESETS.iter().map(|name| (named(name), example(&format!("{name}.json")))).collect()
}

#[test]
fn damaged_payloads_are_mapped_or_refused() {
    let (sources, clock) = (sources(), tokio::runtime::Builder::new_current_thread().build().unwrap());
    let strategy = (0..sources.len(), changes());
    let outcome = runner().run(&strategy, |(which, changes)| {
        let (source, payload) = &sources[which];
        let body = changed(payload.clone(), &changes);
        let now = jiff::Timestamp::UNIX_EPOCH;
        prop_assert!(source.admit(Some("guess"), &HeaderMap::new(), &body, now).is_err());
        prop_assert!(!source.delivery_key(&HeaderMap::new(), &body).is_empty());
        // Whether it is understood is not the question; that it ends is.
        let _ = clock.block_on(source.map_delivery(&HeaderMap::new(), &body));
        let _ = clock.block_on(source.map_export(false, &body));
        let _ = clock.block_on(source.map_record("1", &body, now));
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn damaged_exports_are_mapped_or_refused() {
    let (source, export) = (named("workday"), example("workday.csv"));
    let clock = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let outcome = runner().run(&changes(), |changes| {
        let body = changed(export.clone(), &changes);
        if let Ok(mapping) = clock.block_on(source.map_export(true, &body)) {
            prop_assert!(mapping.people.len() + mapping.faults.len() <= body.len());
        }
        Ok(())
    });
    outcome.unwrap();
}
