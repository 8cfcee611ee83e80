//! Cells that a spreadsheet would take for formulas: kept from it on the way out, and taken back on the way in.
//!
//! What is downloaded as CSV is opened in spreadsheets, corrected and sent back. There a cell like `=1+1` is computed, and some
//! formulas run programs or send what stands beside them away.

use std::borrow::Cow;

/// Whether a spreadsheet would take a text for a formula, were it not for the apostrophes that it begins with.
///
/// Invariant: an apostrophe more or less before a text changes nothing about it. So [`guarded`] and [`unguarded`] undo each
/// other for all texts, also for those that begin with apostrophes themselves.
fn is_guardable(text: &str) -> bool {
    let bare = text.trim_start_matches('\'');
    bare.starts_with(['\t', '\r', '\n']) || begins_a_formula(bare)
}

/// Whether a text begins, after white space, with what begins a formula.
pub(in crate::api) fn begins_a_formula(text: &str) -> bool {
    text.trim_start().starts_with(['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'])
}

/// A text as it is written into a cell: with an apostrophe before it if it has to be.
pub(in crate::api) fn guarded(text: &str) -> Cow<'_, str> {
    if is_guardable(text) { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

/// The text of a cell: without the apostrophe that was put before it.
pub(in crate::api) fn unguarded(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|_| is_guardable(cell)).unwrap_or(cell)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_what_begins_like_a_formula_gets_an_apostrophe() {
        for text in [
            "=1+1", "+1", "-5", "@SUM(1)", " =1", "\u{a0}=1", "\t1", "\r1", "\n1", "＝1", "＋1", "－1", "＠1", "'=1",
            "''-",
        ] {
            assert_eq!(guarded(text), format!("'{text}"));
        }
        for text in ["", "1", "a=1", "'", "'a", "''", "O'Neill", "'t Hooft", "' '=1", "\\=1", "−1", "e-5"] {
            assert_eq!((guarded(text).as_ref(), unguarded(text)), (text, text));
        }
        assert_eq!(unguarded("=1"), "=1", "what nobody guarded is what it is");
    }

    proptest! {
        #[test]
        fn what_is_guarded_is_no_formula_and_comes_back_as_it_was(text in "(['=+@\t\r\n \u{a0}＝－a-]|\\PC){0,8}") {
            let cell = guarded(&text);
            prop_assert_eq!(unguarded(&cell), text.as_str());
            prop_assert!(!begins_a_formula(&cell) && !cell.starts_with(['\t', '\r', '\n']), "{:?}", cell);
        }
    }
}
