//! Collects every fault of a request, so that its sender can fix all of them at once.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

use crate::api::shapes::rules::MAX_FAULTS;
use crate::table::{RowError, letters};

/// One fault of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ProblemError)]
pub(crate) struct Fault {
    /// The place in the body, or in the entry of the line, as a JSON pointer (RFC 6901); for CSV the column. A missing
    /// member has the pointer at which it was expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, example = "/entries/17/user/email")]
    pub(in crate::api) pointer: Option<String>,
    /// The query parameter or header.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, example = "limit")]
    pub(in crate::api) parameter: Option<String>,
    /// The line of the body, or the row of the spreadsheet, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = u32, required = false, example = 17)]
    pub(in crate::api) line: Option<u64>,
    /// The cell or the row of a spreadsheet, in spreadsheet notation: `Sheet1!C5`, `Sheet1!5:5`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, example = "Sheet1!C5")]
    pub(in crate::api) cell: Option<String>,
    /// What is wrong, and what is expected.
    #[schema(example = "must not be empty or blank")]
    pub(in crate::api) detail: String,
}

/// The faults of one request, in the order in which they were found. Faults beyond [`MAX_FAULTS`] are only counted.
#[derive(Debug, Default)]
pub(in crate::api) struct Faults {
    listed: Vec<Fault>,
    total: usize,
    /// The line that is being validated.
    line: Option<u64>,
    sheet: Option<SheetColumns>,
}

/// The positions of a table's columns in a spreadsheet.
#[derive(Debug)]
pub(in crate::api) struct SheetColumns {
    pub(in crate::api) sheet: Arc<str>,
    /// Column names with their positions, counted from 0.
    pub(in crate::api) columns: Vec<(&'static str, Option<usize>)>,
}

impl SheetColumns {
    /// Returns the cell at this line and pointer, or the whole row if the pointer names no known column.
    fn cell(&self, line: u64, at: Option<&str>) -> String {
        let name = at.and_then(|at| at.strip_prefix('/'));
        let column = self.columns.iter().find(|(known, _)| Some(*known) == name).and_then(|(_, column)| *column);
        match column {
            Some(column) => format!("{}!{}{line}", self.sheet, letters(column)),
            None => format!("{}!{line}:{line}", self.sheet),
        }
    }
}

impl Faults {
    /// Sets the line to which faults added from now on belong.
    pub(in crate::api) fn at_line(&mut self, line: Option<u64>) {
        self.line = line;
    }

    /// Sets the sheet to which lines validated from now on belong, so that faults name their cells.
    pub(in crate::api) fn in_sheet(&mut self, sheet: SheetColumns) {
        self.sheet = Some(sheet);
    }

    /// Adds a fault of a table row.
    pub(in crate::api) fn add_row(&mut self, fault: &RowError) {
        let RowError { line, cell, what } = fault.clone();
        self.push(|_, _| Fault { pointer: None, parameter: None, line: Some(line), cell, detail: what });
    }

    /// Adds a fault of the current line as a whole, or of the whole body if there is no current line.
    pub(in crate::api) fn add_here(&mut self, detail: impl fmt::Display) {
        self.push(|line, sheet| {
            let cell = line.zip(sheet).map(|(line, sheet)| sheet.cell(line, None));
            Fault { pointer: None, parameter: None, line, cell, detail: detail.to_string() }
        });
    }

    /// Adds a fault at this place in the body.
    pub(in crate::api) fn add(&mut self, at: &Pointer<'_>, detail: impl fmt::Display) {
        self.push(|line, sheet| {
            let pointer = at.to_string();
            let cell = line.zip(sheet).map(|(line, sheet)| sheet.cell(line, Some(&pointer)));
            Fault { pointer: Some(pointer), parameter: None, line, cell, detail: detail.to_string() }
        });
    }

    /// Adds a fault of this query parameter or header.
    pub(in crate::api) fn add_parameter(&mut self, name: &str, detail: impl fmt::Display) {
        self.push(|_, _| Fault {
            pointer: None,
            parameter: Some(shortened(name)),
            line: None,
            cell: None,
            detail: detail.to_string(),
        });
    }

    /// Counts further faults that are not listed.
    pub(in crate::api) fn add_unlisted(&mut self, count: usize) {
        self.total += count;
    }

    /// Returns the number of faults, including those that are not listed.
    pub(in crate::api) fn total(&self) -> usize {
        self.total
    }

    /// Returns whether no fault was found.
    pub(in crate::api) fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// Returns the listed faults, at most [`MAX_FAULTS`].
    pub(in crate::api) fn into_listed(self) -> Vec<Fault> {
        self.listed
    }

    fn push(&mut self, fault: impl FnOnce(Option<u64>, Option<&SheetColumns>) -> Fault) {
        if self.listed.len() < MAX_FAULTS {
            self.listed.push(fault(self.line, self.sheet.as_ref()));
        }
        self.total += 1;
    }
}

/// A JSON pointer (RFC 6901) made of borrowed steps. It is formatted only when a fault is reported.
#[derive(Debug, Clone, Copy)]
pub(in crate::api) enum Pointer<'a> {
    Root,
    Member(&'a Pointer<'a>, &'a str),
    Element(&'a Pointer<'a>, usize),
}

impl<'a> Pointer<'a> {
    /// Returns the pointer to the member `name` of this object.
    pub(in crate::api) fn member(&'a self, name: &'a str) -> Self {
        Self::Member(self, name)
    }

    /// Returns the pointer to the element `index` of this array.
    pub(in crate::api) fn element(&'a self, index: usize) -> Self {
        Self::Element(self, index)
    }
}

impl fmt::Display for Pointer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Member(parent, name) => write!(f, "{parent}/{}", name.replace('~', "~0").replace('/', "~1")),
            Self::Element(parent, index) => write!(f, "{parent}/{index}"),
        }
    }
}

/// Returns the sender's text for quoting in a message, cut to 64 characters.
pub(in crate::api) fn shortened(text: &str) -> String {
    const MAX_LENGTH: usize = 64;
    match text.char_indices().nth(MAX_LENGTH) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_escapes_what_rfc_6901_reserves() {
        let root = Pointer::Root;
        let entries = root.member("entries");
        let entry = entries.element(17);
        assert_eq!(entry.member("a/b~c").to_string(), "/entries/17/a~1b~0c");
        assert_eq!(root.to_string(), "");
    }

    #[test]
    fn faults_beyond_the_cap_are_counted() {
        let mut faults = Faults::default();
        (0..MAX_FAULTS + 7).for_each(|_| faults.add(&Pointer::Root, "wrong"));
        assert_eq!((faults.total(), faults.into_listed().len()), (MAX_FAULTS + 7, MAX_FAULTS));
    }
}
