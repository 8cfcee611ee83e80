//! The forms in which lists are answered: pages of JSON, or lines.

use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, HeaderName};

use crate::api::shapes::formulas;

/// Where the next page of lines starts.
pub(in crate::api) const NEXT_CURSOR: HeaderName = HeaderName::from_static("x-next-cursor");

/// One of the forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api) enum Form {
    Page,
    Lines,
    Csv,
}

impl Form {
    const MEDIA_TYPES: [(&str, Self); 3] =
        [("application/json", Self::Page), ("application/x-ndjson", Self::Lines), ("text/csv", Self::Csv)];

    /// The first of the accepted forms that there is; JSON for whoever accepts none, as an answer in another form than
    /// asked for serves better than none.
    pub(in crate::api) fn accepted(headers: &HeaderMap) -> Self {
        let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let mut ranges = accepted.flat_map(|value| value.split(',')).filter_map(|range| range.split(';').next());
        let form = |range: &str| Self::MEDIA_TYPES.iter().find(|(name, _)| name.eq_ignore_ascii_case(range.trim()));
        ranges.find_map(form).map_or(Self::Page, |(_, form)| *form)
    }

    /// The media type of an answer in this form.
    pub(in crate::api) fn media_type(self) -> &'static str {
        match self {
            Self::Page => "application/json",
            Self::Lines => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8",
        }
    }
}

/// A row of CSV, guarded against formulas, with a line break at its end.
pub(in crate::api) fn csv_line<const N: usize>(cells: [String; N]) -> String {
    cells.map(|cell| quoted(&formulas::guarded(&cell))).join(",") + "\n"
}

fn quoted(cell: &str) -> String {
    let has_to_be = cell.contains([',', '"', '\n', '\r']);
    if has_to_be { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() }
}
