//! Parses the assignments in a cell: `Name:4;Other name`, or `Name:4,Other name:3` as in the people import of Genesys.
//!
//! Where spreadsheets use a decimal comma, levels have one too: `Name:4,5` means 4.5, because a skill named `5` would
//! need its own level. Text that could be a list or a number is refused with both readings.
//!
//! `Name:*` leaves the assignment as it is.

use crate::api::shapes::faults::shortened;
use crate::api::shapes::rules;
use crate::domain::AssignmentId;
use crate::domain::entry::{AssignmentName, SharedLists};

/// One assignment as written in a cell.
#[derive(Debug, Default)]
pub(super) struct CellPart {
    pub(super) name: String,
    pub(super) rating: Option<f64>,
    pub(super) left_as_is: bool,
    /// The byte position in the name of the last colon that is not escaped.
    colon: Option<usize>,
    /// The positions of commas that follow a level, each after the position of the level's colon.
    commas: Vec<(usize, usize)>,
    /// Whether a backslash marks this as a name, even if it looks like an id.
    escaped: bool,
}

/// Error for a part that can be read in several ways.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{part} can be read as {one} or as {other}; separate assignments with semicolons, write levels with a decimal point, and \
     a colon in a name as \\:"
)]
pub(super) struct Unclear {
    part: String,
    one: String,
    other: String,
}

impl CellPart {
    /// Interprets the text after the last colon: a number is the proficiency, an asterisk means left as it is.
    fn finished(mut self) -> Result<Self, Unclear> {
        self.drop_trailing_commas();
        let level = self.colon.and_then(|at| self.name.get(at + 1..));
        self.left_as_is = level.is_some_and(|level| level.trim() == "*");
        self.rating = match self.commas.as_slice() {
            [] => level.and_then(|level| level.trim().parse().ok()).filter(|rating: &f64| rating.is_finite()),
            [(colon, _)] if Some(*colon) == self.colon => level.and_then(with_decimal_comma),
            _ => None,
        };
        if self.rating.is_none() && !self.commas.is_empty() {
            return Err(Unclear::of(&self.name));
        }
        if let Some(at) = self.colon.filter(|_| self.rating.is_some() || self.left_as_is) {
            self.name.truncate(at);
        }
        self.name = self.name.trim().to_owned();
        Ok(self)
    }

    /// Drops commas after the last level, which end a list like a semicolon.
    fn drop_trailing_commas(&mut self) {
        if self.commas.is_empty() {
            return;
        }
        let end = self.name.trim_end_matches(|c: char| c == ',' || c.is_whitespace()).len();
        self.name.truncate(end);
        self.commas.retain(|(_, at)| *at < end);
    }

    fn is_empty(&self) -> bool {
        self.name.is_empty() && self.rating.is_none() && !self.left_as_is
    }

    fn push_comma(&mut self) {
        let at = self.name.len();
        if let Some(colon) = self.colon.filter(|colon| self.name.get(colon + 1..).is_some_and(is_level)) {
            // Two already make the part ambiguous, so more need not be kept.
            if self.commas.len() < 2 {
                self.commas.push((colon, at));
            }
        }
        self.name.push(',');
    }

    /// Returns the assignment: an id if the name is a UUID without a backslash, otherwise a name.
    pub(super) fn assignment(self, lists: &mut SharedLists) -> AssignmentName {
        match self.name.parse() {
            Ok(id) if !self.escaped => AssignmentName::Id(AssignmentId(id)),
            Ok(_) | Err(_) => lists.named(&self.name),
        }
    }
}

impl Unclear {
    fn of(part: &str) -> Self {
        let tokens: Vec<_> = part.split(',').map(str::trim).filter(|token| !token.is_empty()).take(8).collect();
        let separate: Vec<_> = tokens.iter().map(|token| (*token).to_owned()).collect();
        let mut joined: Vec<String> = Vec::new();
        for token in tokens {
            match joined.last_mut() {
                Some(last)
                    if is_digits(token) && last.rsplit_once(':').is_some_and(|(_, level)| is_digits(level.trim())) =>
                {
                    *last = format!("{last}.{token}");
                }
                _ => joined.push(token.to_owned()),
            }
        }
        let other =
            if joined == separate { format!("one name with a comma, {}", shortened(part)) } else { said(&separate) };
        Self { part: shortened(part.trim()), one: said(&joined), other }
    }
}

/// Describes assignments in words.
fn said(assignments: &[String]) -> String {
    let one = |text: &String| {
        text.rsplit_once(':').map_or_else(|| text.clone(), |(name, level)| format!("{name} at {level}"))
    };
    let words: Vec<_> = assignments.iter().map(one).collect();
    match words.split_last() {
        Some((last, others)) if !others.is_empty() => shortened(&format!("{} and {last}", others.join(", "))),
        _ => shortened(&words.concat()),
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_level(text: &str) -> bool {
    let text = text.trim();
    text.split_once('.').map_or_else(|| is_digits(text), |(whole, decimals)| is_digits(whole) && is_digits(decimals))
}

/// Parses a level with a decimal comma, like `4,5`, without blanks around the comma.
fn with_decimal_comma(text: &str) -> Option<f64> {
    let (whole, decimals) = text.trim().split_once(',')?;
    if is_digits(whole) && is_digits(decimals) { format!("{whole}.{decimals}").parse().ok() } else { None }
}

/// Splits a cell at each `;`, and a part at its last `:` if a number follows. A backslash removes the special meaning
/// of the next character.
pub(super) fn parts(cell: &str) -> Result<Vec<CellPart>, Unclear> {
    as_genesys_writes(cell).map_or_else(|| as_we_write(cell), Ok)
}

/// Parses a cell in the form of the people import of Genesys, `Skill1:5,Skill2:3`, in which every skill has a level.
/// Returns `None` if the cell has another form.
fn as_genesys_writes(cell: &str) -> Option<Vec<CellPart>> {
    let too_many = || cell.split(',').nth(rules::MAX_ASSIGNMENTS).is_some();
    if !cell.contains(',') || cell.contains([';', '\\']) || too_many() {
        return None;
    }
    // A number as a name is more likely the part of a level after a decimal comma.
    let has_level = |part: &CellPart| part.rating.is_some() || part.left_as_is;
    let is_rated = |part: &CellPart| has_level(part) && !part.name.is_empty() && !is_digits(&part.name);
    let mut parts = Vec::new();
    // Empty parts between commas are ignored, as between semicolons.
    for token in cell.split(',').filter(|token| !token.trim().is_empty()) {
        let [part] = <[CellPart; 1]>::try_from(as_we_write(token).ok()?).ok()?;
        parts.push(part);
    }
    (!parts.is_empty() && parts.iter().all(is_rated)).then_some(parts)
}

fn as_we_write(cell: &str) -> Result<Vec<CellPart>, Unclear> {
    let (mut parts, mut part) = (Vec::new(), CellPart::default());
    let mut characters = cell.chars();
    loop {
        let next = characters.next();
        match next {
            Some('\\') => {
                part.escaped = true;
                part.name.extend(characters.next());
            }
            Some(':') => {
                part.colon = Some(part.name.len());
                part.name.push(':');
            }
            Some(',') => part.push_comma(),
            Some(';') | None => {
                parts.extend(Some(std::mem::take(&mut part).finished()?).filter(|part| !part.is_empty()));
                // The exact number beyond the maximum does not matter.
                if next.is_none() || parts.len() > rules::MAX_ASSIGNMENTS {
                    return Ok(parts);
                }
            }
            Some(other) => part.name.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(cell: &str) -> Vec<(String, Option<f64>)> {
        parts(cell).unwrap().into_iter().map(|part| (part.name, part.rating)).collect()
    }

    fn named<const N: usize>(parts: [(&str, f64); N]) -> Vec<(String, Option<f64>)> {
        parts.map(|(name, rating)| (name.to_owned(), Some(rating))).into()
    }

    #[test]
    fn a_level_may_have_a_decimal_comma() {
        assert_eq!(read("Billing:4,5"), named([("Billing", 4.5)]));
        assert_eq!(
            read(" Billing : 4,50 ; Sales:3,0;VIP:2.5;Late:1"),
            named([("Billing", 4.5), ("Sales", 3.0), ("VIP", 2.5), ("Late", 1.0)])
        );
        assert_eq!(read("Sales, EMEA:4,5"), named([("Sales, EMEA", 4.5)]));
        assert_eq!(read("EMEA: Billing:4,5"), named([("EMEA: Billing", 4.5)]));
    }

    #[test]
    fn a_list_with_commas_is_one_if_each_has_its_level() {
        assert_eq!(read("Billing:4,Sales:5"), named([("Billing", 4.0), ("Sales", 5.0)]));
        assert_eq!(read("Billing:4.5, Sales:3"), named([("Billing", 4.5), ("Sales", 3.0)]));
    }

    #[test]
    fn commas_with_nothing_between_them_say_nothing() {
        let both = named([("A", 5.0), ("B", 3.0)]);
        for cell in ["A:5,B:3,", "A:5,,B:3", ",A:5, ,B:3 ,, ", "A:5;B:3,", "A:5,;B:3, ,"] {
            assert_eq!(read(cell), both, "{cell}");
        }
        assert_eq!(read("A:5,"), named([("A", 5.0)]));
        assert_eq!(read("A:4,5,"), named([("A", 4.5)]));
        let told = parts("A:5,,B").unwrap_err().to_string();
        assert!(told.starts_with("A:5,,B can be read as A at 5 and B or as one name with a comma, A:5,,B; "), "{told}");
    }

    #[test]
    fn what_is_both_a_list_and_a_number_is_refused_with_both_readings() {
        for (cell, one, other) in [
            ("Billing:4,5,Sales:3", "Billing at 4.5 and Sales at 3", "Billing at 4, 5 and Sales at 3"),
            ("Billing:4,5,Sales:3,0", "Billing at 4.5 and Sales at 3.0", "Billing at 4, 5, Sales at 3 and 0"),
            ("Billing:4,5:3", "Billing at 4 and 5 at 3", "one name with a comma, Billing:4,5:3"),
            ("Billing:4, 5", "Billing at 4.5", "Billing at 4 and 5"),
            ("Billing:4,5,6", "Billing at 4.5 and 6", "Billing at 4, 5 and 6"),
            ("A:1;Billing:4.5,5", "Billing at 4.5 and 5", "one name with a comma, Billing:4.5,5"),
            ("Billing:4,Sales", "Billing at 4 and Sales", "one name with a comma, Billing:4,Sales"),
            ("Billing:5,Sales:3;VIP:1", "Billing at 5 and Sales at 3", "one name with a comma, Billing:5,Sales:3"),
        ] {
            let told = parts(cell).unwrap_err().to_string();
            assert!(told.contains(&format!(" can be read as {one} or as {other}; ")), "{cell}: {told}");
        }
    }

    #[test]
    fn a_backslash_makes_a_name_of_it() {
        let names = |cell: &str| parts(cell).unwrap().into_iter().map(|part| part.name).collect::<Vec<_>>();
        assert_eq!(names(r"Billing\:4,5"), ["Billing:4,5"]);
        assert_eq!(names(r"Billing\:4,Sales:3;B"), ["Billing:4,Sales", "B"]);
    }
}
