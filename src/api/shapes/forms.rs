//! Negotiates the form of a list response: JSON pages, NDJSON lines or CSV rows.

use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, HeaderName};

use crate::api::shapes::formulas;

/// The header that carries the cursor of the next page, for responses in lines.
pub(in crate::api) const NEXT_CURSOR: HeaderName = HeaderName::from_static("x-next-cursor");

/// The form of a list response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api) enum Form {
    Page,
    Lines,
    Csv,
}

impl Form {
    const MEDIA_TYPES: [(&str, Self); 3] =
        [("application/json", Self::Page), ("application/x-ndjson", Self::Lines), ("text/csv", Self::Csv)];

    /// Returns the first accepted form that is supported, by position and not by quality value. Falls back to JSON if
    /// the caller accepts none of them, which is more useful than a 406.
    pub(in crate::api) fn accepted(headers: &HeaderMap) -> Self {
        let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let mut ranges = accepted.flat_map(|value| value.split(',')).filter_map(|range| range.split(';').next());
        let form = |range: &str| Self::MEDIA_TYPES.iter().find(|(name, _)| name.eq_ignore_ascii_case(range.trim()));
        ranges.find_map(form).map_or(Self::Page, |(_, form)| *form)
    }

    /// Returns the media type of this form.
    pub(in crate::api) fn media_type(self) -> &'static str {
        match self {
            Self::Page => "application/json",
            Self::Lines => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8",
        }
    }
}

/// Returns a CSV row, guarded against formulas, with a trailing line break.
pub(in crate::api) fn csv_line<const N: usize>(cells: [String; N]) -> String {
    cells.map(|cell| quoted(&formulas::guarded(&cell))).join(",") + "\n"
}

fn quoted(cell: &str) -> String {
    let has_to_be = cell.contains([',', '"', '\n', '\r']);
    if has_to_be { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() }
}
