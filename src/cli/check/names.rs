//! Checks names of skills and groups in the configuration, by the same rule that resolves them in jobs.

use std::fmt::Write as _;

use crate::domain::entry::AssignmentName;
use crate::domain::name_index::{Match, NameIndex};
use crate::domain::text::quoted;

/// Returns the problem of a name that should be in at least one of these catalogues, or `None` if it is.
pub(super) fn problem(name: &AssignmentName, catalogues: &[&NameIndex]) -> Option<String> {
    let found: Vec<_> = catalogues.iter().map(|names| names.find(name)).collect();
    let mut problem = quoted(&name.to_string());
    let several = found.iter().find_map(|found| if let Match::Several(number) = found { Some(number) } else { None });
    if let Some(number) = several {
        // Writing to a string cannot fail.
        let _ = write!(problem, " ({number} have this name: use the id of one)");
        return Some(problem);
    }
    if found.iter().any(|found| matches!(found, Match::One(_))) {
        return None;
    }
    if let AssignmentName::Name(name) = name {
        let like = catalogues.iter().find_map(|names| names.lookalike(name));
        if let Some(near) = like.or_else(|| catalogues.iter().find_map(|names| names.nearest(name))) {
            let _ = write!(problem, " (Genesys has {})", quoted(&near.name));
        }
    }
    Some(problem)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::AssignmentId;
    use crate::domain::assignment::CatalogueItem;

    #[test]
    fn a_name_is_a_problem_unless_it_stands_for_one() {
        let named =
            |(n, name): (u128, &&str)| CatalogueItem { id: AssignmentId(Uuid::from_u128(n)), name: (*name).into() };
        let index = |names: &[&str]| NameIndex::new((1..).zip(names).map(named));
        let (skills, groups) = (index(&["Billing", "Sales", "sales"]), index(&["Tech\u{a0}Support"]));
        let problem = |name: &str| problem(&AssignmentName::from(name), &[&skills, &groups]);
        for fine in ["billing", " tech support ", "Sales", "00000000-0000-0000-0000-000000000001"] {
            assert_eq!(problem(fine), None);
        }
        for (name, told) in [
            ("SALES", "\"SALES\" (2 have this name: use the id of one)"),
            ("Вilling", "\"Вilling\" (Genesys has \"Billing\")"),
            ("Suport\u{ad}", "\"Suport\\u{ad}\""),
            ("Tech Suport", "\"Tech Suport\" (Genesys has \"Tech\\u{a0}Support\")"),
        ] {
            assert_eq!(problem(name).as_deref(), Some(told));
        }
    }
}
