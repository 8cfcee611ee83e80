//! Who is synchronised: employees of a company, each with the ten assignments of a role, a tenth of them with another
//! one among them: 400 different sets.

use std::fmt::Write as _;

use skillsync::domain::UserRef;
use skillsync::domain::entry::{EntryRequest, ListedAssignment, SharedLists};

/// Assignments of each employee.
pub(crate) const ASSIGNMENTS: usize = 10;
/// Assignments in the catalogue.
pub(crate) const CATALOGUE: usize = 400;
const ROLES: usize = 200;
/// Of the catalogue, those that roles have.
const OF_ROLES: usize = 300;

/// The `n`th employee's assignments, as places in the catalogue.
pub(crate) fn assignments(n: usize) -> impl Iterator<Item = usize> {
    let role = n % ROLES;
    let own = (n / 7).is_multiple_of(10).then_some(OF_ROLES + role % (CATALOGUE - OF_ROLES));
    (0..ASSIGNMENTS).map(move |nth| own.filter(|_| nth == 0).unwrap_or((role * 7 + nth * 11) % OF_ROLES))
}

/// Whether the `n`th employee is one of the `changed` in a hundred.
pub(crate) fn is_changed(n: usize, changed: usize) -> bool {
    n * changed % 100 < changed
}

/// What an assignment is called.
pub(crate) fn name(place: usize) -> String {
    format!("Skill of team {} no {place}", place % 17)
}

/// The employee id.
pub(crate) fn employee(n: usize) -> String {
    format!("E{n}")
}

/// A JSON body with a job of this many employees.
pub(crate) fn body(users: usize) -> String {
    let mut text =
        String::from("{\"target\":\"wfmSkillGroups\",\"mode\":\"managed\",\"label\":\"nightly\",\"entries\":[");
    for n in 0..users {
        let names = assignments(n).map(|place| format!("{{\"name\":\"{}\"}}", name(place)));
        let (names, comma) = (names.collect::<Vec<_>>().join(","), if n == 0 { "" } else { "," });
        let user = employee(n);
        let entry = format_args!(
            "{comma}{{\"ref\":\"row-{n}\",\"user\":{{\"employeeId\":\"{user}\"}},\"assignments\":[{names}]}}"
        );
        text.write_fmt(entry).expect("there is memory");
    }
    text + "]}"
}

/// The same as entries, from the `from`th employee on, as a reader of bodies makes them; `changed` in a hundred have lost
/// one of their assignments.
pub(crate) fn entries(from: usize, users: usize, changed: usize) -> Vec<EntryRequest> {
    let mut lists = SharedLists::default();
    let entry = |n: usize| {
        let listed = assignments(n)
            .skip(usize::from(is_changed(n, changed)))
            .map(|place| ListedAssignment {
                name: lists.named(&name(place)),
                proficiency: None,
                because: None,
                left_as_is: false,
            })
            .collect();
        EntryRequest {
            reference: Some(format!("row-{n}").into()),
            user: UserRef::EmployeeId(employee(n).into()),
            assignments: lists.list(listed),
            occurred_at: None,
        }
    };
    (from..from + users).map(entry).collect()
}
