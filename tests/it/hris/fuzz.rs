//! Noise and damaged payloads against verifier, tables and mapping: whatever comes, what `properties.rs` and `tables.rs` say holds. The
//! same cases each time; `SKILLSYNC_FUZZ_CASES` makes it a longer run, and `fuzz/` one that is guided by coverage.

use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use skillsync::hris::ExportForm;
use tokio::runtime::{Builder, Runtime};

use super::filters;
use super::properties::{
    a_body_is_mapped_or_refused, an_export_is_mapped_or_refused, example, only_what_was_signed_is_let_in,
    outputs_of_a_filter_are_read_or_refused, source, sources,
};
use super::tables::{a_spreadsheet_is_mapped_or_refused, csv_is_mapped_or_refused};

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
        Just("\u{feff}".as_bytes().to_vec()),
        pieces()
    ];
    vec((any::<prop::sample::Index>(), 0..6_usize, bytes), 1..5)
}

/// Pieces of tables, as the fuzzers take them.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let text = include_str!("../../../fuzz/tables.dict");
    let quoted = text.lines().filter_map(|line| line.strip_prefix('"')?.strip_suffix('"'));
    prop::sample::select(quoted.map(unescaped).collect::<Vec<_>>())
}

fn unescaped(quoted: &str) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::new(), quoted.as_bytes());
    while let [byte, following @ ..] = rest {
        let (taken, length) = match following {
            [b'x', ..] if *byte == b'\\' => {
                (u8::from_str_radix(str::from_utf8(&following[1..3]).unwrap(), 16).unwrap(), 3)
            }
            [escaped, ..] if *byte == b'\\' => (*escaped, 1),
            _ => (*byte, 0),
        };
        bytes.push(taken);
        rest = &following[length..];
    }
    bytes
}

/// A seed of a fuzzer.
fn seed(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(name)).expect(name)
}

fn seeds(names: &'static [&str]) -> impl Strategy<Value = Vec<u8>> {
    prop::sample::select(names).prop_map(seed)
}

fn changed(mut payload: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for (place, length, bytes) in changes {
        let from = place.index(payload.len() + 1);
        let to = (from + length).min(payload.len());
        payload.splice(from..to, bytes.iter().copied());
    }
    payload
}

fn runtime() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

fn hold<S: Strategy>(cases: &S, property: impl Fn(S::Value)) {
    let held = |case| {
        property(case);
        Ok::<(), TestCaseError>(())
    };
    runner().run(cases, held).unwrap();
}

#[test]
fn damaged_payloads_are_mapped_or_refused() {
    let (sources, runtime) = (sources(), runtime());
    hold(&(0..sources.len(), changes()), |(which, changes)| {
        let (source, payload) = &sources[which];
        runtime.block_on(a_body_is_mapped_or_refused(source, &changed(payload.clone(), &changes)));
    });
}

#[test]
fn damaged_exports_are_mapped_or_refused() {
    let (source, export, runtime) = (source("workday", filters::runner()), example("workday.csv"), runtime());
    hold(&changes(), |changes| {
        runtime.block_on(an_export_is_mapped_or_refused(
            &source,
            ExportForm::Csv(None),
            &changed(export.clone(), &changes),
        ));
    });
}

#[test]
fn csv_of_any_charset_is_mapped_or_refused() {
    let (sources, runtime) = (sources(), runtime());
    let names = &["csv/bamboohr", "csv/comma", "csv/semicolon", "csv/shift", "csv/utf16", "csv/windows"];
    let written = prop_oneof![seeds(names), vec(pieces(), 0..30).prop_map(|pieces| pieces.concat())];
    hold(&(written, changes(), any::<[u8; 2]>(), any::<bool>()), |(text, changes, way, goes_another)| {
        let way: &[u8] = if goes_another { &way } else { b"" };
        runtime.block_on(csv_is_mapped_or_refused(&sources, &[&changed(text, &changes), way].concat()));
    });
}

#[test]
fn spreadsheets_are_mapped_or_refused() {
    let (sources, runtime) = (sources(), runtime());
    let parts = prop_oneof![
        seeds(&["xlsx/shared", "xlsx/styled"]),
        vec(pieces(), 0..60).prop_map(|pieces| pieces.concat()),
        vec(any::<u8>(), 0..30).prop_map(|changes| [&[0xff], changes.as_slice()].concat()),
    ];
    hold(&(parts, changes()), |(parts, changes)| {
        runtime.block_on(a_spreadsheet_is_mapped_or_refused(&sources, &changed(parts, &changes)));
    });
}

#[test]
fn only_who_knows_the_secret_is_let_in() {
    hold(&vec(any::<u8>(), 0..300), |noise| only_what_was_signed_is_let_in(&noise));
}

#[test]
fn damaged_outputs_of_filters_are_read_or_refused() {
    let outputs = br#"[[{"email": "a@x", "occurredAt": "2026-01-31T18:42:00Z", "attributes": {"title": "Agent"}},
        {"externalId": "hr:7", "leaver": true}], {"changed": "4711"}, null]"#;
    hold(&changes(), |changes| outputs_of_a_filter_are_read_or_refused(&changed(outputs.to_vec(), &changes)));
}
