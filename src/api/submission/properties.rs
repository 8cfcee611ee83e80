//! Property tests of submitted tables: any cell content is either refused with its place, or satisfies the rules and
//! remains the same when written and read back.

use axum::http::Uri;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::cells::COLUMNS;
use super::parameters::JobParameters;
use super::table;
use super::{cells, rows::ReadEntries};
use crate::api::service::body_room::BodyRoom;
use crate::api::shapes::faults::Faults;
use crate::api::shapes::forms::csv_line;
use crate::api::shapes::rules;
use crate::domain::UserRef;
use crate::domain::callback::CallbackRules;
use crate::domain::dates::LatestDate;
use crate::domain::entry::{AssignmentName, EntryRequest};
use crate::table::Table;

/// The pieces from which cells are composed: with a special meaning somewhere, or with none anywhere.
const PIECES: [&str; 40] = [
    "E1001",
    "a@b.example",
    "workday",
    "0199a3f2-7c55-7d2e-9d3e-1f6a5b1c2d3e",
    "2026-11-22T20:15:00Z",
    "2026-11-22",
    "Billing",
    "4",
    "5",
    "4.5",
    "4,5",
    "6",
    "-1",
    "1e999",
    ":",
    ":",
    ";",
    ";",
    ",",
    "\\",
    "\\",
    "=",
    "'",
    "+",
    "@",
    "\"",
    " ",
    "  ",
    "\n",
    "\r",
    "\t",
    "\0",
    "\u{a0}",
    "\u{200b}",
    "\u{feff}",
    "\u{ff1d}",
    "u\u{308}",
    "\u{fc}",
    "\u{202e}",
    "\u{1f600}",
];

fn cell() -> impl Strategy<Value = String> {
    let pieces =
        prop_oneof![8 => select(&PIECES[..]).prop_map(str::to_owned), 1 => any::<char>().prop_map(String::from)];
    prop_oneof![
        vec(pieces, 0..8).prop_map(|pieces| pieces.concat()),
        (select(&PIECES[..]), 250..330_usize).prop_map(|(piece, times)| piece.repeat(times)),
    ]
}

/// Fills the cell of one user reference, most of the time.
fn row() -> impl Strategy<Value = [String; COLUMNS.len()]> {
    let optional = || prop_oneof![2 => Just(String::new()), 1 => cell()];
    let dated = prop_oneof![2 => Just(String::new()), 1 => Just("2026-11-22T20:15:00+01:00".to_owned()), 1 => cell()];
    (optional(), 1..5_usize, cell(), 0..20_usize, cell(), cell(), dated).prop_map(
        |(reference, user, key, other, more, assignments, date)| {
            let mut row = [const { String::new() }; COLUMNS.len()];
            (row[0], row[5], row[6]) = (reference, assignments, date);
            row[user] = key;
            if (1..5).contains(&other) {
                row[other] = more;
            }
            row
        },
    )
}

/// Returns the entries of a table with these rows, or its faults.
async fn read(rows: &str) -> Result<Vec<EntryRequest>, Faults> {
    let uri = Uri::from_static("/v1/sync-jobs?target=routingSkills&mode=add&sameUser=inOrder");
    let latest = LatestDate::at("2027-01-01T00:00:00Z".parse().unwrap(), std::time::Duration::ZERO);
    let parameters = JobParameters::read(&uri, CallbackRules::default(), latest, BodyRoom::new(1 << 30)).unwrap();
    let (text, mut faults) = (format!("{}\n{rows}", COLUMNS.join(",")), Faults::default());
    let read = table::read(&mut Table::csv(text.as_bytes(), None), &parameters, &mut faults).await;
    let ReadEntries { entries, .. } = read.expect("it is a table");
    if faults.is_empty() { Ok(entries) } else { Err(faults) }
}

fn keeps_the_rules(entry: &EntryRequest) {
    let text = |text: &str, longest| assert_eq!(rules::text(text, longest), Ok(()), "{text:?}");
    if let Some(reference) = &entry.reference {
        text(reference, rules::MAX_REFERENCE_LENGTH);
    }
    match &entry.user {
        UserRef::Id(_) => {}
        UserRef::Email(key) | UserRef::EmployeeId(key) => text(key, rules::MAX_USER_KEY_LENGTH),
        UserRef::ExternalId { authority, key } => {
            text(authority, rules::MAX_USER_KEY_LENGTH);
            text(key, rules::MAX_USER_KEY_LENGTH);
        }
    }
    assert!(entry.assignments.len() <= rules::MAX_ASSIGNMENTS);
    for listed in entry.assignments.iter() {
        if let AssignmentName::Name(name) = &listed.name {
            text(name.as_ref(), rules::MAX_NAME_LENGTH);
        }
        assert!(listed.proficiency.is_none_or(|level| (0.0..=5.0).contains(&level.value())));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn cells_are_refused_or_written_and_read_back_as_they_were(row in row()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        match runtime.block_on(read(&csv_line(row))) {
            Err(faults) => assert!(faults.total() > 0),
            Ok(entries) => {
                entries.iter().for_each(keeps_the_rules);
                let written: String = entries.iter().map(cells::row_of).collect();
                assert_eq!(runtime.block_on(read(&written)).unwrap(), entries, "{written:?}");
            }
        }
    }
}
