//! Converts the cells of a CSV row to an entry, and an entry to cells.

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::listed::parts;
use super::parameters::LINE;
use crate::api::shapes::faults::{Faults, shortened};
use crate::api::shapes::forms::csv_line;
use crate::api::shapes::formulas;
use crate::api::shapes::rules::{self, EntryRules};
use crate::domain::dates::{LatestDate, rfc3339};
use crate::domain::entry::{AssignmentName, EntryRequest, ListedAssignment, SharedLists};
use crate::domain::{Proficiency, Target, UserId, UserRef};

/// The columns, in the order in which they are written.
pub(in crate::api) const COLUMNS: [&str; 7] =
    ["ref", "user_id", "email", "employee_id", "external_id", "assignments", "occurred_at"];

/// The cells of a row in the order of [`COLUMNS`]; an empty cell means that the value is absent.
pub(super) type CellRow<'a> = [&'a str; COLUMNS.len()];

/// Returns the entry of a row, or reports all its faults.
pub(super) fn entry(
    row: &CellRow<'_>,
    rules: EntryRules,
    lists: &mut SharedLists,
    faults: &mut Faults,
) -> Option<EntryRequest> {
    let before = faults.total();
    let [reference, id, email, employee_id, external_id, assignments, occurred_at] = row.map(formulas::unguarded);
    if !reference.is_empty() {
        is_text(reference, rules::MAX_REFERENCE_LENGTH, "ref", faults);
    }
    let user = user([id, email, employee_id, external_id], faults);
    let assignments = listed(assignments, rules.target, lists, faults);
    let occurred_at = occurred(occurred_at, rules.latest, faults);
    let reference = (!reference.is_empty()).then(|| reference.into());
    (faults.total() == before).then_some(EntryRequest { reference, user: user?, assignments, occurred_at })
}

fn is_text(cell: &str, longest: usize, column: &'static str, faults: &mut Faults) -> bool {
    rules::text(cell, longest).inspect_err(|fault| faults.add(&LINE.member(column), fault)).is_ok()
}

fn user(cells: [&str; 4], faults: &mut Faults) -> Option<UserRef> {
    let longest = rules::MAX_USER_KEY_LENGTH;
    match cells {
        ["", "", "", ""] => faults.add_here("names no user; fill one of user_id, email, employee_id and external_id"),
        [id, "", "", ""] => match id.parse() {
            Ok(id) => return Some(UserRef::Id(UserId(id))),
            Err(_) => faults.add(&LINE.member("user_id"), format_args!("must be a UUID, not {}", shortened(id))),
        },
        ["", email, "", ""] => return is_text(email, longest, "email", faults).then(|| UserRef::Email(email.into())),
        ["", "", id, ""] => return is_text(id, longest, "employee_id", faults).then(|| UserRef::EmployeeId(id.into())),
        ["", "", "", id] => {
            return rules::external_id(id).inspect_err(|fault| faults.add(&LINE.member("external_id"), fault)).ok();
        }
        _ => faults
            .add_here("names the user more than once; fill exactly one of user_id, email, employee_id and external_id"),
    }
    None
}

fn occurred(cell: &str, latest: LatestDate, faults: &mut Faults) -> Option<Timestamp> {
    if cell.is_empty() {
        return None;
    }
    let wrong = || "must be an RFC 3339 date like 2026-11-22T20:15:00Z".to_owned();
    let read = rfc3339(cell).ok_or_else(wrong);
    let checked = read.and_then(|date| latest.checked(date).map_err(|fault| fault.to_string()));
    checked.inspect_err(|fault| faults.add(&LINE.member("occurred_at"), fault)).ok()
}

fn listed(cell: &str, target: Option<Target>, lists: &mut SharedLists, faults: &mut Faults) -> Arc<[ListedAssignment]> {
    let (column, most) = (LINE.member("assignments"), rules::MAX_ASSIGNMENTS);
    let parts = match parts(cell) {
        Ok(parts) => parts,
        Err(unclear) => {
            faults.add(&column, unclear);
            return Arc::default();
        }
    };
    if parts.len() > most {
        faults.add(&column, format_args!("must list at most {most} assignments"));
        return Arc::default();
    }
    let read = parts.into_iter().filter_map(|part| {
        let fault = match rules::text(&part.name, rules::MAX_NAME_LENGTH) {
            Err(fault) => fault.to_string(),
            Ok(()) if part.rating.is_some() && target == Some(Target::WfmSkillGroups) => {
                "must have no proficiency: only routingSkills have one; write a colon in a name as \\:".to_owned()
            }
            Ok(()) => match part.rating.map(Proficiency::new) {
                Some(None) => {
                    format!("the proficiency must be between {} and {}", rules::PROFICIENCY.0, rules::PROFICIENCY.1)
                }
                proficiency => {
                    return Some(ListedAssignment {
                        left_as_is: part.left_as_is,
                        name: part.assignment(lists),
                        proficiency: proficiency.flatten(),
                        because: None,
                    });
                }
            },
        };
        faults.add(&column, format_args!("{}: {fault}", shortened(&part.name)));
        None
    });
    let read = read.collect();
    lists.list(read)
}

/// Returns the CSV row of an entry, in the form that [`entry`] reads, with a trailing line break.
pub(in crate::api) fn row_of(entry: &EntryRequest) -> String {
    let [mut id, mut email, mut employee_id, mut external_id] = [const { String::new() }; 4];
    match &entry.user {
        UserRef::Id(user) => id = user.to_string(),
        UserRef::Email(text) => email = text.to_string(),
        UserRef::EmployeeId(text) => employee_id = text.to_string(),
        UserRef::ExternalId { authority, key } => external_id = format!("{authority}:{key}"),
    }
    let listed: Vec<_> = entry.assignments.iter().map(part_of).collect();
    let reference = entry.reference.as_deref().unwrap_or_default().to_owned();
    let occurred_at = entry.occurred_at.map(|at| at.to_string()).unwrap_or_default();
    let cells = [reference, id, email, employee_id, external_id, listed.join(";"), occurred_at];
    csv_line(cells)
}

fn part_of(listed: &ListedAssignment) -> String {
    let name = match &listed.name {
        AssignmentName::Id(id) => id.to_string(),
        AssignmentName::Name(name) => {
            let escaped: Vec<_> = name.split(';').map(escaped).collect();
            let escaped = escaped.join("\\;");
            if name.parse::<Uuid>().is_ok() { format!("\\{escaped}") } else { escaped }
        }
    };
    match listed.proficiency {
        _ if listed.left_as_is => format!("{name}:*"),
        Some(proficiency) => format!("{name}:{proficiency}"),
        None => name,
    }
}

/// Escapes the part of a name between two semicolons. Some spreadsheets treat each such part as a cell of its own, so
/// each is protected against being evaluated as a formula.
fn escaped(piece: &str) -> String {
    let escaped = piece.replace('\\', "\\\\").replace(':', "\\:");
    if formulas::begins_a_formula(piece) { format!("\\{escaped}") } else { escaped }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::AssignmentId;

    fn read(cell: &str) -> Vec<(String, Option<f32>)> {
        let mut faults = Faults::default();
        let listed = listed(cell, Some(Target::RoutingSkills), &mut SharedLists::default(), &mut faults);
        assert!(faults.is_empty(), "{cell}: {faults:?}");
        listed.iter().map(|listed| (listed.name.to_string(), listed.proficiency.map(Proficiency::value))).collect()
    }

    #[test]
    fn a_cell_of_the_people_import_of_genesys_is_read_as_it_is_meant() {
        let two = vec![("Billing".to_owned(), Some(5.0)), ("VIP care".to_owned(), Some(3.0))];
        assert_eq!(read("Billing:5,VIP care:3"), two);
        assert_eq!(read(" Billing : 5 , VIP care:3.0"), two);
        // A name may hold a comma.
        assert_eq!(read("Sales, EMEA:3"), [("Sales, EMEA".to_owned(), Some(3.0))]);
        assert_eq!(read("A\\:5,B:3"), [("A:5,B".to_owned(), Some(3.0))]);
    }

    #[test]
    fn a_cell_lists_names_with_or_without_a_proficiency() {
        let named = |name: &str, rating| (name.to_owned(), rating);
        assert_eq!(read("Billing:4;Other name"), [named("Billing", Some(4.0)), named("Other name", None)]);
        assert_eq!(read(" A : 2.5 ;; B ;"), [named("A", Some(2.5)), named("B", None)]);
        assert_eq!(read("EMEA: Billing"), [named("EMEA: Billing", None)]);
        assert_eq!(read(r"Room\:4;A\;B;C\\"), [named("Room:4", None), named("A;B", None), named("C\\", None)]);
        assert_eq!(read("EMEA: Billing:3"), [named("EMEA: Billing", Some(3.0))]);
        assert_eq!(read("Room\\:*"), [named("Room:*", None)]);
        assert!(read("").is_empty() && read(" ; ").is_empty());
        for bad in [":4", "A:6", ":*"] {
            let mut faults = Faults::default();
            listed(bad, Some(Target::RoutingSkills), &mut SharedLists::default(), &mut faults);
            assert_eq!(faults.total(), 1, "{bad}");
        }
    }

    #[test]
    fn a_row_is_no_formula_in_any_of_its_cells_and_is_read_back_as_it_was() {
        let lists = &mut SharedLists::default();
        let names = ["=cmd|' /C calc'!A0", "-2+3", "'=1", "＠x", "\\=1", "Billing", "a;=1"];
        let rules = EntryRules {
            target: Some(Target::RoutingSkills),
            latest: LatestDate::at(Timestamp::UNIX_EPOCH, std::time::Duration::ZERO),
        };
        for text in ["=1+1", "+1", "-5", "@SUM(1+1)", "'=1", "''x", "'x", "x"] {
            for user in [
                UserRef::Email(text.into()),
                UserRef::EmployeeId(text.into()),
                UserRef::ExternalId { authority: text.into(), key: "k".into() },
            ] {
                for first in 0..names.len() {
                    let listed = names.iter().skip(first).map(|name| ListedAssignment {
                        name: lists.named(name),
                        proficiency: Proficiency::new(3.0),
                        because: None,
                        left_as_is: false,
                    });
                    let entry = EntryRequest {
                        reference: Some(text.into()),
                        user: user.clone(),
                        assignments: listed.collect(),
                        occurred_at: None,
                    };
                    let row = row_of(&entry);
                    let cells: Vec<_> = row.trim_end().split(',').map(|cell| cell.trim_matches('"')).collect();
                    let parts = cells.iter().flat_map(|cell| cell.split(';'));
                    assert!(parts.into_iter().all(|part| !formulas::begins_a_formula(part)), "{row}");
                    let cells: CellRow<'_> = cells.try_into().unwrap();
                    let mut faults = Faults::default();
                    assert_eq!(super::entry(&cells, rules, lists, &mut faults), Some(entry), "{row} {faults:?}");
                }
            }
        }
    }

    #[test]
    fn what_is_written_out_is_read_back() {
        let id = "0199a3f2-7c55-7d2e-9d3e-1f6a5b1c2d3e";
        let names = [
            AssignmentName::Name(id.into()),
            AssignmentName::Name("a;b:4\\".into()),
            AssignmentName::Name("a:*".into()),
            AssignmentName::Id(AssignmentId(id.parse().unwrap())),
        ];
        let of = |name: &AssignmentName, left_as_is: bool| ListedAssignment {
            name: name.clone(),
            proficiency: Proficiency::new(3.3).filter(|_| !left_as_is),
            because: None,
            left_as_is,
        };
        let listed: Vec<_> = names.iter().flat_map(|name| [of(name, false), of(name, true)]).collect();
        let cell = listed.iter().map(part_of).collect::<Vec<_>>().join(";");
        let mut faults = Faults::default();
        assert_eq!(
            super::listed(&cell, Some(Target::RoutingSkills), &mut SharedLists::default(), &mut faults)[..],
            listed,
            "{cell}"
        );
    }
}
